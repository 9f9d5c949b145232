-- Nobody sends or receives until our commit.
LOCK TABLE chat.room, chat.gone, chat.message IN EXCLUSIVE MODE
