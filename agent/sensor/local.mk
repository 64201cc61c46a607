# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libsensor.a
libsensor_a_SOURCES = \
	%D%/capture.c \
	%D%/capture.h \
	%D%/cgroup.c \
	%D%/cgroup.h \
	%D%/containment.c \
	%D%/containment.h \
	%D%/containment_cgroups.c \
	%D%/containment_interfaces.c \
	%D%/containment_left.c \
	%D%/containment_links.c \
	%D%/containment_open.c \
	%D%/containment_private.h \
	%D%/counters.c \
	%D%/counters.h \
	%D%/dns_answers.c \
	%D%/dns_answers.h \
	%D%/dns_message.c \
	%D%/dns_message.h \
	%D%/event.c \
	%D%/event.h \
	%D%/features.c \
	%D%/features.h \
	%D%/file_facts.h \
	%D%/flow_facts.c \
	%D%/flow_facts.h \
	%D%/frame.c \
	%D%/frame.h \
	%D%/learnt.c \
	%D%/tables.c \
	%D%/ledger.c \
	%D%/ledger.h \
	%D%/open_sockets.c \
	%D%/open_sockets.h \
	%D%/sweep.c \
	%D%/map_layout.c \
	%D%/map_layout.h \
	%D%/pin_folder.c \
	%D%/pin_folder.h \
	%D%/pin_links.c \
	%D%/pin_maps.c \
	%D%/pin_state.c \
	%D%/pin_state.h \
	%D%/pin_unload.c \
	%D%/pins.c \
	%D%/pins.h \
	%D%/pins_private.h \
	%D%/ring_read.c \
	%D%/probe_load.c \
	%D%/probes.h \
	%D%/process.h \
	%D%/process_proc.c \
	%D%/process_proc.h \
	%D%/process_table.c \
	%D%/process_table.h \
	%D%/record.c \
	%D%/replay.c \
	%D%/replay_split.c \
	%D%/replay_split.h \
	%D%/sensor.c \
	%D%/sensor.h \
	%D%/resolver_text.c \
	%D%/resolver_text.h \
	%D%/resolvers.c \
	%D%/resolvers.h \
	%D%/stub.c \
	%D%/stub.h \
	%D%/table_swap.c \
	%D%/user_name.c \
	%D%/user_name.h
# Files: what is written, moved and executed.
libsensor_a_SOURCES += \
	%D%/exec_gate.c \
	%D%/exec_gate.h \
	%D%/gate_frame.h \
	%D%/exec_watch.c \
	%D%/exec_watch.h \
	%D%/file_features.c \
	%D%/file_features.h \
	%D%/file_walk.c \
	%D%/file_walk.h \
	%D%/file_notice.c \
	%D%/file_watch.c \
	%D%/file_watch.h \
	%D%/file_watch_private.h \
	%D%/mounts.c \
	%D%/mounts.h \
	%D%/tmpfile.c \
	%D%/tmpfile.h
nodist_libsensor_a_SOURCES = probes/contain.skel.h probes/probes.skel.h
libsensor_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(BPF_CFLAGS) $(PCAP_CFLAGS) $(ZLIB_CFLAGS)
sensor_LIBS = libsensor.a $(BPF_LIBS) $(PCAP_LIBS)

# It holds executions, and has nothing else in it: neither libbpf nor libsystemd.
pkglibexec_PROGRAMS += cordon-gate
cordon_gate_SOURCES = %D%/gate_main.c %D%/gate_cage.c %D%/gate_cage.h
cordon_gate_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS)
cordon_gate_LDADD = libbase.a $(SECCOMP_LIBS)
