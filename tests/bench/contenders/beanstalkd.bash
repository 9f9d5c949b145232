# A tube in a server that syncs each job before it answers, with our own client (beanstalk.c).
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154
beanstalkd_needs=beanstalkd
beanstalkd_durable=yes
beanstalkd_send=("$tools/beanstalk" "$port" put "$message")
beanstalkd_recv=("$tools/beanstalk" "$port" take)
beanstalkd_start() { serve beanstalkd -l 127.0.0.1 -p "$port" -b "$here" -f0; }
