/*
 * fault_server.h: an HTTP/1.1 server that answers as a test's script says, byte for byte, for
 * faults that a real server doesn't make on demand.
 *
 * A script is a list of answers. A request takes the first answer that is left whose `path` is the
 * beginning of its target; `times` answers are given of one (0: any number). What no answer fits
 * gets 404. Every connection is closed after its answer, so an answer may end anywhere.
 */
#ifndef FAULT_SERVER_H
#define FAULT_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum {
    FAULT_NONE,
    FAULT_BYTE_BY_BYTE, /* each byte is a segment of its own */
    FAULT_CUT,          /* closes after `bytes` of the body, though it promised more */
    FAULT_RESET,        /* the same with a TCP reset */
    FAULT_HANG,        /* sends `bytes` of the body and then nothing, until the server is stopped */
    FAULT_CHUNKED_CUT, /* chunked encoding that ends without its last chunk */
    FAULT_ENDLESS      /* repeats the body's last byte for ever */
} fault_kind;

typedef struct fault_answer {
    const char *path;
    int status;          /* 0: 200 */
    const char *headers; /* "Name: value\r\n...", NULL: JSON */
    const char *body;
    fault_kind fault;
    size_t bytes;
    unsigned times;
} fault_answer;

typedef struct fault_server {
    int port;
    /* private */
    int listener, stop[2];
    pthread_t thread;
    pthread_mutex_t lock;
    const fault_answer *answers;
    unsigned given[64];
    size_t n;
    char log[65536];          /* one line a request: "GET /path" */
    char authorization[8192]; /* of the requests, one line each */
} fault_server;

void fault_server_start(fault_server *s, const fault_answer *answers, size_t n);
void fault_server_stop(fault_server *s);
unsigned fault_server_count(fault_server *s, const char *needle); /* requests whose line has it */

#endif
