/*
 * notifier-email/content.h: from a message to a mail's bytes.
 *
 * The same message and key give the same bytes, but for the mark of a possible duplicate: mail servers and mail programs
 * know a mail that comes twice by its Message-ID.
 *
 * Threads: every mail of an incident answers to one root id, which is made of the incident's and belongs to no mail, and to
 * the mail before it. The subject is made of the incident's group, so it stays the same too.
 */
#ifndef NOTIFIER_EMAIL_CONTENT_H
#define NOTIFIER_EMAIL_CONTENT_H

#include "settings.h"

#define MAIL_LIMIT ((size_t)8 * 1024 * 1024) /* bytes of one mail */
#define ID_ROOM 400u                         /* of a Message-ID; domains have at most 255 */

typedef struct content {
    const cJSON *message;
    const char *key;
    const char *before; /* Message-ID of the incident's mail before this, "" when there is none */
    bool uncertain, brief;
} content;

/* False: no memory. id gets the Message-ID. */
bool content_make(const settings *s, const content *c, tu_out *out, char id[ID_ROOM]);

#endif
