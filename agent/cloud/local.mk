# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libcloud.a
libcloud_a_SOURCES = \
	%D%/instance_tags.c \
	%D%/inventory.c \
	%D%/metric_data.c \
	%D%/opsitem.c \
	%D%/opsitem.h \
	%D%/opsitems.c \
	%D%/parameter.h \
	%D%/parameter.c \
	%D%/places.c \
	%D%/places.h \
	%D%/preflight.c \
	%D%/sink_call.c \
	%D%/tags.h \
	%D%/tags_text.c \
	%D%/text.c \
	%D%/text.h \
	%D%/batch.c \
	%D%/batch.h \
	%D%/cloud_cage.c \
	%D%/cloud_cage.h \
	%D%/cloudwatch.c \
	%D%/cloudwatch.h \
	%D%/eventbridge.c \
	%D%/eventbridge.h \
	%D%/reply_xml.c \
	%D%/reply_xml.h \
	%D%/s3.c \
	%D%/s3.h \
	%D%/securityhub.c \
	%D%/securityhub.h \
	%D%/sns.c \
	%D%/sns.h \
	%D%/call.c \
	%D%/call.h \
	%D%/call_table.c \
	%D%/call_table.h \
	%D%/xml_facts.c \
	%D%/xml_facts.h \
	%D%/courier_calls.c \
	%D%/courier_calls.h \
	%D%/courier_private.h \
	%D%/courier_status.c \
	%D%/courier.c \
	%D%/courier.h \
	%D%/dispatch.c \
	%D%/dispatch.h \
	%D%/dispatch_private.h \
	%D%/instance.c \
	%D%/instance.h \
	%D%/fetch_job.c \
	%D%/fetch_job.h \
	%D%/fetch_protocol.h \
	%D%/fetch_url.c \
	%D%/fetch_url.h \
	%D%/fetch_worker.c \
	%D%/fetch_worker.h \
	%D%/message.c \
	%D%/message.h \
	%D%/settings.c \
	%D%/settings.h \
	%D%/sink.h \
	%D%/sink_queue.c \
	%D%/client.c \
	%D%/client.h \
	%D%/client_error.c \
	%D%/credentials.c \
	%D%/credentials.h \
	%D%/endpoint.c \
	%D%/endpoint.h \
	%D%/http.c \
	%D%/http.h \
	%D%/http_compat.c \
	%D%/http_compat.h \
	%D%/http_headers.c \
	%D%/http_headers.h \
	%D%/imds.c \
	%D%/imds.h \
	%D%/object_put.c \
	%D%/object_put.h \
	%D%/retry.c \
	%D%/retry.h \
	%D%/sigv4.c \
	%D%/sigv4.h
libcloud_a_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(XML_CFLAGS) $(JANSSON_CFLAGS) $(SYSTEMD_CFLAGS) $(SECCOMP_CFLAGS) $(ZLIB_CFLAGS)
cloud_LIBS = libcloud.a $(CURL_LIBS) $(XML_LIBS) $(ZLIB_LIBS) $(JANSSON_LIBS)

# cordond takes of the library only its own side of the channel: it has neither curl nor libxml2.
pkglibexec_PROGRAMS += cordon-cloud
cordon_cloud_SOURCES = %D%/cloud_main.c
cordon_cloud_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(XML_CFLAGS) $(JANSSON_CFLAGS) $(SYSTEMD_CFLAGS)
cordon_cloud_LDADD = $(cloud_LIBS) $(base_LIBS) $(SECCOMP_LIBS)
