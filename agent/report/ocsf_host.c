/* SPDX-License-Identifier: Apache-2.0
 *
 * The host in a finding: read once from the system, then put into each object as device, cloud and
 * resources.
 */
#include "report/ocsf_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define HOST_FILE_MAX 65536

/* First line of a small file, or "". */
static char *read_line(const char *path)
{
	CLEANUP(free_cleanup) char *data = NULL;
	size_t size;

	if (fd_read_file(path, HOST_FILE_MAX, &data, &size) < 0)
		return strdup("");
	data[strcspn(data, "\n")] = '\0';
	return take_ptr(data);
}

/* Value of a key in os-release(5): KEY=value or KEY="value". */
static char *release_value(const char *release, const char *key)
{
	size_t length = strlen(key);

	for (const char *line = release; line; line = strchr(line, '\n')) {
		const char *value;

		line += *line == '\n';
		if (strncmp(line, key, length) != 0 || line[length] != '=')
			continue;
		value = line + length + 1;
		if (*value == '"' || *value == '\'') {
			const char quote[2] = { *value, '\0' };

			return strndup(value + 1, strcspn(value + 1, quote));
		}
		return strndup(value, strcspn(value, "\n"));
	}
	return strdup("");
}

int ocsf_host_read(struct ocsf_host *ret)
{
	CLEANUP(free_cleanup) char *release = NULL;
	struct ocsf_host host;
	struct utsname names;
	size_t size;

	if (uname(&names) < 0)
		return -errno;
	if (fd_read_file("/etc/os-release", HOST_FILE_MAX, &release, &size) < 0)
		release = strdup("");
	if (!release)
		return -ENOMEM;
	host = (struct ocsf_host){
		.hostname = strdup(names.nodename),
		.machine_id = read_line("/etc/machine-id"),
		.boot_id = read_line("/proc/sys/kernel/random/boot_id"),
		.kernel = strdup(names.release),
		.os_name = release_value(release, "NAME"),
		.os_version = release_value(release, "VERSION_ID"),
		.instance_id = strdup(""),
		.region = strdup(""),
		.zone = strdup(""),
		.account = strdup(""),
		.image_id = strdup(""),
	};
	if (!host.hostname || !host.machine_id || !host.boot_id || !host.kernel || !host.os_name ||
	    !host.os_version || !host.instance_id || !host.region || !host.zone || !host.account ||
	    !host.image_id) {
		ocsf_host_free(&host);
		return -ENOMEM;
	}
	*ret = host;
	return 0;
}

void ocsf_host_free(struct ocsf_host *host)
{
	const char **const all[] = {
		&host->hostname, &host->machine_id, &host->boot_id,	&host->kernel,
		&host->os_name,	 &host->os_version, &host->instance_id, &host->region,
		&host->zone,	 &host->account,    &host->image_id,
	};

	for (size_t i = 0; i < ELEMENTS(all); i++) {
		free((void *)(uintptr_t)*all[i]);
		*all[i] = NULL;
	}
}

bool ocsf_host_is_cloud(const struct ocsf_host *host)
{
	return host->instance_id[0] || host->region[0] || host->account[0];
}

bool ocsf_host_is_known(const struct ocsf_host *host)
{
	return host->hostname[0] || host->machine_id[0] || host->instance_id[0];
}

static const char *host_uid(const struct ocsf_host *host)
{
	return host->instance_id[0] ? host->instance_id : host->machine_id;
}

static json_t *host_os(struct ocsf_builder *builder, const struct ocsf_host *host)
{
	json_t *os = json_object();

	ocsf_put_raw(builder, os, "name", host->os_name[0] ? host->os_name : "Linux");
	ocsf_put_number(builder, os, "type_id", 200);
	ocsf_put_text(builder, os, "type", "Linux");
	ocsf_put_raw(builder, os, "version", host->os_version);
	ocsf_put_raw(builder, os, "kernel_release", host->kernel);
	return os;
}

static json_t *host_device(struct ocsf_builder *builder, const struct ocsf_host *host)
{
	json_t *device = json_object(), *image = json_object();
	bool instance = host->instance_id[0] != '\0';

	ocsf_put_raw(builder, device, "hostname", host->hostname);
	ocsf_put_number(builder, device, "type_id", instance ? 6 : 0);
	ocsf_put_text(builder, device, "type", instance ? "Virtual" : "Unknown");
	ocsf_put_raw(builder, device, "uid", host_uid(host));
	if (instance)
		ocsf_put_raw(builder, device, "uid_alt", host->machine_id);
	ocsf_put_raw(builder, device, "instance_uid", host->instance_id);
	ocsf_put_raw(builder, device, "boot_uid", host->boot_id);
	ocsf_put_raw(builder, device, "region", host->region);
	ocsf_put_raw(builder, device, "zone", host->zone);
	ocsf_put_raw(builder, image, "uid", host->image_id);
	ocsf_put_filled(builder, device, "image", image);
	ocsf_put(builder, device, "os", host_os(builder, host));
	return device;
}

static json_t *host_cloud(struct ocsf_builder *builder, const struct ocsf_host *host)
{
	json_t *cloud = json_object();

	ocsf_put_text(builder, cloud, "provider", "AWS");
	ocsf_put_raw(builder, cloud, "region", host->region);
	ocsf_put_raw(builder, cloud, "zone", host->zone);
	if (host->account[0]) {
		json_t *account = json_object();

		ocsf_put_raw(builder, account, "uid", host->account);
		ocsf_put_number(builder, account, "type_id", 10);
		ocsf_put_text(builder, account, "type", "AWS Account");
		ocsf_put(builder, cloud, "account", account);
	}
	return cloud;
}

static json_t *host_resource(struct ocsf_builder *builder, const struct ocsf_host *host)
{
	json_t *resource = json_object();

	ocsf_put_raw(builder, resource, "uid", host_uid(host));
	ocsf_put_raw(builder, resource, "name", host->hostname);
	ocsf_put_text(builder, resource, "type",
		      host->instance_id[0] ? "AWS::EC2::Instance" : "host");
	ocsf_put_raw(builder, resource, "region", host->region);
	ocsf_put_raw(builder, resource, "zone", host->zone);
	return resource;
}

void ocsf_put_host(struct ocsf_builder *builder, json_t *object, const struct ocsf_host *host,
		   bool resources)
{
	json_t *array;

	if (ocsf_host_is_cloud(host))
		ocsf_put(builder, object, "cloud", host_cloud(builder, host));
	if (!ocsf_host_is_known(host))
		return;
	ocsf_put(builder, object, "device", host_device(builder, host));
	if (!resources)
		return;
	array = json_array();
	ocsf_append(builder, array, host_resource(builder, host));
	ocsf_put(builder, object, "resources", array);
}
