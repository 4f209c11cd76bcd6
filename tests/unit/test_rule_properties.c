/*
 * What must hold of any rule: the first entry that matches decides, the order of an entry's conditions
 * means nothing, and what lint calls shadowed never gets its turn. Rules and findings are made at
 * random, by a fixed seed.
 */
#include "rule_properties.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void it_holds_of_three_thousand_rules(void **state) {
    (void)state;
    uint64_t seed = 20261123;
    uint8_t bytes[1024];
    for (int round = 0; round < 3000; round++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            bytes[i] = (uint8_t)(seed >> 56);
        }
        maker m = {bytes, sizeof bytes, 0};
        const char *fault = check_properties(&m);
        if (fault)
            fail_msg("round %d: %s", round, fault);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_of_three_thousand_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
