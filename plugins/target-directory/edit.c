/*
 * target-directory/edit.c: changes of one object's tree, as pure functions.
 *
 * Merging follows server-side apply as far as a folder without recorded ownership can: what is
 * desired replaces, what others added stays. Lists that the description calls keyed are merged by
 * key, sets by value, others are replaced. Our items come to stand in our order, in the places
 * where ours stood; foreign items keep theirs.
 */
#include "inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 200

/* --- types of a description (trueup/plugin.h) ---------------------------------------------- */

typedef struct types {
    const cJSON *list; /* description.types, NULL: nothing is known */
    bool failed;       /* memory ran out: the result lacks something and must not be written */
} types;

static void add_item(types *t, cJSON *list, cJSON *item) {
    if (!item || !cJSON_AddItemToArray(list, item))
        t->failed = true;
}

static void add_member(types *t, cJSON *map, const char *name, cJSON *value) {
    if (!value || !cJSON_AddItemToObject(map, name, value))
        t->failed = true;
}

static const cJSON *type_at(const types *t, const cJSON *number) {
    if (!cJSON_IsRaw(number))
        return NULL;
    long at = strtol(number->valuestring, NULL, 10);
    return at < 0 || !t->list ? NULL : cJSON_GetArrayItem(t->list, (int)at);
}

static const cJSON *type_of_field(const types *t, const cJSON *type, const char *name) {
    const cJSON *field =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(type, "fields"), name);
    return type_at(t, field ? field : cJSON_GetObjectItemCaseSensitive(type, "values"));
}

static const cJSON *type_of_items(const types *t, const cJSON *type) {
    return type_at(t, cJSON_GetObjectItemCaseSensitive(type, "items"));
}

/* --- merge ----------------------------------------------------------------------------------- */

static cJSON *merge(types *t, const cJSON *type, const cJSON *live, const cJSON *desired,
                    int depth);

static bool is_same_key(const cJSON *type, const cJSON *a, const cJSON *b) {
    const cJSON *keys = cJSON_GetObjectItemCaseSensitive(type, "keys");
    const cJSON *defaults = cJSON_GetObjectItemCaseSensitive(type, "defaults");
    for (const cJSON *key = keys ? keys->child : NULL; key; key = key->next) {
        const cJSON *otherwise = cJSON_GetObjectItemCaseSensitive(defaults, key->valuestring);
        const cJSON *x = cJSON_GetObjectItemCaseSensitive(a, key->valuestring);
        const cJSON *y = cJSON_GetObjectItemCaseSensitive(b, key->valuestring);
        x = x ? x : otherwise;
        y = y ? y : otherwise;
        if ((x || y) && !(x && y && cJSON_Compare(x, y, true)))
            return false;
    }
    return true;
}

static bool is_same_item(const cJSON *type, bool keyed, const cJSON *a, const cJSON *b) {
    return keyed ? cJSON_IsObject(a) && cJSON_IsObject(b) && is_same_key(type, a, b)
                 : cJSON_Compare(a, b, true);
}

static const cJSON *find_item(const cJSON *type, bool keyed, const cJSON *list, const cJSON *like) {
    for (const cJSON *item = list->child; item; item = item->next)
        if (is_same_item(type, keyed, item, like))
            return item;
    return NULL;
}

static cJSON *merge_list(types *t, const cJSON *type, bool keyed, const cJSON *live,
                         const cJSON *desired, int depth) {
    cJSON *result = cJSON_CreateArray();
    const cJSON *next = desired->child;
    const cJSON *items = type_of_items(t, type);
    for (const cJSON *item = live->child; item; item = item->next) {
        bool ours = find_item(type, keyed, desired, item) != NULL;
        if (!ours) {
            add_item(t, result, cJSON_Duplicate(item, true));
        } else if (next) { /* a place of ours: our next item takes it */
            const cJSON *counterpart = find_item(type, keyed, live, next);
            add_item(t, result,
                     counterpart ? merge(t, items, counterpart, next, depth + 1)
                                 : cJSON_Duplicate(next, true));
            next = next->next;
        } /* else: it stood twice */
    }
    for (; next; next = next->next) {
        const cJSON *counterpart = find_item(type, keyed, live, next);
        add_item(t, result,
                 counterpart ? merge(t, items, counterpart, next, depth + 1)
                             : cJSON_Duplicate(next, true));
    }
    return result;
}

