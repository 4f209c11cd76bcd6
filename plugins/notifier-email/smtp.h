/*
 * notifier-email/smtp.h: one SMTP transaction over libcurl, and what became of each recipient.
 *
 * Invariants
 *   - A password or token is sent only inside TLS, or to this machine where the user said so.
 *   - A recipient that is refused doesn't keep the others from getting the mail.
 *   - What counts is what the server said, not how the connection ended: once it has taken the mail, a
 *     connection that breaks changes nothing; when it broke between the last byte and the answer, nobody
 *     knows, and the outcome is TU_ETIMEOUT.
 */
#ifndef NOTIFIER_EMAIL_SMTP_H
#define NOTIFIER_EMAIL_SMTP_H

#include "settings.h"

typedef enum {
    SMTP_OPEN,     /* not asked yet, or the mail as a whole wasn't taken */
    SMTP_ACCEPTED, /* has the mail */
    SMTP_LATER,    /* refused for now (4yz) */
    SMTP_NEVER,    /* refused for good (5yz) */
} smtp_fate;

typedef struct smtp_recipient {
    const char *address;
    smtp_fate fate;
    bool wanted;     /* not among those who have it already */
    char reply[200]; /* of a refusal: the server's words, printable */
} smtp_recipient;

typedef struct smtp_mail {
    const char *text; /* headers and body, CR LF */
    size_t n;
    smtp_recipient *recipients;
    size_t count;
    const char *password, *token; /* opened; may be NULL */
} smtp_mail;

/* TU_OK: the server took the mail for every recipient whose fate is SMTP_ACCEPTED. Otherwise why not, and nobody
 * has it (TU_ETIMEOUT: nobody knows). Fates of the others are set either way. */
tu_rc smtp_send(const settings *s, const tu_host *host, tu_call *call, smtp_mail *mail,
                tu_http_error *error);

#endif
