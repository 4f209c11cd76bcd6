/*
 * report/evidence.c: see evidence.h.
 */
#include "report/evidence.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/words.h"
#include "value/json.h"

/* --- JSON lines ------------------------------------------------------------------------------- */

static void write_jsonl(tu_buf *out, const tu_trail_record *r, tu_str install_id) {
    (void)install_id;
    tu_trail_write(out, r);
}

/* --- CSV -------------------------------------------------------------------------------------- */

/* A spreadsheet takes a cell that begins like this for a formula; an apostrophe keeps it text. */
static bool is_formula(tu_str s) {
    return s.n && memchr("=+-@\t\r", s.p[0], 6) != NULL;
}

static void add_cell(tu_buf *out, tu_str s) {
    tu_buf_add_c(out, is_formula(s) ? ",\"'" : ",\"");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            tu_buf_add_byte(out, '"');
        tu_buf_add_byte(out, s.p[i]);
    }
    tu_buf_add_byte(out, '"');
}

static void write_csv(tu_buf *out, const tu_trail_record *r, tu_str install_id) {
    (void)install_id;
    const tu_audit *a = &r->audit;
    char time[32], previous[65], hash[65];
    tu_time_format(r->wall_ms, time);
    tu_hex(r->previous, 32, previous);
    tu_hex(r->hash, 32, hash);
    tu_buf_addf(out, "%lld,%s", (long long)r->n, time);
    const tu_str cells[] = {
        a->actor,        a->action,         a->rule,        a->target,
        a->object.group, a->object.version, a->object.kind, a->object.namespace_,
        a->object.name,  a->detail};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        add_cell(out, cells[i]);
    tu_buf_addf(out, ",%s,%s", previous, hash);
}

/* --- OCSF ------------------------------------------------------------------------------------- */

enum { /* https://schema.ocsf.io/1.3.0 */
       FINDINGS = 2,
       DETECTION_FINDING = 2004,
       APPLICATION = 6,
       API_ACTIVITY = 6003,
       OTHER = 99
};

/* What the last word of an action is to OCSF; the two classes number some things differently. */
static int activity_of(tu_str action, bool finding) {
    static const struct {
        const char *word;
        int finding, activity;
    } words[] = {{"opened", 1, 1},  {"updated", 2, 3}, {"resolved", 3, 3}, {"made", 1, 1},
                 {"applied", 2, 3}, {"loaded", 2, 2},  {"ended", 3, 4},    {"forgotten", 3, 4}};
    const char *dot = tu_str_is(action, "") ? NULL : memchr(action.p, '.', action.n);
    tu_str word = dot ? (tu_str){dot + 1, action.n - (size_t)(dot + 1 - action.p)} : action;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (tu_str_is(word, words[i].word))
            return finding ? words[i].finding : words[i].activity;
    return OTHER;
}

/* 1 informational, 3 medium, 5 critical; 0: the record doesn't say. */
static int severity_of(tu_str detail) {
    tu_arena a;
    tu_arena_init(&a, TU_LIMIT_OBJECT_ARENA);
    tu_value *v = NULL;
    tu_severity severity = TU_SEVERITY_INFO;
    bool known = tu_json_parse(&a, detail, TU_JSON_NO_LINES, NULL, &v, NULL, NULL) == TU_OK &&
                 tu_severity_parse(tu_value_get_string(v, "severity"), &severity);
    tu_arena_done(&a);
    if (!known)
        return 0;
    return severity == TU_SEVERITY_CRITICAL ? 5 : severity == TU_SEVERITY_WARNING ? 3 : 1;
}

static void add_name(tu_buf *out, const tu_audit *a) {
    const tu_str parts[] = {
        a->rule, a->target, a->object.group, a->object.kind, a->object.namespace_, a->object.name};
    tu_buf text = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        tu_buf_add_c(&text, i ? "/" : "");
        tu_buf_add(&text, parts[i]);
    }
    tu_buf_add_json_string(out, tu_buf_str(&text));
    tu_buf_done(&text);
}

