/*
 * desired/names.c: a desired set without its values: what a check keeps from one run to the next.
 *
 * Where metadata alone proves that nothing has changed, nobody looks at a manifest. So the names,
 * hashes and places of a revision's objects are kept in a file, and a set made of them knows
 * everything about its objects but what they hold: tu_desired_open() of the first one that is
 * wanted loads the revision after all. No value of a manifest is in the file.
 *
 *   magic  head  binding  revision  kinds  entries, each with its strings  SHA-256 of all before it
 *
 * It is used only for the same revision, rule, configuration, target and descriptions, and written
 * only of a set without problems and notes, since those are told again with every check. Numbers
 * are the machine's own. When in doubt it is ignored.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "desired/set.h"

#define MAGIC UINT64_C(0x3173656d616e7574) /* "tunames1", read as a little-endian number */
#define DIGEST_BYTES 32

typedef struct head {
    uint64_t magic, config, skipped_files;
    uint32_t kinds, entries;
} head;

typedef struct file_entry { /* after it: namespace, name, file as bytes */
    uint64_t hash;
    uint32_t kind, line, column, namespace_n, name_n, file_n;
} file_entry;

/* --- writing ---------------------------------------------------------------------------------- */

static void put(tu_buf *b, const void *p, size_t n) {
    tu_buf_add(b, (tu_str){p, n});
}

static void put_string(tu_buf *b, tu_str s) {
    uint32_t n = (uint32_t)s.n;
    put(b, &n, sizeof n);
    tu_buf_add(b, s);
}

/* Everything but the source's text that decides what a set is. */
static void put_binding(tu_buf *b, const tu_desired_input *in) {
    put_string(b, TU_S(TRUEUP_VERSION));
    put_string(b, in->rule->name);
    put_string(b, in->rule->from);
    put_string(b, in->rule->path);
    put_string(b, in->rule->render);
    put_string(b, tu_catalogue_endpoint(in->catalogue));
    put_string(b, tu_catalogue_default_namespace(in->catalogue));
}

static const tu_catalogue_kind *served(const tu_desired_set *s, const tu_desired_kind_row *k) {
    return tu_catalogue_find(s->catalogue, k->group, k->version, k->kind, NULL);
}

static void put_kinds(tu_buf *b, const tu_desired_set *s) {
    for (size_t i = 0; i < s->objects->kind_count; i++) {
        const tu_desired_kind_row *k = &s->objects->kinds[i];
        const tu_catalogue_kind *c = served(s, k);
        put_string(b, k->group);
        put_string(b, k->version);
        put_string(b, k->kind);
        put_string(b, c ? c->hash : (tu_str){0});
    }
}

static void put_entries(tu_buf *b, const tu_desired_set *s) {
    for (size_t i = 0; i < s->n; i++) {
        const tu_desired_entry *e = &s->objects->entries[i];
        const tu_object_id id = tu_desired_id(s, i);
        const tu_str file = s->objects->files[e->file];
        const file_entry f = {.hash = e->hash,
                              .kind = e->kind,
                              .line = e->line,
                              .column = e->column,
                              .namespace_n = (uint32_t)id.namespace_.n,
                              .name_n = (uint32_t)id.name.n,
                              .file_n = (uint32_t)file.n};
        put(b, &f, sizeof f);
        tu_buf_add(b, id.namespace_);
        tu_buf_add(b, id.name);
        tu_buf_add(b, file);
    }
}

void tu_desired_remember(const tu_desired_input *in, const tu_desired_set *s) {
    if (!in->memory || !in->memory_config || s->problem_count || s->note_count)
        return;
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_LIMIT_BASELINE_BYTES);
    const head h = {.magic = MAGIC,
                    .config = in->memory_config,
                    .skipped_files = s->skipped_files,
                    .kinds = (uint32_t)s->objects->kind_count,
                    .entries = (uint32_t)s->n};
    put(&b, &h, sizeof h);
    put_binding(&b, in);
    put_string(&b, s->revision);
    put_kinds(&b, s);
    put_entries(&b, s);
    uint8_t sum[DIGEST_BYTES];
    tu_sha256(tu_buf_str(&b), sum);
    put(&b, sum, sizeof sum);
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    if (b.rc == TU_OK && tu_file_write(in->memory, tu_buf_str(&b), 0600, &why) != TU_OK)
        tu_log(TU_LOG_DEBUG, "the names of a revision are not kept", "error", tu_error_text(why),
               NULL);
}

/* --- reading ---------------------------------------------------------------------------------- */

typedef struct reader {
    tu_str left;
    bool short_; /* it ended before its time */
} reader;

