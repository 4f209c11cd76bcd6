/*
 * common/notifier.h: what the notifiers share that speak JSON over HTTP: their settings, secrets, one
 * POST with a bounded answer, the host's context, and titles and texts from templates.
 *
 *     create:   notifier_client(), notifier_words_read()
 *     deliver:  notifier_context_read() -> notifier_secret() -> notifier_post() -> classify -> wipe
 *
 * Invariants: what an answer says reaches an error only as a word of a known shape
 * (notifier_is_word()), so no peer can make trueup repeat a token; an answer is read to
 * NOTIFIER_ANSWER_LIMIT; a connection is never used again, because curl would send a POST a second
 * time, unseen, when a kept connection turns out to be dead.
 */
#ifndef TU_PLUGINS_NOTIFIER_H
#define TU_PLUGINS_NOTIFIER_H

#include "common/http.h"
#include "common/wording.h"

#define NOTIFIER_ANSWER_LIMIT ((size_t)64 * 1024)

/* --- pieces of schemas: members of "properties", without commas around them ------------------- */

#define NOTIFIER_SECRET(description)                                                               \
    "{\"type\":\"string\",\"x-trueup-secret\":true,\"description\":\"" description "\"}"

#define NOTIFIER_HTTP_SCHEMA                                                                       \
    "\"timeout\":{\"type\":\"string\",\"x-trueup-format\":\"duration\",\"default\":\"15s\","       \
    "\"description\":\"How long one attempt may take\"},"                                          \
    "\"tls\":{\"type\":\"object\",\"additionalProperties\":false,\"description\":"                 \
    "\"Certificates\","                                                                            \
    "\"properties\":{"                                                                             \
    "\"caFile\":{\"type\":\"string\",\"x-trueup-format\":\"path\",\"description\":\"PEM file of "  \
    "the certificates to trust instead of the system's\"},"                                        \
    "\"certFile\":{\"type\":\"string\",\"x-trueup-format\":\"path\",\"description\":\"PEM file "   \
    "of "                                                                                          \
    "the client certificate\"},"                                                                   \
    "\"keyFile\":{\"type\":\"string\",\"x-trueup-format\":\"path\",\"description\":\"PEM file of " \
    "its key\"},"                                                                                  \
    "\"insecureSkipVerify\":{\"type\":\"boolean\",\"default\":false,\"description\":\"Takes any "  \
    "certificate. For tests only\"}}},"                                                            \
    "\"allowHttp\":{\"type\":\"boolean\",\"default\":false,\"description\":\"Allows plain http "   \
    "to "                                                                                          \
    "other machines\"}"

#define NOTIFIER_LANGUAGE_SCHEMA                                                                   \
    "\"language\":{\"type\":\"string\",\"enum\":[\"en\",\"ko\"],\"default\":\"en\","               \
    "\"description\":\"The language of what trueup itself says\"}"

#define NOTIFIER_WORDS_SCHEMA                                                                      \
    NOTIFIER_LANGUAGE_SCHEMA                                                                       \
    ",\"templates\":{\"type\":\"object\",\"additionalProperties\":false,\"description\":\"Own "    \
    "words instead of trueup's\",\"properties\":{"                                                 \
    "\"title\":{\"type\":\"string\",\"description\":\"The first line\"},"                          \
    "\"text\":{\"type\":\"string\",\"description\":\"What stands below it, instead of the list "   \
    "of "                                                                                          \
    "alerts\"}}}"

/* --- settings --------------------------------------------------------------------------------- */

