# An ssh server at 127.0.0.1, for the tests that send to another machine.
#
# shellcheck shell=bash

# start_sshd: start the server, process $SSHD, with the file sshd_config. When this returns, it listens, or its port is
# in use.
start_sshd() {
  background "$(PATH=$PATH:/usr/sbin:/sbin command -v sshd)" -D -e -f "$PWD/sshd_config" 2>sshd.log
  # shellcheck disable=SC2034
  SSHD=$BACKGROUND_PID
  wait_until grep -qE 'Server listening|Cannot bind|fatal' sshd.log
}

# there: start a server whose commands use a separate spool, $THERE; "ssh there" connects to it.
there() {
  local port try
  needs ssh sshd ssh-keygen
  # Without PAM a user whose account is locked cannot log in. Run by root, sshd wants its empty directory. With SHLVL=1 bash
  # does not read the ~/.bashrc of the user who runs this.
  if ((EUID == 0)); then mkdir -p /run/sshd; fi
  ssh-keygen -q -t ed25519 -a 1 -N '' -f hostkey
  ssh-keygen -q -t ed25519 -a 1 -N '' -f key
  mkdir away
  export THERE="$PWD/away/spool.db"
  for try in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 10000))
    cat >sshd_config <<END
ListenAddress 127.0.0.1:$port
HostKey $PWD/hostkey
AuthorizedKeysFile $PWD/key.pub
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
PidFile none
SetEnv SHLVL=1 CHAT_SPOOL=$THERE PATH=$PATH BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR
END
    start_sshd
    ! grep -q 'Server listening' sshd.log || break
    ((try < 5)) || fail "no sshd: $(cat sshd.log)"
  done
  printf '127.0.0.1 %s\n' "$(cut -d ' ' -f 1,2 hostkey.pub)" >known
  printf '%s\n' 'Host there' 'HostName 127.0.0.1' "Port $port" "User $(id -un)" "IdentityFile $PWD/key" 'IdentitiesOnly yes' \
    "UserKnownHostsFile $PWD/known" 'HostKeyAlias 127.0.0.1' 'LogLevel ERROR' >ssh_config
  printf '#!/bin/sh\nexec %s -F %q "$@"\n' "$(command -v ssh)" "$PWD/ssh_config" | program ssh
  export PATH="$PWD:$PATH"
}
