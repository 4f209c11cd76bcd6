/*
 * fuzz_judge_model: the input is a stream of choices. By them a manifest is made from one schema, a
 * server applies it (it spells values its own way, leaves out empty ones, adds defaults and
 * other managers' fields), and somebody changes a value. What must hold:
 *
 *   judge(desired, apply(desired)) is in sync, and proved, whoever added what beside it quietly
 *   a desired value that is another one in live is drift, at that path, in the hand that holds it
 *   the other hand is told even when ours holds nothing any more; without ownership, drift all the same
 *   S(prepare(D)) = S(D); parse(emit(set)) = set
 *   the same twice, and never a crash
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "compare/judge.h"
#include "value/json.h"

static const char schema[] =
    "{\"ignored\":[\"/status\"],\"types\":["
    "{\"type\":\"map\",\"closed\":true,\"fields\":{\"apiVersion\":1,\"kind\":1,\"metadata\":2,"
    "\"spec\":5,\"status\":14}},"
    "{\"type\":\"string\"},"
    "{\"type\":\"map\",\"fields\":{\"name\":1,\"namespace\":1,\"labels\":3,\"annotations\":3,"
    "\"finalizers\":4}},"
    "{\"type\":\"map\",\"values\":1},"
    "{\"type\":\"list\",\"list\":\"set\",\"items\":1},"
    "{\"type\":\"map\",\"closed\":true,\"fields\":{\"replicas\":6,\"text\":1,\"cpu\":7,\"when\":8,"
    "\"flag\":9,\"args\":10,\"selector\":11,\"items\":12,\"nested\":5,\"port\":15,\"size\":16}},"
    "{\"type\":\"integer\"},"
    "{\"type\":\"string\",\"semantic\":\"quantity\"},"
    "{\"type\":\"string\",\"semantic\":\"instant\"},"
    "{\"type\":\"boolean\"},"
    "{\"type\":\"list\",\"items\":1},"
    "{\"type\":\"map\",\"atomic\":true,\"values\":1},"
    "{\"type\":\"list\",\"list\":\"keyed\",\"keys\":[\"name\",\"port\"],\"defaults\":{\"port\":"
    "\"TCP\"},\"items\":13},"
    "{\"type\":\"map\",\"closed\":true,\"fields\":{\"name\":1,\"port\":1,\"value\":1,\"cpu\":7,"
    "\"sub\":12,\"args\":10}},"
    "{\"type\":\"any\"},"
    "{\"type\":\"string\",\"semantic\":\"int-or-string\"},"
    "{\"type\":\"number\"}]}";

/* Names and texts that syntax could be made of. */
static const char *const words[] = {"a",    "b",      "app.kubernetes.io/name",
                                    "x~y",  "f:spec", "k:{\"",
                                    "[=]",  "",       "é",
                                    "null", "a]b,c",  "1000m",
                                    "-",    "\\"};

typedef struct {
    const uint8_t *p, *end;
    tu_arena arena;
    tu_kind *kind;
} model;

static void require(bool condition) {
    if (!condition)
        abort();
}

static unsigned choose(model *m, unsigned n) {
    unsigned byte = m->p < m->end ? *m->p++ : 0;
    return byte % n;
}

static tu_str word(model *m) {
    return tu_str_c(words[choose(m, sizeof(words) / sizeof(words[0]))]);
}

/* ---- what is desired ------------------------------------------------------------------- */

static tu_value scalar(model *m, const tu_schema_type *t) {
    static const char *const quantities[] = {"1", "1000m", "0.5", "1Gi", "1024Mi", "0", "0.0001"};
    static const char *const instants[] = {"2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00"};
    tu_value v = {.type = TU_STRING};
    if (choose(m, 16) == 0)
        return (tu_value){.type = TU_NULL};
    switch (t->type) {
    case TU_TYPE_INTEGER:
        return (tu_value){.type = TU_INTEGER, .integer = (int64_t)choose(m, 5)};
    case TU_TYPE_NUMBER:
        return (tu_value){.type = TU_NUMBER, .string = TU_S("1.5")};
    case TU_TYPE_BOOLEAN:
        return (tu_value){.type = TU_BOOL, .boolean = choose(m, 2)};
    default:
        break;
    }
    if (t->semantic == TU_SEMANTIC_INT_OR_STRING && choose(m, 2))
        return (tu_value){.type = TU_INTEGER, .integer = 80};
    v.string = t->semantic == TU_SEMANTIC_QUANTITY  ? tu_str_c(quantities[choose(m, 7)])
               : t->semantic == TU_SEMANTIC_INSTANT ? tu_str_c(instants[choose(m, 2)])
                                                    : word(m);
    return v;
}

