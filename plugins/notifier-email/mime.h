/*
 * notifier-email/mime.h: a message's bytes: headers and bodies as RFC 5322, 2045, 2047 and 2183 want
 * them. Pure functions of their input.
 *
 * Invariants, whatever the input holds
 *   - Every line ends with CR LF and has at most 76 characters before it (the standard's wish; 998
 *     is its limit), but for a single address or id that is longer.
 *   - A header is one header: control characters of a value are blanks before anything else is
 *     decided, so nothing can begin another one or the body.
 *   - All bytes are ASCII.
 */
#ifndef NOTIFIER_EMAIL_MIME_H
#define NOTIFIER_EMAIL_MIME_H

#include <stdint.h>

#include "common/template.h"

/* "Ops Team <ops@example.com>" or "ops@example.com"; name may be NULL. Both malloc'd. */
typedef struct mime_address {
    char *name, *address;
} mime_address;
/* NULL, or what is wrong with it ("it has no @"). *ret is to be given to mime_address_done() in any case. */
const char *mime_address_read(const char *text, mime_address *ret);
void mime_address_done(mime_address *a);

/* A malloc'd copy of at most limit bytes in which control characters (C0, DEL, C1, Unicode's line ends and
 * directions) and runs of blanks are one blank and what isn't UTF-8 is '?'; NULL without memory. */
char *mime_one_line(const char *value, size_t limit);
/* "Name: value" for people to read; what isn't plain ASCII becomes encoded words. */
void mime_add_text(tu_out *o, const char *name, const char *value);
/* "Name: a, b"; n from 1. */
void mime_add_addresses(tu_out *o, const char *name, const mime_address *addresses, size_t n);
/* "Name: value" of ASCII that trueup made itself: folded at blanks. */
void mime_add_plain(tu_out *o, const char *name, const char *value);
void mime_add_date(tu_out *o, int64_t unix_seconds);
/* "<trueup.HASH@domain>": the same for the same kind and text. */
void mime_id(const char *kind, const char *text, const char *domain, char *out, size_t room);
/* One part: its headers, an empty line, its encoded body. text is UTF-8 with "\n"; type "text/plain". */
void mime_add_part(tu_out *o, const char *type, const char *text, size_t n);

#endif
