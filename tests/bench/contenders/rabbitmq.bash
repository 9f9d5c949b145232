# A durable queue with persistent messages. amqp-publish does not wait until the server confirms that it has stored a
# message.
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154
rabbitmq_needs='rabbitmq-server epmd amqp-publish amqp-get amqp-declare-queue'
rabbitmq_durable='later: no confirmation'
rabbitmq_url=amqp://guest:guest@127.0.0.1:$port
rabbitmq_send=(amqp-publish -u "$rabbitmq_url" -r queue -p -b "$message")
rabbitmq_recv=(amqp-get -u "$rabbitmq_url" -q queue)
rabbitmq_start() {
  # Debian's rabbitmq-server script would start this as another user, who may not write here.
  local server=/usr/lib/rabbitmq/bin/rabbitmq-server
  [ -x $server ] || server=rabbitmq-server
  export HOME=$here ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$((port + 1))
  serve_at $((port + 1)) epmd -address 127.0.0.1 -port $((port + 1))
  export RABBITMQ_NODENAME=bench@localhost RABBITMQ_DIST_PORT=$((port + 2))
  export RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$port
  export RABBITMQ_MNESIA_BASE=$here/db RABBITMQ_LOG_BASE=$here/logs RABBITMQ_ENABLED_PLUGINS_FILE=$here/plugins
  export RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_CONFIG_FILE=$here/none
  export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
  serve $server && amqp-declare-queue -u "$rabbitmq_url" -d -q queue
}
