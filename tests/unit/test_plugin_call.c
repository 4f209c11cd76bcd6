/*
 * What passes between the host and a plugin during a call: records, failures, cancelling,
 * deadlines, turns. The plugin is the puppet of tests/plugin/puppet.h. Nothing here waits for a
 * time to pass except where a deadline is the subject.
 */
#include "plugins.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"

/* What on_record saw. */
typedef struct seen {
    size_t n, metas;
    uint32_t last_record, last_index;
    char last_body[256], last_text[256];
    int64_t last_done;
    size_t refuse_at; /* 1: the first record is refused */
    tu_rc refuse_with;
} seen;

static void keep_text(char *to, size_t room, tu_str from) {
    snprintf(to, room, "%.*s", TU_P(from));
}

static tu_rc on_record(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                       tu_str body) {
    seen *s = arg;
    s->n++;
    s->metas += meta != NULL;
    s->last_record = record;
    s->last_index = index;
    keep_text(s->last_body, sizeof s->last_body, body);
    keep_text(s->last_text, sizeof s->last_text, tu_value_get_string(meta, "message"));
    s->last_done = tu_value_integer(tu_value_get(meta, "done"), 0);
    return s->refuse_at == s->n ? s->refuse_with : TU_OK;
}

static tu_plugin_use *puppet(const char *name) {
    return test_use_create(test_plugin_open(name), TU_KIND_TARGET, "{}", NULL);
}

static tu_rc list(tu_plugin_use *u, const char *words, seen *s, tu_error **error) {
    tu_call_options o = {.on_record = on_record, .arg = s};
    return tu_call_list(u, tu_str_c(words), &o, error);
}

/* --- records ---------------------------------------------------------------------------------- */

static void records_come_in_order_with_their_scope_and_body(void **state) {
    tu_plugin_use *u = puppet("puppet-parallel");
    seen s = {0};
    (void)state;
    assert_int_equal(list(u, "stream 3", &s, NULL), TU_OK);
    assert_int_equal(s.n, 5);
    assert_int_equal(s.metas, 0);
    assert_int_equal(s.last_record, TU_REC_END);
    s = (seen){.refuse_at = 4, .refuse_with = TU_ECANCELLED};
    assert_int_equal(list(u, "stream 3", &s, NULL), TU_ECANCELLED);
    assert_int_equal(s.last_record, TU_REC_OBJECT);
    assert_int_equal(s.last_index, 2);
    assert_string_equal(s.last_body, "{\"kind\":\"Pod\"}");
    tu_plugin_use_free(u);
}

static void streaming_objects_allocates_nothing(void **state) {
    tu_plugin_use *u = puppet("puppet-parallel");
    seen s = {0};
    (void)state;
    list(u, "stream 1", &s, NULL);
    tu_mem_fail_after(0);
    assert_int_equal(list(u, "stream 10000", &s, NULL), TU_OK);
    assert_true(tu_mem_fail_after(0) < 10); /* the call itself may, once */
    tu_plugin_use_free(u);
}

static void meta_is_parsed_for_the_core(void **state) {
    tu_plugin_use *u = puppet("puppet-parallel");
    seen s = {0};
    (void)state;
    assert_int_equal(list(u, "meta {\"class\":-5,\"message\":\"away\"}", &s, NULL), TU_OK);
    assert_int_equal(s.metas, 1);
    assert_string_equal(s.last_text, "away");
    assert_int_equal(s.last_index, 3);
    tu_plugin_use_free(u);
}

