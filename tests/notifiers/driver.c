/*
 * notifiers/driver.c: one notifier under the real host, asked line by line.
 *
 *     notifiers_driver slack '{urlFrom: {env: HOOK}}' [SCRATCH FOLDER] <requests >results
 *
 * A request is a JSON object a line: {"message":FILE or text, "key", "attempt", "uncertain", "brief", "reference"};
 * {"probe":true} asks probe(); {"rate":true} is answered with the
 * rate of the plugin's schema as reference: "1/1000". A result is {"rc","code","error","retryAfterMs","reference","log"}, log being all
 * that was logged so far. A configuration that is refused is the only result, with "rc" of create.
 */
#include "plugins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "value/json.h"

enum { MESSAGE_LIMIT = 64 * 1024 * 1024 };

static void print_result(tu_rc rc, const tu_error *error, tu_str reference) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(MESSAGE_LIMIT);
    tu_buf_addf(&b, "{\"rc\":\"%s\",\"code\":", tu_rc_name(rc));
    tu_buf_add_json_string(&b, tu_str_c(error && error->code ? error->code : ""));
    tu_buf_add_c(&b, ",\"error\":");
    tu_buf_add_json_string(&b, tu_str_c(error ? tu_error_text(error) : ""));
    tu_buf_addf(&b, ",\"line\":%lld,\"retryAfterMs\":%lld,\"reference\":",
                error ? (long long)error->line : 0LL,
                error ? (long long)error->retry_after_ms : 0LL);
    tu_buf_add_json_string(&b, reference);
    tu_buf_add_c(&b, ",\"log\":");
    tu_buf_add_json_string(&b, tu_str_c(test_log_text()));
    tu_buf_add_byte(&b, '}');
    puts(tu_buf_c(&b));
    fflush(stdout);
}

static void tell_rate(const char *plugin) {
    const tu_library *l = NULL;
    int64_t messages = 0, per_ms = 0;
    char text[64];
    bool has = tu_library_open_builtin(TU_KIND_NOTIFIER, tu_str_c(plugin), &l, NULL) == TU_OK &&
               tu_library_rate(l, &messages, &per_ms);
    snprintf(text, sizeof text, has ? "%lld/%lld" : "none", (long long)messages, (long long)per_ms);
    print_result(TU_OK, NULL, tu_str_c(text));
}

static void deliver(tu_plugin_use *u, const tu_value *request) {
    _cleanup_(tu_buf_done) tu_buf message = TU_BUF_INIT(MESSAGE_LIMIT),
                                  reference = TU_BUF_INIT(TU_LIMIT_REFERENCE_BYTES);
    tu_error *error = NULL;
    tu_sending sending = {.attempt = (int32_t)tu_value_integer(tu_value_get(request, "attempt"), 1),
                          .uncertain = tu_value_boolean(tu_value_get(request, "uncertain"), false),
                          .brief = tu_value_boolean(tu_value_get(request, "brief"), false),
                          .reference = tu_value_get_string(request, "reference")};
    if (tu_value_boolean(tu_value_get(request, "probe"), false)) {
        tu_rc rc = tu_call_probe(u, NULL, &error);
        print_result(rc, error, TU_S(""));
        tu_error_free(error);
        return;
    }
    tu_json_write(&message, tu_value_get(request, "message"), 0);
    tu_rc rc = tu_call_send(u, tu_buf_str(&message), tu_value_get_string(request, "key"), &sending,
                            &reference, NULL, &error);
    print_result(rc, error, tu_buf_str(&reference));
    tu_error_free(error);
}

static tu_plugin_use *open_use(const char *plugin, const char *yaml, const char *scratch) {
    const tu_library *l = NULL;
    tu_error *error = NULL;
    tu_errors errors = {0};
    tu_plugin_use *u = NULL;
    test_use t;
    tu_rc rc = tu_library_open_builtin(TU_KIND_NOTIFIER, tu_str_c(plugin), &l, &error);
    if (rc == TU_OK) {
        test_use_read(&t, plugin, yaml);
        tu_library_check_config(l, &t.use, &t.arena, &errors);
        if (errors.n)
            print_result(TU_EINVALID, errors.items[0], TU_S(""));
        else
            rc = tu_plugin_use_new(l, TU_KIND_NOTIFIER, &t.use, scratch, &u, &error);
        test_use_done(&t);
    }
    if (rc != TU_OK)
        print_result(rc, error, TU_S(""));
    tu_error_free(error);
    tu_errors_done(&errors);
    return u;
}

int main(int argc, char **argv) {
    char *line = NULL;
    size_t room = 0;
    if (argc != 3 && argc != 4) {
        fputs("usage: notifiers_driver PLUGIN CONFIG [SCRATCH FOLDER]\n", stderr);
        return 2;
    }
    test_log_begin();
    tu_plugin_use *u = open_use(argv[1], argv[2], argv[3]);
    for (ssize_t n; u && (n = getline(&line, &room, stdin)) > 0;) {
        tu_arena arena;
        tu_value *request = NULL;
        tu_error *error = NULL;
        tu_arena_init(&arena, 0);
        if (tu_json_parse(&arena, (tu_str){line, (size_t)n}, TU_JSON_NO_LINES, NULL, &request, NULL,
                          &error) != TU_OK)
            print_result(TU_EINVALID, error, TU_S(""));
        else if (tu_value_boolean(tu_value_get(request, "rate"), false))
            tell_rate(argv[1]);
        else
            deliver(u, request);
        tu_error_free(error);
        tu_arena_done(&arena);
    }
    tu_plugin_use_free(u);
    test_log_end();
    free(line);
    return 0;
}
