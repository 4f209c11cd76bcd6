/*
 * What a real API server said when it refused an object, and what target-kubernetes makes of it: one
 * file an answer in tests/unit/data/answers, recorded by record-answers.py.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kube.h"

/* What answer.c and refusal.c use of the rest of their plugin. */
const char *kube_member_string(const cJSON *object, const char *name) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(v) ? v->valuestring : "";
}
bool kube_member_true(const cJSON *object, const char *name) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static const struct {
    const char *name;
    tu_rc rc;
} classes[] = {{"invalid", TU_EINVALID},         {"denied", TU_EDENIED},
               {"notfound", TU_ENOTFOUND},       {"conflict", TU_ECONFLICT},
               {"unavailable", TU_EUNAVAILABLE}, {"unsupported", TU_EUNSUPPORTED},
               {"refused", TU_EREFUSED}};

static tu_rc class_of(const char *name) {
    for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
        if (strcmp(classes[i].name, name) == 0)
            return classes[i].rc;
    return TU_OK;
}

static cJSON *read_answer(const char *folder, const char *name) {
    char path[1200];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    kube_text text = {0};
    cJSON *v = kube_read_file(path, &text) == 0 ? cJSON_ParseWithLength(text.p, text.n) : NULL;
    kube_text_done(&text);
    return v;
}

/* The answer as it came from a server, given to whoever must make an error of it. */
static tu_rc classify(const cJSON *recorded, bool sealed, kube_error *error) {
    static tu_instance k = {.endpoint = "https://127.0.0.1:1"};
    k.cluster.context = (char *)(uintptr_t) "test";
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(recorded, "object"),
                *body = cJSON_GetObjectItemCaseSensitive(recorded, "body");
    char *sent = cJSON_IsObject(object) ? cJSON_PrintUnformatted(object) : NULL,
         *said = cJSON_IsString(body) ? strdup(body->valuestring) : cJSON_PrintUnformatted(body);
    kube_transfer t = {.method = "PATCH",
                       .content_type = "application/apply-patch+yaml",
                       .result = CURLE_OK,
                       .body = kube_str(sent ? sent : ""),
                       .topic = {.verb = "patch",
                                 .resource = "things",
                                 .namespace_ = "shop",
                                 .name = "one",
                                 .sealed = sealed}};
    t.status = (long)cJSON_GetObjectItemCaseSensitive(recorded, "status")->valuedouble;
    t.topic.exists = kube_member_true(recorded, "exists");
    t.topic.dry_run = kube_member_true(recorded, "dryRun");
    kube_text_string(&t.answer, said);
    tu_rc rc = kube_answer_error(&k, &t, error);
    kube_text_done(&t.answer);
    free(sent);
    free(said);
    return rc;
}

/* Says what is wrong with one answer, and goes on to the next. */
static bool is_as_expected(const char *folder, const char *name) {
    cJSON *recorded = read_answer(folder, name);
    if (!recorded) {
        print_error("%s can't be read\n", name);
        return false;
    }
    kube_error error = {0}, sealed = {0};
    const char *code = kube_member_string(recorded, "code"),
               *class = kube_member_string(recorded, "class");
    tu_rc rc = classify(recorded, false, &error);
    bool fine = rc == class_of(class) && strcmp(error.code, code) == 0;
    if (!fine)
        print_error("%s: expected %s %s, got %d %s: %s\n", name, class, code, (int)rc, error.code,
                    error.message);
    size_t n = strlen(error.message);
    if (n < 20 || error.message[n - 1] == '.' || strchr(error.message, '\n')) {
        print_error("%s: no message for people: %s\n", name, error.message);
        fine = false;
    }
    /* of a secret: the same with fewer words */
    if (classify(recorded, true, &sealed) != rc || strcmp(sealed.code, error.code) != 0) {
        print_error("%s: another class or code where the kind is sealed\n", name);
        fine = false;
    }
    if (getenv("PRINT_ANSWERS"))
        printf("%s  %s: %s\n", name, error.code, error.message);
    cJSON_Delete(recorded);
    return fine;
}

static int is_answer(const struct dirent *e) {
    return strstr(e->d_name, ".json") != NULL;
}

static void every_refusal_of_a_real_server_has_its_class_and_code(void **state) {
    (void)state;
    const char *source = getenv("TRUEUP_SOURCE_DIR");
    char folder[1000];
    snprintf(folder, sizeof(folder), "%s/tests/unit/data/answers", source ? source : ".");
    struct dirent **found = NULL;
    int n = scandir(folder, &found, is_answer, alphasort);
    assert_true(n > 40);
    bool fine = true;
    for (int i = 0; i < n; i++) {
        fine = is_as_expected(folder, found[i]->d_name) && fine;
        free(found[i]);
    }
    free(found);
    assert_true(fine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal_of_a_real_server_has_its_class_and_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
