/*
 * fuzz_config: whatever text comes, there is a configuration or at least one mistake, never both;
 * every mistake of a file has its place within the text, in order; and what was accepted can be
 * used: windows answer, references lead somewhere.
 */
#include "base/str.h"
#include "config/config.h"
#include <stdint.h>
#include <stdlib.h>

static void require(bool condition) {
    if (!condition)
        abort();
}

static void check_errors(const tu_errors *errors, size_t size) {
    int64_t line = 0;
    for (size_t i = 0; i < errors->n; i++) {
        const tu_error *e = errors->items[i];
        require(e->message[0] != '\0');
        if (!e->file)
            continue;
        require(e->line >= line && e->line <= (int64_t)size + 1);
        line = e->line;
    }
}

static void check_windows(const tu_window *w, size_t n) {
    for (size_t i = 0; i < n; i++) {
        require(w[i].schedule && w[i].duration_ms > 0);
        tu_window again = w[i];
        again.schedule = NULL;
        for (int64_t t = 1767225600000; t < 1767225600000 + 40 * INT64_C(86400000);
             t += 86400000 * 7 + 1800000)
            require(tu_window_open(&w[i], t) == tu_window_open(&again, t));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 65536)
        return 0;
    tu_errors errors = {0};
    tu_config *c = tu_config_parse("fuzz.yaml", (tu_str){(const char *)data, size}, &errors);
    require((c != NULL) == (errors.n == 0));
    check_errors(&errors, size);
    for (size_t i = 0; c && i < c->rule_count; i++) {
        const tu_rule *r = &c->rules[i];
        require(tu_config_source(c, r->from) && tu_config_target(c, r->to) &&
                r->interval_ms >= 1000);
        check_windows(r->heal.windows, r->heal.window_count);
        for (size_t k = 0; k < r->entry_count; k++)
            check_windows(r->entries[k].within, r->entries[k].within_count);
    }
    if (c && c->routing.receiver.n > 0)
        require(tu_config_notifier(c, c->routing.receiver));
    tu_config_unref(c);
    tu_errors_done(&errors);
    return 0;
}
