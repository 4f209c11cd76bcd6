/*
 * desired/load.c: documents to a desired set.
 *
 *   file -> documents (one broken document hides nothing but itself) -> manifests (lists unfolded)
 * -> kind known? shape right?
 *   -> prepared objects, sorted and indexed; whatever is wrong becomes a finding at its file and
 * line
 *
 * Files without apiVersion and kind at their top are no manifests (a values file, a workflow) and
 * only counted.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "desired/desired.h"
#include "desired/set.h"
#include "desired/tree.h"
#include "value/json.h"
#include "value/yaml.h"

typedef struct loader {
    const tu_desired_input *in;
    tu_call_options call;
    tu_desired_set *set;
    tu_tree *tree;
    tu_arena document; /* of the document that is being taken; what is kept of it is copied */
    tu_buf file;       /* the name of its file */
    size_t problem_capacity;
    tu_error **error;
} loader;

/* --- problems --------------------------------------------------------------------------------- */

static tu_rc add_problem(loader *l, tu_verdict verdict, const tu_object_id *id, tu_str file,
                         int64_t line, int64_t column, const char *reason) {
    tu_desired_set *s = l->set;
    tu_finding *f = tu_arena_zalloc(&s->arena, sizeof *f);
    if (!f)
        return tu_error_memory(l->error);
    if (id)
        f->id = tu_object_id_copy(&s->arena, id);
    f->verdict = verdict;
    f->file = tu_arena_copy(&s->arena, file);
    f->line = (uint32_t)line;
    f->column = (uint32_t)column;
    f->reason = tu_arena_copy(&s->arena, tu_str_c(reason));
    if (s->problem_count == l->problem_capacity) {
        l->problem_capacity = l->problem_capacity ? 2 * l->problem_capacity : 16;
        s->problems = tu_xrealloc(s->problems, l->problem_capacity * sizeof *s->problems);
    }
    s->problems[s->problem_count++] = f;
    return TU_OK;
}

/* --- one manifest ----------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b) {
    return tu_str_compare(((const tu_tree_file *)a)->path, ((const tu_tree_file *)b)->path);
}

/* The column of a value, for the one message that needs it: the text is still in the tree. */
static int64_t column_of(const loader *l, tu_str file, size_t at) {
    const tu_tree_file key = {.path = file},
                       *found = bsearch(&key, l->tree->files, l->tree->n, sizeof key, by_path);
    if (!found)
        return 0;
    tu_str text = found->bytes;
    int64_t column = 1;
    for (size_t p = at < text.n ? at : text.n; p > 0 && text.p[p - 1] != '\n'; p--)
        column += (text.p[p - 1] & 0xC0) != 0x80;
    return column;
}

static tu_rc set_namespace(loader *l, tu_value *manifest, const tu_catalogue_kind *kind,
                           tu_object_id *id) {
    tu_arena *a = &l->document;
    tu_value *metadata = (tu_value *)(uintptr_t)tu_value_get(manifest, "metadata");
    if (kind->any)
        return TU_OK;
    if (!kind->namespaced) {
        tu_value_remove(metadata, TU_S("namespace"));
        id->namespace_ = (tu_str){0};
    } else if (!id->namespace_.n) {
        tu_str d = tu_catalogue_default_namespace(l->in->catalogue);
        id->namespace_ = tu_arena_copy(a, d.n ? d : TU_S("default"));
        if (!tu_value_set_string(a, metadata, "namespace", id->namespace_))
            return tu_error_memory(l->error);
    }
    return TU_OK;
}

/* Where the text of a line begins: what is wrong in its value stands under that key. */
static int64_t column_of_line(const loader *l, tu_str file, int64_t line) {
    const tu_tree_file key = {.path = file},
                       *found = bsearch(&key, l->tree->files, l->tree->n, sizeof key, by_path);
    if (!found || line < 1)
        return 0;
    const char *p = found->bytes.p, *end = p + found->bytes.n;
    for (; line > 1 && p < end; p++)
        line -= *p == '\n';
    const char *text = p;
    while (text < end && (*text == ' ' || *text == '\t'))
        text++;
    return text < end ? text - p + 1 : 0;
}

