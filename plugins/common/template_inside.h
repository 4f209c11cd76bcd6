/*
 * common/template_inside.h: what the reader of templates and the renderer share.
 *
 *   template.c          text to a tree of nodes; every name, filter and block is checked here
 *   template_fields.c   the documented fields of a message: what names may be used
 *   template_render.c   nodes and a message to text, within limits
 *   template_escape.c   texts that grow, and how values are made harmless
 *
 * To add a field: a row in template_fields.c (and in core/alert/alert.h). To add a filter: a value in filter_kind, a row
 * in `filters` of template.c, a case in apply() of template_render.c. To add an escape: template_escape.c.
 */
#ifndef TU_PLUGINS_TEMPLATE_INSIDE_H
#define TU_PLUGINS_TEMPLATE_INSIDE_H

#include <stdint.h>

#include "common/template.h"
#include "common/zone.h"

enum {
    TEMPLATE_BYTES = 64 * 1024,
    TEMPLATE_NESTING = 16,
    TEMPLATE_STEPS_OF_PATH = 16,
    TEMPLATE_FILTERS = 8,
    TEMPLATE_NODES = 8192,
    TEMPLATE_STEPS = 200000,          /* nodes that one rendering may visit */
    TEMPLATE_VALUE_BYTES = 256 * 1024 /* one value, before it is made harmless */
};

/* --- shapes: what a documented field is --------------------------------------------------------- */

typedef enum shape_kind {
    SHAPE_SCALAR, /* a text, a number */
    SHAPE_ANY,    /* as Kubernetes has it: no names are known below */
    SHAPE_FREE,   /* a map of texts with any names: labels */
    SHAPE_OBJECT,
    SHAPE_LIST
} shape_kind;
typedef struct shape shape;
typedef struct shape_field {
    const char *name;
    const shape *shape;
} shape_field;
struct shape {
    shape_kind kind;
    const shape_field *fields; /* of an object; a name NULL at the end */
    const shape *item;         /* of a list */
};
extern const shape template_message_shape;
const shape *template_shape_find(const shape *s, const char *name); /* NULL: no such name */
/* The nearest of the names, NULL when none is near. */
typedef struct nearest {
    const char *wanted, *best;
    size_t distance;
} nearest;
void template_nearest_add(nearest *n, const char *candidate);
void template_nearest_add_shape(nearest *n, const shape *s);

/* --- nodes ---------------------------------------------------------------------------------------- */

typedef enum path_from {
    FROM_MESSAGE,
    FROM_ITEM,  /* of the each at `level`, 0 is the outermost */
    FROM_EXTRA, /* the first of: the items from the innermost, fields */
    FROM_NUMBER,
    FROM_KEY,
    FROM_FIRST,
    FROM_LAST
} path_from;
typedef struct path {
    path_from from;
    unsigned level, count;
    const char **steps;
} path;

typedef enum filter_kind {
    FILTER_UPPER,
    FILTER_LOWER,
    FILTER_CUT,
    FILTER_DEFAULT,
    FILTER_DATE,
    FILTER_DURATION,
    FILTER_JSON,
    FILTER_URL,
    FILTER_COUNT,
    FILTER_CODE
} filter_kind;
typedef struct filter {
    filter_kind kind;
    unsigned number;
    const char *text;
    const zone *zone;
} filter;
typedef struct expression {
    path path;
    filter *filters;
    unsigned filter_count;
} expression;

typedef enum node_kind { NODE_TEXT, NODE_VALUE, NODE_IF, NODE_EACH } node_kind;
typedef enum compare { COMPARE_NOT, COMPARE_EQUAL, COMPARE_UNEQUAL } compare;
typedef struct node node;
struct node {
    node_kind kind;
    const char *text;
    size_t n;
    expression value; /* of all but NODE_TEXT */
    compare compare;
    const char *other; /* what it is compared with */
    unsigned limit;    /* of each; 0: none */
    node *body, *otherwise, *next;
};

typedef struct piece piece; /* of a template's memory */
struct tu_template {
    node *first;
    piece *pieces;
    zone *zones; /* those that dates need */
};

/* --- values ---------------------------------------------------------------------------------------- */

/* One character's bytes, 0 where p isn't UTF-8; *ret_c its number. */
size_t template_character(const char *p, size_t n, uint32_t *ret_c);
/* Appends what people can see: control characters, and those that turn or hide text, as \n, \u202e;
 * broken bytes as U+FFFD. lines: '\n' and '\t' may stay. */
void template_add_visible(tu_out *o, const char *text, size_t n, bool lines);
/* A value as text: a string itself, a number, true; JSON for the rest; nothing for null and NULL. */
void template_add_value(tu_out *o, const cJSON *v, bool lines);
/* A value as JSON, in one line, with every text made visible. */
void template_add_json(tu_out *o, const cJSON *v);
/* All or nothing: what must not be cut apart. */
void template_add_whole(tu_out *o, const char *bytes, size_t n);
/* What is left to do for the sink where no Markdown is read (between ``` and ```). */
tu_escape *template_escape_of_code(tu_escape *e);
/* Do values go into JSON? Then what `json` wrote is safe already. */
bool template_escape_is_json(tu_escape *e);
/* "3h 20m", of seconds */
void template_add_duration(tu_out *o, int64_t seconds);

#endif
