# chat-send and chat-recv of the build that BASELINE names.
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154
baseline_needs="$(programs_of baseline)/chat-send $(programs_of baseline)/chat-recv"
baseline_durable=yes
baseline_send=("$(programs_of baseline)/chat-send" -s "$here/spool.db" "$message")
baseline_recv=("$(programs_of baseline)/chat-recv" -s "$here/spool.db")
