# chat-send and chat-recv.
chat_needs='chat-send chat-recv'
chat_durable=yes
chat_send=(chat-send "$message")
chat_recv=(chat-recv)
chat_start() { use chat; }
