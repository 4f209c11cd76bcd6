/*
 * engine/index-file.c: baselines and memos between two runs. See index.h.
 *
 *   magic  head  strings (each: length, bytes)  kinds  entries  memos  SHA-256 of all before it
 *
 * Numbers are the machine's own: a file of another kind of machine has another magic number and is
 * no use here. The file is a convenience: when in doubt it is ignored, and objects are read again.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/index-inside.h"
#include "heal/heal.h"

#define MAGIC UINT64_C(0x31656e696c657362) /* "bseline1", read as a little-endian number */

typedef struct head {
    uint64_t magic, seed, config;
    uint32_t kinds, entries, memo_places;
    uint32_t has_environment;
} head;

typedef struct file_kind { /* after it: group, version, kind, hash as strings */
    uint32_t moves;
} file_kind;

typedef struct file_entry {
    uint64_t id, desired;
    tu_baseline baseline; /* flags 0: only for its memo */
    uint32_t kind;
    uint32_t places, first; /* its memo among all places */
    uint32_t unused;
} file_entry;

static char *file_path(const tu_index_file *f) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(4 * TU_KIB);
    for (size_t i = 0; i < f->rule->name.n; i++) { /* a name is no path */
        char c = f->rule->name.p[i];
        tu_buf_add_byte(&b,
                        (c == '/' || c == '\\' || c == '.' || (unsigned char)c < 0x20) ? '_' : c);
    }
    tu_buf_addf(&b, "-%08" PRIx32, (uint32_t)tu_hash64(f->rule->name));
    return tu_path_join(f->directory, tu_buf_c(&b));
}

/* What the rule's entries, and those of its packs, say: all that was read. 0: can't be told. */
static uint64_t config_hash(const tu_index_file *f) {
    const tu_rule *r = f->rule;
    uint64_t hash = tu_hash64_seed(r->path, tu_hash64_seed(r->from, (uint64_t)r->mode));
    for (size_t i = 0; f->config && i < f->config->files.n; i++) {
        _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_CONFIG_BYTES);
        if (tu_file_read(f->config->files.items[i].p, TU_LIMIT_CONFIG_BYTES, &text, NULL) != TU_OK)
            return 0;
        hash = tu_hash64_seed(tu_buf_str(&text), hash);
    }
    return hash | 1;
}

uint64_t tu_index_config(const tu_index_file *f) {
    return config_hash(f);
}

