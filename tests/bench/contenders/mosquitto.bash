# A topic with one subscriber for which the server keeps messages. The server writes them when it ends, and every half
# hour.
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154
mosquitto_needs='mosquitto mosquitto_pub mosquitto_sub'
mosquitto_durable='no: saved every 30 min'
mosquitto_send=(mosquitto_pub -h 127.0.0.1 -p "$port" -q 1 -t queue -m "$message")
mosquitto_recv=(mosquitto_sub -h 127.0.0.1 -p "$port" -q 1 -t queue -c -i receiver -C 1 -W 10)
mosquitto_start() {
  printf '%s\n' "listener $port 127.0.0.1" 'allow_anonymous true' 'persistence true' \
    "persistence_location $here/" 'max_queued_messages 0' "user $(id -un)" >"$here/configuration"
  serve mosquitto -c "$here/configuration"
  mosquitto_sub -h 127.0.0.1 -p "$port" -q 1 -t queue -c -i receiver -E
}
