# A queue of commands: to put one there is to have it run, so there is nothing to receive.
nq_needs=nq
nq_durable='no: never synced'
nq_send=(env "NQDIR=$here" nq -q true "$message")
