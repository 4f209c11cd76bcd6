/*
 * notifier-webhook against a real HTTP server: what it sends, how it reads every kind of answer,
 * and what it never tells.
 */
#include "http_server.h"
#include "plugins.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"

#define MESSAGE                                                                                    \
    "{\"apiVersion\":\"trueup.dev/v1\",\"kind\":\"Alert\",\"severity\":\"critical\","              \
    "\"labels\":{\"a/b\":\"team~shop\"},\"alerts\":[{\"rule\":\"cart\\r\\nX-Evil: "                \
    "1\"}],\"escalation\":3}"
#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static const tu_library *webhook(void) {
    const tu_library *l = NULL;
    tu_error *error = NULL;
    if (tu_library_open_builtin(TU_KIND_NOTIFIER, TU_S("webhook"), &l, &error) != TU_OK)
        fail_msg("%s", tu_error_text(error));
    return l;
}

static tu_plugin_use *receiver(http_server *s, const char *more) {
    char yaml[4096];
    snprintf(yaml, sizeof yaml, "{url: '%s'%s}", http_server_url(s, "/hook/T0KEN?key=q"), more);
    return test_use_create(webhook(), TU_KIND_NOTIFIER, yaml, NULL);
}

static tu_rc send_to(tu_plugin_use *u, tu_error **error) {
    return tu_call_send(u, TU_S(MESSAGE), TU_S("key-1"), NULL, NULL, NULL, error);
}

/* --- what is sent ----------------------------------------------------------------------------- */

static void the_message_is_posted_as_it_is_with_its_key(void **state) {
    http_server *s =
        http_server_start(&(http_script){.answers = (http_answer[]){{.bytes = OK_ANSWER}}, .n = 1});
    tu_plugin_use *u = receiver(s, "");
    (void)state;
    assert_int_equal(tu_call_probe(u, NULL, NULL), TU_OK);
    assert_int_equal(http_server_count(s), 0);
    assert_int_equal(send_to(u, NULL), TU_OK);
    assert_int_equal(send_to(u, NULL), TU_OK);
    assert_memory_equal(http_server_request(s, 0), "POST /hook/T0KEN?key=q HTTP/1.1\r\n", 33);
    assert_string_equal(http_server_body(s, 0), MESSAGE);
    assert_string_equal(http_server_body(s, 1), MESSAGE);
    assert_string_equal(http_server_header(s, 1, "Idempotency-Key"), "key-1");
    assert_string_equal(http_server_header(s, 0, "webhook-id"), "key-1");
    assert_string_equal(http_server_header(s, 0, "Content-Type"), "application/json");
    assert_string_equal(http_server_header(s, 0, "Expect"), "");
    assert_string_equal(http_server_header(s, 0, "X-Trueup-Signature"), "");
    tu_plugin_use_free(u);
    http_server_stop(s);
}

static void headers_are_filled_from_the_message_and_can_not_break_out(void **state) {
    http_server *s =
        http_server_start(&(http_script){.answers = (http_answer[]){{.bytes = OK_ANSWER}}, .n = 1});
    tu_plugin_use *u =
        receiver(s, ", headers: {X-Severity: 'is {{/severity}}!', X-Team: "
                    "'{{/labels/a~1b}}', X-Name: '{{/alerts/0/rule}}', X-None: "
                    "'[{{/object/name}}]', X-All: '{{/labels}}', X-N: '{{/escalation}}', "
                    "Content-Type: application/vnd.trueup+json}");
    (void)state;
    assert_int_equal(send_to(u, NULL), TU_OK);
    assert_string_equal(http_server_header(s, 0, "X-Severity"), "is critical!");
    assert_string_equal(http_server_header(s, 0, "X-Team"), "team~shop");
    assert_string_equal(http_server_header(s, 0, "X-Name"), "cart\\r\\nX-Evil: 1");
    assert_string_equal(http_server_header(s, 0, "X-Evil"), "");
    assert_string_equal(http_server_header(s, 0, "X-None"), "[]");
    assert_string_equal(http_server_header(s, 0, "X-All"), "{\"a/b\":\"team~shop\"}");
    assert_string_equal(http_server_header(s, 0, "X-N"), "3");
    assert_string_equal(http_server_header(s, 0, "Content-Type"), "application/vnd.trueup+json");
    tu_plugin_use_free(u);
    http_server_stop(s);
}

