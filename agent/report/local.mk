# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libreport.a
libreport_a_SOURCES = \
	%D%/asff.c \
	%D%/asff.h \
	%D%/notice.c \
	%D%/notice.h \
	%D%/emf.c \
	%D%/emf.h \
	%D%/ocsf.c \
	%D%/ocsf.h \
	%D%/ocsf_activity.c \
	%D%/ocsf_containment.c \
	%D%/ocsf_dns.c \
	%D%/ocsf_evidence.c \
	%D%/ocsf_file.c \
	%D%/ocsf_flow.c \
	%D%/ocsf_host.c \
	%D%/ocsf_life.c \
	%D%/ocsf_isolation.c \
	%D%/ocsf_observable.c \
	%D%/ocsf_object.c \
	%D%/ocsf_object.h \
	%D%/ocsf_remediation.c \
	%D%/ocsf_remedy.c \
	%D%/ocsf_private.h \
	%D%/screen.c \
	%D%/screen.h \
	%D%/sink.c \
	%D%/sink.h \
	%D%/sink_file.c \
	%D%/sink_journald.c \
	%D%/sink_journald.h \
	%D%/sink_screen.c \
	%D%/view.c \
	%D%/view.h
libreport_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(SYSTEMD_CFLAGS)
report_LIBS = libreport.a $(JANSSON_LIBS) $(SYSTEMD_LIBS)
