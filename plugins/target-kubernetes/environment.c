/* environment.c: see environment.h. To add a kind: a line in kube_environment_kinds. */
#include "environment.h"
#include "scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_LIMIT 20000u  /* objects of one of these kinds; more don't count */
#define INDEX_EVERY_MS 300000 /* the index, when nothing happens */
#define INDEX_PAUSE_MS 15000  /* after one that failed */

const kube_environment_kind kube_environment_kinds[KUBE_ENVIRONMENT_KINDS] = {
    {"admissionregistration.k8s.io", "MutatingWebhookConfiguration", {"v1"}, false},
    {"admissionregistration.k8s.io",
     "MutatingAdmissionPolicy",
     {"v1", "v1beta1", "v1alpha1"},
     false},
    {"admissionregistration.k8s.io",
     "MutatingAdmissionPolicyBinding",
     {"v1", "v1beta1", "v1alpha1"},
     false},
    {"apiextensions.k8s.io", "CustomResourceDefinition", {"v1"}, true},
};

/* When the index is asked for after a definition changed: it is published some time later. */
static const int64_t index_steps_ms[] = {300, 1000, 3000, 10000, 30000};
#define INDEX_STEPS (sizeof(index_steps_ms) / sizeof(index_steps_ms[0]))

/* FNV-1a: to see changes, not to be trusted. */
static uint64_t fnv(uint64_t hash, const char *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)p[i]) * UINT64_C(1099511628211);
    return hash;
}
static uint64_t fnv_text(uint64_t hash, const char *text) {
    return fnv(hash, text, strlen(text) + 1);
}
#define FNV_BASIS UINT64_C(14695981039346656037)

void kube_environment_begin(kube_environment *e, tu_instance *k, tu_call *call, kube_session *s) {
    *e = (kube_environment){.k = k, .call = call, .session = s};
    e->index_at_ms = kube_now_ms();
    e->index_step = INDEX_STEPS;
}

void kube_environment_done(kube_environment *e) {
    if (e->session)
        kube_session_stop(e->session, &e->transfer);
    kube_transfer_done(&e->transfer);
    for (size_t i = 0; i < KUBE_ENVIRONMENT_KINDS; i++)
        free(e->kinds[i].entries);
}

/* --- the objects --------------------------------------------------------------------------- */

void kube_environment_listing(kube_environment *e, size_t kind) {
    for (size_t i = 0; i < e->kinds[kind].n; i++)
        e->kinds[kind].entries[i].seen = false;
}

static void definition_changed(kube_environment *e, size_t kind) {
    if (!kube_environment_kinds[kind].by_generation || !e->kinds[kind].settled)
        return;
    e->index_step = 0;
    e->index_at_ms = kube_now_ms() + index_steps_ms[0];
}

static kube_environment_entry *entry_of(kube_environment *e, size_t kind, uint64_t name) {
    size_t n = e->kinds[kind].n;
    kube_environment_entry *entries = e->kinds[kind].entries;
    for (size_t i = 0; i < n; i++)
        if (entries[i].name == name)
            return &entries[i];
    if (n >= ENTRIES_LIMIT)
        return NULL;
    if ((n & (n - 1)) == 0) { /* a power of two: grow */
        entries = realloc(entries, (n ? 2 * n : 1) * sizeof(*entries));
        if (!entries)
            return NULL;
        e->kinds[kind].entries = entries;
    }
    entries[n] = (kube_environment_entry){.name = name};
    e->kinds[kind].n++;
    return &entries[n];
}

void kube_environment_object(kube_environment *e, size_t kind, tu_str metadata, bool gone) {
    char name[300], uid[128], version[64];
    tu_str generation;
    kube_json_text(metadata, "name", name, sizeof(name));
    kube_json_text(metadata, "uid", uid, sizeof(uid));
    kube_json_text(metadata, "resourceVersion", version, sizeof(version));
    kube_environment_entry *entry = entry_of(e, kind, fnv_text(FNV_BASIS, name));
    if (!entry)
        return;
    uint64_t digest = fnv_text(fnv_text(entry->name + kind, uid), "");
    if (kube_environment_kinds[kind].by_generation &&
        kube_json_member(metadata, "generation", &generation))
        digest = fnv(digest, generation.p, generation.n);
    else
        digest = fnv_text(digest, version);
    if (gone)
        digest = 0;
    if (entry->digest != digest)
        definition_changed(e, kind);
    entry->digest = digest;
    entry->seen = true;
}