static void secrets_reach_the_receiver_and_nobody_else(void **state) {
    http_server *s = http_server_start(&(http_script){
        .answers =
            (http_answer[]){
                {.bytes = "HTTP/1.1 403 No\r\nContent-Length: 20\r\n\r\nBearer s3cret-token "}},
        .n = 1});
    char yaml[1024];
    tu_error *error = NULL;
    (void)state;
    setenv("HOOK_URL", http_server_url(s, "/services/T0KEN"), 1);
    setenv("HOOK_AUTH", "Bearer s3cret-token", 1);
    snprintf(yaml, sizeof yaml,
             "{urlFrom: {env: HOOK_URL}, secretHeaders: {Authorization: {env: HOOK_AUTH}}}");
    tu_plugin_use *u = test_use_create(webhook(), TU_KIND_NOTIFIER, yaml, NULL);
    assert_int_equal(send_to(u, &error), TU_EDENIED);
    assert_string_equal(http_server_header(s, 0, "Authorization"), "Bearer s3cret-token");
    assert_memory_equal(http_server_request(s, 0), "POST /services/T0KEN HTTP/1.1\r\n", 31);
    assert_contains(tu_error_text(error), "answered 403: check the credentials");
    assert_lacks(tu_error_text(error), "s3cret");
    assert_lacks(tu_error_text(error), "T0KEN");
    assert_lacks(test_log_text(), "s3cret");
    assert_lacks(test_log_text(), "T0KEN");
    tu_error_free(error);
    error = NULL;
    setenv("HOOK_AUTH", "two\nlines", 1);
    assert_int_equal(send_to(u, &error), TU_EINVALID);
    assert_contains(tu_error_text(error), "secretHeaders.Authorization has more than one line");
    tu_error_free(error);
    error = NULL;
    unsetenv("HOOK_AUTH");
    assert_int_equal(send_to(u, &error), TU_EDENIED);
    assert_contains(tu_error_text(error), "environment variable HOOK_AUTH is not set");
    assert_int_equal(tu_call_probe(u, NULL, NULL), TU_EDENIED);
    assert_int_equal(http_server_count(s), 1);
    tu_error_free(error);
    tu_plugin_use_free(u);
    http_server_stop(s);
}

static void a_signature_can_be_checked_by_the_receiver(void **state) {
    http_server *s =
        http_server_start(&(http_script){.answers = (http_answer[]){{.bytes = OK_ANSWER}}, .n = 1});
    tu_plugin_use *u = receiver(s, ", hmac: {secret: {env: HOOK_KEY}, timestampHeader: X-Time}");
    char time[32], signed_text[4096], hex[65], expected[128];
    uint8_t digest[32];
    (void)state;
    setenv("HOOK_KEY", "signing key", 1);
    assert_int_equal(send_to(u, NULL), TU_OK);
    snprintf(time, sizeof time, "%s", http_server_header(s, 0, "X-Time"));
    assert_true(strtoll(time, NULL, 10) > 1500000000);
    snprintf(signed_text, sizeof signed_text, "%s.%s", time, http_server_body(s, 0));
    tu_hmac_sha256(TU_S("signing key"), tu_str_c(signed_text), digest);
    tu_hex(digest, 32, hex);
    snprintf(expected, sizeof expected, "t=%s,v1=%s", time, hex);
    assert_string_equal(http_server_header(s, 0, "X-Trueup-Signature"), expected);
    tu_plugin_use_free(u);
    http_server_stop(s);
}