static tu_rc shape_problems(loader *l, const tu_object_id *id, tu_str file,
                            const tu_errors *errors) {
    _cleanup_(tu_buf_done) tu_buf reason = TU_BUF_INIT(8 * TU_KIB);
    for (size_t i = 0; i < errors->n && i < 10; i++) {
        const tu_error *e = errors->items[i];
        if (i)
            tu_buf_addf(&reason, "; line %lld: ", (long long)e->line);
        else if (e->code)
            tu_buf_addf(&reason, "%s: ", e->code);
        tu_buf_add_c(&reason, e->message);
        if (e->hint)
            tu_buf_addf(&reason, " (%s)", e->hint);
    }
    if (errors->n > 10)
        tu_buf_addf(&reason, "; and %zu more", errors->n - 10);
    int64_t line = errors->items[0]->line;
    return add_problem(l, TU_VERDICT_INVALID, id, file, line, column_of_line(l, file, line),
                       tu_buf_c(&reason));
}

static tu_rc add_object(loader *l, const tu_prepared *p) {
    if (l->set->n >= TU_LIMIT_OBJECTS)
        return tu_error_set(l->error, TU_EINVALID,
                            "more than %u objects in one rule (TU_LIMIT_OBJECTS)",
                            TU_LIMIT_OBJECTS);
    return tu_desired_put(l->set, p, l->error);
}

/* What a manifest asks for in vain: one note of each sort, with its first place. */
static tu_rc take_remarks(loader *l, const tu_kind *kind, const tu_value *m, const char *path) {
    _cleanup_(tu_errors_done) tu_errors remarks = {0};
    tu_desired_set *s = l->set;
    tu_kind_lint(kind, m, path, &remarks);
    for (size_t i = 0; i < remarks.n; i++) {
        const tu_error *e = remarks.items[i];
        size_t n = 0;
        while (n < s->note_count && !tu_str_is(s->notes[n].code, e->code ? e->code : ""))
            n++;
        if (n < s->note_count)
            s->notes[n].more++;
        if (n < s->note_count || n == TU_DESIRED_NOTES)
            continue;
        const char *text =
            tu_arena_printf(&s->arena, "%s:%lld: %s", path, (long long)e->line, tu_error_text(e));
        tu_str code = tu_arena_copy(&s->arena, tu_str_c(e->code ? e->code : ""));
        if (!text || !code.p)
            return tu_error_memory(l->error);
        s->notes[s->note_count++] = (tu_desired_note){.code = code, .text = tu_str_c(text)};
    }
    return TU_OK;
}

/* A kind that the target serves in another version than the manifest says. */
typedef struct {
    const tu_object_id *id;
    tu_str version;
} other_version;

static bool is_other_version(void *arg, const tu_catalogue_kind *k) {
    other_version *o = arg;
    if (tu_str_eq(k->group, o->id->group) && tu_str_eq(k->kind, o->id->kind))
        o->version = k->version;
    return o->version.n == 0;
}

/* Why the catalogue doesn't have the kind. What has become of the object isn't known then. */
static void explain_unserved(loader *l, const tu_object_id *id, bool stale, tu_buf *reason) {
    const char *slash = id->group.n ? "/" : "";
    other_version other = {.id = id};
    if (!stale)
        tu_catalogue_each(l->in->catalogue, is_other_version, &other);
    if (stale)
        tu_buf_addf(reason, "stale-group: the target could not be asked about %.*s%s%.*s",
                    TU_P(id->group), slash, TU_P(id->version));
    else if (other.version.n)
        tu_buf_addf(reason,
                    "api-removed: the target serves %.*s in %.*s%s%.*s, and not in %.*s: move the "
                    "manifest to a version that is served",
                    TU_P(id->kind), TU_P(id->group), slash, TU_P(other.version), TU_P(id->version));
    else
        tu_buf_addf(reason,
                    "unknown-kind: the target serves no %.*s in %.*s%s%.*s: install what "
                    "brings it (a CustomResourceDefinition) or correct apiVersion",
                    TU_P(id->kind), TU_P(id->group), slash, TU_P(id->version));
}

