/*
 * refusal.c: what it means when a server refuses an object that it was given.
 *
 *   status and message ---> the first row of the table that fits ---> class, code, words
 *
 * The status alone says little: server-side apply answers 500 to a manifest that doesn't fit the
 * schema, a webhook or a ValidatingAdmissionPolicy may refuse with 401 or 409, and 422 is a manifest
 * that is wrong, a field that can't be changed, or a name that somebody else has. What is wrong with
 * the manifest by itself is INVALID; what is right by itself and can't be brought over what is there
 * is REFUSED, which asks whether the object exists (kube_topic.exists).
 *
 * The codes are the words that reasons of findings begin with. Every row was recorded:
 * tests/unit/data/answers (record-answers.py records them again). To add a row: in the table, behind
 * those that are more telling, and an answer there.
 */
#include "answer.h"

#include <stdio.h>
#include <string.h>

/* One of the causes, or the message where there are none, must have the words: not in a value of the
 * object, which the server repeats. */
typedef struct row {
    const char *words; /* NULL: any */
    const char *cause; /* the cause's reason; NULL: any, and the message counts too */
    long status;       /* 0: any */
    bool exists;       /* only where the object is known to be there */
    tu_rc rc;
    const char *code, *sentence;
} row;

static const char *const sentence_policy = "a policy of the server refuses it",
                         *const sentence_fixed =
                             "it can't be changed in place: delete it and create it again",
                         *const sentence_union =
                             "what is there excludes what is wanted, and an "
                             "apply takes only its own away: take it away first",
                         *const sentence_down = "an admission or conversion webhook fails",
                         *const sentence_shape = "the manifest does not fit the server's schema";

#define POLICY TU_EREFUSED, "policy", sentence_policy
#define FIXED TU_EREFUSED, "immutable", sentence_fixed
#define UNION TU_EREFUSED, "union", sentence_union
#define DOWN TU_EUNAVAILABLE, "webhook-down", sentence_down
#define WRONG TU_EINVALID, "invalid", "the server calls it invalid"
#define SHAPE(code) TU_EINVALID, code, sentence_shape

static const row rows[] = {
    /* --- admission, whatever the status; a refusal first, since its words are anybody's */
    {"denied the request", NULL, 0, false, POLICY},
    {"denied request:", NULL, 0, false, POLICY},
    {"does not support dry run", NULL, 0, false, TU_EUNSUPPORTED, "webhook-no-dry-run",
     "an admission webhook has side effects, so it can't be asked"},
    {"failed calling webhook", NULL, 0, false, DOWN},
    {"failed to call webhook", NULL, 0, false, DOWN},
    {"conversion webhook for", NULL, 0, false, DOWN},
    /* --- who may do what, and how much */
    {"because it is being terminated", NULL, 403, false, TU_EREFUSED, "namespace-terminating",
     "the namespace is being deleted"},
    {"exceeded quota", NULL, 403, false, TU_EREFUSED, "quota",
     "a quota of the namespace is used up"},
    {"failed quota", NULL, 403, false, TU_EREFUSED, "quota",
     "a quota of the namespace asks for more than the manifest says"},
    {"attempting to grant RBAC permissions", NULL, 403, false, TU_EDENIED, "denied",
     "an account can't grant rights that it doesn't have: give them to it, or the verbs escalate "
     "and bind"},
    {NULL, NULL, 403, false, POLICY},
    /* --- what server-side apply says with 500, and others with 400 */
    {"duplicate entries for key", NULL, 0, false, SHAPE("duplicate-key")},
    {"failed to create typed patch object", NULL, 0, false, SHAPE(NULL)},
    {"field not declared in schema", NULL, 0, false, TU_EUNSUPPORTED, "schema-migration",
     "the object is recorded in a version of its kind that lacks one of its fields: rewrite "
     "apiVersion in its metadata.managedFields"},
    {"associative list without keys", NULL, 0, false, TU_EINVALID, "bad-definition",
     "the kind's definition calls a list of maps a set, which server-side apply never takes: give "
     "the "
     "list x-kubernetes-list-type map with keys, or atomic"},
    {"illegal base64", NULL, 0, false, SHAPE("bad-base64")},
    {"from json: ", NULL, 0, false, SHAPE("wrong-type")},
    {"unable to convert unstructured object", NULL, 0, false, SHAPE("wrong-type")},
    {"strict decoding error", NULL, 0, false, SHAPE("unknown-field")},
    {NULL, NULL, 400, false, TU_EINVALID, "bad-request", "the server can't read it"},
    /* --- validation: what is there and can't become what is wanted */
    {"already allocated", NULL, 422, false, TU_EREFUSED, "taken", "another object has it already"},
    {"may not specify more than", NULL, 422, true, UNION},
    {"may not be specified when", NULL, 422, true, UNION},
    {"may not be set when", NULL, 422, true, UNION},
    {"may not be used when", NULL, 422, true, UNION},
    {"must not be set when", NULL, 422, true, UNION},
    {NULL, "FieldValueDuplicate", 422, true, TU_EREFUSED, "duplicate",
     "what is there has that already, and an apply keeps both: take the other away first"},
    {"no new finalizers can be added", NULL, 422, false, TU_EREFUSED, "terminating",
     "it is being deleted"},
    {"immutable", NULL, 422, false, FIXED},
    {"may not change", NULL, 422, false, FIXED},
    {"may not be changed", NULL, 422, false, FIXED},
    {"may not be updated", NULL, 422, false, FIXED},
    {"cannot be changed", NULL, 422, false, FIXED},
    {"can not be changed", NULL, 422, false, FIXED},
    {"cannot change", NULL, 422, false, FIXED},
    {"updates to ", NULL, 422, false, FIXED},
    {NULL, "FieldValueForbidden", 422, true, FIXED},
    {NULL, NULL, 422, false, WRONG},
    {NULL, NULL, 413, false, TU_EREFUSED, "too-large", "it is too large for the server"},
    {"request is too large", NULL, 0, false, TU_EREFUSED, "too-large",
     "it is too large for the server"},
};

