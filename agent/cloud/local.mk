# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libcloud.a
libcloud_a_SOURCES = \
	%D%/endpoint.c %D%/endpoint.h %D%/retry.c %D%/retry.h %D%/sigv4.c %D%/sigv4.h
cloud_LIBS = libcloud.a
