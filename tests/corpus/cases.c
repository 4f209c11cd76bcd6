/* cases.c: the folders of the corpus, and the configuration that names them all. See corpus.h. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "corpus.h"
#include "value/json.h"
#include "value/yaml.h"

#define CASES_OF_A_SOURCE 20

tu_value *corpus_read(corpus *c, const char *path) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    _cleanup_(tu_error_freep) tu_error *error = NULL;
    tu_value *v = NULL;
    if (!tu_file_exists(path))
        return NULL;
    tu_rc rc = tu_file_read(path, TU_LIMIT_DOCUMENT_BYTES, &text, &error);
    tu_str copy = tu_arena_copy(&c->arena, tu_buf_str(&text));
    if (rc == TU_OK && tu_str_ends(tu_str_c(path), ".json"))
        rc = tu_json_parse(&c->arena, copy, 0, path, &v, NULL, &error);
    else if (rc == TU_OK)
        rc = tu_yaml_parse(&c->arena, (tu_yaml_part){.text = copy, .line = 1}, TU_YAML_STRICT, path,
                           &v, &error);
    if (rc != TU_OK)
        fprintf(stderr, "%s:%lld: %s\n", path, (long long)(error ? error->line : 0),
                tu_error_text(error));
    return rc == TU_OK ? v : NULL;
}

bool corpus_has_run(const corpus_case *k) {
    return k->said && !k->unrecordable && k->recorded;
}

static int is_case(const struct dirent *e) {
    return e->d_name[0] >= '0' && e->d_name[0] <= '9';
}

static bool is_chosen(const char *name, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return true;
    return n == 0;
}

/* A member that nobody reads is a slip of the pen, and would make the case say less than it seems to. */
static bool only_known(const char *name, const tu_value *map, const char *const *known) {
    bool fine = true;
    for (uint32_t i = 0; i < tu_value_count(map); i++) {
        const char *const *p = known;
        while (*p && !tu_str_is(map->map.members[i].key, *p))
            p++;
        if (!*p)
            fprintf(stderr, "%s/case.yaml:%u: no such member: %.*s\n", name,
                    map->map.members[i].key_line, TU_P(map->map.members[i].key));
        fine = fine && *p;
    }
    return fine;
}

static bool has_known_members(const corpus_case *k) {
    static const char *const top[] = {
        "about",   "spec",  "difference", "unrecordable", "needs", "apiserver", "setup",
        "webhook", "steps", "desired",    "dryRun",       "rule",  "expect",    NULL};
    static const char *const expect[] = {"verdict", "confidence", "reason",  "onset",
                                         "changes", "quiet",      "unowned", "local",
                                         "engine",  "harmless",   NULL};
    static const char *const less[] = {"verdict", "confidence", "reason", "onset",
                                       "changes", "suspect",    NULL};
    const tu_value *e = tu_value_get(k->said, "expect");
    bool fine = only_known(k->name, k->said, top);
    fine = only_known(k->name, e, expect) && fine;
    fine = only_known(k->name, tu_value_get(e, "local"), less) && fine;
    return only_known(k->name, tu_value_get(e, "engine"), less) && fine;
}

static void read_case(corpus *c, const char *name) {
    corpus_case *k = &c->cases[c->n++];
    char path[1024];
    k->name = tu_arena_printf(&c->arena, "%s", name);
    k->group = tu_arena_printf(&c->arena, "%zu", (c->n - 1) / CASES_OF_A_SOURCE);
    k->folder = tu_arena_printf(&c->arena, "%s/%s", c->root, name);
    snprintf(path, sizeof path, "%s/case.yaml", k->folder);
    k->said = corpus_read(c, path);
    if (!has_known_members(k))
        k->said = NULL;
    snprintf(path, sizeof path, "%s/live.json", k->folder);
    k->live = corpus_read(c, path);
    snprintf(path, sizeof path, "%s/recorded.json", k->folder);
    k->recorded = tu_file_exists(path);
    snprintf(path, sizeof path, "%s/before.json", k->folder);
    k->marked = tu_file_exists(path);
    k->unrecordable = tu_value_get(k->said, "unrecordable") != NULL;
    if (k->said && !k->unrecordable && !k->recorded)
        fprintf(stderr, "%s: it was never recorded (record.py %s)\n", name, name);
}

