/*
 * engine/evidence-page.c: one page of the audit trail, as JSON.
 */
#include "base/hash.h"
#include "base/limits.h"
#include "base/str.h"
#include "engine/evidence.h"
#include "store/audit.h"

enum { PAGE_RECORDS = 5000, PAGE_BYTES = 8 * TU_MIB };

typedef struct page {
    tu_buf *out;
    size_t begin, n;
} page;

static tu_rc add_record(void *arg, const tu_trail_record *r) {
    page *p = arg;
    tu_buf_add_c(p->out, p->n++ ? "," : "");
    tu_trail_write(p->out, r);
    return p->out->n - p->begin < PAGE_BYTES ? TU_OK : TU_ECANCELLED; /* the next page goes on */
}

static void add_member(tu_buf *out, const char *name, const tu_buf *value) {
    tu_buf_addf(out, "\"%s\":", name);
    tu_buf_add_json_string(out, tu_buf_str(value));
}

static tu_rc write_page(tu_store *s, int64_t after, tu_buf texts[3], tu_buf *out,
                        tu_error **error) {
    tu_trail start;
    char hash[65];
    const tu_note_key *key = NULL;
    tu_rc rc = tu_store_audit_key(s, &key, error);
    if (rc == TU_OK)
        rc = tu_store_audit_start(s, &start, &texts[1], error);
    if (rc == TU_OK)
        rc = tu_store_audit_checkpoint(s, &texts[2], error);
    if (rc != TU_OK)
        return rc;
    tu_note_key_print(key, &texts[0]);
    tu_hex(start.hash, 32, hash);
    tu_buf_addf(out, "{\"installation\":\"%s\",", tu_store_install_id(s));
    add_member(out, "key", &texts[0]);
    tu_buf_addf(out, ",\"start\":{\"n\":%lld,\"hash\":\"%s\",", (long long)start.n, hash);
    add_member(out, "note", &texts[1]);
    tu_buf_add_c(out, "},");
    add_member(out, "checkpoint", &texts[2]);
    tu_buf_add_c(out, ",\"records\":[");
    page p = {out, out->n, 0};
    rc = tu_store_audit_read(s, after > start.n ? after : start.n, PAGE_RECORDS, add_record, &p,
                             error);
    tu_buf_add_c(out, "]}\n");
    return rc == TU_ECANCELLED ? TU_OK : rc;
}

tu_rc tu_evidence_page(tu_store *s, int64_t after, tu_buf *out, tu_error **error) {
    tu_buf texts[3];
    for (int i = 0; i < 3; i++)
        tu_buf_init(&texts[i], TU_LIMIT_MESSAGE_BYTES);
    tu_rc rc = write_page(s, after, texts, out, error);
    for (int i = 0; i < 3; i++)
        tu_buf_done(&texts[i]);
    if (rc == TU_OK && out->rc != TU_OK)
        rc = tu_error_set(error, out->rc, "a page of the audit trail is too large to be told");
    return rc;
}
