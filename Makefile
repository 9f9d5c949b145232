# chat-send, chat-recv and the library under them. Needs GNU make: make help.
#
#: Build and install; V=1 shows every command.
#:   all                     the programs, the library, and with libpq the module for PostgreSQL (the default)
#:   programs                only the programs
#:   demo                    build, then send and receive for real
#:   picture                 draw the picture in the README again, from a real session
#:   clean                   remove what was built
#:   Variables: CC=clang CFLAGS= SQLITE=shared JANSSON=shared POSTGRES=0 LIBEDIT=0 SANITIZE=address,undefined

VERSION = 0.2.0
PROGRAMS = chat-send chat-recv chat-spool chat-talk

# A sanitized build is in a directory beside the plain one.
SANITIZE =
BUILD = build$(if $(SANITIZE),/san)
BINDIR = $(if $(SANITIZE),$(BUILD)/)bin

PARTS_OF_MAKE = $(patsubst %,mk/%.mk,install test bench analyze package)
include mk/flags.mk mk/install.mk

.DEFAULT_GOAL = all

# The programs link from this archive only the objects that they need.
LIB = $(BUILD)/libchatspool.a
LIB_SOURCES = $(wildcard lib/*.c lib/os/*.c lib/sqlite/*.c)
LIB_OBJECTS = $(LIB_SOURCES:%.c=$(BUILD)/%.o)

# The library for other programs: only the functions in chatspool.h are visible. Code for a shared library is slower, so
# the programs do not use it.
SONAME = libchatspool.so.1
SHARED = $(BUILD)/public/libchatspool.so.$(VERSION)
STATIC = $(BUILD)/public/libchatspool.a
PIC_OBJECTS = $(LIB_SOURCES:%.c=$(BUILD)/pic/%.o)
# A sanitized build is for tests of the programs.
PUBLIC = $(if $(SANITIZE),,$(SHARED) $(STATIC))
OBJCOPY = objcopy

# The module is in a directory beside the programs, or where it is installed: $(LIBDIR)/chatspool, which a program finds
# relative to its own path. The module contains the parts of the library that it needs.
MODULE_DIR = $(BINDIR)/chatspool
MODULE = $(MODULE_DIR)/chatspool-postgresql.so
MODULES = $(if $(POSTGRES:0=),$(MODULE))
MODULE_SOURCES = $(wildcard lib/postgres/*.c)
MODULE_OBJECTS = $(MODULE_SOURCES:%.c=$(BUILD)/pic/%.o) \
	$(patsubst %,$(BUILD)/pic/lib/%.o,batch digest error report rooms utf8 os/vigil)
MODULE_PLACES = -DCHAT_MODULES='"$(LIBDIR)/chatspool"' -DCHAT_MODULES_BESIDE='"$(LIBDIR:$(PREFIX)/%=../%)/chatspool"'
$(BUILD)/lib/module.o $(BUILD)/pic/lib/module.o: OWN_CFLAGS = $(MODULE_PLACES)
$(MODULE_SOURCES:%.c=$(BUILD)/pic/%.o): OWN_CFLAGS = $(POSTGRES_CFLAGS)

# The sources of chat-send are in bin/send. Code that several programs share is in bin/common, and each program links
# only the objects that it needs: every additional symbol slows down the start.
BIN_SOURCES = $(filter-out $(patsubst %,bin/talk/%.c,$(if $(LIBEDIT:0=),noedit,edit keys modes)),$(wildcard bin/*/*.c))
BIN_OBJECTS = $(BIN_SOURCES:%.c=$(BUILD)/%.o)
objects_of = $(filter $(BUILD)/bin/$(1:chat-%=%)/%,$(BIN_OBJECTS))
COMMON = $(BUILD)/common.a
# A static SQLite needs libm at link time and never uses it here.
NOMATH = $(if $(SQLITE:shared=),$(BUILD)/bin/common/nomath.o)

# Only chat-talk is linked with libedit.
$(BINDIR)/chat-talk: OWN_LIBS = $(LIBEDIT_LIBS)
$(patsubst %,$(BUILD)/bin/talk/%.o,edit keys modes): OWN_CFLAGS = $(LIBEDIT_CFLAGS)

all: programs $(MODULES) $(PUBLIC)
programs: $(PROGRAMS:%=$(BINDIR)/%)

