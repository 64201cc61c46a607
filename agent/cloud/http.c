/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cloud/http_compat.h"
#include "cloud/http_headers.h"

#define TIMEOUT_DEFAULT		(30 * NS_PER_SECOND)
#define CONNECT_TIMEOUT_DEFAULT (5 * NS_PER_SECOND)
#define REPLY_MAX_DEFAULT	((size_t)1024 * 1024)
/* Of a reply; servers send some ten. A header line is at most 100 KiB to curl. */
#define HEADERS_MAX		200
/* Connections that are kept open: one a service, and some to spare. */
#define CONNECTIONS_KEPT	8

struct http {
	sd_event *loop;
	sd_event_source *timer;
	CURLM *multi;
	struct http_transfer *transfers;
	char *proxy, *no_proxy, *user_agent;
	struct curl_blob ca_bundle;
};

struct http_transfer {
	struct http *http;
	struct http_transfer *next, **link; /* in http->transfers */
	CURL *easy;
	struct curl_slist *headers;
	void *request_body;
	http_done done;
	void *userdata;
	char *body;
	size_t size, room, max;
	unsigned header_count;
	bool too_large;
	char error[CURL_ERROR_SIZE];
	struct http_reply reply;
};

/* Microseconds; with 0 timers may be a quarter of a second late. */
#define TIMER_ACCURACY 1

CLEANUP_DEFINE(struct http *, http_free)

static void transfer_free(struct http_transfer *transfer)
{
	if (!transfer)
		return;
	if (transfer->link) {
		*transfer->link = transfer->next;
		if (transfer->next)
			transfer->next->link = transfer->link;
		(void)curl_multi_remove_handle(transfer->http->multi, transfer->easy);
	}
	curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->headers);
	free(transfer->request_body);
	free(transfer->body);
	free(transfer);
}

CLEANUP_DEFINE(struct http_transfer *, transfer_free)

void http_cancel(struct http_transfer *transfer)
{
	transfer_free(transfer);
}

/* The body, kept with a NUL behind it. */
static size_t body_write(char *bytes, size_t one, size_t count, void *userdata)
{
	struct http_transfer *transfer = userdata;
	size_t size = one * count, wanted = transfer->size + size + 1;
	char *grown;

	if (size > transfer->max - transfer->size) {
		transfer->too_large = true;
		return 0;
	}
	if (wanted > transfer->room) {
		wanted = wanted < 4096 ? 4096 : wanted * 2;
		grown = realloc(transfer->body, wanted);
		if (!grown)
			return 0;
		transfer->body = grown;
		transfer->room = wanted;
	}
	memcpy(transfer->body + transfer->size, bytes, size);
	transfer->size += size;
	transfer->body[transfer->size] = '\0';
	return size;
}

static size_t header_write(char *bytes, size_t one, size_t count, void *userdata)
{
	struct http_transfer *transfer = userdata;

	if (++transfer->header_count > HEADERS_MAX)
		return 0;
	http_header_read(bytes, one * count, &transfer->reply);
	return one * count;
}

static const char *failure_text(const struct http_transfer *transfer, CURLcode result)
{
	if (transfer->too_large)
		return "the reply is larger than it may be";
	if (transfer->header_count > HEADERS_MAX)
		return "the reply has too many headers";
	return transfer->error[0] ? transfer->error : curl_easy_strerror(result);
}

static void transfer_finish(struct http_transfer *transfer, CURLcode result)
{
	struct http_reply *reply = &transfer->reply;
	long status = 0;

	(void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	/* Half a reply is none. */
	reply->status = result == CURLE_OK ? (unsigned)status : 0;
	reply->error = result == CURLE_OK ? "" : failure_text(transfer, result);
	reply->timed_out = result == CURLE_OPERATION_TIMEDOUT;
	reply->body = transfer->body ? transfer->body : "";
	reply->body_size = transfer->size;
	transfer->done(reply, transfer->userdata);
	transfer_free(transfer);
}

/* Calls done for whatever has ended. It may send, cancel, and end further ones. */
static void transfers_finish(struct http *http)
{
	struct http_transfer *transfer;
	CURLMsg *message;
	int waiting;

	while ((message = curl_multi_info_read(http->multi, &waiting))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
		transfer_finish(transfer, message->data.result);
	}
}

static int socket_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct http *http = userdata;
	int what = 0, running;

	(void)source;
	if (events & EPOLLIN)
		what |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		what |= CURL_CSELECT_ERR;
	(void)curl_multi_socket_action(http->multi, fd, what, &running);
	transfers_finish(http);
	return 0;
}

