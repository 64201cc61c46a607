# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libcloud.a
libcloud_a_SOURCES = \
	%D%/client.c %D%/client.h %D%/client_error.c %D%/credentials.c %D%/credentials.h %D%/endpoint.c %D%/endpoint.h %D%/http.c %D%/http.h \
	%D%/imds.c %D%/imds.h %D%/retry.c %D%/retry.h %D%/sigv4.c %D%/sigv4.h
libcloud_a_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(XML_CFLAGS) $(JANSSON_CFLAGS) $(SYSTEMD_CFLAGS)
cloud_LIBS = libcloud.a $(CURL_LIBS) $(XML_LIBS) $(JANSSON_LIBS)
