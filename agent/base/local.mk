# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	%D%/address.c \
	%D%/address.h \
	%D%/address_scope.c \
	%D%/address_scope.h \
	%D%/cage.c \
	%D%/cage.h \
	%D%/cage_calls.c \
	%D%/cage_landlock.c \
	%D%/cage_layer.c \
	%D%/cage_layer.h \
	%D%/channel.c \
	%D%/channel.h \
	%D%/cleanup.h \
	%D%/clock.c \
	%D%/clock.h \
	%D%/digest.c \
	%D%/digest.h \
	%D%/domain_name.c \
	%D%/domain_name.h \
	%D%/escape.c \
	%D%/escape.h \
	%D%/fd.c \
	%D%/fd.h \
	%D%/fd_pass.c \
	%D%/fd_pass.h \
	%D%/file_identity.c \
	%D%/file_identity.h \
	%D%/fnv.h \
	%D%/siphash.h \
	%D%/log.c \
	%D%/log.h \
	%D%/outlet.c \
	%D%/outlet.h \
	%D%/parse.c \
	%D%/parse.h \
	%D%/quic_crypto.c \
	%D%/quic_crypto.h \
	%D%/signature.c \
	%D%/signature.h \
	%D%/thread.c \
	%D%/thread.h \
	%D%/tls_bundle.c \
	%D%/tls_bundle.h \
	%D%/worker_process.c \
	%D%/worker_process.h
libbase_a_CPPFLAGS = $(AM_CPPFLAGS) -DCORDON_LIBEXECDIR='"$(pkglibexecdir)"'
libbase_a_CFLAGS = $(AM_CFLAGS) -pthread $(SYSTEMD_CFLAGS) $(CRYPTO_CFLAGS) $(SECCOMP_CFLAGS)
base_LIBS = libbase.a $(SYSTEMD_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS)
