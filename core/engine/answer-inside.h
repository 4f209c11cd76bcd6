/*
 * engine/answer-inside.h: what answer.c (what changes something) and answer-show.c (what is read) share.
 */
#ifndef TU_ENGINE_ANSWER_INSIDE_H
#define TU_ENGINE_ANSWER_INSIDE_H

#include "engine/alerts.h"
#include "engine/answer.h"

typedef void answer_done(void *arg, const tu_buf *answer);

void answer_member(tu_buf *b, const char *before, const char *key, tu_str value);
void answer_time(tu_buf *b, const char *before, const char *key, int64_t wall_ms); /* 0: nothing */
void answer_silence(tu_buf *b, const tu_silence_row *row, int64_t now);
void answer_error(const char *text, answer_done *done, void *arg);

/* answer-show.c: "alerts", "alert", "dead", and what is needed for "resend". */
void answer_read(service *s, tu_str command, const tu_value *request, tu_str who, answer_done *done,
                 void *arg);

#endif
