/*
 * notifier-webhook/request.h: the header lines of one request. Some of them are secrets: all are wiped.
 */
#ifndef WEBHOOK_REQUEST_H
#define WEBHOOK_REQUEST_H

#include "letter.h"

enum { HEADER_VALUE_LIMIT = 4096 }; /* bytes of one value that a template makes */

typedef struct lines {
    char **items; /* then NULL */
    size_t n, room;
} lines;

/* After failure the host has heard why. To be given to lines_done() in any case. */
tu_rc lines_make(const settings *s, const tu_host *host, tu_call *call, const letter *l,
                 const char *key, const notifier_context *c, lines *ret);
void lines_done(lines *l);

#endif
