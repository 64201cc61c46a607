# SPDX-License-Identifier: Apache-2.0
dist_pkgdata_DATA += \
	%D%/default.yaml \
	%D%/doh-resolvers.txt \
	%D%/never-block.list \
	%D%/popular-names.list \
	%D%/starter.list
iamdir = $(pkgdatadir)/iam
dist_iam_DATA = \
	%D%/iam/eventbridge.json \
	%D%/iam/metrics.json \
	%D%/iam/parameters.json \
	%D%/iam/report.json \
	%D%/iam/s3.json \
	%D%/iam/security_hub.json \
	%D%/iam/sns.json \
	%D%/iam/tags.json \
	%D%/iam/ssm.json \
	%D%/iam/isolate.json \
	%D%/iam/isolate-evidence.json \
	%D%/iam/isolate-surroundings.json \
	%D%/iam/isolate-end.json \
	%D%/iam/release.json
EXTRA_DIST += \
	%D%/generate-never-block.sh
yaradir = $(pkgdatadir)/yara
dist_yara_DATA = \
	%D%/yara/miner.yar \
	%D%/yara/packed-elf.yar \
	%D%/yara/reverse-shell.yar \
	%D%/yara/test-file.yar \
	%D%/yara/webshell.yar
schemadir = $(pkgdatadir)/schema
dist_schema_DATA = \
	%D%/schema/cases.json \
	%D%/schema/cordon.json \
	%D%/schema/policy.json
