/*
 * report/show.h: how values and names get onto a terminal; shared by the writers of this folder.
 *
 * Everything that comes from outside passes tu_show_safe(): no escape sequence, control character
 * or direction mark of a live value reaches the terminal. What remains of ESC in a line is ours.
 */
#ifndef TU_REPORT_SHOW_H
#define TU_REPORT_SHOW_H

#include "report/report.h"

/* Control characters, DEL, C1, direction marks and invisible characters become \n, \t or \uXXXX;
 * bytes that are no UTF-8 become U+FFFD. JSON text stays the same JSON. */
void tu_show_safe(tu_buf *out, tu_str s);
/* Columns on a terminal: wide characters take two, combining ones none, our own colours none. */
size_t tu_show_columns(tu_str s);
/* Adds the line, cut to width columns with an ellipsis (0: whole), and a newline. */
void tu_show_line(tu_buf *out, tu_str line, size_t width);
/* Adds spaces until the text since byte `begin` is `width` columns wide, and at least `least` of
 * them. */
void tu_show_pad(tu_buf *line, size_t begin, size_t width, size_t least);

typedef enum {
    TU_PAINT_NONE,
    TU_PAINT_BOLD,
    TU_PAINT_DIM,
    TU_PAINT_RED,
    TU_PAINT_GREEN,
    TU_PAINT_YELLOW,
    TU_PAINT_CYAN
} tu_paint;
void tu_show_paint(tu_buf *line, bool color, tu_paint paint, tu_str safe);

/* A value as compact JSON, cut after `limit` columns (0: whole). NULL is "(nothing)". */
void tu_show_value(tu_buf *out, const tu_value *v, size_t limit);
/* A value as people write it: scalars alone, maps and lists as YAML, strings of several lines as
 * their lines. Each line ends in a newline. */
void tu_show_block(tu_buf *out, const tu_value *v);
/* v with the members of its maps in the order of `like`'s (which may be NULL), others behind: the
 * order of a map's members means nothing, and would be shown as a difference. v itself when there
 * is no memory. */
const tu_value *tu_show_in_order_of(tu_arena *a, const tu_value *v, const tu_value *like);

/* Calls line(arg, mark, text) for a line-by-line comparison: mark is ' ', '-' (only in live) or '+'
 * (only in desired), or '.' with the text "n lines unchanged" where the context is left out. */
typedef void tu_diff_line(void *arg, char mark, tu_str text);
void tu_diff_lines(tu_str live, tu_str desired, size_t context, tu_diff_line *line, void *arg);

/* The writers. */
void tu_report_write_text(const tu_report *r, const tu_report_options *o, tu_buf *out);
void tu_report_write_json(const tu_report *r, const tu_report_options *o, tu_buf *out);
/* Objects that a report leaves out unless all are asked for. */
bool tu_report_is_quiet(const tu_finding *f);

#endif
