# A queue of commands: adding a command runs it, so there is nothing to receive.
nq_needs=nq
nq_durable='no: never synced'
nq_send=(env "NQDIR=$here" nq -q true "$message")