static tu_value make(model *m, const tu_schema_type *t, unsigned depth);

static tu_value make_map(model *m, const tu_schema_type *t, unsigned depth) {
    tu_value *map = tu_value_new(&m->arena, TU_MAP);
    require(map);
    for (size_t i = 0; i < t->field_count && depth < 5; i++) {
        tu_value v;
        if (choose(m, 3) == 0)
            continue;
        v = make(m, t->fields[i].type, depth + 1);
        require(tu_value_set(&m->arena, map, t->fields[i].name, &v));
    }
    for (unsigned n = t->field_count ? 0 : choose(m, 4); n > 0; n--) {
        tu_value v = make(m, tu_type_field(t, TU_S("?"), NULL), depth + 1);
        require(tu_value_set(&m->arena, map, word(m), &v));
    }
    return *map;
}

static bool has_item(const tu_value *list, const tu_schema_type *t, const tu_value *item) {
    for (uint32_t i = 0; i < list->list.n; i++) {
        const tu_value *other = &list->list.items[i];
        bool same = t->list == TU_LIST_KEYED ? tu_str_eq(tu_value_get_string(other, "name"),
                                                         tu_value_get_string(item, "name"))
                                             : tu_value_equal(other, item);
        if (same)
            return true;
    }
    return false;
}

static tu_value make_list(model *m, const tu_schema_type *t, unsigned depth) {
    tu_value *list = tu_value_new(&m->arena, TU_LIST);
    require(list);
    for (unsigned n = depth < 6 ? choose(m, 4) : 0; n > 0; n--) {
        tu_value item = make(m, tu_type_items(t), depth + 1);
        if (t->list == TU_LIST_KEYED) {
            tu_value name = {.type = TU_STRING, .string = word(m)}, port = name;
            port.string = TU_S("UDP");
            tu_value_remove(&item, TU_S("port"));
            require(tu_value_set(&m->arena, &item, TU_S("name"), &name));
            if (choose(m, 3) == 0)
                require(tu_value_set(&m->arena, &item, TU_S("port"), &port));
        } else if (item.type == TU_NULL) {
            continue;
        }
        if (t->list == TU_LIST_ATOMIC || !has_item(list, t, &item))
            require(tu_value_push(&m->arena, list, &item));
    }
    return *list;
}

static tu_value make(model *m, const tu_schema_type *t, unsigned depth) {
    if (t->type == TU_TYPE_MAP)
        return make_map(m, t, depth);
    if (t->type == TU_TYPE_LIST)
        return make_list(m, t, depth);
    return scalar(m, t);
}

static tu_value *make_manifest(model *m) {
    tu_value *object = tu_value_new(&m->arena, TU_MAP);
    tu_value metadata = make(m, tu_type_field(tu_kind_root(m->kind), TU_S("metadata"), NULL), 1);
    tu_value spec = make(m, tu_type_field(tu_kind_root(m->kind), TU_S("spec"), NULL), 1);
    require(object && tu_value_set_string(&m->arena, object, "apiVersion", TU_S("acme.io/v1")) &&
            tu_value_set_string(&m->arena, object, "kind", TU_S("Widget")) &&
            tu_value_set_string(&m->arena, &metadata, "name", TU_S("w")) &&
            tu_value_set(&m->arena, object, TU_S("metadata"), &metadata) &&
            tu_value_set(&m->arena, object, TU_S("spec"), &spec));
    return object;
}

/* ---- a server -------------------------------------------------------------------------- */

static bool empty(const tu_value *v) {
    return v->type == TU_NULL || (v->type == TU_STRING && v->string.n == 0) ||
           (v->type == TU_INTEGER && v->integer == 0) || (v->type == TU_BOOL && !v->boolean) ||
           ((v->type == TU_LIST || v->type == TU_MAP) && tu_value_count(v) == 0);
}

