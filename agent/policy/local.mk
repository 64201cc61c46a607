# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libpolicy.a
libpolicy_a_SOURCES = \
	%D%/case_finding.c \
	%D%/case_finding.h \
	%D%/case_ocsf.c \
	%D%/case_ocsf.h \
	%D%/case_private.h \
	%D%/case_read.c \
	%D%/cases.c \
	%D%/cases.h \
	%D%/document.c \
	%D%/document.h \
	%D%/glance.c \
	%D%/glance.h \
	%D%/glob.c \
	%D%/glob.h \
	%D%/mapping.c \
	%D%/mapping.h \
	%D%/match.c \
	%D%/match.h \
	%D%/match_compare.c \
	%D%/match_event.c \
	%D%/match_event.h \
	%D%/case_file.c \
	%D%/case_file.h \
	%D%/match_file.c \
	%D%/match_file.h \
	%D%/match_host.c \
	%D%/match_host.h \
	%D%/match_key.c \
	%D%/match_key.h \
	%D%/match_number.c \
	%D%/match_process.c \
	%D%/match_process.h \
	%D%/match_text.c \
	%D%/match_text.h \
	%D%/match_value.c \
	%D%/match_value.h \
	%D%/pattern.c \
	%D%/pattern.h \
	%D%/pattern_bytes.c \
	%D%/pattern_compile.c \
	%D%/pattern_reader.h \
	%D%/pattern_glance.c \
	%D%/pattern_step.h \
	%D%/policy.c \
	%D%/policy.h \
	%D%/policy_evaluate.c \
	%D%/policy_explain.c \
	%D%/policy_private.h \
	%D%/policy_sinks.c \
	%D%/policy_warnings.c \
	%D%/schema.c \
	%D%/schema.h \
	%D%/rule.c \
	%D%/rule.h \
	%D%/rule_glance.c \
	%D%/rule_glance.h \
	%D%/rule_index.c \
	%D%/rule_index.h \
	%D%/threshold.c \
	%D%/threshold.h
libpolicy_a_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS) $(JANSSON_CFLAGS)
policy_LIBS = libpolicy.a $(YAML_LIBS) $(JANSSON_LIBS)
