/*
 * engine/answer.c: commands about alerts that change something: acknowledge, silence, end-silence; and
 * the list of silences. What they decide is in the store before they are answered. See answer.h.
 *
 * To add a command: a row in `commands`, a function here or a kind of question in answer-show.c, its
 * form in answer.h.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/answer-inside.h"
#include "value/json.h"

#define COMMENT_BYTES 1024
#define MATCHERS 64
#define ANSWER_BYTES (64u * TU_MIB)

/* --- JSON ------------------------------------------------------------------------------------- */

void answer_member(tu_buf *b, const char *before, const char *key, tu_str value) {
    tu_buf_addf(b, "%s\"%s\":", before, key);
    tu_buf_add_json_string(b, value);
}

void answer_time(tu_buf *b, const char *before, const char *key, int64_t wall_ms) {
    char text[32];
    if (!wall_ms)
        return;
    tu_time_format(wall_ms, text);
    answer_member(b, before, key, tu_str_c(text));
}

void answer_silence(tu_buf *b, const tu_silence_row *row, int64_t now) {
    answer_member(b, "{", "id", row->id);
    tu_buf_add_c(b, ",\"matchers\":");
    tu_buf_add(b, row->matchers.n ? row->matchers : TU_S("[]"));
    answer_time(b, ",", "starts", row->starts_ms);
    answer_time(b, ",", "ends", row->ends_ms);
    answer_time(b, ",", "created", row->created_ms);
    answer_member(b, ",", "author", row->author);
    answer_member(b, ",", "comment", row->comment);
    answer_member(b, ",", "state", row->starts_ms > now ? TU_S("waiting") : TU_S("active"));
    tu_buf_add_c(b, "}");
}

void answer_error(const char *text, answer_done *done, void *arg) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(64 * TU_KIB);
    answer_member(&b, "{", "error", tu_str_c(text));
    tu_buf_add_c(&b, "}\n");
    done(arg, &b);
}

/* --- an answer that waits until what it tells of is written ------------------------------------ */

typedef struct waiting {
    answer_done *done;
    void *arg;
    tu_buf answer;
} waiting;

static void on_written(record *r) {
    waiting *w = r->arg;
    if (r->rc == TU_OK)
        w->done(w->arg, &w->answer);
    else
        answer_error(tu_error_text(r->error), w->done, w->arg);
    tu_buf_done(&w->answer);
    free(w);
}

static waiting *waiting_new(answer_done *done, void *arg) {
    waiting *w = tu_xcalloc(1, sizeof *w);
    w->done = done;
    w->arg = arg;
    tu_buf_init(&w->answer, ANSWER_BYTES);
    return w;
}

/* Takes all of it over. */
static void conclude(record *r, waiting *w, tu_rc rc, tu_error *why) {
    if (rc == TU_OK) {
        r->done = on_written;
        r->arg = w;
    } else {
        answer_error(tu_error_text(why), w->done, w->arg);
        tu_buf_done(&w->answer);
        free(w);
    }
    tu_error_free(why);
    alerts_submit(r);
}

/* --- acknowledge ------------------------------------------------------------------------------ */

typedef struct search {
    tu_str prefix;
    char id[64];
} search;

static void find(void *arg, const tu_incident_view *v) {
    search *x = arg;
    if (!x->id[0] && v->id.n >= x->prefix.n &&
        (x->prefix.n == 0 || memcmp(v->id.p, x->prefix.p, x->prefix.n) == 0))
        snprintf(x->id, sizeof x->id, "%.*s", TU_P(v->id));
}

