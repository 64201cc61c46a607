/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the cache of verdicts: a mapped file of buckets. Its users are the daemon and `cordon scan`,
 * each with a file of its own, in folders that only root writes to. What stands in it is checked
 * all the same: inode numbers and sizes in it were chosen by whoever made the files, and a crash
 * may leave anything.
 *
 * A flat file, and not the journal's SQLite: it is asked for every file that is executed, some
 * hundred thousand times a second in a second scan, and losing an entry costs one more scan.
 */
#include "scan/verdict_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/siphash.h"

/* "cordonvc", and the layout of what follows. */
#define CACHE_MAGIC  UINT64_C(0x63766e6f64726f63)
#define CACHE_LAYOUT 1
/* Entries that an identity may stand in: the one used longest ago makes room. */
#define BUCKET	     8
/* File systems take ctime from a clock that moves with the tick: 10 ms at 100 Hz. */
#define TICK	     (20 * NS_PER_MILLISECOND)

struct cache_head {
	uint64_t magic;
	uint32_t layout;
	uint32_t entries;	/* a power of two, at least BUCKET */
	struct siphash_key key; /* random; a new one drops all entries */
	uint64_t boot;		/* stands for the boot: devices without a disk are numbered anew */
	uint8_t rules[VERDICT_RULES_SIZE];
	uint32_t clock; /* counts uses */
	uint32_t zero;
	uint64_t check; /* of what stands before clock */
	uint8_t unused[4096 - 88];
};
_Static_assert(sizeof(struct cache_head) == 4096, "entries begin on a page");

struct cache_entry {
	uint64_t device, inode, changed, size;
	uint64_t verdict; /* enum cached_verdict */
	uint64_t check;	  /* of all above, with the key */
	uint32_t used;	  /* the head's clock */
	uint32_t zero;
};

struct verdict_cache {
	int fd; /* -1: in memory only */
	size_t bytes;
	struct cache_head *head;
	struct cache_entry *entries;
	struct verdict_cache_statistics statistics;
};

/* Without a key of its own: it tells what is damaged, not what is forged. */
static uint64_t head_check(const struct cache_head *head)
{
	static const struct siphash_key key = { { CACHE_MAGIC, CACHE_LAYOUT } };
	uint64_t words[offsetof(struct cache_head, clock) / 8];

	memcpy(words, head, sizeof(words));
	return siphash(&key, words, ELEMENTS(words));
}

/* What the boot's id is hashed to; without one, every start counts as a boot. */
static uint64_t boot_read(void)
{
	CLEANUP(close_cleanup)
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	static const struct siphash_key key = { { 0 } };
	uint64_t words[5] = { 0 };

	if (fd < 0 || read(fd, words, sizeof(words)) < 36)
		(void)!getrandom(words, sizeof(words), GRND_NONBLOCK);
	return siphash(&key, words, ELEMENTS(words));
}

/* All entries are of another key from here on. */
static void head_turn(struct cache_head *head)
{
	struct siphash_key key;

	if (getrandom(&key, sizeof(key), 0) != sizeof(key)) {
		/* Not random, but another one: what matters here is that nothing fits it. */
		key.words[0] = head->key.words[0] + 1;
		key.words[1] = clock_realtime();
	}
	head->key = key;
	head->check = head_check(head);
}

static uint64_t entry_check(const struct verdict_cache *cache, const struct cache_entry *entry)
{
	uint64_t words[5];

	memcpy(words, entry, sizeof(words));
	return siphash(&cache->head->key, words, ELEMENTS(words));
}

/* Device numbers with major 0 are given out as file systems without a disk are mounted: after the
 * next boot another one has the number. */
static uint64_t device_of(const struct verdict_cache *cache, const struct file_identity *file)
{
	return major(file->device) == 0 ? file->device ^ cache->head->boot : file->device;
}

static struct cache_entry *bucket_of(const struct verdict_cache *cache,
				     const struct file_identity *file)
{
	const uint64_t words[2] = { device_of(cache, file), file->inode };
	uint64_t hash = siphash(&cache->head->key, words, ELEMENTS(words));

	return &cache->entries[hash & (cache->head->entries - 1) & ~(uint64_t)(BUCKET - 1)];
}

static bool entry_is(const struct verdict_cache *cache, const struct cache_entry *entry,
		     const struct file_identity *file)
{
	return entry->inode == file->inode && entry->changed == file->changed &&
	       entry->size == file->size && entry->device == device_of(cache, file) &&
	       entry->verdict > CACHED_NONE && entry->verdict <= CACHED_UNSCANNABLE &&
	       entry->check == entry_check(cache, entry);
}

static struct cache_entry *entry_find(const struct verdict_cache *cache,
				      const struct file_identity *file)
{
	struct cache_entry *bucket = bucket_of(cache, file);

	for (size_t i = 0; i < BUCKET; i++)
		if (entry_is(cache, &bucket[i], file))
			return &bucket[i];
	return NULL;
}

