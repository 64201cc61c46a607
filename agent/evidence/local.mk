# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libevidence.a
libevidence_a_SOURCES = \
	%D%/evidence.c \
	%D%/evidence.h \
	%D%/evidence_bundle.c \
	%D%/evidence_bundle.h \
	%D%/evidence_host.c \
	%D%/evidence_item.c \
	%D%/evidence_item.h \
	%D%/evidence_order.c \
	%D%/evidence_order.h \
	%D%/evidence_process.c \
	%D%/evidence_records.c \
	%D%/evidence_rights.c \
	%D%/evidence_rights.h \
	%D%/evidence_rows.h \
	%D%/evidence_store.c \
	%D%/evidence_text.c \
	%D%/evidence_text.h
libevidence_a_CFLAGS = $(AM_CFLAGS) -pthread $(ARCHIVE_CFLAGS) $(JANSSON_CFLAGS) $(SYSTEMD_CFLAGS)
evidence_LIBS = libevidence.a $(ARCHIVE_LIBS) $(JANSSON_LIBS) -lpthread

pkglibexec_PROGRAMS += cordon-evidence
cordon_evidence_SOURCES = %D%/evidence_main.c
cordon_evidence_CFLAGS = $(AM_CFLAGS)
cordon_evidence_LDADD = $(evidence_LIBS) $(journal_LIBS) $(policy_LIBS) $(detect_LIBS) $(sensor_LIBS) \
	$(intel_LIBS) $(base_LIBS)