char *tu_index_names_path(const tu_index_file *f) {
    char *path = file_path(f);
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(4 * TU_KIB);
    tu_buf_addf(&b, "%s.names", path);
    free(path);
    return tu_buf_take(&b);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void put(tu_buf *b, const void *p, size_t n) {
    tu_buf_add(b, (tu_str){p, n});
}

static void put_string(tu_buf *b, tu_str s) {
    uint32_t n = (uint32_t)s.n;
    put(b, &n, sizeof n);
    tu_buf_add(b, s);
}

/* What the file is bound to. */
static void put_binding(tu_buf *b, const tu_index *x, const tu_index_file *f) {
    put_string(b, TU_S(TRUEUP_VERSION));
    put_string(b, TU_S(TU_FIELD_MANAGER));
    put_string(b, f->rule->name);
    put_string(b, f->rule->to);
    put_string(b, tu_catalogue_endpoint(x->set->catalogue));
}

static bool is_worth_it(const tu_index *x, size_t i) {
    return index_is_clean(&x->baselines[i]) || (x->memos && x->memos[i]) ||
           (x->baselines[i].room[INDEX_MARKS] & INDEX_FINISHED);
}

static void put_entries(tu_buf *b, const tu_index *x) {
    uint32_t first = 0;
    for (size_t i = 0; i < x->n; i++) {
        if (!is_worth_it(x, i))
            continue;
        const tu_object_id id = tu_desired_id(x->set, i);
        const tu_memo *memo = x->memos ? x->memos[i] : NULL;
        file_entry e = {.id = tu_object_id_hash(&id),
                        .desired = tu_desired_hash(x->set, i),
                        .baseline = x->baselines[i],
                        .kind = x->kind_of[i],
                        .places = memo ? memo->n : 0,
                        .first = first};
        first += e.places;
        if (!index_is_clean(&x->baselines[i])) {
            uint8_t finished = e.baseline.room[INDEX_MARKS] & INDEX_FINISHED;
            e.baseline = (tu_baseline){.room[INDEX_MARKS] = finished};
        }
        put(b, &e, sizeof e);
    }
    for (size_t i = 0; x->memos && i < x->n; i++)
        if (x->memos[i])
            put(b, x->memos[i]->places, x->memos[i]->n * sizeof *x->memos[i]->places);
}

static void write_all(tu_buf *b, const tu_index *x, const tu_index_file *f) {
    head h = {.magic = MAGIC,
              .seed = x->seed,
              .config = config_hash(f),
              .kinds = (uint32_t)x->kind_count,
              .has_environment = x->environment != NULL};
    for (size_t i = 0; i < x->n; i++) {
        h.entries += is_worth_it(x, i);
        h.memo_places += x->memos && x->memos[i] ? x->memos[i]->n : 0;
    }
    put(b, &h, sizeof h);
    put_binding(b, x, f);
    put_string(b, x->set->revision);
    put_string(b, tu_str_c(x->environment));
    for (size_t i = 0; i < x->kind_count; i++) {
        const tu_index_kind *k = &x->kinds[i];
        const file_kind kind = {.moves = k->moves};
        put(b, &kind, sizeof kind);
        put_string(b, k->group);
        put_string(b, k->version);
        put_string(b, k->kind);
        put_string(b, k->hash);
    }
    put_entries(b, x);
    uint8_t sum[32];
    tu_sha256(tu_buf_str(b), sum);
    put(b, sum, sizeof sum);
}

tu_rc tu_index_save(tu_index *x, const tu_index_file *f, tu_error **error) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_LIMIT_BASELINE_BYTES);
    pthread_mutex_lock(&x->lock);
    write_all(&b, x, f);
    x->dirty = false;
    pthread_mutex_unlock(&x->lock);
    if (b.rc != TU_OK)
        return tu_error_set(error, TU_EINVALID,
                            "the baselines of rule %.*s are larger than TU_LIMIT_BASELINE_BYTES",
                            TU_P(f->rule->name));
    tu_rc rc = tu_mkdirs(f->directory, 0700, error);
    char *path = file_path(f);
    if (rc == TU_OK)
        rc = tu_file_write(path, tu_buf_str(&b), 0600, error);
    free(path);
    return rc;
}

/* --- reading ---------------------------------------------------------------------------------- */

typedef struct reader {
    tu_str left;
    bool short_; /* it ended before its time */
} reader;

static const char *take(reader *r, size_t n) {
    const char *p = r->left.p;
    if (n > r->left.n || r->short_) {
        r->short_ = true;
        return NULL;
    }
    r->left = (tu_str){p + n, r->left.n - n};
    return p;
}

static void get(reader *r, void *out, size_t n) {
    const char *p = take(r, n);
    if (p)
        memcpy(out, p, n);
    else
        memset(out, 0, n);
}

static tu_str get_string(reader *r) {
    uint32_t n;
    get(r, &n, sizeof n);
    const char *p = take(r, n);
    return p ? (tu_str){p, n} : (tu_str){0};
}

