/*
 * notifier-webhook: what it writes: bodies by templates, the shortest form, CloudEvents, signatures of two keys; which answers count as
 * delivered; which addresses it never reaches; and many calls beside each other.
 */
#include "http_server.h"
#include "plugins.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"

#define ALERT                                                                                      \
    "\"severity\":\"critical\",\"verdict\":\"drifted\",\"rule\":\"shop\",\"target\":\"prod\","     \
    "\"labels\":{\"team\":\"pay\"},\"object\":{\"kind\":\"Deployment\",\"namespace\":\"shop\","    \
    "\"name\":\"cart\",\"changes\":[{\"path\":\"/spec/replicas\",\"change\":\"value\","            \
    "\"desired\":9007199254740993,\"live\":5}]}"
#define MESSAGE                                                                                    \
    "{\"apiVersion\":\"trueup.dev/v1\",\"kind\":\"Alert\",\"incident\":\"3f2a\",\"event\":"        \
    "\"firing\",\"status\":\"firing\",\"installation\":\"a b\",\"summary\":\"cart drifted\","      \
    "\"updatedAt\":\"2026-01-02T03:04:05Z\",\"counts\":{\"firing\":1,\"resolved\":0,\"shown\":1}," \
    "\"alerts\":[{\"status\":\"firing\"," ALERT "}]," ALERT "}"
#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static const tu_library *webhook(void) {
    const tu_library *l = NULL;
    tu_error *error = NULL;
    if (tu_library_open_builtin(TU_KIND_NOTIFIER, TU_S("webhook"), &l, &error) != TU_OK)
        fail_msg("%s", tu_error_text(error));
    return l;
}

typedef struct setting {
    http_server *server;
    tu_plugin_use *use;
} setting;

static setting begin(const char *answer, const char *more) {
    static char kept[1024];
    char yaml[8192];
    static http_answer answers[1];
    snprintf(kept, sizeof kept, "%s", answer);
    answers[0] = (http_answer){.bytes = kept,
                               .after = strstr(kept, "Connection: close") ? HTTP_CLOSE : HTTP_KEEP};
    setting s = {.server =
                     http_server_start(&(http_script){.answers = answers, .n = 1, .many = true})};
    snprintf(yaml, sizeof yaml, "{url: '%s', %s}", http_server_url(s.server, "/hook/T0KEN"), more);
    s.use = test_use_create(webhook(), TU_KIND_NOTIFIER, yaml, NULL);
    return s;
}

static void end(setting *s) {
    tu_plugin_use_free(s->use);
    http_server_stop(s->server);
}

static void deliver(setting *s, const char *message, const tu_sending *sending) {
    tu_error *error = NULL;
    if (tu_call_send(s->use, tu_str_c(message), TU_S("key-1"), sending, NULL, NULL, &error) !=
        TU_OK)
        fail_msg("%s", tu_error_text(error));
}

/* --- bodies ---------------------------------------------------------------------------------------- */