/* Everything that can be wrong with one manifest ends as a problem; only memory and a target that
 * can't be asked stop the load. */
static tu_rc take_manifest(loader *l, tu_value *m, tu_str file) {
    tu_arena *a = &l->document;
    tu_object_id id = tu_object_id_of(m);
    int64_t column = column_of(l, file, m->begin);
    if (!id.version.n || !id.kind.n)
        return add_problem(l, TU_VERDICT_INVALID, &id, file, m->line, column,
                           id.kind.n ? "apiVersion is missing or not a string"
                                     : "kind is missing or not a string");
    if (!tu_value_is(tu_value_get(m, "metadata"), TU_MAP) || !id.name.n)
        return add_problem(
            l, TU_VERDICT_INVALID, &id, file, m->line, column,
            tu_value_path(m, "metadata", "generateName", NULL)
                ? "metadata.generateName makes a new object each time: give it a metadata.name"
                : "metadata.name is missing");
    bool stale = false;
    const tu_catalogue_kind *kind =
        tu_catalogue_find(l->in->catalogue, id.group, id.version, id.kind, &stale);
    if (!kind) {
        _cleanup_(tu_buf_done) tu_buf reason = TU_BUF_INIT(4 * TU_KIB);
        explain_unserved(l, &id, stale, &reason);
        return add_problem(l, TU_VERDICT_UNKNOWN, &id, file, m->line, column, tu_buf_c(&reason));
    }
    tu_rc rc = set_namespace(l, m, kind, &id);
    if (rc != TU_OK)
        return rc;
    tu_kind *description = NULL;
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    rc = tu_catalogue_describe(l->in->catalogue, kind, &l->call, &description, &why);
    if (rc == TU_ECANCELLED)
        return tu_error_set(l->error, rc, "cancelled");
    if (rc != TU_OK)
        return add_problem(l, TU_VERDICT_UNKNOWN, &id, file, m->line, column, tu_error_text(why));
    rc = take_remarks(l, description, m, tu_buf_c(&l->file));
    if (rc != TU_OK)
        return rc;
    tu_kind_strip(description, m);
    tu_errors errors = {0};
    tu_kind_validate(description, m, tu_buf_c(&l->file), &errors);
    if (errors.n)
        rc = shape_problems(l, &id, file, &errors);
    bool broken = errors.n > 0;
    tu_errors_done(&errors);
    if (broken || rc != TU_OK)
        return rc;
    rc = tu_normalise(a, description, m, file, &why);
    if (rc == TU_EINVALID)
        return add_problem(l, TU_VERDICT_INVALID, &id, file, why && why->line ? why->line : m->line,
                           column, tu_error_text(why));
    if (rc != TU_OK)
        return tu_error_set(l->error, rc, "%s", tu_error_text(why));
    const tu_prepared prepared = {.id = id,
                                  .object = m,
                                  .kind = description,
                                  .hash = tu_value_hash(m),
                                  .file = file,
                                  .line = m->line,
                                  .column = (uint32_t)column};
    return add_object(l, &prepared);
}

static bool looks_like_manifest(const tu_value *v) {
    return tu_value_is(v, TU_MAP) && (tu_value_get(v, "apiVersion") || tu_value_get(v, "kind"));
}

/* A kind that ends in List with items is a wrapper around them. */
static bool is_list(const tu_value *v) {
    return tu_str_ends(tu_value_get_string(v, "kind"), "List") &&
           tu_value_is(tu_value_get(v, "items"), TU_LIST);
}

static tu_rc take_document(loader *l, tu_value *v, tu_str file, bool *ret_manifest) {
    if (!looks_like_manifest(v))
        return TU_OK;
    *ret_manifest = true;
    if (!is_list(v))
        return take_manifest(l, v, file);
    tu_value *items = (tu_value *)(uintptr_t)tu_value_get(v, "items");
    for (uint32_t i = 0; i < items->list.n; i++) {
        tu_value *item = &items->list.items[i];
        tu_rc rc = looks_like_manifest(item)
                       ? take_manifest(l, item, file)
                       : add_problem(l, TU_VERDICT_INVALID, NULL, file, item->line,
                                     column_of(l, file, item->begin),
                                     "an item of this list is no object: apiVersion and kind are "
                                     "missing");
        if (rc != TU_OK)
            return rc;
    }
    return TU_OK;
}

