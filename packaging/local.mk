# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += quickstart .clang-format README.md ARCHITECTURE.md HACKING.md SECURITY.md \
	LICENSE \
	LICENSES \
	%D%/cordon.yaml \
	%D%/systemd/cordond.service.in

dist_man_MANS = \
	%D%/man/cordon.8 \
	%D%/man/cordond.8 \
	%D%/man/cordon.yaml.5 \
	%D%/man/cordon-policy.5

completionsdir = $(datadir)/bash-completion/completions
dist_completions_DATA = \
	%D%/completions/cordon

# The unit names the program where it is installed to, which is known to make only.
systemdsystemunit_DATA = \
	%D%/systemd/cordond.service
CLEANFILES += \
	%D%/systemd/cordond.service

%D%/systemd/cordond.service: $(srcdir)/%D%/systemd/cordond.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) -e 's|@sbindir[@]|$(sbindir)|g' $< >$@

cloudformationdir = $(pkgdatadir)/cloudformation
dist_cloudformation_DATA = \
	%D%/cloudformation/isolation.yaml

# A configuration that is there is the administrator's.
cordon_sysconfdir = $(DESTDIR)$(sysconfdir)/cordon

install-data-local:
	$(MKDIR_P) $(cordon_sysconfdir)/cordon.d $(cordon_sysconfdir)/policy.d
	test -e $(cordon_sysconfdir)/cordon.yaml || \
		$(INSTALL_DATA) $(srcdir)/packaging/cordon.yaml $(cordon_sysconfdir)/cordon.yaml

uninstall-local:
	! cmp -s $(srcdir)/packaging/cordon.yaml $(cordon_sysconfdir)/cordon.yaml || \
		rm -f $(cordon_sysconfdir)/cordon.yaml
	-rmdir $(cordon_sysconfdir)/cordon.d $(cordon_sysconfdir)/policy.d $(cordon_sysconfdir) \
		2>/dev/null
