/* SPDX-License-Identifier: Apache-2.0
 *
 * The check of what may be watched of files.
 */
#include <errno.h>
#include <string.h>

#include "cli/doctor.h"
#include "sensor/file_features.h"

void doctor_watch(const struct doctor *doctor, struct doctor_result *result)
{
	struct file_features features;

	file_features_read(&features);
	if (features.watch < 0) {
		doctor_found(result, DOCTOR_WARN, "files cannot be watched: %s",
			     strerror(-features.watch));
		doctor_remedy(result, "run as root with CAP_SYS_ADMIN, on a kernel with "
				      "CONFIG_FANOTIFY; files are scanned by cordon scan all the "
				      "same");
		return;
	}
	doctor_found(result, features.names ? DOCTOR_OK : DOCTOR_WARN,
		     features.names ? "writes, renames, links, executions"
				    : "writes and executions; no renames");
	if (!features.names)
		doctor_remedy(result, "Linux 5.9 tells of renames");
	if (!features.kept)
		doctor_found(result, DOCTOR_OK, "what is clean is asked about each time it runs");
	if (features.unnamed < 0) {
		doctor_found(result, DOCTOR_WARN, "executions without a file are not told: %s",
			     strerror(-features.unnamed));
		doctor_remedy(result, "a kernel with CONFIG_PROC_EVENTS tells of them");
	}
	if (features.hold < 0 && doctor->configured &&
	    doctor->config.scan.on_exec == CONFIG_EXEC_BEFORE) {
		doctor_found(result, DOCTOR_WARN, "executions cannot be held: %s",
			     strerror(-features.hold));
		doctor_remedy(result, "scan.on_exec: after, or a kernel with "
				      "CONFIG_FANOTIFY_ACCESS_PERMISSIONS");
	}
}
