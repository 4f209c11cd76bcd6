/*
 * common/wording.c: the title, the facts and the whole text of a message.
 *
 * Sentences are made of the message's facts in the reader's language; its own `summary`, which is English, is used only
 * where there are no facts. A message without `alerts` is read as its only alert.
 */
#include <stdio.h>
#include <string.h>

#include "common/wording_inside.h"

enum { TITLE_BYTES = 4096, FACT_BYTES = 2048, DIFF_LINES = 10 };

static const cJSON *first_alert(const cJSON *message) {
    const cJSON *alerts = wording_at(message, "alerts");
    return cJSON_IsArray(alerts) && alerts->child ? alerts->child : message;
}

static bool is(const cJSON *object, const char *name, const char *text) {
    return !strcmp(wording_text_at(object, name), text);
}

/* --- title ---------------------------------------------------------------------------------------------- */

static void add_word(const tu_language *l, tu_out *o, const char *word) {
    const char *text = tu_wording_word(l, word);
    if (text)
        tu_out_add_c(o, text);
    else
        wording_add_short(o, word, WORDING_NAME);
}

/* "[critical]", "[critical, escalated]", "[resolved]" */
static void add_mark(const tu_language *l, tu_out *o, const cJSON *message) {
    const char *event = wording_text_at(message, "event");
    bool test = !strcmp(event, "test");
    tu_out_add(o, "[", 1);
    if (test || is(message, "status", "resolved"))
        add_word(l, o, test ? "test" : "resolved");
    else
        add_word(l, o, wording_text_at(message, "severity"));
    if (!test && (!strcmp(event, "repeat") || !strcmp(event, "escalation") ||
                  !strcmp(event, "acknowledged"))) {
        tu_out_add_c(o, ", ");
        add_word(l, o, event);
    }
    if (!strncmp(wording_text_at(message, "note"), "flapping", 8)) {
        tu_out_add_c(o, ", ");
        add_word(l, o, "flapping");
    }
    tu_out_add_c(o, "] ");
}

static size_t count_of_verdict(const cJSON *alerts, const char *verdict) {
    size_t n = 0;
    const cJSON *a;
    cJSON_ArrayForEach(a, alerts) n += is(a, "verdict", verdict) && is(a, "status", "firing");
    return n;
}

static const char *const verdicts[] = {"drifted", "missing", "unmanaged",   "blocked",
                                       "invalid", "unknown", "terminating", "delegated"};

/* ": 950 drifted, 50 missing", where it is known of all: from the counts, or because all are named. */
static void add_verdicts(const tu_language *l, tu_out *o, const cJSON *message, int64_t total) {
    const cJSON *alerts = wording_at(message, "alerts");
    const cJSON *counted = wording_at(wording_at(message, "counts"), "verdicts");
    int64_t numbers[sizeof verdicts / sizeof *verdicts], sum = 0;
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        numbers[i] = cJSON_IsObject(counted) ? wording_number_at(counted, verdicts[i])
                                             : (int64_t)count_of_verdict(alerts, verdicts[i]);
        sum += numbers[i];
    }
    if (sum != total)
        return;
    const char *separator = ": ";
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        if (numbers[i] == 0)
            continue;
        tu_out number;
        tu_out_init(&number, 32);
        wording_add_count(&number, numbers[i]);
        tu_out_add_c(o, separator);
        wording_add(
            l, o, "count of",
            (const char *const[]){number.text ? number.text : "", tu_wording_word(l, verdicts[i])});
        separator = ", ";
        tu_out_done(&number);
    }
}

/* "rule shop, namespace pay" */
static void add_group(const tu_language *l, tu_out *o, const cJSON *group) {
    const cJSON *label;
    const char *separator = "";
    cJSON_ArrayForEach(label, group) {
        char key[64];
        if (!cJSON_IsString(label) || !*label->valuestring)
            continue;
        snprintf(key, sizeof key, "label %.50s", label->string);
        const char *word = tu_wording_word(l, key);
        tu_out_add_c(o, separator);
        wording_add_short(o, word ? word : label->string, WORDING_NAME);
        tu_out_add(o, " ", 1);
        wording_add_short(o, label->valuestring, WORDING_NAME);
        separator = ", ";
    }
}

