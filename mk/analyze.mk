# Tools that read the sources without running them.
#
#: Read:
#:   lint                    shellcheck, mandoc, clang-format, mk/layers for includes and calls, mk/prose for the English
#:   analyze                 gcc's analyzer, clang-tidy and cppcheck

# The scripts among the examples and the pages, whatever their names.
RECIPES = $(shell grep -rlE '^.!/bin/(ba)?sh' examples docs)

SCRIPTS = bootstrap .ci/run sql/embed init/chat-worker init/unit $(RECIPES) tests/run tests/suite tests/coverage tests/examples tests/fuzz/run \
	tests/postgres/cluster tests/postgres/run tests/postgres/demo \
	packaging/check packaging/i386 packaging/musl packaging/system.bash packaging/systemd packaging/units debian/chatspool.postinst \
	debian/tests/features debian/tests/library debian/tests/postgresql debian/tests/readme \
	completions/chatspool.bash $(wildcard $(addprefix tests/,*.bats *.bash torture/*.bats torture/*.bash postgres/*.bats postgres/*.bash)) \
	tests/bench/table tests/bench/plot

SOURCES = $(wildcard bin/*/*.[ch] lib/*.[ch] lib/*/*.[ch])

# A script that has passed is not checked again before it, or a script that others source, has changed.
LINTED = $(SCRIPTS:%=$(BUILD)/linted/%)
SOURCED = $(filter %.bash,$(SCRIPTS))

$(BUILD)/linted/%: % $(SOURCED)
	@mkdir -p $(@D)
	$(call run,SHELLCHECK,$<)shellcheck -x $<
	@touch $@
linted: $(LINTED)

lint:
	$(call run,LINT,prose)mk/prose
	$(call run,LINT,man)$(if $(MAN),mandoc -T lint -W warning $(MAN))
	$(Q)$(MAKE) -s $(PARALLEL) -O BUILD=$(BUILD) linted
	$(call run,LINT,scripts)shellcheck -s bash -e SC1090,SC1091,SC2016,SC2034,SC2154 $(BENCH_SCRIPTS)
	@# A link that another member of a group has put there would be followed: see lib/os/location_make.c.
	$(Q)! grep -nE '\<(l?ch(mod|own)|fch(mod|own)at) *\(' $(SOURCES) | grep -v 'lint: the name of a descriptor'
	@# The checked ppoll() does not wait where a long has 32 bits: see lib/os/vigil.c.
	$(Q)! grep -nE '\<ppoll *\([^)]' $(filter-out lib/os/vigil.c bin/common/pause.c,$(SOURCES))
	$(call run,LINT,layers)mk/layers $(LIB_OBJECTS) $(MODULE_OBJECTS) $(BIN_OBJECTS)
	$(call run,LINT,sources)clang-format --dry-run -Werror \
		$(SOURCES) $(wildcard $(addsuffix /*.[ch],tests/bench tests/fault tests/fuzz tests/library tests/mutate))

# Tools that read the code without running it: gcc's analyzer, clang-tidy (.clang-tidy selects its checks) and cppcheck.
# A file that has passed is not checked again before it, or a header, has changed.
READ_SOURCES = $(LIB_SOURCES) $(BIN_SOURCES) $(if $(POSTGRES:0=),$(MODULE_SOURCES))
ANALYZED = $(READ_SOURCES:%=$(BUILD)/analyzed/%.gcc) $(READ_SOURCES:%=$(BUILD)/analyzed/%.clang) $(BUILD)/analyzed/cppcheck
READ = -std=c17 -D_GNU_SOURCE $(WIDE) -Ilib -Ibin -I$(BUILD) -DCHAT_VERSION=\"$(VERSION)\" $(MODULE_PLACES) $(PKG_CFLAGS) $(POSTGRES_CFLAGS)
HEADERS = $(filter %.h,$(SOURCES))
READ_SQL = $(BUILD)/sqlite_sql.h $(if $(POSTGRES:0=),$(BUILD)/pg_sql.h)

analyze:
	@$(MAKE) -s $(PARALLEL) -k -O BUILD=$(BUILD) analyzed
analyzed: $(ANALYZED)

# gcc notices only that the pointer to the beginning of this memory is lost.
$(BUILD)/analyzed/lib/postgres/store.c.gcc: READ += -Wno-analyzer-malloc-leak

$(BUILD)/analyzed/%.gcc: % $(HEADERS) $(READ_SQL)
	@mkdir -p $(@D)
	$(call run,GCC,$<)gcc $(READ) -O2 -fanalyzer -Werror -c -o /dev/null $<
	@touch $@

# Check each file separately: with several files version 14 forgets what va_start() is.
$(BUILD)/analyzed/%.clang: % $(HEADERS) $(READ_SQL) .clang-tidy
	@mkdir -p $(@D)
	$(call run,TIDY,$<)clang-tidy --quiet $< -- $(READ) 2>$@.seen || { cat $@.seen; false; }
	@touch $@

# A function and a variable may have the same name: gcc's -Wshadow is strict enough.
$(BUILD)/analyzed/cppcheck: $(READ_SOURCES) $(HEADERS) $(READ_SQL)
	@mkdir -p $(@D)
	$(call run,CPPCHECK,lib bin)cppcheck --quiet --error-exitcode=1 --enable=warning,style,performance,portability --suppress=shadowFunction \
		$(subst -std,--std,$(READ)) '-Dnoreturn=__attribute__((noreturn))' $(filter %.c,$^)
	@touch $@

.PHONY: analyze analyzed lint linted
