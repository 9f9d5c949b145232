# Where everything is installed, and how it is installed and removed.
#
#: Install:
#:   install, uninstall      [PREFIX=/usr/local] [DESTDIR=]

PREFIX = /usr/local
LIBDIR = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
PKGCONFIGDIR = $(LIBDIR)/pkgconfig
MANDIR = $(PREFIX)/share/man
BASHDIR = $(PREFIX)/share/bash-completion/completions
ZSHDIR = $(PREFIX)/share/zsh/site-functions
FISHDIR = $(PREFIX)/share/fish/vendor_completions.d
# The directory where systemd looks for units, also below /usr/local.
UNITDIR = $(PREFIX)/lib/systemd/system
SYSUSERSDIR = $(PREFIX)/lib/sysusers.d
TMPFILESDIR = $(PREFIX)/lib/tmpfiles.d
DESTDIR =

UNITS = chat-worker@.service chat-nightly.service chat-nightly.timer
MAN = $(wildcard man/*.[1-9])

install: all
	$(call run,INSTALL,$(DESTDIR)$(PREFIX))install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(PKGCONFIGDIR)
	$(Q)install $(PROGRAMS:%=$(BINDIR)/%) $(DESTDIR)$(PREFIX)/bin
	$(Q)install -m 644 $(PUBLIC) $(DESTDIR)$(LIBDIR)
	$(Q)$(if $(MODULES),install -D -t $(DESTDIR)$(LIBDIR)/chatspool $(MODULES),:)
	$(Q)ln -sf $(notdir $(SHARED)) $(DESTDIR)$(LIBDIR)/$(SONAME)
	$(Q)ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libchatspool.so
	$(Q)install -m 644 lib/chatspool.h $(DESTDIR)$(INCLUDEDIR)
	$(Q)sed 's|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|; s|@SQLITE@|$(SQLITE_shared)|' \
		lib/chatspool.pc.in >$(DESTDIR)$(PKGCONFIGDIR)/chatspool.pc
	$(Q)for page in $(MAN); do \
		install -D -m 644 -t $(DESTDIR)$(MANDIR)/man$${page##*.} $$page || exit; \
	done
	$(Q)install -d $(DESTDIR)$(UNITDIR)
	$(Q)for unit in $(UNITS); do \
		init/unit init/$$unit $(PREFIX)/bin >$(DESTDIR)$(UNITDIR)/$$unit || exit; \
	done
	$(Q)install -D -m 644 init/chat.sysusers $(DESTDIR)$(SYSUSERSDIR)/chatspool.conf
	$(Q)install -D -m 644 init/chat.tmpfiles $(DESTDIR)$(TMPFILESDIR)/chatspool.conf
	$(Q)install -D -m 644 -t $(DESTDIR)$(ZSHDIR) completions/_chatspool
	$(Q)for program in $(PROGRAMS); do \
		install -D -m 644 completions/chatspool.bash $(DESTDIR)$(BASHDIR)/$$program || exit; \
		install -D -m 644 completions/chatspool.fish $(DESTDIR)$(FISHDIR)/$$program.fish || exit; \
	done

uninstall:
	$(call run,REMOVE,$(DESTDIR)$(PREFIX))rm -f $(PROGRAMS:%=$(DESTDIR)$(PREFIX)/bin/%)
	$(Q)rm -f $(patsubst %,$(DESTDIR)$(LIBDIR)/%,$(notdir $(PUBLIC)) $(SONAME) libchatspool.so) \
		$(DESTDIR)$(INCLUDEDIR)/chatspool.h $(DESTDIR)$(PKGCONFIGDIR)/chatspool.pc
	$(Q)rm -f $(patsubst %,$(DESTDIR)$(LIBDIR)/chatspool/%,$(notdir $(MODULES)))
	-$(Q)rmdir $(DESTDIR)$(LIBDIR)/chatspool 2>/dev/null
	$(Q)for page in $(notdir $(MAN)); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done
	$(Q)rm -f $(UNITS:%=$(DESTDIR)$(UNITDIR)/%) \
		$(DESTDIR)$(SYSUSERSDIR)/chatspool.conf $(DESTDIR)$(TMPFILESDIR)/chatspool.conf
	$(Q)rm -f $(DESTDIR)$(ZSHDIR)/_chatspool $(PROGRAMS:%=$(DESTDIR)$(BASHDIR)/%) \
		$(PROGRAMS:%=$(DESTDIR)$(FISHDIR)/%.fish)

.PHONY: install uninstall