static bool is_own_trouble(const cJSON *message) {
    return cJSON_IsObject(wording_at(first_alert(message), "problem"));
}

/* "1,000 drifts in rule shop: 950 drifted, 50 missing" */
static void add_many(const tu_language *l, tu_out *o, const cJSON *message, int64_t total,
                     bool over) {
    tu_out number, what, group;
    tu_out_init(&number, 32);
    tu_out_init(&what, 256);
    tu_out_init(&group, 1024);
    wording_add_count(&number, total);
    const char *noun = is_own_trouble(message) ? (total == 1 ? "problem" : "problems")
                                               : (total == 1 ? "drift" : "drifts");
    wording_add(l, &what, noun, (const char *const[]){number.text ? number.text : ""});
    add_group(l, &group, wording_at(message, "group"));
    if (group.n)
        wording_add(l, o, "in group",
                    (const char *const[]){what.text ? what.text : "", group.text});
    else
        tu_out_add_c(o, what.text ? what.text : "");
    if (!over)
        add_verdicts(l, o, message, total);
    tu_out_done(&number);
    tu_out_done(&what);
    tu_out_done(&group);
}

/* What it is about: the only alert that fires, how many of what, or how it ended. */
static void add_matter(const tu_language *l, tu_out *o, const cJSON *message) {
    const cJSON *counts = wording_at(message, "counts"), *alert = first_alert(message);
    int64_t firing = wording_number_at(counts, "firing");
    int64_t resolved = wording_number_at(counts, "resolved");
    bool over = is(message, "status", "resolved"),
         none = alert == message && !wording_at(alert, "verdict");
    int64_t total = over ? firing + resolved : firing;
    if (is(message, "event", "test")) {
        add_word(l, o, "test-message");
        return;
    }
    if (none) {
        wording_add_short(o, wording_text_at(message, "summary"), 400);
        return;
    }
    if (total <= 1) {
        tu_wording_sentence(l, alert, o);
    } else if (over) {
        tu_out many;
        tu_out_init(&many, TITLE_BYTES);
        add_many(l, &many, message, total, true);
        wording_add(l, o, "all ended", (const char *const[]){many.text ? many.text : ""});
        tu_out_done(&many);
    } else {
        add_many(l, o, message, total, false);
    }
    if (!over && resolved > 0) {
        tu_out number;
        tu_out_init(&number, 32);
        wording_add_count(&number, resolved);
        tu_out_add_c(o, "; ");
        wording_add(l, o, "others ended", (const char *const[]){number.text ? number.text : ""});
        tu_out_done(&number);
    }
}

void tu_wording_title(const tu_language *l, const cJSON *message, tu_out *out) {
    if (is(message, "kind", "Heartbeat")) {
        add_word(l, out, "heartbeat");
        return;
    }
    add_mark(l, out, message);
    add_matter(l, out, message);
}

/* --- facts ----------------------------------------------------------------------------------------------- */

typedef struct facts {
    const tu_language *l;
    tu_wording_fact *each;
    void *arg;
    tu_out text; /* of the fact in making */
} facts;

static void tell(facts *f, const char *name) {
    if (f->text.text && f->text.n)
        f->each(f->arg, tu_wording_word(f->l, name), f->text.text);
    tu_out_done(&f->text);
    tu_out_init(&f->text, FACT_BYTES);
}

static void tell_text(facts *f, const char *name, const char *text) {
    wording_add_short(&f->text, text, 1000);
    tell(f, name);
}

static void tell_word(facts *f, const char *name, const char *kind, const char *value) {
    char word[64];
    snprintf(word, sizeof word, "%s %.40s", kind, value);
    const char *text = tu_wording_word(f->l, word);
    tell_text(f, name, text ? text : value);
}

/* The strongest change's hand: a person's before a program's. */
static const cJSON *strongest_owner(const cJSON *object) {
    const cJSON *c, *best = NULL;
    cJSON_ArrayForEach(c, wording_at(object, "changes")) {
        const cJSON *owner = wording_at(c, "owner");
        if (!*wording_text_at(owner, "manager"))
            continue;
        if (!best || (is(owner, "class", "human") && !is(best, "class", "human")))
            best = owner;
    }
    return best;
}

