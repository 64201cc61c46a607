/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP requests on an event loop, over libcurl: transport and TLS, nothing of AWS. The other end
 * may be hostile: replies are bounded, redirects are not followed, and everything ends by its
 * deadline.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include <time.h>

struct http;
struct http_transfer;

struct http_options {
	const char *proxy; /* "http://host:port"; NULL or "": none. The environment is not asked */
	const char *no_proxy;  /* hosts that are reached without it, as curl has them */
	const void *ca_bundle; /* PEM; NULL: the system's own. Copied */
	size_t ca_bundle_size;
	const char *user_agent;
};

struct http_header {
	const char *name, *value; /* sent as they are */
};

/* All borrowed for the call. */
struct http_request {
	const char *method, *url;
	const struct http_header *headers;
	size_t header_count;
	const void *body;
	size_t body_size;
	bool body_lent;		  /* stays until done is called, and is not copied */
	uint64_t timeout;	  /* ns, for all of it; 0: 30 s */
	uint64_t connect_timeout; /* ns; 0: 5 s */
	size_t reply_max;	  /* bytes of body; 0: 1 MiB */
	bool fresh_connection;	  /* not one that is open already */
	bool direct;		  /* past the proxy: the metadata service */
};

#define HTTP_ERROR_TYPE_SIZE 128
#define HTTP_LOCATION_SIZE   2048

/* Borrowed for the callback. */
struct http_reply {
	unsigned status;   /* 0: none came; error says why */
	const char *error; /* "" when a reply came */
	bool timed_out;	   /* with status 0 */
	const char *body;  /* NUL-terminated behind its size bytes */
	size_t body_size;
	time_t date;			       /* of the Date header; 0: none */
	uint64_t retry_after;		       /* ns; 0: not said */
	char error_type[HTTP_ERROR_TYPE_SIZE]; /* x-amzn-ErrorType, "" for none */
	char etag[HTTP_LOCATION_SIZE / 8];
	char modified[HTTP_ERROR_TYPE_SIZE / 2]; /* Last-Modified, as it was sent */
	char location[HTTP_LOCATION_SIZE];	 /* of a redirect, which is not followed */
};

typedef void (*http_done)(const struct http_reply *reply, void *userdata);

int http_new(sd_event *loop, const struct http_options *options, struct http **ret);
/* Requests that are under way are dropped; done is not called for them. */
void http_free(struct http *http);

/* Begins a request; done is called from the loop, exactly once. ret_transfer (may be NULL): for
 * http_cancel(), good until done is called. -EINVAL: a URL that is neither http nor https, or a
 * header with a line end; -ENOMEM. */
int http_send(struct http *http, const struct http_request *request, http_done done, void *userdata,
	      struct http_transfer **ret_transfer);
/* Drops it; done is not called. */
void http_cancel(struct http_transfer *transfer);