void kube_environment_listed(kube_environment *e, size_t kind) {
    for (size_t i = 0; i < e->kinds[kind].n; i++) {
        kube_environment_entry *entry = &e->kinds[kind].entries[i];
        if (entry->seen || !entry->digest)
            continue;
        entry->digest = 0;
        definition_changed(e, kind);
    }
    e->kinds[kind].settled = true;
    e->kinds[kind].denied = false;
}

void kube_environment_absent(kube_environment *e, size_t kind, bool denied) {
    e->kinds[kind].settled = true;
    e->kinds[kind].denied = denied;
}

/* --- the index ----------------------------------------------------------------------------- */

static void on_index(kube_transfer *t) {
    kube_environment *e = t->owner;
    int64_t now = kube_now_ms();
    bool good = t->result == CURLE_OK && t->status == 200 && t->answer.n;
    e->index_denied = t->status == 403 || t->status == 404;
    e->index_settled = true;
    if (good)
        e->index = fnv(FNV_BASIS, t->answer.p, t->answer.n) | 1;
    kube_text_clear(&t->answer);
    if (good && e->index_step < INDEX_STEPS)
        e->index_step++;
    int64_t wait = e->index_step < INDEX_STEPS ? index_steps_ms[e->index_step] : INDEX_EVERY_MS;
    e->index_at_ms = now + (good || e->index_denied ? wait : INDEX_PAUSE_MS);
}

int64_t kube_environment_drive(kube_environment *e, int64_t now) {
    if (e->transfer.active)
        return -1; /* it wakes the session itself */
    if (e->index_at_ms > now)
        return e->index_at_ms;
    kube_error error;
    e->transfer.path = "/openapi/v3";
    e->transfer.timeout_ms = e->k->request_timeout_ms;
    e->transfer.on_done = on_index;
    e->transfer.owner = e;
    e->transfer.topic = (kube_topic){.verb = "get", .resource = "the OpenAPI v3 index"};
    e->index_at_ms = now + INDEX_PAUSE_MS;
    if (kube_session_start(e->session, e->call, &e->transfer, &error) != TU_OK)
        e->index_settled = true; /* another request will say why; this one is made again */
    return e->index_at_ms;
}

void kube_environment_doubt(kube_environment *e) {
    int64_t at = kube_now_ms() + index_steps_ms[0];
    if (e->session && e->index_at_ms > at)
        e->index_at_ms = at;
}

/* --- telling ------------------------------------------------------------------------------- */

bool kube_environment_settled(const kube_environment *e) {
    for (size_t i = 0; i < KUBE_ENVIRONMENT_KINDS; i++)
        if (!e->kinds[i].settled)
            return false;
    return e->index_settled;
}

/* Once for each instance: what can't be seen is left to whoever reads objects at random. */
static void say_denied(kube_environment *e) {
    KUBE_TEXT words = {0};
    for (size_t i = 0; i < KUBE_ENVIRONMENT_KINDS; i++)
        if (e->kinds[i].denied)
            kube_text_print(&words, "%s%s", words.n ? ", " : "", kube_environment_kinds[i].kind);
    if (e->index_denied)
        kube_text_print(&words, "%s%s", words.n ? ", " : "", "/openapi/v3");
    if (!words.n || __atomic_exchange_n(&e->k->environment_said, true, __ATOMIC_RELAXED))
        return;
    KUBE_TEXT message = {0};
    kube_text_print(
        &message,
        "changes of %s on %s can't be watched (not permitted): what they do to objects is "
        "noticed only when these are read at random, or written",
        words.p, e->k->endpoint);
    e->k->host->log(e->call, TU_LOG_WARN, kube_text_str(&message), (tu_str){0});
}

tu_rc kube_environment_tell(kube_environment *e) {
    bool known = e->index != 0;
    uint64_t hash = e->index;
    char text[sizeof(e->told)];
    if (!kube_environment_settled(e))
        return TU_OK;
    say_denied(e);
    for (size_t i = 0; i < KUBE_ENVIRONMENT_KINDS; i++) {
        known |= !e->kinds[i].denied;
        for (size_t j = 0; j < e->kinds[i].n; j++)
            hash += e->kinds[i].entries[j].digest;
    }
    snprintf(text, sizeof(text), "%016llx", (unsigned long long)hash);
    if (!known || strcmp(text, e->told) == 0)
        return TU_OK;
    memcpy(e->told, text, sizeof(text));
    KUBE_TEXT meta = {0};
    kube_text_print(&meta, "{\"hash\":\"%s\"}", text);
    return e->k->host->emit(e->call, TU_REC_ENVIRONMENT, 0, kube_text_str(&meta), (tu_str){0});
}
