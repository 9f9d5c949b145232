# The tarball, and the packages made of it.
#
#: Package:
#:   dist                    the tarball, the same bytes everywhere
#:   package-check           build the packages, and try them on a clean system
#:   musl, check-musl        programs that need no library, in build/musl/bin; and tests with them
#:   check-i386              build for i386 in a clean system, and run tests there

# The same bytes in any directory, on any day: sorted names, no user names, the time of the last commit.
DIST = chatspool-$(VERSION)
dist:
	@mkdir -p $(BUILD)
	git ls-files -z >$(BUILD)/$(DIST).list
	tar --create --file=$(BUILD)/$(DIST).tar --sort=name --format=ustar --owner=0 --group=0 --numeric-owner \
		--mode=u=rwX,go=rX --mtime=@$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} \
		--transform='flags=r;s|^|$(DIST)/|' --no-recursion --null --verbatim-files-from \
		--files-from=$(BUILD)/$(DIST).list
	gzip -9nf $(BUILD)/$(DIST).tar
	rm $(BUILD)/$(DIST).list

# Build the packages and try them; needs root for the chroot.
package-check: dist
	packaging/check $(BUILD)/$(DIST).tar.gz

# Programs that need no library, in build/musl/bin.
MUSL = $(BUILD)/musl
musl:
	packaging/musl $(MUSL)

# Tests that another C library could break, with these programs. MUSL_TESTS= selects all tests.
MUSL_TESTS = chat-recv chat-send delivery json library
check-musl: musl
	CHAT_BIN=$(abspath $(MUSL)/bin) \
		CHAT_CC='musl-gcc -static -I$(abspath $(MUSL))/include -L$(abspath $(MUSL))/lib' tests/run $(MUSL_TESTS)

# Programs for i386, where a long has 32 bits, built and tested in a clean system; needs root for the chroot.
I386_TESTS = chat-recv chat-recv-wait chat-send chat-send-lines chat-send-terms chat-spool-check chat-spool-dump chat-spool-list \
	command delivery json spool usage wide
check-i386: dist
	packaging/i386 $(BUILD)/$(DIST).tar.gz $(I386_TESTS)

.PHONY: check-i386 check-musl dist musl package-check
