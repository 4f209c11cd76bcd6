/* engine/confirm.c: see confirm.h. */
#include "engine/confirm.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/view.h"
#include "heal/heal.h"

bool tu_reading_pays(size_t unknown, size_t n) {
    return unknown <= TU_READ_SINGLY && 2 * unknown <= n;
}

bool tu_finding_is_healable(const tu_finding *f, tu_action at_least) {
    bool verdict = f->verdict == TU_VERDICT_DRIFTED || f->verdict == TU_VERDICT_MISSING;
    /* What the target refuses may be refused for what others added, and that goes first. */
    bool in_the_way = f->verdict == TU_VERDICT_BLOCKED && tu_heal_takes_away(f, at_least);
    return (verdict || in_the_way) && f->action >= at_least;
}

static const char *code_of(const tu_error *why) {
    return why && why->code ? why->code : "";
}

/* "code: ... what the target said" */
static tu_rc give_reason(tu_arena *a, const char *code, const char *between, const tu_error *why,
                         tu_finding *f, tu_error **error) {
    char *reason =
        tu_arena_printf(a, "%s%s%s%s", code, *code ? ": " : "", between, tu_error_text(why));
    if (!reason)
        return tu_error_memory(error);
    f->reason = tu_str_c(reason);
    return TU_OK;
}

/* A dry run that wasn't possible changes nothing of what was observed; it says why it isn't
 * confirmed. Where something was doubted, nothing observed, and the target will never say, nothing
 * is known. What is proved needs no dry run. */
static tu_rc unconfirmed(tu_arena *a, tu_rc rc, const tu_error *why, tu_finding *f,
                         tu_error **error) {
    if (f->confidence == TU_CONFIDENCE_PROVED)
        return TU_OK;
    f->confidence = TU_CONFIDENCE_OBSERVED;
    if (rc == TU_EUNSUPPORTED && f->change_count == 0) {
        f->verdict = TU_VERDICT_UNKNOWN;
        f->confidence = TU_CONFIDENCE_NONE;
    }
    return give_reason(a, code_of(why), "not confirmed by a dry run: ", why, f, error);
}

/* Does a refusal matter? What a rule delegates isn't applied; and a policy or a quota may refuse any
 * write, also one that changes nothing. */
static bool is_blocking(const tu_error *why, const tu_finding *f) {
    tu_str code = tu_str_c(code_of(why));
    bool any_write = tu_str_is(code, "policy") || tu_str_is(code, "quota");
    return f->verdict != TU_VERDICT_DELEGATED && !(any_write && f->change_count == 0);
}

/* The last step of a path: "maxUnavailable", of an item of a set its value. */
static tu_str last_step(tu_str path, tu_str *ret_parent) {
    size_t at = path.n;
    while (at > 0 && path.p[at - 1] != '/')
        at--;
    *ret_parent = (tu_str){path.p, at};
    tu_str step = {path.p + at, path.n - at};
    bool of_set = tu_str_starts(step, "[=") && step.p[step.n - 1] == ']';
    return of_set ? (tu_str){step.p + 2, step.n - 3} : step;
}

static bool says(const char *text, tu_str word) {
    return word.n && memmem(text, strlen(text), word.p, word.n);
}

/* Did somebody put another one of several that exclude each other into the place of ours? An apply
 * adds ours beside it, and the target names both: "minAvailable and maxUnavailable cannot be both
 * set". The manifest by itself is right then. */
static bool is_switched(const tu_finding *f, const char *said) {
    for (size_t i = 0; i < f->change_count; i++) {
        tu_str parent, beside, theirs = last_step(f->changes[i].path, &parent);
        if (f->changes[i].kind != TU_CHANGE_ADDED || !says(said, theirs))
            continue;
        for (size_t k = 0; k < f->change_count; k++) {
            tu_str ours = last_step(f->changes[k].path, &beside);
            if (f->changes[k].kind == TU_CHANGE_REMOVED && tu_str_eq(parent, beside) &&
                says(said, ours))
                return true;
        }
    }
    return false;
}

