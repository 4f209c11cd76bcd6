/*
 * notifier-webhook/settings.h: the plugin's configuration, as create() keeps it.
 */
#ifndef WEBHOOK_SETTINGS_H
#define WEBHOOK_SETTINGS_H

#include "common/http.h"

extern const char webhook_config_schema[];

typedef struct header {
    char *name;
    char *value; /* a template, or the handle of a secret */
    bool is_secret;
} header;

typedef struct settings {
    char *url;        /* or NULL: */
    char *url_handle; /* a secret */
    header *headers;
    size_t header_count;
    char *hmac_handle;                         /* NULL: not signed */
    char *signature_header, *timestamp_header; /* the second may be NULL */
    char *ca_file, *cert_file, *key_file;      /* may be NULL */
    bool insecure_skip_verify, allow_http;
    int64_t timeout_ms;
} settings;

/* TU_EINVALID with what is wrong, beyond what the schema can say. */
tu_rc settings_read(tu_str config, settings *ret, tu_http_error *error);
void settings_done(settings *s);

#endif