/* --- what the answers mean -------------------------------------------------------------------- */

#define STATUS(line, headers) "HTTP/1.1 " line "\r\nContent-Length: 0\r\n" headers "\r\n"

static const struct {
    http_answer answer;
    tu_rc rc;
    const char *code;
    int64_t retry_after_ms;
} answers[] = {
    {{.bytes = OK_ANSWER}, TU_OK, NULL, 0},
    {{.bytes = "HTTP/1.1 204 No Content\r\n\r\n"}, TU_OK, NULL, 0},
    {{.bytes = "HTTP/1.1 100 Continue\r\n\r\n" OK_ANSWER}, TU_OK, NULL, 0},
    {{.bytes = STATUS("301 Moved", "Location: http://127.0.0.1:1/\r\n")},
     TU_EINVALID,
     "http-301",
     0},
    {{.bytes = STATUS("307 Moved", "Location: /other\r\n")}, TU_EINVALID, "http-307", 0},
    {{.bytes = STATUS("400 Bad", "")}, TU_EINVALID, "http-400", 0},
    {{.bytes = STATUS("401 No", "")}, TU_EDENIED, "http-401", 0},
    {{.bytes = STATUS("403 No", "")}, TU_EDENIED, "http-403", 0},
    {{.bytes = STATUS("404 No", "")}, TU_EINVALID, "http-404", 0},
    {{.bytes = STATUS("408 Slow", "")}, TU_EUNAVAILABLE, "http-408", 0},
    {{.bytes = STATUS("409 No", "")}, TU_EINVALID, "http-409", 0},
    {{.bytes = STATUS("410 Gone", "")}, TU_EINVALID, "http-410", 0},
    {{.bytes = STATUS("413 Large", "")}, TU_EREFUSED, "too-large", 0},
    {{.bytes = STATUS("425 Early", "")}, TU_EUNAVAILABLE, "http-425", 0},
    {{.bytes = STATUS("429 Slow", "")}, TU_ETHROTTLED, "http-429", 0},
    {{.bytes = STATUS("429 Slow", "Retry-After: 17\r\n")}, TU_ETHROTTLED, "http-429", 17000},
    {{.bytes = STATUS("429 Slow", "retry-after: soon\r\n")}, TU_ETHROTTLED, "http-429", 0},
    {{.bytes = STATUS("429 Slow", "Retry-After: -5\r\n")}, TU_ETHROTTLED, "http-429", 0},
    {{.bytes = STATUS("429 Slow", "Retry-After: 99999999999999999999\r\n")},
     TU_ETHROTTLED,
     "http-429",
     86400000},
    {{.bytes = STATUS("429 Slow", "Retry-After: Fri, 01 Jan 2100 00:00:00 GMT\r\n")},
     TU_ETHROTTLED,
     "http-429",
     86400000},
    {{.bytes = STATUS("429 Slow", "Retry-After: Fri, 01 Jan 1999 00:00:00 GMT\r\n")},
     TU_ETHROTTLED,
     "http-429",
     0},
    {{.bytes = STATUS("500 Oops", "")}, TU_EUNAVAILABLE, "http-500", 0},
    {{.bytes = STATUS("502 Oops", "")}, TU_EUNAVAILABLE, "http-502", 0},
    {{.bytes = STATUS("503 Later", "Retry-After: 5\r\n")}, TU_ETHROTTLED, "http-503", 5000},
    /* a success whose body never ends well is a success */
    {{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", .after = HTTP_CLOSE},
     TU_OK,
     NULL,
     0},
    {{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n",
      .after = HTTP_RESET,
      .filler = 200000},
     TU_OK,
     NULL,
     0},
    {{.after = HTTP_CLOSE}, TU_ETIMEOUT, "no-answer", 0},
    {{.after = HTTP_RESET}, TU_ETIMEOUT, "reset", 0},
    {{.bytes = "HTTP/1.1 200 OK\r\nX-Half: he", .after = HTTP_CLOSE}, TU_ETIMEOUT, "cut-off", 0},
    {{.bytes = "SSH-2.0-OpenSSH_9.2\r\n", .after = HTTP_CLOSE}, TU_EUNAVAILABLE, "not-http", 0},
    {{.bytes = "HTTP/1.1 200 OK\r\nX-Much: ",
      .filler = 90000,
      .tail = "\r\n\r\n",
      .after = HTTP_CLOSE},
     TU_EINVALID,
     "headers",
     0},
};

static void every_answer_has_its_class(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        http_server *s = http_server_start(&(http_script){.answers = &answers[i].answer, .n = 1});
        tu_plugin_use *u = receiver(s, "");
        tu_error *error = NULL;
        tu_rc rc = send_to(u, &error);
        if (rc != answers[i].rc)
            print_error("answer %zu: %s (%s)\n", i, tu_error_text(error), tu_rc_name(rc));
        assert_int_equal(rc, answers[i].rc);
        if (error) {
            assert_lacks(tu_error_text(error), "T0KEN");
            assert_contains(tu_error_text(error), "notifier prod: http://127.0.0.1:");
            assert_int_equal(error->retry_after_ms, answers[i].retry_after_ms);
            if (answers[i].code)
                assert_string_equal(error->code, answers[i].code);
        }
        assert_int_equal(http_server_count(s), 1);
        tu_error_free(error);
        tu_plugin_use_free(u);
        http_server_stop(s);
    }
}

