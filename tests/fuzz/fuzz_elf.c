/*
 * fuzz/fuzz_elf.c: the look at a plugin file before it is loaded (core/plugin/elf.c) must survive
 * any bytes, and say something about whatever it refuses.
 */
#include <stdlib.h>

#include "plugin/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tu_errors errors = {0};
    tu_elf_check((tu_str){(const char *)data, size}, "x.so", &errors);
    for (size_t i = 0; i < errors.n; i++)
        if (errors.items[i]->rc != TU_EINVALID || !*tu_error_text(errors.items[i]))
            abort();
    tu_errors_done(&errors);
    return 0;
}
