/*
 * tables.c: what Kubernetes fills in, allocates and refuses by itself, as the tables of a kind
 * description (trueup/plugin.h). They explain what stands in a live object; nothing is proved by
 * them.
 *
 * Nearly all of this is code in the API server (SetDefaults_..., strategies, admission) and stands
 * in no schema (reference/kubernetes-drift.md 1.3, 1.8), so it is written down in tables.json, from
 * Kubernetes 1.37. What custom resources get filled in stands in their own schema: compile.c.
 *
 * tables.json is linked in as it is (.incbin): {"Kind.group": {"defaults": [...], ...}}; "pods"
 * stands for every kind that holds a pod or its template, "any" for every kind of Kubernetes itself.
 * A kind's own rows come first: the first that fits decides. To add one: a row there, and raise
 * KUBE_COMPILE_VERSION.
 */
#include "kube.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__asm__(".pushsection .rodata\n"
        ".global kube_tables_json\n.hidden kube_tables_json\n"
        "kube_tables_json:\n.incbin \"" TRUEUP_TABLES_JSON "\"\n.byte 0\n"
        ".popsection\n");
extern const char kube_tables_json[];

static bool holds_pods(const kube_resource *r) {
    static const char *const kinds[] = {"Pod",
                                        "PodTemplate",
                                        "ReplicationController",
                                        "Deployment.apps",
                                        "ReplicaSet.apps",
                                        "StatefulSet.apps",
                                        "DaemonSet.apps",
                                        "ControllerRevision.apps",
                                        "Job.batch",
                                        "CronJob.batch"};
    char name[512];
    snprintf(name, sizeof(name), "%s%s%s", r->kind, r->group[0] ? "." : "", r->group);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (strcmp(name, kinds[i]) == 0)
            return true;
    return false;
}

/* Moves the rows of one group of tables behind those that are there. */
static void join(cJSON *all, cJSON *more) {
    cJSON *table, *next;
    for (table = more ? more->child : NULL; table; table = next) {
        next = table->next;
        cJSON *there = cJSON_GetObjectItemCaseSensitive(all, table->string);
        if (!there) {
            cJSON_AddItemToObject(all, table->string, cJSON_DetachItemViaPointer(more, table));
            continue;
        }
        while (table->child)
            cJSON_AddItemToArray(there, cJSON_DetachItemViaPointer(table, table->child));
    }
}

void kube_tables_write(const kube_resource *r, kube_text *ret) {
    cJSON *tables = cJSON_Parse(kube_tables_json), *mine = cJSON_CreateObject(), *table;
    char name[512];
    snprintf(name, sizeof(name), "%s%s%s", r->kind, r->group[0] ? "." : "", r->group);
    join(mine, cJSON_GetObjectItemCaseSensitive(tables, name));
    if (holds_pods(r))
        join(mine, cJSON_GetObjectItemCaseSensitive(tables, "pods"));
    join(mine, cJSON_GetObjectItemCaseSensitive(tables, "any"));
    ret->failed = ret->failed || !tables || !mine;
    cJSON_ArrayForEach(table, mine) {
        char *text = cJSON_PrintUnformatted(table);
        kube_text_print(ret, "\"%s\":", table->string);
        kube_text_string(ret, text ? text : "[]");
        kube_text_string(ret, ",");
        ret->failed = ret->failed || !text;
        free(text);
    }
    cJSON_Delete(tables);
    cJSON_Delete(mine);
}
