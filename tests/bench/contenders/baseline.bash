# chat-send and chat-recv of the build that BASELINE names.
baseline_needs="$(programs_of baseline)/chat-send $(programs_of baseline)/chat-recv"
baseline_durable=yes
baseline_send=("$(programs_of baseline)/chat-send" -s "$here/spool.db" "$message")
baseline_recv=("$(programs_of baseline)/chat-recv" -s "$here/spool.db")
