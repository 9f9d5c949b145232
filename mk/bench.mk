# The benchmark.
#
#: Measure:
#:   bench                   [BENCH=100] [BASELINE=PATH] the commands beside alternatives
#:   bench-postgres          [BENCH=100] the commands on a PostgreSQL cluster

# The programs of the benchmark, and its figures. BENCH=10 takes a tenth of the time; BASELINE=PATH measures a second
# build, too.
BASELINE =
BENCH_TOOLS = $(BUILD)/bench
BENCH_RESULTS = $(BENCH_TOOLS)/results
BENCH_PROGRAMS = $(patsubst %,$(BENCH_TOOLS)/%,floor race crowd wake fan typist beanstalk slow.so)

# Parts of one program, which share variables.
BENCH_SCRIPTS = tests/bench/run tests/bench/postgres $(wildcard tests/bench/*.bash tests/bench/*/*.bash)

bench: programs $(BENCH_PROGRAMS)
	CHAT_BIN=$(abspath $(BINDIR)) BASELINE=$(BASELINE) tests/bench/run $(BENCH_TOOLS) $(BENCH_RESULTS)

# The commands on a PostgreSQL cluster, beside alternatives with and without a database.
bench-postgres: all $(BENCH_PROGRAMS) $(BENCH_TOOLS)/skip_locked
	CHAT_BIN=$(abspath $(BINDIR)) tests/bench/postgres $(BENCH_TOOLS) $(BENCH_RESULTS)

$(BENCH_TOOLS)/skip_locked: tests/bench/skip_locked.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call run,CC,$<)$(COMPILE) $(shell $(PKG_CONFIG) --cflags libpq) $(HARDEN_LINK) -o $@ $< $(shell $(PKG_CONFIG) --libs libpq)

$(BENCH_TOOLS)/%: tests/bench/%.c tests/bench/process.c tests/bench/process.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(call run,CC,$<)$(COMPILE) $(HARDEN_LINK) -o $@ $(filter %.c,$^)

# The floor is a minimal program.
$(BENCH_TOOLS)/floor: tests/bench/floor.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call run,CC,$<)$(COMPILE) -o $@ $<

$(BENCH_TOOLS)/%.so: tests/bench/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call run,CC,$<)$(COMPILE) -fPIC -shared -o $@ $<

.PHONY: bench bench-postgres
