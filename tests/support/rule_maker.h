/*
 * rule_maker.h: random rules and findings out of a small world of words, so that entries meet changes
 * often; for the fuzzer and the property tests of rules. Bytes decide everything, so that a case can
 * be had again.
 */
#ifndef RULE_MAKER_H
#define RULE_MAKER_H

#include "base/buf.h"
#include "base/mem.h"
#include "config/config.h"
#include "rules/lint.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct maker {
    const uint8_t *bytes;
    size_t n, at;
} maker;

/* 0 .. below - 1; behind the end always 0. */
static inline size_t pick(maker *m, size_t below) {
    return m->at < m->n ? m->bytes[m->at++] % below : 0;
}

#define PICK(m, words) words[pick(m, sizeof(words) / sizeof *(words))]

static const char *const maker_kinds[] = {"Deployment", "StatefulSet", "Deploy*",
                                          "*",          "ConfigMap",   "*Set"};
static const char *const maker_groups[] = {"apps", "", "a*", "*"};
static const char *const maker_names[] = {"cart", "c*", "shop", "*t", "c[ab]rt", "*"};
static const char *const maker_paths[] = {
    "/spec",
    "/spec/replicas",
    "/spec/**",
    "/**/image",
    "/spec/*/spec/containers/[name=app]/image",
    "/spec/template/spec/containers/[name=*]",
    "/spec/template/spec/containers/[*]/env/[name=A]",
    "/spec/template/**/[containerPort=80]",
    "/metadata/labels/app*",
    "/metadata/annotations/a.b~1c",
    "/metadata/finalizers/[=x]",
    "/*",
    "/**",
};
static const char *const maker_places[] = {
    "/spec/replicas",
    "/spec/template/spec/containers/[name=app]/image",
    "/spec/template/spec/containers/[name=web]",
    "/spec/template/spec/containers/[name=app]/env/[name=A]",
    "/spec/template/spec/containers/[name=app]/ports/[containerPort=80,protocol=TCP]",
    "/metadata/labels/app",
    "/metadata/annotations/a.b~1c",
    "/metadata/finalizers/[=x]",
    "/data/x",
};
static const char *const maker_managers[] = {"kubectl-edit",
                                             "kubectl-*",
                                             "class:human",
                                             "class:controller",
                                             "class:unknown",
                                             "*",
                                             "kube-controller-manager",
                                             "class:gitops"};
static const char *const maker_hands[] = {
    "kubectl-edit", "kubectl-scale", "kube-controller-manager", "argocd-controller", "who", ""};
static const char *const maker_changes[] = {"value", "removed",   "added",
                                            "order", "duplicate", "ownership"};
static const char *const maker_verdicts[] = {"drifted", "missing", "unmanaged",
                                             "blocked", "invalid", "unknown"};
static const char *const maker_subresources[] = {"scale", "", "s*"};
static const char *const maker_notes[] = {"default", "allocated", "d*", "cosmetic"};
static const char *const maker_reasons[] = {"immutable", "policy", "p*"};
static const char *const maker_actions[] = {"ignore", "alert", "approve", "heal"};

typedef struct maker_list {
    const char *key;
    const char *const *words;
    size_t n;
} maker_list;
#define LIST(key, words)                                                                           \
    { key, words, sizeof(words) / sizeof *(words) }
static const maker_list maker_lists[] = {
    LIST("kinds", maker_kinds),
    LIST("groups", maker_groups),
    LIST("names", maker_names),
    LIST("namespaces", maker_names),
    LIST("paths", maker_paths),
    LIST("managers", maker_managers),
    LIST("changes", maker_changes),
    LIST("verdicts", maker_verdicts),
    LIST("notes", maker_notes),
    LIST("reasons", maker_reasons),
    LIST("subresources", maker_subresources),
};
#define MAKER_CONDITIONS (sizeof maker_lists / sizeof *maker_lists)
#define MAKER_ENTRIES 12

typedef struct maker_entry {
    uint8_t words[MAKER_CONDITIONS][2]; /* 0: none; otherwise one more than the word */
    uint8_t action, expires, label;
} maker_entry;

static inline void make_entry(maker *m, maker_entry *e) {
    *e = (maker_entry){
        .action = (uint8_t)pick(m, 4), .expires = pick(m, 8) == 7, .label = pick(m, 6) == 5};
    for (size_t c = 0; c < MAKER_CONDITIONS; c++)
        if (pick(m, 5) == 0)
            for (size_t i = 0; i < 1 + pick(m, 2); i++)
                e->words[c][i] = (uint8_t)(1 + pick(m, maker_lists[c].n));
}

/* shift: where the conditions begin; their order means nothing. */
static inline void write_entry(tu_buf *b, const maker_entry *e, size_t number, size_t shift) {
    tu_buf_addf(b, "    - {name: \"%zu\", action: %s, reason: x, match: {", number,
                maker_actions[e->action]);
    const char *comma = "";
    for (size_t k = 0; k < MAKER_CONDITIONS; k++) {
        size_t c = (k + shift) % MAKER_CONDITIONS;
        if (!e->words[c][0])
            continue;
        tu_buf_addf(b, "%s%s: [\"%s\"", comma, maker_lists[c].key,
                    maker_lists[c].words[e->words[c][0] - 1]);
        if (e->words[c][1])
            tu_buf_addf(b, ", \"%s\"", maker_lists[c].words[e->words[c][1] - 1]);
        tu_buf_add_c(b, "]");
        comma = ", ";
    }
    if (e->label)
        tu_buf_addf(b, "%slabels: {app: \"c*\"}", comma);
    tu_buf_addf(b, "}%s}\n", e->expires ? ", expires: 2020-01-01" : "");
}

