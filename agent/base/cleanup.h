/* SPDX-License-Identifier: Apache-2.0
 *
 * Ownership in local variables: a variable marked CLEANUP(f) is released by f when it goes out of
 * scope, and take_*() moves the value out of it. Destructors accept NULL (or -1 for descriptors).
 */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

/* Defines name##_cleanup(T *) for a destructor that takes the pointer itself. */
#define CLEANUP_DEFINE(type, destructor)                                                           \
	static inline __attribute__((unused)) void destructor##_cleanup(type *pointer)             \
	{                                                                                          \
		destructor(*pointer);                                                              \
	}

/* Moves a pointer out of a variable, which is left NULL. */
#define take_ptr(variable)                                                                         \
	__extension__({                                                                            \
		__typeof__(variable) taken_ = (variable);                                          \
		(variable) = NULL;                                                                 \
		taken_;                                                                            \
	})

static inline void free_cleanup(void *pointer)
{
	free(*(void **)pointer);
}

static inline void close_cleanup(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void fclose_cleanup(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

static inline void closedir_cleanup(DIR **folder)
{
	if (*folder)
		(void)closedir(*folder);
}

/* Moves a descriptor out of a variable, which is left -1. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))
