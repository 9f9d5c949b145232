# Tests, and what breaks things for them.
#
#: Test:
#:   check                   build, lint, and run the tests
#:   torture                 [TORTURE=1] make everything go wrong: kills, failing calls, power cuts
#:   model                   [MODEL=60] [SEED=] random histories beside a model of a spool, for so many minutes
#:   fuzz                    [FUZZ=60] libFuzzer on all that strangers write, each for so many seconds
#:   check-suite             see that the tests fail with programs that do nothing
#:   mutate                  [MUTANTS=200] [SEED=] see which mistakes the tests notice
#:   coverage                which lines and branches the tests reach
#:   check-postgres          [DOSE=full] the tests again, on a PostgreSQL cluster
#:   demo-postgres           show the commands on one

# The fault injectors of tests/torture.
FAULT_DIR = $(BUILD)/fault
FAULTS = $(patsubst %,$(FAULT_DIR)/%,trial corrupt power gate nosync.so nomemory.so clock.so suspend.so $(patsubst %,impatient/%,$(filter-out chat-talk,$(PROGRAMS))))

# Everything that the tests need, compiled by all processors.
ready:
	@$(MAKE) $(JOBS) all $(FAULTS)

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

# See which mistakes the tests notice: MUTANTS at random, one at a time, in a copy of the tree.
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

# Build the fault injectors.
faults: $(FAULTS)

# Feed what strangers write - option values, JSON lines, files - with what libFuzzer makes of it, each for FUZZ
# seconds. New inputs are kept in the build directory; a finding is a file there, too.
FUZZ = 60
FUZZERS = $(patsubst %,$(BUILD)/fuzz-%,options json pages spool)
FUZZ_SANITIZE = fuzzer-no-link,address,undefined

fuzz: fuzzers
	tests/fuzz/run $(BUILD)/fuzz $(FUZZ)

# libFuzzer is clang's.
fuzzers:
	$(MAKE) CC=clang SANITIZE=$(FUZZ_SANITIZE) BUILD=$(BUILD)/fuzz fuzz-programs

fuzz-programs: $(FUZZERS)

$(BUILD)/fuzz-%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/fuzz.o $(COMMON) $(LIB)
	$(call run,LINK,$@)$(LINK) -fsanitize=fuzzer -Wl,--wrap=exit -o $@ $^ $(LIBS)

$(BUILD)/tests/fuzz/pages.o: | $(BUILD)/sqlite_sql.h

$(FAULT_DIR)/%: tests/fault/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call run,CC,$<)$(COMPILE) -o $@ $<

$(FAULT_DIR)/%.so: tests/fault/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call run,CC,$<)$(COMPILE) -fPIC -shared -o $@ $<

# The programs as they are, but that none waits long for a lock.
$(PROGRAMS:%=$(FAULT_DIR)/impatient/%): $(FAULT_DIR)/impatient/%: $$(call objects_of,%) $(FAULT_DIR)/impatient.o $(NOMATH) $(COMMON) $(LIB)
	@mkdir -p $(@D)
	$(call run,LINK,$@)$(LINK) -Wl,--wrap=lock_write,--wrap=sqlite3_busy_timeout -o $@ $^ $(LIBS)

$(FAULT_DIR)/%.o: tests/fault/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call run,CC,$<)$(COMPILE) -c -o $@ $<

# Which lines and branches the tests reach, of the programs built without optimisation. Not with tests that are about the build,
# and those that kill, or have system calls fail: what is counted would be lost.
UNCOUNTED = build counts delivery hardening library library-installed manual packaging power \
	$(patsubst %,torture/%,calls crash fuzz memory people power storm turns)
COVERAGE = $(filter-out $(UNCOUNTED),$(patsubst tests/%.bats,%,$(wildcard tests/*.bats tests/torture/*.bats)))
coverage:
	$(MAKE) CC=gcc BUILD=build/coverage BINDIR=build/coverage/bin CFLAGS='-O0 -g --coverage' HARDEN= programs
	tests/coverage build/coverage $(COVERAGE)

.PHONY: check check-postgres check-suite coverage demo-postgres faults fuzz fuzz-programs fuzzers model mutate ready torture
