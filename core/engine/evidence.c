/*
 * engine/evidence.c: see evidence.h.
 *
 *   timer -> job on the store's thread: sign what is due, write it to the file, queue it for the
 *            receiver; every so often forget a step of what is over -> timer
 *
 * While there is more to forget, steps follow each other whenever the store's thread has nothing else to
 * do. A signed head that can't be written to the file is kept and tried again: it is in the store.
 */
#include "engine/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/audit.h"

enum { LOOK_MS = 20000, FORGET_MS = 600000, KEPT_BYTES = 64 * TU_KIB };
#define DONE_MS (30 * INT64_C(86400000)) /* what was delivered, ended, closed */
#define ROWS INT64_C(1000000)
#define AUDIT_ROWS INT64_C(10000000)
#define DELIVERY_MS INT64_C(86400000)

struct evidence {
    uv_timer_t timer;
    int64_t forgot_ms; /* boot; when everything that was over was last forgotten */
    tu_buf unwritten;  /* notes that the file doesn't have; the store's thread's */
    bool file_fails;   /* and that was logged */
    char config[65];   /* digest of the configuration's files; "" once it is in the trail */
};

typedef struct evidence_job {
    tu_job job;
    service *s;
    bool forget, more;
} evidence_job;

/* --- on the store's thread -------------------------------------------------------------------- */

static tu_rc append_to(const char *path, tu_str text, tu_error **error) {
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    bool good = fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n && fdatasync(fd) == 0;
    int why = errno;
    if (fd >= 0)
        close(fd);
    return good ? TU_OK
                : tu_error_set(error, TU_EUNAVAILABLE,
                               "%s: a signed head of the audit trail can't "
                               "be written: %s; it is tried again",
                               path, strerror(why));
}

static void write_to_file(service *s) {
    evidence *e = s->evidence;
    tu_str file = s->config->audit.file;
    _cleanup_(tu_freep) char *path =
        tu_path_join(s->options->state, file.n ? file.p : "audit.checkpoints");
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    if (e->unwritten.n == 0)
        return;
    bool failed = append_to(path, tu_buf_str(&e->unwritten), &why) != TU_OK;
    if (failed && !e->file_fails)
        tu_log(TU_LOG_ERROR, "a checkpoint of the audit trail was not written", "error",
               tu_error_text(why), NULL);
    e->file_fails = failed;
    if (!failed)
        tu_buf_clear(&e->unwritten);
}

static void queue_for_receiver(service *s, tu_str note, int64_t wall_ms) {
    tu_str receiver = s->config->audit.receiver;
    if (receiver.n == 0)
        return;
    char time[32], id[33];
    uint8_t random[16] = {0};
    tu_random(random, sizeof random);
    tu_hex(random, sizeof random, id);
    tu_time_format(wall_ms, time);
    tu_buf message = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    tu_buf_addf(&message,
                "{\"apiVersion\":\"trueup.dev/v1\",\"kind\":\"Checkpoint\",\"id\":\"%s\","
                "\"installation\":\"%s\",\"time\":\"%s\",\"checkpoint\":",
                id, tu_store_install_id(s->store), time);
    tu_buf_add_json_string(&message, note);
    tu_buf_add_c(&message, "}");
    tu_delivery d = {.receiver = receiver,
                     .kind = TU_S("checkpoint"),
                     .message = tu_buf_str(&message),
                     .next_ms = wall_ms,
                     .created_ms = wall_ms,
                     .expires_ms = wall_ms + DELIVERY_MS};
    tu_store_change change = {.wall_ms = wall_ms, .deliveries = &d, .delivery_count = 1};
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    if (message.rc != TU_OK || tu_store_commit(s->store, &change, &why) != TU_OK)
        tu_log(TU_LOG_ERROR, "a checkpoint of the audit trail can't be queued for its receiver",
               "error", tu_error_text(why), NULL);
    tu_buf_done(&message);
}

/* records: after so many at least. */
static void sign(service *s, int64_t wall_ms, int64_t records) {
    const tu_audit_policy *policy = &s->config->audit;
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    tu_buf note = TU_BUF_INIT(4 * TU_KIB);
    tu_rc rc = tu_store_audit_sign(s->store, wall_ms, policy->every_ms, records, &note, &why);
    if (rc != TU_OK) {
        tu_log(TU_LOG_ERROR, "the audit trail can't be signed", "error", tu_error_text(why), NULL);
    } else if (note.n) {
        tu_buf_add(&s->evidence->unwritten, tu_buf_str(&note));
        tu_buf_add_c(&s->evidence->unwritten, "\n");
        queue_for_receiver(s, tu_buf_str(&note), wall_ms);
    }
    tu_buf_done(&note);
    write_to_file(s);
}

/* Which configuration is in force from now on: part of every answer to "why". */
static void record_configuration(service *s, int64_t wall_ms) {
    evidence *e = s->evidence;
    if (!e->config[0])
        return;
    tu_buf detail = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    tu_buf_add_c(&detail, "{\"path\":");
    tu_buf_add_json_string(&detail, tu_str_c(s->options->config_path));
    tu_buf_addf(&detail, ",\"files\":%zu,\"sha256\":\"%s\",\"version\":\"%s\"}", s->config->files.n,
                e->config, TRUEUP_VERSION);
    const tu_audit audit = {
        .actor = TU_S("trueup"), .action = TU_S("config.loaded"), .detail = tu_buf_str(&detail)};
    tu_store_change change = {.wall_ms = wall_ms, .audits = &audit, .audit_count = 1};
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    if (detail.rc == TU_OK && tu_store_commit(s->store, &change, &why) == TU_OK)
        e->config[0] = '\0';
    else
        tu_log(TU_LOG_ERROR, "the audit trail can't be written", "error", tu_error_text(why), NULL);
    tu_buf_done(&detail);
}

