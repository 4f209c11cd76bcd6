/*
 * value/yaml_fast_internal.h: what yaml_fast.c (structure) and yaml_fast_text.c (scalars) share.
 *
 * Functions return false when the document is declined or memory is exhausted (f->no_memory).
 */
#ifndef TU_VALUE_YAML_FAST_INTERNAL_H
#define TU_VALUE_YAML_FAST_INTERNAL_H

#include "value/collect.h"
#include "value/yaml_fast.h"

typedef struct tu_fast {
    const char *begin, *end; /* the part */
    const char *p;
    const char *line_begin;
    uint32_t line;
    int column;       /* of p, once tu_fast_next_line() has found content; -1: the text is over */
    uint32_t offset;  /* of begin in the stream */
    const char *last; /* where the last token of a node ended */
    tu_arena *arena;
    tu_yaml_reading reading;
    tu_collect children;
    uint32_t depth, nodes;
    char *scratch; /* room for any text of this part; made when one is needed */
    bool no_memory;
} tu_fast;

/* From behind a token to the next line with content: blanks and a comment may follow, no more. */
bool tu_fast_finish_line(tu_fast *f);
/* From the beginning of a line to the next content. Declines a document's marker. */
bool tu_fast_next_line(tu_fast *f);

/* Each reads a scalar that begins at p, and leaves p behind it. The value's place is set. */
bool tu_fast_quoted(tu_fast *f, tu_value *out);
/* parent: the column of the map or list around it. */
bool tu_fast_plain(tu_fast *f, int parent, tu_value *out);
bool tu_fast_flow_plain(tu_fast *f, tu_value *out);
/* Leaves p at the next content, unlike the others. */
bool tu_fast_block(tu_fast *f, int parent, tu_value *out);
/* A key, quoted or plain, with the ':' behind it. *ret_key false: it isn't one; p hasn't moved. */
bool tu_fast_key(tu_fast *f, bool flow, tu_member *m, bool *ret_key);

static inline bool tu_fast_fail_memory(tu_fast *f) {
    f->no_memory = true;
    return false;
}

/* Does a blank, a line's end or the text's end stand at p? */
static inline bool tu_fast_ends(const tu_fast *f, const char *p) {
    return p >= f->end || *p == ' ' || *p == '\n' || *p == '\t';
}

static inline void tu_fast_place(const tu_fast *f, tu_value *v) {
    memset(v, 0, sizeof(*v));
    v->line = f->line;
    v->begin = f->offset + (uint32_t)(f->p - f->begin);
}

static inline void tu_fast_end(tu_fast *f, tu_value *v, const char *end) {
    f->last = end;
    v->end = f->offset + (uint32_t)(end - f->begin);
}

#endif
