/* SPDX-License-Identifier: Apache-2.0
 *
 * Puts a pack's table into the kernel: a new map is made and filled, marked as policy wants it, and
 * takes the old one's place in one step. The old one is freed when the last lookup is done with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "intel/address_table.h"
#include "intel/domain_table.h"
#include "intel/pack.h"
#include "sensor/probes.h"

/* Tries, and what is waited between two of them: the loop stands still meanwhile. */
#define CREATE_TRIES 3
#define CREATE_PAUSE (20 * NS_PER_MILLISECOND)

/* Reads the table from the pack's file straight into the map: no page of the file stays. */
static int table_copy(int map_fd, const struct pack *pack, void **ret_table)
{
	uint64_t offset;
	int fd;
	size_t size = pack_table(pack, &fd, &offset), done = 0;
	uint8_t *table = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);

	if (table == MAP_FAILED)
		return -errno;
	while (done < size) {
		ssize_t n = pread(fd, table + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int error = n < 0 ? -errno : -EBADMSG;

			(void)munmap(table, size);
			return error;
		}
		done += (size_t)n;
	}
	*ret_table = table;
	return 0;
}

struct mark {
	const struct pack *pack;
	uint64_t now;
	void *table;
	size_t size;
	sensor_keep keep;
	void *userdata;
	uint64_t kept, kept_addresses;
};

/* The first pass: every name with an entry that policy wants kept. */
static int mark_kept(const struct domain_name *name, const struct indicator *indicator,
		     void *userdata)
{
	struct mark *mark = userdata;

	if (indicator->action != INDICATOR_BLOCK || !mark->keep(indicator, mark->userdata))
		return 0;
	if (domain_table_change(mark->table, mark->size, name, TABLE_KEEP, 0) > 0)
		mark->kept++;
	return 0;
}

/* The second: a name may have other entries, of other feeds, that policy wants dropped. Then the
 * one that decides a lookup decides here, too. */
static int mark_dropped(const struct domain_name *name, const struct indicator *indicator,
			void *userdata)
{
	struct mark *mark = userdata;
	struct pack_match match;

	if (indicator->action != INDICATOR_BLOCK || mark->keep(indicator, mark->userdata) ||
	    !(domain_table_walk(mark->table, mark->size, name, NULL) & TABLE_KEEP))
		return 0;
	if (pack_lookup_domain(mark->pack, name, mark->now, &match) == 1 && match.blocked &&
	    !mark->keep(&match.matches[0], mark->userdata) &&
	    domain_table_change(mark->table, mark->size, name, 0, TABLE_KEEP) > 0)
		mark->kept--;
	return 0;
}

/* The same passes over addresses. */
static int mark_kept_address(const struct address *address, unsigned prefix,
			     const struct indicator *indicator, void *userdata)
{
	struct mark *mark = userdata;

	if (indicator->action != INDICATOR_BLOCK || !mark->keep(indicator, mark->userdata))
		return 0;
	if (address_table_change(mark->table, mark->size, address, prefix, TABLE_KEEP, 0) > 0)
		mark->kept_addresses++;
	return 0;
}

static int mark_dropped_address(const struct address *address, unsigned prefix,
				const struct indicator *indicator, void *userdata)
{
	struct mark *mark = userdata;
	struct pack_match match;

	if (indicator->action != INDICATOR_BLOCK || mark->keep(indicator, mark->userdata) ||
	    !(address_table_flags(mark->table, mark->size, address, prefix) & TABLE_KEEP))
		return 0;
	if (pack_lookup_prefix(mark->pack, address, prefix, mark->now, &match) == 1 &&
	    match.blocked && !mark->keep(&match.matches[0], mark->userdata) &&
	    address_table_change(mark->table, mark->size, address, prefix, 0, TABLE_KEEP) > 0)
		mark->kept_addresses--;
	return 0;
}

/* What the kernel side cannot know: policy and time. */
static int table_mark(struct mark *mark, uint64_t *ret_next)
{
	int r = 0;

	if (mark->keep)
		r = pack_each_domain(mark->pack, mark_kept, mark);
	if (r >= 0 && mark->kept > 0)
		r = pack_each_domain(mark->pack, mark_dropped, mark);
	if (r >= 0 && mark->keep)
		r = pack_each_address(mark->pack, mark_kept_address, mark);
	if (r >= 0 && mark->kept_addresses > 0)
		r = pack_each_address(mark->pack, mark_dropped_address, mark);
	if (r >= 0)
		r = pack_table_expire(mark->pack, mark->table, mark->size, mark->now, ret_next);
	return r < 0 ? r : 0;
}

/* The kernel takes the memory from one area, which may be short for a moment, and says so with
 * ENOMEM: what it frees later it can give then. */
static int table_map_create(size_t size)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	static const struct timespec pause = { .tv_nsec = CREATE_PAUSE };
	int fd = -1;

	for (int i = 0; i < CREATE_TRIES; i++) {
		fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "table", sizeof(uint32_t),
				    TABLE_ELEMENT_SIZE, (uint32_t)(size / TABLE_ELEMENT_SIZE),
				    &options);
		if (fd >= 0 || errno != ENOMEM)
			break;
		if (i + 1 < CREATE_TRIES)
			(void)nanosleep(&pause, NULL);
	}
	return fd < 0 ? -errno : fd;
}

int sensor_set_pack(struct sensor *sensor, const struct pack *pack, uint64_t now, sensor_keep keep,
		    void *userdata, uint64_t *ret_next)
{
	CLEANUP(close_cleanup) int map_fd = -1;
	uint64_t offset;
	uint32_t zero = 0;
	int pack_fd, r;
	size_t size = pack_table(pack, &pack_fd, &offset);
	struct mark mark = {
		.pack = pack, .now = now, .size = size, .keep = keep, .userdata = userdata
	};

	map_fd = table_map_create(size);
	if (map_fd < 0)
		return log_errno(LOG_ERR, map_fd,
				 "no kernel memory for a table of %zu bytes: the one before stays "
				 "in force",
				 size);
	r = table_copy(map_fd, pack, &mark.table);
	if (r < 0)
		return log_errno(LOG_ERR, r, "the pack's table cannot be copied");
	r = table_mark(&mark, ret_next);
	(void)munmap(mark.table, size);
	if (r < 0)
		return log_errno(LOG_ERR, r, "the pack's entries cannot be read");
	/* From now on not even we can change it. */
	if (bpf_map_freeze(map_fd) < 0)
		log_debug("the table's map cannot be frozen");
	if (bpf_map_update_elem(bpf_map__fd(sensor->probes->maps.tables), &zero, &map_fd, BPF_ANY) <
	    0)
		return log_errno(LOG_ERR, -errno, "the new table cannot take its place");
	sensor->table_bytes = size;
	__atomic_store_n(&sensor->probes->bss->flow_hellos_wanted, pack_has_fingerprints(pack),
			 __ATOMIC_RELAXED);
	if (mark.kept || mark.kept_addresses)
		log_notice("%llu listed names and %llu addresses are seen but not dropped, as "
			   "policy wants it",
			   (unsigned long long)mark.kept, (unsigned long long)mark.kept_addresses);
	return 0;
}
