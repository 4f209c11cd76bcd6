/*
 * report/text.h: what text.c, text_table.c and text_diff.c share: a line that is being written.
 */
#ifndef TU_REPORT_TEXT_H
#define TU_REPORT_TEXT_H

#include "report/say.h"
#include "report/show.h"

#define TU_LINE_BYTES (1024u * 1024)

typedef struct tu_printer {
    const tu_report_options *o;
    tu_buf *out;
    tu_buf line;
    int64_t now_ms; /* what ages are counted to; 0: no ages */
} tu_printer;

typedef struct tu_look {
    const char *mark;
    tu_paint paint;
} tu_look;
extern const tu_look tu_looks[TU_VERDICT_COUNT];

/* The line goes out, cut to width (0: whole: lines of a diff are never cut). */
void tu_print_end(tu_printer *p, size_t width);
void tu_print(tu_printer *p, const char *ours);
void tu_print_paint(tu_printer *p, tu_paint paint, const char *ours);
void tu_print_safe(tu_printer *p, tu_paint paint, tu_str safe);
void tu_print_outside(tu_printer *p, tu_paint paint, tu_str text); /* made safe */
/* "field manager kubectl-edit (human), 4m ago  [alert, warning: nobody edits by hand]  cosmetic" */
void tu_print_hand_and_decision(tu_printer *p, const tu_change *c, bool exact_time);

/* Is the change told, or left to --all? */
bool tu_text_is_shown(const tu_printer *p, const tu_change *c);
bool tu_text_is_listed(const tu_printer *p, const tu_finding *f);

/* text_table.c: one line an object, at most `limit` of them. */
void tu_text_table(tu_printer *p, const tu_rule_report *r, size_t limit);
/* text_diff.c */
void tu_text_change_in_full(tu_printer *p, const tu_finding *f, const tu_change *c);

#endif
