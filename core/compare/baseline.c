/* compare/baseline.c: see baseline.h. */
#include "compare/baseline.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

/* --- hashing ---------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t seed, uint64_t next) {
    return tu_hash64_seed((tu_str){(const char *)&next, sizeof next}, seed);
}

/* Maps without order: a whole custom resource comes with sorted keys, its metadata alone does not.
 * Depth is the parser's matter (TU_LIMIT_DEPTH). */
static uint64_t hash_of(const tu_value *v, uint64_t seed) {
    if (!v)
        return mix(seed, TU_SEALED + 1u);
    uint64_t hash = mix(seed, v->type), sum = 0;
    switch ((tu_type)v->type) {
    case TU_NULL:
        return hash;
    case TU_BOOL:
        return mix(hash, v->boolean);
    case TU_INTEGER:
        return mix(hash, (uint64_t)v->integer);
    case TU_NUMBER:
    case TU_STRING:
        return tu_hash64_seed(v->string, hash);
    case TU_LIST:
        for (uint32_t i = 0; i < v->list.n; i++)
            hash = mix(hash, hash_of(&v->list.items[i], seed));
        return mix(hash, v->list.n);
    case TU_MAP:
        for (uint32_t i = 0; i < v->map.n; i++)
            sum += mix(tu_hash64_seed(v->map.members[i].key, seed),
                       hash_of(&v->map.members[i].value, seed));
        return mix(hash, sum);
    case TU_SEALED:
        return tu_hash64_seed((tu_str){(const char *)v->sealed->digest, sizeof v->sealed->digest},
                              hash);
    }
    return hash;
}

static uint64_t string_hash(const tu_value *map, const char *key, uint64_t seed) {
    return tu_hash64_seed(tu_value_get_string(map, key), seed);
}

static uint64_t entry_hash(const tu_value *entry, uint64_t seed) {
    static const char *const words[] = {"manager", "operation", "apiVersion", "time",
                                        "subresource"};
    uint64_t hash = seed;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        hash = mix(hash, string_hash(entry, words[i], seed));
    return mix(hash, hash_of(tu_value_get(entry, "fieldsV1"), seed));
}

/* --- reading ---------------------------------------------------------------------------------- */

static uint32_t seconds_of(tu_str time) {
    int64_t us = 0;
    bool fits = tu_time_parse(time, &us) && us > 0 && us / 1000000 <= UINT32_MAX;
    return fits ? (uint32_t)(us / 1000000) : 0;
}

static bool is_of_status(const tu_value *entry) {
    return tu_str_is(tu_value_get_string(entry, "subresource"), "status");
}

static void read_entries(tu_baseline *b, const tu_value *entries, tu_str our_manager,
                         uint64_t seed) {
    tu_str newest = {0};
    for (size_t i = 0; i < tu_value_count(entries); i++) {
        const tu_value *e = tu_value_at(entries, i);
        if (is_of_status(e))
            continue;
        bool ours = tu_str_is(tu_value_get_string(e, "operation"), "Apply") &&
                    tu_str_eq(tu_value_get_string(e, "manager"), our_manager) &&
                    tu_value_get_string(e, "subresource").n == 0;
        if (ours)
            b->ours = entry_hash(e, seed) | 1; /* 0 is: none */
        else
            b->others += entry_hash(e, seed);
        /* RFC 3339 in UTC to the second, as servers write it, sorts as text. */
        tu_str time = tu_value_get_string(e, "time");
        if (tu_str_compare(time, newest) > 0)
            newest = time;
    }
    if (newest.n)
        b->newest = seconds_of(newest);
}

/* False when it is no number, or one too large for us. */
static bool version_number(tu_str text, uint64_t *ret) {
    uint64_t n = 0;
    if (text.n == 0 || text.n > 19)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(text.p[i] - '0');
    }
    *ret = n;
    return true;
}

tu_baseline tu_baseline_of(const tu_value *live, tu_str our_manager, uint64_t seed) {
    static const char *const parts[] = {"labels", "annotations", "finalizers", "ownerReferences"};
    tu_baseline b = {0};
    const tu_value *metadata = tu_value_get(live, "metadata");
    tu_str uid = tu_value_get_string(metadata, "uid");
    tu_str version = tu_value_get_string(metadata, "resourceVersion");
    if (uid.n == 0 || version.n == 0)
        return b;
    b.flags = TU_BASELINE_VALID;
    b.uid[0] = tu_hash64_seed(uid, seed);
    b.uid[1] = tu_hash64_seed(uid, ~seed);
    if (!version_number(version, &b.version)) {
        b.version = tu_hash64_seed(version, seed);
        b.flags |= TU_BASELINE_OPAQUE;
    }
    if (tu_value_get_string(metadata, "deletionTimestamp").n)
        b.flags |= TU_BASELINE_TERMINATING;
    b.generation = tu_value_integer(tu_value_get(metadata, "generation"), 0);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        b.metadata = mix(b.metadata, hash_of(tu_value_get(metadata, parts[i]), seed + i));
    read_entries(&b, tu_value_get(metadata, "managedFields"), our_manager, seed);
    return b;
}

