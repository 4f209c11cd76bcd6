/*
 * base/limits.h: every size that comes from outside, in one place. An error that refuses something
 * names the constant. To add one: name what is limited, give the unit, and test the refusal.
 */
#ifndef TU_BASE_LIMITS_H
#define TU_BASE_LIMITS_H

#define TU_KIB (1024u)
#define TU_MIB (1024u * 1024u)

/* one limit a line, whatever its width */
/* clang-format off */
#define TU_LIMIT_DOCUMENT_BYTES (16u * TU_MIB)     /* one JSON or YAML document, one live object */
#define TU_LIMIT_DEPTH 128u                        /* nesting of maps and lists */
#define TU_LIMIT_NODES 2000000u                    /* values in one document, after aliases are expanded */
#define TU_LIMIT_YAML_ALIAS_NODES 100000u          /* values that aliases may add to one document */
#define TU_LIMIT_YAML_ANCHORS 10000u                /* anchors in one YAML document */
#define TU_LIMIT_DOCUMENTS 10000u                  /* documents in one file */
#define TU_LIMIT_AHEAD_BYTES (8u * TU_MIB)          /* objects that a listing may be ahead of who judges them */
#define TU_LIMIT_OBJECT_ARENA (256u * TU_MIB)      /* memory for parsing and judging one object */
#define TU_LIMIT_CONFIG_BYTES (4u * TU_MIB)        /* one configuration file */
#define TU_LIMIT_CONFIG_FILES 1000u                /* files in a configuration folder */
#define TU_LIMIT_CONFIG_ERRORS 1000u               /* mistakes reported of one configuration */
#define TU_LIMIT_WINDOW_DAYS 366u                  /* how long a window may stay open */
#define TU_LIMIT_ZONE_BYTES (256u * TU_KIB)        /* one file of the time zone database */
#define TU_LIMIT_FILE_BYTES (16u * TU_MIB)         /* one file of a source */
#define TU_LIMIT_TREE_FILES 100000u                /* files of one revision under a rule's path */
#define TU_LIMIT_TREE_BYTES (512u * TU_MIB)        /* bytes of one revision under a rule's path */
#define TU_LIMIT_OBJECTS 200000u                   /* objects of one desired set */
#define TU_LIMIT_KINDS 10000u                      /* kinds that a target may serve */
#define TU_LIMIT_DESCRIPTION_BYTES (16u * TU_MIB)  /* one kind description */
#define TU_LIMIT_PATTERN_STEPS 1000000u            /* backtracking steps of one regular expression (PCRE2 match limit) */
#define TU_LIMIT_PATTERN_DEPTH 10000u              /* nesting of its backtracking (PCRE2 depth limit) */
#define TU_LIMIT_MATCHER_BYTES 4096u               /* one condition on a label */
#define TU_LIMIT_MATCHER_STEPS 100000u             /* backtracking steps of its regular expression (PCRE2 match limit) */
#define TU_LIMIT_MATCHER_HEAP_KIB 4096u            /* memory for them (PCRE2 heap limit) */
#define TU_LIMIT_ROUTES 10000u                     /* routes of the tree */
#define TU_LIMIT_ROUTE_DEPTH 32u                   /* routes within routes */
#define TU_LIMIT_INTERVAL_DAYS 366u                /* every wait and interval of alerts */
#define TU_LIMIT_UNMANAGED 100000u                  /* unmanaged objects told of one kind in one namespace */
#define TU_LIMIT_MANAGERS 256u                     /* entries of managedFields that are read; the latest, and ours */
#define TU_LIMIT_CHANGES 1000u                     /* changes listed for one object */
#define TU_LIMIT_VALUE_SHOWN (16u * TU_KIB)        /* bytes of one value kept in a change */
#define TU_LIMIT_MESSAGE_BYTES (256u * TU_KIB)     /* one alert message */
#define TU_LIMIT_SILENCES 10000u                   /* silences that haven't ended */
#define TU_LIMIT_LOG_BYTES (8u * TU_KIB)           /* one log line */
#define TU_LIMIT_SOCKET_BYTES (64u * TU_KIB)       /* one request on the control socket */
#define TU_LIMIT_SECRET_BYTES (64u * TU_KIB)       /* one secret value */
#define TU_LIMIT_META_BYTES (256u * TU_KIB)        /* the meta of one record that a plugin emits */
#define TU_LIMIT_REFERENCE_BYTES (1u * TU_KIB)     /* what a receiver calls a message */
#define TU_LIMIT_PLUGIN_BYTES (256u * TU_MIB)      /* one plugin file */
#define TU_LIMIT_QUEUE 4096u                       /* verdict records between the watchers and the engine */
#define TU_LIMIT_BASELINE_BYTES (64u * TU_MIB)     /* the file of one rule's baselines */
/* clang-format on */

#endif
