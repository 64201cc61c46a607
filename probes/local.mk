# SPDX-License-Identifier: Apache-2.0
# The kernel side: one object a hook family, linked into one, made into a skeleton for sensor/.
kernel_side_c = %D%/connect.bpf.c %D%/contain.bpf.c %D%/dns.bpf.c %D%/process.bpf.c
kernel_side_h = %D%/address_packet.h %D%/address_table.h %D%/address_walk.h %D%/answer.h \
	%D%/connection.h %D%/contain.h %D%/contain_packet.h %D%/counters.h %D%/flow.h \
	%D%/flow_datagram.h %D%/flow_first.h %D%/flow_name.h %D%/flow_payload.h %D%/flow_wanted.h \
	%D%/kernel.h %D%/maps.h %D%/message.h %D%/packet.h %D%/process.h \
	%D%/record.h %D%/seen.h %D%/socket.h %D%/stream.h %D%/table.h %D%/verifier.h %D%/walk.h
EXTRA_DIST += $(kernel_side_c) $(kernel_side_h)

# -mcpu=v3: understood since 5.10. Multiarch puts asm/ where clang does not look for this target.
BPF_FLAGS = --target=bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -D__TARGET_ARCH_$(BPF_ARCH) \
	-I$(top_srcdir)/probes $(BPF_CFLAGS) \
	-I/usr/include/`$(CC) -print-multiarch 2>/dev/null || echo $(host_cpu)-linux-gnu`

%D%/connect.bpf.o: %D%/connect.bpf.c $(kernel_side_h)
	$(AM_V_at)$(MKDIR_P) %D%
	$(AM_V_CC)$(BPF_CLANG) $(BPF_FLAGS) -c $(top_srcdir)/%D%/connect.bpf.c -o $@
%D%/contain.bpf.o: %D%/contain.bpf.c %D%/contain.h %D%/contain_packet.h %D%/verifier.h
	$(AM_V_at)$(MKDIR_P) %D%
	$(AM_V_CC)$(BPF_CLANG) $(BPF_FLAGS) -c $(top_srcdir)/%D%/contain.bpf.c -o $@
# An object of its own: it is loaded when probes are, and attached when the host is contained.
%D%/contain.skel.h: %D%/contain.bpf.o
	$(AM_V_GEN)$(BPFTOOL) gen skeleton $< name contain_probes > $@.tmp && mv $@.tmp $@
%D%/dns.bpf.o: %D%/dns.bpf.c $(kernel_side_h)
	$(AM_V_at)$(MKDIR_P) %D%
	$(AM_V_CC)$(BPF_CLANG) $(BPF_FLAGS) -c $(top_srcdir)/%D%/dns.bpf.c -o $@
%D%/process.bpf.o: %D%/process.bpf.c $(kernel_side_h)
	$(AM_V_at)$(MKDIR_P) %D%
	$(AM_V_CC)$(BPF_CLANG) $(BPF_FLAGS) -c $(top_srcdir)/%D%/process.bpf.c -o $@
%D%/probes.bpf.o: %D%/connect.bpf.o %D%/dns.bpf.o %D%/process.bpf.o
	$(AM_V_GEN)$(BPFTOOL) gen object $@ $^
%D%/probes.skel.h: %D%/probes.bpf.o
	$(AM_V_GEN)$(BPFTOOL) gen skeleton $< name probes > $@.tmp && mv $@.tmp $@
BUILT_SOURCES += %D%/contain.skel.h %D%/probes.skel.h
CLEANFILES += %D%/connect.bpf.o %D%/contain.bpf.o %D%/contain.skel.h %D%/dns.bpf.o %D%/process.bpf.o %D%/probes.bpf.o %D%/probes.skel.h
