/*
 * store/trail.c: see trail.h. The bytes that are hashed never change: what was written by the first
 * version must be provable by the last.
 */
#include "store/trail.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/str.h"
#include "value/json.h"

static const char domain[] = "trueup-audit-v1";

/* --- hashes ----------------------------------------------------------------------------------- */

void tu_trail_begin(tu_trail *t, tu_str install_id) {
    char text[128];
    int n = snprintf(text, sizeof text, "%s%.*s", domain, TU_P(install_id));
    t->n = 0;
    tu_sha256((tu_str){text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1}, t->hash);
}

static void add_number(tu_buf *b, uint64_t number, int bytes) {
    char room[8];
    for (int i = 0; i < bytes; i++)
        room[i] = (char)(number >> (bytes - 1 - i) * 8 & 0xff);
    tu_buf_add(b, (tu_str){room, (size_t)bytes});
}

static void add_field(tu_buf *b, tu_str field) {
    add_number(b, field.n, 4);
    tu_buf_add(b, field);
}

tu_rc tu_trail_hash(const tu_trail *t, int64_t wall_ms, const tu_audit *a, uint8_t out[32]) {
    char time[32];
    int n = snprintf(time, sizeof time, "%lld", (long long)wall_ms);
    const tu_str fields[] = {{time, (size_t)n}, a->actor,       a->action,
                             a->rule,           a->target,      a->object.group,
                             a->object.version, a->object.kind, a->object.namespace_,
                             a->object.name,    a->detail};
    tu_buf b = TU_BUF_INIT(2u * TU_LIMIT_DOCUMENT_BYTES);
    tu_buf_add(&b, (tu_str){domain, sizeof domain - 1});
    add_number(&b, (uint64_t)t->n + 1, 8);
    tu_buf_add(&b, (tu_str){(const char *)t->hash, 32});
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        add_field(&b, fields[i]);
    tu_rc rc = b.rc;
    if (rc == TU_OK)
        tu_sha256(tu_buf_str(&b), out);
    tu_buf_done(&b);
    return rc;
}

/* --- following -------------------------------------------------------------------------------- */

tu_trail_verdict tu_trail_follow(tu_trail *t, const tu_trail_record *r) {
    uint8_t computed[32];
    if (r->n > t->n + 1)
        return TU_TRAIL_MISSING;
    if (r->n <= t->n)
        return TU_TRAIL_ORDER;
    if (memcmp(r->previous, t->hash, 32) != 0)
        return TU_TRAIL_STRANGE;
    tu_rc rc = tu_trail_hash(t, r->wall_ms, &r->audit, computed);
    if (rc != TU_OK && rc != TU_EINVALID)
        return TU_TRAIL_NO_MEMORY;
    if (rc != TU_OK || memcmp(r->hash, computed, 32) != 0)
        return TU_TRAIL_CHANGED;
    t->n = r->n;
    memcpy(t->hash, r->hash, 32);
    return TU_TRAIL_FOLLOWS;
}

tu_rc tu_trail_broken(const tu_trail *t, const tu_trail_record *r, tu_trail_verdict v,
                      tu_error **error) {
    long long last = t->n, n = r->n;
    switch (v) {
    case TU_TRAIL_MISSING:
        if (n == last + 2)
            return tu_error_set(error, TU_EINTEGRITY,
                                "the audit trail is broken behind record %lld: record %lld isn't "
                                "there: it was removed or moved",
                                last, last + 1);
        return tu_error_set(error, TU_EINTEGRITY,
                            "the audit trail is broken behind record %lld: records %lld to %lld "
                            "aren't there: they were removed or moved",
                            last, last + 1, n - 1);
    case TU_TRAIL_ORDER:
        return tu_error_set(error, TU_EINTEGRITY,
                            "the audit trail is broken behind record %lld: record %lld stands "
                            "there, out of its place",
                            last, n);
    case TU_TRAIL_STRANGE:
        return tu_error_set(error, TU_EINTEGRITY,
                            "the audit trail is broken behind record %lld: record %lld doesn't "
                            "follow it; one was inserted, moved or replaced there",
                            last, n);
    case TU_TRAIL_CHANGED:
        return tu_error_set(error, TU_EINTEGRITY,
                            "the audit trail is broken behind record %lld: record %lld was changed",
                            last, n);
    case TU_TRAIL_NO_MEMORY:
        return tu_error_memory(error);
    case TU_TRAIL_FOLLOWS:
        break;
    }
    return TU_OK;
}

