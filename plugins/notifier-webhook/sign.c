/* notifier-webhook/sign.c: see sign.h. */
#include "sign.h"

#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>

enum { DIGEST_BYTES = 32, KEY_BYTES = 512 };

static bool update(EVP_MAC_CTX *context, const char *p, size_t n) {
    return EVP_MAC_update(context, (const unsigned char *)p, n);
}

/* HMAC-SHA256 over "<id>.<time>.<body>", the id only where there is one. */
static bool compute(const signing *s, const unsigned char *key, size_t n,
                    unsigned char digest[DIGEST_BYTES]) {
    size_t made = 0;
    char name[] = "SHA256";
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", name, 0),
                               OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;
    bool done = context && EVP_MAC_init(context, key, n, parameters) &&
                (!s->id || (update(context, s->id, strlen(s->id)) && update(context, ".", 1))) &&
                update(context, s->time, strlen(s->time)) && update(context, ".", 1) &&
                (s->body.n == 0 || update(context, s->body.p, s->body.n)) &&
                EVP_MAC_final(context, digest, &made, DIGEST_BYTES) && made == DIGEST_BYTES;
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
    return done;
}

static void add(signing *s, const char *text) {
    size_t n = strlen(s->text);
    if (snprintf(s->text + n, sizeof s->text - n, "%s%s%s", n ? (s->is_standard ? " " : ",") : "",
                 s->is_standard ? "v1," : "v1=", text) >= (int)(sizeof s->text - n))
        s->failed = true;
}

static void sign_hex(void *arg, tu_str key) {
    signing *s = arg;
    unsigned char digest[DIGEST_BYTES];
    char hex[2 * DIGEST_BYTES + 1];
    if (!compute(s, (const unsigned char *)key.p, key.n, digest)) {
        s->failed = true;
        return;
    }
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    add(s, hex);
}

/* "whsec_" and base64 of 24 to 64 bytes, as Standard Webhooks ask for; returns how many there are, 0: it is none. */
static size_t decode(tu_str key, unsigned char out[KEY_BYTES]) {
    static const char prefix[] = "whsec_";
    size_t skip = sizeof prefix - 1;
    if (key.n <= skip || memcmp(key.p, prefix, skip) != 0)
        return 0;
    size_t n = key.n - skip;
    while (n && (key.p[skip + n - 1] == '\n' || key.p[skip + n - 1] == '\r'))
        n--;
    if (n == 0 || n % 4 || n / 4 * 3 > KEY_BYTES)
        return 0;
    int made = EVP_DecodeBlock(out, (const unsigned char *)key.p + skip, (int)n);
    int padding = (key.p[skip + n - 1] == '=') + (key.p[skip + n - 2] == '=');
    return made - padding >= 24 && made - padding <= 64 ? (size_t)(made - padding) : 0;
}

static void sign_standard(void *arg, tu_str key) {
    signing *s = arg;
    unsigned char raw[KEY_BYTES], digest[DIGEST_BYTES], text[64];
    size_t n = decode(key, raw);
    if (n == 0) {
        s->bad_key = true;
    } else if (compute(s, raw, n, digest)) {
        EVP_EncodeBlock(text, digest, DIGEST_BYTES);
        add(s, (const char *)text);
    } else {
        s->failed = true;
    }
    explicit_bzero(raw, sizeof raw);
}

tu_rc sign(const tu_host *host, tu_call *call, const keys *k, signing *s) {
    const char *const handles[] = {k->now, k->other};
    tu_http_error error;
    for (size_t i = 0; i < 2; i++) {
        if (!handles[i])
            continue;
        tu_rc rc = host->secret(call, (tu_str){handles[i], strlen(handles[i])},
                                s->is_standard ? sign_standard : sign_hex, s);
        if (rc != TU_OK)
            return rc;
    }
    if (s->bad_key)
        notifier_refuse(
            &error, TU_EINVALID, "secret",
            "standardWebhooks: a key is whsec_ and the base64 of 24 to 64 bytes; make one "
            "with: echo whsec_$(openssl rand -base64 32)");
    else if (s->failed)
        notifier_refuse(&error, TU_EINTERNAL, "sign", "the message can't be signed");
    else
        return TU_OK;
    return tu_http_fail(host, call, &error);
}
