# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libcloud.a
libcloud_a_SOURCES = %D%/sigv4.c %D%/sigv4.h
cloud_LIBS = libcloud.a