static void a_record_that_breaks_the_contract_stops_the_call_and_is_not_passed_on(void **state) {
    static const struct {
        const char *words, *message;
    } broken[] = {
        {"meta {\"a\":", "record 34 with broken meta"},
        {"meta [1]", "meta is not a JSON object"},
        {"meta {\"a\":1,\"a\":2}", "broken meta"},
        {"huge-meta", "TU_LIMIT_META_BYTES"},
        {"record 11", "record 11: this function doesn't emit such records"},
    };
    tu_plugin_use *u = puppet("puppet-parallel");
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        seen s = {0};
        tu_error *error = NULL;
        assert_int_equal(list(u, broken[i].words, &s, &error), TU_EINTERNAL);
        assert_int_equal(s.n, 0);
        assert_contains(tu_error_text(error), broken[i].message);
        assert_contains(tu_error_text(error), "target prod: ");
        tu_error_free(error);
    }
    assert_contains(test_log_text(), "the plugin broke its contract");
    tu_plugin_use_free(u);
}

static void a_record_of_a_later_contract_is_left_alone(void **state) {
    tu_plugin_use *u = puppet("puppet-parallel");
    seen s = {0};
    (void)state;
    assert_int_equal(list(u, "record 63", &s, NULL), TU_OK);
    assert_int_equal(list(u, "record 4000000000", &s, NULL), TU_OK);
    assert_int_equal(s.n, 0);
    tu_plugin_use_free(u);
}

static void after_a_refused_record_none_goes_out_and_the_call_has_failed(void **state) {
    static const char *const words[] = {"stream 5", "goes-on 5"};
    tu_plugin_use *u = puppet("puppet-parallel");
    (void)state;
    for (int i = 0; i < 2; i++) {
        seen s = {.refuse_at = 2, .refuse_with = TU_EINVALID};
        tu_error *error = NULL;
        assert_int_equal(list(u, words[i], &s, &error), TU_EINVALID);
        assert_int_equal(s.n, 2);
        assert_string_equal(tu_error_text(error), "target prod: list was stopped");
        tu_error_free(error);
    }
    tu_plugin_use_free(u);
}

/* --- failures --------------------------------------------------------------------------------- */

static const struct {
    const char *words;
    tu_rc rc;
    const char *message, *code;
    int64_t retry_after_ms;
} failures[] = {
    {"fail -6", TU_ETHROTTLED, "target prod: in our words", "word", 2500},
    {"fail -12", TU_EREFUSED, "target prod: in our words", "word", 2500},
    {"fail -13", TU_EINTERNAL, "target prod: in our words", "word", 2500},
    {"fail 3", TU_EINTERNAL, "target prod: in our words", "word", 2500},
    {"fail-twice", TU_EDENIED, "target prod: the first reason", "first", 0},
    {"fail-in-control", TU_EINVALID, "target prod: a [31mred line?", "x", 0},
    {"result -3", TU_ENOTFOUND,
     "target prod: list failed (not-found) and the plugin didn't say why", NULL, 0},
    {"result 7", TU_EINTERNAL, "target prod: list returned 7, which is no result of the contract",
     NULL, 0},
    {"result -99", TU_EINTERNAL,
     "target prod: list returned -99, which is no result of the contract", NULL, 0},
};

static void a_failure_says_whose_what_and_when_to_try_again(void **state) {
    tu_plugin_use *u = puppet("puppet-parallel");
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        tu_error *error = NULL;
        seen s = {0};
        assert_int_equal(list(u, failures[i].words, &s, &error), failures[i].rc);
        assert_non_null(error);
        assert_int_equal(error->rc, failures[i].rc);
        assert_string_equal(tu_error_text(error), failures[i].message);
        assert_int_equal(error->retry_after_ms, failures[i].retry_after_ms);
        if (failures[i].code)
            assert_string_equal(error->code, failures[i].code);
        tu_error_free(error);
    }
    tu_plugin_use_free(u);
}

static void a_plugin_that_recovers_has_not_failed(void **state) {
    tu_plugin_use *u = puppet("puppet-parallel");
    tu_error *error = NULL;
    seen s = {0};
    (void)state;
    assert_int_equal(list(u, "recover", &s, &error), TU_OK);
    assert_null(error);
    tu_plugin_use_free(u);
}

