/*
 * target-directory/write.c: apply, patch, remove.
 *
 * One write changes one document of one file; every other byte stays, and so does the file's mode.
 * A new version is written beside the file, under a name that no reader looks at, synced, and
 * renamed over it: whoever reads sees the old bytes or the new ones. Between reading and renaming,
 * the file is looked at once more: if somebody else wrote, it is TU_ECONFLICT and nothing is
 * touched.
 *
 * Where a kind is unsure (folder.c) nothing is created: the object may be what can't be read.
 */
#include "inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/call.h"

typedef struct change {
    tu_instance *i;
    tu_call *c;
    cJSON *options;
    snapshot now;
    char *key, *group, *kind; /* of the object */
    const object *found;      /* as it stands now; NULL: it isn't there */
} change;

/* --- bytes ----------------------------------------------------------------------------------- */

typedef struct bytes {
    char *p;
    size_t n;
} bytes;

/* What stays of a YAML document's beginning: its "---" line and the comments before its content. */
static size_t heading_length(tu_str part, bool *ret_has_marker) {
    size_t at = 0;
    *ret_has_marker = part.n >= 3 && memcmp(part.p, "---", 3) == 0;
    while (at < part.n) {
        const char *end = memchr(part.p + at, '\n', part.n - at);
        size_t stop = end ? (size_t)(end - part.p) : part.n;
        size_t first = at + (at == 0 && *ret_has_marker ? 3 : 0);
        while (first < stop && strchr(" \t\r", part.p[first]))
            first++;
        if (first < stop && part.p[first] != '#')
            break; /* content; "--- {...}" too */
        at = end ? stop + 1 : stop;
    }
    return at;
}

static char *document_text(const file *f, const document *d, const cJSON *tree) {
    if (f->json)
        return manifest_write_json(tree);
    tu_str part = {f->text + d->part.begin, d->part.end - d->part.begin};
    bool marker;
    size_t heading = heading_length(part, &marker);
    char *body = manifest_write_yaml(tree), *text = NULL;
    const char *line = heading == 0 && marker                   ? "---\n"
                       : heading && part.p[heading - 1] != '\n' ? "\n"
                                                                : "";
    if (!body || asprintf(&text, "%.*s%s%s", (int)heading, part.p, line, body) < 0)
        text = NULL;
    free(body);
    return text;
}

/* The file with one document replaced, or taken out where text is NULL. */
static bool with_document(const file *f, const document *d, const char *text, bytes *ret) {
    size_t before = d->part.begin, after = f->n - d->part.end, n = text ? strlen(text) : 0;
    ret->p = malloc(before + n + after + 1);
    if (!ret->p)
        return false;
    memcpy(ret->p, f->text, before);
    if (n)
        memcpy(ret->p + before, text, n);
    memcpy(ret->p + before + n, f->text + d->part.end, after);
    ret->n = before + n + after;
    return true;
}

static tu_rc fail_file(change *w, const char *verb, const char *path, int error) {
    return call_fail(w->i->host, w->c, call_class_of_errno(error), "unwritable",
                     "can't %s %s/%s: %s", verb, w->i->path, path, strerror(error));
}