static tu_value stored(model *m, const tu_schema_type *t, const tu_value *v);

static tu_value stored_map(model *m, const tu_schema_type *t, const tu_value *v) {
    tu_value *map = tu_value_new(&m->arena, TU_MAP);
    require(map);
    bool declares = t->field_count > 0;
    uint32_t first = v->map.n ? choose(m, v->map.n) : 0; /* another order of the members */
    for (uint32_t k = 0; k < v->map.n; k++) {
        const tu_member *member = &v->map.members[(first + k) % v->map.n];
        if (member->value.type == TU_NULL && (declares || choose(m, 2)))
            continue;
        tu_value s = stored(m, tu_type_field(t, member->key, NULL), &member->value);
        if (declares && empty(&s) && choose(m, 2) && !tu_str_is(member->key, "name") &&
            !tu_str_is(member->key, "port"))
            continue;
        require(tu_value_set(&m->arena, map, member->key, &s));
    }
    return *map;
}

static tu_value stored(model *m, const tu_schema_type *t, const tu_value *v) {
    if (v->type == TU_MAP)
        return stored_map(m, t, v);
    if (v->type == TU_LIST) {
        tu_value *list = tu_value_new(&m->arena, TU_LIST);
        require(list);
        for (uint32_t i = 0; i < v->list.n; i++) {
            tu_value s = stored(m, tu_type_items(t), &v->list.items[i]);
            tu_value *foreign = tu_value_new(&m->arena, TU_MAP);
            char *name = tu_arena_printf(&m->arena, "foreign-%u", (unsigned)i);
            if (t->list == TU_LIST_KEYED && choose(m, 4) == 0)
                require(foreign && name &&
                        tu_value_set_string(&m->arena, foreign, "name", tu_str_c(name)) &&
                        tu_value_push(&m->arena, list, foreign));
            require(tu_value_push(&m->arena, list, &s));
        }
        return *list;
    }
    tu_value s = *v;
    if (t->semantic == TU_SEMANTIC_QUANTITY && v->type == TU_STRING) {
        static const char *const pairs[][2] = {
            {"1000m", "1"}, {"1024Mi", "1Gi"}, {"0.5", "500m"}, {"0.0001", "1m"}};
        for (size_t i = 0; i < 4; i++)
            if (tu_str_is(v->string, pairs[i][0]) && choose(m, 2))
                s.string = tu_str_c(pairs[i][1]);
    }
    if (t->semantic == TU_SEMANTIC_INSTANT && v->type == TU_STRING && choose(m, 2))
        s.string = TU_S("2024-01-01T00:00:00Z");
    return s;
}

/* ---- ownership ------------------------------------------------------------------------- */

static void emit(tu_buf *b, const tu_path_set *s, const tu_path_set *without);

static void emit_name(tu_buf *b, const tu_path_set *s) {
    _cleanup_(tu_buf_done) tu_buf name = TU_BUF_INIT(TU_MIB);
    static const char prefixes[] = {'f', 'k', 'v', 'i'};
    tu_buf_addf(&name, "%c:", prefixes[s->kind]);
    if (s->kind == TU_STEP_FIELD)
        tu_buf_add(&name, s->name);
    else
        tu_json_write(&name, s->value, TU_JSON_SORTED);
    tu_buf_add_json_string(b, tu_buf_str(&name));
}

static void emit(tu_buf *b, const tu_path_set *s, const tu_path_set *without) {
    const char *comma = "";
    tu_buf_add_c(b, "{");
    if (s->member && s->child_count) {
        tu_buf_add_c(b, "\".\":{}");
        comma = ",";
    }
    for (uint32_t i = 0; i < s->child_count; i++) {
        if (&s->children[i] == without)
            continue;
        tu_buf_add_c(b, comma);
        emit_name(b, &s->children[i]);
        tu_buf_add_c(b, ":");
        emit(b, &s->children[i], without);
        comma = ",";
    }
    tu_buf_add_c(b, "}");
}

