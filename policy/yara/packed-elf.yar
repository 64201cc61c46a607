/* SPDX-License-Identifier: Apache-2.0
 *
 * ELF programs that unpack themselves. Distributions ship none; malware for Linux often is.
 */
rule packed_elf_upx
{
	meta:
		description = "ELF program packed with UPX"
		severity = "medium"
		score = 60

	strings:
		$magic = "UPX!"
		$info = "$Info: This file is packed with the UPX executable packer"

	condition:
		uint32(0) == 0x464c457f and filesize < 100MB and
		($info or ($magic in (0..1024) and $magic in (filesize - 64..filesize)))
}

rule packed_elf_without_sections
{
	meta:
		description = "Small static ELF program without sections, with a segment that is written and executed"
		severity = "medium"
		score = 60

	condition:
		/* x86-64, EXEC or DYN, no section headers, two program headers or three, of which the
		 * first is loaded with all rights. */
		uint32(0) == 0x464c457f and uint8(4) == 2 and uint16(0x12) == 0x3e and
		uint32(0x20) == 0x40 and uint16(0x3c) == 0 and uint16(0x38) <= 3 and uint32(0x40) == 1 and
		uint32(0x44) == 7 and filesize > 512 and filesize < 20MB
}