/* Another state of the same file makes room first, then what is empty, then what is oldest. */
static struct cache_entry *entry_place(struct verdict_cache *cache,
				       const struct file_identity *file)
{
	struct cache_entry *bucket = bucket_of(cache, file), *place = bucket;
	uint64_t device = device_of(cache, file);
	uint32_t age, most = 0;

	for (size_t i = 0; i < BUCKET; i++)
		if (bucket[i].inode == file->inode && bucket[i].device == device)
			return &bucket[i];
	for (size_t i = 0; i < BUCKET; i++) {
		if (bucket[i].check != entry_check(cache, &bucket[i]))
			return &bucket[i];
		age = cache->head->clock - bucket[i].used;
		if (age >= most) {
			most = age;
			place = &bucket[i];
		}
	}
	cache->statistics.evicted++;
	return place;
}

enum cached_verdict verdict_cache_find(struct verdict_cache *cache,
				       const struct file_identity *file)
{
	struct cache_entry *entry = entry_find(cache, file);

	if (!entry) {
		cache->statistics.missed++;
		return CACHED_NONE;
	}
	entry->used = ++cache->head->clock;
	cache->statistics.found++;
	return (enum cached_verdict)entry->verdict;
}

void verdict_cache_store(struct verdict_cache *cache, const struct file_identity *file,
			 uint64_t read_from, enum cached_verdict verdict)
{
	struct cache_entry *entry;

	if (verdict == CACHED_NONE)
		return;
	if (file->changed + TICK > read_from) {
		cache->statistics.early++;
		return;
	}
	entry = entry_place(cache, file);
	*entry = (struct cache_entry){
		.device = device_of(cache, file),
		.inode = file->inode,
		.changed = file->changed,
		.size = file->size,
		.verdict = verdict,
		.used = ++cache->head->clock,
	};
	entry->check = entry_check(cache, entry);
	cache->statistics.stored++;
}

void verdict_cache_forget(struct verdict_cache *cache, const struct file_identity *file)
{
	struct cache_entry *entry = entry_find(cache, file);

	if (entry)
		*entry = (struct cache_entry){ 0 };
}

void verdict_cache_rules(struct verdict_cache *cache,
			 const uint8_t rules[static VERDICT_RULES_SIZE])
{
	if (memcmp(cache->head->rules, rules, VERDICT_RULES_SIZE) == 0)
		return;
	memcpy(cache->head->rules, rules, VERDICT_RULES_SIZE);
	head_turn(cache->head);
	cache->statistics.dropped++;
}

static uint32_t entries_round(uint32_t entries)
{
	uint32_t rounded = VERDICT_CACHE_MIN;

	while (rounded < entries && rounded < VERDICT_CACHE_MAX)
		rounded *= 2;
	return rounded;
}

/* The descriptor, locked: one user at a time. */
static int file_open(const char *path)
{
	CLEANUP(close_cleanup)
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
	struct stat status;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || status.st_mode & 022 ||
	    status.st_nlink != 1)
		return -EPERM;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return take_fd(&fd);
}

/* All its blocks are there: a mapped page that finds no room on the disk kills the process. */
static int file_size(int fd, size_t bytes)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if ((size_t)status.st_size != bytes && ftruncate(fd, 0) < 0)
		return -errno;
	return -posix_fallocate(fd, 0, (off_t)bytes);
}

static int cache_map(struct verdict_cache *cache, const char *path)
{
	int flags = path ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, r;
	void *memory;

	if (path) {
		r = cache->fd = file_open(path);
		if (r >= 0)
			r = file_size(cache->fd, cache->bytes);
		if (r < 0)
			return r;
	}
	memory = mmap(NULL, cache->bytes, PROT_READ | PROT_WRITE, flags, cache->fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	cache->head = memory;
	cache->entries = (struct cache_entry *)((char *)memory + sizeof(struct cache_head));
	return 0;
}

static void cache_begin(struct verdict_cache *cache, uint32_t entries,
			const uint8_t rules[static VERDICT_RULES_SIZE])
{
	struct cache_head *head = cache->head;
	uint64_t boot = boot_read();
	bool sound = head->magic == CACHE_MAGIC && head->layout == CACHE_LAYOUT &&
		     head->entries == entries && head->check == head_check(head);

	if (sound) {
		head->boot = boot;
		head->check = head_check(head);
		verdict_cache_rules(cache, rules);
		return;
	}
	*head = (struct cache_head){
		.magic = CACHE_MAGIC, .layout = CACHE_LAYOUT, .entries = entries, .boot = boot
	};
	memcpy(head->rules, rules, VERDICT_RULES_SIZE);
	head_turn(head);
}

int verdict_cache_open(const char *path, uint32_t entries,
		       const uint8_t rules[static VERDICT_RULES_SIZE], struct verdict_cache **ret)
{
	struct verdict_cache *cache = calloc(1, sizeof(*cache));
	int r;

	if (!cache)
		return -ENOMEM;
	cache->fd = -1;
	entries = entries_round(entries);
	cache->bytes = sizeof(struct cache_head) + (size_t)entries * sizeof(struct cache_entry);
	r = cache_map(cache, path);
	if (r < 0) {
		verdict_cache_close(cache);
		return r;
	}
	cache_begin(cache, entries, rules);
	*ret = cache;
	return 0;
}

void verdict_cache_close(struct verdict_cache *cache)
{
	if (!cache)
		return;
	if (cache->head)
		(void)munmap(cache->head, cache->bytes);
	close_cleanup(&cache->fd);
	free(cache);
}

void verdict_cache_statistics(const struct verdict_cache *cache,
			      struct verdict_cache_statistics *ret)
{
	*ret = cache->statistics;
}