static void a_function_that_is_not_there_is_unsupported(void **state) {
    tu_plugin_use *u = puppet("puppet-serial");
    tu_error *error = NULL;
    (void)state;
    assert_false(tu_plugin_use_can_watch(u));
    assert_false(tu_plugin_use_can_patch(u));
    assert_int_equal(tu_call_target_watch(u, TU_S(""), NULL, &error), TU_EUNSUPPORTED);
    assert_contains(tu_error_text(error),
                    "target prod: plugin dev.trueup.test-puppet has no watch");
    tu_error_free(error);
    assert_int_equal(tu_call_send(u, TU_S("{}"), TU_S("k"), NULL, NULL, NULL, NULL),
                     TU_EUNSUPPORTED);
    tu_plugin_use_free(u);
}

/* --- misuse ----------------------------------------------------------------------------------- */

static void a_call_that_ended_reaches_nobody(void **state) {
    tu_plugin_use *u = puppet("puppet-parallel");
    seen first = {0}, second = {0};
    (void)state;
    assert_int_equal(list(u, "keep", &first, NULL), TU_OK);
    assert_int_equal(list(u, "use-kept", &second, NULL), TU_OK);
    assert_int_equal(first.n, 0);
    assert_int_equal(second.n, 0);
    assert_lacks(test_log_text(), "from the grave");
    assert_contains(test_log_text(), "outside a call");
    tu_plugin_use_free(u);
}

static void many_calls_reuse_their_memory(void **state) {
    tu_plugin_use *u = puppet("puppet-parallel");
    seen s = {0};
    (void)state;
    for (int i = 0; i < 200; i++) /* leaks and stale state show under the sanitizers */
        assert_int_equal(list(u, i % 2 ? "stream 1" : "fail -3", &s, NULL),
                         i % 2 ? TU_OK : TU_ENOTFOUND);
    tu_plugin_use_free(u);
}

static void the_tree_is_only_for_renderers(void **state) {
    tu_plugin_use *u = puppet("puppet-parallel");
    seen s = {0};
    (void)state;
    assert_int_equal(list(u, "tree", &s, NULL), TU_EUNSUPPORTED);
    tu_plugin_use_free(u);
}

/* --- what the host offers --------------------------------------------------------------------- */

static void a_renderer_reads_the_tree_in_order(void **state) {
    tu_plugin_use *u =
        test_use_create(test_plugin_open("puppet-parallel"), TU_KIND_RENDER, "{}", NULL);
    tu_tree_file files[] = {{TU_S("a"), TU_S("first")},
                            {TU_S("b/c"), TU_S("second")},
                            {TU_S("b/d"), TU_S("third")},
                            {TU_S("stop"), TU_S("never")}};
    tu_tree tree = {.files = files, .n = 4};
    seen s = {0};
    tu_call_options o = {.on_record = on_record, .arg = &s, .tree = &tree};
    (void)state;
    assert_int_equal(tu_call_accepts(u, &o, NULL), TU_OK);
    assert_int_equal(tu_call_render(u, TU_S("{}"), &o, NULL), TU_OK);
    assert_int_equal(s.n, 3);
    assert_string_equal(s.last_body, "third");
    tu_plugin_use_free(u);
}