/* --- the manifest's own fault ----------------------------------------------------------------- */

/* "spec.ports[1].name" -> ["spec", "ports", any item, "name"]: one step from *path, its text in
 * `ret`. An index is of the merged list, so it says nothing about ours. */
static bool next_step(const char **path, char *ret, size_t size, bool *ret_item) {
    const char *p = *path;
    if (!*p)
        return false;
    *ret_item = *p == '[';
    size_t n = *ret_item ? strcspn(p, "]") : strcspn(p, ".[");
    snprintf(ret, size, "%.*s", (int)(n < size ? n : size - 1), p);
    p += n + (*ret_item && p[n] == ']');
    *path = p + (*p == '.');
    return true;
}

/* Calls `fault` with every map of ours in which the last step of the path is a member. */
static bool any_holder(const cJSON *v, const char *path,
                       bool (*fault)(const cJSON *, const char *)) {
    char step[256];
    bool item;
    if (!next_step(&path, step, sizeof(step), &item))
        return false;
    if (item) {
        const cJSON *i;
        cJSON_ArrayForEach(i, v) {
            if (any_holder(i, path, fault))
                return true;
        }
        return false;
    }
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(v, step);
    return member && (*path ? any_holder(member, path, fault) : fault(v, step));
}

/* One that excludes others stands beside another one: {type: Recreate, rollingUpdate: ...}, a
 * volume with two sources. */
static bool has_both(const cJSON *holder, const char *member) {
    const cJSON *m;
    cJSON_ArrayForEach(m, holder) {
        if (strcmp(m->string, member) != 0 && strcmp(m->string, "name") != 0)
            return true;
    }
    return false;
}

/* Another item of the same list of ours has the same value. */
static bool stands_twice(const cJSON *holder, const char *member) {
    const cJSON *mine = cJSON_GetObjectItemCaseSensitive(holder, member), *other = holder;
    while ((other = other->next)) { /* earlier ones were asked the same about this one */
        if (cJSON_Compare(mine, cJSON_GetObjectItemCaseSensitive(other, member), true))
            return true;
    }
    return false;
}

/* Is the manifest wrong by itself, whatever the object has that is there? */
static bool is_own_fault(const kube_transfer *t, const row *r, const char *field) {
    bool both = r->sentence == sentence_union,
         twice = r->cause && strcmp(r->cause, "FieldValueDuplicate") == 0;
    if (!t->body.n || (!both && !twice))
        return false;
    cJSON *ours = cJSON_ParseWithLength(t->body.p, t->body.n);
    bool own = any_holder(ours, field, both ? has_both : stands_twice);
    cJSON_Delete(ours);
    return own;
}

/* --- the row ---------------------------------------------------------------------------------- */

