/*
 * cli/trail.c: see trail.h.
 */
#include "cli/trail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/engine.h"
#include "value/json.h"

#define PAGE_BYTES (64u * TU_MIB)
enum { LINE_BYTES = 4 * TU_LIMIT_DOCUMENT_BYTES };

typedef tu_rc each_record(void *arg, const tu_trail_record *r);

/* --- over the socket -------------------------------------------------------------------------- */

typedef struct page {
    tu_arena arena;
    tu_buf text;
    tu_value *value;
} page;

static void page_done(page *p) {
    tu_arena_done(&p->arena);
    tu_buf_done(&p->text);
}

static tu_rc ask(const tu_trail_source *s, int64_t after, page *p, tu_error **error) {
    char request[64];
    int n = snprintf(request, sizeof request, "{\"command\":\"audit\",\"after\":%lld}",
                     (long long)after);
    tu_arena_init(&p->arena, 0);
    tu_buf_init(&p->text, PAGE_BYTES);
    tu_rc rc = tu_service_ask(s->socket, (tu_str){request, (size_t)n}, &p->text, error);
    if (rc == TU_OK)
        rc = tu_json_parse(&p->arena, tu_buf_str(&p->text), TU_JSON_NO_LINES, s->socket, &p->value,
                           NULL, error);
    tu_str problem = rc == TU_OK ? tu_value_get_string(p->value, "error") : (tu_str){0};
    if (problem.n)
        rc = tu_error_set(error, TU_EUNAVAILABLE, "%s: %.*s", s->socket, TU_P(problem));
    if (rc != TU_OK)
        page_done(p);
    return rc;
}

static tu_rc open_service(tu_trail_source *s, tu_error **error) {
    page p;
    tu_rc rc = ask(s, INT64_MAX, &p, error);
    if (rc != TU_OK)
        return rc;
    const tu_value *start = tu_value_get(p.value, "start");
    snprintf(s->install_id, sizeof s->install_id, "%.*s",
             TU_P(tu_value_get_string(p.value, "installation")));
    tu_buf key = TU_BUF_INIT(4 * TU_KIB);
    tu_buf_add(&key, tu_value_get_string(p.value, "key"));
    s->key = tu_buf_take(&key);
    s->start.n = tu_value_integer(tu_value_get(start, "n"), -1);
    tu_buf_add(&s->start_note, tu_value_get_string(start, "note"));
    tu_buf_add(&s->checkpoint, tu_value_get_string(p.value, "checkpoint"));
    if (s->start.n < 0 || !tu_trail_hash_parse(tu_value_get_string(start, "hash"), s->start.hash))
        rc = tu_error_set(error, TU_EINVALID, "%s: the service's answer is no audit trail",
                          s->socket);
    page_done(&p);
    return rc;
}

static tu_rc each_of_page(const page *p, int64_t *after, each_record *each, void *arg,
                          tu_error **error) {
    const tu_value *records = tu_value_get(p->value, "records");
    tu_rc rc = TU_OK;
    for (size_t i = 0; i < tu_value_count(records) && rc == TU_OK; i++) {
        tu_trail_record r;
        rc = tu_trail_read(tu_value_at(records, i), tu_buf_str(&p->text), &r, error);
        if (rc == TU_OK)
            rc = each(arg, &r);
        *after = r.n;
    }
    return rc;
}

static tu_rc each_of_service(const tu_trail_source *s, each_record *each, void *arg,
                             tu_error **error) {
    int64_t after = s->start.n;
    for (;;) {
        page p;
        tu_rc rc = ask(s, after, &p, error);
        if (rc != TU_OK)
            return rc;
        bool more = tu_value_count(tu_value_get(p.value, "records")) > 0;
        if (tu_value_integer(tu_value_get(tu_value_get(p.value, "start"), "n"), 0) > after)
            rc = tu_error_set(error, TU_ECONFLICT,
                              "old records were forgotten while the trail was read: try again");
        else
            rc = each_of_page(&p, &after, each, arg, error);
        page_done(&p);
        if (rc != TU_OK || !more)
            return rc;
    }
}

/* --- from a file ------------------------------------------------------------------------------ */

