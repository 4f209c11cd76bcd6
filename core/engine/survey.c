/* engine/survey.c: see survey.h. */
#include "engine/survey.h"

#include <stdlib.h>

#include "base/mem.h"

#define CALL_TIMEOUT_MS 600000

static bool is_chosen(const tu_pass_options *o, tu_str rule) {
    for (size_t i = 0; i < o->rule_count; i++)
        if (tu_str_is(rule, o->rules[i]))
            return true;
    return o->rule_count == 0;
}

static tu_rc load(const tu_pass_options *o, tu_survey *s, const tu_rule *rule, tu_desired_set **ret,
                  tu_error **error) {
    tu_plugin_use *target = tu_session_use(s->session, TU_KIND_TARGET, rule->to);
    tu_catalogue *catalogue = tu_map_get(&s->catalogues, rule->to);
    if (!catalogue) {
        const tu_call_options call = {.cancel = o->cancel, .timeout_ms = CALL_TIMEOUT_MS};
        tu_rc rc = tu_catalogue_discover(target, &call, &catalogue, error);
        if (rc != TU_OK)
            return rc;
        tu_map_put(&s->catalogues, rule->to, catalogue);
    }
    const tu_desired_input in = {
        .rule = rule,
        .source = tu_session_use(s->session, TU_KIND_SOURCE, rule->from),
        .catalogue = catalogue,
        .cancel = o->cancel,
        .progress = o->progress,
        .progress_arg = o->progress_arg,
    };
    return tu_desired_load(&in, ret, error);
}

tu_rc tu_survey_open(const tu_pass_options *o, tu_survey **ret, tu_errors *errors) {
    tu_session *session = NULL;
    tu_rc rc = tu_session_open(o->config, o->state, true, &session, errors);
    if (rc != TU_OK)
        return rc;
    tu_survey *s = tu_xcalloc(1, sizeof *s);
    size_t n = o->config->rule_count;
    s->session = session;
    s->sets = tu_xcalloc(n + 1, sizeof(tu_desired_set *));
    s->problems = tu_xcalloc(n + 1, sizeof(char *));
    for (size_t i = 0; i < n; i++) {
        _cleanup_(tu_error_freep) tu_error *why = NULL;
        const tu_rule *rule = &o->config->rules[i];
        if (!is_chosen(o, rule->name) || load(o, s, rule, &s->sets[i], &why) == TU_OK)
            continue;
        s->problems[i] = tu_xstrdup(tu_error_text(why));
        s->problem_count++;
    }
    *ret = s;
    return TU_OK;
}

static void free_catalogue(void *c) {
    tu_catalogue_unref(c);
}

void tu_survey_close(tu_survey *s) {
    if (!s)
        return;
    size_t n = s->session->config->rule_count;
    for (size_t i = 0; i < n; i++) {
        tu_desired_unref(s->sets[i]);
        free(s->problems[i]);
    }
    free(s->sets);
    free(s->problems);
    tu_map_done(&s->catalogues, free_catalogue);
    tu_session_close(s->session);
    free(s);
}
