/*
 * store/note.c: see note.h. Ed25519 and base64 by OpenSSL.
 */
#include "store/note.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"

enum {
    ED25519 = 1, /* the algorithm's byte of c2sp.org signed-note */
    KEY_BYTES = 32,
    SIGNATURE_BYTES = 64,
    ID_BYTES = 4,
    NAME_BYTES = 128,
    NOTE_BYTES = 4096,
};
static const char origin[] = "trueup.dev/audit/";
static const char start_suffix[] = "/start";
static const char mark[] = "\xe2\x80\x94 "; /* em dash, blank: begins a line with a signature */

struct tu_note_key {
    EVP_PKEY *pair; /* with or without the private half */
    uint8_t public[KEY_BYTES];
    uint8_t id[ID_BYTES];
    char name[NAME_BYTES];
};

/* --- base64 ----------------------------------------------------------------------------------- */

static void add_base64(tu_buf *out, const uint8_t *bytes, size_t n) {
    unsigned char text[4 * ((ID_BYTES + SIGNATURE_BYTES + 2) / 3) + 4];
    int length = EVP_EncodeBlock(text, bytes, (int)n);
    tu_buf_add(out, (tu_str){(const char *)text, (size_t)length});
}

/* Exactly n bytes, in their canonical form. */
static bool read_base64(tu_str text, uint8_t *out, size_t n) {
    unsigned char room[3 * 64];
    size_t padding = 0;
    while (padding < 2 && padding < text.n && text.p[text.n - 1 - padding] == '=')
        padding++;
    if (text.n == 0 || text.n % 4 || text.n / 4 * 3 > sizeof room ||
        text.n / 4 * 3 - padding != n ||
        EVP_DecodeBlock(room, (const unsigned char *)text.p, (int)text.n) < 0)
        return false;
    /* one way to write it only: bits that aren't used would be a place to change something */
    unsigned char again[4 * sizeof room / 3 + 1];
    EVP_EncodeBlock(again, room, (int)n);
    memcpy(out, room, n);
    return memcmp(again, text.p, text.n) == 0;
}

/* --- keys ------------------------------------------------------------------------------------- */

void tu_note_key_free(tu_note_key *k) {
    if (k)
        EVP_PKEY_free(k->pair);
    free(k);
}

void tu_note_key_freep(tu_note_key **k) {
    tu_note_key_free(*k);
}

/* The id binds the name and the key: SHA-256(name, newline, algorithm, key), its first bytes. */
static void identify(tu_note_key *k) {
    uint8_t digest[32];
    char text[NAME_BYTES + 2 + KEY_BYTES];
    size_t n = strlen(k->name);
    memcpy(text, k->name, n);
    text[n++] = '\n';
    text[n++] = ED25519;
    memcpy(text + n, k->public, KEY_BYTES);
    tu_sha256((tu_str){text, n + KEY_BYTES}, digest);
    memcpy(k->id, digest, ID_BYTES);
}

void tu_note_key_print(const tu_note_key *k, tu_buf *out) {
    uint8_t bytes[1 + KEY_BYTES] = {ED25519};
    char id[2 * ID_BYTES + 1];
    memcpy(bytes + 1, k->public, KEY_BYTES);
    tu_hex(k->id, ID_BYTES, id);
    tu_buf_addf(out, "%s+%s+", k->name, id);
    add_base64(out, bytes, sizeof bytes);
}

tu_rc tu_note_key_parse(tu_str text, tu_note_key **ret, tu_error **error) {
    tu_note_key *k = tu_xcalloc(1, sizeof *k);
    const char *end = memchr(text.p ? text.p : "", '+', text.n);
    size_t name = end ? (size_t)(end - text.p) : 0, skip = name + 2 + 2 * (size_t)ID_BYTES;
    uint8_t bytes[1 + KEY_BYTES];
    char id[2 * ID_BYTES + 1] = "";
    bool good = name > 0 && name < NAME_BYTES && skip < text.n && text.p[skip - 1] == '+' &&
                read_base64((tu_str){text.p + skip, text.n - skip}, bytes, sizeof bytes) &&
                bytes[0] == ED25519;
    if (good) {
        memcpy(k->name, text.p, name);
        memcpy(k->public, bytes + 1, KEY_BYTES);
        identify(k);
        tu_hex(k->id, ID_BYTES, id);
        good = memcmp(id, text.p + name + 1, 2 * (size_t)ID_BYTES) == 0;
        k->pair = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, k->public, KEY_BYTES);
    }
    if (!good || !k->pair) {
        tu_note_key_free(k);
        return tu_error_set(
            error, TU_EINVALID,
            "this is no public key of an audit trail: `trueup audit key` prints one "
            "(NAME+ID+BASE64)");
    }
    *ret = k;
    return TU_OK;
}