static tu_rc each_of_file(const char *path, each_record *each, void *arg, tu_error **error) {
    FILE *f = fopen(path, "re");
    if (!f)
        return tu_error_set(error, TU_ENOTFOUND, "%s: can't be read: %s", path, strerror(errno));
    tu_arena a;
    tu_arena_init(&a, TU_LIMIT_OBJECT_ARENA);
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    int64_t number = 0;
    tu_rc rc = TU_OK;
    while (rc == TU_OK && (n = getline(&line, &room, f)) > 0) {
        tu_str text = {line, (size_t)n - (line[n - 1] == '\n')};
        tu_value *v = NULL;
        tu_trail_record r;
        number++;
        if (n > LINE_BYTES)
            rc = tu_error_set(error, TU_EINVALID, "the line is longer than a record can be");
        if (rc == TU_OK)
            rc = tu_json_parse(&a, text, TU_JSON_NO_LINES, NULL, &v, NULL, error);
        if (rc == TU_OK)
            rc = tu_trail_read(v, text, &r, error);
        if (rc != TU_OK)
            tu_error_context(error, "%s:%lld", path, (long long)number);
        else
            rc = each(arg, &r);
        tu_arena_reset(&a);
    }
    free(line);
    tu_arena_done(&a);
    if (rc == TU_OK && ferror(f))
        rc = tu_error_set(error, TU_EUNAVAILABLE, "%s: can't be read to its end", path);
    fclose(f);
    return rc;
}

static tu_rc take_start(void *arg, const tu_trail_record *r) {
    tu_trail_source *s = arg;
    s->start.n = r->n - 1;
    memcpy(s->start.hash, r->previous, 32);
    return TU_ECANCELLED; /* one is enough */
}

static tu_rc open_file(tu_trail_source *s, tu_error **error) {
    s->claimed = true;
    s->start.n = -1;
    tu_rc rc = each_of_file(s->file, take_start, s, error);
    if (rc == TU_ECANCELLED)
        return TU_OK;
    return rc == TU_OK ? tu_error_set(error, TU_EINVALID, "%s: holds no record", s->file) : rc;
}

/* --- from the state directory ----------------------------------------------------------------- */

static tu_rc open_state(tu_trail_source *s, tu_error **error) {
    _cleanup_(tu_freep) char *database = tu_path_join(s->state, "trueup.db");
    if (!tu_file_exists(database)) /* reading makes no state */
        return tu_error_set(error, TU_ENOTFOUND,
                            "there is no state in %s: name the service's directory with --state",
                            s->state);
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    tu_rc rc = tu_store_open(s->state, &s->store, &why);
    if (rc == TU_ECONFLICT)
        return open_service(s, error);
    /* the key is the service's to make: whoever looks may be another user */
    _cleanup_(tu_freep) char *file = tu_path_join(s->state, "audit.key");
    const tu_note_key *key = NULL;
    if (rc == TU_OK && tu_file_exists(file))
        rc = tu_store_audit_key(s->store, &key, &why);
    if (rc == TU_OK)
        rc = tu_store_audit_start(s->store, &s->start, &s->start_note, &why);
    if (rc == TU_OK)
        rc = tu_store_audit_checkpoint(s->store, &s->checkpoint, &why);
    if (rc != TU_OK) {
        *error = TU_TAKE(why);
        return rc;
    }
    snprintf(s->install_id, sizeof s->install_id, "%s", tu_store_install_id(s->store));
    tu_buf text = TU_BUF_INIT(4 * TU_KIB);
    if (key)
        tu_note_key_print(key, &text);
    s->key = key ? tu_buf_take(&text) : NULL;
    return TU_OK;
}

/* --- the interface ---------------------------------------------------------------------------- */

tu_rc tu_trail_source_open(tu_trail_source *s, const tu_cli *cli, const char *file,
                           tu_error **error) {
    *s = (tu_trail_source){.file = file};
    tu_buf_init(&s->start_note, TU_LIMIT_MESSAGE_BYTES);
    tu_buf_init(&s->checkpoint, TU_LIMIT_MESSAGE_BYTES);
    if (file)
        return open_file(s, error);
    const char *socket = cli->values[TU_OPTION_SOCKET];
    s->state = tu_cli_state(cli);
    s->socket = socket ? tu_xstrdup(socket) : tu_path_join(s->state, "trueup.sock");
    return open_state(s, error);
}

void tu_trail_source_close(tu_trail_source *s) {
    tu_store_close(s->store);
    tu_buf_done(&s->start_note);
    tu_buf_done(&s->checkpoint);
    free(s->key);
    free(s->state);
    free(s->socket);
}

tu_rc tu_trail_source_each(tu_trail_source *s, each_record *each, void *arg, tu_error **error) {
    if (s->file)
        return each_of_file(s->file, each, arg, error);
    return s->store ? tu_store_audit_read(s->store, s->start.n, SIZE_MAX, each, arg, error)
                    : each_of_service(s, each, arg, error);
}
