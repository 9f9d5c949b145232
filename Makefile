# chat-send, chat-recv and the library under them. Needs GNU make.
#
#   make [CC=clang] [SQLITE=shared] [JANSSON=shared] [POSTGRES=0] [SANITIZE=address,undefined]
#   make demo | check | bench | lint | analyze | coverage | clean
#   make torture [TORTURE=100] | fuzz [FUZZ=SECONDS] | check-suite | mutate [MUTANTS=200] [SEED=]
#   make model [MODEL=MINUTES] [SEED=N]
#   make demo-postgres | check-postgres [DOSE=full] | bench-postgres
#   make dist | package-check | musl | check-musl [MUSL_TESTS=] | check-i386
#   make install | uninstall [DESTDIR=] [PREFIX=/usr/local]

VERSION = 0.2.0
PROGRAMS = chat-send chat-recv chat-spool

PROCESSORS = $(shell getconf _NPROCESSORS_ONLN)

PREFIX = /usr/local
LIBDIR = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
PKGCONFIGDIR = $(LIBDIR)/pkgconfig
MANDIR = $(PREFIX)/share/man
BASHDIR = $(PREFIX)/share/bash-completion/completions
ZSHDIR = $(PREFIX)/share/zsh/site-functions
FISHDIR = $(PREFIX)/share/fish/vendor_completions.d
# Where systemd looks, also beneath /usr/local.
UNITDIR = $(PREFIX)/lib/systemd/system
SYSUSERSDIR = $(PREFIX)/lib/sysusers.d
TMPFILESDIR = $(PREFIX)/lib/tmpfiles.d
DESTDIR =

# A sanitized build lives beside the plain one.
SANITIZE =
BUILD = build$(if $(SANITIZE),/san)
BINDIR = $(if $(SANITIZE),$(BUILD)/)bin

CFLAGS = -O2 -g
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wformat=2 -Wundef -Wwrite-strings -Wimplicit-fallthrough -Wno-overlength-strings
# What the Open Source Security Foundation's hardening guide for compilers lists, and this compiler knows. Not taken:
# nodlopen, as programs in other languages load the library.
compiler_has = $(foreach flag,$(1),$(shell $(CC) -Werror $(flag) -fsyntax-only -x c /dev/null 2>/dev/null && echo $(flag)))
HARDEN := -fPIE -fstack-protector-strong -fno-strict-overflow -fno-strict-aliasing -fno-delete-null-pointer-checks \
	$(call compiler_has,-fstack-clash-protection -fcf-protection=full -mbranch-protection=standard \
		-fstrict-flex-arrays=3 -fzero-init-padding-bits=all -Wtrampolines -Wbidi-chars=any)
HARDEN_LINK = -pie -Wl,-z,relro,-z,now,-z,noexecstack

ifeq ($(SANITIZE),)
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 $(call compiler_has,-ftrivial-auto-var-init=zero)
else
SANITIZED = -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

# A program takes twice as long to start with a shared SQLite, so take the static one where it is.
# Jansson reads JSON for chat-send -J; its static library costs every other send next to nothing,
# the shared one would be mapped each time.
PKG_CONFIG = pkg-config
static_or_shared = $(if $(wildcard $(shell $(CC) -print-file-name=lib$(1).a)),static,shared)
SQLITE := $(call static_or_shared,sqlite3)
SQLITE_static = -Wl,-Bstatic -lsqlite3 -Wl,-Bdynamic -lm
SQLITE_shared = $(or $(shell $(PKG_CONFIG) --libs sqlite3 2>/dev/null),-lsqlite3)
JANSSON := $(call static_or_shared,jansson)
JANSSON_static = -Wl,-Bstatic -ljansson -Wl,-Bdynamic
JANSSON_shared = $(or $(shell $(PKG_CONFIG) --libs jansson 2>/dev/null),-ljansson)

LIBS = $(JANSSON_$(JANSSON)) $(SQLITE_$(SQLITE))
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags sqlite3 libxxhash jansson 2>/dev/null)

# The store in PostgreSQL is a module of its own, for spools that are there: no program links libpq.
POSTGRES := $(if $(shell $(PKG_CONFIG) --exists libpq 2>/dev/null && echo yes),1,0)
POSTGRES_CFLAGS := $(shell $(PKG_CONFIG) --cflags libpq 2>/dev/null)
POSTGRES_LIBS = $(or $(shell $(PKG_CONFIG) --libs libpq 2>/dev/null),-lpq)

