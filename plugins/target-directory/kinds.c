/*
 * target-directory/kinds.c: the table of known kinds. kinds.json is linked in as it is (.incbin):
 * {"kinds": [{"group", "version", "kind", "resource", "namespaced", "description"}]}, descriptions
 * in the form of trueup/plugin.h.
 */
#include "inside.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* TRUEUP_KINDS_JSON is the file's path (needs.cmake). */
__asm__(".pushsection .rodata\n"
        ".global kinds_json\n.hidden kinds_json\n"
        ".global kinds_json_end\n.hidden kinds_json_end\n"
        "kinds_json:\n.incbin \"" TRUEUP_KINDS_JSON "\"\n"
        "kinds_json_end:\n.byte 0\n"
        ".popsection\n");
extern const char kinds_json[], kinds_json_end[];

const char kinds_untyped[] =
    "{\"sensitive\":[],\"ignored\":[\"/status\",\"/metadata/uid\",\"/metadata/resourceVersion\","
    "\"/metadata/generation\",\"/metadata/creationTimestamp\",\"/metadata/managedFields\"],"
    "\"types\":[{\"type\":\"any\"}]}";

static bool read_kind(cJSON *item, kind_entry *ret) {
    *ret = (kind_entry){
        .group = strdup(manifest_string(item, "group")),
        .version = strdup(manifest_string(item, "version")),
        .kind = strdup(manifest_string(item, "kind")),
        .resource = strdup(manifest_string(item, "resource")),
        .namespaced = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "namespaced")),
    };
    cJSON *description = cJSON_GetObjectItemCaseSensitive(item, "description");
    ret->description = description ? cJSON_PrintUnformatted(description) : NULL;
    ret->types = cJSON_DetachItemFromObjectCaseSensitive(description, "types");
    if (!ret->group || !ret->version || !ret->kind || !ret->resource || !ret->description ||
        !ret->types)
        return false;
    uint8_t digest[32];
    EVP_Digest(ret->description, strlen(ret->description), digest, NULL, EVP_sha256(), NULL);
    for (size_t i = 0; i < (HASH_TEXT - 1) / 2; i++)
        snprintf(ret->hash + 2 * i, 3, "%02x", digest[i]);
    return true;
}

bool kinds_load(kind_table *ret) {
    cJSON *parsed = NULL;
    manifest_problem problem;
    if (!manifest_parse_json((tu_str){kinds_json, (size_t)(kinds_json_end - kinds_json)}, &parsed,
                             &problem))
        return false;
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(parsed, "kinds");
    kind_table t = {.items = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *t.items)};
    bool fine = t.items != NULL;
    for (cJSON *item = list ? list->child : NULL; item && fine; item = item->next)
        fine = read_kind(item, &t.items[t.n++]);
    cJSON_Delete(parsed);
    if (!fine) {
        kinds_done(&t);
        return false;
    }
    *ret = t;
    return true;
}

void kinds_done(kind_table *t) {
    for (size_t i = 0; i < t->n; i++) {
        kind_entry *k = &t->items[i];
        free(k->group);
        free(k->version);
        free(k->kind);
        free(k->resource);
        cJSON_free(k->description);
        cJSON_Delete(k->types);
    }
    free(t->items);
    *t = (kind_table){0};
}

const kind_entry *kinds_find(const kind_table *t, const char *group, const char *version,
                             const char *kind) {
    for (size_t i = 0; i < t->n; i++) {
        const kind_entry *k = &t->items[i];
        if (strcmp(k->kind, kind) == 0 && strcmp(k->group, group) == 0 &&
            (!version || !*version || strcmp(k->version, version) == 0))
            return k;
    }
    return NULL;
}
