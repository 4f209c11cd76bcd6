/*
 * engine.c: all cases through one running service: `trueup run`, with a target for each case that replays its recording.
 *
 *   start -> every case has the verdict that its `mark` says -> the file STAGE/go: what was recorded happens -> every target has said it
 *   -> every case has the verdict and the changes that it expects, and keeps them -> SIGTERM
 *
 * What the service knows is asked over its socket. Nothing is timed: a state is waited for, in steps of 50 ms, PATIENCE_MS at most.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "corpus.h"
#include "engine/engine.h"
#include "value/json.h"

#define PATIENCE_MS 120000
#define EXCUSED_MS 3000 /* for a case that is known to fail: it may have been repaired */
#define STEP_MS 50
#define STEADY_STEPS 6 /* so often in a row everything must be as expected */

typedef struct service_run {
    corpus *c;
    pid_t pid;
    char socket[600];
    tu_arena arena; /* of the last status */
    const tu_value *rules;
} service_run;

/* --- the process ------------------------------------------------------------------------------ */

static bool start(service_run *r, const char *program) {
    char state[600], log[600];
    snprintf(state, sizeof state, "%s/state", r->c->scratch);
    snprintf(log, sizeof log, "%s/service.log", r->c->scratch);
    snprintf(r->socket, sizeof r->socket, "%s/state/trueup.sock", r->c->scratch);
    r->pid = fork();
    if (r->pid != 0)
        return r->pid > 0;
    int out = open(log, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execl(program, program, "run", "-c", r->c->service_config, "--state", state, "-o", "json",
          (char *)NULL);
    _exit(127);
}

static bool is_running(service_run *r) {
    int status;
    return r->pid > 0 && waitpid(r->pid, &status, WNOHANG) == 0;
}

static void print_log(const corpus *c) {
    char path[600];
    snprintf(path, sizeof path, "%s/service.log", c->scratch);
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(64 * TU_MIB);
    if (tu_file_read(path, 64 * TU_MIB, &text, NULL) == TU_OK)
        fprintf(stderr, "%s", text.n > 8000 ? text.p + text.n - 8000 : tu_buf_c(&text));
}

/* Told to end, it must end well: a sanitizer's complaint is a failure, too. */
static bool stop(service_run *r) {
    int status = 0;
    tu_clock clock = tu_clock_real();
    int64_t end = tu_clock_monotonic() + 2 * PATIENCE_MS;
    (void)clock;
    kill(r->pid, SIGTERM);
    while (waitpid(r->pid, &status, WNOHANG) == 0 && tu_clock_monotonic() < end)
        usleep(STEP_MS * 1000);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && tu_clock_monotonic() < end)
        return true;
    kill(r->pid, SIGKILL);
    fprintf(stderr, "the service did not end as it should (%x)\n", (unsigned)status);
    print_log(r->c);
    return false;
}

/* --- what it knows ---------------------------------------------------------------------------- */

static bool ask(service_run *r) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(64 * TU_MIB);
    tu_value *status = NULL;
    r->rules = NULL;
    tu_arena_reset(&r->arena);
    if (tu_status_ask(r->socket, "status", &text, NULL) != TU_OK ||
        tu_json_parse(&r->arena, tu_buf_str(&text), TU_JSON_COPY, NULL, &status, NULL, NULL) !=
            TU_OK)
        return false;
    r->rules = tu_value_get(status, "rules");
    return r->rules != NULL;
}

static const tu_value *rule_of(const service_run *r, const corpus_case *k) {
    for (uint32_t i = 0; i < tu_value_count(r->rules); i++) {
        tu_str name = tu_value_get_string(tu_value_at(r->rules, i), "name");
        if (name.n > 5 && tu_str_is((tu_str){name.p + 5, name.n - 5}, k->name)) /* "case-" */
            return tu_value_at(r->rules, i);
    }
    return NULL;
}

/* The finding of the rule's one object as the report has it; of what is no drift nothing but the verdict. NULL: nothing is known yet. */
static const tu_value *finding_of(service_run *r, const corpus_case *k) {
    const tu_value *rule = rule_of(r, k), *summary = tu_value_get(rule, "summary");
    const tu_value *open = tu_value_at(tu_value_get(rule, "open"), 0);
    if (open)
        return tu_value_get(open, "object");
    for (int v = 0; v < TU_VERDICT_COUNT; v++) {
        const char *name = tu_verdict_name((tu_verdict)v);
        if (tu_value_integer(tu_value_get(summary, name), 0) == 0)
            continue;
        tu_value *finding = tu_value_new(&r->arena, TU_MAP);
        tu_value_set_string(&r->arena, finding, "verdict", tu_str_c(name));
        return finding;
    }
    return NULL;
}

/* What the engine must say: as the judge, where `engine` doesn't say otherwise. What is no drift is told without changes and reasons. */
static void compare_end(service_run *r, const corpus_case *k, tu_buf *differences) {
    const tu_value *expect = tu_value_get(k->said, "expect"),
                   *override = tu_value_get(expect, "engine");
    const tu_value *finding = finding_of(r, k);
    tu_value *mine = tu_value_new(&r->arena, TU_MAP);
    for (uint32_t i = 0; i < tu_value_count(expect); i++)
        tu_value_set(&r->arena, mine, expect->map.members[i].key, &expect->map.members[i].value);
    for (uint32_t i = 0; i < tu_value_count(override); i++)
        tu_value_set(&r->arena, mine, override->map.members[i].key,
                     &override->map.members[i].value);
    if (!tu_value_get(finding, "changes"))
        for (const char *const *p = (const char *const[]){"changes", "reason", "onset", NULL}; *p;
             p++)
            if (!tu_value_get(override, *p))
                tu_value_remove(mine, tu_str_c(*p));
    if (!finding)
        tu_buf_add_c(differences, "nothing is known of the object\n");
    else
        corpus_compare(k, mine, finding, NULL, tu_value_get(override, "confidence") != NULL,
                       differences);
}

