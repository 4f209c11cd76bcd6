/* desired/tree.c: collects what a source emits, within the limits. See tree.h. */
#include "desired/tree.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"

typedef struct collector {
    tu_tree *tree;
    size_t capacity;
    const tu_call_options *progress;
    tu_error **error;
} collector;

static tu_rc on_entry(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                      tu_str body) {
    collector *c = arg;
    if ((record == TU_REC_PROGRESS || record == TU_REC_REVISION) && c->progress->on_record)
        return c->progress->on_record(c->progress->arg, record, index, meta, body);
    if (record != TU_REC_ENTRY)
        return TU_OK;
    tu_str mode = tu_value_get_string(meta, "mode"), path = tu_value_get_string(meta, "path");
    if (!tu_str_is(mode, "file") && !tu_str_is(mode, "exec"))
        return TU_OK; /* symbolic links and submodules are never followed */
    tu_tree *t = c->tree;
    if (!tu_path_is_clean(path))
        return tu_error_set(c->error, TU_EINVALID,
                            "the source has a file with the path '%.*s', "
                            "which leaves its tree",
                            TU_P(path));
    if (t->n >= TU_LIMIT_TREE_FILES)
        return tu_error_set(c->error, TU_EINVALID,
                            "more than %u files: narrow the rule's path "
                            "(TU_LIMIT_TREE_FILES)",
                            TU_LIMIT_TREE_FILES);
    if (body.n > TU_LIMIT_FILE_BYTES || t->bytes + body.n > TU_LIMIT_TREE_BYTES)
        return tu_error_set(c->error, TU_EINVALID,
                            "%.*s: file too large, or more than %u MiB in all: narrow the rule's "
                            "path (TU_LIMIT_FILE_BYTES, TU_LIMIT_TREE_BYTES)",
                            TU_P(path), TU_LIMIT_TREE_BYTES / TU_MIB);
    if (t->n == c->capacity) {
        c->capacity = c->capacity ? 2 * c->capacity : 64;
        t->files = tu_xrealloc(t->files, c->capacity * sizeof *t->files);
    }
    tu_tree_file file = {tu_arena_copy(&t->arena, path), tu_arena_copy(&t->arena, body)};
    if (!file.path.p || !file.bytes.p)
        return tu_error_memory(c->error);
    t->files[t->n++] = file;
    t->bytes += body.n;
    return TU_OK;
}

static int by_path(const void *a, const void *b) {
    return tu_str_compare(((const tu_tree_file *)a)->path, ((const tu_tree_file *)b)->path);
}

tu_rc tu_tree_fetch(tu_plugin_use *source, tu_str revision, tu_str path, const tu_call_options *o,
                    tu_tree **ret, tu_error **error) {
    _cleanup_(tu_tree_freep) tu_tree *t = tu_xcalloc(1, sizeof *t);
    tu_arena_init(&t->arena, 0);
    tu_error *refused = NULL;
    collector c = {.tree = t, .progress = o, .error = &refused};
    tu_call_options call = *o;
    call.on_record = on_entry;
    call.arg = &c;
    tu_rc rc = tu_call_fetch(source, revision, path, &call, error);
    if (refused) { /* our own words say more than the plugin's about a record that we turned down */
        if (error) {
            tu_error_free(*error);
            *error = TU_TAKE(refused);
        }
        tu_error_free(refused);
        return rc ? rc : TU_EINVALID;
    }
    if (rc != TU_OK)
        return rc;
    if (t->n)
        qsort(t->files, t->n, sizeof *t->files, by_path);
    *ret = TU_TAKE(t);
    return TU_OK;
}

void tu_tree_free(tu_tree *t) {
    if (!t)
        return;
    free(t->files);
    tu_arena_done(&t->arena);
    free(t);
}

void tu_tree_freep(tu_tree **t) {
    tu_tree_free(*t);
}
