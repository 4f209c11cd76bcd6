/*
 * bench/bench_plugin.c: what it costs to pass an object from a plugin to the core: the puppet
 * (tests/plugin) streams objects through emit(), and nobody looks at them. Prints objects a second
 * and allocations for each.
 *
 *     bench_plugin [objects]
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "plugin/host.h"

static size_t seen;

static tu_rc count(void *arg, uint32_t record, uint32_t index, const tu_value *meta, tu_str body) {
    (void)arg, (void)record, (void)index, (void)meta, (void)body;
    seen++;
    return TU_OK;
}

int main(int argc, char **argv) {
    const char *folder = getenv("TRUEUP_BUILD_DIR");
    long objects = argc > 1 ? strtol(argv[1], NULL, 10) : 5000000;
    tu_errors errors = {0};
    tu_error *error = NULL;
    tu_arena arena;
    tu_plugin_use *use = NULL;
    char path[4096], words[64];

    snprintf(path, sizeof path, "%s/tests/plugin/puppet-parallel.so", folder ? folder : ".");
    const tu_library *l = tu_library_open_file(path, TU_S(""), &errors);
    if (!l) {
        fprintf(stderr, "%s\n", tu_error_text(errors.items[0]));
        return 1;
    }
    tu_arena_init(&arena, 0);
    tu_use configured = {.name = TU_S("bench"), .config = tu_value_new(&arena, TU_MAP)};
    if (tu_plugin_use_new(l, TU_KIND_TARGET, &configured, NULL, &use, &error) != TU_OK) {
        fprintf(stderr, "%s\n", tu_error_text(error));
        return 1;
    }
    snprintf(words, sizeof words, "stream %ld", objects);
    tu_call_options o = {.on_record = count};
    tu_mem_fail_after(0);
    int64_t before = tu_clock_monotonic();
    tu_rc rc = tu_call_list(use, tu_str_c(words), &o, &error);
    int64_t ms = tu_clock_monotonic() - before;
    printf("emit: %zu records in %lld ms, %.1f million a second, %zu allocations\n", seen,
           (long long)ms, (double)seen / 1000.0 / (double)(ms ? ms : 1), tu_mem_fail_after(0));
    tu_plugin_use_free(use);
    tu_arena_done(&arena);
    return rc == TU_OK ? 0 : 1;
}