# Where a long has 32 bits, positions in a file and times have 64 only if they are asked for (lib/lock.c asserts it).
WIDE = -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
COMPILE = $(CC) -std=c17 -D_GNU_SOURCE $(WIDE) $(WARNINGS) $(CFLAGS) $(HARDEN) $(SANITIZED) \
	-Ilib -I$(BUILD) -DCHAT_VERSION=\"$(VERSION)\" $(PKG_CFLAGS) $(OWN_CFLAGS) $(CPPFLAGS)
LINK = $(CC) $(CFLAGS) $(SANITIZED) $(HARDEN_LINK) -Wl,--as-needed $(LDFLAGS)

# The programs take from this archive only what they need.
LIB = $(BUILD)/libchatspool.a
MODULE_SOURCES = $(wildcard lib/store_pg.c lib/pg_*.c)
LIB_SOURCES = $(filter-out $(MODULE_SOURCES),$(wildcard lib/*.c))
LIB_OBJECTS = $(LIB_SOURCES:%.c=$(BUILD)/%.o)

# What other programs get: nothing is visible but what chatspool.h declares. Code for a shared library is slower,
# so the programs have none of it.
SONAME = libchatspool.so.0
SHARED = $(BUILD)/public/libchatspool.so.$(VERSION)
STATIC = $(BUILD)/public/libchatspool.a
PIC_OBJECTS = $(LIB_SOURCES:%.c=$(BUILD)/pic/%.o)
# A sanitized build is for tests of the programs.
PUBLIC = $(if $(SANITIZE),,$(SHARED) $(STATIC))
OBJCOPY = objcopy

# It lies in a directory beside the programs, or where it is installed: $(LIBDIR)/chatspool, which a program finds by
# its own place. It brings what it needs of the library along.
MODULE_DIR = $(BINDIR)/chatspool
MODULE = $(MODULE_DIR)/chatspool-postgresql.so
MODULES = $(if $(POSTGRES:0=),$(MODULE))
MODULE_OBJECTS = $(MODULE_SOURCES:%.c=$(BUILD)/pic/%.o) \
	$(patsubst %,$(BUILD)/pic/lib/%.o,batch digest error findings utf8 vigil)
MODULE_PLACES = -DCHAT_MODULES='"$(LIBDIR)/chatspool"' -DCHAT_MODULES_BESIDE='"$(LIBDIR:$(PREFIX)/%=../%)/chatspool"'
$(BUILD)/lib/module.o $(BUILD)/pic/lib/module.o: OWN_CFLAGS = $(MODULE_PLACES)
$(MODULE_SOURCES:%.c=$(BUILD)/pic/%.o): OWN_CFLAGS = $(POSTGRES_CFLAGS)

BIN_SOURCES = $(wildcard bin/*.c)
BIN_OBJECTS = $(BIN_SOURCES:%.c=$(BUILD)/%.o)
# The programs' parts. Each takes what it needs: every symbol more costs the start of all.
PARTS = $(BUILD)/parts.a
PART_OBJECTS = $(filter-out $(PROGRAMS:%=$(BUILD)/bin/%.o) %/nomath.o,$(BIN_OBJECTS))
# A static SQLite wants libm and never uses it here.
NOMATH = $(if $(SQLITE:shared=),$(BUILD)/bin/nomath.o)
MAN = $(wildcard man/*.[1-9])
UNITS = chat-worker@.service chat-nightly.service chat-nightly.timer

# What tests/torture injects faults with.
FAULT_DIR = $(BUILD)/fault
FAULTS = $(patsubst %,$(FAULT_DIR)/%,trial corrupt power gate nosync.so nomemory.so clock.so suspend.so $(PROGRAMS:%=impatient/%))

all: programs $(MODULES) $(PUBLIC)
programs: $(PROGRAMS:%=$(BINDIR)/%)

$(BINDIR)/%: $(BUILD)/bin/%.o $(NOMATH) $(PARTS) $(LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LIBS)

$(PARTS): $(PART_OBJECTS)
	rm -f $@
	$(AR) rcs $@ $^

$(LIB): $(LIB_OBJECTS)
	rm -f $@
	$(AR) rcs $@ $^

$(SHARED): $(PIC_OBJECTS) lib/chatspool.map
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -shared $(filter-out -pie,$(HARDEN_LINK)) -Wl,-z,defs -Wl,--as-needed $(LDFLAGS) \
		-Wl,-soname,$(SONAME) -Wl,--version-script=lib/chatspool.map -o $@ $(PIC_OBJECTS) $(SQLITE_shared)

$(MODULE): $(MODULE_OBJECTS) lib/module.map
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANITIZED) -shared $(filter-out -pie,$(HARDEN_LINK)) -Wl,--as-needed $(LDFLAGS) \
		-Wl,--version-script=lib/module.map -o $@ $(MODULE_OBJECTS) $(POSTGRES_LIBS)

# One object, so that its parts can find each other and nobody else can.
$(STATIC): $(LIB_OBJECTS) lib/chatspool.map
	@mkdir -p $(@D)
	rm -f $@
	$(LD) -r -o $(@:.a=.o) $(LIB_OBJECTS)
	sed -n 's/^ *\(chat_[a-z0-9_]*\);$$/\1/p' lib/chatspool.map >$(@:.a=.names)
	$(OBJCOPY) --keep-global-symbols=$(@:.a=.names) $(@:.a=.o)
	$(AR) rcs $@ $(@:.a=.o)

$(BUILD)/pic/%.o: HARDEN := $(HARDEN:-fPIE=-fPIC)
$(BUILD)/pic/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

$(LIB_OBJECTS) $(PIC_OBJECTS): | $(BUILD)/sqlite_sql.h
$(MODULE_SOURCES:%.c=$(BUILD)/pic/%.o): | $(BUILD)/pg_sql.h

$(BUILD)/sqlite_sql.h: sql/embed $(wildcard sql/sqlite/*.sql)
	@mkdir -p $(@D)
	sql/embed sql/sqlite sql >$@.new && mv $@.new $@

$(BUILD)/pg_sql.h: sql/embed $(wildcard sql/postgres/*.sql)
	@mkdir -p $(@D)
	sql/embed sql/postgres pg >$@.new && mv $@.new $@

# Changes when the compiler or a flag does: then everything is built again.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(COMPILE) $(LINK) $(LIBS)' >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

demo: programs
	@PATH="$(abspath $(BINDIR)):$$PATH" examples/demo

# Everything that the tests need, compiled by all processors.
ready:
	@$(MAKE) -j $(PROCESSORS) all $(FAULTS)

check: ready lint
	CHAT_BIN=$(abspath $(BINDIR)) CHAT_FAULTS=$(abspath $(FAULT_DIR)) tests/run

# Everything that may go wrong, made to: kills, failing calls, power cuts, and so on. Two minutes of it,
# or TORTURE times as much; make check takes a small dose.
TORTURE = 1
torture: ready
	CHAT_BIN=$(abspath $(BINDIR)) CHAT_FAULTS=$(abspath $(FAULT_DIR)) TORTURE=$(TORTURE) \
		tests/run $(wildcard tests/torture/*.bats)

# See that the tests can fail: all of them, with programs that do nothing.
check-suite: ready
	CHAT_FAULTS=$(abspath $(FAULT_DIR)) tests/suite

# See which mistakes the tests notice: so many at random, one at a time, in a copy of the tree.
MUTANTS = 200
SEED =
mutate:
	tests/mutate/run --mutants $(MUTANTS) $(if $(SEED),--seed $(SEED))

# Random histories beside a model of a spool, for MODEL minutes.
MODEL = 60
model: ready
	CHAT_BIN=$(abspath $(BINDIR)) CHAT_FAULTS=$(abspath $(FAULT_DIR)) MODEL=$(MODEL) SEED=$(SEED) \
		LIMIT=$$((600 + 60 * $(MODEL))) tests/run model/model

# The tests again on a PostgreSQL cluster, and what can go wrong with one. In minutes, or with DOSE=full all of it.
DOSE = sample
check-postgres: ready
	CHAT_BIN=$(abspath $(BINDIR)) CHAT_FAULTS=$(abspath $(FAULT_DIR)) DOSE=$(DOSE) tests/postgres/run

demo-postgres: all
	@PATH="$(abspath $(BINDIR)):$$PATH" tests/postgres/demo

# What makes it go wrong.
faults: $(FAULTS)

# Feed what strangers write - option values, lines of JSON, files - with what libFuzzer makes of it, each for FUZZ
# seconds. What it finds new it keeps in the build directory; a finding is a file there, too.
FUZZ = 60
FUZZERS = $(patsubst %,$(BUILD)/fuzz-%,options json pages spool)
FUZZ_SANITIZE = fuzzer-no-link,address,undefined

fuzz: fuzzers
	tests/fuzz/run $(BUILD)/fuzz $(FUZZ)

# libFuzzer is clang's.
fuzzers:
	$(MAKE) CC=clang SANITIZE=$(FUZZ_SANITIZE) BUILD=$(BUILD)/fuzz fuzz-programs

fuzz-programs: $(FUZZERS)

$(BUILD)/fuzz-%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/fuzz.o $(PARTS) $(LIB)
	$(LINK) -fsanitize=fuzzer -Wl,--wrap=exit -o $@ $^ $(LIBS)

$(BUILD)/tests/fuzz/pages.o: | $(BUILD)/sqlite_sql.h

$(FAULT_DIR)/%: tests/fault/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $<

$(FAULT_DIR)/%.so: tests/fault/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) -fPIC -shared -o $@ $<

# The programs as they are, but that none waits long for a lock.
$(FAULT_DIR)/impatient/%: $(BUILD)/bin/%.o $(FAULT_DIR)/impatient.o $(NOMATH) $(PARTS) $(LIB)
	@mkdir -p $(@D)
	$(LINK) -Wl,--wrap=lock_turn,--wrap=sqlite3_busy_timeout -o $@ $^ $(LIBS)

$(FAULT_DIR)/%.o: tests/fault/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

# The programs of the benchmark, and its figures. BENCH=10 takes a tenth of the time; BASELINE=PATH measures a second build, too.
BASELINE =
BENCH_TOOLS = $(BUILD)/bench
BENCH_RESULTS = $(BENCH_TOOLS)/results
BENCH_PROGRAMS = $(patsubst %,$(BENCH_TOOLS)/%,floor race crowd wake beanstalk slow.so)

# Parts of one program, that know each other's variables.
BENCH_SCRIPTS = tests/bench/run tests/bench/postgres $(wildcard tests/bench/*.bash tests/bench/*/*.bash)

bench: programs $(BENCH_PROGRAMS)
	CHAT_BIN=$(abspath $(BINDIR)) BASELINE=$(BASELINE) tests/bench/run $(BENCH_TOOLS) $(BENCH_RESULTS)

# The commands on a PostgreSQL cluster, beside what else is done with one, or instead.
bench-postgres: all $(BENCH_PROGRAMS) $(BENCH_TOOLS)/skip_locked
	CHAT_BIN=$(abspath $(BINDIR)) tests/bench/postgres $(BENCH_TOOLS) $(BENCH_RESULTS)

$(BENCH_TOOLS)/skip_locked: tests/bench/skip_locked.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(shell $(PKG_CONFIG) --cflags libpq) $(HARDEN_LINK) -o $@ $< $(shell $(PKG_CONFIG) --libs libpq)

$(BENCH_TOOLS)/%: tests/bench/%.c tests/bench/process.c tests/bench/process.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(HARDEN_LINK) -o $@ $(filter %.c,$^)

# The floor is as bare as can be.
$(BENCH_TOOLS)/floor: tests/bench/floor.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $<

$(BENCH_TOOLS)/%.so: tests/bench/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) -fPIC -shared -o $@ $<

