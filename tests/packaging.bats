#!/usr/bin/env bats
# The tarball, and what the packages contain. packaging/check builds and installs them.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

ROOT=$(cd "${BATS_TEST_DIRNAME}/.." && pwd)

setup_file() {
    # Do not pass the options of an outer make to the ones in here.
    unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES SOURCE_DATE_EPOCH
    export LC_ALL=C VERSION CLONE=$BATS_FILE_TMPDIR/chatspool
    VERSION=$(sed -n 's/^VERSION = //p' "$ROOT/Makefile")
    ! git -C "$ROOT" rev-parse HEAD >/dev/null 2>&1 || clone "$CLONE"
}

setup() { cd "$BATS_TEST_TMPDIR" || return; }

clone() { git clone -q -c advice.detachedHead=false "$ROOT" "$1"; }

needs_git() { [[ -e $CLONE ]] || skip 'not in a repository of git'; }

# tarball CLONE: create the tarball of this clone, and print its name.
tarball() {
    make -s -C "$1" dist
    echo "$1/build/chatspool-$VERSION.tar.gz"
}

# bats test_tags=full
@test "make dist creates the same bytes in another directory, umask and time zone, and at another time" {
    [[ ${DOSE:-} == full ]] || skip 'packs the sources several times: with DOSE=full'
    needs_git
    mkdir 'there, too'
    first=$(tarball "$CLONE")
    umask 077
    clone "there, too/chatspool"
    second=$(TZ=Pacific/Auckland tarball "there, too/chatspool")
    touch "there, too/chatspool/README.md"
    make -s -C 'there, too/chatspool' dist
    run cmp "$first" "$second"
    assert_success
    assert_output ''
}

@test "the tarball contains the files that git knows, no user's name, and the time of the last commit" {
    needs_git
    name=$(tarball "$CLONE")
    run diff <(tar -tf "$name" | sort) <(git -C "$CLONE" ls-files | sed "s|^|chatspool-$VERSION/|" | sort)
    assert_output ''
    run bash -c "tar -tv --full-time -f '$name' | awk '{ print \$2, \$4, \$5 }' | sort -u"
    assert_output "0/0 $(TZ=${TZ-} git -C "$CLONE" log -1 --date='format-local:%Y-%m-%d %H:%M:%S' --format=%cd)"
}

@test "SOURCE_DATE_EPOCH sets the time in the tarball" {
    needs_git
    SOURCE_DATE_EPOCH=86400 run -0 tarball "$CLONE"
    run env TZ=UTC tar -tv --full-time -f "$output"
    assert_line --index 0 --partial ' 1970-01-02 00:00:00 '
}

@test "the packages have the version of the Makefile" {
    run sed -n '1s/.*(\(.*\)).*/\1/p' "$ROOT/debian/changelog"
    assert_output "$VERSION"
    run sed -n 's/^Version: *//p' "$ROOT/packaging/chatspool.spec"
    assert_output "$VERSION"
}

@test "the symbols of the Debian package are those of the library" {
    run diff <(sed -n 's/^ \(chat_[a-z0-9_]*\)@CHATSPOOL_1 .*/\1/p' "$ROOT/debian/libchatspool1.symbols") \
        <(sed -n 's/^ *\(chat_[a-z0-9_]*\);$/\1/p' "$ROOT/lib/chatspool.map")
    assert_output ''
}

@test "no package names a place to download from" {
    run grep -rnE 'https?://|ftp://' "$ROOT/packaging" "$ROOT/debian/rules" "$ROOT/debian/control" "$ROOT/debian/tests"
    assert_failure 1
}

@test "the module for PostgreSQL and its page are in a package of their own, and in no other" {
    run grep -lE 'lib/\*/chatspool$|chatspool-postgresql\.7' "$ROOT"/debian/*.install
    assert_output "$ROOT/debian/chatspool-postgresql.install"
    run grep -rl 'man7$' "$ROOT"/debian --include='*.install'
    assert_output ''
    run awk '/^%files/ { package = $2 } /chatspool\/$|chatspool-postgresql\.7/ { print package }' "$ROOT/packaging/chatspool.spec"
    assert_output $'postgresql\npostgresql'
}
