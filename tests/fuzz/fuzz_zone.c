/*
 * fuzz_zone: whatever bytes a time zone file has, it is refused or answers for every moment, and
 * turning a local time back stays within a day or two of it.
 */
#include "base/arena.h"
#include "config/calendar.h"
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tu_arena a;
    tu_arena_init(&a, 0);
    const tu_zone *z = NULL;
    if (tu_zone_parse(&a, (tu_str){(const char *)data, size}, &z, NULL) == TU_OK) {
        for (int64_t t = -3000000000; t < 5000000000; t += 97000003) {
            int64_t offset = tu_zone_offset(z, t), back = tu_zone_to_utc(z, t);
            if (llabs(offset) > 8 * 86400 || llabs(back - t) > 8 * 86400)
                abort();
        }
    }
    tu_arena_done(&a);
    return 0;
}
