SELECT nextval('chat.message_id')