/* curl says which sockets it waits for; the source of each hangs on the socket. */
static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *userdata, void *assigned)
{
	struct http *http = userdata;
	sd_event_source *source = assigned;
	uint32_t events =
		(what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		(void)sd_event_source_disable_unref(source);
		return 0;
	}
	if (source)
		return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
	if (sd_event_add_io(http->loop, &source, fd, events, socket_ready, http) < 0)
		return -1;
	(void)curl_multi_assign(http->multi, fd, source);
	return 0;
}

static int timer_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct http *http = userdata;
	int running;

	(void)source;
	(void)usec;
	(void)curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	transfers_finish(http);
	return 0;
}

static int timer_wanted(CURLM *multi, long milliseconds, void *userdata)
{
	struct http *http = userdata;

	(void)multi;
	if (milliseconds < 0)
		return sd_event_source_set_enabled(http->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
	if (sd_event_source_set_time_relative(http->timer, (uint64_t)milliseconds * 1000) < 0)
		return -1;
	return sd_event_source_set_enabled(http->timer, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
}

static int options_copy(struct http *http, const struct http_options *options)
{
	http->proxy = strdup(options->proxy ? options->proxy : "");
	http->no_proxy = strdup(options->no_proxy ? options->no_proxy : "");
	http->user_agent = strdup(options->user_agent ? options->user_agent : "");
	if (!http->proxy || !http->no_proxy || !http->user_agent)
		return -ENOMEM;
	if (!options->ca_bundle)
		return 0;
	http->ca_bundle.data = malloc(options->ca_bundle_size + 1);
	if (!http->ca_bundle.data)
		return -ENOMEM;
	memcpy(http->ca_bundle.data, options->ca_bundle, options->ca_bundle_size);
	http->ca_bundle.len = options->ca_bundle_size;
	http->ca_bundle.flags = CURL_BLOB_NOCOPY;
	return 0;
}

int http_new(sd_event *loop, const struct http_options *options, struct http **ret)
{
	CLEANUP(http_free_cleanup) struct http *http = calloc(1, sizeof(*http));
	int r;

	if (!http)
		return -ENOMEM;
	http->loop = sd_event_ref(loop);
	r = options_copy(http, options);
	if (r < 0)
		return r;
	http->multi = curl_multi_init();
	if (!http->multi)
		return -ENOMEM;
	r = sd_event_add_time_relative(loop, &http->timer, CLOCK_MONOTONIC, 0, TIMER_ACCURACY,
				       timer_due, http);
	if (r >= 0)
		r = sd_event_source_set_enabled(http->timer, SD_EVENT_OFF);
	if (r < 0)
		return r;
	(void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	(void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	(void)curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
	(void)curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	(void)curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
	*ret = take_ptr(http);
	return 0;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	while (http->transfers)
		transfer_free(http->transfers);
	if (http->multi)
		(void)curl_multi_cleanup(http->multi);
	(void)sd_event_source_disable_unref(http->timer);
	(void)sd_event_unref(http->loop);
	free(http->proxy);
	free(http->no_proxy);
	free(http->user_agent);
	free(http->ca_bundle.data);
	free(http);
}

static bool header_is_given(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (strcasecmp(request->headers[i].name, name) == 0)
			return true;
	return false;
}

static int headers_make(struct http_transfer *transfer, const struct http_request *request)
{
	/* curl would wait for a "100 Continue" before a large body, and give a body a type that
	 * nobody signed; its own Content-Type stands back where there is another one. */
	transfer->headers = curl_slist_append(NULL, "Expect:");
	if (transfer->headers && !header_is_given(request, "Content-Type"))
		(void)curl_slist_append(transfer->headers, "Content-Type:");
	for (size_t i = 0; transfer->headers && i < request->header_count; i++) {
		const struct http_header *header = &request->headers[i];
		CLEANUP(free_cleanup) char *line = NULL;
		struct curl_slist *longer;

		if (strpbrk(header->name, "\r\n") || strpbrk(header->value, "\r\n"))
			return -EINVAL;
		/* "Name;" is how curl sends a header without a value. */
		if (asprintf(&line, *header->value ? "%s: %s" : "%s;", header->name,
			     header->value) < 0) {
			line = NULL;
			return -ENOMEM;
		}
		longer = curl_slist_append(transfer->headers, line);
		if (!longer)
			return -ENOMEM;
		transfer->headers = longer;
	}
	return transfer->headers ? 0 : -ENOMEM;
}

static long milliseconds(uint64_t ns, uint64_t unset)
{
	return (long)((ns ? ns : unset) / NS_PER_MILLISECOND);
}

/* What a peer may and may not do. */
static CURLcode options_limit(CURL *easy, const struct http_request *request)
{
	CURLcode r = http_limit_protocols(easy);

	r = r ? r : curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	r = r ? r : curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	r = r ? r : curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	r = r ? r : curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	r = r ? r
	      : curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->fresh_connection ? 1L : 0L);
	r = r ? r
	      : curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, request->fresh_connection ? 1L : 0L);
	r = r ? r
	      : curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
				 milliseconds(request->timeout, TIMEOUT_DEFAULT));
	return r ? r
		 : curl_easy_setopt(
			   easy, CURLOPT_CONNECTTIMEOUT_MS,
			   milliseconds(request->connect_timeout, CONNECT_TIMEOUT_DEFAULT));
}

/* The request as it was signed: curl must not change a byte of path or query. */
static CURLcode options_request(struct http_transfer *transfer, const struct http_request *request)
{
	CURL *easy = transfer->easy;
	CURLcode r = curl_easy_setopt(easy, CURLOPT_URL, request->url);

	r = r ? r : curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	r = r ? r : curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	if (strcmp(request->method, "HEAD") == 0)
		return r ? r : curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	if (request->body_size > 0 || strcmp(request->method, "POST") == 0 ||
	    strcmp(request->method, "PUT") == 0) {
		r = r ? r : curl_easy_setopt(easy, CURLOPT_POST, 1L);
		r = r ? r
		      : curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
					 request->body_lent ? request->body
							    : transfer->request_body);
		r = r ? r
		      : curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
					 (curl_off_t)request->body_size);
	}
	return r ? r : curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static CURLcode options_reply(struct http_transfer *transfer)
{
	CURL *easy = transfer->easy;
	CURLcode r = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_write);

	r = r ? r : curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	r = r ? r : curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_write);
	r = r ? r : curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	r = r ? r : curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	return r ? r : curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
}

