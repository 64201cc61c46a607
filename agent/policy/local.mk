# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libpolicy.a
libpolicy_a_SOURCES = \
	%D%/case_finding.c %D%/case_finding.h %D%/cases.c %D%/cases.h %D%/document.c %D%/document.h \
	%D%/mapping.c %D%/mapping.h %D%/match.c %D%/match_event.c %D%/match_event.h %D%/match.h \
	%D%/match_value.c %D%/match_value.h %D%/policy.c %D%/policy.h \
	%D%/rule.c %D%/rule.h
libpolicy_a_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS)
policy_LIBS = libpolicy.a $(YAML_LIBS)