static void an_unreachable_receiver_is_unavailable(void **state) {
    tu_error *error = NULL;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    char yaml[128];
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* bound, not listening: refuses, and stays ours */
    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    snprintf(yaml, sizeof yaml, "{url: 'http://127.0.0.1:%d/x'}", ntohs(a.sin_port));
    tu_plugin_use *u = test_use_create(webhook(), TU_KIND_NOTIFIER, yaml, NULL);
    assert_int_equal(send_to(u, &error), TU_EUNAVAILABLE);
    assert_contains(tu_error_text(error), "can't connect: Connection refused");
    tu_error_free(error);
    tu_plugin_use_free(u);
    close(fd);
    error = NULL;
    u = test_use_create(webhook(), TU_KIND_NOTIFIER, "{url: 'https://no-such-host.invalid/x'}",
                        NULL);
    assert_int_equal(send_to(u, &error), TU_EUNAVAILABLE);
    tu_error_free(error);
    tu_plugin_use_free(u);
}

static void a_receiver_that_does_not_answer_times_out(void **state) {
    http_server *s =
        http_server_start(&(http_script){.answers = (http_answer[]){{.after = HTTP_KEEP}}, .n = 1});
    tu_plugin_use *u = receiver(s, ", timeout: 100ms"), *patient = receiver(s, "");
    tu_call_options o = {.timeout_ms = 50};
    tu_error *error = NULL;
    (void)state;
    assert_int_equal(send_to(u, &error), TU_ETIMEOUT);
    assert_contains(tu_error_text(error), "no complete answer in time");
    assert_int_equal(tu_call_send(patient, TU_S(MESSAGE), TU_S("k"), NULL, NULL, &o, NULL),
                     TU_ETIMEOUT);
    tu_error_free(error);
    tu_plugin_use_free(u);
    tu_plugin_use_free(patient);
    http_server_stop(s);
}

typedef struct sender {
    tu_plugin_use *use;
    tu_cancel *cancel;
    tu_rc rc;
} sender;

static void *send_in_thread(void *arg) {
    sender *w = arg;
    tu_call_options o = {.cancel = w->cancel};
    w->rc = tu_call_send(w->use, TU_S(MESSAGE), TU_S("k"), NULL, NULL, &o, NULL);
    return NULL;
}