static CURLcode options_ours(const struct http *http, CURL *easy,
			     const struct http_request *request)
{
	CURLcode r = curl_easy_setopt(easy, CURLOPT_PROXY, request->direct ? "" : http->proxy);

	r = r ? r : curl_easy_setopt(easy, CURLOPT_NOPROXY, http->no_proxy);
	r = r ? r : curl_easy_setopt(easy, CURLOPT_USERAGENT, http->user_agent);
	if (http->ca_bundle.data)
		r = r ? r : http_set_bundle(easy, &http->ca_bundle);
	return r;
}

static int transfer_prepare(struct http_transfer *transfer, const struct http_request *request)
{
	CURLcode code;
	int r;

	transfer->easy = curl_easy_init();
	if (!request->body_lent)
		transfer->request_body = malloc(request->body_size + 1);
	if (!transfer->easy || (!request->body_lent && !transfer->request_body))
		return -ENOMEM;
	if (request->body_size > 0 && !request->body_lent)
		memcpy(transfer->request_body, request->body, request->body_size);
	r = headers_make(transfer, request);
	if (r < 0)
		return r;
	code = options_limit(transfer->easy, request);
	code = code ? code : options_request(transfer, request);
	code = code ? code : options_reply(transfer);
	code = code ? code : options_ours(transfer->http, transfer->easy, request);
	return code == CURLE_OK ? 0 : code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
}

int http_send(struct http *http, const struct http_request *request, http_done done, void *userdata,
	      struct http_transfer **ret_transfer)
{
	CLEANUP(transfer_free_cleanup) struct http_transfer *transfer = NULL;
	int r;

	if (strncmp(request->url, "http://", 7) != 0 && strncmp(request->url, "https://", 8) != 0)
		return -EINVAL;
	transfer = calloc(1, sizeof(*transfer));
	if (!transfer)
		return -ENOMEM;
	transfer->http = http;
	transfer->done = done;
	transfer->userdata = userdata;
	transfer->max = request->reply_max ? request->reply_max : REPLY_MAX_DEFAULT;
	r = transfer_prepare(transfer, request);
	if (r < 0)
		return r;
	if (curl_multi_add_handle(http->multi, transfer->easy) != CURLM_OK)
		return -ENOMEM;
	transfer->next = http->transfers;
	transfer->link = &http->transfers;
	if (transfer->next)
		transfer->next->link = &transfer->next;
	http->transfers = transfer;
	if (ret_transfer)
		*ret_transfer = transfer;
	take_ptr(transfer);
	return 0;
}