/* --- as JSON ---------------------------------------------------------------------------------- */

static void add_member(tu_buf *b, const char *name, tu_str value) {
    tu_buf_addf(b, "\"%s\":", name);
    tu_buf_add_json_string(b, value);
}

static void add_hash(tu_buf *b, const char *name, const uint8_t hash[32]) {
    char hex[65];
    tu_hex(hash, 32, hex);
    tu_buf_addf(b, ",\"%s\":\"%s\"", name, hex);
}

/* An object on one line can stand as it is; the rest would break the line, or the document. */
static bool stands_as_it_is(tu_str detail) {
    if (detail.n < 2 || detail.p[0] != '{' || detail.p[detail.n - 1] != '}' ||
        memchr(detail.p, '\n', detail.n) || memchr(detail.p, '\r', detail.n))
        return false;
    tu_arena a;
    tu_arena_init(&a, TU_LIMIT_OBJECT_ARENA);
    tu_value *v = NULL;
    bool good = tu_json_parse(&a, detail, TU_JSON_NO_LINES, NULL, &v, NULL, NULL) == TU_OK;
    tu_arena_done(&a);
    return good;
}

void tu_trail_write(tu_buf *out, const tu_trail_record *r) {
    const tu_audit *a = &r->audit;
    char time[32];
    tu_time_format(r->wall_ms, time);
    tu_buf_addf(out, "{\"n\":%lld,\"time\":\"%s\",\"timeMs\":%lld,", (long long)r->n, time,
                (long long)r->wall_ms);
    const struct {
        const char *before, *name;
        tu_str value;
    } members[] = {{"", "actor", a->actor},
                   {",", "action", a->action},
                   {",", "rule", a->rule},
                   {",", "target", a->target},
                   {",\"object\":{", "group", a->object.group},
                   {",", "version", a->object.version},
                   {",", "kind", a->object.kind},
                   {",", "namespace", a->object.namespace_},
                   {",", "name", a->object.name}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        tu_buf_add_c(out, members[i].before);
        add_member(out, members[i].name, members[i].value);
    }
    tu_buf_add_c(out, "},\"detail\":");
    if (stands_as_it_is(a->detail))
        tu_buf_add(out, a->detail);
    else
        tu_buf_add_json_string(out, a->detail);
    add_hash(out, "previous", r->previous);
    add_hash(out, "hash", r->hash);
    tu_buf_add_byte(out, '}');
}

static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool tu_trail_hash_parse(tu_str s, uint8_t out[32]) {
    if (s.n != 64)
        return false;
    for (size_t i = 0; i < 32; i++) {
        int high = digit(s.p[2 * i]), low = digit(s.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

tu_rc tu_trail_read(const tu_value *line, tu_str text, tu_trail_record *ret, tu_error **error) {
    const tu_value *object = tu_value_get(line, "object"), *detail = tu_value_get(line, "detail");
    *ret = (tu_trail_record){
        .n = tu_value_integer(tu_value_get(line, "n"), 0),
        .wall_ms = tu_value_integer(tu_value_get(line, "timeMs"), INT64_MIN),
        .audit = {.actor = tu_value_get_string(line, "actor"),
                  .action = tu_value_get_string(line, "action"),
                  .rule = tu_value_get_string(line, "rule"),
                  .target = tu_value_get_string(line, "target"),
                  .object = {.group = tu_value_get_string(object, "group"),
                             .version = tu_value_get_string(object, "version"),
                             .kind = tu_value_get_string(object, "kind"),
                             .namespace_ = tu_value_get_string(object, "namespace"),
                             .name = tu_value_get_string(object, "name")}}};
    if (tu_value_is(detail, TU_MAP) && detail->end <= text.n)
        ret->audit.detail = (tu_str){text.p + detail->begin, detail->end - detail->begin};
    else
        ret->audit.detail = tu_value_string(detail);
    if (ret->n < 1 || ret->wall_ms == INT64_MIN ||
        !tu_trail_hash_parse(tu_value_get_string(line, "previous"), ret->previous) ||
        !tu_trail_hash_parse(tu_value_get_string(line, "hash"), ret->hash))
        return tu_error_set(error, TU_EINVALID,
                            "this is no record of an audit trail: a line of `trueup audit export "
                            "-o jsonl` has n, timeMs, previous and hash");
    return TU_OK;
}
