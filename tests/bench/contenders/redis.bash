# A list in a server that syncs each command before it answers.
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154
redis_needs='redis-server redis-cli'
redis_durable=yes
redis_send=(redis-cli -p "$port" LPUSH queue "$message")
redis_recv=(redis-cli -p "$port" RPOP queue)
redis_start() {
  serve redis-server --bind 127.0.0.1 --port "$port" --dir "$here" --save '' --appendonly yes --appendfsync always
}
