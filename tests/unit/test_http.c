/*
 * plugins/common/http: redirects and credentials, bodies that stream in both directions, and what
 * it refuses. How statuses and broken connections are classified is told by test_webhook.c.
 */
#include "common/http.h"
#include "http_server.h"
#include "plugins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static tu_http *client(void) {
    tu_http *h = NULL;
    tu_http_error error;
    assert_int_equal(tu_http_new(&(tu_http_options){.user_agent = "test/1"}, &h, &error), TU_OK);
    return h;
}

static http_server *server(const http_answer *answers, size_t n) {
    return http_server_start(&(http_script){.answers = answers, .n = n});
}

/* The whole body as text; the test fails when it doesn't end well. */
static void read_all(tu_http_exchange *x, char *out, size_t room) {
    size_t sum = 0, n = 1;
    tu_http_error error;
    while (n) {
        assert_int_equal(tu_http_read(x, out + sum, room - 1 - sum, &n, &error), TU_OK);
        sum += n;
    }
    out[sum] = '\0';
}

/* --- redirects -------------------------------------------------------------------------------- */

static void a_redirect_is_just_a_status_unless_asked_for(void **state) {
    http_answer answers[] = {
        {.bytes = "HTTP/1.1 302 F\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"}};
    http_server *s = server(answers, 1);
    tu_http *h = client();
    tu_http_exchange *x = NULL;
    tu_http_error error;
    tu_http_request r = {.url = http_server_url(s, "/a")};
    (void)state;
    assert_int_equal(tu_http_begin(h, &r, &x, &error), TU_OK);
    assert_int_equal(tu_http_status(x), 302);
    assert_string_equal(tu_http_header(x, "LOCATION"), "/b");
    assert_null(tu_http_header(x, "Loc"));
    assert_int_equal(http_server_count(s), 1);
    tu_http_end(x);
    tu_http_free(h);
    http_server_stop(s);
}

static void a_redirect_on_the_same_host_is_followed_with_the_credentials(void **state) {
    http_answer answers[] = {
        {.bytes = "HTTP/1.1 301 M\r\nLocation: /b/c?d\r\nContent-Length: 4\r\n\r\nmove"},
        {.bytes = "HTTP/1.1 307 M\r\nLocation: ../e\r\nContent-Length: 0\r\n\r\n"},
        {.bytes = OK_ANSWER}};
    http_server *s = server(answers, 3);
    tu_http *h = client();
    tu_http_exchange *x = NULL;
    tu_http_error error;
    char body[16], expected[128];
    tu_http_request r = {.url = http_server_url(s, "/a"),
                         .headers = (const char *[]){"X-Mine: 1", NULL},
                         .username = "me",
                         .password = "pw",
                         .max_redirects = 2};
    (void)state;
    assert_int_equal(tu_http_begin(h, &r, &x, &error), TU_OK);
    snprintf(expected, sizeof expected, "%s", http_server_url(s, "/e"));
    assert_string_equal(tu_http_url(x), expected);
    read_all(x, body, sizeof body);
    assert_string_equal(body, "ok");
    assert_memory_equal(http_server_request(s, 1), "GET /b/c?d HTTP/1.1", 19);
    assert_memory_equal(http_server_request(s, 2), "GET /e HTTP/1.1", 15);
    assert_string_equal(http_server_header(s, 2, "Authorization"), "Basic bWU6cHc=");
    assert_string_equal(http_server_header(s, 2, "X-Mine"), "1");
    assert_string_equal(http_server_header(s, 2, "User-Agent"), "test/1");
    tu_http_end(x);
    tu_http_free(h);
    http_server_stop(s);
}

static void a_redirect_to_another_host_gets_nothing(void **state) {
    http_answer there[] = {{.bytes = OK_ANSWER}};
    http_server *other = server(there, 1); /* another port is another host */
    char location[256];
    (void)state;
    snprintf(location, sizeof location,
             "HTTP/1.1 302 F\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
             http_server_url(other, "/secret-path"));
    http_answer here[] = {{.bytes = location}};
    http_server *s = server(here, 1);
    tu_http *h = client();
    tu_http_exchange *x = NULL;
    tu_http_error error;
    tu_http_request r = {.url = http_server_url(s, "/a"), .bearer = "token", .max_redirects = 5};
    assert_int_equal(tu_http_begin(h, &r, &x, &error), TU_EINVALID);
    assert_null(x);
    assert_string_equal(error.code, "redirect");
    assert_contains(error.message, "which is another host");
    assert_lacks(error.message, "secret-path");
    assert_string_equal(http_server_header(s, 0, "Authorization"), "Bearer token");
    assert_int_equal(http_server_count(other), 0);
    tu_http_free(h);
    http_server_stop(s);
    http_server_stop(other);
}

static void redirects_end_somewhere(void **state) {
    http_answer round[] = {
        {.bytes = "HTTP/1.1 302 F\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n"}};
    http_server *s = server(round, 1);
    tu_http *h = client();
    tu_http_exchange *x = NULL;
    tu_http_error error;
    tu_http_request r = {.url = http_server_url(s, "/a"), .max_redirects = 3};
    (void)state;
    assert_int_equal(tu_http_begin(h, &r, &x, &error), TU_EINVALID);
    assert_contains(error.message, "more than 3 redirects");
    assert_int_equal(http_server_count(s), 4);
    tu_http_free(h);
    http_server_stop(s);
}