/* The set that holds one node of s: {"f:spec":{"f:replicas":{}}}. True when it was found. */
static bool emit_path(tu_buf *b, const tu_path_set *s, const tu_path_set *wanted) {
    if (s == wanted) {
        tu_buf_add_c(b, "{}");
        return true;
    }
    for (uint32_t i = 0; i < s->child_count; i++) {
        size_t before = b->n;
        tu_buf_add_c(b, "{");
        emit_name(b, &s->children[i]);
        tu_buf_add_c(b, ":");
        if (emit_path(b, &s->children[i], wanted)) {
            tu_buf_add_c(b, "}");
            return true;
        }
        b->n = before;
    }
    return false;
}

static tu_value *parse(model *m, const tu_buf *b) {
    tu_value *v = NULL;
    require(b->rc == TU_OK);
    require(tu_json_parse(&m->arena, tu_buf_str(b), TU_JSON_COPY | TU_JSON_NO_LINES, NULL, &v, NULL,
                          NULL) == TU_OK);
    return v;
}

static void own(model *m, tu_value *live, const tu_path_set *ours, const tu_path_set *taken) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(16 * TU_MIB);
    tu_value *metadata = (tu_value *)tu_value_get(live, "metadata");
    tu_buf_add_c(&b, "[{\"manager\":\"trueup\",\"operation\":\"Apply\",\"apiVersion\":"
                     "\"acme.io/v1\",\"time\":\"2026-01-01T00:00:00Z\",\"fieldsV1\":");
    emit(&b, ours, taken);
    if (taken) {
        tu_buf_add_c(&b, "},{\"manager\":\"kubectl-edit\",\"operation\":\"Update\",\"apiVersion\":"
                         "\"acme.io/v1\",\"time\":\"2026-01-02T00:00:00Z\",\"fieldsV1\":");
        require(emit_path(&b, ours, taken));
    }
    tu_buf_add_c(&b, "}]");
    require(tu_value_set(&m->arena, metadata, TU_S("managedFields"), parse(m, &b)) &&
            tu_value_set_string(&m->arena, metadata, "uid", TU_S("u")));
}

/* ---- changing one value ---------------------------------------------------------------- */

typedef struct {
    tu_value *live;
    const tu_path_set *node; /* of the desired set */
    const tu_schema_type *type;
} leaf;

typedef struct {
    leaf leaves[256];
    size_t n;
} leaves;

static bool whole(const tu_schema_type *t, const tu_value *v) {
    if (v->type == TU_MAP)
        return t->atomic;
    return v->type != TU_LIST || t->list == TU_LIST_ATOMIC;
}

/* Desired leaves that live has, with their nodes. */
static void collect(leaves *l, const tu_schema_type *t, const tu_value *desired, tu_value *live,
                    const tu_path_set *set) {
    if (!live || !set || desired->type == TU_NULL)
        return;
    if (whole(t, desired)) {
        if (l->n < 256 && set->member)
            l->leaves[l->n++] = (leaf){live, set, t};
        return;
    }
    for (uint32_t i = 0; desired->type == TU_MAP && i < desired->map.n; i++) {
        const tu_member *m = &desired->map.members[i];
        tu_value *there = (tu_value *)tu_value_get_str(live, m->key);
        collect(l, tu_type_field(t, m->key, NULL), &m->value, there,
                tu_path_set_child(set, TU_STEP_FIELD, m->key, NULL));
    }
    for (uint32_t i = 0;
         desired->type == TU_LIST && t->list == TU_LIST_KEYED && i < desired->list.n; i++) {
        const tu_value *item = &desired->list.items[i];
        for (uint32_t k = 0; k < live->list.n; k++) {
            tu_value *there = &live->list.items[k];
            if (!tu_value_equal(tu_value_get(item, "name"), tu_value_get(there, "name")))
                continue;
            for (uint32_t c = 0; c < set->child_count; c++)
                if (tu_value_equal(tu_value_get(set->children[c].value, "name"),
                                   tu_value_get(item, "name")))
                    collect(l, tu_type_items(t), item, there, &set->children[c]);
        }
    }
}

static bool is_key(const leaf *l) {
    return l->node->kind == TU_STEP_FIELD &&
           (tu_str_is(l->node->name, "name") || tu_str_is(l->node->name, "port"));
}

