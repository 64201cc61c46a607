# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libintel.a
libintel_a_SOURCES = \
	%D%/address_table.c %D%/address_table.h %D%/address_table_build.c \
	%D%/address_table_build.h %D%/array.h %D%/compile.c %D%/compile.h %D%/cuckoo.c \
	%D%/cuckoo.h %D%/domain_hash.h \
	%D%/domain_table.c %D%/domain_table.h %D%/domain_table_build.c %D%/domain_table_build.h \
	%D%/entry_order.c %D%/entry_set.c %D%/entry_set.h %D%/idn.c %D%/idn.h \
	%D%/intern.c %D%/intern.h %D%/fingerprint.c %D%/fingerprint.h %D%/list.c %D%/list.h \
	%D%/json_token.c %D%/json_token.h %D%/list_attributes.c %D%/list_attributes.h \
	%D%/list_csv.c %D%/list_document.c %D%/list_document.h %D%/list_inflate.c \
	%D%/list_inflate.h %D%/list_json.c %D%/list_misp.c %D%/list_set.c %D%/list_stix.c \
	%D%/list_reader.h %D%/list_reason.c %D%/list_reason.h %D%/list_rule.c \
	%D%/list_source.c %D%/list_source.h %D%/list_token.c %D%/list_token.h %D%/list_zone.c \
	%D%/never_block.c %D%/never_block.h %D%/never_block_builtin.c \
	%D%/pack.c %D%/pack.h %D%/pack_address.c %D%/pack_format.h %D%/pack_lookup.c %D%/pack_map.c %D%/pack_map.h \
	%D%/pack_diff.c %D%/pack_diff.h %D%/pack_history.c %D%/pack_history.h \
	%D%/name_history.c %D%/name_history.h %D%/pack_write.c %D%/pack_write.h %D%/resolver_list.c %D%/resolver_list.h \
	%D%/popular_list_builtin.c %D%/resolver_list_builtin.c %D%/span.h %D%/suffix.c %D%/suffix.h
libintel_a_CPPFLAGS = $(AM_CPPFLAGS) -DNEVER_BLOCK_SOURCE='"$(top_srcdir)/policy/never-block.list"' \
	-DRESOLVER_LIST_SOURCE='"$(top_srcdir)/policy/doh-resolvers.txt"' \
	-DPOPULAR_LIST_SOURCE='"$(top_srcdir)/policy/popular-names.list"'
libintel_a_CFLAGS = $(AM_CFLAGS) $(IDN2_CFLAGS) $(PSL_CFLAGS) $(CRYPTO_CFLAGS) $(ZLIB_CFLAGS)
intel_LIBS = libintel.a $(IDN2_LIBS) $(PSL_LIBS) $(ZLIB_LIBS)

# Its content is part of the object, which the compiler's own dependencies do not know.
%D%/libintel_a-never_block_builtin.$(OBJEXT): $(top_srcdir)/policy/never-block.list
%D%/libintel_a-resolver_list_builtin.$(OBJEXT): $(top_srcdir)/policy/doh-resolvers.txt
%D%/libintel_a-popular_list_builtin.$(OBJEXT): $(top_srcdir)/policy/popular-names.list