static void tell_manager(facts *f, const cJSON *object) {
    const cJSON *owner = strongest_owner(object);
    const char *time = wording_text_at(owner, "time");
    char word[48];
    if (!owner)
        return;
    tu_out name, since;
    tu_out_init(&name, 512);
    tu_out_init(&since, 64);
    wording_add_short(&name, wording_text_at(owner, "manager"), WORDING_NAME);
    snprintf(word, sizeof word, "class %.32s", wording_text_at(owner, "class"));
    if (tu_wording_word(f->l, word)) {
        tu_out_add_c(&name, " (");
        add_word(f->l, &name, word);
        tu_out_add_c(&name, ")");
    }
    wording_add_short(&since, time, 40);
    if (name.text && since.text && *time)
        wording_add(f->l, &f->text, "since", (const char *const[]){name.text, since.text});
    else if (name.text)
        tu_out_add_c(&f->text, name.text);
    tu_out_done(&name);
    tu_out_done(&since);
    tell(f, "fact manager");
}

/* "drifted (confirmed)" */
static void tell_state(facts *f, const cJSON *alert) {
    const char *confidence = wording_text_at(wording_at(alert, "object"), "confidence");
    if (!*wording_text_at(alert, "verdict") || is(alert, "status", "resolved"))
        return;
    add_word(f->l, &f->text, wording_text_at(alert, "verdict"));
    if (*confidence) {
        tu_out_add_c(&f->text, " (");
        add_word(f->l, &f->text, confidence);
        tu_out_add_c(&f->text, ")");
    }
    tell(f, "fact state");
}

static void tell_time(facts *f, const cJSON *alert) {
    tell_text(f, "fact since", wording_text_at(alert, "startsAt"));
    if (!is(alert, "status", "resolved"))
        return;
    if (wording_at(alert, "lastedSeconds"))
        wording_add_duration(f->l, &f->text, wording_number_at(alert, "lastedSeconds"));
    tell(f, "fact lasted");
    if (!cJSON_IsObject(wording_at(alert, "problem")))
        tell_word(f, "fact ended-by", "by", wording_text_at(alert, "resolvedBy"));
}

/* "shop -> prod" */
static void tell_rule(facts *f, const cJSON *alert) {
    const char *target = wording_text_at(alert, "target");
    wording_add_short(&f->text, wording_text_at(alert, "rule"), WORDING_NAME);
    if (f->text.n && *target) {
        tu_out_add_c(&f->text, " -> ");
        wording_add_short(&f->text, target, WORDING_NAME);
    }
    tell(f, "fact rule");
}

static void tell_declared(facts *f, const cJSON *object) {
    const cJSON *changes = wording_at(object, "changes");
    int64_t line = cJSON_IsArray(changes) ? wording_number_at(changes->child, "line") : 0;
    char number[24];
    if (line <= 0)
        line = wording_number_at(object, "line");
    wording_add_short(&f->text, wording_text_at(object, "file"), WORDING_PATH);
    snprintf(number, sizeof number, ":%lld", (long long)line);
    if (f->text.n && line > 0)
        tu_out_add_c(&f->text, number);
    tell(f, "fact declared");
}

/* "9f3c1a2b4d5e: Raise replicas (Jane Doe)" */
static void tell_revision(facts *f, const cJSON *source) {
    const char *revision = wording_text_at(source, "revision");
    const char *subject = wording_text_at(source, "subject"),
               *author = wording_text_at(source, "author");
    size_t n = strlen(revision);
    bool is_hash = n >= 40 && strspn(revision, "0123456789abcdef") == n;
    char brief[16];
    snprintf(brief, sizeof brief, "%.12s", revision);
    wording_add_short(&f->text, is_hash ? brief : revision, 100);
    if (f->text.n && *subject) {
        tu_out_add_c(&f->text, ": ");
        wording_add_short(&f->text, subject, 120);
    }
    if (f->text.n && *author) {
        tu_out_add_c(&f->text, " (");
        wording_add_short(&f->text, author, WORDING_NAME);
        tu_out_add_c(&f->text, ")");
    }
    tell(f, "fact revision");
}

