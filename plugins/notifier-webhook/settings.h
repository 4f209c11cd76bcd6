/*
 * notifier-webhook/settings.h: the plugin's configuration, as create() keeps it.
 */
#ifndef WEBHOOK_SETTINGS_H
#define WEBHOOK_SETTINGS_H

#include "common/notifier.h"

extern const char webhook_config_schema[];

typedef struct header {
    char *name;
    char *handle; /* of a secret, or NULL: */
    tu_template *value;
} header;

/* Handles of a key and of the one that it follows or goes before, while receivers change; NULL: none. */
typedef struct keys {
    char *now, *other;
} keys;

typedef enum cloud_mode { CLOUD_NONE, CLOUD_STRUCTURED, CLOUD_BINARY } cloud_mode;

typedef struct settings {
    char *url;        /* or NULL: */
    char *url_handle; /* a secret */
    char *method;
    header *headers;
    size_t header_count;

    tu_template *body; /* NULL: the message as it is */
    char *content_type;
    tu_escape *escape;
    notifier_words words;

    keys hmac, standard;
    char *signature_header; /* of hmac */
    char *timestamp_header; /* NULL: none */

    cloud_mode cloud;
    char *cloud_source; /* NULL: made of the installation's name */

    int expected[32]; /* statuses; none: 2xx */
    size_t expected_count;
    cJSON *expected_json; /* JSON pointers and the values that the answer has there; NULL: none */
    bool page_is_answer;

    bool allow_link_local;
    cJSON *config; /* for the clients' options */
} settings;

/* Names that templates may use beside the message's fields; NULL at the end. */
extern const char *const webhook_fields[];

/* On failure *error says why, and there is nothing to free. */
tu_rc settings_read(tu_str config, settings *ret, tu_http_error *error);
void settings_done(settings *s);
bool settings_is_json(const settings *s);

#endif
