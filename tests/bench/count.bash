# Measures that noise cannot change: instructions, system calls, syncs.
#
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154

# Use the processor's counter if possible, otherwise callgrind, which counts the same on every machine.
if perf stat -x , -e instructions:u true 2>&1 | grep -q '^[0-9]'; then counter=perf; else counter=callgrind; fi

# instructions COMMAND ...: print the instructions of the command and its children in user mode.
instructions() {
  case $counter in
  perf)
    perf stat -x , -e instructions:u -o "$work/count" "$@" </dev/null 2>&1 | cat >/dev/null
    awk -F , '$3 == "instructions:u" { print $1 }' "$work/count"
    ;;
  callgrind)
    valgrind --tool=callgrind --trace-children=yes --callgrind-out-file=/dev/null --log-file="$work/count.%p" "$@" \
      </dev/null 2>&1 | cat >/dev/null
    awk '/Collected :/ { sum += $4 } END { print sum }' "$work"/count.*
    rm -f "$work"/count.*
    ;;
  esac
}

# system_calls FILTER COMMAND ...: print the number of system calls that match strace's filter.
system_calls() {
  strace -f -qq -o "$work/trace" -e "trace=$1" "${@:2}" </dev/null 2>&1 | cat >/dev/null
  grep -cE '^[0-9]+ +[a-z0-9_]+\(' "$work/trace" || true
}

# Valgrind does not know the mark by which the index of the WAL survives the processes: a waiting receiver keeps it.
keep_index() { background chat-recv -w -r elsewhere; sleep 0.3; }

mean() { awk '{ sum += $1 } END { printf "%.1f\n", sum / NR }'; }

thousands() { awk '{ printf "%.0f\n", $1 / 1000 }'; }