# The scripts among the examples and the pages, whatever they are called.
RECIPES = $(shell grep -rlE '^.!/bin/(ba)?sh' examples docs)

SCRIPTS = bootstrap .ci/run sql/embed init/chat-worker init/unit $(RECIPES) tests/run tests/suite tests/coverage tests/examples tests/fuzz/run \
	tests/postgres/cluster tests/postgres/run tests/postgres/demo \
	packaging/check packaging/i386 packaging/musl packaging/system.bash packaging/systemd packaging/units debian/chatspool.postinst \
	debian/tests/features debian/tests/library debian/tests/postgresql debian/tests/readme \
	completions/chatspool.bash $(wildcard $(addprefix tests/,*.bats *.bash torture/*.bats torture/*.bash postgres/*.bats postgres/*.bash)) \
	tests/bench/table tests/bench/plot

lint:
	$(if $(MAN),mandoc -T lint -W warning $(MAN))
	printf '%s\n' $(SCRIPTS) | xargs -n 8 -P $(PROCESSORS) shellcheck -x
	shellcheck -s bash -e SC1090,SC1091,SC2016,SC2034,SC2154 $(BENCH_SCRIPTS)
	# A link that another member of a group has put there would be followed: see lib/place_make.c.
	! grep -nE '\<(l?ch(mod|own)|fch(mod|own)at) *\(' $(wildcard $(addsuffix /*.[ch],bin lib)) | grep -v 'lint: the name of a descriptor'
	# The checked ppoll() does not wait where a long has 32 bits: see lib/vigil.c.
	! grep -nE '\<ppoll *\([^)]' $(filter-out lib/vigil.c bin/pause.c,$(wildcard $(addsuffix /*.[ch],bin lib)))
	clang-format --dry-run -Werror \
		$(wildcard $(addsuffix /*.[ch],bin lib tests/bench tests/fault tests/fuzz tests/library))

# Which lines and branches the tests reach, of the programs built without optimisation. Not with tests that are about the build,
# and those that kill, or have system calls fail: what is counted would be lost.
UNCOUNTED = build counts delivery hardening library library-installed manual packaging power \
	$(patsubst %,torture/%,calls crash fuzz memory people power storm turns)
COVERAGE = $(filter-out $(UNCOUNTED),$(patsubst tests/%.bats,%,$(wildcard tests/*.bats tests/torture/*.bats)))
coverage:
	$(MAKE) CC=gcc BUILD=build/coverage BINDIR=build/coverage/bin CFLAGS='-O0 -g --coverage' HARDEN=-fPIE programs
	tests/coverage build/coverage $(COVERAGE)

# What reads the code without running it: gcc's analyzer, clang-tidy (.clang-tidy says what it is asked) and cppcheck. A
# file that has passed is not read again before it, or a header, has changed.
READ_SOURCES = $(LIB_SOURCES) $(BIN_SOURCES) $(if $(POSTGRES:0=),$(MODULE_SOURCES))
ANALYZED = $(READ_SOURCES:%=$(BUILD)/analyzed/%.gcc) $(READ_SOURCES:%=$(BUILD)/analyzed/%.clang) $(BUILD)/analyzed/cppcheck
READ = -std=c17 -D_GNU_SOURCE $(WIDE) -Ilib -I$(BUILD) -DCHAT_VERSION=\"$(VERSION)\" $(MODULE_PLACES) $(PKG_CFLAGS) $(POSTGRES_CFLAGS)
HEADERS = $(wildcard lib/*.h bin/*.h)
READ_SQL = $(BUILD)/sqlite_sql.h $(if $(POSTGRES:0=),$(BUILD)/pg_sql.h)

analyze:
	@$(MAKE) -s -j $(PROCESSORS) -k -O BUILD=$(BUILD) analyzed
analyzed: $(ANALYZED)

# Of the memory that this hands out gcc sees only that its beginning is lost.
$(BUILD)/analyzed/lib/store_pg.c.gcc: READ += -Wno-analyzer-malloc-leak

$(BUILD)/analyzed/%.gcc: % $(HEADERS) $(READ_SQL)
	@mkdir -p $(@D)
	gcc $(READ) -O2 -fanalyzer -Werror -c -o /dev/null $<
	@touch $@

# Each file by itself: from one to the next version 14 forgets what va_start() is.
$(BUILD)/analyzed/%.clang: % $(HEADERS) $(READ_SQL) .clang-tidy
	@mkdir -p $(@D)
	clang-tidy --quiet $< -- $(READ) 2>$@.seen || { cat $@.seen; false; }
	@touch $@

# A function and a variable may have the same name: what gcc's -Wshadow says of that is enough.
$(BUILD)/analyzed/cppcheck: $(READ_SOURCES) $(HEADERS) $(READ_SQL)
	@mkdir -p $(@D)
	cppcheck --quiet --error-exitcode=1 --enable=warning,style,performance,portability --suppress=shadowFunction \
		$(subst -std,--std,$(READ)) '-Dnoreturn=__attribute__((noreturn))' $(filter %.c,$^)
	@touch $@

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(PKGCONFIGDIR)
	install $(PROGRAMS:%=$(BINDIR)/%) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(PUBLIC) $(DESTDIR)$(LIBDIR)
	$(if $(MODULES),install -D -t $(DESTDIR)$(LIBDIR)/chatspool $(MODULES))
	ln -sf $(notdir $(SHARED)) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libchatspool.so
	install -m 644 lib/chatspool.h $(DESTDIR)$(INCLUDEDIR)
	sed 's|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|; s|@SQLITE@|$(SQLITE_shared)|' \
		lib/chatspool.pc.in >$(DESTDIR)$(PKGCONFIGDIR)/chatspool.pc
	for page in $(MAN); do \
		install -D -m 644 -t $(DESTDIR)$(MANDIR)/man$${page##*.} $$page || exit; \
	done
	install -d $(DESTDIR)$(UNITDIR)
	for unit in $(UNITS); do \
		init/unit init/$$unit $(PREFIX)/bin >$(DESTDIR)$(UNITDIR)/$$unit || exit; \
	done
	install -D -m 644 init/chat.sysusers $(DESTDIR)$(SYSUSERSDIR)/chatspool.conf
	install -D -m 644 init/chat.tmpfiles $(DESTDIR)$(TMPFILESDIR)/chatspool.conf
	install -D -m 644 -t $(DESTDIR)$(ZSHDIR) completions/_chatspool
	for program in $(PROGRAMS); do \
		install -D -m 644 completions/chatspool.bash $(DESTDIR)$(BASHDIR)/$$program || exit; \
		install -D -m 644 completions/chatspool.fish $(DESTDIR)$(FISHDIR)/$$program.fish || exit; \
	done

uninstall:
	rm -f $(PROGRAMS:%=$(DESTDIR)$(PREFIX)/bin/%)
	rm -f $(patsubst %,$(DESTDIR)$(LIBDIR)/%,$(notdir $(PUBLIC)) $(SONAME) libchatspool.so) \
		$(DESTDIR)$(INCLUDEDIR)/chatspool.h $(DESTDIR)$(PKGCONFIGDIR)/chatspool.pc
	rm -f $(patsubst %,$(DESTDIR)$(LIBDIR)/chatspool/%,$(notdir $(MODULES)))
	-rmdir $(DESTDIR)$(LIBDIR)/chatspool 2>/dev/null
	for page in $(notdir $(MAN)); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done
	rm -f $(UNITS:%=$(DESTDIR)$(UNITDIR)/%) \
		$(DESTDIR)$(SYSUSERSDIR)/chatspool.conf $(DESTDIR)$(TMPFILESDIR)/chatspool.conf
	rm -f $(DESTDIR)$(ZSHDIR)/_chatspool $(PROGRAMS:%=$(DESTDIR)$(BASHDIR)/%) \
		$(PROGRAMS:%=$(DESTDIR)$(FISHDIR)/%.fish)

# The same bytes from whatever path, on whatever day: names in order, nobody's user, the time of the last commit.
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

# The tests of what another C library could break, with these programs. MUSL_TESTS= takes all there are.
MUSL_TESTS = chat-recv chat-send delivery json library usage
check-musl: musl $(FAULTS)
	CHAT_BIN=$(abspath $(MUSL)/bin) CHAT_FAULTS=$(abspath $(FAULT_DIR)) \
		CHAT_CC='musl-gcc -static -I$(abspath $(MUSL))/include -L$(abspath $(MUSL))/lib' tests/run $(MUSL_TESTS)

# Programs for i386, where a long has 32 bits, built and tried in a clean system; needs root for the chroot.
I386_TESTS = chat-recv chat-recv-wait chat-send chat-send-lines chat-send-terms chat-spool-check chat-spool-dump chat-spool-list \
	command delivery json spool usage wide
check-i386: dist
	packaging/i386 $(BUILD)/$(DIST).tar.gz $(I386_TESTS)

clean:
	rm -rf $(BUILD) $(PROGRAMS:%=$(BINDIR)/%) $(MODULE_DIR)

FORCE:
.PHONY: all ready bench-postgres check-postgres demo-postgres analyze analyzed bench check check-i386 check-musl check-suite clean coverage demo dist faults fuzz fuzz-programs fuzzers install lint model musl mutate package-check programs torture uninstall FORCE
.SECONDARY:
.DELETE_ON_ERROR:

-include $(LIB_OBJECTS:.o=.d) $(PIC_OBJECTS:.o=.d) $(MODULE_OBJECTS:.o=.d) $(BIN_OBJECTS:.o=.d)
