/*
 * notifier-email/settings.h: the plugin's configuration, as create() keeps it.
 */
#ifndef NOTIFIER_EMAIL_SETTINGS_H
#define NOTIFIER_EMAIL_SETTINGS_H

#include "common/notifier.h"
#include "mime.h"

#define RECIPIENTS_LIMIT 100u /* RFC 5321 section 4.5.3.1.8: what every server takes at once */

extern const char email_config_schema[];

typedef struct settings {
    char *url;  /* "smtp://host:port", nothing else in it */
    char *host; /* of it, for messages */
    bool needs_tls;
    char *username;
    char *password_handle, *token_handle; /* secrets; at most one */
    char *ca_file, *cert_file, *key_file; /* may be NULL */
    bool insecure_skip_verify;
    int64_t timeout_ms;
    mime_address from, *to; /* to_count of `to`, then cc_count of `cc` */
    size_t to_count, cc_count;
    const char *domain; /* of from: in ids */
    notifier_words words;
    tu_template *html;
} settings;

/* TU_EINVALID with what is wrong, beyond what the schema can say; the code points to it. */
tu_rc settings_read(tu_str config, settings *ret, tu_http_error *error);
void settings_done(settings *s);

#endif