static void change(model *m, const leaf *l) {
    tu_value extra = {.type = TU_STRING, .string = TU_S("changed")};
    switch (l->live->type) {
    case TU_BOOL:
        l->live->boolean = !l->live->boolean;
        break;
    case TU_INTEGER:
        l->live->integer += 1000;
        break;
    case TU_LIST:
        require(tu_value_push(&m->arena, l->live, &extra));
        break;
    case TU_MAP:
        require(tu_value_set(&m->arena, l->live, TU_S("changed"), &extra));
        break;
    default:
        *l->live = extra;
        if (l->type->semantic == TU_SEMANTIC_QUANTITY)
            l->live->string = TU_S("77");
        if (l->type->semantic == TU_SEMANTIC_INSTANT)
            l->live->string = TU_S("2000-01-01T00:00:00Z");
    }
}

/* ---- what must hold -------------------------------------------------------------------- */

static tu_judgement judge(model *m, const tu_prepared *desired, const tu_value *live) {
    tu_judge_input in = {
        .desired = desired, .live = live, .our_manager = TU_S("trueup"), .everything = true};
    tu_judgement j, again;
    require(tu_judge(&m->arena, &in, &j, NULL) == TU_OK);
    require(tu_judge(&m->arena, &in, &again, NULL) == TU_OK);
    require(j.verdict == again.verdict && j.change_count == again.change_count &&
            j.quiet_count == again.quiet_count);
    return j;
}

static void sets_hold_still(model *m, const tu_prepared *p) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(16 * TU_MIB);
    tu_path_set *parsed = NULL, *again = NULL;
    emit(&b, p->fields, NULL);
    require(tu_path_set_parse(&m->arena, parse(m, &b), &parsed, NULL) == TU_OK);
    require(tu_path_set_size(parsed) == tu_path_set_size(p->fields));
    require(tu_path_set_equal(parsed, p->fields));
    require(tu_path_set_of(&m->arena, m->kind, p->object, &again, NULL) == TU_OK);
    require(tu_path_set_equal(again, p->fields));
}

static void try(model *m) {
    tu_value *manifest = make_manifest(m);
    tu_object_id id = tu_object_id_of(manifest);
    tu_prepared p;
    require(tu_prepare(&m->arena, m->kind, manifest, &id, TU_S("m"), &p, NULL) == TU_OK);
    sets_hold_still(m, &p);
    tu_value live = stored(m, tu_kind_root(m->kind), p.object);
    if (!tu_value_get(&live, "metadata") || !tu_value_get(&live, "spec"))
        return;
    own(m, &live, p.fields, NULL);
    tu_judgement j = judge(m, &p, &live);
    require(j.verdict == TU_VERDICT_IN_SYNC && j.confidence == TU_CONFIDENCE_PROVED);
    leaves found = {0};
    collect(&found, tu_kind_root(m->kind), p.object, &live, p.fields);
    if (found.n == 0)
        return;
    const leaf *l = &found.leaves[choose(m, (unsigned)found.n)];
    if (is_key(l) || !l->node)
        return;
    change(m, l);
    j = judge(m, &p, &live); /* admission rewrote it, or Git moved on */
    require(j.verdict == TU_VERDICT_DRIFTED && j.suspect && j.change_count >= 1);
    own(m, &live, p.fields, l->node);
    j = judge(m, &p, &live); /* somebody edited it */
    require(j.verdict == TU_VERDICT_DRIFTED && j.change_count >= 1);
    require(tu_str_is(j.changes[0].owner.manager, "kubectl-edit") &&
            tu_str_is(j.onset, "2026-01-02T00:00:00Z"));
    tu_value_remove((tu_value *)tu_value_get(&live, "metadata"), TU_S("managedFields"));
    require(judge(m, &p, &live).verdict == TU_VERDICT_DRIFTED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    model m = {.p = data, .end = data + size};
    tu_arena_init(&m.arena, 0);
    require(tu_kind_compile(tu_str_c(schema), &m.kind, NULL) == TU_OK);
    try(&m);
    tu_kind_unref(m.kind);
    tu_arena_done(&m.arena);
    return 0;
}