/* NULL: it is as it should be. */
static const char *check(tu_str text, const tu_index *x, const tu_index_file *f, reader *ret,
                         head *ret_head) {
    uint8_t sum[32];
    if (text.n < sizeof sum + sizeof *ret_head)
        return "it is too short";
    *ret = (reader){.left = {text.p, text.n - sizeof sum}};
    tu_sha256(ret->left, sum);
    if (memcmp(sum, text.p + ret->left.n, sizeof sum) != 0)
        return "it is damaged";
    get(ret, ret_head, sizeof *ret_head);
    if (ret_head->magic != MAGIC)
        return "another version of trueup wrote it";
    _cleanup_(tu_buf_done) tu_buf wanted = TU_BUF_INIT(64 * TU_KIB);
    put_binding(&wanted, x, f);
    const char *bound = take(ret, wanted.n);
    if (wanted.rc != TU_OK || !bound || memcmp(bound, wanted.p, wanted.n) != 0)
        return "it is of another version, rule or target";
    return NULL;
}

/* file kind number -> is it described as now; what was learned of it is taken over. */
static bool *read_kinds(reader *r, uint32_t n, tu_index *x) {
    bool *same = tu_xcalloc(n, sizeof *same);
    for (uint32_t i = 0; i < n && !r->short_; i++) {
        file_kind kind;
        get(r, &kind, sizeof kind);
        tu_str group = get_string(r), version = get_string(r), name = get_string(r),
               hash = get_string(r);
        for (size_t k = 0; k < x->kind_count; k++) {
            tu_index_kind *here = &x->kinds[k];
            if (!tu_str_eq(here->kind, name) || !tu_str_eq(here->group, group) ||
                !tu_str_eq(here->version, version) || !tu_str_eq(here->hash, hash))
                continue;
            same[i] = true;
            here->moves |= kind.moves != 0;
        }
    }
    return same;
}

static bool has_sealed(const tu_value *v) {
    if (v->type == TU_SEALED)
        return true;
    for (uint32_t i = 0; v->type == TU_LIST && i < v->list.n; i++)
        if (has_sealed(&v->list.items[i]))
            return true;
    for (uint32_t i = 0; v->type == TU_MAP && i < v->map.n; i++)
        if (has_sealed(&v->map.members[i].value))
            return true;
    return false;
}

typedef struct loading {
    tu_index *x;
    tu_arena arena;
    const file_entry *entries; /* sorted by id */
    uint32_t n;
    const char *places; /* of all memos; unaligned */
    uint32_t place_count;
    bool same_text, same_config; /* of the source; of the configuration */
    const bool *same_kind;
    uint32_t kinds;
} loading;

static bool is_desired_the_same(loading *l, size_t object, const file_entry *e) {
    if (e->desired == tu_desired_hash(l->x->set, object))
        return true;
    if (!l->same_text || !l->same_config)
        return false;
    tu_arena_reset(&l->arena);
    tu_prepared p;
    return tu_desired_open(l->x->set, object, &l->arena, &p, NULL) == TU_OK && has_sealed(p.object);
}

static int by_id(const void *x, const void *y) {
    const file_entry *a = x, *b = y;
    return (a->id > b->id) - (a->id < b->id);
}

/* NULL: nothing there that holds now. */
static const file_entry *find_entry(loading *l, size_t object) {
    const tu_object_id id = tu_desired_id(l->x->set, object);
    const file_entry wanted = {.id = tu_object_id_hash(&id)};
    const file_entry *e = l->n ? bsearch(&wanted, l->entries, l->n, sizeof wanted, by_id) : NULL;
    bool holds =
        e && e->kind < l->kinds && l->same_kind[e->kind] && is_desired_the_same(l, object, e);
    return holds ? e : NULL;
}

static void take_memo(loading *l, size_t object, const file_entry *e) {
    const size_t place = sizeof(struct tu_memo_place);
    if (e->places == 0 || e->places > TU_LIMIT_MEMO_PLACES || e->first > l->place_count ||
        e->places > l->place_count - e->first)
        return;
    tu_memo *memo = tu_xmalloc(sizeof *memo + e->places * place);
    memo->n = e->places;
    memcpy(memo->places, l->places + e->first * place, e->places * place);
    index_set_memo(l->x, object, memo);
}

