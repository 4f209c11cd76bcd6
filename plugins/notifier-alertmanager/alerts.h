/*
 * notifier-alertmanager/alerts.h: from a message to what POST /api/v2/alerts takes.
 *
 * An alert's identity there is its labels, so only what stays the same from the alert's beginning to its end is one:
 * what it is about, and free labels. A revision, a verdict, a hand that changed it are annotations. Severity is a
 * label, because routes need it; when it changes, the alert with the old one is resolved in the same request. Which was
 * told is kept in the reference of the incident.
 */
#ifndef NOTIFIER_ALERTMANAGER_ALERTS_H
#define NOTIFIER_ALERTMANAGER_ALERTS_H

#include "common/notifier.h"

#define REFERENCE_ROOM 1024u /* what the core keeps of a reference */

typedef struct alerts_options {
    const tu_language *language;
    const cJSON *labels;  /* to add to every alert; may be NULL */
    int64_t ends_after_s; /* a firing alert that isn't told again resolves by itself then */
    int64_t now_s;        /* unix */
    bool brief;           /* without the long annotations */
    const char *reference;
} alerts_options;

/* The JSON array, malloc'd, and the new reference. NULL: no memory. */
char *alerts_make(const cJSON *message, const alerts_options *o, char reference[REFERENCE_ROOM]);

#endif
