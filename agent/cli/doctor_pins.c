/* SPDX-License-Identifier: Apache-2.0
 *
 * What is pinned in the kernel: the check, and its removal. Asks sensor/pins.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/doctor.h"
#include "sensor/containment.h"
#include "sensor/pins.h"
#include "sensor/sensor.h"

static const char *folder_of(const struct doctor *doctor)
{
	return doctor->configured ? doctor->config.sensor.pin_dir : SENSOR_PIN_DIR;
}

static void view_tell(const struct pins_view *view, const char *folder,
		      struct doctor_result *result)
{
	char since[CLOCK_TEXT_SIZE];

	clock_format(view->since, since);
	doctor_found(result, DOCTOR_OK, "%zu links and %zu maps in %s", view->links, view->maps,
		     folder);
	if (view->version[0])
		doctor_found(result, DOCTOR_OK, "by version %s in %s mode since %s", view->version,
			     view->enforce ? "enforce" : "audit", since);
	else
		doctor_found(result, DOCTOR_WARN, "by a version that is not known");
	if (view->attended) {
		doctor_found(result, DOCTOR_OK, "a daemon reads them");
		return;
	}
	doctor_found(result, DOCTOR_WARN, "no daemon reads them");
	doctor_remedy(result, "systemctl start cordond, or remove them: cordon doctor --unload");
}

/* What a daemon without pins leaves when it is killed. */
static void left_tell(struct doctor_result *result)
{
	struct containment_left left;

	containment_left(&left);
	if (!left.orphaned)
		return;
	doctor_found(result, DOCTOR_WARN,
		     "%zu filters of a containment on interfaces, whose daemon was killed",
		     left.orphaned);
	doctor_remedy(result, "cordon doctor --unload");
}

void doctor_pins(const struct doctor *doctor, struct doctor_result *result)
{
	const char *folder = folder_of(doctor);
	bool wanted = !doctor->configured || doctor->config.sensor.pin;
	struct pins_view view;
	int r = pins_view(folder, &view);

	left_tell(result);
	if (r >= 0) {
		view_tell(&view, folder, result);
		if (wanted || view.attended)
			return;
		doctor_found(result, DOCTOR_WARN, "sensor.pin is no");
		doctor_remedy(result, "they are of an earlier start: cordon doctor --unload");
	} else if (r == -ENOENT) {
		doctor_found(result, DOCTOR_OK, "nothing is pinned in %s", folder);
	} else {
		doctor_found(result, DOCTOR_WARN, "%s: %s", folder, strerror(-r));
		doctor_remedy(result, "run as root");
	}
}

static void line_print(const char *line, void *userdata)
{
	(void)userdata;
	(void)puts(line);
}

static int unload_failed(const char *folder, int error)
{
	if (error == -EBUSY)
		log_error("a cordond runs with the pins in %s: stop it first, or add --force to "
			  "detach what it has",
			  folder);
	else if (error == -ENOTEMPTY)
		log_error("%s: there is something else in it, which was left", folder);
	else
		(void)log_errno(LOG_ERR, error, "%s", folder);
	return COMMAND_FAILED;
}

/* No pin leads to them. */
static int left_unload(const char *folder, bool force)
{
	struct containment_left left;
	size_t removed = containment_left_remove(force, line_print, NULL);

	containment_left(&left);
	if (left.held) {
		log_error("a cordond runs that contains this host, without pins: stop it first, or "
			  "add --force");
		return COMMAND_FAILED;
	}
	if (!removed)
		(void)printf("nothing is pinned in %s\n", folder);
	return COMMAND_FINE;
}

int doctor_unload(const char *config, bool force)
{
	struct doctor doctor = { 0 };
	const char *folder;
	int r, status = COMMAND_FINE;

	if (geteuid() != 0) {
		log_error("only root can remove what is pinned");
		return COMMAND_FAILED;
	}
	doctor_configure(&doctor, config);
	folder = folder_of(&doctor);
	if (!doctor.configured)
		log_warning("the configuration cannot be read (%s): looking in %s",
			    doctor.config_error, folder);
	r = pins_unload(folder, force, line_print, NULL);
	if (r == -ENOENT)
		status = left_unload(folder, force);
	else if (r < 0)
		status = unload_failed(folder, r);
	if (doctor.configured)
		config_free(&doctor.config);
	return status;
}