static void every_kind_is_called_with_its_arguments(void **state) {
    const tu_library *l = test_plugin_open("puppet-parallel");
    tu_plugin_use *source = test_use_create(l, TU_KIND_SOURCE, "{}", NULL);
    tu_plugin_use *target = test_use_create(l, TU_KIND_TARGET, "{}", NULL);
    tu_plugin_use *notifier = test_use_create(l, TU_KIND_NOTIFIER, "{}", NULL);
    seen s = {0};
    tu_call_options o = {.on_record = on_record, .arg = &s};
    (void)state;
    assert_int_equal(tu_call_probe(source, &o, NULL), TU_OK);
    assert_int_equal(tu_call_resolve(source, &o, NULL), TU_OK);
    assert_int_equal(s.last_record, TU_REC_REVISION);
    assert_int_equal(tu_call_fetch(source, TU_S("1"), TU_S("the/path"), &o, NULL), TU_OK);
    assert_string_equal(s.last_body, "the/path");
    assert_int_equal(tu_call_apply(target, TU_S("{\"o\":1}"), TU_S("{}"), &o, NULL), TU_OK);
    assert_string_equal(s.last_body, "{\"o\":1}");
    assert_int_equal(tu_call_remove(target, TU_S("{\"i\":1}"), TU_S("{}"), &o, NULL), TU_OK);
    assert_int_equal(tu_call_send(notifier, TU_S("m"), TU_S("key"), NULL, NULL, &o, NULL), TU_OK);
    assert_int_equal(s.last_record, TU_REC_DELIVERED);
    assert_string_equal(tu_plugin_use_name(target), "prod");
    assert_true(tu_plugin_use_can_watch(source));
    assert_true(tu_plugin_use_can_watch(target));
    assert_false(tu_plugin_use_can_watch(notifier));
    tu_plugin_use_free(source);
    tu_plugin_use_free(target);
    tu_plugin_use_free(notifier);
}

static void
a_notifier_is_told_of_earlier_attempts_and_gives_its_name_for_the_message(void **state) {
    tu_plugin_use *u =
        test_use_create(test_plugin_open("puppet-parallel"), TU_KIND_NOTIFIER, "{}", NULL);
    const tu_sending sending = {
        .attempt = 3, .uncertain = true, .brief = true, .reference = TU_S("C1 \"17.3\"")};
    seen s = {0};
    tu_call_options o = {.on_record = on_record, .arg = &s};
    tu_buf reference = TU_BUF_INIT(TU_MIB);
    (void)state;
    assert_int_equal(tu_call_send(u, TU_S("m1"), TU_S("k"), NULL, &reference, &o, NULL), TU_OK);
    assert_string_equal(s.last_body, "{\"attempt\":1,\"uncertain\":false,\"brief\":false,"
                                     "\"reference\":\"\"}");
    assert_string_equal(tu_buf_c(&reference), "m1");
    assert_int_equal(tu_call_send(u, TU_S("m2"), TU_S("k"), &sending, &reference, &o, NULL), TU_OK);
    assert_string_equal(s.last_body, "{\"attempt\":3,\"uncertain\":true,\"brief\":true,"
                                     "\"reference\":\"C1 \\\"17.3\\\"\"}");
    assert_string_equal(tu_buf_c(&reference), "m2");
    tu_buf_done(&reference);
    tu_plugin_use_free(u);
}

static void a_reference_that_is_too_long_is_not_kept(void **state) {
    tu_plugin_use *u =
        test_use_create(test_plugin_open("puppet-parallel"), TU_KIND_NOTIFIER, "{}", NULL);
    char message[TU_LIMIT_REFERENCE_BYTES + 2];
    tu_buf reference = TU_BUF_INIT(TU_MIB);
    (void)state;
    memset(message, 'x', sizeof message);
    const tu_str fits = {message, TU_LIMIT_REFERENCE_BYTES}, long_one = {message, fits.n + 1};
    assert_int_equal(tu_call_send(u, fits, TU_S("k"), NULL, &reference, NULL, NULL), TU_OK);
    assert_int_equal(reference.n, TU_LIMIT_REFERENCE_BYTES);
    assert_int_equal(tu_call_send(u, long_one, TU_S("k"), NULL, &reference, NULL, NULL), TU_OK);
    assert_int_equal(reference.n, 0);
    assert_contains(test_log_text(), "TU_LIMIT_REFERENCE_BYTES");
    tu_buf_done(&reference);
    tu_plugin_use_free(u);
}