.SECONDEXPANSION:
$(PROGRAMS:%=$(BINDIR)/%): $(BINDIR)/%: $$(call objects_of,%) $(NOMATH) $(COMMON) $(LIB)
	@mkdir -p $(@D)
	$(call run,LINK,$@)$(LINK) -o $@ $^ $(LIBS) $(OWN_LIBS)

$(COMMON): $(filter-out %/nomath.o,$(call objects_of,chat-common))
$(LIB): $(LIB_OBJECTS)
$(COMMON) $(LIB):
	@# Not "r": of two files with the same name it would keep one.
	$(call run,AR,$@)rm -f $@ && $(AR) qcs $@ $^

$(SHARED): $(PIC_OBJECTS) lib/chatspool.map
	@mkdir -p $(@D)
	$(call run,LINK,$@)$(CC) $(CFLAGS) -shared $(filter-out -pie,$(HARDEN_LINK)) -Wl,-z,defs -Wl,--as-needed $(LDFLAGS) \
		-Wl,-soname,$(SONAME) -Wl,--version-script=lib/chatspool.map -o $@ $(PIC_OBJECTS) $(SQLITE_shared)

$(MODULE): $(MODULE_OBJECTS) lib/postgres/module.map
	@mkdir -p $(@D)
	$(call run,LINK,$@)$(CC) $(CFLAGS) $(SANITIZED) -shared $(filter-out -pie,$(HARDEN_LINK)) -Wl,--as-needed $(LDFLAGS) \
		-Wl,--version-script=lib/postgres/module.map -o $@ $(MODULE_OBJECTS) $(POSTGRES_LIBS)

# A single object, so that its internal symbols are visible only inside it.
$(STATIC): $(LIB_OBJECTS) lib/chatspool.map
	@mkdir -p $(@D)
	$(call run,AR,$@)rm -f $@ && $(LD) -r -o $(@:.a=.o) $(LIB_OBJECTS)
	@sed -n 's/^ *\(chat_[a-z0-9_]*\);$$/\1/p' lib/chatspool.map >$(@:.a=.names)
	@$(OBJCOPY) --keep-global-symbols=$(@:.a=.names) $(@:.a=.o)
	@$(AR) rcs $@ $(@:.a=.o)

$(BUILD)/pic/%.o: PIE = -fPIC
$(BUILD)/pic/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call run,CC,$< for a shared library)$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call run,CC,$<)$(COMPILE) -MMD -MP -c -o $@ $<

$(LIB_OBJECTS) $(PIC_OBJECTS): | $(BUILD)/sqlite_sql.h
$(MODULE_SOURCES:%.c=$(BUILD)/pic/%.o): | $(BUILD)/pg_sql.h

$(BUILD)/sqlite_sql.h: sql/embed $(wildcard sql/sqlite/*)
	@mkdir -p $(@D)
	$(call run,EMBED,sql/sqlite)sql/embed sql/sqlite sql >$@.new && mv $@.new $@

$(BUILD)/pg_sql.h: sql/embed $(wildcard sql/postgres/*)
	@mkdir -p $(@D)
	$(call run,EMBED,sql/postgres)sql/embed sql/postgres pg >$@.new && mv $@.new $@

# This file changes when the compiler or a flag does; then everything is rebuilt.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(COMPILE) $(LINK) $(LIBS) $(LIBEDIT_LIBS)' >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# Draw the picture in the README again.
picture: programs
	CHAT_BIN=$(abspath $(BINDIR)) docs/picture >docs/session.svg.new && mv docs/session.svg.new docs/session.svg

demo: programs
	@PATH="$(abspath $(BINDIR)):$$PATH" examples/demo

clean:
	rm -rf $(BUILD) $(PROGRAMS:%=$(BINDIR)/%) $(MODULE_DIR)

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile $(PARTS_OF_MAKE)

include $(filter-out mk/install.mk,$(PARTS_OF_MAKE))

FORCE:
.PHONY: all clean demo help picture programs FORCE
.SECONDARY:
.DELETE_ON_ERROR:

-include $(LIB_OBJECTS:.o=.d) $(PIC_OBJECTS:.o=.d) $(MODULE_OBJECTS:.o=.d) $(BIN_OBJECTS:.o=.d)
