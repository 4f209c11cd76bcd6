/*
 * compare/tracking.c: does another tool look after this object?
 *
 * Tools mark what they manage by labels and annotations (kubernetes-drift.md section 3.2). A mark
 * that stands in Git too is part of what is desired, and says nothing about who put it there.
 *
 * To add a tool: a row. Special ones before general ones: helm-controller's objects have Helm's
 * annotations, too. A label that charts commonly carry (app.kubernetes.io/instance) is no mark.
 */
#include "compare/inside.h"

static const struct {
    tu_str tool;
    const char *verb;
    bool annotation; /* otherwise a label */
    tu_str key;
    tu_str namespace_key; /* of the same map; empty: none */
} marks[] = {
    {TU_S_INIT("Argo CD application"), "tracks", true, TU_S_INIT("argocd.argoproj.io/tracking-id"),
     TU_S_INIT("")},
    {TU_S_INIT("Argo CD application"), "tracks", false, TU_S_INIT("argocd.argoproj.io/instance"),
     TU_S_INIT("")},
    {TU_S_INIT("Flux Kustomization"), "tracks", false,
     TU_S_INIT("kustomize.toolkit.fluxcd.io/name"),
     TU_S_INIT("kustomize.toolkit.fluxcd.io/namespace")},
    {TU_S_INIT("Flux HelmRelease"), "tracks", false, TU_S_INIT("helm.toolkit.fluxcd.io/name"),
     TU_S_INIT("helm.toolkit.fluxcd.io/namespace")},
    {TU_S_INIT("Helm release"), "owns", true, TU_S_INIT("meta.helm.sh/release-name"),
     TU_S_INIT("meta.helm.sh/release-namespace")},
    {TU_S_INIT("kapp app"), "tracks", false, TU_S_INIT("kapp.k14s.io/app"), TU_S_INIT("")},
    {TU_S_INIT("Config Sync"), "manages", true, TU_S_INIT("configsync.gke.io/manager"),
     TU_S_INIT("")},
    {TU_S_INIT("Config Sync"), "manages", true, TU_S_INIT("configsync.gke.io/resource-id"),
     TU_S_INIT("")},
    {TU_S_INIT("the inventory"), "owns", true, TU_S_INIT("config.k8s.io/owning-inventory"),
     TU_S_INIT("")},
    {TU_S_INIT("kubectl's apply set"), "tracks", false, TU_S_INIT("applyset.kubernetes.io/part-of"),
     TU_S_INIT("")},
    {TU_S_INIT("Rancher's object set"), "tracks", true, TU_S_INIT("objectset.rio.cattle.io/id"),
     TU_S_INIT("")},
    {TU_S_INIT("the Operator Lifecycle Manager"), "owns", false, TU_S_INIT("olm.owner"),
     TU_S_INIT("")},
    {TU_S_INIT("Crossplane composite"), "owns", false, TU_S_INIT("crossplane.io/composite"),
     TU_S_INIT("")},
};

#define TRACKING_ID 0 /* the row whose value names the object, too */

/* "app:group/Kind:namespace/name": whoever copies an object copies the mark with it, so it counts
 * only on the object that it names. */
static bool names_itself(tu_str id, const tu_value *live, tu_str *ret_app) {
    const tu_value *metadata = tu_value_get(live, "metadata");
    tu_str name = tu_value_get_string(metadata, "name");
    const char *colon = id.n ? memchr(id.p, ':', id.n) : NULL;
    if (!colon || id.n <= name.n + 1)
        return false;
    *ret_app = (tu_str){id.p, (size_t)(colon - id.p)};
    tu_str last = {id.p + id.n - name.n, name.n};
    return tu_str_eq(last, name) && id.p[id.n - name.n - 1] == '/';
}

bool tu_is_tracked(const tu_value *live, const tu_value *desired, tu_tracking *ret) {
    const tu_value *metadata = tu_value_get(live, "metadata"),
                   *wanted = tu_value_get(desired, "metadata");
    const tu_value *labels = tu_value_get(metadata, "labels"),
                   *annotations = tu_value_get(metadata, "annotations");
    if (!labels && !annotations)
        return false;
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        const tu_value *map = marks[i].annotation ? annotations : labels;
        tu_str name = tu_value_string(tu_value_get_str(map, marks[i].key));
        if (name.n == 0)
            continue;
        const char *section = marks[i].annotation ? "annotations" : "labels";
        tu_str ours =
            tu_value_string(tu_value_get_str(tu_value_get(wanted, section), marks[i].key));
        if (tu_str_eq(ours, name) || (i == TRACKING_ID && !names_itself(name, live, &name)))
            continue;
        *ret = (tu_tracking){.tool = marks[i].tool, .verb = marks[i].verb, .name = name};
        ret->namespace_ = tu_value_string(tu_value_get_str(map, marks[i].namespace_key));
        return true;
    }
    return false;
}

/* A label that everybody writes; Helm's own value is Helm's mark. */
static bool is_helms_label(tu_str key, const tu_value *live) {
    return tu_str_is(key, "app.kubernetes.io/managed-by") &&
           tu_str_is(tu_value_string(live), "Helm");
}

bool tu_is_tracking_place(const tu_step *place, const tu_value *live) {
    if (place->kind != TU_STEP_FIELD || !place->up || place->up->kind != TU_STEP_FIELD ||
        !place->up->up || place->up->up->up || !tu_str_is(place->up->up->name, "metadata"))
        return false;
    bool annotation = tu_str_is(place->up->name, "annotations");
    if (!annotation && !tu_str_is(place->up->name, "labels"))
        return false;
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (marks[i].annotation == annotation && (tu_str_eq(place->name, marks[i].key) ||
                                                  tu_str_eq(place->name, marks[i].namespace_key)))
            return true;
    return !annotation && is_helms_label(place->name, live);
}