/* --- one file --------------------------------------------------------------------------------- */

static tu_rc parse_problem(loader *l, tu_str file, const tu_error *e) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(8 * TU_KIB);
    tu_buf_add_c(&text, tu_error_text(e));
    if (e && e->hint)
        tu_buf_addf(&text, " (%s)", e->hint);
    return add_problem(l, TU_VERDICT_INVALID, NULL, file, e ? e->line : 0, e ? e->column : 0,
                       tu_buf_c(&text));
}

static tu_rc take_json(loader *l, tu_str file, const char *name, tu_str text, bool *manifest) {
    tu_value *v = NULL;
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    tu_arena_reset(&l->document);
    tu_rc rc = tu_json_parse(&l->document, text, 0, name, &v, NULL, &why);
    if (rc == TU_EINVALID) {
        *manifest = true;
        return parse_problem(l, file, why);
    }
    return rc == TU_OK ? take_document(l, v, file, manifest)
                       : tu_error_set(l->error, rc, "%s", tu_error_text(why));
}

static tu_rc take_yaml(loader *l, tu_str file, const char *name, tu_str text, uint32_t first_line,
                       bool *manifest) {
    tu_yaml_split split = tu_yaml_split_begin(text);
    split.line = first_line;
    tu_yaml_part part;
    for (size_t n = 0; tu_yaml_split_next(&split, &part); n++) {
        if (n >= TU_LIMIT_DOCUMENTS)
            return add_problem(l, TU_VERDICT_INVALID, NULL, file, part.line, 1,
                               "more documents in one file than TU_LIMIT_DOCUMENTS allows");
        tu_value *v = NULL;
        _cleanup_(tu_error_freep) tu_error *why = NULL;
        tu_arena_reset(&l->document);
        tu_rc rc = tu_yaml_parse(&l->document, part, TU_YAML_KUBERNETES, name, &v, &why);
        if (rc == TU_EINVALID) {
            *manifest = true;
            rc = parse_problem(l, file, why);
        } else if (rc == TU_OK && v) {
            rc = take_document(l, v, file, manifest);
        }
        if (rc != TU_OK) {
            if (why && l->error && !*l->error)
                *l->error = TU_TAKE(why);
            return rc;
        }
    }
    return TU_OK;
}

static tu_rc on_rendered(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                         tu_str body) {
    (void)index;
    loader *l = arg;
    if (record == TU_REC_SKIPPED) {
        l->set->skipped_files += (size_t)tu_value_integer(tu_value_get(meta, "files"), 0);
        return TU_OK;
    }
    tu_str file = tu_value_get_string(meta, "file");
    int64_t line = tu_value_integer(tu_value_get(meta, "line"), 1);
    if (record == TU_REC_PROBLEM) {
        _cleanup_(tu_buf_done) tu_buf reason = TU_BUF_INIT(8 * TU_KIB);
        tu_str code = tu_value_get_string(meta, "code");
        tu_buf_addf(&reason, "%.*s%s%.*s", TU_P(code), code.n ? ": " : "",
                    TU_P(tu_value_get_string(meta, "message")));
        return add_problem(l, TU_VERDICT_INVALID, NULL, file, line,
                           tu_value_integer(tu_value_get(meta, "column"), 0), tu_buf_c(&reason));
    }
    if (record != TU_REC_DOCUMENT)
        return TU_OK;
    tu_buf_clear(&l->file);
    tu_buf_add(&l->file, file);
    const char *name = tu_buf_c(&l->file);
    bool manifest = false;
    tu_rc rc = tu_str_is(tu_value_get_string(meta, "format"), "json")
                   ? take_json(l, file, name, body, &manifest)
                   : take_yaml(l, file, name, body, (uint32_t)line, &manifest);
    l->set->skipped_files += !manifest;
    return rc;
}

