# SPDX-License-Identifier: Apache-2.0
# Packages, from what `make dist` would pack: into packages/ of the build folder.
#
#   make deb           on Debian and Ubuntu, with what packaging/deb/debian/control builds with
#   make rpm           on Fedora and its kin, with what packaging/rpm/cordon.spec builds with
#   make distributor   zips for SSM Distributor, and their manifest, from the packages in
#                      packages/, or from those that DISTRIBUTOR_PACKAGES names, for several
#                      platforms: "debian:12:x86_64:FILE amazon:2023:arm64:FILE"
EXTRA_DIST += \
	packaging/deb \
	packaging/distributor \
	packaging/rpm

ssmdir = $(pkgdatadir)/ssm
dist_ssm_DATA = \
	packaging/ssm/Cordon-Isolate.json \
	packaging/ssm/Cordon-Scan.json \
	packaging/ssm/Cordon-Status.json \
	packaging/ssm/Cordon-UpdateIntel.json
bakedir = $(pkgdatadir)/bake
dist_bake_DATA = \
	packaging/bake/cloud-init.yaml \
	packaging/bake/cordon-audit.yaml \
	packaging/bake/imagebuilder.yaml \
	packaging/bake/packer.pkr.hcl

packages_tree = packages/tree

packages-tree:
	rm -rf $(packages_tree)
	$(MKDIR_P) packages
	$(MAKE) $(AM_MAKEFLAGS) distdir distdir=$(packages_tree) am__remove_distdir=:

# DEB_FLAGS: more for dpkg-buildpackage, as -d or -aarm64. DEB_BUILD_OPTIONS=nocheck: without tests.
deb: packages-tree
	cp -r $(packages_tree)/packaging/deb/debian $(packages_tree)/debian
	cd $(packages_tree) && dpkg-buildpackage -b -uc -us $(DEB_FLAGS)

# RPM_FLAGS: more for rpmbuild, as --nodeps or "--with bundled_yara".
rpm: packages-tree
	rm -rf packages/rpm && $(MKDIR_P) packages/rpm/SOURCES
	tar -C packages -cJf packages/rpm/SOURCES/$(distdir).tar.xz --transform 's|^tree|$(distdir)|' tree
	test ! -f $(srcdir)/yara-*.tar.gz || cp $(srcdir)/yara-*.tar.gz packages/rpm/SOURCES
	rpmbuild -bb -D "_topdir $(abs_builddir)/packages/rpm" $(RPM_FLAGS) \
		$(srcdir)/packaging/rpm/cordon.spec
	cp packages/rpm/RPMS/*/cordon-[0-9]*.rpm packages

# Without a word, of the package that was made here, for the system that it was made on.
DISTRIBUTOR_PACKAGES = $$(. /etc/os-release && arch=$$(uname -m | sed 's/aarch64/arm64/') && \
	ls packages/cordon_*.deb packages/cordon-[0-9]*.rpm 2>/dev/null | tail -n 1 | \
	sed "s/^/$$ID:$$VERSION_ID:$$arch:/;s/^amzn/amazon/;s/^rhel/redhat/")

distributor:
	rm -rf packages/distributor
	$(srcdir)/packaging/distributor/build.py --version $(PACKAGE_VERSION) \
		--output packages/distributor $(DISTRIBUTOR_PACKAGES)

.PHONY: packages-tree deb rpm distributor
