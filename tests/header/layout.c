/*
 * tests/header/layout.c: prints the size of every public struct and the offset of every member, and
 * every number that the contract fixes. A line that changes breaks plugins that exist: new members
 * go to the end, and only add lines.
 */
#include <stdio.h>
#include <trueup/plugin.h>

#define STRUCT(T) printf("%s size %zu\n", #T, sizeof(T))
#define MEMBER(T, m) printf("%s.%s %zu %zu\n", #T, #m, offsetof(T, m), sizeof(((T *)0)->m))
#define NUMBER(n) printf("%s %lld\n", #n, (long long)(n))

static void structs(void) {
    STRUCT(tu_str);
    MEMBER(tu_str, p);
    MEMBER(tu_str, n);
    STRUCT(tu_host);
    MEMBER(tu_host, size);
    MEMBER(tu_host, abi_minor);
    MEMBER(tu_host, log);
    MEMBER(tu_host, fail);
    MEMBER(tu_host, emit);
    MEMBER(tu_host, cancelled);
    MEMBER(tu_host, cancel_fd);
    MEMBER(tu_host, deadline_ms);
    MEMBER(tu_host, secret);
    MEMBER(tu_host, tree_files);
    MEMBER(tu_host, tree_read);
    MEMBER(tu_host, scratch);
    MEMBER(tu_host, extension);
    STRUCT(tu_common);
    MEMBER(tu_common, size);
    MEMBER(tu_common, create);
    MEMBER(tu_common, destroy);
    MEMBER(tu_common, probe);
    STRUCT(tu_source);
    MEMBER(tu_source, size);
    MEMBER(tu_source, common);
    MEMBER(tu_source, resolve);
    MEMBER(tu_source, fetch);
    MEMBER(tu_source, watch);
    MEMBER(tu_source, publish);
    STRUCT(tu_renderer);
    MEMBER(tu_renderer, size);
    MEMBER(tu_renderer, common);
    MEMBER(tu_renderer, accepts);
    MEMBER(tu_renderer, render);
    STRUCT(tu_target);
    MEMBER(tu_target, size);
    MEMBER(tu_target, common);
    MEMBER(tu_target, discover);
    MEMBER(tu_target, describe);
    MEMBER(tu_target, list);
    MEMBER(tu_target, watch);
    MEMBER(tu_target, get);
    MEMBER(tu_target, apply);
    MEMBER(tu_target, patch);
    MEMBER(tu_target, remove);
    MEMBER(tu_target, health);
    STRUCT(tu_notifier);
    MEMBER(tu_notifier, size);
    MEMBER(tu_notifier, common);
    MEMBER(tu_notifier, send);
    MEMBER(tu_notifier, deliver);
    STRUCT(tu_plugin);
    MEMBER(tu_plugin, size);
    MEMBER(tu_plugin, abi_minor);
    MEMBER(tu_plugin, min_host_minor);
    MEMBER(tu_plugin, thread_model);
    MEMBER(tu_plugin, traits);
    MEMBER(tu_plugin, id);
    MEMBER(tu_plugin, version);
    MEMBER(tu_plugin, license);
    MEMBER(tu_plugin, summary);
    MEMBER(tu_plugin, url);
    MEMBER(tu_plugin, config_schema);
    MEMBER(tu_plugin, vtable);
}

static void numbers(void) {
    NUMBER(TU_ABI_MAJOR);
    NUMBER(TU_OK);
    NUMBER(TU_EINVALID);
    NUMBER(TU_EDENIED);
    NUMBER(TU_ENOTFOUND);
    NUMBER(TU_ECONFLICT);
    NUMBER(TU_EUNAVAILABLE);
    NUMBER(TU_ETHROTTLED);
    NUMBER(TU_ETIMEOUT);
    NUMBER(TU_ECANCELLED);
    NUMBER(TU_EUNSUPPORTED);
    NUMBER(TU_EINTEGRITY);
    NUMBER(TU_EINTERNAL);
    NUMBER(TU_EREFUSED);
    NUMBER(TU_LOG_DEBUG);
    NUMBER(TU_LOG_INFO);
    NUMBER(TU_LOG_WARN);
    NUMBER(TU_LOG_ERROR);
    NUMBER(TU_REC_REVISION);
    NUMBER(TU_REC_ENTRY);
    NUMBER(TU_REC_CHANGED);
    NUMBER(TU_REC_PROGRESS);
    NUMBER(TU_REC_DOCUMENT);
    NUMBER(TU_REC_PROBLEM);
    NUMBER(TU_REC_SKIPPED);
    NUMBER(TU_REC_INFO);
    NUMBER(TU_REC_KIND);
    NUMBER(TU_REC_STALE_GROUP);
    NUMBER(TU_REC_DESCRIPTION);
    NUMBER(TU_REC_BEGIN);
    NUMBER(TU_REC_OBJECT);
    NUMBER(TU_REC_GONE);
    NUMBER(TU_REC_END);
    NUMBER(TU_REC_LOST);
    NUMBER(TU_REC_CURRENT);
    NUMBER(TU_REC_ENVIRONMENT);
    NUMBER(TU_REC_RESULT);
    NUMBER(TU_REC_HEALTH);
    NUMBER(TU_REC_DELIVERED);
    NUMBER(TU_REC_WRITTEN);
    NUMBER(TU_THREADS_SERIAL);
    NUMBER(TU_THREADS_INSTANCE);
    NUMBER(TU_THREADS_PARALLEL);
    NUMBER(TU_NEEDS_NETWORK);
    NUMBER(TU_NEEDS_EXEC);
    NUMBER(TU_NEEDS_SCRATCH);
}

int main(void) {
    structs();
    numbers();
    return 0;
}