static void take_entry(loading *l, size_t object, const file_entry *e) {
    tu_index *x = l->x;
    bool ruled = e->baseline.room[INDEX_MARKS] & INDEX_RULED;
    /* Gone meanwhile or not: what had finished must not be made again after a restart. */
    uint8_t finished = e->baseline.room[INDEX_MARKS] & INDEX_FINISHED;
    x->baselines[object].room[INDEX_MARKS] |= finished;
    take_memo(l, object, e);
    if (!(e->baseline.flags & TU_BASELINE_VALID) || (ruled && !l->same_config))
        return;
    x->baselines[object] = e->baseline;
    x->baselines[object].room[INDEX_VERDICT] = TU_VERDICT_IN_SYNC;
    x->baselines[object].room[INDEX_MARKS] =
        (uint8_t)(INDEX_UNTOLD | finished | (ruled ? INDEX_RULED : 0));
    x->from_file = true;
}

static tu_rc take_entries(loading *l, reader *r, const head *h) {
    const char *raw = take(r, (size_t)h->entries * sizeof(file_entry));
    l->places = take(r, (size_t)h->memo_places * sizeof(struct tu_memo_place));
    l->place_count = h->memo_places;
    if (r->short_ || r->left.n)
        return TU_EINTEGRITY;
    file_entry *entries = tu_malloc((size_t)h->entries * sizeof *entries + 1);
    if (!entries)
        return TU_EINTERNAL;
    if (h->entries) {
        memcpy(entries, raw, (size_t)h->entries * sizeof *entries);
        qsort(entries, h->entries, sizeof *entries, by_id);
    }
    l->entries = entries;
    l->n = h->entries;
    for (size_t i = 0; i < l->x->n; i++) {
        const file_entry *e = find_entry(l, i);
        if (e)
            take_entry(l, i, e);
    }
    free(entries);
    return TU_OK;
}

/* NULL: it was taken. */
static const char *take_file(tu_str text, tu_index *x, const tu_index_file *f) {
    reader r;
    head h;
    const char *wrong = check(text, x, f, &r, &h);
    if (wrong)
        return wrong;
    tu_str revision = get_string(&r), environment = get_string(&r);
    if (h.kinds > TU_LIMIT_KINDS)
        return "it is damaged";
    uint64_t config = config_hash(f);
    bool *same_kind = read_kinds(&r, h.kinds, x);
    loading l = {.x = x,
                 .same_text = tu_str_eq(revision, x->set->revision),
                 .same_config = config && config == h.config,
                 .same_kind = same_kind,
                 .kinds = h.kinds};
    tu_arena_init(&l.arena, TU_LIMIT_OBJECT_ARENA);
    x->seed = h.seed;
    tu_rc rc = take_entries(&l, &r, &h);
    tu_arena_done(&l.arena);
    free(same_kind);
    if (rc == TU_OK && h.has_environment) {
        x->environment = tu_xmalloc(environment.n + 1);
        memcpy(x->environment, environment.n ? environment.p : "", environment.n);
        x->environment[environment.n] = 0;
    }
    return rc == TU_OK ? NULL : "it is damaged";
}

void tu_index_load(tu_index *x, const tu_index_file *f) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_BASELINE_BYTES);
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    char *path = file_path(f);
    const char *wrong = NULL;
    if (tu_file_exists(path))
        wrong = tu_file_read(path, TU_LIMIT_BASELINE_BYTES, &text, &why) == TU_OK
                    ? take_file(tu_buf_str(&text), x, f)
                    : tu_error_text(why);
    if (wrong)
        tu_log(TU_LOG_INFO, "the baselines of an earlier run are not used: everything is read anew",
               "file", path, "why", wrong, NULL);
    free(path);
}

bool tu_index_is_saved(const tu_index_file *f) {
    char *path = file_path(f);
    bool there = tu_file_exists(path);
    free(path);
    return there;
}