static void a_send_that_waits_can_be_cancelled(void **state) {
    http_server *s =
        http_server_start(&(http_script){.answers = (http_answer[]){{.after = HTTP_KEEP}}, .n = 1});
    sender w = {.use = receiver(s, ", timeout: 1h"), .cancel = tu_cancel_new()};
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, send_in_thread, &w), 0);
    http_server_await(s, 1);
    tu_cancel_fire(w.cancel);
    pthread_join(thread, NULL);
    assert_int_equal(w.rc, TU_ECANCELLED);
    tu_plugin_use_free(w.use);
    tu_cancel_free(w.cancel);
    http_server_stop(s);
}

/* --- TLS -------------------------------------------------------------------------------------- */

static void a_certificate_is_trusted_only_when_it_is_named(void **state) {
    char *folder = test_scratch_new(), ca[512];
    http_server *s = http_server_start(&(http_script){
        .answers = (http_answer[]){{.bytes = OK_ANSWER}}, .n = 1, .tls_folder = folder});
    tu_plugin_use *strange = receiver(s, ""),
                  *loose = receiver(s, ", tls: {insecureSkipVerify: true}");
    tu_error *error = NULL;
    (void)state;
    snprintf(ca, sizeof ca, ", tls: {caFile: '%s/cert.pem'}", folder);
    tu_plugin_use *known = receiver(s, ca);
    assert_int_equal(send_to(strange, &error), TU_EINTEGRITY);
    assert_string_equal(error->code, "tls-verify");
    assert_contains(tu_error_text(error), "certificate is not trusted");
    assert_int_equal(http_server_count(s), 0);
    assert_int_equal(send_to(known, NULL), TU_OK);
    assert_int_equal(send_to(loose, NULL), TU_OK);
    assert_contains(test_log_text(), "insecureSkipVerify is set");
    assert_int_equal(http_server_count(s), 2);
    tu_error_free(error);
    error = NULL;
    tu_plugin_use_free(strange);
    strange = receiver(s, ", tls: {caFile: /no/such/file.pem}");
    assert_int_equal(send_to(strange, &error), TU_EINVALID);
    assert_string_equal(error->code, "tls-ca-file");
    tu_error_free(error);
    tu_plugin_use_free(strange);
    tu_plugin_use_free(known);
    tu_plugin_use_free(loose);
    http_server_stop(s);
    test_scratch_remove(folder);
}

static void a_client_certificate_is_shown_when_there_is_one(void **state) {
    char *folder = test_scratch_new(), tls[2048];
    http_server *s =
        http_server_start(&(http_script){.answers = (http_answer[]){{.bytes = OK_ANSWER}},
                                         .n = 1,
                                         .tls_folder = folder,
                                         .ask_certificate = true});
    tu_error *error = NULL;
    tu_plugin_use *u;
    (void)state;
    snprintf(tls, sizeof tls,
             ", tls: {caFile: '%s/cert.pem', certFile: '%s/cert.pem', keyFile: '%s/key.pem'}",
             folder, folder, folder);
    u = receiver(s, tls);
    assert_int_equal(send_to(u, NULL), TU_OK);
    tu_plugin_use_free(u);
    snprintf(tls, sizeof tls, ", tls: {caFile: '%s/cert.pem'}", folder);
    u = receiver(s, tls);
    assert_true(send_to(u, &error) < 0);
    assert_int_equal(http_server_count(s), 1);
    tu_error_free(error);
    tu_plugin_use_free(u);
    http_server_stop(s);
    test_scratch_remove(folder);
}

/* --- configuration ---------------------------------------------------------------------------- */

