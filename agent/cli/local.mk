# SPDX-License-Identifier: Apache-2.0
# All but main(), so that tests link it, too.
noinst_LIBRARIES += libcli.a
libcli_a_SOURCES = \
	%D%/command.h \
	%D%/contain.c \
	%D%/control_show.c \
	%D%/control_show.h \
	%D%/doctor_aws.c \
	%D%/doctor.c \
	%D%/doctor.h \
	%D%/doctor_files.c \
	%D%/doctor_hooks.c \
	%D%/doctor_host.c \
	%D%/doctor_kernel.c \
	%D%/doctor_pins.c \
	%D%/doctor_watch.c \
	%D%/evidence.c \
	%D%/findings.c \
	%D%/findings.h \
	%D%/findings_close.c \
	%D%/intel.c \
	%D%/intel.h \
	%D%/intel_compile.c \
	%D%/intel_feeds.c \
	%D%/intel_sign.c \
	%D%/intel_info.c \
	%D%/intel_lookup.c \
	%D%/journal_place.c \
	%D%/journal_place.h \
	%D%/isolate.c \
	%D%/policy.c \
	%D%/quarantine.c \
	%D%/scan.c \
	%D%/scan_cache.c \
	%D%/scan_cache.h \
	%D%/scan_options.c \
	%D%/scan_options.h \
	%D%/scan_progress.c \
	%D%/scan_progress.h \
	%D%/scan_report.c \
	%D%/scan_report.h \
	%D%/scan_screen.c \
	%D%/scan_screen.h \
	%D%/scan_walk.c \
	%D%/scan_walk.h \
	%D%/policy.h \
	%D%/policy_explain.c \
	%D%/policy_journal.c \
	%D%/policy_schema.c \
	%D%/policy_test.c \
	%D%/reload.c \
	%D%/replay.c \
	%D%/replay_event.c \
	%D%/replay_event.h \
	%D%/replay_findings.c \
	%D%/replay_findings.h \
	%D%/replay_flow.c \
	%D%/replay_flow.h \
	%D%/replay_intel.c \
	%D%/replay_intel.h \
	%D%/replay_summary.c \
	%D%/replay_summary.h \
	%D%/status.c \
	%D%/status_array.c \
	%D%/status_array.h \
	%D%/status_feeds.c \
	%D%/status_feeds.h \
	%D%/status_policy.c \
	%D%/status_policy.h \
	%D%/watch.c \
	%D%/status_value.c \
	%D%/status_value.h \
	%D%/watch_draw.c \
	%D%/watch_draw.h \
	%D%/watch_rows.c \
	%D%/watch_rows.h \
	%D%/status_files.c \
	%D%/status_files.h \
	%D%/writer.c \
	%D%/writer.h
libcli_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(SYSTEMD_CFLAGS)
cli_LIBS = libcli.a $(JANSSON_LIBS)

bin_PROGRAMS += cordon
cordon_SOURCES = %D%/main.c
cordon_CFLAGS = $(AM_CFLAGS)
# Users before the libraries that they use.
cordon_LDADD = $(cli_LIBS) $(daemon_LIBS) libcloud.a $(scan_LIBS) $(report_LIBS) $(journal_LIBS) $(policy_LIBS) \
	libevidence.a $(response_LIBS) $(detect_LIBS) $(sensor_LIBS) $(intel_LIBS) $(base_LIBS)
