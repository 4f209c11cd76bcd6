/*
 * notifier-webhook/letter.h: what is sent in one attempt: the body, and what headers are made of.
 *
 * Invariant: there is always a body. A template that can't be rendered with this message (too large, no JSON) is rendered
 * with its shortest form; if that fails, too, the message goes out as it is.
 */
#ifndef WEBHOOK_LETTER_H
#define WEBHOOK_LETTER_H

#include "settings.h"

enum { LETTER_BYTES = 512 * 1024, LETTER_ALERTS = 5, LETTER_DIFF_LINES = 10 };

typedef struct letter {
    cJSON *message; /* with `diff` and `sentence` in its alerts */
    cJSON *fields;
    char *made; /* NULL: body is the message as it came */
    tu_str body;
    const char *content_type; /* of the request */
} letter;

/* False: no memory. */
bool letter_write(const settings *s, tu_str message, const char *key, const notifier_context *c,
                  letter *ret);
void letter_done(letter *l);

/* The parts, for the check at load. letter_prepare: fields for a message that was parsed; false: no memory. */
bool letter_prepare(const settings *s, const notifier_context *c, const char *key, letter *l);
bool letter_render(const settings *s, const letter *l, tu_out *out);

/* "dev.trueup.incident.firing" */
void letter_cloud_type(const cJSON *message, char *out, size_t room);
/* Its source: as configured, or made of the installation. */
void letter_cloud_source(const settings *s, const cJSON *message, char *out, size_t room);
const char *letter_cloud_time(const cJSON *message);
const char *letter_cloud_subject(const cJSON *message);

#endif
