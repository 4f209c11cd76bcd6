/*
 * store/verify.c: see verify.h. Checkpoints are sorted by the record that they are of, so that each
 * record is compared with those that are next.
 */
#include "store/verify.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

struct tu_verifier {
    const tu_note_key *key;
    tu_note *notes;
    size_t n, room, next;
    tu_verified so_far;
    int64_t agreed_n; /* the last record that a checkpoint agreed with */
};

tu_verifier *tu_verifier_new(const tu_note_key *key) {
    tu_verifier *v = tu_xcalloc(1, sizeof *v);
    v->key = key;
    return v;
}

void tu_verifier_free(tu_verifier *v) {
    if (v)
        free(v->notes);
    free(v);
}

void tu_verifier_freep(tu_verifier **v) {
    tu_verifier_free(*v);
}

static tu_rc keep(tu_verifier *v, const tu_note *note, tu_error **error) {
    if (v->n == v->room) {
        size_t room = v->room ? 2 * v->room : 64;
        tu_note *more = tu_realloc(v->notes, room * sizeof *more);
        if (!more)
            return tu_error_memory(error);
        v->notes = more;
        v->room = room;
    }
    v->notes[v->n++] = *note;
    return TU_OK;
}

tu_rc tu_verifier_checkpoints(tu_verifier *v, tu_str notes, tu_error **error) {
    for (;;) {
        tu_note note;
        bool none = true;
        tu_rc rc = v->key ? tu_note_read(v->key, &notes, &note, &none, error) : TU_OK;
        if (rc == TU_OK && !none && note.start)
            rc = tu_error_set(error, TU_EINTEGRITY,
                              "among the checkpoints is the note that records up to %lld were "
                              "forgotten, which is none",
                              (long long)note.at.n);
        if (rc == TU_OK && !none)
            rc = keep(v, &note, error);
        if (rc != TU_OK || none)
            return rc;
    }
}

static int by_number(const void *a, const void *b) {
    int64_t x = ((const tu_note *)a)->at.n, y = ((const tu_note *)b)->at.n;
    return x < y ? -1 : x > y;
}

/* Those of the record at hand. */
static tu_rc compare(tu_verifier *v, tu_error **error) {
    const tu_trail *head = &v->so_far.head;
    for (; v->next < v->n && v->notes[v->next].at.n == head->n; v->next++) {
        const tu_note *note = &v->notes[v->next];
        char time[32];
        tu_time_format(note->wall_ms, time);
        if (memcmp(note->at.hash, head->hash, 32) != 0)
            return tu_error_set(error, TU_EINTEGRITY,
                                "the audit trail was written anew: record %lld isn't the one that "
                                "was signed at %s. Up to record %lld it is what was signed",
                                (long long)head->n, time, (long long)v->agreed_n);
        v->agreed_n = head->n;
        v->so_far.agreed++;
    }
    return TU_OK;
}

static tu_rc check_start(const tu_verifier *v, const tu_trail *start, tu_str text,
                         tu_error **error) {
    tu_note note;
    bool none = true;
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    tu_rc rc = v->key ? tu_note_read(v->key, &text, &note, &none, &why) : TU_OK;
    if (rc == TU_OK && !none && note.start && note.at.n == start->n &&
        memcmp(note.at.hash, start->hash, 32) == 0)
        return TU_OK;
    return tu_error_set(
        error, TU_EINTEGRITY,
        "the audit trail begins behind record %lld, and no valid signature says that "
        "the records before were forgotten after their time: they were removed%s%s",
        (long long)start->n, why ? "; " : "", why ? tu_error_text(why) : "");
}

tu_rc tu_verifier_begin(tu_verifier *v, const tu_trail *start, tu_str note, bool claimed,
                        tu_error **error) {
    if (v->n)
        qsort(v->notes, v->n, sizeof *v->notes, by_number);
    v->so_far.start = v->so_far.head = *start;
    v->agreed_n = start->n;
    tu_rc rc = start->n && !claimed ? check_start(v, start, note, error) : TU_OK;
    for (; v->next < v->n && v->notes[v->next].at.n < start->n; v->next++)
        v->so_far.older++;
    return rc == TU_OK ? compare(v, error) : rc;
}

tu_rc tu_verifier_add(tu_verifier *v, const tu_trail_record *r, tu_error **error) {
    tu_trail *head = &v->so_far.head;
    tu_trail_verdict verdict = tu_trail_follow(head, r);
    return verdict == TU_TRAIL_FOLLOWS ? compare(v, error)
                                       : tu_trail_broken(head, r, verdict, error);
}

tu_rc tu_verifier_end(tu_verifier *v, tu_verified *ret, tu_error **error) {
    *ret = v->so_far;
    if (v->next == v->n)
        return TU_OK;
    const tu_note *last = &v->notes[v->n - 1];
    char time[32];
    tu_time_format(last->wall_ms, time);
    return tu_error_set(error, TU_EINTEGRITY,
                        "the audit trail ends at record %lld, but at %s record %lld was signed: at "
                        "least %lld records at its end were removed",
                        (long long)ret->head.n, time, (long long)last->at.n,
                        (long long)(last->at.n - ret->head.n));
}
