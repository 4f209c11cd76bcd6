/*
 * store/note.h: signed statements about the audit trail, in the shape of a c2sp.org tlog-checkpoint
 * (a c2sp.org signed-note), so that other tools can check the signature:
 *
 *     trueup.dev/audit/INSTALLATION          origin; also the key's name
 *     10000                                  how many records
 *     BASE64                                 the hash of the last one (store/trail.h: a chain's head,
 *                                            no Merkle tree's root)
 *     time 2026-11-23T06:00:00Z              when it was signed
 *     (an empty line)
 *     — trueup.dev/audit/INSTALLATION BASE64
 *
 * A trail that begins later, since older records were forgotten, has a note of the same shape with the
 * origin ".../start", about the last record that was forgotten.
 *
 * Whoever can write to the state directory can sign: such a note proves something only where it is kept
 * elsewhere (a file on another disk, a receiver), together with the public key.
 */
#ifndef TU_STORE_NOTE_H
#define TU_STORE_NOTE_H

#include "base/buf.h"
#include "base/error.h"
#include "store/trail.h"

typedef struct tu_note_key tu_note_key;

/* The private key in PATH (PEM, mode 0600), made when there is none. TU_EINTEGRITY: it is no Ed25519
 * key; TU_EDENIED: others may read it. */
tu_rc tu_note_key_open(const char *path, tu_str install_id, tu_note_key **ret, tu_error **error);
/* A public key as tu_note_key_print() writes it: NAME+8 hex digits+BASE64 (c2sp.org signed-note). */
tu_rc tu_note_key_parse(tu_str text, tu_note_key **ret, tu_error **error);
void tu_note_key_print(const tu_note_key *k, tu_buf *out);
void tu_note_key_free(tu_note_key *k); /* takes NULL */
void tu_note_key_freep(tu_note_key **k);

typedef struct tu_note {
    bool start; /* records up to n were forgotten */
    tu_trail at;
    int64_t wall_ms; /* to the second */
} tu_note;
tu_rc tu_note_sign(const tu_note_key *k, const tu_note *note, tu_buf *out, tu_error **error);
/* The first note of *rest, which is moved behind it. *ret_none: there is no further one. TU_EINTEGRITY:
 * it isn't signed by this key. TU_EINVALID: it is no note. */
tu_rc tu_note_read(const tu_note_key *k, tu_str *rest, tu_note *ret, bool *ret_none,
                   tu_error **error);

#endif