static int write_all(int fd, const bytes *b) {
    for (size_t done = 0; done < b->n;) {
        ssize_t n = write(fd, b->p + done, b->n - done);
        if (n < 0 && errno != EINTR)
            return errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return fsync(fd) == 0 ? 0 : errno;
}

static void temporary_name(char out[40]) {
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        random = (uint64_t)getpid();
    snprintf(out, 40, ".trueup-%016llx", (unsigned long long)random);
}

/* expected NULL: the file must not be there yet. */
static tu_rc put_file(change *w, const char *path, const struct stat *expected, mode_t mode,
                      const bytes *b) {
    const char *name;
    int folder = folder_open(w->i, path, &name);
    if (folder < 0)
        return fail_file(w, "open the folder of", path, errno);
    char temporary[40];
    temporary_name(temporary);
    int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int error = fd < 0 ? errno : write_all(fd, b);
    if (!error && fchmod(fd, mode) != 0)
        error = errno;
    if (fd >= 0)
        close(fd);
    tu_rc rc = TU_OK;
    struct stat at;
    bool there = fstatat(folder, name, &at, AT_SYMLINK_NOFOLLOW) == 0;
    bool same = expected
                    ? there && at.st_ino == expected->st_ino && at.st_size == expected->st_size &&
                          memcmp(&at.st_ctim, &expected->st_ctim, sizeof at.st_ctim) == 0
                    : !there;
    if (!error && !same)
        rc = call_fail(w->i->host, w->c, TU_ECONFLICT, "changed", "%s/%s was changed meanwhile",
                       w->i->path, path);
    else if (!error && renameat(folder, temporary, folder, name) != 0)
        error = errno;
    if (error)
        rc = fail_file(w, "write", path, error);
    if (rc != TU_OK && fd >= 0)
        unlinkat(folder, temporary, 0);
    else
        fsync(folder);
    close(folder);
    return rc;
}

static tu_rc delete_file(change *w, const char *path) {
    const char *name;
    int folder = folder_open(w->i, path, &name);
    tu_rc rc = TU_OK;
    if (folder < 0 || unlinkat(folder, name, 0) != 0)
        rc = fail_file(w, "delete", path, errno);
    if (folder >= 0) {
        fsync(folder);
        close(folder);
    }
    return rc;
}

/* --- one document ---------------------------------------------------------------------------- */

/* The document's tree with the object replaced, or taken out where value is NULL. NULL when nothing
 * of it is left. */
static cJSON *document_with(const object *o, const cJSON *value) {
    const document *d = &o->file->documents[o->document];
    if (o->value == d->tree)
        return value ? cJSON_Duplicate(value, true) : NULL;
    int at = 0;
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(d->tree, "items");
    for (const cJSON *item = items->child; item && item != o->value; item = item->next)
        at++;
    cJSON *tree = cJSON_Duplicate(d->tree, true);
    cJSON *copy = cJSON_GetObjectItemCaseSensitive(tree, "items");
    if (value)
        cJSON_ReplaceItemInArray(copy, at, cJSON_Duplicate(value, true));
    else
        cJSON_DeleteItemFromArray(copy, at);
    if (copy && !copy->child) {
        cJSON_Delete(tree);
        return NULL;
    }
    return tree;
}

static bool is_last_document(const file *f, size_t number) {
    for (size_t k = 0; k < f->document_count; k++)
        if (k != number && (f->documents[k].tree || f->documents[k].broken))
            return false;
    return true;
}

static tu_rc replace(change *w, const object *o, const cJSON *value) {
    const file *f = o->file;
    const document *d = &f->documents[o->document];
    cJSON *tree = document_with(o, value);
    if (!tree && is_last_document(f, o->document))
        return delete_file(w, f->path);
    char *text = tree ? document_text(f, d, tree) : NULL;
    bool fine = !tree || text;
    cJSON_Delete(tree);
    bytes b = {0};
    fine = fine && with_document(f, d, text, &b);
    tu_rc rc = fine ? put_file(w, f->path, &f->at, f->at.st_mode & 07777, &b)
                    : call_fail(w->i->host, w->c, TU_EINTERNAL, NULL, "out of memory");
    free(text);
    free(b.p);
    return rc;
}

/* <kind>-<namespace>-<name>.yaml; what has no business in a file name becomes '_'. */
static void file_name(const object *o, unsigned attempt, char *out, size_t room) {
    int n = snprintf(out, room - 12, "%s-%s%s%s", o->kind, o->ns, *o->ns ? "-" : "", o->name);
    size_t length = n < 0 ? 0 : (size_t)n < room - 12 ? (size_t)n : room - 13;
    if (length > 230) /* NAME_MAX, with what follows */
        length = 230;
    for (size_t k = 0; k < length; k++) {
        char c = out[k];
        bool fine =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':';
        if (c >= 'A' && c <= 'Z')
            out[k] = (char)(c - 'A' + 'a');
        else if (!fine)
            out[k] = '_';
    }
    if (attempt)
        snprintf(out + length, room - length, "-%u.yaml", attempt + 1);
    else
        snprintf(out + length, room - length, ".yaml");
}

static tu_rc create(change *w, const object *o) {
    char *text = manifest_write_yaml(o->value);
    if (!text)
        return call_fail(w->i->host, w->c, TU_EINTERNAL, NULL, "out of memory");
    mode_t mode = strcmp(o->kind, "Secret") == 0 ? 0600 : 0644;
    char name[300];
    bool taken = true;
    for (unsigned attempt = 0; taken && attempt < 1000; attempt++) {
        file_name(o, attempt, name, sizeof name);
        taken = false;
        for (size_t k = 0; k < w->now.file_count && !taken; k++)
            taken = strcmp(w->now.files[k]->path, name) == 0;
    }
    tu_rc rc = put_file(w, name, NULL, mode, &(bytes){text, strlen(text)});
    free(text);
    return rc;
}

/* --- calls ----------------------------------------------------------------------------------- */

static bool option_is(const change *w, const char *name) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(w->options, name));
}

