/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls to AWS: credentials, signature, transport, the service's error, and trying again. What a
 * call means is its caller's business; one file a service makes them. Replies are a stranger's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "cloud/credentials.h"
#include "cloud/endpoint.h"
#include "cloud/http.h"
#include "cloud/retry.h"

struct client;
struct client_call;

struct client_options {
	struct endpoint_options endpoint; /* region and the texts in it: borrowed for good */
};

/* Telemetry and responses do not wait for each other's retries. */
enum client_bucket {
	CLIENT_TELEMETRY,
	CLIENT_RESPONSES,
	CLIENT_BUCKETS,
};

/* All borrowed for the call. */
struct client_request {
	const struct service *service;
	const char *operation;	  /* of JSON services, and for messages */
	const char *method;	  /* of REST; NULL: POST */
	const char *path, *query; /* of REST, percent-encoded; NULL: "/" and none */
	const char *host_prefix;  /* goes before the endpoint's host, with a dot; NULL: none */
	const char *content_type; /* NULL: as the service's protocol has it */
	const void *body;	  /* of the form protocols without Action and Version */
	size_t body_size;
	bool body_lent; /* stays as it is until the call has ended, and is not copied */
	const struct http_header *headers; /* further ones; signed, too */
	size_t header_count;
	enum client_bucket bucket;
	unsigned attempts; /* 0: RETRY_ATTEMPTS */
	uint64_t timeout;  /* ns for each attempt; 0: as http.h has it */
	size_t reply_max;  /* bytes; 0: as http.h has it */
	bool fresh_connection;
};

#define CLIENT_HEADERS_MAX  8 /* further ones in a request */
#define CLIENT_CODE_SIZE    128
#define CLIENT_MESSAGE_SIZE 512

/* Borrowed for the callback. */
struct client_result {
	enum failure failure; /* FAILURE_NONE: it succeeded */
	unsigned status;      /* of HTTP; 0: no reply */
	unsigned attempts;
	char code[CLIENT_CODE_SIZE];	   /* the service's, "" for none */
	char message[CLIENT_MESSAGE_SIZE]; /* for people; raw bytes of the service's */
	const char *body;		   /* NUL-terminated */
	size_t body_size;
	const char *etag;
};

typedef void (*client_done)(const struct client_result *result, void *userdata);

int client_new(sd_event *loop, struct http *http, struct credentials *credentials,
	       const struct client_options *options, struct client **ret);
/* Calls under way are dropped; done is not called for them. Not from within done. */
void client_free(struct client *client);

/* Begins a call; done is called from the loop, once. ret_call (may be NULL) is good until then.
 * Errors as endpoint_url() has them, and -ENOMEM. */
int client_call(struct client *client, const struct client_request *request, client_done done,
		void *userdata, struct client_call **ret_call);
/* Where it calls a service; outcomes and errors as endpoint_url() has them. */
int client_endpoint(const struct client *client, const struct service *service,
		    char out[static ENDPOINT_URL_SIZE]);
void client_cancel(struct client_call *call);

struct client_statistics {
	uint64_t calls, succeeded, failed; /* failed: after all attempts */
	uint64_t retries, throttled, skewed;
	int64_t skew; /* ns that AWS's clock is ahead of ours, as last seen */
};
void client_statistics(const struct client *client, struct client_statistics *ret);

/* Reads code and message of an error reply: JSON, or XML of each protocol. "" where there is none.
 * For the client, its tests and its fuzzer. */
void client_error_read(enum service_protocol protocol, const char *error_type, const char *body,
		       size_t size, char code[static CLIENT_CODE_SIZE],
		       char message[static CLIENT_MESSAGE_SIZE]);