static EVP_PKEY *read_pem(const tu_buf *pem) {
    BIO *in = BIO_new_mem_buf(tu_buf_c(pem), (int)pem->n);
    EVP_PKEY *pair = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
    BIO_free(in);
    if (pair && EVP_PKEY_get_id(pair) == EVP_PKEY_ED25519)
        return pair;
    EVP_PKEY_free(pair);
    return NULL;
}

static tu_rc make_pem(const char *path, tu_error **error) {
    EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    BIO *out = BIO_new(BIO_s_secmem());
    char *bytes = NULL;
    tu_rc rc = TU_EINTERNAL;
    if (pair && out && PEM_write_bio_PrivateKey(out, pair, NULL, NULL, 0, NULL, NULL) == 1) {
        long n = BIO_get_mem_data(out, &bytes);
        rc = tu_file_write(path, (tu_str){bytes, (size_t)n}, 0600, error);
    } else {
        tu_error_set(error, rc, "can't make a key for the audit trail");
    }
    BIO_free(out);
    EVP_PKEY_free(pair);
    return rc;
}

/* A key that others can read proves nothing. */
static tu_rc check_mode(const char *path, tu_error **error) {
    struct stat st;
    if (stat(path, &st) != 0)
        return tu_error_set(error, TU_EUNAVAILABLE, "%s: %s", path, strerror(errno));
    if (st.st_mode & 077)
        return tu_error_set(error, TU_EDENIED,
                            "%s: others may read this key: chmod 600 it, or make a new one by "
                            "removing it",
                            path);
    return TU_OK;
}

tu_rc tu_note_key_open(const char *path, tu_str install_id, tu_note_key **ret, tu_error **error) {
    tu_rc rc = tu_file_exists(path) ? TU_OK : make_pem(path, error);
    if (rc == TU_OK)
        rc = check_mode(path, error);
    tu_buf pem = TU_BUF_INIT(NOTE_BYTES);
    if (rc == TU_OK)
        rc = tu_file_read(path, NOTE_BYTES, &pem, error);
    tu_note_key *k = tu_xcalloc(1, sizeof *k);
    size_t n = KEY_BYTES;
    if (rc == TU_OK) {
        snprintf(k->name, sizeof k->name, "%s%.*s", origin, TU_P(install_id));
        k->pair = read_pem(&pem);
        if (!k->pair || EVP_PKEY_get_raw_public_key(k->pair, k->public, &n) != 1)
            rc =
                tu_error_set(error, TU_EINTEGRITY,
                             "%s: this is no Ed25519 key in PEM: restore it from a backup, or move "
                             "it away to get a new one",
                             path);
    }
    if (pem.p)
        explicit_bzero(pem.p, pem.n);
    tu_buf_done(&pem);
    if (rc != TU_OK) {
        tu_note_key_free(k);
        return rc;
    }
    identify(k);
    *ret = k;
    return TU_OK;
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool sign(const tu_note_key *k, tu_str text, uint8_t out[SIGNATURE_BYTES]) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t n = SIGNATURE_BYTES;
    bool good = context && EVP_DigestSignInit(context, NULL, NULL, NULL, k->pair) == 1 &&
                EVP_DigestSign(context, out, &n, (const unsigned char *)text.p, text.n) == 1 &&
                n == SIGNATURE_BYTES;
    EVP_MD_CTX_free(context);
    return good;
}

