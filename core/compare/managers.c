/*
 * compare/managers.c: who owns what: the entries of managedFields, and what kind of hand a
 * manager's name stands for.
 *
 * managedFields has no users. A manager is a name that a program gave itself, so its class is a
 * guess by that name, and whoever isn't in the tables is unknown, never human.
 *
 * To add a manager: its name in one of the tables. Names are as their programs send them; "*" at
 * the end stands for any rest.
 */
#include "base/limits.h"
#include "compare/inside.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* kubernetes-drift.md section 2, "Additions". kubectl names itself by its verb. */
static const char *const humans[] = {
    "kubectl",   /* server-side apply by hand; older versions: everything */
    "kubectl-*", /* edit, patch, set, label, annotate, replace, rollout, scale, create, run, expose,
                    client-side-apply ... */
    "node-fetch", /* Lens */
    "Mozilla",    /* browsers: dashboards */
    "k9s",        "OpenLens", "Lens", "headlamp*", "dashboard", "oc",
};
static const char *const gitops[] = {
    "argocd*", "argo-cd*",    "kustomize-controller", "helm",       "helm-controller", "flux*",
    "gotk-*",  "configsync*", "configmanagement*",    "fleetagent", "fleet-agent",     "kapp*",
    "werf*",   "carvel*",     "rancher-fleet*",
};
static const char *const controllers[] = {
    "kube-controller-manager",
    "kubelet",
    "kube-scheduler",
    "kube-apiserver",
    "cainjector",
    "cloud-controller-manager",
    "clusterrole-aggregation-controller",
    "vpa-updater",
    "vpa-recommender",
    "cluster-autoscaler",
    "istiod*",
    "karpenter*",
    "keda*",
    "pilot-discovery",
    "k3s",
    "rke2",
    "controller",
    "manager",
};
/* Their entries tell nothing about a hand: what they held is merged from several. */
static const char *const legacy[] = {"before-first-apply", "ancient-changes"};
/* Names that stand for the lack of one. */
static const char *const nobody[] = {"unknown", ""};

static bool is_in(const char *const *names, size_t n, tu_str manager) {
    for (size_t i = 0; i < n; i++) {
        if (tu_glob(tu_str_c(names[i]), manager))
            return true;
    }
    return false;
}

tu_manager_class tu_manager_classify(tu_str manager, tu_str operation, tu_str our_manager) {
    (void)operation; /* the same program writes in both ways: the hand is the same */
    if (our_manager.n && tu_str_eq(manager, our_manager))
        return TU_MANAGER_OURS;
    if (is_in(legacy, COUNT(legacy), manager))
        return TU_MANAGER_LEGACY;
    if (is_in(nobody, COUNT(nobody), manager))
        return TU_MANAGER_UNKNOWN;
    if (is_in(gitops, COUNT(gitops), manager))
        return TU_MANAGER_GITOPS;
    if (is_in(humans, COUNT(humans), manager))
        return TU_MANAGER_HUMAN;
    if (is_in(controllers, COUNT(controllers), manager) || tu_str_ends(manager, "-controller") ||
        tu_str_ends(manager, "-operator") || tu_str_ends(manager, "-manager"))
        return TU_MANAGER_CONTROLLER;
    return TU_MANAGER_UNKNOWN;
}

/* ---- entries --------------------------------------------------------------------------- */

static tu_rc read_entry(tu_arena *a, const tu_value *v, tu_str our_manager, tu_manager_entry *ret,
                        tu_error **error) {
    static const tu_value nothing = {.type = TU_MAP};
    if (!tu_value_is(v, TU_MAP))
        return TU_EINVALID;
    tu_owner *o = &ret->owner;
    o->manager = tu_value_get_string(v, "manager");
    o->operation = tu_value_get_string(v, "operation");
    o->subresource = tu_value_get_string(v, "subresource");
    o->time = tu_value_get_string(v, "time");
    o->class_ = tu_manager_classify(o->manager, o->operation, our_manager);
    ret->api_version = tu_value_get_string(v, "apiVersion");
    bool status = tu_str_is(o->subresource, "status");
    return tu_path_set_parse(a, status ? &nothing : tu_value_get(v, "fieldsV1"), &ret->fields,
                             error);
}

static bool is_ours(const tu_value *entry, tu_str our_manager) {
    return our_manager.n && tu_str_eq(tu_value_get_string(entry, "manager"), our_manager) &&
           tu_str_is(tu_value_get_string(entry, "operation"), "Apply") &&
           tu_value_get_string(entry, "subresource").n == 0;
}

tu_rc tu_ownership_of(tu_arena *a, const tu_value *live, tu_str our_manager, tu_ownership *ret,
                      bool *ret_broken, tu_error **error) {
    const tu_value *list = tu_value_path(live, "metadata", "managedFields", NULL);
    tu_ownership o = {0};
    bool broken = list && list->type != TU_LIST && list->type != TU_NULL;
    size_t n = tu_value_is(list, TU_LIST) ? list->list.n : 0;
    size_t most = n < TU_LIMIT_MANAGERS ? n : TU_LIMIT_MANAGERS;
    if (n) {
        o.entries = tu_arena_zalloc(a, (most + 1) * sizeof(*o.entries));
        if (!o.entries)
            return tu_error_memory(error);
    }
    for (size_t i = 0; i < n; i++) {
        /* Applies stand first, the oldest first; then what was written otherwise. */
        if (n - i > most && (o.n > 0 || !is_ours(&list->list.items[i], our_manager))) {
            broken = true;
            continue;
        }
        tu_rc rc = read_entry(a, &list->list.items[i], our_manager, &o.entries[o.n], NULL);
        if (rc == TU_EINTERNAL)
            return tu_error_memory(error);
        if (rc == TU_OK)
            o.n++;
        else
            broken = true;
    }
    *ret = o;
    if (ret_broken)
        *ret_broken = broken;
    return TU_OK;
}

/* Does the entry hold the place, something that contains it whole (an atomic above), or something
 * below it? */
static bool holds(const tu_manager_entry *e, const tu_step *place) {
    if (tu_step_find(e->fields, place))
        return true;
    for (const tu_step *s = place->up; s; s = s->up) {
        const tu_path_set *node = tu_step_find(e->fields, s);
        if (node)
            return node->child_count == 0;
    }
    return false;
}

const tu_manager_entry *tu_other_at(const tu_ownership *o, const tu_step *place) {
    const tu_manager_entry *latest = NULL;
    for (size_t i = 0; place && i < o->n; i++) {
        const tu_manager_entry *e = &o->entries[i];
        if (e->owner.class_ == TU_MANAGER_OURS || !holds(e, place))
            continue;
        /* RFC 3339 in UTC to the second, as the server writes it, sorts as text. */
        if (!latest || tu_str_compare(e->owner.time, latest->owner.time) >= 0)
            latest = e;
    }
    return latest;
}

tu_owner tu_owner_at(const tu_ownership *o, const tu_step *place) {
    const tu_manager_entry *other = tu_other_at(o, place);
    for (size_t i = 0; place && !other && i < o->n; i++) {
        if (o->entries[i].owner.class_ == TU_MANAGER_OURS && holds(&o->entries[i], place))
            other = &o->entries[i];
    }
    return other ? other->owner : (tu_owner){0};
}