static const struct {
    const char *config, *body, *type;
} bodies[] = {
    {"body: '{\"text\": \"{{summary}} of {{labels.team}}\"}'",
     "{\"text\": \"cart drifted of pay\"}", "application/json"},
    {"body: '{\"a\": {{object.changes.0.desired | json}}, \"b\": {{labels | json}}}'",
     "{\"a\": 9007199254740993, \"b\": {\"team\":\"pay\"}}", "application/json"},
    {"body: '{{title}}', contentType: text/plain",
     "[critical] Deployment shop/cart drifted: /spec/replicas 9007199254740993 -> 5", "text/plain"},
    {"body: '{{title}}', contentType: text/plain, language: ko",
     "[\xEC\x8B\xAC\xEA\xB0\x81] Deployment shop/cart: "
     "\xEC\x84\xA0\xEC\x96\xB8\xEB\x90\x9C \xEC\x83\x81\xED\x83\x9C\xEC\x99\x80 "
     "\xEB\x8B\xA4\xEB\xA6\x85\xEB\x8B\x88\xEB\x8B\xA4 (/spec/replicas 9007199254740993 -> 5)",
     "text/plain"},
    {"body: '{{diff}}', contentType: text/plain",
     "- /spec/replicas: 9007199254740993\n+ /spec/replicas: 5", "text/plain"},
    {"body: '{{#each alerts}}{{sentence | cut 14}}{{diff | count}}{{/each}}', contentType: "
     "text/plain",
     "Deployment sh\xE2\x80\xA6"
     "54",
     "text/plain"},
    {"body: 'text={{summary}}&key={{key}}', contentType: application/x-www-form-urlencoded",
     "text=cart%20drifted&key=key-1", "application/x-www-form-urlencoded"},
    {"body: '{{title}}', contentType: text/plain, templates: {title: 'T {{rule}}', text: 'x'}",
     "T shop", "text/plain"},
    {"body: '{\"t\":\"{{text}}\"}', templates: {text: \"a\\n{{rule}}\"}", "{\"t\":\"a\\nshop\"}",
     "application/json"},
};

static void a_body_is_what_its_template_makes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        setting s = begin(OK_ANSWER, bodies[i].config);
        deliver(&s, MESSAGE, NULL);
        assert_string_equal(http_server_body(s.server, 0), bodies[i].body);
        assert_string_equal(http_server_header(s.server, 0, "Content-Type"), bodies[i].type);
        end(&s);
    }
}

static void the_method_is_the_users(void **state) {
    static const char *const methods[] = {"POST", "PUT", "PATCH"};
    char more[64];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        snprintf(more, sizeof more, "method: %s", methods[i]);
        setting s = begin(OK_ANSWER, more);
        deliver(&s, MESSAGE, NULL);
        assert_memory_equal(http_server_request(s.server, 0), methods[i], strlen(methods[i]));
        assert_string_equal(http_server_body(s.server, 0), MESSAGE);
        end(&s);
    }
}

static void a_header_of_nothing_and_one_that_is_too_long_are_sent_all_the_same(void **state) {
    tu_buf message = TU_BUF_INIT(TU_MIB);
    (void)state;
    setting s = begin(OK_ANSWER, "headers: {X-Empty: '{{note}}', X-Long: '{{rule}}'}");
    tu_buf_add_c(&message, "{\"rule\":\"");
    for (int i = 0; i < 5000; i++)
        tu_buf_add_c(&message, "ab");
    tu_buf_add_c(&message, "\"}");
    deliver(&s, tu_buf_c(&message), NULL);
    assert_contains(http_server_request(s.server, 0), "\r\nX-Empty:\r\n");
    assert_int_equal(strlen(http_server_header(s.server, 0, "X-Long")), 4096);
    tu_buf_done(&message);
    end(&s);
}

static void what_was_too_large_is_sent_in_brief(void **state) {
    setting s = begin(OK_ANSWER, "timeout: 5s"),
            t = begin(OK_ANSWER, "body: '{{summary}} {{brief}} {{diff}}', contentType: text/plain");
    tu_sending brief = {.attempt = 2, .brief = true};
    (void)state;
    deliver(&s, MESSAGE, &brief);
    assert_contains(http_server_body(s.server, 0), "\"summary\":\"cart drifted\"");
    assert_contains(http_server_body(s.server, 0), "\"incident\":\"3f2a\"");
    assert_lacks(http_server_body(s.server, 0), "/spec/replicas");
    deliver(&t, MESSAGE, &brief);
    assert_string_equal(http_server_body(t.server, 0), "cart drifted true ");
    end(&s);
    end(&t);
}