static void a_notifier_older_than_deliver_is_asked_to_send(void **state) {
    tu_plugin_use *u =
        test_use_create(test_plugin_open("older-notifier"), TU_KIND_NOTIFIER, "{}", NULL);
    const tu_sending sending = {.attempt = 2, .uncertain = true};
    seen s = {0};
    tu_call_options o = {.on_record = on_record, .arg = &s};
    tu_buf reference = TU_BUF_INIT(TU_MIB);
    (void)state;
    assert_int_equal(tu_call_send(u, TU_S("m"), TU_S("key"), &sending, &reference, &o, NULL),
                     TU_OK);
    assert_string_equal(s.last_body, "m");
    assert_string_equal(tu_buf_c(&reference), "key");
    tu_buf_done(&reference);
    tu_plugin_use_free(u);
}

static void a_rate_is_read_from_the_schema(void **state) {
    int64_t messages = -1, per_ms = -1;
    (void)state;
    assert_true(tu_library_rate(test_plugin_open("puppet-parallel"), &messages, &per_ms));
    assert_int_equal(messages, 3);
    assert_int_equal(per_ms, 2000);
    assert_false(tu_library_rate(test_plugin_open("good"), &messages, &per_ms));
    assert_int_equal(messages, 0);
}

static void what_a_plugin_logs_names_the_use(void **state) {
    tu_plugin_use *u = puppet("puppet-parallel");
    seen s = {0};
    (void)state;
    assert_int_equal(list(u, "say hello there", &s, NULL), TU_OK);
    assert_contains(test_log_text(), "hello there");
    assert_contains(test_log_text(), "target prod");
    assert_int_equal(list(u, "extension trueup.host.unknown/1", &s, NULL), TU_EUNSUPPORTED);
    tu_plugin_use_free(u);
}

static void scratch_is_private_and_absolute(void **state) {
    char *folder = test_scratch_new(), path[512];
    struct stat status;
    seen s = {0};
    (void)state;
    snprintf(path, sizeof path, "%s/a/b", folder);
    tu_plugin_use *u =
        test_use_create(test_plugin_open("puppet-parallel"), TU_KIND_TARGET, "{}", path);
    assert_int_equal(list(u, "scratch", &s, NULL), TU_OK);
    assert_int_equal(s.last_body[0], '/');
    assert_contains(s.last_body, "/a/b");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    tu_plugin_use_free(u);
    u = puppet("puppet-parallel");
    assert_int_equal(list(u, "scratch", &s, NULL), TU_OK);
    assert_string_equal(s.last_body, "");
    tu_plugin_use_free(u);
    test_scratch_remove(folder);
}

static void an_instance_that_is_refused_says_why(void **state) {
    static const struct {
        const char *plugin, *yaml, *message;
    } cases[] = {
        {"puppet-parallel", "{name: refuse-me}", "target prod: this config is refused"},
        {"creates-nothing", "{}", "target prod: plugin dev.trueup.test-module created nothing"},
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        tu_plugin_use *u = NULL;
        tu_error *error = NULL;
        test_use t;
        test_use_read(&t, "test", cases[i].yaml);
        assert_true(tu_plugin_use_new(test_plugin_open(cases[i].plugin), TU_KIND_TARGET, &t.use,
                                      NULL, &u, &error) < 0);
        assert_null(u);
        assert_string_equal(tu_error_text(error), cases[i].message);
        if (error->rc == TU_EINVALID) { /* the config's fault: at its place */
            assert_string_equal(error->file, "test.yaml");
            assert_int_equal(error->line, 1);
        }
        tu_error_free(error);
        test_use_done(&t);
    }
}

