/*
 * cli/trail.h: the audit trail, wherever it is: the state directory when no service has it, the service
 * that has it (over its socket: the database is never opened twice), or a file that `audit export -o
 * jsonl` wrote.
 */
#ifndef TU_CLI_TRAIL_H
#define TU_CLI_TRAIL_H

#include "cli/cli.h"
#include "store/audit.h"

typedef struct tu_trail_source {
    char *state, *socket; /* NULL: a file */
    const char *file;
    tu_store *store;     /* NULL: a file, or a service */
    char install_id[33]; /* "": a file doesn't say it */
    char *key;           /* public; NULL: a file, or nothing was signed yet */
    tu_trail start;      /* what the first record follows; of a file: what it claims to follow */
    bool claimed;        /* by a file */
    tu_buf start_note, checkpoint;
} tu_trail_source;

/* file NULL: the state. TU_ENOTFOUND: there is none. */
tu_rc tu_trail_source_open(tu_trail_source *s, const tu_cli *cli, const char *file,
                           tu_error **error);
void tu_trail_source_close(tu_trail_source *s);
/* Every record, from the beginning. */
tu_rc tu_trail_source_each(tu_trail_source *s, tu_rc (*each)(void *arg, const tu_trail_record *r),
                           void *arg, tu_error **error);

#endif