tu_rc tu_note_sign(const tu_note_key *k, const tu_note *note, tu_buf *out, tu_error **error) {
    char time[32];
    uint8_t signature[ID_BYTES + SIGNATURE_BYTES];
    tu_buf text = TU_BUF_INIT(NOTE_BYTES);
    tu_time_format(note->wall_ms - note->wall_ms % 1000, time);
    tu_buf_addf(&text, "%s%s\n%lld\n", k->name, note->start ? start_suffix : "",
                (long long)note->at.n);
    add_base64(&text, note->at.hash, sizeof note->at.hash);
    tu_buf_addf(&text, "\ntime %s\n", time);
    memcpy(signature, k->id, ID_BYTES);
    tu_rc rc =
        text.rc == TU_OK && sign(k, tu_buf_str(&text), signature + ID_BYTES) ? TU_OK : TU_EINTERNAL;
    if (rc == TU_OK) {
        tu_buf_add(out, tu_buf_str(&text));
        tu_buf_addf(out, "\n%s%s ", mark, k->name);
        add_base64(out, signature, sizeof signature);
        tu_buf_add_c(out, "\n");
        rc = out->rc;
    }
    tu_buf_done(&text);
    return rc == TU_OK ? rc : tu_error_set(error, rc, "can't sign the audit trail");
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The next line without its newline; false at the end. */
static bool next_line(tu_str *rest, tu_str *ret) {
    if (rest->n == 0)
        return false;
    const char *end = memchr(rest->p, '\n', rest->n);
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    *ret = (tu_str){rest->p, n};
    n += end != NULL;
    *rest = (tu_str){rest->p + n, rest->n - n};
    return true;
}

static bool starts_with(tu_str s, const char *prefix) {
    size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

static bool is_signed(const tu_note_key *k, tu_str text, tu_str line) {
    uint8_t bytes[ID_BYTES + SIGNATURE_BYTES];
    size_t skip = strlen(mark) + strlen(k->name) + 1;
    if (!starts_with(line, mark) || line.n <= skip || line.p[skip - 1] != ' ' ||
        memcmp(line.p + strlen(mark), k->name, strlen(k->name)) != 0 ||
        !read_base64((tu_str){line.p + skip, line.n - skip}, bytes, sizeof bytes) ||
        memcmp(bytes, k->id, ID_BYTES) != 0)
        return false;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, k->pair) == 1 &&
                EVP_DigestVerify(context, bytes + ID_BYTES, SIGNATURE_BYTES,
                                 (const unsigned char *)text.p, text.n) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

static bool read_count(tu_str s, int64_t *ret) {
    int64_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        n = n * 10 + (s.p[i] - '0');
    }
    *ret = n;
    return s.n > 0 && s.n < 19 && (s.p[0] != '0' || s.n == 1);
}

/* The lines of a note's text. Further ones are allowed: a later version may say more. */
static bool read_text(const tu_note_key *k, tu_str text, tu_note *ret) {
    tu_str about, count, hash, time;
    int64_t us = 0;
    if (!next_line(&text, &about) || !next_line(&text, &count) || !next_line(&text, &hash) ||
        !next_line(&text, &time))
        return false;
    size_t name = strlen(k->name);
    *ret = (tu_note){.start = about.n > name};
    tu_str suffix = {about.p + name, about.n > name ? about.n - name : 0};
    if (!starts_with(about, k->name) || (ret->start && !tu_str_is(suffix, start_suffix)) ||
        !read_count(count, &ret->at.n) || !read_base64(hash, ret->at.hash, 32) ||
        !starts_with(time, "time ") || !tu_time_parse((tu_str){time.p + 5, time.n - 5}, &us))
        return false;
    ret->wall_ms = us / 1000;
    return true;
}

tu_rc tu_note_read(const tu_note_key *k, tu_str *rest, tu_note *ret, bool *ret_none,
                   tu_error **error) {
    tu_str line = {0}, text;
    while (rest->n && rest->p[0] == '\n')
        next_line(rest, &line);
    *ret_none = rest->n == 0;
    if (*ret_none)
        return TU_OK;
    const char *begin = rest->p;
    while (next_line(rest, &line) && line.n)
        ;
    text = (tu_str){begin, line.n ? 0 : (size_t)(line.p - begin)};
    bool good = false;
    while (rest->n && starts_with(*rest, mark) && next_line(rest, &line))
        good = good || is_signed(k, text, line);
    if (!good)
        return tu_error_set(error, TU_EINTEGRITY,
                            "a checkpoint isn't signed by the key %s: is it another "
                            "installation's, or was it changed?",
                            k->name);
    if (!read_text(k, text, ret))
        return tu_error_set(error, TU_EINVALID,
                            "a checkpoint of %s has a shape that this trueup "
                            "doesn't know",
                            k->name);
    return TU_OK;
}