static void tell_plan(facts *f, const cJSON *alert) {
    const cJSON *plan = wording_at(alert, "plan");
    const char *text = wording_text_at(plan, "text");
    char word[48];
    snprintf(word, sizeof word, "plan %.32s", wording_text_at(plan, "action"));
    bool english = f->l == tu_language_named("en"), known = tu_wording_word(f->l, word) != NULL;
    if (english && *text) { /* the plan's own words say more */
        tell_text(f, "fact plan", text);
        return;
    }
    if (known)
        add_word(f->l, &f->text, word);
    if (*text) {
        tu_out_add_c(&f->text, known ? " (" : "");
        wording_add_short(&f->text, text, 400);
        tu_out_add_c(&f->text, known ? ")" : "");
    }
    tell(f, "fact plan");
}

/* "edit shop.yaml:5 and commit" */
static void tell_accept(facts *f, const char *accept) {
    static const char begin[] = "edit ", end[] = " and commit";
    size_t n = strlen(accept), first = sizeof begin - 1, last = sizeof end - 1;
    if (n <= first + last || strncmp(accept, begin, first) || strcmp(accept + n - last, end)) {
        tell_text(f, "fact accept", accept);
        return;
    }
    tu_out where;
    tu_out_init(&where, 2048);
    template_add_visible(&where, accept + first, n - first - last, false);
    wording_add(f->l, &f->text, "accept edit", (const char *const[]){where.text ? where.text : ""});
    tu_out_done(&where);
    tell(f, "fact accept");
}

void tu_wording_facts(const tu_language *l, const cJSON *message, const cJSON *alert,
                      tu_wording_fact *each, void *arg) {
    facts f = {.l = l, .each = each, .arg = arg};
    const cJSON *object = wording_at(alert, "object"), *problem = wording_at(alert, "problem");
    const cJSON *commands = wording_at(message, "commands");
    bool fires = !is(alert, "status", "resolved"), own = cJSON_IsObject(problem);
    tu_out_init(&f.text, FACT_BYTES);
    wording_add_subject(&f.text, alert);
    tell(&f, own ? "fact problem" : "fact object");
    if (own && fires)
        tell_text(&f, "fact hint", wording_text_at(problem, "hint"));
    tell_state(&f, alert);
    tell_manager(&f, object);
    tell_time(&f, alert);
    tell_rule(&f, alert);
    tell_declared(&f, object);
    tell_revision(&f, wording_at(alert, "source"));
    if (fires) {
        tell_plan(&f, alert);
        tell_text(&f, "fact look", wording_text_at(commands, "look"));
        if (alert == first_alert(message))
            tell_text(&f, "fact explain", wording_text_at(commands, "explain"));
        if (!wording_at(message, "acknowledged"))
            tell_text(&f, "fact acknowledge", wording_text_at(commands, "acknowledge"));
        tell_accept(&f, wording_text_at(alert, "accept"));
    }
    tu_out_done(&f.text);
}

/* --- the whole ------------------------------------------------------------------------------------------- */

/* What is the same for all alerts is told once, at the end; what the sentence has told already, not again. */
typedef struct text_facts {
    tu_out *out;
    const tu_language *l;
    bool commands; /* only these, or all but these */
} text_facts;

static bool is_any(const tu_language *l, const char *name, const char *const *words) {
    for (; *words; words++)
        if (!strcmp(name, tu_wording_word(l, *words)))
            return true;
    return false;
}

static void add_fact(void *arg, const char *name, const char *value) {
    static const char *const commands[] = {"fact look", "fact explain", "fact acknowledge", NULL};
    static const char *const told[] = {"fact object", "fact problem", "fact lasted",
                                       "fact ended-by", NULL};
    text_facts *t = arg;
    if (is_any(t->l, name, commands) != t->commands || is_any(t->l, name, told))
        return;
    tu_out_add_c(t->out, name);
    tu_out_add_c(t->out, ": ");
    tu_out_add_c(t->out, value);
    tu_out_add(t->out, "\n", 1);
}

