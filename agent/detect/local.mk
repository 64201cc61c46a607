# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libdetect.a
libdetect_a_SOURCES = %D%/asker.c %D%/asker.h %D%/connection_indicator.c \
	%D%/detect.c %D%/detect.h %D%/detector.h %D%/finding.h %D%/file_detector.c %D%/file_detector.h %D%/flow_indicator.c \
	%D%/learnt.c %D%/learnt.h %D%/rebinding.c %D%/rebinding.h \
	%D%/resolver_bypass.c %D%/resolver_bypass.h %D%/severity.c
libdetect_a_CFLAGS = $(AM_CFLAGS)
detect_LIBS = libdetect.a