static void a_post_keeps_its_body_or_is_not_redirected(void **state) {
    http_answer answers[] = {
        {.bytes = "HTTP/1.1 308 M\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"},
        {.bytes = "HTTP/1.1 301 M\r\nLocation: /c\r\nContent-Length: 0\r\n\r\n"}};
    http_server *s = server(answers, 2);
    tu_http *h = client();
    tu_http_exchange *x = NULL;
    tu_http_error error;
    tu_http_request r = {.url = http_server_url(s, "/a"), .body = TU_S("data"), .max_redirects = 5};
    (void)state;
    assert_int_equal(tu_http_begin(h, &r, &x, &error), TU_OK);
    assert_int_equal(tu_http_status(x), 301); /* which would make it a GET */
    assert_memory_equal(http_server_request(s, 1), "POST /b ", 8);
    assert_string_equal(http_server_body(s, 1), "data");
    assert_int_equal(http_server_count(s), 2);
    tu_http_end(x);
    tu_http_free(h);
    http_server_stop(s);
}

/* --- bodies ----------------------------------------------------------------------------------- */

#define LARGE ((size_t)3 * 1024 * 1024)

static void a_large_answer_is_read_in_small_pieces(void **state) {
    char head[64], piece[777];
    http_answer answers[] = {{.bytes = head, .filler = LARGE}};
    http_server *s;
    tu_http *h = client();
    tu_http_exchange *x = NULL;
    tu_http_error error;
    size_t sum = 0, n = 1;
    (void)state;
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", LARGE);
    s = server(answers, 1);
    tu_http_request r = {.url = http_server_url(s, "/")};
    assert_int_equal(tu_http_begin(h, &r, &x, &error), TU_OK);
    while (n) {
        assert_int_equal(tu_http_read(x, piece, sizeof piece, &n, &error), TU_OK);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(piece[i], 'x');
        sum += n;
    }
    assert_int_equal(sum, LARGE);
    tu_http_end(x);
    tu_http_free(h);
    http_server_stop(s);
}