static tu_rc fail_memory(change *w) {
    return call_fail(w->i->host, w->c, TU_EINTERNAL, NULL, "out of memory");
}

/* key: taken over. Reads the folder, finds the object, looks at the preconditions. Ends with the
 * write lock held, so change_end must follow. */
static tu_rc change_begin(change *w, tu_instance *i, tu_call *c, char *key, tu_str options) {
    *w = (change){.i = i, .c = c, .key = key};
    pthread_mutex_lock(&i->write);
    w->options = call_read_object(i->host, c, options, "options");
    if (!w->options)
        return TU_EINVALID;
    const char *line = strchr(key, '\n');
    w->group = strndup(key, (size_t)(line - key));
    w->kind = strndup(line + 1, strcspn(line + 1, "\n"));
    if (!w->group || !w->kind)
        return fail_memory(w);
    tu_rc rc = folder_read(i, c, &w->now);
    if (rc != TU_OK)
        return rc;
    w->found = snapshot_find(&w->now, key);
    char text[1024];
    if (snapshot_is_unsure(&w->now, i, w->group, w->kind, text, sizeof text) && !w->found)
        return call_fail(i->host, c, TU_EREFUSED, "unsure",
                         "it may stand in what can't be read; mend that first: %s", text);
    const char *version = manifest_string(w->options, "resourceVersion"),
               *uid = manifest_string(w->options, "uid");
    if (*version && (!w->found || strcmp(version, w->found->hash) != 0))
        return call_fail(i->host, c, TU_ECONFLICT, "changed", "the object was changed meanwhile");
    const cJSON *metadata =
        w->found ? cJSON_GetObjectItemCaseSensitive(w->found->value, "metadata") : NULL;
    if (*uid && strcmp(uid, manifest_string(metadata, "uid")) != 0)
        return call_fail(i->host, c, TU_ECONFLICT, "changed", "the object is another one now");
    for (size_t k = 1; k < w->now.n; k++)
        if (strcmp(w->now.objects[k - 1]->key, key) == 0 &&
            strcmp(w->now.objects[k]->key, key) == 0)
            return call_fail(i->host, c, TU_EREFUSED, "duplicate",
                             "it stands twice, in %s and %s: delete one",
                             w->now.objects[k - 1]->file->path, w->now.objects[k]->file->path);
    return TU_OK;
}

static tu_rc change_end(change *w, tu_rc rc) {
    snapshot_done(&w->now);
    cJSON_Delete(w->options);
    free(w->key);
    free(w->group);
    free(w->kind);
    pthread_mutex_unlock(&w->i->write);
    return rc;
}

/* Writes value where it differs from what is there, and emits it. */
static tu_rc change_finish(change *w, const cJSON *value) {
    object after;
    if (!object_make(w->i, value, NULL, 0, &after))
        return call_fail(w->i->host, w->c, TU_EINVALID, "no-object",
                         "apiVersion, kind and metadata.name are needed");
    tu_rc rc = TU_OK;
    if (strcmp(after.key, w->key) != 0)
        rc = call_fail(w->i->host, w->c, TU_EINVALID, "identity",
                       "a patch can't change what the object is called");
    else if (w->found && cJSON_Compare(w->found->value, value, true))
        ; /* nothing to do */
    else if (!option_is(w, "dryRun"))
        rc = w->found ? replace(w, w->found, value) : create(w, &after);
    if (rc == TU_OK) {
        cJSON *meta = cJSON_CreateObject();
        cJSON_AddBoolToObject(meta, "created", !w->found);
        rc = call_emit(w->i->host, w->c, TU_REC_RESULT, 0, meta, manifest_str(after.live));
    }
    object_done(&after);
    return rc;
}

/* What the target itself fills in isn't written; neither is a default namespace into a file that
 * names none. */
static void tidy(cJSON *desired, const object *found) {
    cJSON *metadata = cJSON_GetObjectItemCaseSensitive(desired, "metadata");
    cJSON_DeleteItemFromObjectCaseSensitive(metadata, "resourceVersion");
    if (found && !found->own_namespace)
        cJSON_DeleteItemFromObjectCaseSensitive(metadata, "namespace");
}