static void acknowledge(service *s, const tu_value *request, tu_str who, answer_done *done,
                        void *arg) {
    record *r = record_new(s);
    waiting *w = waiting_new(done, arg);
    tu_error *why = NULL;
    tu_str id = tu_value_get_string(request, "id"),
           comment = tu_value_get_string(request, "comment");
    tu_rc rc = TU_OK;
    if (id.n == 0)
        rc = tu_error_set(&why, TU_EINVALID, "which incident? give the first digits of its id");
    else if (comment.n > COMMENT_BYTES)
        rc = tu_error_set(&why, TU_EINVALID, "the comment is longer than %d bytes", COMMENT_BYTES);
    else
        rc = tu_dispatch_acknowledge(alerts_dispatch(s), id, who, comment,
                                     tu_value_boolean(tu_value_get(request, "undo"), false),
                                     alerts_now(s), &r->effects, &why);
    search found = {.prefix = id};
    tu_dispatch_each(alerts_dispatch(s), alerts_now(s), find, &found);
    answer_member(&w->answer, "{", "incident", found.id[0] ? tu_str_c(found.id) : id);
    answer_member(&w->answer, ",", "by", who);
    tu_buf_add_c(&w->answer, "}\n");
    conclude(r, w, rc, why);
}

/* --- silences --------------------------------------------------------------------------------- */

static tu_rc read_time(const tu_value *request, const char *key, int64_t otherwise, int64_t *ret,
                       tu_error **error) {
    tu_str text = tu_value_get_string(request, key);
    int64_t us;
    *ret = otherwise;
    if (!text.n && otherwise)
        return TU_OK;
    if (!tu_time_parse(text, &us))
        return tu_error_set(error, TU_EINVALID, "%s: '%.*s' is no time like 2026-01-02T15:04:05Z",
                            key, TU_P(text));
    *ret = us / 1000;
    return TU_OK;
}

static tu_rc read_matchers(tu_arena *a, const tu_value *list, tu_str *ret, tu_error **error) {
    size_t n = tu_value_count(list);
    if (!tu_value_is(list, TU_LIST) || n == 0 || n > MATCHERS)
        return tu_error_set(error, TU_EINVALID,
                            "a silence needs matchers, %d at most: what is to be silent?",
                            MATCHERS);
    for (size_t i = 0; i < n; i++) {
        tu_matcher m;
        tu_rc rc = tu_matcher_parse(a, tu_value_string(tu_value_at(list, i)), &m, NULL, error);
        if (rc != TU_OK)
            return rc;
    }
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_LIMIT_SOCKET_BYTES);
    tu_json_write(&b, list, 0);
    *ret = tu_arena_copy(a, tu_buf_str(&b));
    return b.rc == TU_OK && ret->p ? TU_OK : tu_error_memory(error);
}

static tu_rc read_silence(record *r, const tu_value *request, tu_str who, tu_error **error) {
    uint8_t random[4] = {0};
    char id[9];
    tu_random(random, sizeof random);
    tu_hex(random, sizeof random, id);
    tu_str comment = tu_value_get_string(request, "comment");
    tu_silence_row *row = &r->silence;
    *row = (tu_silence_row){.id = tu_arena_copy(&r->arena, tu_str_c(id)),
                            .created_ms = r->wall_ms,
                            .author = tu_arena_copy(&r->arena, who),
                            .comment = tu_arena_copy(&r->arena, comment)};
    if (comment.n > COMMENT_BYTES)
        return tu_error_set(error, TU_EINVALID, "the comment is longer than %d bytes",
                            COMMENT_BYTES);
    tu_rc rc = read_matchers(&r->arena, tu_value_get(request, "matchers"), &row->matchers, error);
    if (rc == TU_OK)
        rc = read_time(request, "starts", r->wall_ms, &row->starts_ms, error);
    if (rc == TU_OK)
        rc = read_time(request, "ends", 0, &row->ends_ms, error);
    if (rc == TU_OK && row->ends_ms <= r->wall_ms)
        rc = tu_error_set(error, TU_EINVALID, "the silence would have ended already");
    return rc;
}

