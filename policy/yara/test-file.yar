/* SPDX-License-Identifier: Apache-2.0
 *
 * The EICAR test file: no malware, made to see that scanning works (www.eicar.org).
 */
rule eicar_test_file
{
	meta:
		description = "EICAR anti-malware test file"
		severity = "high"
		score = 80

	strings:
		$text = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

	condition:
		/* At its start, with nothing but blanks behind, as the file is defined. */
		$text at 0 and filesize <= 128
}