static void what_may_have_arrived_says_so_and_keeps_its_key(void **state) {
    setting s = begin(OK_ANSWER, "body: '{{title}}', contentType: text/plain");
    tu_sending again = {.attempt = 2, .uncertain = true};
    (void)state;
    deliver(&s, MESSAGE, NULL);
    deliver(&s, MESSAGE, &again);
    assert_string_equal(http_server_header(s.server, 0, "X-Trueup-Uncertain"), "");
    assert_string_equal(http_server_header(s.server, 1, "X-Trueup-Uncertain"), "true");
    assert_string_equal(http_server_header(s.server, 1, "webhook-id"), "key-1");
    assert_lacks(http_server_body(s.server, 0), "duplicate");
    assert_contains(http_server_body(s.server, 1), "(may be a duplicate)");
    end(&s);
}

static void a_body_that_can_not_be_made_is_no_reason_to_say_nothing(void **state) {
    tu_buf message = TU_BUF_INIT(TU_MIB);
    (void)state;
    setting s = begin(OK_ANSWER,
                      "body: '{{#each alerts}}{{#each alerts}}{{#each "
                      "alerts}}{{summary}}{{/each}}{{/each}}{{/each}}', contentType: text/plain");
    tu_buf_add_c(&message, "{\"summary\":\"many\",\"alerts\":[");
    for (int i = 0; i < 100; i++)
        tu_buf_addf(&message, "%s{\"summary\":\"one of a hundred alerts\"}", i ? "," : "");
    tu_buf_add_c(&message, "]}");
    deliver(&s, tu_buf_c(&message), NULL);
    assert_string_equal(http_server_body(s.server, 0), "one of a hundred alerts");
    tu_buf_done(&message);
    end(&s);
}

/* --- CloudEvents ------------------------------------------------------------------------------------- */

static void a_structured_event_has_the_message_as_its_data(void **state) {
    setting s = begin(OK_ANSWER, "cloudEvents: {}");
    (void)state;
    deliver(&s, MESSAGE, NULL);
    assert_string_equal(http_server_header(s.server, 0, "Content-Type"),
                        "application/cloudevents+json; charset=utf-8");
    assert_string_equal(http_server_body(s.server, 0),
                        "{\"specversion\":\"1.0\",\"id\":\"key-1\",\"type\":\"dev.trueup.incident."
                        "firing\",\"source\":\"/trueup/a%20b\",\"subject\":\"3f2a\",\"time\":"
                        "\"2026-01-02T03:04:05Z\",\"datacontenttype\":\"application/json\","
                        "\"data\":" MESSAGE "}");
    end(&s);
    s = begin(OK_ANSWER,
              "cloudEvents: {source: 'urn:x'}, body: 'say \"{{rule}}\"', contentType: text/plain");
    deliver(&s, MESSAGE, NULL);
    assert_contains(http_server_body(s.server, 0), "\"source\":\"urn:x\"");
    assert_contains(http_server_body(s.server, 0),
                    "\"datacontenttype\":\"text/plain\",\"data\":\"say \\\"shop\\\"\"}");
    end(&s);
}

static void a_binary_event_stands_in_headers(void **state) {
    setting s = begin(OK_ANSWER, "cloudEvents: {mode: binary, source: 'urn:\xED\x95\x9C\"%'}");
    (void)state;
    deliver(&s, MESSAGE, NULL);
    assert_string_equal(http_server_body(s.server, 0), MESSAGE);
    assert_string_equal(http_server_header(s.server, 0, "ce-specversion"), "1.0");
    assert_string_equal(http_server_header(s.server, 0, "ce-id"), "key-1");
    assert_string_equal(http_server_header(s.server, 0, "ce-type"), "dev.trueup.incident.firing");
    assert_string_equal(http_server_header(s.server, 0, "ce-source"), "urn:%ED%95%9C%22%25");
    assert_string_equal(http_server_header(s.server, 0, "ce-subject"), "3f2a");
    assert_string_equal(http_server_header(s.server, 0, "ce-time"), "2026-01-02T03:04:05Z");
    assert_string_equal(http_server_header(s.server, 0, "Content-Type"), "application/json");
    deliver(&s, "{\"kind\":\"Heartbeat\",\"time\":\"2026-01-02T03:04:05Z\"}", NULL);
    assert_string_equal(http_server_header(s.server, 1, "ce-type"), "dev.trueup.heartbeat");
    assert_string_equal(http_server_header(s.server, 1, "ce-subject"), "");
    end(&s);
}

