/*
 * common/wording_inside.h: what the files of wording share.
 *
 *   wording_words.c   every word and sentence, in all languages, in one table
 *   wording_show.c    names, values, durations, the short diff
 *   wording.c         title, facts, text
 *
 * To add a language: a column in wording_words.c, and its name there.
 */
#ifndef TU_PLUGINS_WORDING_INSIDE_H
#define TU_PLUGINS_WORDING_INSIDE_H

#include <stdint.h>

#include "common/template_inside.h"
#include "common/wording.h"

/* A member of an object, NULL when absent; its text or "", its number or 0. */
const cJSON *wording_at(const cJSON *object, const char *name);
const char *wording_text_at(const cJSON *object, const char *name);
int64_t wording_number_at(const cJSON *object, const char *name);
/* A sentence with words in places: {0}, {1} ... are replaced. Each text was made visible before. */
void wording_add(const tu_language *l, tu_out *o, const char *word, const char *const *parts);
/* Texts from outside: visible, in one line, at most so many characters. */
void wording_add_short(tu_out *o, const char *text, size_t characters);
/* "1,000" */
void wording_add_count(tu_out *o, int64_t n);
/* "3 minutes", "2 hours 5 minutes" */
void wording_add_duration(const tu_language *l, tu_out *o, int64_t seconds);
/* "Deployment shop/cart"; the file of a manifest that has no name; what a trouble of trueup's own is about */
void wording_add_subject(tu_out *o, const cJSON *alert);
void wording_add_json_value(const tu_language *l, tu_out *o, const cJSON *v);

enum { WORDING_VALUE = 120, WORDING_PATH = 200, WORDING_NAME = 120, WORDING_REASON = 300 };

#endif
