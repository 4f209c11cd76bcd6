/* common/template_fields.c: the fields that templates may name: those that core/alert/alert.h documents, and nothing else. */
#include <string.h>

#include "common/template_inside.h"

#define END                                                                                        \
    { NULL, NULL }

static const shape scalar = {SHAPE_SCALAR, NULL, NULL}, any = {SHAPE_ANY, NULL, NULL},
                   free_map = {SHAPE_FREE, NULL, NULL};

static const shape_field owner_fields[] = {{"manager", &scalar},     {"operation", &scalar},
                                           {"subresource", &scalar}, {"time", &scalar},
                                           {"class", &scalar},       END};
static const shape owner = {SHAPE_OBJECT, owner_fields, NULL};
static const shape_field change_fields[] = {{"path", &scalar},
                                            {"change", &scalar},
                                            {"desired", &any},
                                            {"live", &any},
                                            {"line", &scalar},
                                            {"owner", &owner},
                                            {"action", &scalar},
                                            {"severity", &scalar},
                                            {"entry", &scalar},
                                            {"note", &scalar},
                                            END};
static const shape change = {SHAPE_OBJECT, change_fields, NULL},
                   changes = {SHAPE_LIST, NULL, &change};
static const shape_field object_fields[] = {
    {"group", &scalar},      {"version", &scalar},   {"kind", &scalar},
    {"namespace", &scalar},  {"name", &scalar},      {"verdict", &scalar},
    {"confidence", &scalar}, {"reason", &scalar},    {"onset", &scalar},
    {"file", &scalar},       {"line", &scalar},      {"changes", &changes},
    {"quiet", &changes},     {"truncated", &scalar}, END};
static const shape object = {SHAPE_OBJECT, object_fields, NULL};
static const shape_field source_fields[] = {{"name", &scalar},   {"revision", &scalar},
                                            {"author", &scalar}, {"subject", &scalar},
                                            {"time", &scalar},   END};
static const shape source = {SHAPE_OBJECT, source_fields, NULL};
static const shape_field plan_fields[] = {{"action", &scalar}, {"text", &scalar}, END};
static const shape plan = {SHAPE_OBJECT, plan_fields, NULL};
static const shape_field problem_fields[] = {
    {"what", &scalar}, {"name", &scalar}, {"text", &scalar}, {"hint", &scalar}, END};
static const shape problem = {SHAPE_OBJECT, problem_fields, NULL};
static const shape_field alert_fields[] = {{"fingerprint", &scalar},
                                           {"status", &scalar},
                                           {"severity", &scalar},
                                           {"verdict", &scalar},
                                           {"rule", &scalar},
                                           {"target", &scalar},
                                           {"summary", &scalar},
                                           {"startsAt", &scalar},
                                           {"updatedAt", &scalar},
                                           {"endsAt", &scalar},
                                           {"resolvedBy", &scalar},
                                           {"lastedSeconds", &scalar},
                                           {"source", &source},
                                           {"labels", &free_map},
                                           {"plan", &plan},
                                           {"accept", &scalar},
                                           {"object", &object},
                                           {"problem", &problem},
                                           END};
static const shape alert = {SHAPE_OBJECT, alert_fields, NULL}, alerts = {SHAPE_LIST, NULL, &alert};

static const shape_field count_fields[] = {
    {"firing", &scalar}, {"resolved", &scalar}, {"shown", &scalar}, {"verdicts", &free_map}, END};
static const shape counts = {SHAPE_OBJECT, count_fields, NULL};
static const shape_field acknowledged_fields[] = {{"by", &scalar}, {"comment", &scalar}, END};
static const shape acknowledged = {SHAPE_OBJECT, acknowledged_fields, NULL};
static const shape_field command_fields[] = {
    {"look", &scalar}, {"explain", &scalar}, {"acknowledge", &scalar}, {"silence", &scalar}, END};
static const shape commands = {SHAPE_OBJECT, command_fields, NULL};
static const shape_field message_fields[] = {{"apiVersion", &scalar},
                                             {"kind", &scalar},
                                             {"id", &scalar},
                                             {"incident", &scalar},
                                             {"route", &scalar},
                                             {"group", &free_map},
                                             {"status", &scalar},
                                             {"event", &scalar},
                                             {"installation", &scalar},
                                             {"severity", &scalar},
                                             {"summary", &scalar},
                                             {"counts", &counts},
                                             {"startsAt", &scalar},
                                             {"updatedAt", &scalar},
                                             {"endsAt", &scalar},
                                             {"acknowledged", &acknowledged},
                                             {"escalation", &scalar},
                                             {"note", &scalar},
                                             {"commands", &commands},
                                             {"alerts", &alerts},
                                             {"rule", &scalar},
                                             {"target", &scalar},
                                             {"source", &source},
                                             {"verdict", &scalar},
                                             {"resolvedBy", &scalar},
                                             {"labels", &free_map},
                                             {"object", &object},
                                             {"time", &scalar},    /* of a heartbeat */
                                             {"version", &scalar}, /* of a heartbeat */
                                             END};
const shape template_message_shape = {SHAPE_OBJECT, message_fields, NULL};

const shape *template_shape_find(const shape *s, const char *name) {
    if (s->kind == SHAPE_ANY)
        return &any;
    if (s->kind == SHAPE_FREE)
        return &scalar;
    if (s->kind == SHAPE_LIST)
        return *name && strlen(name) < 9 && strspn(name, "0123456789") == strlen(name) ? s->item
                                                                                       : NULL;
    for (const shape_field *f = s->fields; s->kind == SHAPE_OBJECT && f->name; f++)
        if (!strcmp(f->name, name))
            return f->shape;
    return NULL;
}

/* --- did you mean ------------------------------------------------------------------------------ */

enum { NEAR_BYTES = 32 }; /* names that are longer have no neighbours */

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* How many letters to add, take away or change (Levenshtein), case aside. */
static size_t distance(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b), row[NEAR_BYTES + 1];
    if (n > NEAR_BYTES || m > NEAR_BYTES)
        return NEAR_BYTES;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t change_cost = corner + (lower(a[i - 1]) != lower(b[j - 1]));
            corner = row[j];
            size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = least < change_cost ? least : change_cost;
        }
    }
    return row[m];
}

void template_nearest_add(nearest *n, const char *candidate) {
    size_t d = distance(n->wanted, candidate), most = strlen(n->wanted) < 5 ? 1 : 2;
    if (d <= most && (!n->best || d < n->distance)) {
        n->best = candidate;
        n->distance = d;
    }
}

void template_nearest_add_shape(nearest *n, const shape *s) {
    for (const shape_field *f = s->fields; s->kind == SHAPE_OBJECT && f->name; f++)
        template_nearest_add(n, f->name);
}