/* The manifest alone goes into the source: what else lies in the folder is not desired. */
static bool link_desired(const corpus *c, const corpus_case *k) {
    char path[1024], target[1024];
    tu_str desired = tu_value_get_string(k->said, "desired");
    snprintf(path, sizeof path, "%s/desired/%s/%s", c->scratch, k->group, k->name);
    if (tu_mkdirs(path, 0755, NULL) != TU_OK)
        return false;
    snprintf(target, sizeof target, "%s/%.*s", k->folder,
             TU_P(desired.n ? desired : TU_S("desired.yaml")));
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    snprintf(path, sizeof path, "%s/desired/%s/%s/desired.yaml", c->scratch, k->group, k->name);
    if (tu_file_read(target, TU_LIMIT_DOCUMENT_BYTES, &text, NULL) == TU_OK &&
        tu_file_write(path, tu_buf_str(&text), 0644, NULL) == TU_OK)
        return true;
    fprintf(stderr, "%s: there is no manifest %s\n", k->name, target);
    return false;
}

static void add_source(tu_buf *b, const corpus *c, const char *name, const char *folder) {
    tu_buf_addf(b,
                "---\napiVersion: trueup.dev/v1\nkind: Source\nmetadata: {name: %s}\nspec: "
                "{plugin: directory, config: {path: %s/desired/%s}}\n",
                name, c->scratch, folder);
}

/* The service watches its sources, so it has one for some cases together; the judge, which loads case
 * by case, one for each, so that no case reads the others' files. */
static void add_rule(tu_buf *b, const corpus *c, const corpus_case *k, bool shared) {
    const tu_value *rule = tu_value_get(k->said, "rule");
    char source[300], folder[300];
    snprintf(source, sizeof source, "desired-%s", shared ? k->group : k->name);
    snprintf(folder, sizeof folder, "%s/%s", k->group, k->name);
    if (!shared)
        add_source(b, c, source, folder);
    tu_buf_addf(b,
                "---\napiVersion: trueup.dev/v1\nkind: Target\nmetadata: {name: case-%s}\nspec: "
                "{plugin: corpus, config: {case: %s, stage: %s/stage}}\n",
                k->name, k->folder, c->scratch);
    tu_buf_addf(b,
                "---\napiVersion: trueup.dev/v1\nkind: Rule\nmetadata: {name: case-%s}\nspec:\n  "
                "from: %s\n  to: case-%s\n  path: \"%s\"\n",
                k->name, source, k->name, shared ? k->name : "");
    if (!tu_value_get(rule, "confirm"))
        tu_buf_add_c(b, "  confirm: dry-run\n");
    for (uint32_t i = 0; i < tu_value_count(rule); i++) {
        tu_buf_addf(b, "  %.*s: ", TU_P(rule->map.members[i].key));
        tu_json_write(b, &rule->map.members[i].value, 0);
        tu_buf_add_c(b, "\n");
    }
}

static const char *write_config(corpus *c, const char *name, bool shared) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    const char *build = getenv("TRUEUP_BUILD_DIR");
    tu_buf_addf(&b,
                "apiVersion: trueup.dev/v1\nkind: Plugin\nmetadata: {name: corpus}\nspec: {path: "
                "%s/tests/plugin/corpus-target.so}\n",
                build ? build : "build/dev");
    for (size_t i = 0; i < c->n; i++) {
        char source[64];
        snprintf(source, sizeof source, "desired-%s", c->cases[i].group);
        if (shared && i % CASES_OF_A_SOURCE == 0)
            add_source(&b, c, source, c->cases[i].group);
        if (corpus_has_run(&c->cases[i]))
            add_rule(&b, c, &c->cases[i], shared);
    }
    const char *path = tu_arena_printf(&c->arena, "%s/%s", c->scratch, name);
    return tu_file_write(path, tu_buf_str(&b), 0644, NULL) == TU_OK ? path : NULL;
}

static bool prepare(corpus *c) {
    char path[1024];
    snprintf(path, sizeof path, "%s/stage", c->scratch);
    bool fine = tu_mkdirs(path, 0755, NULL) == TU_OK;
    for (size_t i = 0; i < c->n; i++)
        fine = (!corpus_has_run(&c->cases[i]) || link_desired(c, &c->cases[i])) && fine;
    c->service_config = write_config(c, "service.yaml", true);
    c->judge_config = write_config(c, "judge.yaml", false);
    return fine && c->service_config && c->judge_config;
}

bool corpus_load(corpus *c, const char *root, const char *scratch, const char *const *names,
                 size_t n) {
    *c = (corpus){.root = root, .scratch = scratch};
    tu_arena_init(&c->arena, 0);
    struct dirent **found = NULL;
    int count = scandir(root, &found, is_case, alphasort);
    if (count <= 0) {
        fprintf(stderr, "there is no case in %s\n", root);
        return false;
    }
    c->cases = calloc((size_t)count, sizeof *c->cases);
    for (int i = 0; i < count; i++) {
        if (is_chosen(found[i]->d_name, names, n))
            read_case(c, found[i]->d_name);
        free(found[i]);
    }
    free(found);
    return prepare(c);
}