/* --- the set ---------------------------------------------------------------------------------- */

/* The same object in several places: none of them can be right, so each is a problem that names the
 * next one's place. */
static tu_rc add_duplicate(loader *l, size_t object, size_t other) {
    const tu_finding f = tu_desired_finding(l->set, object, TU_VERDICT_INVALID),
                     o = tu_desired_finding(l->set, other, TU_VERDICT_INVALID);
    _cleanup_(tu_buf_done) tu_buf reason = TU_BUF_INIT(4 * TU_KIB);
    tu_buf_addf(&reason, "duplicate: the same object also stands in %.*s:%u; remove one of them",
                TU_P(o.file), o.line);
    return add_problem(l, f.verdict, &f.id, f.file, f.line, f.column, tu_buf_c(&reason));
}

static tu_rc drop_duplicates(loader *l) {
    tu_desired_set *s = l->set;
    size_t kept = 0;
    for (size_t i = 0; i < s->n;) {
        const tu_object_id id = tu_desired_id(s, i);
        size_t end = i + 1;
        for (; end < s->n; end++) {
            const tu_object_id next = tu_desired_id(s, end);
            if (!tu_object_id_equal(&id, &next))
                break;
        }
        if (end == i + 1)
            tu_desired_move(s, i, kept++);
        for (size_t j = i; end > i + 1 && j < end; j++) {
            tu_rc rc = add_duplicate(l, j, j + 1 < end ? j + 1 : i);
            if (rc != TU_OK)
                return rc;
        }
        i = end;
    }
    s->n = kept;
    return TU_OK;
}

/* --- the whole way ---------------------------------------------------------------------------- */

static tu_rc on_revision(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                         tu_str body) {
    (void)index;
    (void)body;
    if (record == TU_REC_REVISION) {
        tu_buf_clear(arg);
        tu_buf_add(arg, tu_value_get_string(meta, "revision"));
    }
    return TU_OK;
}

tu_rc tu_desired_resolve(tu_plugin_use *source, tu_cancel *cancel, char **ret_revision,
                         tu_error **error) {
    _cleanup_(tu_buf_done) tu_buf revision = TU_BUF_INIT(4 * TU_KIB);
    tu_call_options call = {
        .on_record = on_revision, .arg = &revision, .cancel = cancel, .timeout_ms = 120000};
    tu_rc rc = tu_call_resolve(source, &call, error);
    if (rc != TU_OK)
        return rc;
    if (!revision.n)
        return tu_error_set(error, TU_EINTERNAL, "source %s: the plugin named no revision",
                            tu_plugin_use_name(source));
    *ret_revision = tu_buf_take(&revision);
    return *ret_revision ? TU_OK : tu_error_memory(error);
}

/* Who made the revision, as far as the source tells; it emits that before any file. */
static void keep_revision(tu_desired_set *s, const tu_value *meta) {
    s->author = tu_arena_copy(&s->arena, tu_value_get_string(meta, "author"));
    s->subject = tu_arena_copy(&s->arena, tu_value_get_string(meta, "subject"));
    s->time = tu_arena_copy(&s->arena, tu_value_get_string(meta, "time"));
}

static tu_rc on_progress(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                         tu_str body) {
    (void)index;
    (void)body;
    const loader *l = arg;
    const tu_desired_input *in = l->in;
    if (record == TU_REC_REVISION)
        keep_revision(l->set, meta);
    if (record == TU_REC_PROGRESS && in->progress) {
        char stage[64];
        snprintf(stage, sizeof stage, "%.*s", TU_P(tu_value_get_string(meta, "stage")));
        in->progress(in->progress_arg, stage, tu_value_integer(tu_value_get(meta, "done"), 0),
                     tu_value_integer(tu_value_get(meta, "total"), 0));
    }
    return TU_OK;
}

static bool is_plain(const tu_desired_input *in) {
    tu_str name = in->rule->render;
    return !in->renderer && (!name.n || tu_str_is(name, "auto") || tu_str_is(name, "plain"));
}

