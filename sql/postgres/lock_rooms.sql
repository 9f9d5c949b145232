-- Nobody draws an id while some are set.
LOCK TABLE chat.room IN EXCLUSIVE MODE
