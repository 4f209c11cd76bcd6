/*
 * describe.c: the Kubernetes plugin's compiler of kind descriptions as a program.
 *
 *     corpus_describe tests/corpus/kinds/deployment.apps.v1.json apps v1 Deployment [status]
 *
 * prints what the plugin makes of the recorded OpenAPI (status: the kind has that subresource).
 * tests/unit/data/describe-kinds.sh writes the descriptions that unit tests and benchmarks read. It
 * links compile.c, tables.c and text.c of the plugin, and stands in for the rest of it.
 */
#include "kube.h"

#include <stdio.h>
#include <string.h>

const char *kube_member_string(const cJSON *o, const char *name) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsString(v) ? v->valuestring : "";
}
bool kube_member_true(const cJSON *o, const char *name) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, name));
}
bool kube_resource_sealed(const kube_resource *r) {
    return strcmp(r->kind, "Secret") == 0 && r->group[0] == '\0';
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: corpus_describe OPENAPI.json GROUP VERSION KIND [status]\n");
        return 2;
    }
    KUBE_TEXT text = {0}, out = {0};
    int rc = kube_read_file(argv[1], &text);
    cJSON *document = rc == 0 ? cJSON_ParseWithLength(text.p, text.n) : NULL;
    const kube_resource r = {.group = argv[2],
                             .version = argv[3],
                             .kind = argv[4],
                             .has_status = argc > 5 && strcmp(argv[5], "status") == 0};
    bool fine = kube_compile(document, &r, &out);
    if (fine)
        printf("%.*s\n", (int)out.n, out.p);
    else
        fprintf(stderr, "corpus_describe: %s says nothing of %s: %s\n", argv[1], argv[4],
                rc ? strerror(rc) : "no such kind");
    cJSON_Delete(document);
    return fine ? 0 : 1;
}