/* --- signatures --------------------------------------------------------------------------------------- */

/* "v1,<base64>" of the HMAC by the raw key */
static void standard_signature(http_server *s, tu_str key, char out[64]) {
    char text[8192];
    uint8_t digest[32];
    int n = snprintf(text, sizeof text, "key-1.");
    n += snprintf(text + n, sizeof text - (size_t)n, "%s.",
                  http_server_header(s, 0, "webhook-timestamp"));
    snprintf(text + n, sizeof text - (size_t)n, "%s", http_server_body(s, 0));
    tu_hmac_sha256(key, tu_str_c(text), digest);
    snprintf(out, 4, "v1,");
    EVP_EncodeBlock((unsigned char *)out + 3, digest, 32);
}

static void both_keys_sign_while_they_change(void **state) {
    char one[64], two[64], both[160];
    (void)state;
    setenv("STANDARD_NEW", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", 1);
    setenv("STANDARD_OLD", "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY\n", 1); /* as a file has it */
    setenv("HMAC_NEW", "new", 1);
    setenv("HMAC_OLD", "old", 1);
    setting s =
        begin(OK_ANSWER,
              "standardWebhooks: {secret: {env: STANDARD_NEW}, otherSecret: {env: STANDARD_OLD}}, "
              "hmac: {secret: {env: HMAC_NEW}, otherSecret: {env: HMAC_OLD}}");
    deliver(&s, MESSAGE, NULL);
    standard_signature(s.server, TU_S("0123456789abcdef0123456789abcdef"), one);
    standard_signature(s.server, TU_S("ABCDEFGHIJKLMNOPQRSTUVWX"), two);
    snprintf(both, sizeof both, "%s %s", one, two);
    assert_string_equal(http_server_header(s.server, 0, "webhook-signature"), both);
    assert_string_equal(http_server_header(s.server, 0, "webhook-id"), "key-1");
    const char *old_form = http_server_header(s.server, 0, "X-Trueup-Signature");
    assert_non_null(strstr(old_form, ",v1="));
    assert_non_null(strstr(strstr(old_form, ",v1=") + 4, ",v1="));
    end(&s);
}

static void a_key_that_is_none_is_said_and_not_shown(void **state) {
    static const char *const keys[] = {"whsec_A", "s3cret", "whsec_s3cret", "whsec_czNjcmV0",
                                       "whsec_!!!!s3cretAAAAAAAAAAAAAAAAAAAAAAAA"};
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        tu_error *error = NULL;
        setenv("STANDARD_NEW", keys[i], 1);
        setting s = begin(OK_ANSWER, "standardWebhooks: {secret: {env: STANDARD_NEW}}");
        assert_int_equal(tu_call_probe(s.use, NULL, &error), TU_EINVALID);
        assert_contains(tu_error_text(error), "a key is whsec_ and the base64 of 24 to 64 bytes");
        assert_lacks(tu_error_text(error), "s3cret");
        assert_lacks(tu_error_text(error), "czNj");
        tu_error_free(error);
        end(&s);
    }
}

/* --- answers -------------------------------------------------------------------------------------------- */

#define JSON(body)                                                                                 \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" body