static void tell_guess(const loader *l) {
    tu_desired_set *guess =
        l->in->guessed && is_plain(l->in) ? tu_desired_guess(l->in, l->tree) : NULL;
    if (guess)
        l->in->guessed(l->in->guessed_arg, guess);
    tu_desired_unref(guess);
}

static tu_rc render(loader *l) {
    const tu_desired_input *in = l->in;
    tu_plugin_use *made = NULL;
    tu_plugin_use *renderer = in->renderer;
    tu_rc rc = TU_OK;
    if (!renderer) {
        tu_str name = tu_str_is(in->rule->render, "auto") || !in->rule->render.n ? TU_S("plain")
                                                                                 : in->rule->render;
        const tu_library *library = NULL;
        rc = tu_library_open_builtin(TU_KIND_RENDER, name, &library, l->error);
        tu_use use = {.name = name, .plugin = name};
        use.config = tu_value_new(&l->set->arena, TU_MAP);
        if (rc == TU_OK)
            rc = tu_plugin_use_new(library, TU_KIND_RENDER, &use, NULL, &made, l->error);
        renderer = made;
    }
    if (rc == TU_OK) {
        /* What went wrong in our own hands says more than the plugin's word about a record that was
         * turned down. */
        tu_error *mine = NULL, *theirs = NULL, **error = l->error;
        l->error = &mine;
        tu_call_options call = l->call;
        call.on_record = on_rendered;
        call.arg = l;
        call.tree = l->tree;
        rc = tu_call_render(renderer, TU_S("{}"), &call, &theirs);
        l->error = error;
        if (rc != TU_OK && error && !*error)
            *error = mine ? TU_TAKE(mine) : TU_TAKE(theirs);
        tu_error_free(mine);
        tu_error_free(theirs);
    }
    tu_plugin_use_free(made);
    return rc;
}

static tu_rc load_tree(loader *l) {
    const tu_desired_input *in = l->in;
    tu_rc rc =
        tu_tree_fetch(in->source, l->set->revision, in->rule->path, &l->call, &l->tree, l->error);
    if (rc != TU_OK)
        return rc;
    tell_guess(l);
    rc = render(l);
    tu_tree_free(l->tree);
    if (rc != TU_OK)
        return rc;
    tu_desired_sort(l->set);
    return drop_duplicates(l);
}

tu_rc tu_desired_load(const tu_desired_input *in, tu_desired_set **ret, tu_error **error) {
    loader l = {.in = in, .set = tu_desired_new(in->catalogue), .error = error};
    tu_arena_init(&l.document, 0);
    tu_buf_init(&l.file, TU_LIMIT_DOCUMENT_BYTES);
    l.call = (tu_call_options){.on_record = on_progress,
                               .arg = &l,
                               .cancel = in->cancel,
                               .timeout_ms = TU_DESIRED_TIMEOUT_MS};
    _cleanup_(tu_buf_done) tu_buf revision = TU_BUF_INIT(4 * TU_KIB);
    char *resolved = NULL;
    tu_rc rc = TU_OK;
    if (in->revision.n)
        tu_buf_add(&revision, in->revision);
    else if ((rc = tu_desired_resolve(in->source, in->cancel, &resolved, error)) == TU_OK)
        tu_buf_add_c(&revision, resolved);
    free(resolved);
    tu_desired_set *known =
        rc == TU_OK ? tu_desired_recall(in, &l.call, tu_buf_str(&revision)) : NULL;
    if (known) {
        tu_desired_unref(l.set);
        l.set = known;
    }
    tu_desired_set *s = l.set;
    s->rule = tu_arena_copy(&s->arena, in->rule->name);
    s->source = tu_arena_copy(&s->arena, in->rule->from);
    if (!known) {
        s->revision = tu_arena_copy(&s->arena, tu_buf_str(&revision));
        if (rc == TU_OK)
            rc = load_tree(&l);
    }
    tu_arena_done(&l.document);
    tu_buf_done(&l.file);
    if (rc != TU_OK) {
        tu_desired_unref(s);
        return rc;
    }
    tu_desired_index(s);
    if (!known)
        tu_desired_remember(in, s);
    *ret = s;
    return TU_OK;
}
