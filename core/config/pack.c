/*
 * config/pack.c: entries that rules share by name: the document Pack, and `spec.use` of a Rule.
 *
 * A pack stands among the user's documents, or is one of those that came with the program: the file
 * NAME/pack.yaml in a folder of TRUEUP_RULES_PATH, in "rules" beside the program (a build tree), in
 * the folder that was installed with it, in the one that was meant when it was built. The user's
 * own comes first, so that a copy can be changed.
 *
 *     rule.drift   own entry, own entry, | entry of pack A, entry of pack A, | entry of pack B
 *
 * Packs come last because the first match wins: whoever writes an entry of their own means it.
 */
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "config/read.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef TRUEUP_RULES_DIR
#define TRUEUP_RULES_DIR "/usr/share/trueup/rules"
#endif
#ifndef TRUEUP_RULES_FROM_PROGRAM
#define TRUEUP_RULES_FROM_PROGRAM "../share/trueup/rules"
#endif
#define FOLDERS_LIMIT 32u
#define NAMES_LIMIT 1000u

/* --- documents -------------------------------------------------------------------------------- */

void tu_read_pack(tu_reader *r, tu_str name, const tu_value *spec, tu_place place) {
    tu_pack pack = {.name = name,
                    .description = tu_value_get_string(spec, "description"),
                    .installed = r->installed,
                    .place = place};
    pack.entries = tu_read_entries(r, tu_value_get(spec, "drift"), &pack.entry_count);
    for (size_t i = 0; i < pack.entry_count; i++)
        pack.entries[i].pack = name;
    tu_config *c = r->config;
    tu_pack *grown = tu_reader_grow(r, c->packs, c->pack_count, sizeof pack);
    if (!grown)
        return;
    c->packs = grown;
    grown[c->pack_count++] = pack;
}

/* What the cases hold is checked when they are run: rules/test.c. */
void tu_read_rule_test(tu_reader *r, tu_str name, const tu_value *spec, tu_place place) {
    tu_config *c = r->config;
    tu_read_reference(r, "spec.rule", "Rule", tu_value_get(spec, "rule"));
    tu_rule_test *grown = tu_reader_grow(r, c->tests, c->test_count, sizeof *grown);
    if (!grown)
        return;
    c->tests = grown;
    grown[c->test_count++] =
        (tu_rule_test){.name = name, .spec = spec, .place = place, .text = r->text};
}

static void check_nothing(tu_reader *r, const tu_value *item) {
    (void)r;
    (void)item;
}

void tu_read_use(tu_reader *r, const tu_value *list, tu_rule *rule) {
    rule->use = tu_read_words(r, list, check_nothing);
    rule->use_places = rule->use.n ? tu_reader_alloc(r, rule->use.n * sizeof(tu_place)) : NULL;
    size_t n = 0;
    for (size_t i = 0; rule->use_places && i < tu_value_count(list); i++) {
        const tu_value *item = tu_value_at(list, i);
        if (!tu_value_is(item, TU_STRING))
            continue;
        rule->use_places[n++] = tu_reader_place(r, item);
        for (size_t k = 0; k + 1 < n; k++)
            if (tu_str_eq(rule->use.items[k], item->string))
                tu_reader_error(r, item, "the pack '%.*s' is used twice", TU_P(item->string));
    }
}

/* --- installed packs -------------------------------------------------------------------------- */

typedef struct folders {
    char *items[FOLDERS_LIMIT];
    size_t n;
} folders;

static void add_folder(folders *f, char *path) {
    if (f->n < FOLDERS_LIMIT)
        f->items[f->n++] = path;
    else
        free(path);
}

