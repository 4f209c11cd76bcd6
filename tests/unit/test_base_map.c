/* The hash table against a plain list, and digests against published vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/str.h"

static tu_str key_of(char room[16], size_t i) {
    snprintf(room, 16, "key-%zu", i);
    return tu_str_c(room);
}

static void a_map_keeps_what_is_put_and_its_order(void **state) {
    (void)state;
    tu_map m = {0};
    char room[16];
    static int values[2000];
    assert_null(tu_map_get(&m, TU_S("x")));
    assert_null(tu_map_remove(&m, TU_S("x")));
    for (size_t i = 0; i < 2000; i++)
        assert_null(tu_map_put(&m, key_of(room, i), &values[i]));
    for (size_t i = 0; i < 2000; i++) {
        assert_ptr_equal(tu_map_get(&m, key_of(room, i)), &values[i]);
        assert_string_equal(m.entries[i].key.p, room);
    }
    assert_ptr_equal(tu_map_put(&m, key_of(room, 7), &values[8]), &values[7]);
    assert_int_equal(m.n, 2000);
    assert_true(tu_map_has(&m, key_of(room, 1999)));
    assert_false(tu_map_has(&m, key_of(room, 2000)));
    tu_map_put(&m, (tu_str){0}, NULL); /* the empty key is a key, NULL a value */
    assert_true(tu_map_has(&m, TU_S("")));
    tu_map_done(&m, NULL);
    assert_int_equal(m.n, 0);
}

static void a_map_behaves_like_a_list_under_random_use(void **state) {
    (void)state;
    enum { KEYS = 300 };
    tu_map m = {0};
    char room[16];
    int values[KEYS];
    bool present[KEYS] = {false};
    size_t count = 0;
    uint32_t random = 12345;
    for (int step = 0; step < 100000; step++) {
        random = random * 1664525u + 1013904223u;
        size_t i = (random >> 8) % KEYS;
        tu_str key = key_of(room, i);
        if ((random >> 28) < 9) {
            assert_ptr_equal(tu_map_put(&m, key, &values[i]), present[i] ? &values[i] : NULL);
            count += !present[i];
            present[i] = true;
        } else {
            assert_ptr_equal(tu_map_remove(&m, key), present[i] ? &values[i] : NULL);
            count -= present[i];
            present[i] = false;
        }
        assert_int_equal(m.n, count);
        if (step % 1000 == 0)
            for (size_t k = 0; k < KEYS; k++)
                assert_int_equal(tu_map_has(&m, key_of(room, k)), present[k]);
    }
    tu_map_done(&m, NULL);
}

static void done_frees_the_values(void **state) {
    (void)state;
    tu_map m = {0};
    tu_map_put(&m, TU_S("a"), malloc(10));
    tu_map_put(&m, TU_S("b"), malloc(10));
    tu_map_done(&m, free);
}

static void digests_are_the_published_ones(void **state) {
    (void)state;
    uint8_t digest[32];
    char hex[65];
    tu_sha256(TU_S("abc"), digest); /* FIPS 180-2 */
    tu_hex(digest, 32, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    tu_sha256((tu_str){0}, digest);
    tu_hex(digest, 32, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    tu_hmac_sha256(TU_S("Jefe"), TU_S("what do ya want for nothing?"),
                   digest); /* RFC 4231 case 2 */
    tu_hex(digest, 32, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    char key[131]; /* RFC 4231, case 6: a key longer than a block */
    memset(key, 0xaa, sizeof key);
    tu_hmac_sha256((tu_str){key, sizeof key},
                   TU_S("Test Using Larger Than Block-Size Key - Hash Key First"), digest);
    tu_hex(digest, 32, hex);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hashes_depend_on_every_part(void **state) {
    (void)state;
    assert_int_equal(tu_hash64((tu_str){0}), tu_hash64(TU_S("")));
    assert_int_not_equal(tu_hash64(TU_S("a")), tu_hash64(TU_S("b")));
    assert_int_not_equal(tu_hash64_seed(TU_S("a"), 1), tu_hash64_seed(TU_S("a"), 2));
    uint8_t a[32] = {0}, b[32] = {0};
    assert_int_equal(tu_random(a, 32), TU_OK);
    assert_int_equal(tu_random(b, 32), TU_OK);
    assert_memory_not_equal(a, b, 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_keeps_what_is_put_and_its_order),
        cmocka_unit_test(a_map_behaves_like_a_list_under_random_use),
        cmocka_unit_test(done_frees_the_values),
        cmocka_unit_test(digests_are_the_published_ones),
        cmocka_unit_test(hashes_depend_on_every_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