static const struct {
    const char *yaml, *message;
} refused[] = {
    {"{url: 'http://hooks.example.com/x'}", "plain http to hooks.example.com"},
    {"{url: 'https://user:pw@hooks.example.com/x'}", "has a password in it"},
    {"{url: 'https://a/x', headers: {'X Y': a}}", "\"X Y\" is no name for a header"},
    {"{url: 'https://a/x', headers: {Host: a}}", "\"Host\" is set by trueup itself"},
    {"{url: 'https://a/x', headers: {idempotency-key: a}}", "is set by trueup itself"},
    {"{url: 'https://a/x', headers: {X-A: \"a\\r\\nX-B: b\"}}",
     "headers: \"X-A\" has a line break"},
    {"{url: 'https://a/x', headers: {X-A: '{{id'}}",
     "headers.X-A: line 1, column 5 of it: expected \"}}\" here"},
    {"{url: 'https://a/x', headers: {X-A: '{{/severty}}'}}", "did you mean \"severity\"?"},
    {"{url: 'https://a/x', headers: {X-A: a}, secretHeaders: {x-a: {env: A}}}", "is there already"},
    {"{url: 'https://a/x', hmac: {secret: {env: A}, timestampHeader: X-Trueup-Signature}}",
     "must not be the signature's own header"},
    {"{url: 'https://a/x', tls: {certFile: /a}}", "needs both certFile and keyFile"},
    {"{url: 'https://a/x', timeout: 0s}", "timeout: it must be longer than nothing"},
};

static void what_can_not_work_is_refused_before_anything_is_sent(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        tu_errors errors = {0};
        tu_error *error = NULL;
        tu_plugin_use *u = NULL;
        test_use t;
        test_use_read(&t, "webhook", refused[i].yaml);
        tu_library_check_config(webhook(), &t.use, &t.arena, &errors);
        for (size_t k = 0; k < errors.n; k++)
            print_error("%s\n", tu_error_text(errors.items[k]));
        assert_int_equal(errors.n, 0);
        assert_int_equal(tu_plugin_use_new(webhook(), TU_KIND_NOTIFIER, &t.use, NULL, &u, &error),
                         TU_EINVALID);
        assert_contains(tu_error_text(error), refused[i].message);
        tu_error_free(error);
        test_use_done(&t);
    }
}

static void the_schema_finds_the_rest_at_load(void **state) {
    static const char *const wrong[] = {"{}",
                                        "{url: 'https://a/x', urlFrom: {env: A}}",
                                        "{url: 7}",
                                        "{url: 'https://a/x', timeout: soon}",
                                        "{url: 'https://a/x', hmac: {}}",
                                        "{url: 'https://a/x', secretHeaders: {A: plain}}",
                                        "{url: 'https://a/x', retries: 3}",
                                        "{url: 'not a url'}",
                                        "{urlFrom: 'https://hooks.example.com/T0KEN'}"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tu_errors errors = {0};
        tu_buf text = TU_BUF_INIT(TU_MIB);
        test_use t;
        test_use_read(&t, "webhook", wrong[i]);
        tu_library_check_config(webhook(), &t.use, &t.arena, &errors);
        test_errors_text(&errors, &text);
        print_message("%s -> %s", wrong[i], tu_buf_c(&text));
        assert_int_equal(errors.n, 1);
        assert_lacks(tu_buf_c(&text), "T0KEN");
        tu_buf_done(&text);
        tu_errors_done(&errors);
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
        TEST(the_message_is_posted_as_it_is_with_its_key),
        TEST(headers_are_filled_from_the_message_and_can_not_break_out),
        TEST(secrets_reach_the_receiver_and_nobody_else),
        TEST(a_signature_can_be_checked_by_the_receiver),
        TEST(every_answer_has_its_class),
        TEST(an_unreachable_receiver_is_unavailable),
        TEST(a_receiver_that_does_not_answer_times_out),
        TEST(a_send_that_waits_can_be_cancelled),
        TEST(a_certificate_is_trusted_only_when_it_is_named),
        TEST(a_client_certificate_is_shown_when_there_is_one),
        TEST(what_can_not_work_is_refused_before_anything_is_sent),
        TEST(the_schema_finds_the_rest_at_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