/* A Secret that has stringData in its file: it would win over the data that we write. */
static void fold_file_secret(cJSON *merged, const object *found) {
    if (strcmp(found->kind, "Secret") != 0 || *found->group ||
        !cJSON_GetObjectItemCaseSensitive(merged, "stringData"))
        return;
    cJSON *live = NULL;
    manifest_problem ignored;
    if (!manifest_parse_json(manifest_str(found->live), &live, &ignored))
        return;
    cJSON *data = cJSON_DetachItemFromObjectCaseSensitive(live, "data");
    cJSON *wanted = cJSON_GetObjectItemCaseSensitive(merged, "data");
    for (const cJSON *m = data ? data->child : NULL; m && wanted; m = m->next)
        if (!cJSON_GetObjectItemCaseSensitive(wanted, m->string))
            cJSON_AddItemToObject(wanted, m->string, cJSON_Duplicate(m, true));
    if (wanted)
        cJSON_DeleteItemFromObjectCaseSensitive(merged, "stringData");
    cJSON_Delete(data);
    cJSON_Delete(live);
}

static tu_rc apply_desired(change *w, cJSON *desired) {
    if (!w->found && option_is(w, "mustExist"))
        return call_fail(w->i->host, w->c, TU_ENOTFOUND, "not-found",
                         "the object isn't there any more");
    tidy(desired, w->found);
    const cJSON *live = w->found ? w->found->value : NULL;
    const kind_entry *known = kinds_find(&w->i->kinds, w->group, NULL, w->kind);
    if (!known && !w->i->any_kind && !w->found)
        return call_fail(w->i->host, w->c, TU_EREFUSED, "unknown-kind",
                         "the kind %s isn't known here", w->kind);
    cJSON *merged = live ? edit_merge(live, desired, known ? known->types : NULL)
                         : cJSON_Duplicate(desired, true);
    if (!merged)
        return fail_memory(w);
    if (w->found)
        fold_file_secret(merged, w->found);
    tu_rc rc = change_finish(w, merged);
    cJSON_Delete(merged);
    return rc;
}

tu_rc target_apply(tu_instance *i, tu_call *c, tu_str text, tu_str options) {
    cJSON *desired = call_read_object(i->host, c, text, "the object");
    if (!desired)
        return TU_EINVALID;
    object o;
    if (!object_make(i, desired, NULL, 0, &o)) {
        cJSON_Delete(desired);
        return call_fail(i->host, c, TU_EINVALID, "no-object",
                         "apiVersion, kind and metadata.name are needed");
    }
    char *key = o.key;
    o.key = NULL;
    object_done(&o);
    change w;
    tu_rc rc = change_begin(&w, i, c, key, options);
    if (rc == TU_OK)
        rc = apply_desired(&w, desired);
    cJSON_Delete(desired);
    return change_end(&w, rc);
}

static tu_rc fail_absent(change *w) {
    return call_fail(w->i->host, w->c, TU_ENOTFOUND, "not-found", "the object isn't there");
}

tu_rc target_patch(tu_instance *i, tu_call *c, tu_str identity, tu_str patch, tu_str options) {
    cJSON *id = call_read_object(i->host, c, identity, "the identity");
    char *key = id ? target_identity(i, c, id) : NULL;
    cJSON_Delete(id);
    if (!key)
        return TU_EINVALID;
    change w;
    cJSON *operations = NULL;
    manifest_problem problem;
    tu_rc rc = change_begin(&w, i, c, key, options);
    if (rc == TU_OK && !w.found)
        rc = fail_absent(&w);
    if (rc == TU_OK && !manifest_parse_json(patch, &operations, &problem))
        rc = call_fail(i->host, c, TU_EINVALID, NULL, "the patch isn't valid JSON: %s",
                       problem.text);
    if (rc == TU_OK) {
        char text[512];
        cJSON *patched =
            edit_patch(w.found->value, operations, w.found->hash, &rc, text, sizeof text);
        rc = patched ? change_finish(&w, patched) : call_fail(i->host, c, rc, "patch", "%s", text);
        cJSON_Delete(patched);
    }
    cJSON_Delete(operations);
    return change_end(&w, rc);
}

tu_rc target_remove(tu_instance *i, tu_call *c, tu_str identity, tu_str options) {
    cJSON *id = call_read_object(i->host, c, identity, "the identity");
    char *key = id ? target_identity(i, c, id) : NULL;
    cJSON_Delete(id);
    if (!key)
        return TU_EINVALID;
    change w;
    tu_rc rc = change_begin(&w, i, c, key, options);
    if (rc == TU_OK && !w.found)
        rc = fail_absent(&w);
    if (rc == TU_OK && !option_is(&w, "dryRun"))
        rc = replace(&w, w.found, NULL);
    return change_end(&w, rc);
}