static folders find_folders(void) {
    folders f = {.n = 0};
    const char *path = secure_getenv("TRUEUP_RULES_PATH");
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    while (path && *path) {
        size_t length = strcspn(path, ":");
        if (length)
            add_folder(&f, strndup(path, length));
        path += length + (path[length] == ':');
    }
    exe[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(exe, '/');
    if (slash) {
        *slash = '\0';
        add_folder(&f, tu_path_join(exe, "rules"));
        add_folder(&f, tu_path_join(exe, TRUEUP_RULES_FROM_PROGRAM));
    }
    add_folder(&f, tu_xstrdup(TRUEUP_RULES_DIR));
    return f;
}

static void folders_done(folders *f) {
    for (size_t i = 0; i < f->n; i++)
        free(f->items[i]);
}

static char *pack_file(const char *folder, const char *name) {
    _cleanup_(tu_freep) char *inside = tu_path_join(folder, name);
    char *file = tu_path_join(inside, "pack.yaml");
    if (tu_file_exists(file))
        return file;
    free(file);
    return NULL;
}

/* malloc'd; NULL when there is none of that name. */
static char *find_installed(tu_str name) {
    char text[256];
    if (name.n == 0 || name.n >= sizeof text || name.p[0] == '.' || memchr(name.p, '/', name.n))
        return NULL;
    snprintf(text, sizeof text, "%.*s", TU_P(name));
    folders f = find_folders();
    char *file = NULL;
    for (size_t i = 0; i < f.n && !file; i++)
        file = pack_file(f.items[i], text);
    folders_done(&f);
    return file;
}

static void note_names(tu_map *names, const char *folder) {
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d)) && names->n < NAMES_LIMIT;) {
        if (e->d_name[0] == '.')
            continue;
        _cleanup_(tu_freep) char *file = pack_file(folder, e->d_name);
        if (file)
            tu_map_put(names, tu_str_c(e->d_name), names);
    }
    if (d)
        closedir(d);
}

static void report_unknown(tu_reader *r, tu_str name, tu_place place) {
    tu_map known = {0};
    for (size_t i = 0; i < r->config->pack_count; i++)
        tu_map_put(&known, r->config->packs[i].name, &known);
    folders f = find_folders();
    for (size_t i = 0; i < f.n; i++)
        note_names(&known, f.items[i]);
    folders_done(&f);
    const char **names = tu_xmalloc((known.n + 1) * sizeof *names);
    for (size_t i = 0; i < known.n; i++)
        names[i] = known.entries[i].key.p;
    const char *near = tu_suggest(name, names, known.n);
    if (near || !r->document_lost) {
        tu_error **e =
            tu_reader_error_at(r, place, "spec.use: there is no Pack '%.*s'", TU_P(name));
        if (near)
            tu_error_hint(e, "did you mean '%s'?", near);
        else
            tu_error_hint(e, "write a document of kind Pack with that name; those that come with "
                             "trueup are looked for where it is installed, and in "
                             "TRUEUP_RULES_PATH");
    }
    free(names);
    tu_map_done(&known, NULL);
}

static const tu_pack *find_pack(tu_reader *r, tu_str name, tu_place place) {
    const tu_pack *pack = tu_config_pack(r->config, name);
    if (pack)
        return pack;
    _cleanup_(tu_freep) char *file = find_installed(name);
    if (file) {
        r->installed = true;
        tu_read_file(r, file);
        r->installed = false;
        pack = tu_config_pack(r->config, name);
    }
    if (!pack)
        report_unknown(r, name, place);
    return pack;
}

/* --- merging ---------------------------------------------------------------------------------- */

/* Reading a pack may move config->packs, not what a pack points to. */
static void merge(tu_reader *r, tu_rule *rule) {
    for (size_t i = 0; rule->use_places && i < rule->use.n; i++) {
        const tu_pack *pack = find_pack(r, rule->use.items[i], rule->use_places[i]);
        size_t n = pack ? pack->entry_count : 0;
        tu_entry *all = n ? tu_reader_alloc(r, (rule->entry_count + n) * sizeof *all) : NULL;
        if (!all)
            continue;
        if (rule->entry_count)
            memcpy(all, rule->entries, rule->entry_count * sizeof *all);
        memcpy(all + rule->entry_count, pack->entries, n * sizeof *all);
        rule->entries = all;
        rule->entry_count += n;
    }
}

void tu_merge_packs(tu_reader *r) {
    for (size_t i = 0; i < r->config->rule_count; i++) {
        merge(r, &r->config->rules[i]);
        tu_rule_settle(&r->config->rules[i]);
    }
    /* What tests name is found as well, so that a pack can be tried without a rule that uses it. */
    for (size_t i = 0; i < r->config->test_count; i++) {
        const tu_rule_test *t = &r->config->tests[i];
        const tu_value *use = tu_value_get(t->spec, "use");
        for (size_t k = 0; k < tu_value_count(use); k++) {
            const tu_value *item = tu_value_at(use, k);
            tu_place place = {t->place.file, item->line,
                              (uint32_t)tu_text_column(t->text, item->begin)};
            if (tu_value_is(item, TU_STRING))
                find_pack(r, item->string, place);
        }
    }
}
