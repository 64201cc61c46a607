# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libscan.a
libscan_a_SOURCES = \
	%D%/assembly.c %D%/assembly.h %D%/cursor.h %D%/flow_names.c %D%/flow_names.h \
	%D%/flow_reader.c %D%/flow_reader.h %D%/hpack.c %D%/hpack.h \
	%D%/hpack_huffman.c %D%/hpack_huffman.h %D%/http2.c %D%/http2.h \
	%D%/http_authority.c %D%/http_authority.h %D%/http_request.c %D%/http_request.h \
	%D%/ja4.c %D%/ja4.h %D%/quic_initial.c %D%/quic_initial.h \
	%D%/quic_packet.c %D%/quic_packet.h %D%/socks.c %D%/socks.h %D%/tls_hello.c %D%/tls_hello.h \
	%D%/tls_record.c %D%/tls_record.h %D%/upgrade.c %D%/upgrade.h
libscan_a_CFLAGS = $(AM_CFLAGS)
scan_LIBS = libscan.a
