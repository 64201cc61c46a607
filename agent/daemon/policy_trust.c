/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/policy_trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

static struct feed_record *record_of(struct feed_store *store, const char *path)
{
	char name[PATH_MAX + sizeof(POLICY_RECORD)];

	(void)snprintf(name, sizeof(name), POLICY_RECORD "%s", path);
	return feed_store_record(store, name);
}

static int file_check(const struct config_signers *signers, const char *path,
		      struct feed_store *store, bool *ret_newer)
{
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct feed_record *record = record_of(store, path);
	struct signature signature;
	int r;

	if (fd < 0 || !record)
		return fd < 0 ? -errno : -ENOMEM;
	r = signature_verify(fd, "policy", signers->keys, signers->count,
			     clock_realtime() / NS_PER_SECOND, record->version, &signature);
	if (r < 0)
		return r;
	*ret_newer |= signature.version > record->version;
	record->version = signature.version;
	return 0;
}

int policy_trust_check(const struct config *config, struct feed_store *store,
		       char error[static CONTROL_ERROR_SIZE])
{
	bool newer = false;
	int r = 0;

	if (config->policy.signers.count == 0)
		return 0;
	for (size_t i = 0; i < config->policy.count; i++) {
		r = file_check(&config->policy.signers, config->policy.files[i], store, &newer);
		if (r == 0)
			continue;
		(void)snprintf(error, CONTROL_ERROR_SIZE, "%.300s: %s", config->policy.files[i],
			       signature_error(r));
		break;
	}
	if (newer && feed_store_save(store) < 0)
		log_warning("%s cannot be written", store->folder);
	return r;
}

int policy_trust_candidate(const struct config *config, struct feed_store *store,
			   const char *candidate, const char *place,
			   char error[static CONTROL_ERROR_SIZE])
{
	CLEANUP(close_cleanup) int fd = open(candidate, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	const struct config_signers *signers = &config->policy.signers;
	const struct feed_record *record = record_of(store, place);
	struct signature signature;
	int r;

	if (signers->count == 0)
		return 0;
	if (fd < 0 || !record)
		r = fd < 0 ? -errno : -ENOMEM;
	else
		r = signature_verify(fd, "policy", signers->keys, signers->count,
				     clock_realtime() / NS_PER_SECOND, record->version, &signature);
	if (r < 0)
		(void)snprintf(error, CONTROL_ERROR_SIZE, "%s", signature_error(r));
	return r;
}
