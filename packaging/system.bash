# Functions that create a clean Debian system in a directory, for packaging/check and packaging/i386 to source.
# shellcheck shell=bash

# in_own_namespaces SCRIPT [ARG ...]: run the script again in separate mount and process namespaces, if that is allowed.
# Then no mount and no process outlives it, whatever ends it. (Mounts that other processes remove disappear there, too;
# otherwise their disks would stay in use.) $CHAT_APART is set there.
in_own_namespaces() {
    local apart=(unshare --mount --propagation slave --pid --fork --kill-child --mount-proc)
    if [ -z "${CHAT_APART-}" ] && "${apart[@]}" true 2>/dev/null; then
        CHAT_APART=1 exec "${apart[@]}" "$@"
    fi
}

# missing COMMAND ...: name the first command that is missing; true if there is one.
missing() {
    local command
    for command; do
        command -v "$command" >/dev/null || { echo "there is no $command"; return 0; }
    done
    return 1
}

# mirror SUITE: print the mirror of this system's packages.
mirror() {
    apt-get indextargets --format "\$(CODENAME) \$(REPO_URI)" 'Created-By: Packages' 'Origin: Debian' |
        awk -v suite="$1" '$1 == suite { print $2; exit }'
}

# bootstrap_system [OPTION ...]: install this system's release of Debian in the directory $root, with debootstrap and
# these options. In memory the many syncs of dpkg cost nothing.
bootstrap_system() {
    local suite url
    # shellcheck disable=SC1091
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    url=$(mirror "$suite")
    [ -n "$url" ] || { echo "apt knows no mirror of Debian $suite" && return 1; }
    # shellcheck disable=SC2154
    mkdir "$root" && mount -t tmpfs -o mode=755 tmpfs "$root" &&
        debootstrap --variant=minbase "$@" "$suite" "$root" "$url" && mount -t proc proc "$root/proc" &&
        mount -t devpts -o ptmxmode=666 devpts "$root/dev/pts"
}

# within COMMAND [ARG ...]: run it as root in the clean system.
within() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive HOME=/root chroot "$root" "$@"
}
