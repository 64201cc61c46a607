/* SPDX-License-Identifier: Apache-2.0
 *
 * Mining of cryptocurrency: programs and their settings.
 */
rule miner_program
{
	meta:
		description = "Program that mines cryptocurrency over Stratum"
		severity = "high"
		score = 75

	strings:
		$stratum = /stratum\+(tcp|ssl|tls|udp):\/\//
		$login = "\"method\":\"login\"" nocase
		$submit = "mining.submit"
		$subscribe = "mining.subscribe"
		$job = "mining.notify"
		$randomx = "randomx" nocase
		$donate = "donate-level"
		$cryptonight = "cryptonight" nocase

	condition:
		uint32(0) == 0x464c457f and filesize < 50MB and 4 of them
}

rule miner_settings
{
	meta:
		description = "Settings of a program that mines cryptocurrency"
		severity = "medium"
		score = 70

	strings:
		$pools = "\"pools\""
		$url = /"url"\s{0,8}:\s{0,8}"[a-z0-9.+:\/-]{4,80}:[0-9]{2,5}"/ nocase
		$donate = "\"donate-level\""
		$algo = /"(algo|coin)"\s{0,8}:/
		$rig = "\"rig-id\""

	condition:
		filesize < 256KB and $pools and $url and $donate and ($algo or $rig)
}

rule miner_start_script
{
	meta:
		description = "Script that starts a miner"
		severity = "medium"
		score = 70

	strings:
		$stratum = /-o\s{1,4}"?stratum\+(tcp|ssl|tls):\/\/[a-z0-9.-]{4,80}:[0-9]{2,5}/ nocase
		$flag = /--(donate-level|cpu-priority|randomx-[a-z-]{2,20}|rig-id)[ =]/

	condition:
		filesize < 256KB and uint32(0) != 0x464c457f and $stratum and $flag
}