static cJSON *merge_map(types *t, const cJSON *type, const cJSON *live, const cJSON *desired,
                        int depth) {
    cJSON *result = cJSON_CreateObject();
    for (const cJSON *m = live->child; m; m = m->next) {
        const cJSON *wanted = cJSON_GetObjectItemCaseSensitive(desired, m->string);
        cJSON *value = wanted ? merge(t, type_of_field(t, type, m->string), m, wanted, depth + 1)
                              : cJSON_Duplicate(m, true);
        add_member(t, result, m->string, value);
    }
    for (const cJSON *m = desired->child; m; m = m->next)
        if (!cJSON_GetObjectItemCaseSensitive(live, m->string))
            add_member(t, result, m->string, cJSON_Duplicate(m, true));
    return result;
}

static cJSON *merge(types *t, const cJSON *type, const cJSON *live, const cJSON *desired,
                    int depth) {
    bool atomic = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(type, "atomic")) || depth > DEPTH;
    if (cJSON_IsObject(live) && cJSON_IsObject(desired) && !atomic)
        return merge_map(t, type, live, desired, depth);
    const char *list = manifest_string(type, "list");
    bool keyed = strcmp(list, "keyed") == 0;
    if (cJSON_IsArray(live) && cJSON_IsArray(desired) && !atomic &&
        (keyed || strcmp(list, "set") == 0))
        return merge_list(t, type, keyed, live, desired, depth);
    return cJSON_Duplicate(desired, true);
}

cJSON *edit_merge(const cJSON *live, const cJSON *desired, const cJSON *list) {
    types t = {.list = list};
    cJSON *result = merge(&t, cJSON_GetArrayItem(t.list, 0), live, desired, 0);
    if (t.failed) {
        cJSON_Delete(result);
        result = NULL;
    }
    return result;
}

static void fill_item(const cJSON *defaults, cJSON *item) {
    for (const cJSON *d = defaults ? defaults->child : NULL; d && cJSON_IsObject(item); d = d->next)
        if (!cJSON_GetObjectItemCaseSensitive(item, d->string))
            cJSON_AddItemToObject(item, d->string, cJSON_Duplicate(d, true));
}

static void fill(const types *t, const cJSON *type, cJSON *value, int depth) {
    if (!type || depth > DEPTH)
        return;
    const cJSON *defaults = cJSON_GetObjectItemCaseSensitive(type, "defaults");
    const cJSON *items = cJSON_IsArray(value) ? type_of_items(t, type) : NULL;
    for (cJSON *c = value->child; c; c = c->next) {
        if (cJSON_IsArray(value))
            fill_item(defaults, c);
        fill(t, cJSON_IsArray(value) ? items : type_of_field(t, type, c->string), c, depth + 1);
    }
}

void edit_fill_defaults(cJSON *tree, const cJSON *list) {
    const types t = {.list = list};
    fill(&t, cJSON_GetArrayItem(list, 0), tree, 0);
}

/* --- JSON Patch (RFC 6902) ----------------------------------------------------------------- */

typedef struct patching {
    cJSON *tree;
    const char *hash;
    tu_rc rc;
    char *text;
    size_t room;
} patching;

__attribute__((format(printf, 3, 4))) static bool refuse(patching *p, tu_rc rc, const char *format,
                                                         ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(p->text, p->room, format, arguments);
    va_end(arguments);
    p->rc = rc;
    return false;
}

/* RFC 6901: "~1" is "/", "~0" is "~". In place. */
static void unescape(char *step) {
    char *out = step;
    for (const char *in = step; *in; in++) {
        if (in[0] == '~' && (in[1] == '0' || in[1] == '1'))
            *out++ = *++in == '1' ? '/' : '~';
        else
            *out++ = *in;
    }
    *out = '\0';
}

/* The number of a list item; n for "-"; -1 when it is neither. */
static int item_number(const char *step, int n) {
    if (strcmp(step, "-") == 0)
        return n;
    if (!*step || strspn(step, "0123456789") != strlen(step) || strlen(step) > 9 ||
        (step[0] == '0' && step[1]))
        return -1;
    return (int)strtol(step, NULL, 10);
}

static cJSON *child(cJSON *parent, const char *step) {
    if (cJSON_IsObject(parent))
        return cJSON_GetObjectItemCaseSensitive(parent, step);
    int at = cJSON_IsArray(parent) ? item_number(step, -1) : -1;
    return at < 0 ? NULL : cJSON_GetArrayItem(parent, at);
}

