# SPDX-License-Identifier: Apache-2.0
# Tests of the kernel side: they load it, so they need root; without it they are skipped.
PROBE_TESTS = \
	%D%/test_address %D%/test_answer %D%/test_flow %D%/test_flow_live %D%/test_live \
	%D%/test_malformed %D%/test_match %D%/test_process %D%/test_swap %D%/test_unseen

probe_run_sources = \
	%D%/packet_build.c %D%/packet_build.h %D%/probe_run.c %D%/probe_run.h
probe_cgroup_sources = %D%/probe_cgroup.c %D%/probe_cgroup.h
match_reference_sources = %D%/match_reference.c %D%/match_reference.h

tests_probes_test_answer_SOURCES = \
	%D%/test_answer.c $(probe_run_sources) $(probe_cgroup_sources)
tests_probes_test_address_SOURCES = \
	%D%/test_address.c $(probe_run_sources) $(probe_cgroup_sources)
tests_probes_test_flow_SOURCES = %D%/test_flow.c $(probe_run_sources)
tests_probes_test_flow_live_SOURCES = \
	%D%/test_flow_live.c $(probe_run_sources) $(probe_cgroup_sources)
tests_probes_test_live_SOURCES = \
	%D%/test_live.c $(probe_run_sources) $(probe_cgroup_sources)
tests_probes_test_malformed_SOURCES = \
	%D%/test_malformed.c %D%/malformed_target.c %D%/malformed_target.h \
	%D%/strict_parser.c %D%/strict_parser.h \
	$(match_reference_sources) $(probe_run_sources) $(probe_cgroup_sources)
tests_probes_test_match_SOURCES = \
	%D%/test_match.c %D%/name_random.c %D%/name_random.h \
	$(match_reference_sources) $(probe_run_sources)
tests_probes_test_process_SOURCES = \
	%D%/test_process.c %D%/process_child.c %D%/process_child.h \
	%D%/process_scenario.c %D%/process_scenario.h \
	$(probe_run_sources) $(probe_cgroup_sources)
tests_probes_test_swap_SOURCES = %D%/test_swap.c $(probe_run_sources)
tests_probes_test_unseen_SOURCES = \
	%D%/test_unseen.c $(probe_run_sources) $(probe_cgroup_sources)
tests_probes_test_process_LDADD = $(LDADD) -lpthread
tests_probes_test_swap_LDADD = $(LDADD) -lpthread

if CMOCKA
check_PROGRAMS += $(PROBE_TESTS)
TESTS += $(PROBE_TESTS)
endif
