/*
 * alert/summary.c: one line for people: what, how, the first change, whose hand.
 *
 * The field manager alone proves no person's deed, so the line names it as what it is: "field
 * manager X", never "by X" (DESIGN section 10).
 */
#include "alert/summary.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "value/json.h"

enum { VALUE_BYTES = 80, PATH_BYTES = 160 };

static const char *const verdict_phrases[TU_VERDICT_COUNT] = {
    [TU_VERDICT_IN_SYNC] = "is in sync",
    [TU_VERDICT_DRIFTED] = "drifted",
    [TU_VERDICT_MISSING] = "is missing",
    [TU_VERDICT_UNMANAGED] = "is live, but nobody wants it",
    [TU_VERDICT_BLOCKED] = "can't be brought to the desired state",
    [TU_VERDICT_INVALID] = "is invalid",
    [TU_VERDICT_UNKNOWN] = "can't be determined",
    [TU_VERDICT_TERMINATING] = "is being deleted",
    [TU_VERDICT_DELEGATED] = "is left to its controller",
};

static const struct {
    const char *by, *phrase;
} resolutions[] = {
    {"trueup", "is in sync again: put right by trueup"},
    {"git", "is in sync again: the desired state changed"},
    {"other", "is in sync again: put right by somebody else"},
    {"configuration", "isn't watched any more: the configuration changed"},
};

void tu_alert_add_visible(tu_buf *b, tu_str s, size_t limit) {
    for (size_t i = 0, n; i < s.n; i += n) {
        tu_str rest = {s.p + i, s.n - i};
        bool hidden = tu_str_is_control(rest, &n);
        if (i + n > limit) {
            tu_buf_add_c(b, "...");
            return;
        }
        tu_buf_add(b, hidden ? TU_S("?") : (tu_str){rest.p, n});
    }
}

static void add_value(tu_buf *b, const tu_value *v) {
    if (tu_value_is(v, TU_STRING) && v->string.n) {
        tu_alert_add_visible(b, v->string, VALUE_BYTES);
        return;
    }
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    tu_json_write(&text, v, 0);
    tu_alert_add_visible(b, tu_buf_str(&text), VALUE_BYTES);
}

static void add_change(tu_buf *b, const tu_value *change) {
    const tu_value *desired = tu_value_get(change, "desired"), *live = tu_value_get(change, "live");
    tu_str kind = tu_value_get_string(change, "change");
    tu_alert_add_visible(b, tu_value_get_string(change, "path"), PATH_BYTES);
    tu_buf_add_byte(b, ' ');
    if (tu_str_is(kind, "value") && desired && live) {
        add_value(b, desired);
        tu_buf_add_c(b, " -> ");
        add_value(b, live);
    } else if (tu_str_is(kind, "added") && live) {
        tu_buf_add_c(b, "added: ");
        add_value(b, live);
    } else {
        tu_alert_add_visible(b, kind, VALUE_BYTES);
    }
    tu_str manager = tu_value_get_string(tu_value_get(change, "owner"), "manager");
    if (manager.n) {
        tu_buf_add_c(b, " (field manager ");
        tu_alert_add_visible(b, manager, VALUE_BYTES);
        tu_buf_add_byte(b, ')');
    }
}

/* "Deployment shop/cart", or the file where the object has no name. */
static void add_subject(tu_buf *b, const tu_drift *d, const tu_value *finding) {
    const tu_object_id *id = &d->object;
    tu_str file = tu_value_get_string(finding, "file");
    if (id->name.n == 0) {
        tu_alert_add_visible(b, file.n ? file : TU_S("a manifest"), PATH_BYTES);
        int64_t line = tu_value_integer(tu_value_get(finding, "line"), 0);
        if (file.n && line > 0)
            tu_buf_addf(b, ":%lld", (long long)line);
        return;
    }
    tu_alert_add_visible(b, id->kind, VALUE_BYTES);
    tu_buf_add_byte(b, ' ');
    if (id->namespace_.n) {
        tu_alert_add_visible(b, id->namespace_, VALUE_BYTES);
        tu_buf_add_byte(b, '/');
    }
    tu_alert_add_visible(b, id->name, VALUE_BYTES);
}

static void add_resolution(tu_buf *b, const tu_drift *d) {
    const char *phrase = "is in sync again";
    for (size_t i = 0; i < sizeof resolutions / sizeof *resolutions; i++)
        if (tu_str_is(d->resolved_by, resolutions[i].by))
            phrase = resolutions[i].phrase;
    tu_buf_add_c(b, phrase);
}

static void add_state(tu_buf *b, const tu_drift *d, const tu_value *finding) {
    const tu_value *changes = tu_value_get(finding, "changes");
    tu_str reason = tu_value_get_string(finding, "reason");
    size_t count = tu_value_count(changes);
    tu_buf_add_c(b,
                 (size_t)d->verdict < TU_VERDICT_COUNT ? verdict_phrases[d->verdict] : "changed");
    if (d->verdict == TU_VERDICT_DRIFTED && count) {
        tu_buf_add_c(b, ": ");
        add_change(b, tu_value_at(changes, 0));
        if (count > 1)
            tu_buf_addf(b, ", and %zu more", count - 1);
    } else if (reason.n) {
        tu_buf_add_c(b, ": ");
        tu_alert_add_visible(b, reason, PATH_BYTES);
    }
}

void tu_alert_summary(tu_buf *out, const tu_drift *d, const char *kind, const tu_value *finding) {
    _cleanup_(tu_buf_done) tu_buf line = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    add_subject(&line, d, finding);
    tu_buf_add_byte(&line, ' ');
    if (tu_str_is(tu_str_c(kind), "resolved"))
        add_resolution(&line, d);
    else
        add_state(&line, d, finding);
    tu_alert_add_visible(out, tu_buf_str(&line), TU_ALERT_SUMMARY_BYTES);
    if (line.rc == TU_EINTERNAL && out->rc == TU_OK)
        out->rc = TU_EINTERNAL;
}