static void add_resource(tu_buf *out, const tu_audit *a) {
    tu_buf_add_c(out, "{\"type\":");
    tu_buf_add_json_string(out, a->object.kind);
    tu_buf_add_c(out, ",\"group\":{\"name\":");
    tu_buf_add_json_string(out, a->object.group);
    tu_buf_add_c(out, "},\"namespace\":");
    tu_buf_add_json_string(out, a->object.namespace_);
    tu_buf_add_c(out, ",\"name\":");
    tu_buf_add_json_string(out, a->object.name);
    tu_buf_add_c(out, "}");
}

static void write_ocsf(tu_buf *out, const tu_trail_record *r, tu_str install_id) {
    const tu_audit *a = &r->audit;
    bool finding = a->action.n > 6 && memcmp(a->action.p, "drift.", 6) == 0;
    int class = finding ? DETECTION_FINDING : API_ACTIVITY;
    int activity = activity_of(a->action, finding);
    int severity = severity_of(a->detail);
    tu_buf_addf(out,
                "{\"category_uid\":%d,\"class_uid\":%d,\"activity_id\":%d,\"type_uid\":%d,"
                "\"severity_id\":%d,\"time\":%lld,\"activity_name\":",
                finding ? FINDINGS : APPLICATION, class, activity, class * 100 + activity,
                severity || finding ? severity : 1, (long long)r->wall_ms);
    tu_buf_add_json_string(out, a->action);
    tu_buf_add_c(out, ",\"metadata\":{\"version\":\"1.3.0\",\"product\":{\"name\":\"trueup\","
                      "\"vendor_name\":\"trueup\",\"version\":\"" TRUEUP_VERSION "\"},\"uid\":");
    tu_buf_addf(out, "\"%.*s-%lld\",\"sequence\":%lld},", TU_P(install_id), (long long)r->n,
                (long long)r->n);
    if (finding) {
        tu_buf_add_c(out, "\"finding_info\":{\"uid\":");
        add_name(out, a);
        tu_buf_add_c(out, ",\"title\":");
        tu_buf_add_json_string(out, a->action);
        tu_buf_add_c(out, "},\"resources\":[");
    } else {
        tu_buf_add_c(out, "\"api\":{\"operation\":");
        tu_buf_add_json_string(out, a->action);
        tu_buf_add_c(out, "},\"src_endpoint\":{\"name\":\"trueup\"},\"resources\":[");
    }
    if (a->object.kind.n)
        add_resource(out, a);
    tu_buf_add_c(out, "],\"actor\":{\"user\":{\"name\":");
    tu_buf_add_json_string(out, a->actor);
    tu_buf_add_c(out, "}},\"unmapped\":");
    tu_trail_write(out, r);
    tu_buf_add_byte(out, '}');
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct {
    const char *name, *begin;
    void (*write)(tu_buf *out, const tu_trail_record *r, tu_str install_id);
} formats[TU_EVIDENCE_COUNT] = {
    [TU_EVIDENCE_JSONL] = {"jsonl", "", write_jsonl},
    [TU_EVIDENCE_CSV] = {"csv",
                         "n,time,actor,action,rule,target,group,version,kind,namespace,name,detail,"
                         "previous,hash\n",
                         write_csv},
    [TU_EVIDENCE_OCSF] = {"ocsf", "", write_ocsf},
};

const char *tu_evidence_name(tu_evidence e) {
    return formats[e].name;
}

bool tu_evidence_parse(tu_str s, tu_evidence *ret) {
    for (int i = 0; i < TU_EVIDENCE_COUNT; i++)
        if (tu_str_is(s, formats[i].name)) {
            *ret = (tu_evidence)i;
            return true;
        }
    return false;
}

void tu_evidence_begin(tu_evidence e, tu_buf *out) {
    tu_buf_add_c(out, formats[e].begin);
}

void tu_evidence_write(tu_evidence e, tu_buf *out, const tu_trail_record *r, tu_str install_id) {
    formats[e].write(out, r, install_id);
    tu_buf_add_byte(out, '\n');
}
