# A disk with a real file system, whose power can fail. Load this file after the helper; teardown calls disk_teardown,
# and $POWER is the program of tests/fault/power.c.
#
# shellcheck shell=bash
# shellcheck disable=SC2034

disk_teardown() {
  chat_teardown
  [[ ! ${DISK:-} ]] || switch_off
  [[ ! ${THIN:-} ]] || umount "$THIN"
}

# disk [ext4|xfs]: create and mount such a file system at ./disk, with the size $SIZE if that is set. A test has at most
# one.
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

# unlooped: true if no loop device uses the image. The kernel removes the device some time after an unmount; when the
# image is mounted again before that, reading fails.
unlooped() { ! grep -qxF "$(realpath image)" /sys/block/loop*/loop/backing_file 2>/dev/null; }

# switch_on: mount the image. A process with separate mounts (unshare), started in the meantime by another test, may
# keep the old device. Then mount a copy of the image, because nothing more is written to the old one.
switch_on() {
  WAIT_LIMIT=5 wait_until unlooped 2>/dev/null || { cp --sparse=always image image.copy && mv image.copy image; } || return
  mount -o loop image "$BATS_TEST_TMPDIR/disk" && DISK=$BATS_TEST_TMPDIR/disk && chmod 700 "$DISK"
}

unmounted() { umount "$DISK" 2>/dev/null || ! grep -qF " $DISK " /proc/self/mountinfo; }

# switch_off: kill all processes, and unmount. A killed process may need a moment to end.
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

# power_cut: the power fails and returns.
power_cut() {
  cut
  switch_off
  switch_on
}

# a_moment MILLISECONDS: print a random time below that, in seconds.
a_moment() { printf '0.%06d' $(((RANDOM * 32768 + RANDOM) % ($1 * 1000))); }

# whole_lines FILE: print its complete lines. A line that the power cut has truncated is not a delivered message. If the new length
# of a file has reached the disk and its data has not, the file ends with NUL bytes.
whole_lines() { if [[ -n $(tail -c 1 "$1" | tr '\0' x) ]]; then sed '$d' "$1"; else cat "$1"; fi; }

# ---------------------------------------------------------------- a disk without space although its file system has
# some

# thin_disk: create an ext4 at ./disk, whose image is in a small file system. exhausted: from now on writes to blocks
# that the file system has not used yet fail, and the sync reports the error, as on a disk. relieved: they succeed
# again.
thin_disk() {
  [[ -x $POWER ]] || skip 'needs a C compiler'
  command -v mkfs.ext4 >/dev/null || skip 'needs mkfs.ext4'
  ((EUID == 0)) || skip 'only root can mount'
  mkdir thin disk
  mount -t tmpfs -o size=72M tmpfs thin 2>/dev/null || skip 'no right to mount'
  THIN=$PWD/thin
  # Allocate all blocks of the image, including those that mkfs discards.
  head -c 48M /dev/zero | tr '\0' '\1' >thin/image
  mkfs.ext4 -q -F -m 0 -b 4096 -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 thin/image
  dd if=thin/image of=thin/image bs=1M conv=notrunc status=none
  ln -s thin/image image
  switch_on 2>/dev/null || skip 'no right to mount'
  # A write that fails in its middle succeeds on a loop device (drivers/block/loop.c), so no write has two blocks.
  echo 4 >"/sys/block/$(grep -F " $DISK " /proc/self/mounts | sed 's| .*||; s|.*/||')/queue/max_sectors_kb"
  export CHAT_SPOOL=$PWD/disk/chat/spool.db
}

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

# on_thin_disk FUNCTION [ARGUMENT ...]: call a function that exhausts and relieves such a disk. If the kernel writes what is
# not synced in the meantime, ext4 may have to write its own blocks where there is no space: then it is read-only from
# there on, and the function is called again, with another disk.
on_thin_disk() {
  thin_disk
  "$@"
  # The first sync may report what has failed before.
  while ! { { sync -f disk || sync -f disk; } && touch -c disk/filling; } 2>/dev/null; do
    switch_off
    umount "$THIN"
    rm -r thin disk image
    thin_disk
    "$@"
  done
}