static tu_str take(reader *r, size_t n) {
    const tu_str s = {r->left.p, n};
    if (n > r->left.n || r->short_) {
        r->short_ = true;
        return (tu_str){0};
    }
    r->left = (tu_str){s.p + n, r->left.n - n};
    return s;
}

static void get(reader *r, void *out, size_t n) {
    const tu_str s = take(r, n);
    if (s.p)
        memcpy(out, s.p, n);
    else
        memset(out, 0, n);
}

static tu_str get_string(reader *r) {
    uint32_t n;
    get(r, &n, sizeof n);
    return take(r, n);
}

static bool is_for(reader *r, const tu_desired_input *in, tu_str revision) {
    _cleanup_(tu_buf_done) tu_buf wanted = TU_BUF_INIT(64 * TU_KIB);
    put_binding(&wanted, in);
    put_string(&wanted, revision);
    const tu_str bound = take(r, wanted.n);
    return wanted.rc == TU_OK && bound.p && memcmp(bound.p, wanted.p, wanted.n) == 0;
}

/* One kind of the file as the target serves and describes it now; false: not as then. */
static bool read_kind(reader *r, const tu_desired_input *in, const tu_call_options *call,
                      tu_desired_kind_row *ret) {
    *ret = (tu_desired_kind_row){.group = get_string(r)};
    ret->version = get_string(r);
    ret->kind = get_string(r);
    const tu_str hash = get_string(r);
    const tu_catalogue_kind *k =
        r->short_ ? NULL
                  : tu_catalogue_find(in->catalogue, ret->group, ret->version, ret->kind, NULL);
    return k && tu_str_eq(k->hash, hash) &&
           tu_catalogue_describe(in->catalogue, k, call, &ret->description, NULL) == TU_OK;
}

static bool read_entry(reader *r, const tu_desired_kind_row *kinds, uint32_t kind_count,
                       tu_desired_set *s) {
    file_entry f;
    get(r, &f, sizeof f);
    const tu_str namespace_ = take(r, f.namespace_n), name = take(r, f.name_n);
    const tu_str file = take(r, f.file_n);
    if (r->short_ || f.kind >= kind_count)
        return false;
    const tu_desired_kind_row *k = &kinds[f.kind];
    const tu_prepared p = {.id = {.group = k->group,
                                  .version = k->version,
                                  .kind = k->kind,
                                  .namespace_ = namespace_,
                                  .name = name},
                           .kind = k->description,
                           .hash = f.hash,
                           .file = file,
                           .line = f.line,
                           .column = f.column};
    return tu_desired_put(s, &p, NULL) == TU_OK;
}

static bool read_all(reader *r, const head *h, const tu_desired_input *in,
                     const tu_call_options *call, tu_desired_set *s) {
    if (h->kinds > TU_LIMIT_KINDS || h->entries > TU_LIMIT_OBJECTS)
        return false;
    tu_desired_kind_row *kinds = tu_xcalloc(h->kinds, sizeof *kinds);
    bool good = true;
    for (uint32_t i = 0; i < h->kinds && good; i++)
        good = read_kind(r, in, call, &kinds[i]);
    for (uint32_t i = 0; i < h->entries && good; i++)
        good = read_entry(r, kinds, h->kinds, s);
    free(kinds);
    s->skipped_files = h->skipped_files;
    return good && !r->short_ && r->left.n == 0;
}

tu_desired_set *tu_desired_recall(const tu_desired_input *in, const tu_call_options *call,
                                  tu_str revision) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_BASELINE_BYTES);
    if (!in->memory || !in->memory_config ||
        tu_file_read(in->memory, TU_LIMIT_BASELINE_BYTES, &text, NULL) != TU_OK ||
        text.n < sizeof(head) + DIGEST_BYTES)
        return NULL;
    reader r = {.left = {text.p, text.n - DIGEST_BYTES}};
    uint8_t sum[DIGEST_BYTES];
    tu_sha256(r.left, sum);
    head h;
    get(&r, &h, sizeof h);
    if (memcmp(sum, text.p + text.n - DIGEST_BYTES, DIGEST_BYTES) != 0 || h.magic != MAGIC ||
        h.config != in->memory_config || !is_for(&r, in, revision))
        return NULL;
    tu_desired_set *s = tu_desired_new(in->catalogue);
    if (!read_all(&r, &h, in, call, s)) {
        tu_desired_unref(s);
        return NULL;
    }
    s->revision = tu_arena_copy(&s->arena, revision);
    tu_desired_be_lazy(s, in);
    return s;
}