static void silence(service *s, const tu_value *request, tu_str who, answer_done *done, void *arg) {
    record *r = record_new(s);
    waiting *w = waiting_new(done, arg);
    tu_error *why = NULL;
    tu_rc rc = read_silence(r, request, who, &why);
    if (rc == TU_OK)
        rc = tu_dispatch_silence(alerts_dispatch(s), &r->silence, alerts_now(s), &r->effects, &why);
    r->has_silence = rc == TU_OK;
    tu_buf_add_c(&w->answer, "{\"silence\":");
    answer_silence(&w->answer, &r->silence, r->wall_ms);
    tu_buf_add_c(&w->answer, "}\n");
    conclude(r, w, rc, why);
}

typedef struct silence_search {
    tu_str id;
    record *r;
} silence_search;

static void take_silence(void *arg, const tu_silence_row *row) {
    const silence_search *x = arg;
    tu_arena *a = &x->r->arena;
    if (!tu_str_eq(row->id, x->id))
        return;
    x->r->silence = *row;
    x->r->silence.id = tu_arena_copy(a, row->id);
    x->r->silence.matchers = tu_arena_copy(a, row->matchers);
    x->r->silence.author = tu_arena_copy(a, row->author);
    x->r->silence.comment = tu_arena_copy(a, row->comment);
    x->r->has_silence = true;
}

static void end_silence(service *s, const tu_value *request, tu_str who, answer_done *done,
                        void *arg) {
    record *r = record_new(s);
    waiting *w = waiting_new(done, arg);
    tu_error *why = NULL;
    silence_search x = {tu_value_get_string(request, "id"), r};
    tu_dispatch_silences(alerts_dispatch(s), take_silence, &x);
    r->silence.ends_ms = r->wall_ms;
    tu_silence_row asked = r->silence;
    asked.id = r->has_silence ? r->silence.id : x.id;
    asked.author = who; /* who ends it, for the audit trail; the row keeps who made it */
    tu_moment now = alerts_now(s);
    now.wall_ms = now.wall_ms > r->wall_ms ? now.wall_ms : r->wall_ms;
    tu_rc rc = tu_dispatch_silence(alerts_dispatch(s), &asked, now, &r->effects, &why);
    r->has_silence = r->has_silence && rc == TU_OK;
    answer_member(&w->answer, "{", "silence", asked.id);
    tu_buf_add_c(&w->answer, "}\n");
    conclude(r, w, rc, why);
}

typedef struct silence_list {
    tu_buf b;
    size_t n;
    int64_t now;
} silence_list;

static void list_silence(void *arg, const tu_silence_row *row) {
    silence_list *l = arg;
    if (row->ends_ms <= l->now)
        return;
    tu_buf_add_c(&l->b, l->n++ ? "," : "");
    answer_silence(&l->b, row, l->now);
}

static void silences(service *s, const tu_value *request, tu_str who, answer_done *done,
                     void *arg) {
    (void)request;
    (void)who;
    silence_list l = {.now = tu_clock_wall(&s->clock)};
    tu_buf_init(&l.b, ANSWER_BYTES);
    tu_buf_add_c(&l.b, "{\"silences\":[");
    tu_dispatch_silences(alerts_dispatch(s), list_silence, &l);
    tu_buf_add_c(&l.b, "]}\n");
    if (l.b.rc == TU_OK)
        done(arg, &l.b);
    else
        answer_error("there are too many silences to be told", done, arg);
    tu_buf_done(&l.b);
}

/* --- all of them ------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    void (*run)(service *s, const tu_value *request, tu_str who, answer_done *done, void *arg);
} commands[] = {
    {"acknowledge", acknowledge},
    {"silence", silence},
    {"end-silence", end_silence},
    {"silences", silences},
    {"alerts", NULL},
    {"alert", NULL},
    {"dead", NULL},
    {"resend", NULL}, /* NULL: answer-show.c */
};

bool answer_alerts(service *s, const tu_value *request, tu_str who, answer_done *done, void *arg) {
    tu_str command = tu_value_get_string(request, "command");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (!tu_str_is(command, commands[i].name))
            continue;
        if (commands[i].run)
            commands[i].run(s, request, who, done, arg);
        else
            answer_read(s, command, request, who, done, arg);
        return true;
    }
    return false;
}
