# A tube in a server that syncs each job before it answers, with our own client (beanstalk.c).
beanstalkd_needs=beanstalkd
beanstalkd_durable=yes
beanstalkd_send=("$tools/beanstalk" "$port" put "$message")
beanstalkd_recv=("$tools/beanstalk" "$port" take)
beanstalkd_start() { serve beanstalkd -l 127.0.0.1 -p "$port" -b "$here" -f0; }
