/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file_identity.h"

#include <errno.h>

#include "base/clock.h"

void file_identity_take(const struct stat *status, struct file_identity *ret)
{
	*ret = (struct file_identity){
		.device = status->st_dev,
		.inode = status->st_ino,
		.changed = (uint64_t)status->st_ctim.tv_sec * NS_PER_SECOND +
			   (uint64_t)status->st_ctim.tv_nsec,
		.size = (uint64_t)status->st_size,
	};
}

int file_identity_read(int fd, struct file_identity *ret, struct stat *ret_status)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	file_identity_take(&status, ret);
	if (ret_status)
		*ret_status = status;
	return 0;
}

bool file_identity_same_file(const struct file_identity *a, const struct file_identity *b)
{
	return a->device == b->device && a->inode == b->inode;
}

bool file_identity_equal(const struct file_identity *a, const struct file_identity *b)
{
	return file_identity_same_file(a, b) && a->changed == b->changed && a->size == b->size;
}
