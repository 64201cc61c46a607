# SPDX-License-Identifier: Apache-2.0
# Unit tests and fuzz targets have one source file each, of their own name. They link every
# library; the linker takes what they use.
AM_CPPFLAGS += $(CMOCKA_CFLAGS)
cordon_LIBS = $(cli_LIBS) $(daemon_LIBS) $(cloud_LIBS) $(scan_LIBS) $(report_LIBS) $(evidence_LIBS) $(response_LIBS) \
	$(journal_LIBS) \
	$(policy_LIBS) $(detect_LIBS) $(sensor_LIBS) $(intel_LIBS) $(base_LIBS)
LDADD = $(replay_LIBS) $(cordon_LIBS) $(scan_worker_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += \
	%D%/unit/test_detect \
	%D%/unit/test_asker \
	%D%/unit/test_record \
	%D%/unit/test_pins \
	%D%/unit/test_stub \
	%D%/unit/test_process_proc \
	%D%/unit/test_process_table \
	%D%/unit/test_event \
	%D%/unit/test_evidence \
	%D%/unit/test_freezer \
	%D%/unit/test_ledger \
	%D%/unit/test_cgroup \
	%D%/unit/test_log \
	%D%/unit/test_digest \
	%D%/unit/test_fd \
	%D%/unit/test_clock \
	%D%/unit/test_outlet \
	%D%/unit/test_parse \
	%D%/unit/test_escape \
	%D%/unit/test_domain_name \
	%D%/unit/test_address \
	%D%/unit/test_address_table \
	%D%/unit/test_pack \
	%D%/unit/test_pack_history \
	%D%/unit/test_brake \
	%D%/unit/test_name_history \
	%D%/unit/test_fingerprint \
	%D%/unit/test_list \
	%D%/unit/test_list_document \
	%D%/unit/test_list_set \
	%D%/unit/test_domain_table \
	%D%/unit/test_block \
	%D%/unit/test_capture \
	%D%/unit/test_channel \
	%D%/unit/test_config \
	%D%/unit/test_contain_record \
	%D%/unit/test_identity \
	%D%/unit/test_control \
	%D%/unit/test_address_scope \
	%D%/unit/test_dns_answers \
	%D%/unit/test_cut \
	%D%/unit/test_dns_message \
	%D%/unit/test_learnt \
	%D%/unit/test_rebinding \
	%D%/unit/test_resolver_bypass \
	%D%/unit/test_resolvers \
	%D%/unit/test_document \
	%D%/unit/test_frame \
	%D%/unit/test_journal \
	%D%/unit/test_journal_life \
	%D%/unit/test_ocsf \
	%D%/unit/test_pattern \
	%D%/unit/test_policy \
	%D%/unit/test_replay_event \
	%D%/unit/test_replay_split \
	%D%/unit/test_screen \
	%D%/unit/test_severity \
	%D%/unit/test_endpoint \
	%D%/unit/test_retry \
	%D%/unit/test_sigv4 \
	%D%/unit/test_status \
	%D%/unit/test_writer \
	%D%/unit/test_flow_reader \
	%D%/unit/test_flow_capture \
	%D%/unit/test_assembly \
	%D%/unit/test_hpack \
	%D%/unit/test_ja4 \
	%D%/unit/test_quic_crypto

tests_unit_test_flow_reader_SOURCES = \
	%D%/unit/test_flow_reader.c \
	%D%/unit/flow_cases.c \
	%D%/unit/flow_cases.h
tests_unit_test_flow_capture_SOURCES = \
	%D%/unit/test_flow_capture.c \
	%D%/unit/flow_capture.c \
	%D%/unit/flow_capture.h

# What goes to AWS.
UNIT_TESTS += \
	%D%/unit/test_batch \
	%D%/unit/test_emf \
	%D%/unit/test_message \
	%D%/unit/test_outbox \
	%D%/unit/test_opsitem
UNIT_TESTS += \
	%D%/unit/test_asff \
	%D%/unit/test_outage \
	%D%/unit/test_sink_reply
# It has the channel and the client itself, so the library comes after those that use them.
tests_unit_test_outage_SOURCES = %D%/unit/test_outage.c %D%/unit/sink_bodies.c %D%/unit/sink_bodies.h
tests_unit_test_outage_LDADD = $(daemon_LIBS) $(cordon_LIBS) $(CMOCKA_LIBS)

# Isolation.
UNIT_TESTS += \
	%D%/unit/test_isolate \
	%D%/unit/test_isolation
tests_unit_test_isolate_SOURCES = %D%/unit/test_isolate.c %D%/unit/fleet.c %D%/unit/fleet.h

# The worker, and its cage.
UNIT_TESTS += \
	%D%/unit/test_cage \
	%D%/unit/test_flow_table \
	%D%/unit/test_lru \
	%D%/unit/test_compile_job \
	%D%/unit/test_signature \
	%D%/unit/test_pool \
	%D%/unit/test_protocol \
	%D%/unit/test_worker

# Files: what is scanned when, and what is done about it.
UNIT_TESTS += \
	%D%/unit/test_verdict_cache \
	%D%/unit/test_quarantine \
	%D%/unit/test_file_queue \
	%D%/unit/test_exec_gate \
	%D%/unit/test_gate_cage \
	%D%/unit/test_file_watch
EXTRA_DIST += \
	%D%/unit/mounted.h

# The worker of the tests: the same cage, and a reader that does as it is told.
noinst_PROGRAMS += \
	%D%/unit/scan_double
tests_unit_scan_double_SOURCES = \
	agent/scan/worker_main.c \
	%D%/unit/scan_double.c \
	%D%/unit/scan_double.h \
	%D%/unit/cage_tries.c \
	%D%/unit/cage_tries.h
tests_unit_scan_double_LDADD = libscan.a libsensor.a $(intel_LIBS) libbase.a $(scan_worker_LIBS) $(CRYPTO_LIBS) \
	$(SECCOMP_LIBS)

tests_unit_test_gate_cage_SOURCES = \
	%D%/unit/test_gate_cage.c \
	agent/sensor/gate_cage.c \
	%D%/unit/cage_tries.c \
	%D%/unit/cage_tries.h

tests_unit_test_gate_cage_LDADD = libbase.a $(SECCOMP_LIBS) $(CMOCKA_LIBS)

# Scanning files. One more double: files say what its workers do.
UNIT_TESTS += \
	%D%/unit/test_archive \
	%D%/unit/test_file_detector \
	%D%/unit/test_file_pool \
	%D%/unit/test_file_protocol \
	%D%/unit/test_file_scan \
	%D%/unit/test_rule_store \
	%D%/unit/test_file_type \
	%D%/unit/test_memory_map \
	%D%/unit/test_yara_source
noinst_PROGRAMS += \
	%D%/unit/file_double
tests_unit_file_double_SOURCES = \
	agent/scan/worker_main.c \
	%D%/unit/file_double.c \
	%D%/unit/cage_tries.c \
	%D%/unit/cage_tries.h
tests_unit_file_double_LDADD = libscan.a libsensor.a $(intel_LIBS) libbase.a $(scan_worker_LIBS) $(CRYPTO_LIBS) \
	$(SECCOMP_LIBS)
EXTRA_DIST += \
	%D%/unit/file_rig.h

if CMOCKA
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif

# With --enable-fuzzers they are fuzzers; else they run over their corpus in `make check`.
FUZZ_TARGETS += \
	%D%/fuzz/fuzz_isolation_facts \
	%D%/fuzz/fuzz_xml_facts
FUZZ_TARGETS += \
	%D%/fuzz/fuzz_archive \
	%D%/fuzz/fuzz_evidence_text \
	%D%/fuzz/fuzz_file_protocol \
	%D%/fuzz/fuzz_yara_source \
	%D%/fuzz/fuzz_cloudwatch \
	%D%/fuzz/fuzz_courier \
	%D%/fuzz/fuzz_ssm \
	%D%/fuzz/fuzz_sink_reply \
	%D%/fuzz/fuzz_record \
	%D%/fuzz/fuzz_domain_name \
	%D%/fuzz/fuzz_pack \
	%D%/fuzz/fuzz_list \
	%D%/fuzz/fuzz_signature \
	%D%/fuzz/fuzz_capture \
	%D%/fuzz/fuzz_config \
	%D%/fuzz/fuzz_control \
	%D%/fuzz/fuzz_dns_answers \
	%D%/fuzz/fuzz_dns_message \
	%D%/fuzz/fuzz_case_ocsf \
	%D%/fuzz/fuzz_pattern \
	%D%/fuzz/fuzz_policy \
	%D%/fuzz/fuzz_tls_hello \
	%D%/fuzz/fuzz_http_request \
	%D%/fuzz/fuzz_http2 \
	%D%/fuzz/fuzz_http_headers \
	%D%/fuzz/fuzz_memory_map \
	%D%/fuzz/fuzz_mounts \
	%D%/fuzz/fuzz_process_proc \
	%D%/fuzz/fuzz_resolver_text \
	%D%/fuzz/fuzz_cgroup \
	%D%/fuzz/fuzz_quic_initial \
	%D%/fuzz/fuzz_flow_reader \
	%D%/fuzz/fuzz_pool \
	%D%/fuzz/fuzz_compile_job \
	%D%/fuzz/fuzz_fetch_job \
	%D%/fuzz/fuzz_worker

if FUZZERS
fuzz_link_flags = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += $(FUZZ_TARGETS)
else
fuzz_link_flags = $(AM_LDFLAGS)
check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(FUZZ_TARGETS)
check_LIBRARIES = libreplay.a
libreplay_a_SOURCES = %D%/fuzz/replay_main.c
replay_LIBS = libreplay.a
endif
tests_fuzz_fuzz_archive_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_evidence_text_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_file_protocol_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_yara_source_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_cloudwatch_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_courier_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_ssm_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_sink_reply_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_capture_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_config_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_control_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_dns_answers_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_dns_message_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_list_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_signature_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_pack_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_domain_name_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_record_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_pool_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_compile_job_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_fetch_job_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_worker_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_isolation_facts_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_xml_facts_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_case_ocsf_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_pattern_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_policy_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_tls_hello_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_http_request_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_http2_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_http_headers_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_memory_map_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_mounts_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_process_proc_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_resolver_text_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_cgroup_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_quic_initial_LDFLAGS = $(fuzz_link_flags)
tests_fuzz_fuzz_flow_reader_LDFLAGS = $(fuzz_link_flags)

# Programs that the system tests, the VM tests and the quickstart use.
noinst_PROGRAMS += \
	%D%/system/sender \
	%D%/system/responder \
	%D%/system/flood \
	%D%/system/fail_fast \
	%D%/system/cloud_ask \
	%D%/system/connector
tests_system_cloud_ask_LDADD = $(cloud_LIBS) $(base_LIBS)
tests_system_sender_SOURCES = \
	%D%/system/sender.c \
	%D%/system/sender.h \
	%D%/system/sender_datagram.c \
	%D%/system/sender_handed.c \
	%D%/system/sender_message.c \
	%D%/system/sender_stream.c
tests_system_sender_CPPFLAGS = $(AM_CPPFLAGS)
tests_system_sender_CFLAGS = $(AM_CFLAGS) -pthread
tests_system_sender_LDADD = -lpthread
if URING
tests_system_sender_CPPFLAGS += -DWITH_URING
tests_system_sender_CFLAGS += $(URING_CFLAGS)
tests_system_sender_LDADD += $(URING_LIBS)
endif
tests_system_connector_CPPFLAGS = $(AM_CPPFLAGS)
tests_system_connector_CFLAGS = $(AM_CFLAGS)
tests_system_connector_LDADD =
if URING
tests_system_connector_CPPFLAGS += -DWITH_URING
tests_system_connector_CFLAGS += $(URING_CFLAGS)
tests_system_connector_LDADD += $(URING_LIBS)
endif
tests_system_responder_LDADD =
tests_system_fail_fast_LDADD = $(cordon_LIBS)
tests_system_flood_SOURCES = %D%/system/flood.c %D%/system/sender_message.c %D%/system/sender.h
tests_system_flood_LDADD =


# Loaded into the daemon by tests/system/test_pins.py.
noinst_DATA = \
	%D%/system/kill_at.so
%D%/system/kill_at.so: $(srcdir)/%D%/system/kill_at.c
	$(AM_V_at)$(MKDIR_P) $(@D)
	$(AM_V_CC)$(CC) $(CPPFLAGS) -O2 -Wall -Wextra -shared -fPIC -o $@ $< -ldl
CLEANFILES += \
	%D%/system/kill_at.so

EXTRA_DIST += \
	%D%/aws/iam.py \
	%D%/aws/test_iam.py \
	%D%/aws/test_template.py
EXTRA_DIST += \
	%D%/system/kill_at.c \
	%D%/system/test_pins.py \
	%D%/data \
	%D%/fuzz/corpus \
	%D%/layering \
	%D%/bench \
	%D%/aws/ec2.py \
	%D%/aws/emulator.py \
	%D%/aws/imds.py \
	%D%/aws/scaling.py \
	%D%/aws/model.py \
	%D%/aws/serve \
	%D%/aws/service.py \
	%D%/aws/services.py \
	%D%/aws/ssm.py \
	%D%/aws/services_sinks.py \
	%D%/aws/signature.py \
	%D%/aws/test_emulator.py \
	%D%/system/agent.py \
	%D%/system/answerer.py \
	%D%/system/asking.py \
	%D%/system/conftest.py \
	%D%/system/musl_lookup.c \
	%D%/system/contain_peer.py \
	%D%/system/containment.py \
	%D%/system/test_contain.py \
	%D%/system/test_feeds.py \
	%D%/system/test_formats.py \
	%D%/system/test_life.py \
	%D%/system/test_policy.py \
	%D%/system/test_watch.py \
	%D%/system/test_answers.py \
	%D%/system/test_attribution.py \
	%D%/system/test_block.py \
	%D%/system/test_distributor.py \
	%D%/system/test_mode_lock.py \
	%D%/system/test_package.py \
	%D%/system/test_ssm_documents.py \
	%D%/system/test_connect.py \
	%D%/system/test_sweep.py \
	%D%/system/test_enforce.py \
	%D%/system/test_evidence.py \
	%D%/system/test_flood.py \
	%D%/system/test_cli.py \
	%D%/system/test_kill.py \
	%D%/system/test_probe.py \
	%D%/system/site.py \
	%D%/system/test_reload.py \
	%D%/system/scan_corpus.py \
	%D%/system/test_scan.py \
	%D%/system/test_replay.py \
	%D%/system/test_roads.py \
	%D%/system/test_botocore.py \
	%D%/system/test_client.py \
	%D%/system/test_isolation.py \
	%D%/system/test_cloud.py \
	%D%/system/test_ssm.py \
	%D%/system/test_sinks.py \
	%D%/system/test_files.py \
	%D%/system/test_stub.py \
	%D%/system/caged.py \
	%D%/system/test_unit_scores.py \
	%D%/system/test_worker.py \
	%D%/system/ocsf_validate.py \
	%D%/unit/intel_folder.h \
	%D%/unit/list_result.h \
	%D%/unit/prefix_reference.h \
	%D%/unit/process_key.h \
	%D%/unit/answer_rig.h \
	%D%/vm/foreign \
	%D%/vm/init \
	%D%/vm/judge.py \
	%D%/vm/judge_systemd.py \
	%D%/vm/kernel \
	%D%/vm/mirror \
	%D%/vm/run \
	%D%/vm/scenario \
	%D%/vm/systemd \
	%D%/vm/systemd.d \
	%D%/vm/systemd_image

# What failed is remembered, for --last-failed.
PYTEST = /usr/bin/python3 -m pytest -o cache_dir=$(abs_top_builddir)/pytest
# Most tests wait for something nearly all of their time: three files at once.
PYTEST_PARALLEL = -n 3 --dist loadfile

check-system: all
	CORDON_BUILD=$(abs_top_builddir) PYTHONDONTWRITEBYTECODE=1 \
		$(PYTEST) $(PYTEST_PARALLEL) $(PYTESTFLAGS) $(abs_top_srcdir)/tests/system \
		$(abs_top_srcdir)/tests/aws

clean-local:
	-rm -rf pytest

check-vm: all
	-$(MAKE) $(AM_MAKEFLAGS) %D%/probes/test_flow %D%/probes/test_flow_live
	CORDON_BUILD=$(abs_top_builddir) $(abs_top_srcdir)/tests/vm/run all
	DEB_BUILD_OPTIONS="nocheck noautodbgsym" $(MAKE) $(AM_MAKEFLAGS) deb
	CORDON_BUILD=$(abs_top_builddir) $(abs_top_srcdir)/tests/vm/systemd
	CORDON_BUILD=$(abs_top_builddir) $(abs_top_srcdir)/tests/vm/systemd short unified 5.10
	CORDON_BUILD=$(abs_top_builddir) $(abs_top_srcdir)/tests/vm/systemd short unified 6.12
	rm -f arm64/packages/cordon_*.deb
	CORDON_BUILD=$(abs_top_builddir) $(abs_top_srcdir)/tests/vm/systemd short unified arm64

%D%/bench/empty.bpf.o: $(srcdir)/%D%/bench/empty.bpf.c
	$(AM_V_at)$(MKDIR_P) $(@D)
	$(AM_V_CC)$(BPF_CLANG) $(BPF_FLAGS) -c $< -o $@
CLEANFILES += \
	%D%/bench/empty.bpf.o

# Made for `make bench` only. BENCHFLAGS=--quick leaves dnsperf out.
bench_programs = \
	%D%/bench/bench_flow \
	%D%/bench/bench_live \
	%D%/bench/bench_policy \
	%D%/bench/bench_probe \
	%D%/bench/connections \
	%D%/bench/storm
EXTRA_PROGRAMS = $(bench_programs)
CLEANFILES += $(bench_programs)

bench: all %D%/bench/empty.bpf.o $(bench_programs)
	CORDON_BUILD=$(abs_top_builddir) $(abs_top_srcdir)/tests/bench/run $(BENCHFLAGS)

.PHONY: check-system check-vm bench
