# SPDX-License-Identifier: Apache-2.0
# The parsers of payload, the worker in its cage, and the parent's side of it: the linker takes what
# each program needs. cordond and cordon have no parser in them.
noinst_LIBRARIES += libscan.a
libscan_a_SOURCES = \
	%D%/assembly.c %D%/assembly.h %D%/cursor.h %D%/flow_names.c %D%/flow_names.h \
	%D%/flow_reader.c %D%/flow_reader.h %D%/hpack.c %D%/hpack.h \
	%D%/hpack_huffman.c %D%/hpack_huffman.h %D%/http2.c %D%/http2.h \
	%D%/http_authority.c %D%/http_authority.h %D%/http_request.c %D%/http_request.h \
	%D%/ja4.c %D%/ja4.h %D%/quic_initial.c %D%/quic_initial.h \
	%D%/quic_packet.c %D%/quic_packet.h %D%/socks.c %D%/socks.h %D%/tls_hello.c %D%/tls_hello.h \
	%D%/tls_record.c %D%/tls_record.h %D%/upgrade.c %D%/upgrade.h \
	%D%/scan_cage.c %D%/scan_cage.h %D%/flow_table.c %D%/flow_table.h %D%/lru.c %D%/lru.h \
	%D%/pool.c %D%/pool.h %D%/pool_worker.c %D%/pool_worker.h %D%/protocol.c %D%/protocol.h \
	%D%/worker.c %D%/worker.h %D%/compile_cage.c %D%/compile_job.c %D%/compile_job.h \
	%D%/compile_protocol.h %D%/compile_worker.c %D%/compile_worker.h
# Scanning files: the parent's side, and the rules' and files' processes.
libscan_a_SOURCES += \
	%D%/file_scan.c %D%/file_scan.h %D%/file_scan_private.h %D%/file_job.c %D%/file_pool.c \
	%D%/file_set.c %D%/rule_folder.c %D%/rule_folder.h %D%/rule_session.c %D%/rule_session.h \
	%D%/rule_store.c %D%/rule_store.h \
	%D%/file_protocol.c %D%/file_protocol.h \
	%D%/archive.c %D%/archive.h %D%/file_cage.c %D%/file_cage.h %D%/file_main.c %D%/file_main.h \
	%D%/file_type.c %D%/file_type.h %D%/file_buffer.c %D%/file_buffer.h \
	%D%/file_worker.c %D%/file_worker.h \
	%D%/file_zygote.c %D%/file_zygote.h %D%/memory_map.c %D%/memory_map.h \
	%D%/rule_compiler.c %D%/rule_compiler.h %D%/yara_compile.c %D%/yara_compile.h \
	%D%/yara_engine.c %D%/yara_engine.h %D%/yara_externals.h %D%/yara_source.c %D%/yara_source.h \
	%D%/yara_lexer.c %D%/yara_lexer.h %D%/yara_part.c %D%/yara_part.h \
	%D%/yara_stream.c %D%/yara_stream.h
# Which files are scanned, when, and what is known of them.
libscan_a_SOURCES += %D%/file_queue.c %D%/file_queue.h %D%/verdict_cache.c %D%/verdict_cache.h
libscan_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(SYSTEMD_CFLAGS) $(SECCOMP_CFLAGS) $(YARA_CFLAGS) \
	$(ARCHIVE_CFLAGS)
scan_LIBS = libscan.a $(JANSSON_LIBS) $(SYSTEMD_LIBS)
scan_worker_LIBS = $(YARA_LIBS) $(ARCHIVE_LIBS)

# The worker has neither libbpf nor libsystemd in its address space.
pkglibexec_PROGRAMS += cordon-scan
cordon_scan_SOURCES = %D%/worker_main.c
cordon_scan_CFLAGS = $(AM_CFLAGS)
cordon_scan_LDADD = libscan.a libsensor.a $(intel_LIBS) libbase.a $(scan_worker_LIBS) $(CRYPTO_LIBS) \
	$(SECCOMP_LIBS)
