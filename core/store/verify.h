/*
 * store/verify.h: is the audit trail what it was? Follows the chain record by record, and compares it
 * with heads that were signed earlier and kept elsewhere.
 *
 *   found by the chain alone   a record that was changed, removed, inserted or moved
 *   found by checkpoints       an end that was cut off; a trail that was written anew, chain and all
 *   found by the key           checkpoints that somebody else signed
 *
 *     tu_verifier_new -> tu_verifier_checkpoints* -> tu_verifier_begin -> tu_verifier_add* ->
 *     tu_verifier_end
 *
 * Whoever begins somewhere else than the trail itself did (an export with --since) begins with what its
 * first record claims to follow.
 */
#ifndef TU_STORE_VERIFY_H
#define TU_STORE_VERIFY_H

#include "store/note.h"

typedef struct tu_verifier tu_verifier;

/* key may be NULL: then there must be no notes. It lives longer than the verifier. */
tu_verifier *tu_verifier_new(const tu_note_key *key);
void tu_verifier_free(tu_verifier *v); /* takes NULL */
void tu_verifier_freep(tu_verifier **v);

/* Signed heads, one after the other, before the beginning. TU_EINTEGRITY, TU_EINVALID as tu_note_read(). */
tu_rc tu_verifier_checkpoints(tu_verifier *v, tu_str notes, tu_error **error);
/* What the first record follows. n above 0: note has to be a signed one that says that older records
 * were forgotten, or `claimed` is true. */
tu_rc tu_verifier_begin(tu_verifier *v, const tu_trail *start, tu_str note, bool claimed,
                        tu_error **error);
/* TU_EINTEGRITY: this record, or a checkpoint of it, doesn't fit. */
tu_rc tu_verifier_add(tu_verifier *v, const tu_trail_record *r, tu_error **error);

typedef struct tu_verified {
    tu_trail start, head;
    size_t agreed, older; /* checkpoints: that fit; of records that aren't there any more */
} tu_verified;
/* TU_EINTEGRITY: a checkpoint is of a record behind the last one. */
tu_rc tu_verifier_end(tu_verifier *v, tu_verified *ret, tu_error **error);

#endif