/* --- comparing -------------------------------------------------------------------------------- */

static bool is_same_uid(const tu_baseline *a, const tu_baseline *b) {
    return a->uid[0] == b->uid[0] && a->uid[1] == b->uid[1];
}

/* All that is compared but version and generation. */
static bool is_different(const tu_baseline *before, const tu_baseline *now, tu_look_reason *why) {
    *why = before->ours != now->ours       ? TU_LOOK_OURS
           : before->others != now->others ? TU_LOOK_OTHERS
                                           : TU_LOOK_METADATA;
    return *why != TU_LOOK_METADATA || before->metadata != now->metadata;
}

static tu_proof look(tu_look_reason why, tu_look_reason *ret_why) {
    *ret_why = why;
    return TU_PROOF_LOOK;
}

tu_proof tu_baseline_compare(const tu_baseline *before, const tu_baseline *now, bool moves,
                             tu_look_reason *ret_why) {
    uint8_t either = before->flags | now->flags;
    tu_look_reason why;
    if (!(before->flags & now->flags & TU_BASELINE_VALID))
        return look(TU_LOOK_FIRST, ret_why);
    if (!is_same_uid(before, now))
        return look(TU_LOOK_REPLACED, ret_why);
    if (either & TU_BASELINE_TERMINATING)
        return look(TU_LOOK_TERMINATING, ret_why);
    bool is_other = is_different(before, now, &why);
    if (before->version == now->version)
        return before->generation == now->generation && !is_other ? TU_PROOF_SAME
                                                                  : look(TU_LOOK_RESTORED, ret_why);
    if (!(either & TU_BASELINE_OPAQUE) && now->version < before->version)
        return TU_PROOF_OLDER;
    if (before->generation != now->generation)
        return look(TU_LOOK_GENERATION, ret_why);
    if (!moves || now->generation <= 0)
        return look(TU_LOOK_NO_PROOF, ret_why);
    return is_other ? look(why, ret_why) : TU_PROOF_PROVED;
}

bool tu_baseline_teaches(const tu_baseline *before, const tu_baseline *now) {
    if (!(now->flags & TU_BASELINE_VALID) || (now->flags & TU_BASELINE_TERMINATING))
        return false;
    bool grew = before && (before->flags & TU_BASELINE_VALID) && is_same_uid(before, now) &&
                before->generation > 0 && now->generation > before->generation;
    return grew || now->generation > 1;
}

const char *tu_look_reason_name(tu_look_reason r) {
    static const char *const names[] = {"first",      "replaced", "terminating", "restored",
                                        "generation", "no-proof", "ours",        "others",
                                        "metadata",   "ruled"};
    return names[r];
}

void tu_baseline_hands(const tu_value *live, const tu_baseline *before, tu_buf *ret) {
    const tu_value *entries = tu_value_path(live, "metadata", "managedFields", NULL);
    const char *between = "";
    for (size_t i = 0; i < tu_value_count(entries); i++) {
        const tu_value *e = tu_value_at(entries, i);
        if (is_of_status(e) || seconds_of(tu_value_get_string(e, "time")) <= before->newest)
            continue;
        tu_buf_add_c(ret, between);
        tu_buf_add(ret, tu_value_get_string(e, "manager"));
        between = ", ";
    }
}

/* --- the memo --------------------------------------------------------------------------------- */

static struct tu_memo_place place_of(const tu_change *c, uint64_t seed) {
    uint64_t kind = c->live ? c->kind : 0; /* an order of items and a value may be the same list */
    return (struct tu_memo_place){.path = mix(tu_hash64_seed(c->path, seed), kind),
                                  .live = hash_of(c->live, seed)};
}

static const tu_change *difference_at(const tu_judgement *j, size_t i) {
    return i < j->change_count ? &j->changes[i] : &j->doubts[i - j->change_count];
}

tu_memo *tu_memo_of(const tu_judgement *j, uint64_t seed) {
    size_t n = j->change_count + j->doubt_count;
    if (n == 0 || n > TU_LIMIT_MEMO_PLACES)
        return NULL;
    tu_memo *m = tu_malloc(sizeof *m + n * sizeof *m->places);
    if (!m)
        return NULL;
    m->n = (uint32_t)n;
    for (size_t i = 0; i < n; i++)
        m->places[i] = place_of(difference_at(j, i), seed);
    return m;
}

bool tu_memo_covers(const tu_memo *m, const tu_judgement *j, uint64_t seed) {
    size_t n = j->change_count + j->doubt_count;
    if (!m || n == 0 || n > TU_LIMIT_MEMO_PLACES)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct tu_memo_place wanted = place_of(difference_at(j, i), seed);
        bool found = false;
        for (uint32_t k = 0; k < m->n && !found; k++)
            found = m->places[k].path == wanted.path && m->places[k].live == wanted.live;
        if (!found)
            return false;
    }
    return true;
}
