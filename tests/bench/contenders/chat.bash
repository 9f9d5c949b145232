# chat-send and chat-recv.
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154
chat_needs='chat-send chat-recv'
chat_durable=yes
chat_send=(chat-send "$message")
chat_recv=(chat-recv)
chat_start() { use chat; }
