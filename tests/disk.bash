# A disk with a real file system, whose power can fail. Load it behind the helper; teardown calls disk_teardown, and $POWER is
# the program of tests/fault/power.c.
#
# shellcheck shell=bash
# shellcheck disable=SC2034

disk_teardown() {
  chat_teardown
  [[ ! ${DISK:-} ]] || switch_off
  [[ ! ${THIN:-} ]] || umount "$THIN"
}

# disk [ext4|xfs]: such a file system at ./disk, made and mounted, of $SIZE where that is set; there is no other in the test.
disk() {
  local kind=${1:-ext4}
  # shellcheck disable=SC2153  # the program
  [[ -x $POWER ]] || skip 'needs a C compiler'
  command -v "mkfs.$kind" >/dev/null || skip "needs mkfs.$kind"
  ((EUID == 0)) || skip 'only root can mount'
  case $kind in
    ext4) truncate -s "${SIZE:-64M}" image && mkfs.ext4 -q -m 0 image ;;
    xfs) truncate -s 320M image && mkfs.xfs -q image ;;
  esac
  mkdir disk
  switch_on 2>/dev/null || skip "no right to mount, or no $kind"
  export CHAT_SPOOL=$PWD/disk/chat/spool.db
}

# No loop device is on the image. The kernel takes down that of an unmount when it likes, and one that is mounted again
# before that fails to read.
unlooped() { ! grep -qxF "$(realpath image)" /sys/block/loop*/loop/backing_file 2>/dev/null; }

# A process with mounts of its own (unshare) that started since, in another test, keeps the old device. Then a copy of the
# image is mounted: nothing more is written to the old one.
switch_on() {
  WAIT_LIMIT=5 wait_until unlooped 2>/dev/null || { cp --sparse=always image image.copy && mv image.copy image; } || return
  mount -o loop image "$BATS_TEST_TMPDIR/disk" && DISK=$BATS_TEST_TMPDIR/disk && chmod 700 "$DISK"
}

unmounted() { umount "$DISK" 2>/dev/null || ! grep -qF " $DISK " /proc/self/mountinfo; }

# switch_off: all processes are dead; unmount. A process that was killed may take a moment to go.
switch_off() {
  chat_teardown
  BACKGROUND_PIDS=()
  sync -f "$DISK" 2>/dev/null || true # where the power was not cut
  if ! wait_until unmounted; then
    fuser -vm "$DISK" || true
    umount -l "$DISK"
    return 1
  fi
  DISK=
}

# cut: the power fails.
cut() { "$POWER" cut disk; }

# power_cut: it fails, and comes back.
power_cut() {
  cut
  switch_off
  switch_on
}

# a_moment MILLISECONDS: a random time below that, in seconds.
a_moment() { printf '0.%06d' $(((RANDOM * 32768 + RANDOM) % ($1 * 1000))); }

# whole_lines FILE: a line that the cut has cut off is not a delivered message.
whole_lines() { if [[ -n $(tail -c 1 "$1") ]]; then sed '$d' "$1"; else cat "$1"; fi; }

# ---------------------------------------------------------------- a disk that has no room although its file system has

# thin_disk: an ext4 at ./disk, whose image is in a small file system of its own. exhausted: writes to blocks that the file
# system has not used yet fail from now on, and the error comes with the sync, as that of a disk. relieved: no more.
thin_disk() {
  [[ -x $POWER ]] || skip 'needs a C compiler'
  command -v mkfs.ext4 >/dev/null || skip 'needs mkfs.ext4'
  ((EUID == 0)) || skip 'only root can mount'
  mkdir thin disk
  mount -t tmpfs -o size=72M tmpfs thin 2>/dev/null || skip 'no right to mount'
  THIN=$PWD/thin
  # All blocks of the image are there, also those that mkfs gives back.
  head -c 48M /dev/zero | tr '\0' '\1' >thin/image
  mkfs.ext4 -q -F -m 0 -b 4096 -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 thin/image
  dd if=thin/image of=thin/image bs=1M conv=notrunc status=none
  ln -s thin/image image
  switch_on 2>/dev/null || skip 'no right to mount'
  export CHAT_SPOOL=$PWD/disk/chat/spool.db
}

# (Such blocks are apart from those of the spool: a loop device takes a write that fails in its middle for a short one.)
exhausted() {
  local first last
  head -c 2M /dev/zero >disk/gap
  sync -f disk
  dd if=/dev/zero of=disk/filling bs=4k status=none 2>/dev/null || true
  sync -f disk
  rm disk/gap
  sync -f disk
  while IFS=- read -r first last; do
    [[ ! $first ]] || fallocate -p -o $((first * 4096)) -l $(((${last:-$first} - first + 1) * 4096)) thin/image
  done < <(PATH=$PATH:/sbin dumpe2fs thin/image 2>/dev/null | sed -n 's/^  Free blocks: //p' | tr ',' '\n' | tr -d ' ')
  dd if=/dev/zero of=thin/full bs=4k status=none 2>/dev/null || true
}

relieved() { rm thin/full; }
