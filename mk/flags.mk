# The compiler, its features, and the libraries of this system.

# A target that only prints or removes runs no compiler.
ASKED := $(filter-out clean help,$(or $(MAKECMDGOALS),all))
ask = $(if $(ASKED),$(shell $(1)))

# Print one line for each file that is made: $(call run,WHAT,FILE)COMMAND. V=1 shows the commands, make -s nothing.
V =
run = $(if $(filter 1,$(V)),,@$(if $(findstring s,$(firstword -$(MAKEFLAGS))),,echo '$(1) $(2)' && ))

# The prefix of a command that needs no line.
Q = $(if $(filter 1,$(V)),,@)

PROCESSORS = $(shell getconf _NPROCESSORS_ONLN)
# For a nested make, unless this one already has as many jobs.
PARALLEL = $(if $(filter -j%,$(MAKEFLAGS)),,-j $(PROCESSORS))

CFLAGS = -O2 -g
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wformat=2 -Wundef -Wwrite-strings -Wimplicit-fallthrough -Wno-overlength-strings
# The flags of the Open Source Security Foundation's hardening guide for compilers, as far as this compiler knows them.
# Not used: nodlopen, because programs in other languages load the library.
compiler_has = $(foreach flag,$(1),$(call ask,$(CC) -Werror $(flag) -fsyntax-only -x c /dev/null 2>/dev/null && echo $(flag)))
PIE = -fPIE
HARDEN := -fstack-protector-strong -fno-strict-overflow -fno-strict-aliasing -fno-delete-null-pointer-checks \
	$(call compiler_has,-fstack-clash-protection -fcf-protection=full -mbranch-protection=standard \
		-fstrict-flex-arrays=3 -fzero-init-padding-bits=all -Wtrampolines -Wbidi-chars=any)
HARDEN_LINK = -pie -Wl,-z,relro,-z,now,-z,noexecstack

ifeq ($(SANITIZE),)
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 $(call compiler_has,-ftrivial-auto-var-init=zero)
else
SANITIZED = -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

# A program takes twice as long to start with a shared SQLite, so link the static one if it exists. Jansson reads JSON
# for chat-send -J; its static library costs every other send almost nothing, while the shared one would be mapped each
# time.
PKG_CONFIG = pkg-config
static_or_shared = $(if $(wildcard $(call ask,$(CC) -print-file-name=lib$(1).a)),static,shared)
SQLITE := $(call static_or_shared,sqlite3)
SQLITE_static = -Wl,-Bstatic -lsqlite3 -Wl,-Bdynamic -lm
SQLITE_shared = $(or $(shell $(PKG_CONFIG) --libs sqlite3 2>/dev/null),-lsqlite3)
JANSSON := $(call static_or_shared,jansson)
JANSSON_static = -Wl,-Bstatic -ljansson -Wl,-Bdynamic
JANSSON_shared = $(or $(shell $(PKG_CONFIG) --libs jansson 2>/dev/null),-ljansson)

LIBS = $(JANSSON_$(JANSSON)) $(SQLITE_$(SQLITE))
PKG_CFLAGS := $(call ask,$(PKG_CONFIG) --cflags sqlite3 libxxhash jansson 2>/dev/null)

# The PostgreSQL store is a separate module, loaded only for spools in a database: no program links libpq.
POSTGRES := $(if $(call ask,$(PKG_CONFIG) --exists libpq 2>/dev/null && echo yes),1,0)
POSTGRES_CFLAGS := $(call ask,$(PKG_CONFIG) --cflags libpq 2>/dev/null)
POSTGRES_LIBS = $(or $(shell $(PKG_CONFIG) --libs libpq 2>/dev/null),-lpq)

# The editor of chat-talk. Without libedit, chat-talk uses the editing of the terminal itself.
LIBEDIT := $(if $(call ask,$(PKG_CONFIG) --exists libedit 2>/dev/null && echo yes),1,0)
LIBEDIT_CFLAGS := $(if $(LIBEDIT:0=),$(call ask,$(PKG_CONFIG) --cflags libedit 2>/dev/null))
LIBEDIT_LIBS = $(if $(LIBEDIT:0=),$(or $(shell $(PKG_CONFIG) --libs libedit 2>/dev/null),-ledit))

# If a long has 32 bits, positions in a file and times have 64 bits only on request (lib/os/lock.c asserts it).
WIDE = -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
COMPILE = $(CC) -std=c17 -D_GNU_SOURCE $(WIDE) $(WARNINGS) $(CFLAGS) $(PIE) $(HARDEN) $(SANITIZED) \
	-Ilib -Ibin -I$(BUILD) -DCHAT_VERSION=\"$(VERSION)\" $(PKG_CFLAGS) $(OWN_CFLAGS) $(CPPFLAGS)
LINK = $(CC) $(CFLAGS) $(SANITIZED) $(HARDEN_LINK) -Wl,--as-needed $(LDFLAGS)