/* 'Invalid value: VALUE: what is wrong', 'Forbidden: what is wrong', and a dump in further lines:
 * what is wrong, which begins behind any value. */
static const char *wrong_of(const cJSON *cause, char *line, size_t size) {
    const char *message = kube_member_string(cause, "message"),
               *reason = kube_member_string(cause, "reason");
    size_t n = strcspn(message, "\n");
    const char *end = message + n, *words = message, *p = message;
    bool has_value =
        strcmp(reason, "FieldValueInvalid") == 0 || strcmp(reason, "FieldValueNotSupported") == 0;
    if (strncmp(reason, "FieldValue", 10) == 0)
        for (; (p = strstr(p, ": ")) && p < end && (words == message || has_value); p += 2)
            words = p + 2;
    snprintf(line, size, "%.*s", (int)(end - words < 1000 ? end - words : 1000), words);
    return line;
}

/* That without any value; its sort where nothing is left then ("Duplicate value"). */
static void cause_words(const cJSON *cause, char *ret, size_t size) {
    const char *message = kube_member_string(cause, "message");
    char line[1024];
    size_t sort = strcspn(message, ":");
    kube_strip_values(wrong_of(cause, line, sizeof(line)), ret, size);
    if (!ret[strcspn(ret, "abcdefghijklmnopqrstuvwxyz")])
        snprintf(ret, size, "%.*s", (int)(sort < size ? sort : size - 1), message);
}

/* The field of the cause that fits, "" for the message; NULL: the row doesn't fit. */
static const char *fits(const row *r, const kube_transfer *t, const kube_status *s) {
    if ((r->status && r->status != t->status) || (r->exists && !t->topic.exists))
        return NULL;
    const cJSON *cause;
    char line[1024];
    cJSON_ArrayForEach(cause, s->causes) {
        if ((!r->cause || strcmp(kube_member_string(cause, "reason"), r->cause) == 0) &&
            (!r->words || strstr(wrong_of(cause, line, sizeof(line)), r->words)))
            return kube_member_string(cause, "field");
    }
    if (s->causes || r->cause)
        return r->words || r->cause ? NULL : "";
    return !r->words || strstr(s->message, r->words) ? "" : NULL;
}

static const row *find_row(const kube_transfer *t, const kube_status *s) {
    static const row own = {NULL, NULL, 422, false, WRONG};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *field = fits(&rows[i], t, s);
        if (field)
            return is_own_fault(t, &rows[i], field) ? &own : &rows[i];
    }
    return NULL;
}

/* ".spec.replicas: expected numeric (int or float)" out of the long sentence around it. */
static const char *core_of(const char *message) {
    const char *json = strstr(message, "from json: "), *typed = strstr(message, "): ");
    return json ? json + 11 : typed && strstr(message, "typed patch object") ? typed + 3 : message;
}

/* The fields of the causes, and what is wrong with each: "spec.selector: field is immutable". */
void kube_status_causes(const kube_status *s, bool sealed, char *ret, size_t size) {
    const cJSON *cause;
    size_t out = 0;
    ret[0] = '\0';
    cJSON_ArrayForEach(cause, s->causes) {
        const char *field = kube_member_string(cause, "field");
        bool named = *field && *field != '<' && *field != '['; /* "<nil>", "[]": the object */
        char words[300];
        cause_words(cause, words, sizeof(words));
        int n = snprintf(ret + out, size - out, "%s%s%s%s", out ? "; " : "", named ? field : "",
                         named ? ": " : "", sealed ? kube_member_string(cause, "reason") : words);
        if (n < 0 || (size_t)n >= size - out)
            break;
        out += (size_t)n;
    }
}

static const char *shape_code(const char *words) {
    return strstr(words, "not declared") ? "unknown-field" : "wrong-type";
}

tu_rc kube_refusal(const kube_transfer *t, const kube_status *s, const char *what,
                   kube_error *error) {
    const row *r = find_row(t, s);
    if (!r)
        return TU_OK;
    char why[700] = "";
    if (s->causes)
        kube_status_causes(s, t->topic.sealed, why, sizeof(why));
    if (!why[0] && (!t->topic.sealed || r->sentence == sentence_shape))
        kube_strip_values(core_of(s->message), why, sizeof(why));
    return kube_error_set(error, r->rc, r->code ? r->code : shape_code(s->message),
                          "can't %s: %s%s%s%s", what, r->sentence, why[0] ? " (" : "", why,
                          why[0] ? ")" : "");
}
