/*
 * compare.c: a finding against what a case expects of it.
 *
 * Only what the case names is compared, but for the lists `changes` and `quiet`, which are exact: every expected change is found once, in any
 * order, and there is no other. Of a reason and of a note the case gives the stable word in front.
 */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "corpus.h"
#include "report/report.h"
#include "value/json.h"

const char *const corpus_way_names[WAY_COUNT] = {"confirmed", "local", "engine"};

tu_value *corpus_json_of_finding(tu_arena *a, const tu_finding *f) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    tu_value *v = NULL;
    tu_report_finding_json(&text, f);
    return tu_json_parse(a, tu_buf_str(&text), TU_JSON_COPY, NULL, &v, NULL, NULL) == TU_OK ? v
                                                                                            : NULL;
}

static void say(tu_buf *b, const char *what, const tu_value *expected, const tu_value *got) {
    tu_buf_addf(b, "%s: expected ", what);
    if (expected)
        tu_json_write(b, expected, TU_JSON_SORTED);
    else
        tu_buf_add_c(b, "nothing");
    tu_buf_add_c(b, ", got ");
    if (got)
        tu_json_write(b, got, TU_JSON_SORTED);
    else
        tu_buf_add_c(b, "nothing");
    tu_buf_add_c(b, "\n");
}

/* Does the text begin with the word, and end there or go on with ": ..." or another character that isn't of a word? */
static bool has_word(const tu_value *expected, const tu_value *got) {
    tu_str word = tu_value_string(expected), text = tu_value_string(got);
    if (word.n == 0)
        return text.n == 0;
    if (text.n < word.n || memcmp(text.p, word.p, word.n) != 0)
        return false;
    return text.n == word.n || strchr(":; ,", text.p[word.n]) != NULL;
}

/* Where a member of an expected change stands in the report's JSON. */
static const tu_value *member_of(const tu_value *change, tu_str key) {
    static const char *const of_owner[] = {"manager", "operation", "subresource", "class", "time"};
    for (size_t i = 0; i < sizeof of_owner / sizeof *of_owner; i++)
        if (tu_str_is(key, of_owner[i]))
            return tu_value_get(tu_value_get(change, "owner"), of_owner[i]);
    return tu_value_get_str(change, key);
}

static bool member_fits(tu_str key, const tu_value *expected, const tu_value *got) {
    if (tu_str_is(key, "note"))
        return has_word(expected, got);
    if (tu_value_is(expected, TU_NULL))
        return !got || tu_value_is(got, TU_NULL);
    return got && tu_value_equal(expected, got);
}

static bool change_fits(const tu_value *expected, const tu_value *got) {
    for (uint32_t i = 0; i < tu_value_count(expected); i++) {
        const tu_member *m = &expected->map.members[i];
        if (!member_fits(m->key, &m->value, member_of(got, m->key)))
            return false;
    }
    return true;
}

/* One line for a change, with what tells it from others. */
static void print_change(tu_buf *b, const tu_value *c) {
    const tu_value *owner = tu_value_get(c, "owner");
    tu_buf_addf(b, "%.*s %.*s", TU_P(tu_value_get_string(c, "change")),
                TU_P(tu_value_get_string(c, "path")));
    for (uint32_t i = 0; i < tu_value_count(c); i++) {
        const tu_member *m = &c->map.members[i];
        if (tu_str_is(m->key, "path") || tu_str_is(m->key, "change") || tu_str_is(m->key, "owner"))
            continue;
        tu_buf_addf(b, " %.*s=", TU_P(m->key));
        tu_json_write(b, &m->value, TU_JSON_SORTED);
    }
    for (uint32_t i = 0; i < tu_value_count(owner); i++)
        tu_buf_addf(b, " %.*s=%.*s", TU_P(owner->map.members[i].key),
                    TU_P(tu_value_string(&owner->map.members[i].value)));
    tu_buf_add_c(b, "\n");
}

void corpus_compare_changes(const char *what, const tu_value *expected, const tu_value *got,
                            tu_buf *differences) {
    bool used[256] = {0};
    for (uint32_t i = 0; i < tu_value_count(expected); i++) {
        const tu_value *e = tu_value_at(expected, i);
        bool found = false;
        for (uint32_t k = 0; k < tu_value_count(got) && k < 256 && !found; k++)
            found = !used[k] && change_fits(e, tu_value_at(got, k)) && (used[k] = true);
        if (!found) {
            tu_buf_addf(differences, "%s: not found: ", what);
            print_change(differences, e);
        }
    }
    for (uint32_t k = 0; k < tu_value_count(got); k++)
        if (k >= 256 || !used[k]) {
            tu_buf_addf(differences, "%s: not expected: ", what);
            print_change(differences, tu_value_at(got, k));
        }
}

/* `onset: NAME`: the time of an entry of that manager. `none`: not known. */
static void compare_onset(const corpus_case *k, const tu_value *expected, const tu_value *finding,
                          tu_buf *differences) {
    const tu_value *onset = tu_value_get(finding, "onset");
    const tu_value *entries = tu_value_path(k->live, "metadata", "managedFields", NULL);
    tu_str name = tu_value_string(expected);
    if (tu_str_is(name, "none")) {
        if (tu_value_string(onset).n)
            say(differences, "onset", expected, onset);
        return;
    }
    for (uint32_t i = 0; i < tu_value_count(entries); i++) {
        const tu_value *e = tu_value_at(entries, i);
        if (tu_str_eq(tu_value_get_string(e, "manager"), name) &&
            tu_str_eq(tu_value_get_string(e, "time"), tu_value_string(onset)))
            return;
    }
    say(differences, "onset", expected, onset);
}

void corpus_compare(const corpus_case *k, const tu_value *expect, const tu_value *finding,
                    const tu_value *quiet, bool confidence, tu_buf *differences) {
    const tu_value *v = tu_value_get(expect, "verdict");
    if (v && !tu_value_equal(v, tu_value_get(finding, "verdict")))
        say(differences, "verdict", v, tu_value_get(finding, "verdict"));
    v = tu_value_get(expect, "confidence");
    if (confidence && v && !tu_value_equal(v, tu_value_get(finding, "confidence")))
        say(differences, "confidence", v, tu_value_get(finding, "confidence"));
    v = tu_value_get(expect, "reason");
    if (v && !has_word(v, tu_value_get(finding, "reason")))
        say(differences, "reason", v, tu_value_get(finding, "reason"));
    v = tu_value_get(expect, "onset");
    if (v)
        compare_onset(k, v, finding, differences);
    v = tu_value_get(expect, "changes");
    if (v)
        corpus_compare_changes("changes", v, tu_value_get(finding, "changes"), differences);
    v = tu_value_get(expect, "quiet");
    if (v && quiet)
        corpus_compare_changes("quiet", v, quiet, differences);
}
