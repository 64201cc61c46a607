# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libdaemon.a
libdaemon_a_SOURCES = \
	%D%/agent_log.c \
	%D%/brake.c \
	%D%/brake.h \
	%D%/isolation_ready.c \
	%D%/agent_log.h \
	%D%/ask.c \
	%D%/ask.h \
	%D%/config_aws.c \
	%D%/config_aws.h \
	%D%/config_ssm.c \
	%D%/config_ssm.h \
	%D%/delivery_private.h \
	%D%/delivery_status.c \
	%D%/preflight.c \
	%D%/preflight.h \
	%D%/reports.c \
	%D%/reports.h \
	%D%/report_compliance.c \
	%D%/report_inventory.c \
	%D%/agent.c \
	%D%/agent.h \
	%D%/agent_status.c \
	%D%/config.c \
	%D%/config.h \
	%D%/config_contain.c \
	%D%/config_contain.h \
	%D%/config_fixed.c \
	%D%/config_fixed.h \
	%D%/config_isolation.c \
	%D%/config_isolation.h \
	%D%/isolation.c \
	%D%/isolation.h \
	%D%/isolation_control.c \
	%D%/isolation_cut.c \
	%D%/isolation_dry.c \
	%D%/isolation_evidence.c \
	%D%/isolation_put.c \
	%D%/freeze.c \
	%D%/freeze.h \
	%D%/isolation_private.h \
	%D%/config_intel.c \
	%D%/config_intel.h \
	%D%/config_keys.c \
	%D%/config_keys.h \
	%D%/config_scan.c \
	%D%/config_scan.h \
	%D%/config_report.c \
	%D%/config_report.h \
	%D%/control.c \
	%D%/control.h \
	%D%/control_call.c \
	%D%/control_call.h \
	%D%/control_request.c \
	%D%/control_request.h \
	%D%/delivery.c \
	%D%/delivery.h \
	%D%/delivery_metrics.c \
	%D%/delivery_sinks.c \
	%D%/delivery_settings.c \
	%D%/host_cut.c \
	%D%/host_cut.h \
	%D%/identity.c \
	%D%/identity.h \
	%D%/file_guard.c \
	%D%/file_guard.h \
	%D%/guard_act.c \
	%D%/guard_suspect.c \
	%D%/guard_queue.c \
	%D%/guard_job.c \
	%D%/guard_private.h \
	%D%/guard_status.c \
	%D%/guard_walk.c \
	%D%/feed_check.c \
	%D%/feed_inputs.c \
	%D%/feed_lists.c \
	%D%/feed_store.c \
	%D%/feed_store.h \
	%D%/feed_update.c \
	%D%/feed_update.h \
	%D%/feeds.c \
	%D%/feeds.h \
	%D%/indicators.c \
	%D%/life.c \
	%D%/policy_endings.c \
	%D%/policy_endings.h \
	%D%/policy_host.c \
	%D%/policy_host.h \
	%D%/reload.c \
	%D%/routes.c \
	%D%/routes.h \
	%D%/payload.c \
	%D%/pipeline.c \
	%D%/responses.c \
	%D%/policy_fetch.c \
	%D%/policy_trust.c \
	%D%/policy_trust.h \
	%D%/teach.c \
	%D%/status.c \
	%D%/status_problems.c \
	%D%/status_measure.c \
	%D%/status.h
libdaemon_a_CFLAGS = $(AM_CFLAGS) -pthread $(JANSSON_CFLAGS) $(SYSTEMD_CFLAGS) $(YAML_CFLAGS)
daemon_LIBS = libdaemon.a $(JANSSON_LIBS) $(SYSTEMD_LIBS)

sbin_PROGRAMS += cordond
cordond_SOURCES = %D%/main.c
cordond_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(JANSSON_CFLAGS)
cordond_LDADD = $(daemon_LIBS) libcloud.a $(scan_LIBS) libevidence.a $(response_LIBS) $(report_LIBS) $(journal_LIBS) $(policy_LIBS) \
	$(detect_LIBS) $(sensor_LIBS) $(intel_LIBS) $(base_LIBS)
