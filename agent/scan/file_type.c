/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the table of first bytes. The names are those that public rule sets compare with.
 */
#include "scan/file_type.h"

#include <string.h>

#include "base/cleanup.h"

#define TAR_BLOCK    512
#define TAR_CHECKSUM 148 /* where it stands, and how long it is */
#define TAR_DIGITS   8

#define BYTES(text) (text), sizeof(text) - 1

static const struct {
	const char *name;
	size_t offset;
	const char *bytes;
	size_t size;
	bool archive;
} types[] = {
	{ "ELF", 0,
	  BYTES("\x7f"
		"ELF"),
	  false },
	{ "EXE", 0, BYTES("MZ"), false },
	{ "ZIP", 0, BYTES("PK\x03\x04"), true },
	{ "ZIP", 0, BYTES("PK\x05\x06"), true },
	{ "ZIP", 0, BYTES("PK\x07\x08"), true },
	{ "GZIP", 0, BYTES("\x1f\x8b\x08"), true },
	{ "TAR", 257, BYTES("ustar"), true },
	{ "PDF", 0, BYTES("%PDF-"), false },
	{ "OLE", 0, BYTES("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), false },
	{ "RTF", 0, BYTES("{\\rtf"), false },
	{ "RAR", 0, BYTES("Rar!\x1a\x07"), false },
	{ "7ZIP", 0, BYTES("7z\xbc\xaf\x27\x1c"), false },
	{ "BZIP2", 0, BYTES("BZh"), false },
	{ "XZ", 0,
	  BYTES("\xfd"
		"7zXZ"),
	  false },
	{ "CLASS", 0, BYTES("\xca\xfe\xba\xbe\x00\x00\x00"), false },
	{ "MACHO", 0, BYTES("\xcf\xfa\xed\xfe"), false },
	{ "MACHO", 0, BYTES("\xce\xfa\xed\xfe"), false },
	{ "MACHO", 0, BYTES("\xca\xfe\xba\xbe"), false },
	{ "GIF", 0, BYTES("GIF8"), false },
	{ "PNG", 0, BYTES("\x89PNG\r\n"), false },
	{ "JPG", 0, BYTES("\xff\xd8\xff"), false },
	{ "SCRIPT", 0, BYTES("#!"), false },
	{ "PHP", 0, BYTES("<?php"), false },
	{ "XML", 0, BYTES("<?xml"), false },
	{ "HTML", 0, BYTES("<!DOCTYPE html"), false },
	{ "LNK", 0, BYTES("L\x00\x00\x00\x01\x14\x02\x00"), false },
	{ "MDMP", 0, BYTES("MDMP"), false },
	{ "PCAP", 0, BYTES("\xd4\xc3\xb2\xa1"), false },
	{ "DEB", 0, BYTES("!<arch>\ndebian"), false },
	{ "RPM", 0, BYTES("\xed\xab\xee\xdb"), false },
};

/* Tar before POSIX has no mark: the sum of its header is one. */
static bool tar_old(const uint8_t *bytes, size_t size)
{
	unsigned long sum = 0, said = 0;
	bool digits = false;

	if (size < TAR_BLOCK || bytes[0] == '\0')
		return false;
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= TAR_CHECKSUM && i < TAR_CHECKSUM + TAR_DIGITS ? ' ' : bytes[i];
	for (size_t i = TAR_CHECKSUM; i < TAR_CHECKSUM + TAR_DIGITS; i++) {
		if (bytes[i] >= '0' && bytes[i] <= '7') {
			said = said * 8 + (unsigned long)(bytes[i] - '0');
			digits = true;
		} else if (digits || bytes[i] != ' ') {
			break;
		}
	}
	return digits && sum == said;
}

static size_t type_find(const uint8_t *bytes, size_t size)
{
	size_t i = 0;

	for (; i < ELEMENTS(types); i++)
		if (size >= types[i].offset + types[i].size &&
		    memcmp(bytes + types[i].offset, types[i].bytes, types[i].size) == 0)
			break;
	return i;
}

const char *file_type_name(const uint8_t *bytes, size_t size)
{
	size_t type = type_find(bytes, size);

	if (type < ELEMENTS(types))
		return types[type].name;
	return tar_old(bytes, size) ? "TAR" : "";
}

bool file_type_archive(const uint8_t *bytes, size_t size)
{
	size_t type = type_find(bytes, size);

	return type < ELEMENTS(types) ? types[type].archive : tar_old(bytes, size);
}