/* Follows all but the last step, which is handed back unescaped (malloc'd). */
static cJSON *find_parent(patching *p, const char *path, char **ret_last) {
    if (path[0] != '/') {
        refuse(p, TU_EINVALID, "path '%s' doesn't begin with '/'", path);
        return NULL;
    }
    cJSON *parent = p->tree;
    for (;;) {
        const char *begin = path + 1, *end = strchr(begin, '/');
        char *step = end ? strndup(begin, (size_t)(end - begin)) : strdup(begin);
        if (!step) {
            refuse(p, TU_EINTERNAL, "out of memory");
            return NULL;
        }
        unescape(step);
        if (!end) {
            *ret_last = step;
            return parent;
        }
        parent = child(parent, step);
        free(step);
        if (!parent) {
            refuse(p, TU_EREFUSED, "there is no %.*s to patch", (int)(end - path), path);
            return NULL;
        }
        path = end;
    }
}

static bool put(patching *p, cJSON *parent, const char *step, const cJSON *value, bool replace,
                const char *path) {
    if (!value)
        return refuse(p, TU_EINVALID, "the patch of %s has no value", path);
    bool there = child(parent, step) != NULL;
    if (replace && !there)
        return refuse(p, TU_EREFUSED, "there is no %s to replace", path);
    cJSON *copy = cJSON_Duplicate(value, true);
    if (cJSON_IsObject(parent)) {
        if (there)
            cJSON_ReplaceItemInObjectCaseSensitive(parent, step, copy);
        else
            cJSON_AddItemToObject(parent, step, copy);
        return true;
    }
    int n = cJSON_IsArray(parent) ? cJSON_GetArraySize(parent) : -1, at = item_number(step, n);
    if (at < 0 || at > n) {
        cJSON_Delete(copy);
        return refuse(p, TU_EREFUSED, "there is no %s to patch", path);
    }
    if (replace)
        cJSON_ReplaceItemInArray(parent, at, copy);
    else
        cJSON_InsertItemInArray(parent, at, copy); /* appends when at == n */
    return true;
}

static bool take(patching *p, cJSON *parent, const char *step, const char *path) {
    cJSON *gone = child(parent, step);
    if (!gone)
        return refuse(p, TU_EREFUSED, "there is no %s to remove", path);
    cJSON_Delete(cJSON_DetachItemViaPointer(parent, gone));
    return true;
}

static bool patch_one(patching *p, const cJSON *operation) {
    const char *op = manifest_string(operation, "op"), *path = manifest_string(operation, "path");
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(operation, "value");
    /* The field that says which state the patch was made for is ours, not the file's. */
    if (strcmp(path, "/metadata/resourceVersion") == 0) {
        bool same = cJSON_IsString(value) && strcmp(value->valuestring, p->hash) == 0;
        return same || refuse(p, TU_ECONFLICT, "the object was changed meanwhile");
    }
    char *step = NULL;
    cJSON *parent = find_parent(p, path, &step);
    bool fine = parent != NULL;
    if (!parent)
        ;
    else if (strcmp(op, "add") == 0)
        fine = put(p, parent, step, value, false, path);
    else if (strcmp(op, "replace") == 0)
        fine = put(p, parent, step, value, true, path);
    else if (strcmp(op, "remove") == 0)
        fine = take(p, parent, step, path);
    else if (strcmp(op, "test") != 0)
        fine = refuse(p, TU_EUNSUPPORTED, "patch operation '%s' isn't supported", op);
    else if (!value || !cJSON_Compare(child(parent, step), value, true))
        fine = refuse(p, TU_ECONFLICT, "%s was changed meanwhile", path);
    free(step);
    return fine;
}

cJSON *edit_patch(const cJSON *live, const cJSON *patch, const char *hash, tu_rc *rc, char *text,
                  size_t room) {
    patching p = {.tree = cJSON_Duplicate(live, true), .hash = hash, .text = text, .room = room};
    bool fine = p.tree ? cJSON_IsArray(patch) ||
                             refuse(&p, TU_EINVALID, "the patch isn't a list of operations")
                       : refuse(&p, TU_EINTERNAL, "out of memory");
    for (const cJSON *operation = patch->child; operation && fine; operation = operation->next)
        fine = patch_one(&p, operation);
    if (fine)
        return p.tree;
    cJSON_Delete(p.tree);
    *rc = p.rc;
    return NULL;
}
