/* SPDX-License-Identifier: Apache-2.0
 *
 * Web shells: pages that run what a request says. In text files of a size that people write.
 */
rule webshell_php_eval_request
{
	meta:
		description = "PHP page that runs code or commands from the request"
		severity = "high"
		score = 80

	strings:
		$php = /<\?(php|=)/ nocase
		$eval = /\b(eval|assert|system|passthru|shell_exec|popen|proc_open|pcntl_exec)\s{0,8}\(\s{0,8}(@\s{0,8})?(base64_decode|gzinflate|str_rot13|stripslashes|trim|urldecode)?\s{0,8}\(?\s{0,8}@?\$_(GET|POST|REQUEST|COOKIE|SERVER)\s{0,8}\[/ nocase
		$backtick = /`\s{0,8}\$_(GET|POST|REQUEST|COOKIE)\s{0,8}\[/ nocase
		$variable = /\$_(GET|POST|REQUEST|COOKIE)\s{0,8}\[[^\]]{1,40}\]\s{0,8}\(\s{0,8}@?\$_(GET|POST|REQUEST|COOKIE)\s{0,8}\[/ nocase

	condition:
		filesize < 1MB and uint32(0) != 0x464c457f and $php and
		($eval or $backtick or $variable)
}

rule webshell_php_packed
{
	meta:
		description = "PHP page that unpacks itself and runs the result"
		severity = "medium"
		score = 65

	strings:
		$php = /<\?(php|=)/ nocase
		$packed = /\b(eval|assert)\s{0,8}\(\s{0,8}@?(gzinflate|gzuncompress|gzdecode|str_rot13|base64_decode|strrev)\s{0,8}\(\s{0,8}@?(gzinflate|gzuncompress|gzdecode|str_rot13|base64_decode|strrev)\s{0,8}\(/ nocase

	condition:
		filesize < 2MB and uint32(0) != 0x464c457f and $php and $packed
}

rule webshell_jsp_runtime
{
	meta:
		description = "JSP page that runs commands from the request"
		severity = "high"
		score = 80

	strings:
		$page = /<%[@!=\s]/
		$exec = /Runtime\.getRuntime\(\)\s{0,8}\.exec\s{0,8}\(\s{0,8}request\.getParameter/
		$builder = /new\s{1,8}ProcessBuilder\s{0,8}\([^;]{0,80}request\.getParameter/

	condition:
		filesize < 1MB and $page and ($exec or $builder)
}

rule webshell_aspx_eval
{
	meta:
		description = "ASP or ASPX page that evaluates the request"
		severity = "high"
		score = 80

	strings:
		$page = /<%@?\s{0,8}(Page|WebHandler|Language|eval|execute)/ nocase
		$eval = /\b(eval|execute|executeglobal)\s{0,8}\(?\s{0,8}request(\.item|\.form|\.querystring)?\s{0,8}[\(\[]\s{0,8}"/ nocase

	condition:
		filesize < 1MB and $page and $eval
}
