/*
 * config/read.h: what the files of this folder share while a configuration is being read. Not for
 * others.
 *
 * Shapes (which keys, which types) are the schemas' business, meaning (durations, cron, globs,
 * names) the readers'. A reader therefore skips what has the wrong type, as that has been reported,
 * and reports the rest. Nothing stops at the first mistake.
 */
#ifndef TU_CONFIG_READ_H
#define TU_CONFIG_READ_H

#include "base/map.h"
#include "config/config.h"
#include "value/schema.h"

typedef struct tu_reference { /* a name that another document must have */
    const char *key, *kind;   /* "spec.from", "Source" */
    tu_str name;
    tu_place place;
} tu_reference;

typedef struct tu_reader {
    tu_config *config;
    tu_arena *arena; /* the configuration's */
    tu_errors *errors;
    const char *file; /* the one that is being read */
    tu_str text;
    int64_t wall_ms;
    tu_map places;      /* "Kind/name" -> tu_place *, in the arena */
    bool document_lost; /* one could not be parsed, so a name that is missing may stand there */
    bool has_routing;
    bool installed;           /* the file came with the program: only its Packs are taken */
    bool out_of_memory;       /* something was left out: there is no configuration then */
    size_t documents;         /* parsed, whatever they hold */
    const tu_value **schemas; /* by index in tu_config_kinds, parsed on first use */
    tu_reference *references;
    size_t reference_count;
} tu_reader;

/* Notes a mistake at a value (or, with NULL, in the file as a whole). Returns the error, to give it
 * a hint. */
tu_error **tu_reader_error(tu_reader *r, const tu_value *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
tu_error **tu_reader_error_at(tu_reader *r, tu_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void tu_reader_warn(tu_reader *r, tu_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
tu_place tu_reader_place(const tu_reader *r, const tu_value *v);
/* The place of a byte within a string; its beginning where the file writes it otherwise. */
tu_place tu_reader_place_in(const tu_reader *r, const tu_value *string, size_t at);

/* Zeroed memory of the configuration. NULL sets out_of_memory, so that callers may just leave the
 * thing out. */
void *tu_reader_alloc(tu_reader *r, size_t n);
/* Makes room for one more item in an array of the configuration that has n items; it doubles at
 * powers of two. NULL as above. */
void *tu_reader_grow(tu_reader *r, void *items, size_t n, size_t item_size);
/* A new, empty configuration with one reference; NULL when memory is exhausted. */
tu_config *tu_config_new(void);

/* Reads one document whose shape has been checked (it may still have mistakes) into the
 * configuration. kind is one of tu_config_kinds. */
void tu_read_document(tu_reader *r, const char *kind, const tu_value *document);
/* A name that people refer to: lower-case letters, digits, '-' and '.'. Reports when it isn't one.
 */
void tu_read_check_name(tu_reader *r, const tu_value *name);
/* The nearest name to any text: "My Shop!" gives "my-shop"; empty when there is none. */
void tu_read_make_name(tu_str s, char *out, size_t room);
/* Says what is wrong with one item, or nothing. */
typedef void tu_word_check(tu_reader *r, const tu_value *item);
/* check may be NULL. */
tu_strs tu_read_words(tu_reader *r, const tu_value *list, tu_word_check *check);
tu_label_match *tu_read_labels(tu_reader *r, const tu_value *map, tu_word_check *check,
                               size_t *ret_n);
tu_window *tu_read_windows(tu_reader *r, const tu_value *list, size_t *ret_n);
/* spec.drift: config/entry.c */
tu_entry *tu_read_entries(tu_reader *r, const tu_value *list, size_t *ret_n);
/* Packs: config/pack.c */
void tu_read_pack(tu_reader *r, tu_str name, const tu_value *spec, tu_place place);
/* The evidence: config/audit.c */
void tu_read_audit(tu_reader *r, tu_str name, const tu_value *spec, tu_place place);
void tu_read_rule_test(tu_reader *r, tu_str name, const tu_value *spec, tu_place place);
void tu_read_use(tu_reader *r, const tu_value *list, tu_rule *rule);
/* When every document is read: finds the packs that are used, among the installed ones too, and
 * puts their entries behind the rules' own. */
void tu_merge_packs(tu_reader *r);
/* Reads one more file into the configuration. config/config.c */
void tu_read_file(tu_reader *r, const char *path);
/* spec of a Rule: config/rule.c */
void tu_read_rule(tu_reader *r, tu_str name, const tu_value *spec, tu_place place);
/* spec of a Routing, the route that is there without one: config/routing.c */
void tu_read_routing(tu_reader *r, tu_str name, const tu_value *spec, tu_place place);
void tu_read_routing_test(tu_reader *r, tu_str name, const tu_value *spec, tu_place place);
void tu_make_root_route(tu_reader *r);
/* spec.times of it: config/times.c */
void tu_read_times(tu_reader *r, const tu_value *times);
/* What only shows when every document is read: config/routing_check.c */
void tu_check_routing(tu_reader *r);
/* Notes that the value names a document of that kind; checked when all are read. Other types and
 * empty strings are skipped. */
void tu_read_reference(tu_reader *r, const char *key, const char *kind, const tu_value *name);
/* For the readers. Wrong types give the default silently. */
int64_t tu_read_duration(tu_reader *r, const tu_value *v, int64_t otherwise_ms, int64_t least_ms);
/* The same with a greatest: TU_LIMIT_INTERVAL_DAYS. */
int64_t tu_read_interval(tu_reader *r, const tu_value *v, int64_t otherwise_ms, int64_t least_ms);

/* What only shows when every document is read: references and the receiver. config/check.c */
void tu_check_references(tu_reader *r);

#endif
