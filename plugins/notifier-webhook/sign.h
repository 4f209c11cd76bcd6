/*
 * notifier-webhook/sign.h: the headers that prove who sent a body and when.
 *
 *   X-Trueup-Signature: t=<unix>,v1=<hex>[,v1=<hex>]       HMAC-SHA256 over "<t>.<body>"
 *   webhook-signature: v1,<base64>[ v1,<base64>]           over "<webhook-id>.<webhook-timestamp>.<body>", with the key whsec_...
 *
 * Two signatures stand there while a key is changed. Keys are opened inside of the host's call and copied nowhere, but for the
 * decoded form of whsec_, which is wiped.
 */
#ifndef WEBHOOK_SIGN_H
#define WEBHOOK_SIGN_H

#include "letter.h"

enum { SIGN_BYTES = 256 };

typedef struct signing {
    const char *id;   /* of the message; NULL: not signed */
    const char *time; /* unix seconds */
    tu_str body;
    bool is_standard;      /* or hex */
    char text[SIGN_BYTES]; /* what was signed so far: "v1=..,v1=.." or "v1,.. v1,.." */
    bool failed, bad_key;
} signing;

/* Signs with each of the keys. After failure the host has heard why. */
tu_rc sign(const tu_host *host, tu_call *call, const keys *k, signing *s);

#endif