/* At the mark: the verdict that the case's `mark` step names. */
static void compare_mark(service_run *r, const corpus_case *k, tu_buf *differences) {
    const tu_value *steps = tu_value_get(k->said, "steps"), *finding = finding_of(r, k);
    tu_str word = TU_S("in-sync"), got = tu_value_get_string(finding, "verdict");
    for (uint32_t i = 0; i < tu_value_count(steps); i++)
        if (tu_value_get(tu_value_at(steps, i), "mark"))
            word = tu_value_get_string(tu_value_at(steps, i), "mark");
    if (k->marked && !tu_str_eq(got, word))
        tu_buf_addf(differences, "at the mark: expected %.*s, got %.*s\n", TU_P(word), TU_P(got));
    if (!finding)
        tu_buf_add_c(differences, "nothing was known of the object before anything happened\n");
}

/* --- waiting ---------------------------------------------------------------------------------- */

typedef void (*comparison)(service_run *r, const corpus_case *k, tu_buf *differences);

/* How much was asked of the targets so far: as long as it grows, something is still being verified. */
static int64_t asked(const corpus *c) {
    int64_t bytes = 0;
    for (size_t i = 0; i < c->n; i++) {
        char path[900];
        struct stat st;
        snprintf(path, sizeof path, "%s/stage/%s.calls", c->scratch, c->cases[i].name);
        bytes += stat(path, &st) == 0 ? st.st_size : 0;
    }
    return bytes;
}

/* Every case against what the service knows now; what differs is in differences. False: something that is waited for differs. */
static bool compare_all(service_run *r, comparison compare, bool patient, tu_buf *differences) {
    bool answered = ask(r), all = answered;
    for (size_t i = 0; i < r->c->n; i++) {
        const corpus_case *k = &r->c->cases[i];
        tu_buf_clear(&differences[i]);
        if (!corpus_has_run(k))
            continue;
        if (answered)
            compare(r, k, &differences[i]);
        else
            tu_buf_add_c(&differences[i], "the service gives no answer\n");
        all = all && (differences[i].n == 0 || (k->excused && !patient));
    }
    return all;
}

/* Until every case compares well so many times in a row, while nothing more is asked of the targets. */
static void await(service_run *r, comparison compare, tu_buf *differences) {
    const int64_t begin = tu_clock_monotonic();
    int64_t before = -1;
    for (int well = 0; well < STEADY_STEPS;) {
        int64_t elapsed = tu_clock_monotonic() - begin, now = asked(r->c);
        bool all = compare_all(r, compare, elapsed < EXCUSED_MS, differences) && now == before;
        before = now;
        well = all ? well + 1 : 0;
        if (!all && (elapsed > PATIENCE_MS || !is_running(r)))
            return;
        usleep(STEP_MS * 1000);
    }
}

/* Every target has told what was recorded. */
static bool await_told(service_run *r) {
    int64_t end = tu_clock_monotonic() + PATIENCE_MS;
    for (size_t i = 0; i < r->c->n;) {
        char path[900];
        snprintf(path, sizeof path, "%s/stage/%s.done", r->c->scratch, r->c->cases[i].name);
        const tu_value *rule = rule_of(r, &r->c->cases[i]);
        const tu_value *summary =
            tu_value_get(rule, "summary"); /* what has no kind isn't watched */
        bool is_watched = tu_value_integer(tu_value_get(summary, "objects"), 0) > 0 &&
                          tu_value_integer(tu_value_get(summary, "invalid"), 0) == 0 &&
                          tu_value_integer(tu_value_get(summary, "unknown"), 0) == 0;
        if (!corpus_has_run(&r->c->cases[i]) || !is_watched || tu_file_exists(path)) {
            i++;
        } else if (tu_clock_monotonic() > end) {
            fprintf(stderr, "%s: its target was never watched to the end\n", r->c->cases[i].name);
            return false;
        } else {
            usleep(STEP_MS * 1000);
        }
    }
    return true;
}

bool corpus_run_engine(corpus *c, const char *program, tu_buf *differences) {
    service_run r = {.c = c};
    char path[600];
    tu_arena_init(&r.arena, 0);
    tu_buf *marks = calloc(c->n, sizeof *marks);
    for (size_t i = 0; i < c->n; i++)
        tu_buf_init(&marks[i], TU_MIB);
    bool fine = marks && start(&r, program);
    if (fine) {
        await(&r, compare_mark, marks);
        snprintf(path, sizeof path, "%s/stage/go", c->scratch);
        fine = tu_file_write(path, TU_S("go\n"), 0644, NULL) == TU_OK && await_told(&r);
        await(&r, compare_end, differences);
        fine = stop(&r) && fine;
    }
    for (size_t i = 0; i < c->n; i++) {
        tu_buf_add(&differences[i], tu_buf_str(&marks[i]));
        tu_buf_done(&marks[i]);
    }
    free(marks);
    tu_arena_done(&r.arena);
    return fine;
}