static void work(tu_job *job) {
    evidence_job *j = (evidence_job *)job;
    service *s = j->s;
    tu_clock clock = tu_clock_real();
    int64_t wall_ms = tu_clock_wall(&clock);
    record_configuration(s, wall_ms);
    sign(s, wall_ms, s->config->audit.records);
    if (!j->forget)
        return;
    const tu_retention r = {.done_ms = DONE_MS,
                            .evidence_ms = s->config->audit.retention_ms,
                            .rows = ROWS,
                            .audit_rows = AUDIT_ROWS};
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    if (tu_store_forget(s->store, &r, wall_ms, &j->more, &why) != TU_OK)
        tu_log(TU_LOG_WARN, "what is over can't be forgotten", "error", tu_error_text(why), NULL);
}

/* --- on the engine's thread ------------------------------------------------------------------- */

static void look(uv_timer_t *t);

static void look_done(tu_job *job) {
    evidence_job *j = (evidence_job *)job;
    service *s = j->s;
    if (service_is_stopping(s)) {
        free(j);
        return;
    }
    if (j->forget && !j->more)
        s->evidence->forgot_ms = tu_clock_boot(&s->clock);
    if (j->more) {
        j->more = false;
        tu_worker_submit_later(s->store_worker, job);
        return;
    }
    free(j);
    int64_t every = s->config->audit.every_ms;
    uv_timer_start(&s->evidence->timer, look, every < LOOK_MS ? (uint64_t)every : LOOK_MS, 0);
    deliver_kick(s); /* a checkpoint may wait for its receiver */
}

static void look(uv_timer_t *t) {
    service *s = t->data;
    evidence_job *j = tu_xcalloc(1, sizeof *j);
    j->job = (tu_job){.work = work, .done = look_done};
    j->s = s;
    j->forget = tu_clock_boot(&s->clock) - s->evidence->forgot_ms >= FORGET_MS;
    tu_worker_submit_later(s->store_worker, &j->job);
}

/* Of all files, names and bytes, in their order. */
static void digest_configuration(const tu_config *c, char out[65]) {
    uint8_t digest[32];
    tu_buf all = TU_BUF_INIT(2u * TU_LIMIT_CONFIG_BYTES * 16u);
    for (size_t i = 0; i < c->files.n; i++) {
        tu_buf text = TU_BUF_INIT(TU_LIMIT_CONFIG_BYTES);
        tu_buf_add(&all, c->files.items[i]);
        tu_buf_add_byte(&all, '\0');
        if (tu_file_read(c->files.items[i].p, TU_LIMIT_CONFIG_BYTES, &text, NULL) == TU_OK)
            tu_sha256(tu_buf_str(&text), digest);
        else
            memset(digest, 0, sizeof digest); /* it is gone since */
        tu_buf_add(&all, (tu_str){(const char *)digest, sizeof digest});
        tu_buf_done(&text);
    }
    tu_sha256(tu_buf_str(&all), digest);
    tu_hex(digest, sizeof digest, out);
    tu_buf_done(&all);
}

void evidence_start(service *s) {
    evidence *e = s->evidence = tu_xcalloc(1, sizeof *e);
    tu_buf_init(&e->unwritten, KEPT_BYTES);
    e->forgot_ms = tu_clock_boot(&s->clock); /* not in the first minutes: there is enough to do */
    digest_configuration(s->config, e->config);
    service_timer(s, &e->timer, s);
    uv_timer_start(&e->timer, look, 0, 0);
}

void evidence_close(service *s) {
    tu_clock clock = tu_clock_real();
    sign(s, tu_clock_wall(&clock), 1);
    uv_close((uv_handle_t *)&s->evidence->timer, NULL);
}

void evidence_free(service *s) {
    tu_buf_done(&s->evidence->unwritten);
    free(s->evidence);
}

/* --- who asks --------------------------------------------------------------------------------- */

typedef struct page_job {
    tu_job job;
    service *s;
    int64_t after;
    tu_buf answer;
    void (*done)(void *arg, const tu_buf *answer);
    void *arg;
} page_job;

static void page_work(tu_job *job) {
    page_job *j = (page_job *)job;
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    if (tu_evidence_page(j->s->store, j->after, &j->answer, &why) == TU_OK)
        return;
    tu_buf_clear(&j->answer);
    tu_buf_add_c(&j->answer, "{\"error\":");
    tu_buf_add_json_string(&j->answer, tu_str_c(tu_error_text(why)));
    tu_buf_add_c(&j->answer, "}\n");
}

static void page_done(tu_job *job) {
    page_job *j = (page_job *)job;
    j->done(j->arg, &j->answer);
    tu_buf_done(&j->answer);
    free(j);
}

void evidence_answer(service *s, const tu_value *request,
                     void (*done)(void *arg, const tu_buf *answer), void *arg) {
    page_job *j = tu_xcalloc(1, sizeof *j);
    j->job = (tu_job){.work = page_work, .done = page_done};
    j->s = s;
    j->after = tu_value_integer(tu_value_get(request, "after"), 0);
    j->done = done;
    j->arg = arg;
    tu_buf_init(&j->answer, 60u * TU_MIB); /* a client takes 64 */
    tu_worker_submit(s->store_worker, &j->job);
}
