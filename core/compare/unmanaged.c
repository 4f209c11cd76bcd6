/* compare/unmanaged.c: see unmanaged.h. To add a reason why nobody has to declare an object: one
 * question in explain(). */
#include "compare/unmanaged.h"

#include "base/str.h"
#include "compare/ownership.h"

/* ---- what the target explains ---------------------------------------------------------- */

static bool any_glob(const tu_value *globs, tu_str text) {
    for (size_t i = 0; i < tu_value_count(globs); i++) {
        if (tu_glob(tu_value_string(tu_value_at(globs, i)), text))
            return true;
    }
    return !globs;
}

/* Every key of `wanted` is among the labels or annotations, with a value that its glob matches. */
static bool has_all(const tu_value *wanted, const tu_value *marks) {
    for (uint32_t i = 0; tu_value_is(wanted, TU_MAP) && i < wanted->map.n; i++) {
        const tu_member *m = &wanted->map.members[i];
        const tu_value *v = tu_value_get_str(marks, m->key);
        if (!tu_value_is(v, TU_STRING) || !tu_glob(tu_value_string(&m->value), v->string))
            return false;
    }
    return true;
}

static tu_str find_explanation(const tu_value *explained, const tu_value *metadata) {
    for (size_t i = 0; i < tu_value_count(explained); i++) {
        const tu_value *e = tu_value_at(explained, i);
        if (any_glob(tu_value_get(e, "names"), tu_value_get_string(metadata, "name")) &&
            any_glob(tu_value_get(e, "namespaces"), tu_value_get_string(metadata, "namespace")) &&
            has_all(tu_value_get(e, "labels"), tu_value_get(metadata, "labels")) &&
            has_all(tu_value_get(e, "annotations"), tu_value_get(metadata, "annotations")))
            return tu_value_get_string(e, "reason");
    }
    return (tu_str){NULL, 0};
}

/* ---- who made it ----------------------------------------------------------------------- */

static bool is_status(const tu_value *entry) {
    return tu_str_is(tu_value_get_string(entry, "subresource"), "status");
}

/* The earliest entry that isn't about the status. *ret_only_controllers: nobody else wrote. */
static tu_owner find_maker(const tu_value *metadata, tu_str our_manager,
                           bool *ret_only_controllers) {
    const tu_value *entries = tu_value_get(metadata, "managedFields");
    tu_owner maker = {0};
    size_t n = 0, controllers = 0;
    for (size_t i = 0; i < tu_value_count(entries); i++) {
        const tu_value *e = tu_value_at(entries, i);
        if (is_status(e))
            continue;
        tu_owner o = {.manager = tu_value_get_string(e, "manager"),
                      .operation = tu_value_get_string(e, "operation"),
                      .subresource = tu_value_get_string(e, "subresource"),
                      .time = tu_value_get_string(e, "time")};
        o.class_ = tu_manager_classify(o.manager, o.operation, our_manager);
        controllers += o.class_ == TU_MANAGER_CONTROLLER;
        if (n++ == 0 || tu_str_compare(o.time, maker.time) < 0)
            maker = o;
    }
    *ret_only_controllers = n > 0 && controllers == n;
    return maker;
}

/* ---- the verdict ----------------------------------------------------------------------- */

static bool explain(tu_arena *a, const tu_value *metadata, const tu_value *explained,
                    bool only_controllers, tu_unmanaged *ret) {
    const tu_value *owner = tu_value_at(tu_value_get(metadata, "ownerReferences"), 0);
    char *text = NULL;
    if (tu_value_get(metadata, "deletionTimestamp")) {
        ret->explained = tu_str_c("it is being deleted");
    } else if (owner) {
        text = tu_arena_printf(a, "belongs to %.*s %.*s", TU_P(tu_value_get_string(owner, "kind")),
                               TU_P(tu_value_get_string(owner, "name")));
    } else if (only_controllers) {
        text = tu_arena_printf(a, "made by the controller %.*s", TU_P(ret->maker.manager));
    } else {
        ret->explained = find_explanation(explained, metadata);
    }
    if (text)
        ret->explained = tu_str_c(text);
    return text || !(owner || only_controllers) || ret->explained.n;
}

tu_rc tu_unmanaged_judge(tu_arena *a, const tu_value *live, const tu_value *explained,
                         tu_str our_manager, tu_unmanaged *ret, tu_error **error) {
    const tu_value *metadata = tu_value_get(live, "metadata");
    bool only_controllers;
    *ret = (tu_unmanaged){.since = tu_value_get_string(metadata, "creationTimestamp"),
                          .uid = tu_value_get_string(metadata, "uid"),
                          .resource_version = tu_value_get_string(metadata, "resourceVersion")};
    ret->maker = find_maker(metadata, our_manager, &only_controllers);
    if (!explain(a, metadata, explained, only_controllers, ret))
        return tu_error_memory(error);
    if (!ret->explained.n && ret->maker.class_ == TU_MANAGER_OURS)
        ret->reason = tu_str_c("left-git: applied from Git before, and stands in no manifest now");
    return TU_OK;
}