/* The target refuses the desired state, or says that the manifest is wrong: that is the verdict. */
static tu_rc refused(tu_arena *a, tu_rc rc, const tu_error *why, tu_finding *f, tu_error **error) {
    if (rc == TU_EREFUSED && !is_blocking(why, f))
        return unconfirmed(a, rc, why, f, error);
    bool switched = rc == TU_EINVALID && is_switched(f, tu_error_text(why));
    f->verdict = rc == TU_EINVALID && !switched ? TU_VERDICT_INVALID : TU_VERDICT_BLOCKED;
    f->confidence = TU_CONFIDENCE_CONFIRMED;
    return give_reason(a, switched ? "union" : code_of(why), "", why, f, error);
}

/* That it is another object than before was known to the index; a dry run knows nothing of that. */
static void keep_replaced(const tu_finding *before, tu_finding *f) {
    if (!tu_str_starts(before->reason, "replaced"))
        return;
    f->reason = before->reason;
    if (f->onset.n == 0 && f->change_count)
        f->onset = before->onset;
}

/* What a dry run said: *ret_asked when it answered or refused, *ret_predicted when it answered. */
static tu_rc ask(tu_arena *a, const tu_rule *rule, tu_plugin_use *target,
                 const tu_prepared *desired, const tu_value *live, const tu_call_options *o,
                 tu_sight *s, bool *ret_predicted, bool *ret_refused, tu_error **error) {
    const tu_value *predicted = NULL;
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    tu_rc rc = tu_heal_predict(a, target, desired, live, o, &predicted, &why);
    *ret_predicted = rc == TU_OK;
    *ret_refused = rc == TU_EINVALID || rc == TU_EREFUSED;
    if (*ret_predicted) {
        const tu_finding before = s->finding;
        rc = tu_view_see(a, rule, desired, live, predicted, NULL, 0, s, error);
        if (rc == TU_OK)
            keep_replaced(&before, &s->finding);
        return rc;
    }
    if (*ret_refused)
        return refused(a, rc, why, &s->finding, error);
    if (rc == TU_ECANCELLED)
        return tu_error_set(error, rc, "cancelled");
    return unconfirmed(a, rc, why, &s->finding, error);
}

tu_rc tu_confirm(tu_arena *a, const tu_rule *rule, tu_plugin_use *target,
                 const tu_prepared *desired, const tu_value *live, const tu_call_options *o,
                 tu_finding *f, tu_error **error) {
    tu_sight s = {.finding = *f};
    bool predicted, refusal;
    tu_rc rc = ask(a, rule, target, desired, live, o, &s, &predicted, &refusal, error);
    *f = s.finding;
    return rc;
}

/* --- with an index ---------------------------------------------------------------------------- */

/* False: it was overtaken by news, so it must be read again. */
static bool keep(tu_slot *slot, const tu_sight *s, bool sure, const tu_baseline *now,
                 uint32_t since) {
    if (!slot || !slot->index)
        return true;
    if (tu_sight_is_settled(s, sure)) {
        const tu_known known = tu_sight_known(s);
        slot->serial = tu_index_put(slot->index, slot->object, now, &known, since, &slot->replaced);
    } else {
        slot->serial = tu_index_forget(slot->index, slot->object, since);
    }
    return slot->serial != 0;
}

/* What the comparison doubted, and a dry run found to be right. */
static void remember(tu_slot *slot, const tu_judgement *doubted, const tu_sight *confirmed) {
    if (slot && slot->index && confirmed->judged.verdict == TU_VERDICT_IN_SYNC &&
        confirmed->judged.change_count == 0)
        tu_index_remember(slot->index, slot->object, doubted);
}

static tu_rc verify_once(tu_arena *a, const tu_rule *rule, tu_plugin_use *target,
                         const tu_prepared *desired, const tu_call_options *o, tu_slot *slot,
                         const tu_value **ret_live, tu_sight *s, bool *ret_current,
                         tu_error **error) {
    tu_index *x = slot ? slot->index : NULL;
    size_t object = slot ? slot->object : 0;
    uint32_t since = x ? tu_index_begin(x, object) : 0;
    tu_heal_note note = {.seed = x ? tu_index_seed(x) : 0};
    bool predicted = false, refusal = false;
    tu_rc rc = tu_heal_read(a, target, desired, o, &note, ret_live, error);
    if (rc != TU_OK && rc != TU_ENOTFOUND)
        return rc;
    rc = tu_view_see(a, rule, desired, *ret_live, NULL, x, object, s, error);
    bool wanted = *ret_live && rule->confirm && (s->suspect || (slot && slot->whole)) &&
                  s->finding.verdict != TU_VERDICT_TERMINATING;
    if (rc == TU_OK && wanted) {
        const tu_sight before = *s;
        rc = ask(a, rule, target, desired, *ret_live, o, s, &predicted, &refusal, error);
        if (rc == TU_OK && predicted) {
            remember(slot, &before.judged, s);
        } else if (rc == TU_OK && !before.suspect) { /* nothing was doubted: that stands */
            *s = before;
            wanted = refusal = false;
        }
    }
    if (x)
        tu_index_note_read(x, wanted);
    if (rc == TU_OK)
        *ret_current = keep(slot, s, !refusal && (predicted || !wanted), &note.baseline, since);
    return rc;
}

