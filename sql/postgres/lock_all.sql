-- Nobody sends or receives until our commit.
LOCK TABLE chat.tally, chat.front, chat.message IN EXCLUSIVE MODE
