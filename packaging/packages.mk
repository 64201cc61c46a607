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
	packaging/rpm/cordon.spec

packages_tree = packages/tree

packages-tree:
	rm -rf $(packages_tree)
	$(MKDIR_P) packages
	$(MAKE) $(AM_MAKEFLAGS) distdir distdir=$(packages_tree) am__remove_distdir=:

# DEB_FLAGS: more for dpkg-buildpackage, as -d or -aarm64. DEB_BUILD_OPTIONS=nocheck: without tests.
deb: packages-tree
	cp -r $(packages_tree)/packaging/deb/debian $(packages_tree)/debian
	cd $(packages_tree) && dpkg-buildpackage -b -uc -us $(DEB_FLAGS)

.PHONY: packages-tree deb