/* The entries from..to as a rule. NULL when the configuration doesn't take them. */
static inline tu_config *make_config(const maker_entry *entries, size_t from, size_t to,
                                     size_t shift) {
    tu_buf b = TU_BUF_INIT(1 << 20);
    tu_errors errors = {0};
    tu_buf_add_c(&b, "{apiVersion: trueup.dev/v1, kind: Source, metadata: {name: s}, "
                     "spec: {plugin: git}}\n---\n"
                     "{apiVersion: trueup.dev/v1, kind: Target, metadata: {name: t}, "
                     "spec: {plugin: git}}\n---\n"
                     "apiVersion: trueup.dev/v1\nkind: Rule\nmetadata: {name: r}\n"
                     "spec:\n  from: s\n  to: t\n  mode: heal\n  drift:\n");
    for (size_t i = from; i < to; i++)
        write_entry(&b, &entries[i], i, shift);
    tu_config *c = tu_config_parse("made.yaml", tu_buf_str(&b), &errors);
    for (size_t i = 0; i < errors.n; i++)
        fprintf(stderr, "%s\n", tu_error_text(errors.items[i]));
    tu_errors_done(&errors);
    tu_buf_done(&b);
    return c;
}

#define MAKER_CHANGES 4
typedef struct maker_finding {
    tu_finding finding;
    tu_change changes[MAKER_CHANGES], quiet;
    size_t change_count;
    bool has_quiet;
    tu_verdict verdict;
    tu_value object, metadata, labels, label; /* {metadata: {labels: {app: cart}}} */
    tu_member in_object, in_metadata, in_labels;
} maker_finding;

static inline tu_change make_change(maker *m) {
    tu_change c = {.path = tu_str_c(PICK(m, maker_places)),
                   .kind = (tu_change_kind)pick(m, TU_CHANGE_COUNT)};
    c.owner.manager = tu_str_c(PICK(m, maker_hands));
    c.owner.class_ = (tu_manager_class)pick(m, TU_MANAGER_OURS);
    c.owner.subresource = tu_str_c(pick(m, 2) ? "scale" : "");
    c.note = tu_str_c(pick(m, 3) ? "" : "default: 3");
    return c;
}

static inline void make_finding(maker *m, maker_finding *f) {
    static const tu_verdict verdicts[] = {TU_VERDICT_MISSING, TU_VERDICT_IN_SYNC,
                                          TU_VERDICT_UNMANAGED, TU_VERDICT_UNKNOWN,
                                          TU_VERDICT_BLOCKED};
    *f = (maker_finding){.change_count = pick(m, MAKER_CHANGES + 1)};
    f->verdict = f->change_count ? TU_VERDICT_DRIFTED : PICK(m, verdicts);
    for (size_t i = 0; i < f->change_count; i++)
        f->changes[i] = make_change(m);
    if (f->change_count == 1 && pick(m, 4) == 0) { /* as engine/view.c says it */
        f->verdict = TU_VERDICT_UNMANAGED;
        f->changes[0].path = TU_S("");
        f->changes[0].kind = TU_CHANGE_ADDED;
    }
    f->quiet = make_change(m);
    f->has_quiet = pick(m, 2);
    f->finding.id =
        (tu_object_id){tu_str_c(pick(m, 2) ? "apps" : ""), TU_S("v1"),
                       tu_str_c(pick(m, 2) ? "Deployment" : "ConfigMap"),
                       tu_str_c(pick(m, 2) ? "shop" : ""), tu_str_c(pick(m, 2) ? "cart" : "web")};
    f->finding.reason = tu_str_c(pick(m, 2) ? "policy: no" : "");
    f->label = (tu_value){.type = TU_STRING, .string = tu_str_c(pick(m, 2) ? "cart" : "web")};
    f->in_labels = (tu_member){.key = TU_S("app"), .value = f->label};
    f->labels = (tu_value){.type = TU_MAP, .map = {&f->in_labels, 1}};
    f->in_metadata = (tu_member){.key = TU_S("labels"), .value = f->labels};
    f->metadata = (tu_value){.type = TU_MAP, .map = {&f->in_metadata, 1}};
    f->in_object = (tu_member){.key = TU_S("metadata"), .value = f->metadata};
    f->object = (tu_value){.type = TU_MAP, .map = {&f->in_object, 1}};
}

/* A copy to decide: deciding writes into it. */
static inline tu_finding fresh(const maker_finding *f, tu_change room[MAKER_CHANGES]) {
    tu_finding copy = f->finding;
    memcpy(room, f->changes, sizeof f->changes);
    copy.verdict = f->verdict;
    copy.changes = room;
    copy.change_count = f->change_count;
    return copy;
}

#endif