/* A copy of a string member, NULL where there is none. False: no memory. */
bool notifier_copy(char **ret, const cJSON *object, const char *name);
bool notifier_flag(const cJSON *object, const char *name);
/* "1m30s"; 0 when it is no duration. */
int64_t notifier_duration_ms(const char *text);
/* TU_EINVALID with the code "config" and that message. */
tu_rc notifier_refuse(tu_http_error *e, tu_rc rc, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
tu_rc notifier_no_memory(tu_http_error *e);
/* Warns when tls.insecureSkipVerify is set: once, in create. */
void notifier_warn_unchecked(const tu_host *host, tu_call *call, const cJSON *config);
/* The client that timeout, tls and allowHttp ask for. */
tu_rc notifier_client(const cJSON *config, tu_http **ret, tu_http_error *error);
/* One that keeps its connections, and may be asked to reach link-local addresses, which the other never does. */
tu_rc notifier_client_that_keeps(const cJSON *config, bool allow_link_local, tu_http **ret,
                                 tu_http_error *error);

typedef struct notifier_words {
    const tu_language *language;
    tu_template *title, *text; /* NULL: trueup's own */
} notifier_words;
/* A template that is wrong: TU_EINVALID whose code is the pointer to it ("/templates/title"). */
tu_rc notifier_words_read(const cJSON *config, notifier_words *ret, tu_http_error *error);
void notifier_words_done(notifier_words *w);
/* The title, by the user's template or in trueup's words: one line, every value escaped. */
void notifier_title(const notifier_words *w, const cJSON *message, tu_escape *escape, tu_out *out);
/* The user's text; false: there is no template (or it can't be rendered: the alert goes out in
 * trueup's words). */
bool notifier_text(const notifier_words *w, const cJSON *message, tu_escape *escape, tu_out *out);

/* --- one delivery ----------------------------------------------------------------------------- */

/* The message, to be deleted; numbers are texts (yaml_json.h). A NUL in a value, which no C string holds, is U+FFFD. NULL after
 * fail(). */
cJSON *notifier_message(const tu_host *host, tu_call *call, tu_str text);

typedef struct notifier_context {
    unsigned attempt;
    bool uncertain, brief;
    char *reference; /* "": none; NULL after notifier_context_done() */
} notifier_context;
/* An empty text is the first attempt of a host that has no deliver. False: no memory. */
bool notifier_context_read(tu_str json, notifier_context *ret);
void notifier_context_done(notifier_context *c);

/* Opens a secret of one line; to be given to notifier_wipe(). what: the property's name. After
 * failure the host has heard why. */
tu_rc notifier_secret(const tu_host *host, tu_call *call, const char *handle, const char *what,
                      char **ret);
void notifier_wipe(char *text); /* takes NULL */

typedef struct notifier_answer {
    int32_t status; /* 0: none came */
    uint32_t retry_after_ms;
    bool html;  /* says so itself, or looks like it: some proxy's page */
    char *text; /* NUL-terminated; of a longer answer the first NOTIFIER_ANSWER_LIMIT bytes */
    size_t n;
    char origin[300];
} notifier_answer;

/*
 * Posts JSON and reads the answer. TU_OK for 2xx. *error as tu_http_classify() has it, but to a
 * sender of messages an address that isn't there and a conflict are plain refusals (TU_EINVALID),
 * 413 is TU_EREFUSED with the code "too-large", and a connection that breaks once the request is
 * under way is TU_ETIMEOUT: the message may have arrived. *ret is to be given to
 * notifier_answer_done() in any case; with a status it has the answer of a refusal, too.
 */
typedef struct notifier_request {
    const char *url, *bearer;        /* bearer may be NULL */
    const char *username, *password; /* basic authentication; may be NULL */
    const char *what;                /* "Slack": who should have answered, for messages */
    tu_str body;
    const char *method;         /* NULL: POST */
    const char *const *headers; /* NULL: the content type of JSON */
} notifier_request;
tu_rc notifier_post(tu_http *http, const tu_host *host, tu_call *call, const notifier_request *r,
                    notifier_answer *ret, tu_http_error *error);
void notifier_answer_done(notifier_answer *a);
/* A 2xx that the service itself can't have written: somebody on the way answered. Tried again. */
tu_rc notifier_strange_answer(const notifier_answer *a, const char *what, tu_http_error *error);

/* Is it a word as services name their errors (lower case and '_'), at most 60 bytes? Tokens and keys have
 * digits. */
bool notifier_is_word(const char *text);

/* --- small tools for layouts ------------------------------------------------------------------ */

const char *notifier_string(const cJSON *object, const char *name); /* "" where there is none */
double notifier_number(const cJSON *object, const char *name);
/* Is it an event ("firing", "update", ...) of that name? */
bool notifier_event_is(const cJSON *message, const char *event);
/* What is noted of the incident, in that language; "": nothing. */
enum { NOTIFIER_NOTE_ROOM = 2048 };
const char *notifier_note(const notifier_words *w, const cJSON *message,
                          char room[NOTIFIER_NOTE_ROOM]);
/* trueup's word for it in that language, or the English one itself. */
const char *notifier_word(const notifier_words *w, const char *word);
/* One alert in a sentence, escaped and cut to limit; free() it. NULL without memory. */
char *notifier_sentence(const notifier_words *w, const cJSON *alert, tu_escape *escape,
                        size_t limit);
/* The facts of an alert (wording.h) but its subject, which stands above them; the commands, which are the same for all of a
 * message's alerts, only where they are wanted. */
void notifier_facts(const notifier_words *w, const cJSON *message, const cJSON *alert,
                    bool commands, tu_wording_fact *each, void *arg);
/* "3 firing, 2 resolved"; "" for an incident of one alert. */
void notifier_counts(const notifier_words *w, const cJSON *message, tu_out *out);
/* "and 12 more", in that language; free() it. NULL without memory. */
char *notifier_more(const notifier_words *w, double count);
/* A value out of the message on one line, without control and bidi characters, escaped. */
void notifier_add(tu_out *out, tu_escape *escape, const char *value);
/* The same as a text of its own, cut to limit; NULL without memory. free() it. */
char *notifier_value(tu_escape *escape, const char *value, size_t limit);
/* How services count a text's characters: in UTF-16 units, the largest count that any of them uses. */
size_t notifier_length(const char *text);
/* Cuts text (malloc'd, NUL-terminated) to at most limit of those with "..." at the end, never
 * inside a character, an entity ("&amp;") or an escape. Returns its new length in them. */
size_t notifier_cut(char *text, size_t limit);
/* Opens a URL that is a secret while the configuration is loaded, where it can be had already, and
 * looks whether it can be used. *ret (may be NULL) is to be wiped; NULL where it can't be had yet. */
tu_rc notifier_check_url(const tu_host *host, tu_call *call, const cJSON *config,
                         const char *property, char **ret, tu_http_error *error);

#endif