/* News that come again and again while it is read: what was read last is said, and not kept. */
#define OVERTAKEN_BORNE 3

tu_rc tu_verify(tu_arena *a, const tu_rule *rule, tu_plugin_use *target, const tu_prepared *desired,
                const tu_call_options *o, tu_slot *slot, const tu_value **ret_live, tu_finding *ret,
                tu_error **error) {
    tu_sight s = {0};
    tu_rc rc = TU_OK;
    bool current = false;
    for (int i = 0; rc == TU_OK && !current && i < OVERTAKEN_BORNE; i++) {
        *ret_live = NULL;
        rc = verify_once(a, rule, target, desired, o, slot, ret_live, &s, &current, error);
    }
    if (rc == TU_OK && !current)
        slot->serial = tu_index_forget(slot->index, slot->object, 0);
    *ret = s.finding;
    return rc;
}

/* Controllers write the status of an object again and again just after somebody changed it. Each
 * attempt begins with reading, so trying at once again is right. */
#define CONFLICTS_BORNE 5

/* What apply answered is what the server made of it, so it is its own prediction. */
static tu_rc judge_after(tu_arena *a, const tu_rule *rule, const tu_prepared *desired,
                         const tu_value *after, tu_slot *slot, const tu_baseline *now,
                         uint32_t since, bool *ret_current, tu_finding *ret, tu_error **error) {
    tu_sight s = {0};
    tu_rc rc = tu_view_see(a, rule, desired, after, after, NULL, 0, &s, error);
    if (rc == TU_OK)
        *ret_current = keep(slot, &s, true, now, since);
    *ret = s.finding;
    return rc;
}

tu_rc tu_heal_one(tu_arena *a, const tu_rule *rule, tu_plugin_use *target,
                  const tu_prepared *desired, tu_action at_least, const tu_call_options *o,
                  tu_slot *slot, tu_finding *ret, bool *ret_healed, tu_error **error) {
    *ret_healed = false;
    tu_index *x = slot ? slot->index : NULL;
    for (int attempt = 0;; attempt++) {
        const tu_value *live = NULL, *after = NULL;
        tu_rc rc = tu_verify(a, rule, target, desired, o, slot, &live, ret, error);
        if (rc != TU_OK || !tu_finding_is_healable(ret, at_least))
            return rc;
        _cleanup_(tu_error_freep) tu_error *why = NULL;
        tu_heal_note note = {.seed = x ? tu_index_seed(x) : 0};
        uint32_t since = x ? tu_index_begin(x, slot->object) : 0;
        rc = tu_heal_apply(a, target, desired, live, ret, at_least, o, &note, &after, &why);
        if (rc == TU_ECONFLICT && attempt < CONFLICTS_BORNE)
            continue;         /* it moved between reading and writing: judge what is there now */
        if (x && rc != TU_OK) /* who knows how far it came */
            slot->serial = tu_index_forget(x, slot->object, 0);
        if (rc == TU_EINVALID || rc == TU_EREFUSED)
            return refused(a, rc, why, ret, error);
        if (rc != TU_OK) {
            if (error && !*error)
                *error = TU_TAKE(why);
            return rc;
        }
        *ret_healed = true;
        bool current = true;
        rc =
            judge_after(a, rule, desired, after, slot, &note.baseline, since, &current, ret, error);
        return rc == TU_OK && !current
                   ? tu_verify(a, rule, target, desired, o, slot, &live, ret, error)
                   : rc;
    }
}
