/*
 * common/wording.h: what a message says to people, in words: title, text, the short diff; in English and
 * Korean. Channels lay it out; none has wording of its own, so all say the same.
 *
 * "field manager X", never "by X": the manager alone proves no person's deed (DESIGN section 10).
 */
#ifndef TU_PLUGINS_WORDING_H
#define TU_PLUGINS_WORDING_H

#include "common/template.h"

/* "en", "ko"; anything else is NULL. */
typedef struct tu_language tu_language;
const tu_language *tu_language_named(const char *name);

/* One line: "[critical] Deployment shop/cart drifted: /spec/replicas 3 -> 5", "[resolved] ...", "3 drifts in shop". */
void tu_wording_title(const tu_language *l, const cJSON *message, tu_out *out);
/* One alert in a sentence: "Deployment shop/cart drifted: /spec/replicas 3 -> 5", or how it ended. Plain text. */
void tu_wording_sentence(const tu_language *l, const cJSON *alert, tu_out *out);
/* The short diff of one alert's object as lines "- path: desired" / "+ path: live", at most `lines` of them, then
 * "... and 12 more". Plain text, values cut and without control characters; a sealed one is <sealed>. */
void tu_wording_diff(const tu_language *l, const cJSON *alert, size_t lines, tu_out *out);
/* The facts of one alert, each a pair of words: what, whose hand and since when, rule, file:line, revision and author, what
 * trueup will do, how to look, acknowledge and accept. */
typedef void tu_wording_fact(void *arg, const char *name, const char *value);
void tu_wording_facts(const tu_language *l, const cJSON *message, const cJSON *alert,
                      tu_wording_fact *each, void *arg);
/* The whole as plain text (e-mail's text part, ntfy, a log), at most `alerts` of them in full. */
void tu_wording_text(const tu_language *l, const cJSON *message, size_t alerts, tu_out *out);
/* What is noted of the incident ("flapping: ...", "moved to route X"); nothing where there is no note. */
void tu_wording_note(const tu_language *l, const cJSON *message, tu_out *out);
/* Single words: "firing", "resolved", "acknowledged", "escalated", "and %zu more" ... NULL: no such word. */
const char *tu_wording_word(const tu_language *l, const char *word);

#endif
