/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process that collects evidence gives up: it reads what others have written, and needs no
 * network, no program but itself, and of root's rights those to read.
 */
#include "evidence/evidence_rights.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(capability) (UINT32_C(1) << ((capability) % 32))

int evidence_rights_drop(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	/* A network with nobody in it: what is read of the host's is pid 1's. Not to be had in a
	 * container. */
	(void)unshare(CLONE_NEWNET);
	/* Nothing waits for it. */
	(void)setpriority(PRIO_PROCESS, 0, 10);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    syscall(SYS_capget, &head, data) < 0)
		return -errno;
	for (int i = 0; i < 2; i++)
		data[i].inheritable = 0;
	/* Others' memory and descriptors; any file; the kernel's log. */
	data[0].permitted &= BIT(CAP_SYS_PTRACE) | BIT(CAP_DAC_READ_SEARCH);
	data[1].permitted &= BIT(CAP_SYSLOG);
	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted;
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}
