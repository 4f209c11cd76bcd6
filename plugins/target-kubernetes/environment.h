/*
 * environment.h: what changes objects without anybody writing them: admission (mutating webhooks,
 * policies and their bindings), definitions (CRDs), and the server's own types and defaults (the
 * OpenAPI index). One hash of all of it; whoever keeps what was once proved about objects looks
 * again when it is another one.
 *
 * collect.c reads the objects, by metadata alone, as scopes that tell nobody of their objects. An
 * object counts with its uid and its resourceVersion; a definition, whose status is written often,
 * with its generation. The index is asked for at the beginning, some times after a definition
 * changed (it is published a little later), after the server was away, and every few minutes.
 *
 * Not seen: labels of namespaces that a webhook selects by, parameters of policies, limit ranges.
 */
#ifndef KUBE_ENVIRONMENT_H
#define KUBE_ENVIRONMENT_H

#include "kube.h"

typedef struct kube_environment_kind {
    const char *group, *kind;
    const char *versions[4]; /* the first that is served; NULL at the end */
    bool by_generation;
} kube_environment_kind;
#define KUBE_ENVIRONMENT_KINDS 4u
extern const kube_environment_kind kube_environment_kinds[KUBE_ENVIRONMENT_KINDS];

typedef struct kube_environment_entry {
    uint64_t name, digest;
    bool seen; /* in the listing under way */
} kube_environment_entry;

typedef struct kube_environment {
    tu_instance *k;
    tu_call *call;
    kube_session *session; /* of the collection */
    struct {
        kube_environment_entry *entries;
        size_t n;
        bool settled; /* listed once, or not to be had */
        bool denied;
    } kinds[KUBE_ENVIRONMENT_KINDS];
    kube_transfer transfer;
    uint64_t index; /* hash of the OpenAPI index; 0: unknown */
    bool index_settled, index_denied;
    int64_t index_at_ms; /* when it is asked for next */
    unsigned index_step;
    char told[20]; /* the hash that was emitted last */
} kube_environment;

void kube_environment_begin(kube_environment *e, tu_instance *k, tu_call *call, kube_session *s);
void kube_environment_done(kube_environment *e);
/* Asks for the index when that is due. Returns when it is next. */
int64_t kube_environment_drive(kube_environment *e, int64_t now);
/* The server was away, or may be another one. */
void kube_environment_doubt(kube_environment *e);
void kube_environment_listing(kube_environment *e, size_t kind); /* begins anew */
void kube_environment_object(kube_environment *e, size_t kind, tu_str metadata, bool gone);
void kube_environment_listed(kube_environment *e, size_t kind);
void kube_environment_absent(kube_environment *e, size_t kind, bool denied);
/* Emits the hash when all is known and it is another one. */
tu_rc kube_environment_tell(kube_environment *e);
bool kube_environment_settled(const kube_environment *e);

#endif