static const struct {
    const char *config, *answer;
    tu_rc rc;
    const char *code;
} expectations[] = {
    {"timeout: 5s", JSON("<!DOCTYPE html><html>Log in"), TU_EUNAVAILABLE, "strange-answer"},
    {"timeout: 5s", JSON("  <HTML>"), TU_EUNAVAILABLE, "strange-answer"},
    {"expect: {page: true}", JSON("<html>"), TU_OK, NULL},
    {"expect: {status: [200, 204]}", OK_ANSWER, TU_OK, NULL},
    {"expect: {status: [204]}", OK_ANSWER, TU_EUNAVAILABLE, "not-expected"},
    {"expect: {status: [409]}", "HTTP/1.1 409 There\r\nContent-Length: 0\r\n\r\n", TU_OK, NULL},
    {"expect: {status: [409]}", "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n", TU_EINVALID,
     "http-400"},
    {"expect: {json: {/ok: true}}", JSON("{\"ok\":true}"), TU_OK, NULL},
    {"expect: {json: {/ok: true}}", JSON("{\"ok\":false}"), TU_EUNAVAILABLE, "not-expected"},
    {"expect: {json: {/ok: true}}", JSON("{}"), TU_EUNAVAILABLE, "not-expected"},
    {"expect: {json: {/ok: true}}", JSON("ok"), TU_EUNAVAILABLE, "strange-answer"},
    {"expect: {json: {/ok: true}}", JSON("<html>"), TU_EUNAVAILABLE, "strange-answer"},
    {"expect: {json: {/a~1b/0: x, /n: 3}}", JSON("{\"a/b\":[\"x\"],\"n\":3}"), TU_OK, NULL},
    {"expect: {json: {/error: null}}", JSON("{\"id\":1}"), TU_OK, NULL},
    {"expect: {json: {/error: null}}", JSON("{\"error\":\"no\"}"), TU_EUNAVAILABLE, "not-expected"},
};

static void an_answer_is_what_is_expected_or_no_delivery(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++) {
        setting s = begin(expectations[i].answer, expectations[i].config);
        tu_error *error = NULL;
        tu_rc rc = tu_call_send(s.use, TU_S(MESSAGE), TU_S("k"), NULL, NULL, NULL, &error);
        if (rc != expectations[i].rc)
            print_error("%s: %s\n", expectations[i].config, tu_error_text(error));
        assert_int_equal(rc, expectations[i].rc);
        if (error) {
            assert_string_equal(error->code, expectations[i].code);
            assert_lacks(tu_error_text(error), "T0KEN");
        }
        tu_error_free(error);
        end(&s);
    }
}

/* --- addresses -------------------------------------------------------------------------------------------- */

static void metadata_services_are_never_reached(void **state) {
    static const char *const urls[] = {
        "http://169.254.169.254/latest",     "http://[fe80::1]/x",       "http://[fd00:ec2::254]/x",
        "http://[::ffff:169.254.169.254]/x", "http://100.100.100.200/x", "http://2852039166/x"};
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        char yaml[256];
        tu_error *error = NULL;
        snprintf(yaml, sizeof yaml, "{url: '%s', allowHttp: true, timeout: 2s}", urls[i]);
        tu_plugin_use *u = test_use_create(webhook(), TU_KIND_NOTIFIER, yaml, NULL);
        assert_int_equal(tu_call_send(u, TU_S(MESSAGE), TU_S("k"), NULL, NULL, NULL, &error),
                         TU_EREFUSED);
        assert_string_equal(error->code, "link-local");
        tu_error_free(error);
        tu_plugin_use_free(u);
    }
}

/* --- many at once -------------------------------------------------------------------------------------------- */

enum { THREADS = 8, EACH = 25 };

typedef struct sender {
    setting *s;
    tu_error *error; /* the first one */
} sender;

static void *send_many(void *arg) {
    sender *w = arg;
    for (int i = 0; i < EACH && !w->error; i++)
        tu_call_send(w->s->use, TU_S(MESSAGE), TU_S("k"), NULL, NULL, NULL, &w->error);
    return NULL;
}

