/* engine/index.c: see index.h. The file is index-file.c. */
#include "engine/index.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "engine/index-inside.h"
#include "heal/heal.h"

/* --- life ------------------------------------------------------------------------------------- */

static bool is_of_kind(const tu_index_kind *k, const tu_object_id *id) {
    return tu_str_eq(k->kind, id->kind) && tu_str_eq(k->group, id->group) &&
           tu_str_eq(k->version, id->version);
}

static uint16_t kind_for(tu_index *x, const tu_object_id *id) {
    for (size_t i = x->kind_count; i > 0; i--) /* objects of a kind stand together */
        if (is_of_kind(&x->kinds[i - 1], id))
            return (uint16_t)(i - 1);
    const tu_catalogue_kind *k =
        tu_catalogue_find(x->set->catalogue, id->group, id->version, id->kind, NULL);
    x->kinds = tu_xrealloc(x->kinds, (x->kind_count + 1) * sizeof *x->kinds);
    x->kinds[x->kind_count] = (tu_index_kind){.group = id->group,
                                              .version = id->version,
                                              .kind = id->kind,
                                              .hash = k ? k->hash : (tu_str){0}};
    return (uint16_t)x->kind_count++;
}

tu_index *tu_index_new(tu_desired_set *set) {
    tu_index *x = tu_xcalloc(1, sizeof *x);
    x->references = 1;
    pthread_mutex_init(&x->lock, NULL);
    x->set = tu_desired_ref(set);
    x->n = set->n;
    x->baselines = tu_xcalloc(x->n, sizeof *x->baselines);
    x->serials = tu_xcalloc(x->n, sizeof *x->serials);
    x->kind_of = tu_xcalloc(x->n, sizeof *x->kind_of);
    for (size_t i = 0; i < x->n; i++) {
        const tu_object_id id = tu_desired_id(set, i);
        x->kind_of[i] = kind_for(x, &id);
    }
    while (x->seed == 0)
        if (tu_random(&x->seed, sizeof x->seed) != TU_OK)
            x->seed = (uint64_t)(uintptr_t)x; /* no randomness: still no two alike */
    return x;
}

tu_index *tu_index_ref(tu_index *x) {
    if (x)
        __atomic_add_fetch(&x->references, 1, __ATOMIC_RELAXED);
    return x;
}

static void drop_memos(tu_index *x) {
    for (size_t i = 0; x->memos && i < x->n; i++)
        free(x->memos[i]);
    free(x->memos);
    x->memos = NULL;
}

