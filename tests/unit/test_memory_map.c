/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "scan/memory_map.h"

static void regions_are_read(void **state)
{
	/* Proves: what can be read is found, whatever files are called; the kernel's is left out.
	 */
	static const char text[] =
		"00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon\n"
		"00651000-00652000 ---p 00051000 08:02 173521      /usr/bin/dbus-daemon\n"
		"7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n"
		"7f0000002000-7f0000003000 rw-p 00000000 08:02 7   /tmp/[vsyscall]\n"
		"7ffc00000000-7ffc00002000 r--p 00000000 00:00 0   [vvar]\n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n"
		"2000-1000 rw-p 00000000 00:00 0\n"
		"nonsense\n\n";
	struct memory_map map;

	(void)state;
	assert_int_equal(memory_map_parse(text, strlen(text), &map), 0);
	assert_int_equal(map.count, 3);
	assert_int_equal(map.regions[0].start, 0x400000);
	assert_int_equal(map.regions[1].end, 0x7f0000001000);
	assert_int_equal(map.regions[2].start, 0x7f0000002000);
	memory_map_clear(&map);
}

static void own_memory_is_there(void **state)
{
	/* Proves: the kernel's own form is read: a variable of ours lies in one of the regions. */
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	struct memory_map map;
	unsigned found = 0;

	(void)state;
	assert_int_equal(memory_map_read(fd, &map), 0);
	for (size_t i = 0; i < map.count; i++)
		found += (uintptr_t)&map >= map.regions[i].start &&
			 (uintptr_t)&map < map.regions[i].end;
	assert_int_equal(found, 1);
	memory_map_clear(&map);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions_are_read),
		cmocka_unit_test(own_memory_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
