/* SPDX-License-Identifier: Apache-2.0
 *
 * What cordond and a cordon-cloud that downloads feeds, or puts a file to S3, say to each other:
 * settings (in a file without a name), then one question after the other. The answers bring what
 * strangers' servers sent; who sends them may be in their hands. Nothing of it is looked at in
 * cordond.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cage_layer.h"

#define FETCH_MODE	   "fetch"
#define FETCH_VERSION	   2
#define FETCH_URL_SIZE	   2048
#define FETCH_ETAG_SIZE	   256
#define FETCH_TIME_SIZE	   64
#define FETCH_TEXT_SIZE	   256
/* Of one frame; several fit into the kernel's default socket buffer. */
#define FETCH_PART_MAX	   ((size_t)48 * 1024)
#define FETCH_SETTINGS_MAX ((size_t)2 * 1024 * 1024)

/* put: the other way round: the file whose descriptor comes with the question is put to url, an s3
 * one. */
#define FETCH_OWNER_SIZE 16
/* Texts end with NUL. url: https://HOST/..., http:// to loopback, s3://BUCKET/KEY, or ssm:NAME: the
 * value of a parameter, which may itself be an https or s3 URL. */
struct fetch_ask {
	uint64_t size_max, timeout; /* bytes; ns */
	char url[FETCH_URL_SIZE];
	char etag[FETCH_ETAG_SIZE];	/* "": none is known */
	char modified[FETCH_TIME_SIZE]; /* Last-Modified, as it was sent; "": none */
	uint32_t put;
	char owner[FETCH_OWNER_SIZE]; /* account that the bucket must be of; "": any */
};

enum fetch_answer_type {
	FETCH_HELLO,
	FETCH_DATA,
	FETCH_DONE,
};

enum fetch_outcome {
	FETCH_NEW,
	FETCH_SAME,   /* not changed since what was asked with */
	FETCH_FAILED, /* text says why */
	FETCH_OUTCOMES,
};

struct fetch_done {
	uint32_t outcome, status; /* of HTTP; 0: none */
	uint64_t size;		  /* of all data */
	char etag[FETCH_ETAG_SIZE];
	char modified[FETCH_TIME_SIZE];
	char text[FETCH_TEXT_SIZE];
};

struct fetch_answer {
	uint32_t type, size; /* size: of data */
	union {
		struct {
			uint32_t version, uid;
			uint16_t layers[CAGE_LAYERS];
		} hello;
		struct fetch_done done;
		uint8_t data[FETCH_PART_MAX];
	};
};