static void a_pointer_in_a_refusal_leads_to_the_line_in_the_file(void **state) {
    static const struct {
        const char *yaml;
        int64_t line, column;
    } cases[] = {
        {"name: refuse-color\nlevel: 3\ncolor: red\n", 3, 8},
        {"name: refuse-color\n", 1, 1}, /* there is none: the config as a whole */
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        tu_plugin_use *u = NULL;
        tu_error *error = NULL;
        test_use t;
        test_use_read(&t, "test", cases[i].yaml);
        assert_int_equal(tu_plugin_use_new(test_plugin_open("puppet-parallel"), TU_KIND_NOTIFIER,
                                           &t.use, NULL, &u, &error),
                         TU_EINVALID);
        assert_string_equal(tu_error_text(error), "notifier prod: this color is refused");
        assert_string_equal(error->file, "test.yaml");
        assert_int_equal(error->line, cases[i].line);
        assert_int_equal(error->column, cases[i].column);
        tu_error_free(error);
        test_use_done(&t);
    }
}

/* Every allocation fails once: the call fails with a class and words, or succeeds, and the next one
 * works. */
static void a_call_survives_running_out_of_memory(void **state) {
    static const char *const words[] = {"meta {\"message\":\"m\",\"n\":[1,2]}",
                                        "fail -6",
                                        "fail-twice",
                                        "say hello",
                                        "result -3",
                                        "meta {",
                                        "config"};
    tu_plugin_use *u = puppet("puppet-parallel");
    (void)state;
    for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
        seen s = {0};
        tu_error *plain = NULL;
        tu_rc expected = list(u, words[w], &s, &plain);
        tu_error_free(plain);
        for (size_t n = 1; n < 50; n++) {
            tu_error *error = NULL;
            tu_mem_fail_after(n);
            tu_rc rc = list(u, words[w], &s, &error);
            tu_mem_fail_after(0);
            assert_true(rc == expected || rc == TU_EINTERNAL);
            assert_true(rc == TU_OK ? error == NULL : error != NULL && *tu_error_text(error));
            tu_error_free(error);
            assert_int_equal(list(u, words[w], &s, NULL), expected);
        }
    }
    tu_plugin_use_free(u);
}

/* --- cancelling and deadlines ----------------------------------------------------------------- */

/* A call on a thread of its own that reports when it is inside the plugin and can be held there. */
typedef struct runner {
    pthread_t thread;
    tu_plugin_use *use;
    const char *words; /* NULL: watch */
    tu_cancel *cancel;
    bool hold;
    tu_rc rc;
    tu_error *error;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool inside, released;
} runner;

static tu_rc report_inside(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                           tu_str body) {
    runner *r = arg;
    (void)record, (void)index, (void)meta, (void)body;
    pthread_mutex_lock(&r->lock);
    r->inside = true;
    pthread_cond_broadcast(&r->changed);
    while (r->hold && !r->released)
        pthread_cond_wait(&r->changed, &r->lock);
    pthread_mutex_unlock(&r->lock);
    return TU_OK;
}

static void *run(void *arg) {
    runner *r = arg;
    tu_call_options o = {.on_record = report_inside, .arg = r, .cancel = r->cancel};
    r->rc = r->words ? tu_call_list(r->use, tu_str_c(r->words), &o, &r->error)
                     : tu_call_target_watch(r->use, TU_S("{}"), &o, &r->error);
    return NULL;
}

static void runner_start(runner *r) {
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
}

