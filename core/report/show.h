/*
 * report/show.h: how values and names get onto a terminal; shared by the writers of this folder.
 *
 * Everything that comes from outside passes tu_show_safe() (in a line) or tu_show_text_line() (in a
 * block): no escape sequence, control character, direction mark or command to a CI system's log
 * reaches the reader's program. What remains of ESC in a line is ours.
 */
#ifndef TU_REPORT_SHOW_H
#define TU_REPORT_SHOW_H

#include "report/report.h"

/* --- show.c: characters ----------------------------------------------------------------------- */

/* Control characters, DEL, C1, direction marks and invisible characters become \n, \t or \uXXXX;
 * bytes that are no UTF-8 become U+FFFD. JSON text stays the same JSON. */
void tu_show_safe(tu_buf *out, tu_str s);
/* The same of several lines, whose newlines stay: for text of ours with others' words in it. */
void tu_show_safe_lines(tu_buf *out, tu_str s);
/* A line of a text of several: what has no picture gets one (→ tab, ␍ carriage return, · blanks at
 * the end, <U+200B>), since \t would look like a backslash and a t. Returns whether any was
 * needed. */
bool tu_show_text_line(tu_buf *out, tu_str s);
/* Columns on a terminal: wide characters take two, combining ones none, our own colours none. */
size_t tu_show_columns(tu_str s);
/* How many bytes of s fit into width columns. */
size_t tu_show_fit(tu_str s, size_t width);
/* Safe text in at most width columns: its end (or beginning) gives way to an ellipsis. */
void tu_show_cut(tu_buf *out, tu_str safe, size_t width);
void tu_show_cut_front(tu_buf *out, tu_str safe, size_t width);
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

/* --- yaml.c: values --------------------------------------------------------------------------- */

/* A value as compact JSON, cut after `limit` columns (0: whole). NULL is "(nothing)". */
void tu_show_value(tu_buf *out, const tu_value *v, size_t limit);
/* As YAML, each line ended by a newline and begun by `indent` blanks: "key: value"; "- value"; the
 * members of a map or the items of a list; the lines of a text. */
void tu_show_member(tu_buf *out, tu_str key, const tu_value *v, size_t indent);
void tu_show_item(tu_buf *out, const tu_value *v, size_t indent);
void tu_show_block(tu_buf *out, const tu_value *v, size_t indent);
void tu_show_text(tu_buf *out, tu_str text, size_t indent);
/* "key:" with the quotes that YAML wants. */
void tu_show_key(tu_buf *out, tu_str key);
/* A string of several lines? */
bool tu_show_is_text(const tu_value *v);
/* v with the members of its maps in the order of `like`'s (which may be NULL), others behind: the
 * order of a map's members means nothing, and would be shown as a difference. v itself when there
 * is no memory. */
const tu_value *tu_show_in_order_of(tu_arena *a, const tu_value *v, const tu_value *like);

/* --- diff.c, hunk.c, order.c: differences ------------------------------------------------------ */

/* A line of a difference. mark is ' ' (in both), '-' (only in live) or '+' (only in desired), '.'
 * with the text "n lines unchanged" where context is left out, or '#' for a remark in our words. */
typedef void tu_diff_line(void *arg, char mark, tu_str text);
void tu_diff_lines(tu_str live, tu_str desired, size_t context, tu_diff_line *line, void *arg);

/* A change as lines of YAML, in the surroundings that its path names; everything is safe. */
void tu_show_hunk(const tu_change *c, tu_diff_line *line, void *arg);
/* The same items in another order: those that moved, each where it is ('-') and where it should be
 * ('+'). Items are named by what tells them apart. */
void tu_show_order(const tu_change *c, size_t indent, tu_diff_line *line, void *arg);
/* Two lists with the same items in another order? Also of values whose order is a value (atomic
 * lists). By hashes: good enough to choose how to show it. */
bool tu_show_is_reordered(const tu_value *a, const tu_value *b);
/* The names of those that moved, at most `most` of them; returns how many there are. */
size_t tu_show_moved(const tu_change *c, size_t most, tu_buf *out);

/* --- the writers ------------------------------------------------------------------------------ */

typedef void tu_report_writer(const tu_report *r, const tu_report_options *o, tu_buf *out);
tu_report_writer tu_report_write_text, tu_report_write_json, tu_report_write_junit,
    tu_report_write_sarif, tu_report_write_markdown, tu_report_write_github, tu_report_write_gitlab;
/* Objects that a report leaves out unless all are asked for. */
bool tu_report_is_quiet(const tu_finding *f);

#endif
