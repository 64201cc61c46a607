#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Writes never-block.list to standard output: the regions and services below, multiplied out, and
# what is there once. To be run by hand when AWS opens a region:
#	policy/generate-never-block.sh > policy/never-block.list
set -eu

regions="af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1
ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5
ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1
eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 me-south-1
mx-central-1 sa-east-1 us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 us-west-1 us-west-2"
regions_cn="cn-north-1 cn-northwest-1"

# What an instance needs to be managed, patched, watched and helped. Not: services whose names are
# their customers' (API gateways, load balancers, registries, buckets, instances).
services="autoscaling cloudformation cloudtrail config ec2 ec2messages elasticfilesystem
elasticloadbalancing events fsx guardduty guardduty-data imagebuilder inspector2 kms logs
monitoring secretsmanager securityhub sns sqs ssm ssmmessages sts tagging xray"
fips="ec2 events kms logs monitoring secretsmanager securityhub sns ssm ssmmessages sts"

# Buckets that the SSM agent, Distributor and patching read; REGION stands for the region.
buckets="amazon-ssm-REGION amazon-ssm-packages-REGION aws-ssm-REGION
aws-ssm-distributor-file-REGION aws-ssm-document-attachments-REGION
patch-baseline-snapshot-REGION REGION-birdwatcher-prod amazoncloudwatch-agent-REGION"
# Amazon Linux's repositories.
repositories="al2023-repos-REGION-de612dc2 amazonlinux-2-repos-REGION"

region_names() { # REGION SUFFIX DUALSTACK_SUFFIX
	for service in $services; do
		echo "$service.$1.$2"
		echo "$service.$1.$3"
	done
	for service in $fips; do
		echo "$service-fips.$1.$2"
	done
	echo "api.ecr.$1.$2"
	echo "$1.vpce.$2"
	echo "s3.$1.$2 # scope=name"
	echo "s3.dualstack.$1.$2 # scope=name"
	for bucket in $buckets; do
		echo "$bucket.s3.$1.$2" | sed "s/REGION/$1/"
	done
	for bucket in $repositories; do
		echo "$bucket.s3.dualstack.$1.$2" | sed "s/REGION/$1/"
		echo "$bucket.s3.$1.$2" | sed "s/REGION/$1/"
	done
}

cat <<'EOF'
# Names and addresses that no list of indicators may block: without them a host is lost to those
# who would help it. A name protects itself and everything below it; with "scope=name" only itself,
# where strangers have names below it (anybody can open a bucket). A block entry for one of these,
# or for something below or within one, is rejected as "never-block"; one for something above it
# is taken, and does not reach what is listed here.
#
# Written by policy/generate-never-block.sh. An installed copy of this file may be added to.

# The instance itself: loopback, metadata, resolver and time of the link, credentials of containers.
127.0.0.0/8
::1
169.254.169.254
fd00:ec2::254
169.254.169.253
fd00:ec2::253
169.254.169.123
fd00:ec2::123
169.254.170.2
169.254.170.23
fd00:ec2::23
instance-data.ec2.internal
ec2.internal
compute.internal

# Time, trust, and AWS endpoints that are there once.
time.aws.com
amazontrust.com
ip-ranges.amazonaws.com
iam.amazonaws.com
sts.amazonaws.com
route53.amazonaws.com
organizations.us-east-1.amazonaws.com
health.us-east-1.amazonaws.com
signin.aws.amazon.com
s3.amazonaws.com # scope=name
iam.cn-north-1.amazonaws.com.cn

# Package mirrors of the distributions.
deb.debian.org
security.debian.org
ftp.debian.org
cdn-aws.deb.debian.org
archive.ubuntu.com
security.ubuntu.com
ports.ubuntu.com
esm.ubuntu.com
ntp.ubuntu.com
ppa.launchpadcontent.net
api.snapcraft.io
contracts.canonical.com
livepatch.canonical.com
cdn.amazonlinux.com
cdn.redhat.com
subscription.rhsm.redhat.com
aws.ce.redhat.com
mirrors.fedoraproject.org
dl.fedoraproject.org
mirrors.rockylinux.org
mirrors.almalinux.org
EOF
for region in $regions; do
	echo
	echo "# $region"
	region_names "$region" amazonaws.com api.aws
done
for region in $regions_cn; do
	echo
	echo "# $region"
	region_names "$region" amazonaws.com.cn api.amazonwebservices.com.cn
done