static void calls_run_beside_each_other(void **state) {
    setting s =
        begin("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "body: '{\"t\": \"{{text}}\"}'");
    pthread_t threads[THREADS];
    sender senders[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++) {
        senders[i] = (sender){.s = &s};
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, &senders[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        if (senders[i].error)
            fail_msg("%s", tu_error_text(senders[i].error));
    assert_int_equal(http_server_count(s.server), THREADS * EACH);
    for (size_t i = 1; i < THREADS * EACH; i++)
        assert_string_equal(http_server_body(s.server, i), http_server_body(s.server, 0));
    end(&s);
}

/* --- configuration ------------------------------------------------------------------------------------------ */

static const struct {
    const char *yaml, *message;
    uint32_t line;
} refused[] = {
    {"{url: 'https://a/x',\n body: '{{severty}}'}",
     "body: line 1, column 3 of it: no message has a field", 2},
    {"{url: 'https://a/x',\n body: '{\"a\": {{severity}}}'}",
     "what it makes of firing message isn't JSON", 2},
    {"{url: 'https://a/x',\n body: '{\"a\": \"{{labels | json}}\"}'}", "isn't JSON", 2},
    {"{url: 'https://a/x', headers: {\n X-A: '{{#if note}}'}}",
     "headers.X-A: line 1, column 1 of it: {{#if}} has no {{/if}}", 2},
    {"{url: 'https://a/x', templates: {\n title: '{{rul}}'}}", "did you mean \"rule\"?", 2},
    {"{url: 'https://a/x', headers: {webhook-signature: a}}", "is set by trueup itself", 1},
    {"{url: 'https://a/x', cloudEvents: {}, headers: {content-type: a}}", "is set by trueup itself",
     1},
    {"{url: 'https://a/x', cloudEvents: {mode: binary}, headers: {CE-Id: a}}",
     "is set by trueup itself", 1},
    {"{url: 'https://a/x', cloudEvents: {source: 'a b'}}", "a URI reference has no blanks", 1},
    {"{url: 'https://a/x', contentType: text/plain}",
     "without a body of your own the message is JSON", 1},
    {"{url: 'https://a/x', contentType: \"a/b\\r\\nX: y\", body: a}",
     "contentType: it has a control character", 1},
    {"{url: 'https://a/x', expect: {json: {ok: true}}}", "write JSON pointers", 1},
    {"{url: 'https://a/x', expect: {json: {/ok: [1]}}}", "write JSON pointers", 1},
};

static void a_wrong_template_is_found_at_load_with_its_line(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        tu_errors errors = {0};
        tu_error *error = NULL;
        tu_plugin_use *u = NULL;
        test_use t;
        test_use_read(&t, "webhook", refused[i].yaml);
        tu_library_check_config(webhook(), &t.use, &t.arena, &errors);
        assert_int_equal(errors.n, 0);
        assert_int_equal(tu_plugin_use_new(webhook(), TU_KIND_NOTIFIER, &t.use, NULL, &u, &error),
                         TU_EINVALID);
        assert_contains(tu_error_text(error), refused[i].message);
        assert_int_equal(error->line, refused[i].line);
        tu_error_free(error);
        test_use_done(&t);
    }
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
        TEST(a_body_is_what_its_template_makes),
        TEST(the_method_is_the_users),
        TEST(a_header_of_nothing_and_one_that_is_too_long_are_sent_all_the_same),
        TEST(what_was_too_large_is_sent_in_brief),
        TEST(what_may_have_arrived_says_so_and_keeps_its_key),
        TEST(a_body_that_can_not_be_made_is_no_reason_to_say_nothing),
        TEST(a_structured_event_has_the_message_as_its_data),
        TEST(a_binary_event_stands_in_headers),
        TEST(both_keys_sign_while_they_change),
        TEST(a_key_that_is_none_is_said_and_not_shown),
        TEST(an_answer_is_what_is_expected_or_no_delivery),
        TEST(metadata_services_are_never_reached),
        TEST(calls_run_beside_each_other),
        TEST(a_wrong_template_is_found_at_load_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
