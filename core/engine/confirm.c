/* engine/confirm.c: see confirm.h. */
#include "engine/confirm.h"

#include <stdio.h>

#include "base/mem.h"
#include "engine/view.h"
#include "heal/heal.h"

bool tu_finding_is_healable(const tu_finding *f, tu_action at_least) {
    bool verdict = f->verdict == TU_VERDICT_DRIFTED || f->verdict == TU_VERDICT_MISSING;
    return verdict && f->action >= at_least;
}

/* The target refuses the desired state, or says that the manifest is wrong: that is the verdict. */
static tu_rc refused(tu_arena *a, tu_rc rc, const tu_error *why, tu_finding *f, tu_error **error) {
    f->verdict = rc == TU_EINVALID ? TU_VERDICT_INVALID : TU_VERDICT_BLOCKED;
    f->confidence = TU_CONFIDENCE_CONFIRMED;
    char *reason = tu_arena_printf(a, "%s%s%s", why && why->code ? why->code : "",
                                   why && why->code ? ": " : "", tu_error_text(why));
    if (!reason)
        return tu_error_memory(error);
    f->reason = tu_str_c(reason);
    return TU_OK;
}

/* A dry run that wasn't possible changes nothing of what was observed; it says why it isn't
 * confirmed. */
static tu_rc unconfirmed(tu_arena *a, const tu_error *why, tu_finding *f, tu_error **error) {
    f->confidence = TU_CONFIDENCE_OBSERVED;
    const char *code = why && why->code ? why->code : "";
    char *reason = tu_arena_printf(a, "%s%snot confirmed by a dry run: %s", code, *code ? ": " : "",
                                   tu_error_text(why));
    if (!reason)
        return tu_error_memory(error);
    f->reason = tu_str_c(reason);
    return TU_OK;
}

tu_rc tu_confirm(tu_arena *a, const tu_rule *rule, tu_plugin_use *target,
                 const tu_prepared *desired, const tu_value *live, const tu_call_options *o,
                 tu_finding *f, tu_error **error) {
    const tu_value *predicted = NULL;
    bool suspect = false;
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    tu_rc rc = tu_heal_predict(a, target, desired, live, o, &predicted, &why);
    if (rc == TU_OK)
        return tu_view_judge(a, rule, desired, live, predicted, f, &suspect, error);
    if (rc == TU_EINVALID || rc == TU_EREFUSED)
        return refused(a, rc, why, f, error);
    if (rc == TU_ECANCELLED)
        return tu_error_set(error, rc, "cancelled");
    return unconfirmed(a, why, f, error);
}

tu_rc tu_verify(tu_arena *a, const tu_rule *rule, tu_plugin_use *target, const tu_prepared *desired,
                const tu_call_options *o, const tu_value **ret_live, tu_finding *ret,
                tu_error **error) {
    const tu_value *live = NULL;
    tu_rc rc = tu_heal_read(a, target, desired, o, &live, error);
    if (rc != TU_OK && rc != TU_ENOTFOUND)
        return rc;
    bool suspect = false;
    rc = tu_view_judge(a, rule, desired, live, NULL, ret, &suspect, error);
    *ret_live = live;
    if (rc != TU_OK || !suspect || !rule->confirm || !live)
        return rc;
    return tu_confirm(a, rule, target, desired, live, o, ret, error);
}

/* Controllers write the status of an object again and again just after somebody changed it. Each
 * attempt begins with reading, so trying at once again is right. */
#define CONFLICTS_BORNE 5

tu_rc tu_heal_one(tu_arena *a, const tu_rule *rule, tu_plugin_use *target,
                  const tu_prepared *desired, tu_action at_least, const tu_call_options *o,
                  tu_finding *ret, bool *ret_healed, tu_error **error) {
    *ret_healed = false;
    for (int attempt = 0;; attempt++) {
        const tu_value *live = NULL, *after = NULL;
        tu_rc rc = tu_verify(a, rule, target, desired, o, &live, ret, error);
        if (rc != TU_OK || !tu_finding_is_healable(ret, at_least))
            return rc;
        _cleanup_(tu_error_freep) tu_error *why = NULL;
        rc = tu_heal_apply(a, target, desired, live, ret, at_least, o, &after, &why);
        if (rc == TU_ECONFLICT && attempt < CONFLICTS_BORNE)
            continue; /* it moved between reading and writing: judge what is there now */
        if (rc == TU_EINVALID || rc == TU_EREFUSED)
            return refused(a, rc, why, ret, error);
        if (rc != TU_OK) {
            if (error && !*error)
                *error = TU_TAKE(why);
            return rc;
        }
        *ret_healed = true;
        /* What apply answered is what the server made of it, so it is its own prediction. */
        bool suspect = false;
        return tu_view_judge(a, rule, desired, after, after, ret, &suspect, error);
    }
}
