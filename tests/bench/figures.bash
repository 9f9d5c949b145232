# Figures and notes for the results: functions that run and postgres share.
#
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154

# scaled N [LEAST]: print N scaled by BENCH, but at least LEAST.
scaled() {
  local n=$(($1 * ${BENCH:-100} / 100))
  echo $((n > ${2:-1} ? n : ${2:-1}))
}

# record TABLE ROW COLUMN VALUE
record() { printf '%s\t%s\t%s\t%s\n' "$@" >>"$results/results.tsv"; }

# note TEXT: add a note below the tables.
note() { grep -qxF -- "$1" "$results/notes" || echo "$1" | tee -a "$results/notes" >&2; }

# failed ROW COUNT: add a note if commands of the row have failed.
failed() { [ "$2" = 0 ] || note "$1: failed $2 times"; }

median() { sort -g | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

# quotient A B
quotient() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f\n", a / b }'; }

# Describe the machine.
machine() {
  printf '%s, %s cores, %s GiB of memory, Linux %s, the files on %s' \
    "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
    "$(awk '/MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo)" "$(uname -r)" \
    "$(df --output=fstype "$work" | tail -n 1)"
  ! grep -q '^flags.* hypervisor' /proc/cpuinfo || printf '; a virtual machine'
  printf '; load %s when it began\n' "$(cut -d ' ' -f 1 /proc/loadavg)"
}
