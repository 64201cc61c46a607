# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += quickstart .clang-format README.md ARCHITECTURE.md HACKING.md SECURITY.md \
	LICENSE \
	LICENSES \
	%D%/cordon.yaml \
	%D%/cross \
	%D%/systemd/cordond.service.in \
	%D%/systemd/cordon.sysusers \
	%D%/systemd/cordon.tmpfiles \
	%D%/systemd/50-cordon.preset

dist_man_MANS = \
	%D%/man/cordon.1 \
	%D%/man/cordond.8 \
	%D%/man/cordon.yaml.5 \
	%D%/man/cordon-policy.7

completionsdir = $(datadir)/bash-completion/completions
dist_completions_DATA = \
	%D%/completions/cordon

# The unit names the program where it is installed to, which is known to make only.
systemdsystemunit_DATA = \
	%D%/systemd/cordond.service
dist_systemdsystemunit_DATA = \
	%D%/systemd/cordond-again.timer
CLEANFILES += \
	%D%/systemd/cordond.service

%D%/systemd/cordond.service: $(srcdir)/%D%/systemd/cordond.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) -e 's|@sbindir[@]|$(sbindir)|g' $< >$@

zshdir = $(datadir)/zsh/vendor-completions
dist_zsh_DATA = \
	%D%/completions/_cordon

cloudformationdir = $(pkgdatadir)/cloudformation
dist_cloudformation_DATA = \
	%D%/cloudformation/isolation.yaml \
	%D%/cloudformation/operate.yaml

# A configuration that is there is the administrator's.
cordon_sysconfdir = $(DESTDIR)$(sysconfdir)/cordon
# systemd looks for these in /usr/lib only, and takes them by the ends of their names.
cordon_systemd = $(DESTDIR)$(prefix)/lib

install-data-local:
	$(MKDIR_P) $(cordon_systemd)/sysusers.d $(cordon_systemd)/tmpfiles.d \
		$(cordon_systemd)/systemd/system-preset
	$(INSTALL_DATA) $(srcdir)/packaging/systemd/cordon.sysusers \
		$(cordon_systemd)/sysusers.d/cordon.conf
	$(INSTALL_DATA) $(srcdir)/packaging/systemd/cordon.tmpfiles \
		$(cordon_systemd)/tmpfiles.d/cordon.conf
	$(INSTALL_DATA) $(srcdir)/packaging/systemd/50-cordon.preset \
		$(cordon_systemd)/systemd/system-preset/50-cordon.preset
	$(MKDIR_P) $(cordon_sysconfdir)/cordon.d $(cordon_sysconfdir)/policy.d
	test -e $(cordon_sysconfdir)/cordon.yaml || \
		$(INSTALL_DATA) $(srcdir)/packaging/cordon.yaml $(cordon_sysconfdir)/cordon.yaml

uninstall-local:
	rm -f $(cordon_systemd)/sysusers.d/cordon.conf $(cordon_systemd)/tmpfiles.d/cordon.conf \
		$(cordon_systemd)/systemd/system-preset/50-cordon.preset
	! cmp -s $(srcdir)/packaging/cordon.yaml $(cordon_sysconfdir)/cordon.yaml || \
		rm -f $(cordon_sysconfdir)/cordon.yaml
	-rmdir $(cordon_sysconfdir)/cordon.d $(cordon_sysconfdir)/policy.d $(cordon_sysconfdir) \
		2>/dev/null

include packaging/packages.mk
