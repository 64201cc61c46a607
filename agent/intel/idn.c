/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/idn.h"

#include <errno.h>
#include <idn2.h>
#include <string.h>

#include "base/cleanup.h"

static inline void idn_free_cleanup(char **text)
{
	if (*text)
		idn2_free(*text);
}

int idn_to_ascii(const char *name, char *out, size_t out_size)
{
	CLEANUP(idn_free_cleanup) char *ascii = NULL;
	size_t length;
	int r;

	/* NFC folds case and full-width forms before the mapping, as browsers do. */
	r = idn2_to_ascii_8z(name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (r == IDN2_TOO_BIG_DOMAIN || r == IDN2_TOO_BIG_LABEL)
		return -ENAMETOOLONG;
	if (r == IDN2_MALLOC)
		return -ENOMEM;
	if (r != IDN2_OK)
		return -EINVAL;
	length = strlen(ascii);
	if (length >= out_size)
		return -ENAMETOOLONG;
	memcpy(out, ascii, length + 1);
	return 0;
}