static void runner_wait_inside(runner *r) {
    pthread_mutex_lock(&r->lock);
    while (!r->inside)
        pthread_cond_wait(&r->changed, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

static void runner_release(runner *r) {
    pthread_mutex_lock(&r->lock);
    r->released = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static void runner_join(runner *r, tu_rc expected) {
    pthread_join(r->thread, NULL);
    assert_int_equal(r->rc, expected);
    tu_error_free(r->error);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
}

static void one_cancel_stops_all_calls_that_block_in_poll(void **state) {
    tu_plugin_use *u = puppet("puppet-parallel");
    tu_cancel *cancel = tu_cancel_new();
    runner r[5] = {0};
    (void)state;
    for (int i = 0; i < 5; i++) {
        r[i] = (runner){.use = u, .words = i ? "wait-cancelled" : NULL, .cancel = cancel};
        runner_start(&r[i]);
        runner_wait_inside(&r[i]);
    }
    assert_false(tu_cancel_fired(cancel));
    tu_cancel_fire(cancel);
    tu_cancel_fire(cancel);
    assert_true(tu_cancel_fired(cancel));
    for (int i = 0; i < 5; i++)
        runner_join(&r[i], TU_ECANCELLED);
    tu_plugin_use_free(u);
    tu_cancel_free(cancel);
    tu_cancel_free(NULL);
}

static tu_cancel *signalled;
static void on_signal(int number) {
    (void)number;
    tu_cancel_fire(signalled);
}

static void a_signal_handler_may_cancel(void **state) {
    tu_plugin_use *u = puppet("puppet-parallel");
    struct sigaction action = {.sa_handler = on_signal}, old;
    runner r = {0};
    (void)state;
    signalled = tu_cancel_new();
    assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
    r = (runner){.use = u, .words = "wait-cancelled", .cancel = signalled};
    runner_start(&r);
    runner_wait_inside(&r);
    assert_int_equal(raise(SIGUSR1), 0);
    runner_join(&r, TU_ECANCELLED);
    assert_int_equal(sigaction(SIGUSR1, &old, NULL), 0);
    tu_cancel_free(signalled);
    tu_plugin_use_free(u);
}

static void a_call_knows_its_deadline(void **state) {
    tu_plugin_use *u = puppet("puppet-parallel");
    seen s = {0};
    tu_call_options o = {.on_record = on_record, .arg = &s, .timeout_ms = 3600000};
    int64_t before = tu_clock_monotonic();
    (void)state;
    assert_int_equal(tu_call_list(u, TU_S("deadline"), &o, NULL), TU_OK);
    assert_true(s.last_done >= before + 3600000);
    assert_true(s.last_done <= tu_clock_monotonic() + 3600000);
    o.timeout_ms = 0;
    assert_int_equal(tu_call_list(u, TU_S("deadline"), &o, NULL), TU_OK);
    assert_true(s.last_done < 0);
    o.timeout_ms = 1;
    assert_int_equal(tu_call_list(u, TU_S("wait-deadline"), &o, NULL), TU_ETIMEOUT);
    tu_plugin_use_free(u);
}

/* --- turns ------------------------------------------------------------------------------------ */

/* While one call is held inside the plugin: may another one come in? */
static tu_rc call_beside(tu_plugin_use *held, tu_plugin_use *other, bool held_watches) {
    runner r = {.use = held, .words = held_watches ? NULL : "progress", .hold = true};
    tu_cancel *cancel = tu_cancel_new();
    tu_call_options quick = {.timeout_ms = 1};
    tu_rc rc;
    r.cancel = cancel;
    runner_start(&r);
    runner_wait_inside(&r);
    rc = tu_call_list(other, TU_S("result 0"), &quick, NULL);
    runner_release(&r);
    tu_cancel_fire(cancel);
    runner_join(&r, held_watches ? TU_ECANCELLED : TU_OK);
    tu_cancel_free(cancel);
    return rc;
}

static void calls_come_in_as_the_thread_model_says(void **state) {
    static const struct {
        const char *plugin;
        tu_rc same, other, beside_watch;
        bool parallel;
    } models[] = {
        {"puppet-parallel", TU_OK, TU_OK, TU_OK, true},
        {"puppet-instance", TU_ETIMEOUT, TU_OK, TU_OK, false},
        {"puppet-serial", TU_ETIMEOUT, TU_ETIMEOUT, TU_EUNSUPPORTED, false},
    };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        tu_plugin_use *a = puppet(models[i].plugin), *b = puppet(models[i].plugin);
        print_message("%s\n", models[i].plugin);
        assert_int_equal(tu_plugin_use_parallel(a), models[i].parallel);
        assert_int_equal(call_beside(a, a, false), models[i].same);
        assert_int_equal(call_beside(a, b, false), models[i].other);
        if (models[i].beside_watch == TU_OK)
            assert_int_equal(call_beside(a, a, true), TU_OK);
        assert_int_equal(tu_call_list(a, TU_S("result 0"), NULL, NULL), TU_OK);
        tu_plugin_use_free(a);
        tu_plugin_use_free(b);
    }
}

static void a_call_that_waits_for_its_turn_can_be_cancelled(void **state) {
    tu_plugin_use *u = puppet("puppet-instance");
    tu_cancel *cancel = tu_cancel_new();
    runner holder = {.use = u, .words = "progress", .hold = true};
    runner waiter = {.use = u, .words = "progress", .cancel = cancel};
    (void)state;
    runner_start(&holder);
    runner_wait_inside(&holder);
    runner_start(&waiter);
    tu_cancel_fire(cancel);
    pthread_join(waiter.thread, NULL);
    assert_int_equal(waiter.rc, TU_ECANCELLED);
    assert_false(waiter.inside);
    assert_contains(tu_error_text(waiter.error), "cancelled before it began");
    tu_error_free(waiter.error);
    runner_release(&holder);
    runner_join(&holder, TU_OK);
    tu_plugin_use_free(u);
    tu_cancel_free(cancel);
}

static void waiting_calls_all_get_their_turn(void **state) {
    tu_plugin_use *u = puppet("puppet-serial");
    runner r[8] = {0};
    (void)state;
    for (int i = 0; i < 8; i++) {
        r[i] = (runner){.use = u, .words = "stream 100"};
        runner_start(&r[i]);
    }
    for (int i = 0; i < 8; i++)
        runner_join(&r[i], TU_OK);
    tu_plugin_use_free(u);
}

static int begin_log(void **state) {
    (void)state;
    test_log_begin();
    return 0;
}

static int end_log(void **state) {
    (void)state;
    test_log_end();
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_log, end_log)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(records_come_in_order_with_their_scope_and_body),
        TEST(streaming_objects_allocates_nothing),
        TEST(meta_is_parsed_for_the_core),
        TEST(a_record_that_breaks_the_contract_stops_the_call_and_is_not_passed_on),
        TEST(a_record_of_a_later_contract_is_left_alone),
        TEST(after_a_refused_record_none_goes_out_and_the_call_has_failed),
        TEST(a_failure_says_whose_what_and_when_to_try_again),
        TEST(a_plugin_that_recovers_has_not_failed),
        TEST(a_function_that_is_not_there_is_unsupported),
        TEST(a_call_that_ended_reaches_nobody),
        TEST(many_calls_reuse_their_memory),
        TEST(the_tree_is_only_for_renderers),
        TEST(a_renderer_reads_the_tree_in_order),
        TEST(every_kind_is_called_with_its_arguments),
        TEST(a_notifier_is_told_of_earlier_attempts_and_gives_its_name_for_the_message),
        TEST(a_reference_that_is_too_long_is_not_kept),
        TEST(a_notifier_older_than_deliver_is_asked_to_send),
        TEST(a_rate_is_read_from_the_schema),
        TEST(what_a_plugin_logs_names_the_use),
        TEST(scratch_is_private_and_absolute),
        TEST(an_instance_that_is_refused_says_why),
        TEST(a_pointer_in_a_refusal_leads_to_the_line_in_the_file),
        TEST(a_call_survives_running_out_of_memory),
        TEST(one_cancel_stops_all_calls_that_block_in_poll),
        TEST(a_signal_handler_may_cancel),
        TEST(a_call_knows_its_deadline),
        TEST(calls_come_in_as_the_thread_model_says),
        TEST(a_call_that_waits_for_its_turn_can_be_cancelled),
        TEST(waiting_calls_all_get_their_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