static void an_answer_that_is_cut_off_is_no_end(void **state) {
    http_answer answers[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", .after = HTTP_CLOSE}};
    http_server *s = server(answers, 1);
    tu_http *h = client();
    tu_http_exchange *x = NULL;
    tu_http_error error;
    tu_http_request r = {.url = http_server_url(s, "/")};
    char piece[64];
    size_t n = 0;
    (void)state;
    assert_int_equal(tu_http_begin(h, &r, &x, &error), TU_OK);
    assert_int_equal(tu_http_read(x, piece, sizeof piece, &n, &error), TU_OK);
    assert_int_equal(n, 4);
    assert_int_equal(tu_http_read(x, piece, sizeof piece, &n, &error), TU_EUNAVAILABLE);
    assert_string_equal(error.code, "cut-off");
    tu_http_end(x);
    tu_http_free(h);
    http_server_stop(s);
}

typedef struct supply {
    size_t left, give_up_at;
} supply;

static int64_t give(void *arg, char *out, size_t room) {
    supply *s = arg;
    size_t n = s->left < room ? s->left : room;
    if (s->give_up_at && s->left <= s->give_up_at)
        return -1;
    memset(out, 'y', n);
    s->left -= n;
    return (int64_t)n;
}

static void a_request_body_can_be_pulled_with_and_without_a_length(void **state) {
    http_answer answers[] = {{.bytes = OK_ANSWER}};
    (void)state;
    for (int known = 0; known < 2; known++) {
        http_server *s = server(answers, 1);
        tu_http *h = client();
        tu_http_exchange *x = NULL;
        tu_http_error error;
        supply body = {.left = 500000};
        tu_http_request r = {.url = http_server_url(s, "/"),
                             .method = "POST",
                             .read_body = give,
                             .read_arg = &body,
                             .body_length = known ? 500000 : -1};
        assert_int_equal(tu_http_begin(h, &r, &x, &error), TU_OK);
        assert_string_equal(http_server_header(s, 0, "Transfer-Encoding"), known ? "" : "chunked");
        assert_string_equal(http_server_header(s, 0, "Content-Length"), known ? "500000" : "");
        assert_int_equal(body.left, 0);
        tu_http_end(x);
        tu_http_free(h);
        http_server_stop(s);
    }
}

static void a_body_that_is_given_up_cancels_the_request(void **state) {
    http_answer answers[] = {{.bytes = OK_ANSWER}};
    http_server *s = server(answers, 1);
    tu_http *h = client();
    tu_http_exchange *x = NULL;
    tu_http_error error;
    supply body = {.left = 500000, .give_up_at = 300000};
    tu_http_request r = {.url = http_server_url(s, "/"),
                         .method = "POST",
                         .read_body = give,
                         .read_arg = &body,
                         .body_length = 500000};
    (void)state;
    assert_int_equal(tu_http_begin(h, &r, &x, &error), TU_ECANCELLED);
    assert_int_equal(http_server_count(s), 0);
    tu_http_free(h);
    http_server_stop(s);
}

static void two_exchanges_of_one_client_do_not_mix(void **state) {
    http_answer one[] = {{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"}};
    http_answer two[] = {{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo"}};
    http_server *a = server(one, 1), *b = server(two, 1);
    tu_http *h = client();
    tu_http_exchange *x = NULL, *y = NULL;
    tu_http_error error;
    char text[16];
    (void)state;
    tu_http_request r = {.url = http_server_url(a, "/")};
    assert_int_equal(tu_http_begin(h, &r, &x, &error), TU_OK);
    r.url = http_server_url(b, "/");
    assert_int_equal(tu_http_begin(h, &r, &y, &error), TU_OK);
    read_all(x, text, sizeof text);
    assert_string_equal(text, "one");
    read_all(y, text, sizeof text);
    assert_string_equal(text, "two");
    tu_http_end(x);
    tu_http_end(y);
    tu_http_end(NULL);
    tu_http_free(h);
    tu_http_free(NULL);
    http_server_stop(a);
    http_server_stop(b);
}

/* --- what is refused -------------------------------------------------------------------------- */

static const struct {
    const char *url;
    bool allow_http;
    tu_rc rc;
    const char *message;
} urls[] = {
    {"https://example.com/x", false, TU_OK, NULL},
    {"http://localhost:8080/x", false, TU_OK, NULL},
    {"http://127.5.6.7/x", false, TU_OK, NULL},
    {"http://[::1]:99/x", false, TU_OK, NULL},
    {"http://hooks.localhost/x", false, TU_OK, NULL},
    {"http://example.com/x", true, TU_OK, NULL},
    {"http://example.com/x", false, TU_EINVALID, "plain http to example.com"},
    {"http://localhost.example.com/x", false, TU_EINVALID, "plain http"},
    {"http://127.0.0.1.example.com/x", false, TU_EINVALID, "plain http"},
    {"ftp://example.com/x", true, TU_EINVALID, "\"ftp:\" can't be used"},
    {"file:///etc/passwd", true, TU_EINVALID, "can't be used"},
    {"https://u:p@example.com/x", false, TU_EINVALID, "has a password in it"},
    {"", false, TU_EINVALID, "not one"},
    {"https://", false, TU_EINVALID, "not one"},
    {"https://a b/", false, TU_EINVALID, "not one"},
    {"/just/a/path", false, TU_EINVALID, NULL},
};

static void urls_that_are_unsafe_are_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        tu_http_error error = {0};
        print_message("%s\n", urls[i].url);
        assert_int_equal(tu_http_check_url(urls[i].url, urls[i].allow_http, &error), urls[i].rc);
        if (urls[i].message)
            assert_contains(error.message, urls[i].message);
    }
}

static void an_origin_shows_no_path_query_or_login(void **state) {
    char out[128];
    (void)state;
    assert_string_equal(tu_http_origin("https://u:p@example.com:8443/T0KEN?q#f", out, sizeof out),
                        "https://example.com:8443");
    assert_string_equal(tu_http_origin("https://example.com/T0KEN", out, sizeof out),
                        "https://example.com");
    assert_string_equal(tu_http_origin("T0KEN nonsense", out, sizeof out), "http://?");
}

static void a_line_break_in_a_header_is_refused(void **state) {
    http_answer answers[] = {{.bytes = OK_ANSWER}};
    http_server *s = server(answers, 1);
    tu_http *h = client();
    tu_http_exchange *x = NULL;
    tu_http_error error;
    tu_http_request r = {.url = http_server_url(s, "/"),
                         .headers = (const char *[]){"A: b\r\nC: d", NULL}};
    (void)state;
    assert_int_equal(tu_http_begin(h, &r, &x, &error), TU_EINVALID);
    assert_string_equal(error.code, "header");
    assert_int_equal(http_server_count(s), 0);
    tu_http_free(h);
    http_server_stop(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_redirect_is_just_a_status_unless_asked_for),
        cmocka_unit_test(a_redirect_on_the_same_host_is_followed_with_the_credentials),
        cmocka_unit_test(a_redirect_to_another_host_gets_nothing),
        cmocka_unit_test(redirects_end_somewhere),
        cmocka_unit_test(a_post_keeps_its_body_or_is_not_redirected),
        cmocka_unit_test(a_large_answer_is_read_in_small_pieces),
        cmocka_unit_test(an_answer_that_is_cut_off_is_no_end),
        cmocka_unit_test(a_request_body_can_be_pulled_with_and_without_a_length),
        cmocka_unit_test(a_body_that_is_given_up_cancels_the_request),
        cmocka_unit_test(two_exchanges_of_one_client_do_not_mix),
        cmocka_unit_test(urls_that_are_unsafe_are_refused),
        cmocka_unit_test(an_origin_shows_no_path_query_or_login),
        cmocka_unit_test(a_line_break_in_a_header_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