void tu_index_unref(tu_index *x) {
    if (!x || __atomic_sub_fetch(&x->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    drop_memos(x);
    free(x->baselines);
    free(x->serials);
    free(x->kind_of);
    free(x->kinds);
    free(x->environment);
    tu_desired_unref(x->set);
    pthread_mutex_destroy(&x->lock);
    free(x);
}

static tu_memo *memo_copy(const tu_memo *m) {
    size_t n = sizeof *m + m->n * sizeof *m->places;
    return memcpy(tu_xmalloc(n), m, n);
}

/* --- a new set -------------------------------------------------------------------------------- */

/* Is what is desired, and how its kind is described, the same as there? */
static size_t same_there(const tu_index *x, size_t object, const tu_index *before) {
    const tu_object_id id = tu_desired_id(x->set, object);
    size_t there = tu_desired_find(before->set, &id);
    if (there == TU_DESIRED_NONE ||
        tu_desired_hash(before->set, there) != tu_desired_hash(x->set, object))
        return TU_DESIRED_NONE;
    const tu_index_kind *k = &x->kinds[x->kind_of[object]];
    const tu_index_kind *old = &before->kinds[before->kind_of[there]];
    bool same = tu_str_eq(k->version, old->version) && tu_str_eq(k->hash, old->hash);
    return same ? there : TU_DESIRED_NONE;
}

void tu_index_carry(tu_index *x, tu_index *before, uint8_t *carried) {
    pthread_mutex_lock(&before->lock);
    x->seed = before->seed;
    x->counts = before->counts;
    x->dirty = true;
    free(x->environment);
    x->environment = tu_xstrdup(before->environment);
    for (size_t i = 0; i < x->kind_count; i++)
        for (size_t k = 0; k < before->kind_count; k++)
            if (tu_str_eq(x->kinds[i].kind, before->kinds[k].kind) &&
                tu_str_eq(x->kinds[i].group, before->kinds[k].group) &&
                tu_str_eq(x->kinds[i].hash, before->kinds[k].hash))
                x->kinds[i].moves |= before->kinds[k].moves;
    for (size_t i = 0; i < x->n; i++) {
        size_t there = same_there(x, i, before);
        if (there == TU_DESIRED_NONE)
            continue;
        x->baselines[i] = before->baselines[there];
        if (before->memos && before->memos[there])
            index_set_memo(x, i, memo_copy(before->memos[there]));
        if (carried)
            carried[i] = 1;
    }
    pthread_mutex_unlock(&before->lock);
}

/* --- what is known ---------------------------------------------------------------------------- */

tu_baseline tu_index_baseline(const tu_index *x, const tu_value *live) {
    return tu_baseline_of(live, TU_S(TU_FIELD_MANAGER), x->seed);
}

uint64_t tu_index_seed(const tu_index *x) {
    return x->seed;
}

static void tell_known(const tu_index *x, size_t object, tu_known *ret) {
    const tu_baseline *b = &x->baselines[object];
    *ret = (tu_known){.verdict = (tu_verdict)b->room[INDEX_VERDICT],
                      .confidence = (tu_confidence)b->room[INDEX_CONFIDENCE],
                      .changes = b->room[INDEX_MARKS] & INDEX_CHANGES,
                      .ruled = b->room[INDEX_MARKS] & INDEX_RULED,
                      .first = b->room[INDEX_MARKS] & INDEX_UNTOLD,
                      .serial = x->serials[object].last};
}

static void learn(tu_index *x, size_t object, const tu_baseline *now) {
    tu_index_kind *k = &x->kinds[x->kind_of[object]];
    if (!k->moves && tu_baseline_teaches(&x->baselines[object], now))
        k->moves = true;
}

tu_proof tu_index_check(tu_index *x, size_t object, const tu_baseline *now, bool listing,
                        tu_known *ret_known, tu_look_reason *ret_why) {
    pthread_mutex_lock(&x->lock);
    tu_baseline *b = &x->baselines[object];
    learn(x, object, now);
    tu_proof proof = tu_baseline_compare(b, now, x->kinds[x->kind_of[object]].moves, ret_why);
    if (proof == TU_PROOF_OLDER && listing) {
        proof = TU_PROOF_LOOK;
        *ret_why = TU_LOOK_RESTORED;
    }
    if (proof == TU_PROOF_SAME || proof == TU_PROOF_PROVED) {
        tell_known(x, object, ret_known);
        b->version = now->version;
        b->room[INDEX_MARKS] &= (uint8_t)~INDEX_UNTOLD;
        *(proof == TU_PROOF_SAME ? &x->counts.same : &x->counts.proved) += 1;
    } else if (proof == TU_PROOF_LOOK) {
        x->counts.looked++;
    }
    pthread_mutex_unlock(&x->lock);
    return proof;
}

bool index_is_clean(const tu_baseline *b) {
    return (b->flags & TU_BASELINE_VALID) && b->room[INDEX_VERDICT] == TU_VERDICT_IN_SYNC &&
           !(b->room[INDEX_MARKS] & INDEX_CHANGES);
}

/* Versions can be ordered, are of one object, and a's is the newer one. */
static bool is_newer(const tu_baseline *a, const tu_baseline *b) {
    return (a->flags & b->flags & TU_BASELINE_VALID) &&
           !((a->flags | b->flags) & TU_BASELINE_OPAQUE) && a->uid[0] == b->uid[0] &&
           a->version > b->version;
}

uint32_t tu_index_put(tu_index *x, size_t object, const tu_baseline *now, const tu_known *known,
                      uint32_t serial, bool *ret_replaced) {
    pthread_mutex_lock(&x->lock);
    tu_baseline *b = &x->baselines[object];
    struct index_serial *s = &x->serials[object];
    uint32_t mine = 0;
    *ret_replaced = false;
    if (!serial || serial == s->last || is_newer(now, b)) {
        tu_look_reason why = TU_LOOK_FIRST;
        *ret_replaced = (b->flags & TU_BASELINE_VALID) &&
                        tu_baseline_compare(b, now, false, &why) == TU_PROOF_LOOK &&
                        why == TU_LOOK_REPLACED;
        learn(x, object, now);
        bool clean = index_is_clean(b);
        uint8_t marks = b->room[INDEX_MARKS] & (INDEX_WANTED | INDEX_FINISHED);
        *b = *now;
        b->room[INDEX_VERDICT] = (uint8_t)known->verdict;
        b->room[INDEX_CONFIDENCE] = (uint8_t)known->confidence;
        b->room[INDEX_MARKS] = (uint8_t)(marks | (known->changes ? INDEX_CHANGES : 0) |
                                         (known->ruled ? INDEX_RULED : 0));
        x->dirty |= clean || index_is_clean(b);
        mine = ++s->last;
    }
    pthread_mutex_unlock(&x->lock);
    return mine;
}

uint32_t tu_index_forget(tu_index *x, size_t object, uint32_t serial) {
    pthread_mutex_lock(&x->lock);
    struct index_serial *s = &x->serials[object];
    uint32_t mine = 0;
    if (!serial || serial == s->last) {
        x->dirty |= index_is_clean(&x->baselines[object]);
        x->baselines[object].flags = 0;
        mine = ++s->last;
    }
    pthread_mutex_unlock(&x->lock);
    return mine;
}

bool tu_index_take(tu_index *x, size_t object, uint32_t serial) {
    pthread_mutex_lock(&x->lock);
    struct index_serial *s = &x->serials[object];
    bool newer = serial == 0 || serial > s->taken;
    if (serial && newer)
        s->taken = serial;
    pthread_mutex_unlock(&x->lock);
    return newer;
}

void tu_index_hands(tu_index *x, size_t object, const tu_value *live, tu_buf *ret) {
    pthread_mutex_lock(&x->lock);
    tu_baseline before = x->baselines[object];
    pthread_mutex_unlock(&x->lock);
    tu_baseline_hands(live, &before, ret);
}

bool tu_index_is_past(tu_index *x, size_t object, const tu_baseline *now) {
    pthread_mutex_lock(&x->lock);
    const tu_baseline *b = &x->baselines[object];
    bool past = (b->flags & now->flags & TU_BASELINE_VALID) &&
                (is_newer(b, now) || (b->uid[0] == now->uid[0] && b->version == now->version));
    pthread_mutex_unlock(&x->lock);
    return past;
}

/* A forgotten baseline is not valid any more, but its uid stands there still. */
void tu_index_tell(tu_index *x, size_t object, tu_str uid, bool *ret_replaced,
                   bool *ret_completed) {
    pthread_mutex_lock(&x->lock);
    const tu_baseline *b = &x->baselines[object];
    *ret_replaced = uid.n && b->uid[0] && b->uid[0] != tu_hash64_seed(uid, x->seed);
    *ret_completed = uid.n == 0 && (b->room[INDEX_MARKS] & INDEX_FINISHED);
    pthread_mutex_unlock(&x->lock);
}

void tu_index_note_finished(tu_index *x, size_t object, bool finished) {
    pthread_mutex_lock(&x->lock);
    uint8_t *marks = &x->baselines[object].room[INDEX_MARKS];
    x->dirty |= finished != ((*marks & INDEX_FINISHED) != 0);
    *marks = (uint8_t)(finished ? *marks | INDEX_FINISHED : *marks & ~INDEX_FINISHED);
    pthread_mutex_unlock(&x->lock);
}

bool tu_index_want(tu_index *x, size_t object) {
    pthread_mutex_lock(&x->lock);
    bool first = !(x->baselines[object].room[INDEX_MARKS] & INDEX_WANTED);
    x->baselines[object].room[INDEX_MARKS] |= INDEX_WANTED;
    pthread_mutex_unlock(&x->lock);
    return first;
}

uint32_t tu_index_begin(tu_index *x, size_t object) {
    pthread_mutex_lock(&x->lock);
    x->baselines[object].room[INDEX_MARKS] &= (uint8_t)~INDEX_WANTED;
    /* never 0, which is: whatever has happened */
    struct index_serial *s = &x->serials[object];
    uint32_t last = s->last ? s->last : ++s->last;
    pthread_mutex_unlock(&x->lock);
    return last;
}

/* --- the memo --------------------------------------------------------------------------------- */

void index_set_memo(tu_index *x, size_t object, tu_memo *memo) {
    if (!memo && !x->memos)
        return;
    if (!x->memos)
        x->memos = tu_xcalloc(x->n, sizeof *x->memos);
    free(x->memos[object]);
    x->memos[object] = memo;
}

bool tu_index_explains(tu_index *x, size_t object, const tu_judgement *j) {
    pthread_mutex_lock(&x->lock);
    bool covers = x->memos && tu_memo_covers(x->memos[object], j, x->seed);
    pthread_mutex_unlock(&x->lock);
    return covers;
}

void tu_index_remember(tu_index *x, size_t object, const tu_judgement *j) {
    tu_memo *memo = tu_memo_of(j, x->seed);
    pthread_mutex_lock(&x->lock);
    index_set_memo(x, object, memo);
    x->dirty = true;
    pthread_mutex_unlock(&x->lock);
}

/* --- the environment -------------------------------------------------------------------------- */

static void drop_all(tu_index *x) {
    for (size_t i = 0; i < x->n; i++)
        x->baselines[i].flags = 0;
    drop_memos(x);
    x->dirty = true;
}

void tu_index_invalidate(tu_index *x) {
    pthread_mutex_lock(&x->lock);
    drop_all(x);
    pthread_mutex_unlock(&x->lock);
}

bool tu_index_set_environment(tu_index *x, tu_str hash) {
    pthread_mutex_lock(&x->lock);
    bool known = x->environment != NULL, same = tu_str_is(hash, known ? x->environment : "");
    bool drop = !same && (known || x->from_file);
    if (!same || !known) {
        free(x->environment);
        x->environment = tu_xmalloc(hash.n + 1);
        memcpy(x->environment, hash.n ? hash.p : "", hash.n);
        x->environment[hash.n] = 0;
    }
    x->from_file = false;
    if (drop)
        drop_all(x);
    pthread_mutex_unlock(&x->lock);
    return drop;
}

/* --- counting --------------------------------------------------------------------------------- */

tu_index_counts tu_index_count(tu_index *x) {
    pthread_mutex_lock(&x->lock);
    tu_index_counts c = x->counts;
    for (size_t i = 0; i < x->n; i++) {
        c.baselines += (x->baselines[i].flags & TU_BASELINE_VALID) != 0;
        c.memos += x->memos && x->memos[i];
    }
    pthread_mutex_unlock(&x->lock);
    return c;
}

size_t tu_index_size(const tu_index *x) {
    return x->n;
}

size_t tu_index_unknown(tu_index *x) {
    return x->n - tu_index_count(x).baselines;
}

void tu_index_note_read(tu_index *x, bool predicted) {
    pthread_mutex_lock(&x->lock);
    x->counts.read++;
    x->counts.predicted += predicted;
    pthread_mutex_unlock(&x->lock);
}

bool tu_index_is_dirty(tu_index *x) {
    pthread_mutex_lock(&x->lock);
    bool dirty = x->dirty;
    pthread_mutex_unlock(&x->lock);
    return dirty;
}
