# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libjournal.a
libjournal_a_SOURCES = \
	%D%/isolation.c \
	%D%/isolation.h \
	%D%/journal.c \
	%D%/journal.h \
	%D%/journal_life.c \
	%D%/journal_open.c \
	%D%/journal_private.h \
	%D%/journal_prune.c \
	%D%/journal_read.c \
	%D%/journal_record.c \
	%D%/journal_store.c \
	%D%/journal_store.h \
	%D%/journal_table.c \
	%D%/journal_table.h \
	%D%/outbox.c \
	%D%/outbox.h
libjournal_a_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
journal_LIBS = libjournal.a $(SQLITE_LIBS)