static void add_alert(const tu_language *l, tu_out *o, const cJSON *message, const cJSON *alert,
                      bool only) {
    if (!only) {
        tu_out_add_c(o, "\n* ");
        tu_wording_sentence(l, alert, o);
        tu_out_add(o, "\n", 1);
    }
    if (!is(alert, "status", "resolved"))
        tu_wording_diff(l, alert, DIFF_LINES, o);
    tu_wording_facts(l, message, alert, add_fact, &(text_facts){.out = o, .l = l});
}

void tu_wording_note(const tu_language *l, const cJSON *message, tu_out *out) {
    static const char *const known[] = {"moved to route ", "undeliverable to ", "flapping: "};
    const char *note = wording_text_at(message, "note");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i]);
        char word[48];
        if (strncmp(note, known[i], n) != 0)
            continue;
        tu_out rest;
        tu_out_init(&rest, 2048);
        wording_add_short(&rest, note + n, 400);
        snprintf(word, sizeof word, "note %s", known[i]);
        wording_add(l, out, word, (const char *const[]){rest.text ? rest.text : ""});
        tu_out_done(&rest);
        return;
    }
    wording_add_short(out, note, 400);
}

static void add_remarks(const tu_language *l, tu_out *o, const cJSON *message) {
    const cJSON *acknowledged = wording_at(message, "acknowledged");
    const char *by = wording_text_at(acknowledged, "by");
    const char *comment = wording_text_at(acknowledged, "comment");
    if (*wording_text_at(message, "note")) {
        tu_wording_note(l, message, o);
        tu_out_add(o, "\n", 1);
    }
    if (!*by)
        return;
    add_word(l, o, "fact acknowledged");
    tu_out_add_c(o, ": ");
    wording_add_short(o, by, WORDING_NAME);
    if (*comment) {
        tu_out_add_c(o, " (");
        wording_add_short(o, comment, 400);
        tu_out_add_c(o, ")");
    }
    tu_out_add(o, "\n", 1);
}

static void add_heartbeat(const tu_language *l, tu_out *o, const cJSON *message) {
    add_word(l, o, "installation");
    tu_out_add_c(o, ": ");
    wording_add_short(o, wording_text_at(message, "installation"), WORDING_NAME);
    tu_out_add_c(o, "\n");
    wording_add_short(o, wording_text_at(message, "time"), 40);
    tu_out_add_c(o, ", trueup ");
    wording_add_short(o, wording_text_at(message, "version"), 40);
    tu_out_add_c(o, "\n");
}

static void add_rest(const tu_language *l, tu_out *o, int64_t rest) {
    tu_out number;
    if (rest <= 0)
        return;
    tu_out_init(&number, 32);
    wording_add_count(&number, rest);
    tu_out_add(o, "\n", 1);
    wording_add(l, o, "and more", (const char *const[]){number.text ? number.text : ""});
    tu_out_add(o, "\n", 1);
    tu_out_done(&number);
}

void tu_wording_text(const tu_language *l, const cJSON *message, size_t alerts, tu_out *out) {
    const cJSON *list = wording_at(message, "alerts"), *counts = wording_at(message, "counts");
    const cJSON *first = first_alert(message);
    int64_t all = wording_number_at(counts, "firing") + wording_number_at(counts, "resolved");
    tu_wording_title(l, message, out);
    tu_out_add(out, "\n", 1);
    add_remarks(l, out, message);
    if (is(message, "kind", "Heartbeat")) {
        add_heartbeat(l, out, message);
        return;
    }
    if (is(message, "event", "test") || (first == message && !wording_at(message, "verdict")))
        return;
    if (all < cJSON_GetArraySize(list))
        all = cJSON_GetArraySize(list);
    size_t shown = 0;
    for (const cJSON *a = first; a && shown < alerts && !out->failed; shown++) {
        add_alert(l, out, message, a, all <= 1);
        a = first == message ? NULL : a->next;
    }
    add_rest(l, out, all - (int64_t)shown);
    if (all > 1)
        tu_out_add(out, "\n", 1);
    tu_wording_facts(l, message, first, add_fact,
                     &(text_facts){.out = out, .l = l, .commands = true});
}
