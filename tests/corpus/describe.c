/*
 * describe.c: the Kubernetes plugin's compiler of kind descriptions as a program, for record.py.
 *
 *     describe OPENAPI.json GROUP VERSION KIND [status]
 *
 * It links compile.c and text.c of the plugin, and stands in for the rest of it.
 */
#include "kube.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *kube_member_string(const cJSON *o, const char *name) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsString(v) ? v->valuestring : "";
}
bool kube_member_true(const cJSON *o, const char *name) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, name));
}
bool kube_resource_sealed(const kube_resource *r) {
    return !*r->group && strcmp(r->kind, "Secret") == 0;
}

int main(int argc, char **argv) {
    if (argc < 5)
        return 2;
    FILE *f = fopen(argv[1], "r");
    char *text = calloc(1, 1 << 26);
    if (!f || !text || !fread(text, 1, (1 << 26) - 1, f))
        return 2;
    fclose(f);
    kube_resource r = {.group = argv[2],
                       .version = argv[3],
                       .kind = argv[4],
                       .has_status = argc > 5 && strcmp(argv[5], "status") == 0};
    kube_text out = {0};
    bool fine = kube_compile(cJSON_Parse(text), &r, &out);
    fwrite(out.p, 1, out.n, stdout);
    return fine ? 0 : 1;
}
