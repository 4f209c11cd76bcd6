/*
 * tests/support/http_server.h: a real HTTP server on this machine that answers what a test has
 * scripted.
 *
 *     http_server *s = http_server_start(&(http_script){.answers = answers, .n = 2});
 *     ... requests to http_server_url(s, "/path") ...
 *     http_server_request(s, 0)  ->  "POST /path HTTP/1.1\r\n..."
 *
 * Answer number i goes to request number i, byte by byte as it is written; the last one is
 * repeated. The port is the system's choice.
 */
#ifndef TU_TESTS_HTTP_SERVER_H
#define TU_TESTS_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

enum { HTTP_KEEP, HTTP_CLOSE, HTTP_RESET }; /* what happens to the connection after the answer */

typedef struct http_answer {
    const char *bytes; /* status line, headers, body: sent as they are. NULL or "": nothing */
    int after;
    size_t filler;    /* so many 'x' behind the bytes */
    const char *tail; /* and this behind those; may be NULL */
} http_answer;

typedef struct http_script {
    const http_answer *answers;
    size_t n;
    const char *tls_folder; /* not NULL: https, with a certificate for 127.0.0.1 written to cert.pem
                               and key.pem there */
    bool ask_certificate;   /* clients must show that same certificate */
    bool many;    /* connections beside each other; their requests are answered as they come */
    bool expired; /* the certificate ran out an hour ago */
} http_script;

typedef struct http_server http_server;
http_server *http_server_start(const http_script *script);
void http_server_stop(http_server *s);
/* "http://127.0.0.1:<port><path>". Valid until the next call. */
const char *http_server_url(http_server *s, const char *path);
/* Waits until so many requests have come whole. */
void http_server_await(http_server *s, size_t requests);
size_t http_server_count(http_server *s);
/* Request number i as it came, headers and body. Valid until stop. */
const char *http_server_request(http_server *s, size_t i);
/* The value of a header of request number i (any case), "" when absent. Valid until the next call.
 */
const char *http_server_header(http_server *s, size_t i, const char *name);
const char *http_server_body(http_server *s, size_t i);

#endif
