/* Checkpoints, public keys and exported records come from files that somebody else may have written. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/str.h"
#include "store/note.h"
#include "store/verify.h"
#include "value/json.h"

static const char public_key[] =
    "trueup.dev/audit/"
    "7c8955907a56d1beb0a5b8cf60a32859+0a4ffd2a+AQWR7xgSjRLnZtj7UvauCRRzl3XTWoB3HXLsP4Ca7HL5";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const tu_str text = {(const char *)data, size};
    tu_note_key *key = NULL, *other = NULL;
    if (tu_note_key_parse(tu_str_c(public_key), &key, NULL) != TU_OK)
        abort();
    if (tu_note_key_parse(text, &other, NULL) == TU_OK)
        tu_note_key_free(other);
    tu_verifier *v = tu_verifier_new(key);
    tu_verified ret;
    tu_trail start = {0};
    if (tu_verifier_checkpoints(v, text, NULL) == TU_OK &&
        tu_verifier_begin(v, &start, text, false, NULL) == TU_OK)
        tu_verifier_end(v, &ret, NULL);
    tu_verifier_free(v);
    tu_note_key_free(key);

    tu_arena a;
    tu_arena_init(&a, TU_LIMIT_OBJECT_ARENA);
    tu_value *line = NULL;
    tu_trail_record r;
    if (tu_json_parse(&a, text, 0, NULL, &line, NULL, NULL) == TU_OK &&
        tu_trail_read(line, text, &r, NULL) == TU_OK) {
        tu_buf out = TU_BUF_INIT(64 * TU_MIB);
        tu_trail_follow(&start, &r);
        tu_trail_write(&out, &r);
        tu_buf_done(&out);
    }
    tu_arena_done(&a);
    return 0;
}
