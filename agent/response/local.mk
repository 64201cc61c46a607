# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libresponse.a
libresponse_a_SOURCES = \
	%D%/dry_run.c \
	%D%/dry_run.h \
	%D%/isolation_channel.c \
	%D%/isolation_channel.h \
	%D%/isolate.c \
	%D%/isolate.h \
	%D%/isolate_budget.c \
	%D%/isolate_phases.c \
	%D%/isolate_private.h \
	%D%/isolate_release.c \
	%D%/isolate_verify.c \
	%D%/isolate_confirm.c \
	%D%/isolate_end.c \
	%D%/isolation_budget.c \
	%D%/isolation_budget.h \
	%D%/isolation_call.c \
	%D%/isolation_call.h \
	%D%/isolation_facts.c \
	%D%/isolation_facts.h \
	%D%/isolation_guard.c \
	%D%/isolation_guard.h \
	%D%/isolation_options.h \
	%D%/isolation_plan.c \
	%D%/isolation_plan.h \
	%D%/isolation_tags.c \
	%D%/block.c \
	%D%/block.h \
	%D%/contain.c \
	%D%/contain.h \
	%D%/contain_record.c \
	%D%/contain_record.h \
	%D%/contain_sockets.c \
	%D%/contain_sockets.h \
	%D%/cut.c \
	%D%/cut.h \
	%D%/dns_answer.c \
	%D%/dns_answer.h \
	%D%/namespace.c \
	%D%/namespace.h \
	%D%/socket_diag.c \
	%D%/socket_diag.h
libresponse_a_SOURCES += \
	%D%/freezer.c \
	%D%/freezer.h \
	%D%/freezer_record.c \
	%D%/freezer_record.h \
	%D%/isolate_evidence.c \
	%D%/process_end.c \
	%D%/process_end.h \
	%D%/quarantine.c \
	%D%/quarantine.h \
	%D%/quarantine_file.c \
	%D%/quarantine_private.h \
	%D%/quarantine_record.c \
	%D%/quarantine_restore.c \
	%D%/quarantine_take.c
libresponse_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(JANSSON_CFLAGS) -pthread
response_LIBS = libresponse.a $(JANSSON_LIBS) $(SYSTEMD_LIBS) -lpthread
