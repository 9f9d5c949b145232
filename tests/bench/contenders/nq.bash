# A queue of commands: adding a command runs it, so there is nothing to receive.
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154
nq_needs=nq
nq_durable='no: never synced'
nq_send=(env "NQDIR=$here" nq -q true "$message")
