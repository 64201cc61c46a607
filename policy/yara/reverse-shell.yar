/* SPDX-License-Identifier: Apache-2.0
 *
 * Shells that connect to whoever sent them, in scripts.
 */
rule reverse_shell_script
{
	meta:
		description = "Script that gives a shell to a remote host"
		severity = "high"
		score = 80

	strings:
		$bash = /\b(ba|z|da|k)?sh\s{1,4}-i\s{0,4}(>&|&>|[0-9]?>)\s{0,4}\/dev\/(tcp|udp)\/[a-z0-9.:-]{3,80}\/[0-9]{1,5}/ nocase
		$exec = /exec\s{1,4}[0-9]{1,3}<>\s{0,4}\/dev\/(tcp|udp)\/[a-z0-9.:-]{3,80}\/[0-9]{1,5}\s{0,4};[^\n]{0,120}\b(sh|bash)\b/
		$pipe = /mkfifo\s{1,4}[^\n;|&]{1,80}[;&][^\n]{0,120}\|\s{0,4}(\/bin\/)?(ba)?sh\s{1,4}-i[^\n]{0,80}\|\s{0,4}(nc|ncat|netcat|openssl|telnet)\b/
		$python = /socket\.socket\([^\n]{0,200}\.connect\(\([^\n]{0,200}os\.dup2\([^\n]{0,300}(subprocess\.(call|Popen|run)|pty\.spawn|os\.system)\(/
		$perl = /socket\(S,PF_INET,SOCK_STREAM[^\n]{0,300}open\(STDIN,">&S"\)[^\n]{0,200}exec\(/
		$php = /fsockopen\([^\n;]{3,100}\)\s{0,4};[^\n]{0,60}(exec|shell_exec|system|passthru|proc_open)\("[^"\n]{0,20}\bsh\b[^"\n]{0,20}<&3/
		$ruby = /TCPSocket\.(new|open)\([^\n]{3,100}\)[^\n]{0,100}exec\s{0,4}\(?\s{0,4}sprintf\([^\n]{0,20}\bsh\b/

	condition:
		filesize < 512KB and uint32(0) != 0x464c457f and any of them
}

rule reverse_shell_netcat
{
	meta:
		description = "Script that has netcat run a shell"
		severity = "medium"
		score = 70

	strings:
		$shebang = "#!"
		$netcat = /\b(nc|ncat|netcat)(\.traditional)?\s{1,4}(-[a-z]{1,6}\s{1,4}){0,4}[a-z0-9.:-]{3,80}\s{1,4}[0-9]{1,5}\s{1,4}(-e|--exec|-c)\s{1,4}"?(\/bin\/)?(ba|da|z)?sh\b/

	condition:
		filesize < 64KB and $shebang at 0 and $netcat
}
