# Tests, and the tools that inject faults for them.
#
#: Test:
#:   check                   build, lint, and run the tests
#:   torture                 [TORTURE=1] inject faults: kills, failing calls, power cuts
#:   model                   [MODEL=60] [SEED=] random histories compared with a model, for MODEL minutes
#:   fuzz                    [FUZZ=60] libFuzzer on data from other people, FUZZ seconds for each kind
#:   check-suite             check that the tests fail with programs that do nothing
#:   mutate                  [MUTANTS=200] [SEED=] find out which mistakes the tests notice
#:   coverage                which lines and branches the tests reach
#:   check-postgres          [DOSE=full] the tests on a PostgreSQL cluster
#:   demo-postgres           show the commands on a PostgreSQL cluster

# The fault injectors of tests/torture.
FAULT_DIR = $(BUILD)/fault
FAULTS = $(patsubst %,$(FAULT_DIR)/%,trial corrupt power gate nosync.so nomemory.so refuse.so clock.so suspend.so $(patsubst %,impatient/%,$(filter-out chat-talk,$(PROGRAMS))))

# Compile everything that the tests need on all processors.
ready:
	@$(MAKE) $(PARALLEL) all $(FAULTS)

# The linters run beside the tests. (make -n would run a recipe that contains the word MAKE.)
LINTERS = $(MAKE) lint
check: ready
	@$(LINTERS) >$(BUILD)/lint.log 2>&1 & \
	CHAT_BIN=$(abspath $(BINDIR)) CHAT_FAULTS=$(abspath $(FAULT_DIR)) tests/run; tests=$$?; \
	wait $$! || { cat $(BUILD)/lint.log; exit 1; }; \
	exit $$tests

# Inject every kind of fault: kills, failing calls, power cuts, and so on. This takes about twenty minutes on two
# processors, or TORTURE times as much; make check takes a small dose.
TORTURE = 1
torture: ready
	CHAT_BIN=$(abspath $(BINDIR)) CHAT_FAULTS=$(abspath $(FAULT_DIR)) TORTURE=$(TORTURE) \
		tests/run $(wildcard tests/torture/*.bats)

# Check that the tests can fail: run all of them with programs that do nothing.
check-suite: ready
	CHAT_FAULTS=$(abspath $(FAULT_DIR)) tests/suite

# Check which mistakes the tests notice: MUTANTS at random, one at a time, in a copy of the tree.
MUTANTS = 200
SEED =
mutate:
	tests/mutate/reach
	tests/mutate/run --reached build/mutate/reached --jobs 2 --mutants $(MUTANTS) $(if $(SEED),--seed $(SEED))

# Compare random histories with a model of a spool, for MODEL minutes.
MODEL = 60
model: ready
	CHAT_BIN=$(abspath $(BINDIR)) CHAT_FAULTS=$(abspath $(FAULT_DIR)) MODEL=$(MODEL) SEED=$(SEED) \
		LIMIT=$$((600 + 60 * $(MODEL))) tests/run model/model

# Run tests on a PostgreSQL cluster, and the tests of a cluster's failures. This takes minutes; DOSE=full runs all of
# them.
DOSE = sample
check-postgres: ready
	CHAT_BIN=$(abspath $(BINDIR)) CHAT_FAULTS=$(abspath $(FAULT_DIR)) DOSE=$(DOSE) tests/postgres/run

demo-postgres: all
	@PATH="$(abspath $(BINDIR)):$$PATH" tests/postgres/demo

# Build the fault injectors.
faults: $(FAULTS)

# Fuzz data from other people - option arguments, JSON lines, files - with libFuzzer, each kind for FUZZ seconds. New
# inputs and findings are kept in the build directory.
FUZZ = 60
FUZZERS = $(patsubst %,$(BUILD)/fuzz-%,options json pages spool)
FUZZ_SANITIZE = fuzzer-no-link,address,undefined

fuzz: fuzzers
	tests/fuzz/run $(BUILD)/fuzz $(FUZZ)

# libFuzzer is part of clang.
fuzzers:
	$(MAKE) CC=clang SANITIZE=$(FUZZ_SANITIZE) BUILD=$(BUILD)/fuzz fuzz-programs

fuzz-programs: $(FUZZERS)

$(BUILD)/fuzz-%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/fuzz.o $(COMMON) $(LIB)
	$(call run,LINK,$@)$(LINK) -fsanitize=fuzzer -Wl,--wrap=exit -o $@ $^ $(LIBS)

$(BUILD)/tests/fuzz/pages.o: | $(BUILD)/sqlite_sql.h

$(FAULT_DIR)/%: tests/fault/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call run,CC,$<)$(COMPILE) -o $@ $<

$(FAULT_DIR)/nomemory.so $(FAULT_DIR)/refuse.so: tests/fault/real.h
$(FAULT_DIR)/%.so: tests/fault/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call run,CC,$<)$(COMPILE) -fPIC -shared -o $@ $<

# The programs as they are, except that they wait for a lock for a short time only.
$(PROGRAMS:%=$(FAULT_DIR)/impatient/%): $(FAULT_DIR)/impatient/%: $$(call objects_of,%) $(FAULT_DIR)/impatient.o $(NOMATH) $(COMMON) $(LIB)
	@mkdir -p $(@D)
	$(call run,LINK,$@)$(LINK) -Wl,--wrap=lock_write,--wrap=sqlite3_busy_timeout -o $@ $^ $(LIBS)

$(FAULT_DIR)/%.o: tests/fault/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call run,CC,$<)$(COMPILE) -c -o $@ $<

# Print which lines and branches the tests reach, with programs built without optimisation. Tests of the build are
# omitted, and tests that kill programs or make system calls fail, because they would lose the counts.
UNCOUNTED = build counts delivery failing-calls hardening library library-installed manual packaging power \
	$(patsubst %,torture/%,calls crash fuzz memory people power storm turns)
COVERAGE = $(filter-out $(UNCOUNTED),$(patsubst tests/%.bats,%,$(wildcard tests/*.bats tests/torture/*.bats)))
coverage:
	$(MAKE) CC=gcc BUILD=build/coverage BINDIR=build/coverage/bin CFLAGS='-O0 -g --coverage' HARDEN= programs
	tests/coverage build/coverage $(COVERAGE)

.PHONY: check check-postgres check-suite coverage demo-postgres faults fuzz fuzz-programs fuzzers model mutate ready torture
