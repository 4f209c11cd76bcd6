/*
 * tests/plugin/puppet.h: a plugin that does what its argument says, to see what the host makes of
 * it.
 *
 * As a target: list("<word>[ <argument>]"), the words stand in `words` below. watch() waits until
 * it is cancelled. As a renderer it reads the whole tree, as a notifier it fails in the class that
 * the message says, as a source it waits for its turn.
 *
 * To add a word: a function and a line in `words`.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <trueup/plugin.h>

#ifndef PUPPET_THREADS
#define PUPPET_THREADS TU_THREADS_PARALLEL
#endif
#ifndef PUPPET_WATCH
#define PUPPET_WATCH watch
#endif

struct tu_instance {
    const tu_host *host;
    char *config;
};

#define S(literal) ((tu_str){(literal), sizeof(literal) - 1})
#define NOTHING ((tu_str){NULL, 0})
static tu_str str(const char *s) {
    return (tu_str){s, strlen(s)};
}

/* --- words ------------------------------------------------------------------------------------ */

static tu_rc stream(tu_instance *i, tu_call *c, const char *argument) {
    long n = strtol(argument, NULL, 10);
    tu_rc rc = i->host->emit(c, TU_REC_BEGIN, 0, NOTHING, NOTHING);
    for (long k = 0; k < n && rc == TU_OK; k++)
        rc = i->host->emit(c, TU_REC_OBJECT, (uint32_t)k, NOTHING, S("{\"kind\":\"Pod\"}"));
    return rc == TU_OK ? i->host->emit(c, TU_REC_END, 0, NOTHING, NOTHING) : rc;
}
static tu_rc goes_on(tu_instance *i, tu_call *c, const char *argument) {
    stream(i, c, argument);
    return TU_OK;
}
static tu_rc emit_meta(tu_instance *i, tu_call *c, const char *meta) {
    return i->host->emit(c, TU_REC_LOST, 3, str(meta), NOTHING);
}
static tu_rc emit_huge_meta(tu_instance *i, tu_call *c, const char *argument) {
    size_t n = 1024 * 1024;
    char *meta = malloc(n);
    (void)argument;
    memset(meta, ' ', n);
    memcpy(meta, "{}", 2);
    tu_rc rc = i->host->emit(c, TU_REC_LOST, 0, (tu_str){meta, n}, NOTHING);
    free(meta);
    return rc;
}
static tu_rc emit_record(tu_instance *i, tu_call *c, const char *number) {
    return i->host->emit(c, (uint32_t)strtoul(number, NULL, 10), 0, NOTHING, NOTHING);
}
static tu_rc give_result(tu_instance *i, tu_call *c, const char *number) {
    (void)i, (void)c;
    return (tu_rc)strtol(number, NULL, 10);
}
static tu_rc fail_with(tu_instance *i, tu_call *c, const char *number) {
    return i->host->fail(c, (tu_rc)strtol(number, NULL, 10), 2500, S("word"), S("in our words"));
}
static tu_rc fail_twice(tu_instance *i, tu_call *c, const char *argument) {
    (void)argument;
    i->host->fail(c, TU_EDENIED, 0, S("first"), S("the first reason"));
    return i->host->fail(c, TU_EUNAVAILABLE, 0, S("second"), S("the second reason"));
}
static tu_rc fail_in_control(tu_instance *i, tu_call *c, const char *argument) {
    (void)argument;
    return i->host->fail(c, TU_EINVALID, 0, S("x"), S("a\x1b[31mred\nline\xff"));
}
static tu_rc recover(tu_instance *i, tu_call *c, const char *argument) {
    (void)argument;
    i->host->fail(c, TU_EUNAVAILABLE, 0, S("x"), S("a try that failed"));
    return TU_OK;
}
static tu_rc say(tu_instance *i, tu_call *c, const char *text) {
    i->host->log(c, TU_LOG_INFO, str(text), S("{\"n\":1}"));
    return TU_OK;
}
static tu_rc wait_cancelled(tu_instance *i, tu_call *c, const char *argument) {
    struct pollfd fd = {.fd = i->host->cancel_fd(c), .events = POLLIN};
    (void)argument;
    i->host->emit(c, TU_REC_PROGRESS, 0, S("{\"stage\":\"waiting\"}"), NOTHING);
    poll(&fd, 1, -1);
    if (!i->host->cancelled(c))
        return i->host->fail(c, TU_EINTERNAL, 0, S("x"), S("woken without being cancelled"));
    return i->host->fail(c, TU_ECANCELLED, 0, S("cancelled"), S("stopped"));
}
static tu_rc wait_deadline(tu_instance *i, tu_call *c, const char *argument) {
    (void)argument;
    for (;;) {
        struct pollfd fd = {.fd = i->host->cancel_fd(c), .events = POLLIN};
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t left =
            i->host->deadline_ms(c) - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
        if (left <= 0)
            return i->host->fail(c, TU_ETIMEOUT, 0, S("deadline"), S("time is over"));
        poll(&fd, 1, (int)left);
    }
}
static tu_rc tell_deadline(tu_instance *i, tu_call *c, const char *argument) {
    char meta[64];
    (void)argument;
    snprintf(meta, sizeof meta, "{\"done\":%lld}", (long long)i->host->deadline_ms(c));
    return i->host->emit(c, TU_REC_PROGRESS, 0, str(meta), NOTHING);
}
static tu_rc tell_progress(tu_instance *i, tu_call *c, const char *argument) {
    (void)argument;
    return i->host->emit(c, TU_REC_PROGRESS, 0, S("{\"stage\":\"inside\"}"), NOTHING);
}
static tu_rc tell_scratch(tu_instance *i, tu_call *c, const char *argument) {
    (void)argument;
    return i->host->emit(c, TU_REC_OBJECT, 0, NOTHING, i->host->scratch(c));
}
static tu_rc tell_config(tu_instance *i, tu_call *c, const char *argument) {
    (void)argument;
    return i->host->emit(c, TU_REC_OBJECT, 0, NOTHING, str(i->config));
}
static tu_rc tell_extension(tu_instance *i, tu_call *c, const char *argument) {
    (void)c;
    return i->host->extension(argument) ? TU_OK : TU_EUNSUPPORTED;
}
static tu_rc read_tree_in_list(tu_instance *i, tu_call *c, const char *argument) {
    (void)argument;
    return i->host->tree_read(c, S("a"), NULL, NULL);
}

/* A pointer that is kept after its call, and every host function through it. */
static tu_call *kept;
static tu_rc keep(tu_instance *i, tu_call *c, const char *argument) {
    (void)i, (void)argument;
    kept = c;
    return TU_OK;
}
static void ignore_value(void *arg, tu_str value) {
    (void)arg, (void)value;
}
static tu_rc use_kept(tu_instance *i, tu_call *c, const char *argument) {
    (void)c, (void)argument;
    i->host->log(kept, TU_LOG_INFO, S("from the grave"), NOTHING);
    i->host->fail(kept, TU_EINVALID, 0, S("x"), S("from the grave"));
    tu_rc rc = i->host->emit(kept, TU_REC_OBJECT, 0, NOTHING, S("{}"));
    if (rc == TU_OK || !i->host->cancelled(kept) || i->host->scratch(kept).n != 0 ||
        i->host->secret(kept, S("secret-0"), ignore_value, NULL) == TU_OK ||
        i->host->cancel_fd(kept) < 0)
        return TU_EINTERNAL;
    i->host->deadline_ms(kept);
    return TU_OK;
}

/* --- secrets ---------------------------------------------------------------------------------- */

typedef struct opened {
    char value[4096];
} opened;
static void copy_value(void *arg, tu_str value) {
    opened *o = arg;
    size_t n = value.n < sizeof o->value - 1 ? value.n : sizeof o->value - 1;
    memcpy(o->value, value.p, n);
    o->value[n] = '\0';
}
/* Opens a handle, and then does everything with the value that the contract forbids. */
static tu_rc leak(tu_instance *i, tu_call *c, const char *handle) {
    opened o;
    char text[3 * 4096];
    tu_rc rc = i->host->secret(c, str(handle), copy_value, &o);
    if (rc != TU_OK)
        return rc;
    snprintf(text, sizeof text, "the token is %s, I repeat: %s!", o.value, o.value);
    i->host->log(c, TU_LOG_ERROR, str(text), NOTHING);
    snprintf(text, sizeof text, "{\"token\":\"%s\"}", o.value);
    i->host->log(c, TU_LOG_ERROR, S("fields"), str(text));
    snprintf(text, sizeof text, "refused %s by the peer", o.value);
    return i->host->fail(c, TU_EDENIED, 0, str(o.value), str(text));
}
/* Opens it and hands the value out as a record's body, so that the test can see it. */
static tu_rc show(tu_instance *i, tu_call *c, const char *handle) {
    opened o;
    tu_rc rc = i->host->secret(c, str(handle), copy_value, &o);
    return rc == TU_OK ? i->host->emit(c, TU_REC_OBJECT, 0, NOTHING, str(o.value)) : rc;
}

static const struct {
    const char *word;
    tu_rc (*run)(tu_instance *i, tu_call *c, const char *argument);
} words[] = {
    {"stream", stream},
    {"goes-on", goes_on},
    {"meta", emit_meta},
    {"huge-meta", emit_huge_meta},
    {"record", emit_record},
    {"result", give_result},
    {"fail", fail_with},
    {"fail-twice", fail_twice},
    {"fail-in-control", fail_in_control},
    {"recover", recover},
    {"say", say},
    {"wait-cancelled", wait_cancelled},
    {"wait-deadline", wait_deadline},
    {"deadline", tell_deadline},
    {"progress", tell_progress},
    {"scratch", tell_scratch},
    {"config", tell_config},
    {"extension", tell_extension},
    {"tree", read_tree_in_list},
    {"keep", keep},
    {"use-kept", use_kept},
    {"leak", leak},
    {"show", show},
};

static tu_rc list(tu_instance *i, tu_call *c, tu_str selector) {
    char text[4096], *argument;
    snprintf(text, sizeof text, "%.*s", (int)selector.n, selector.n ? selector.p : "");
    argument = strchr(text, ' ');
    if (argument)
        *argument++ = '\0';
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        if (!strcmp(text, words[k].word))
            return words[k].run(i, c, argument ? argument : "");
    return i->host->fail(c, TU_EINVALID, 0, S("word"), S("the puppet doesn't know this word"));
}

/* --- life and the other functions ------------------------------------------------------------- */

static tu_rc create(const tu_host *h, tu_call *c, tu_str config, tu_instance **out) {
    tu_instance *i;
    if (strstr(config.p, "refuse-me"))
        return h->fail(c, TU_EINVALID, 0, S("config"), S("this config is refused"));
    if (strstr(config.p, "refuse-color"))
        return h->fail(c, TU_EINVALID, 0, S("/color"), S("this color is refused"));
    i = calloc(1, sizeof *i);
    i->host = h;
    i->config = malloc(config.n + 1);
    memcpy(i->config, config.p, config.n);
    i->config[config.n] = '\0';
    *out = i;
    return TU_OK;
}
static void destroy(tu_instance *i) {
    if (!i)
        return;
    free(i->config);
    free(i);
}
__attribute__((unused)) static tu_rc watch(tu_instance *i, tu_call *c, tu_str selector) {
    (void)selector;
    return wait_cancelled(i, c, "");
}
static tu_rc plain(tu_instance *i, tu_call *c) {
    (void)i, (void)c;
    return TU_OK;
}
static tu_rc with_one(tu_instance *i, tu_call *c, tu_str a) {
    (void)i, (void)c, (void)a;
    return TU_OK;
}
static tu_rc echo_two(tu_instance *i, tu_call *c, tu_str a, tu_str b) {
    (void)b;
    return i->host->emit(c, TU_REC_RESULT, 0, S("{\"created\":true}"), a);
}
__attribute__((unused)) static tu_rc source_watch(tu_instance *i, tu_call *c) {
    return wait_cancelled(i, c, "");
}
static tu_rc resolve(tu_instance *i, tu_call *c) {
    return i->host->emit(c, TU_REC_REVISION, 0, S("{\"revision\":\"1\"}"), NOTHING);
}
static tu_rc fetch(tu_instance *i, tu_call *c, tu_str revision, tu_str path) {
    (void)revision;
    return i->host->emit(c, TU_REC_ENTRY, 0, S("{\"path\":\"a\",\"mode\":\"file\"}"), path);
}

typedef struct reading {
    tu_instance *i;
    tu_call *c;
} reading;
static void emit_bytes(void *arg, tu_str bytes) {
    reading *r = arg;
    r->i->host->emit(r->c, TU_REC_DOCUMENT, 0, S("{\"file\":\"f\",\"line\":1}"), bytes);
}
static int32_t read_one(void *arg, tu_str path, uint64_t bytes) {
    reading *r = arg;
    (void)bytes;
    if (path.n == 4 && !memcmp(path.p, "stop", 4))
        return 1;
    return r->i->host->tree_read(r->c, path, emit_bytes, r) != TU_OK;
}
static tu_rc render(tu_instance *i, tu_call *c, tu_str params) {
    reading r = {i, c};
    (void)params;
    if (i->host->tree_read(c, S("not/there"), emit_bytes, &r) != TU_ENOTFOUND)
        return TU_EINTERNAL;
    return i->host->tree_files(c, read_one, &r);
}
static tu_rc send_message(tu_instance *i, tu_call *c, tu_str message, tu_str key) {
    (void)key;
    return i->host->emit(c, TU_REC_DELIVERED, 0, S("{\"reference\":\"r\"}"), message);
}

/* Says what it was told, and calls the message as the message itself says. */
static tu_rc deliver(tu_instance *i, tu_call *c, tu_str message, tu_str key, tu_str context) {
    static char meta[4096];
    (void)key;
    snprintf(meta, sizeof meta, "{\"reference\":\"%.*s\"}", (int)message.n, message.p);
    return i->host->emit(c, TU_REC_DELIVERED, 0, str(meta), context);
}

static const tu_common common = {sizeof common, create, destroy, plain};
static const tu_target target = {sizeof target, &common,  plain, with_one, list,    PUPPET_WATCH,
                                 with_one,      echo_two, NULL,  echo_two, with_one};
static const tu_renderer renderer = {sizeof renderer, &common, plain, render};
static const tu_notifier notifier = {
    .size = sizeof notifier, .common = &common, .send = send_message, .deliver = deliver};
#if !defined(PUPPET_SERIAL)
static const tu_source source = {sizeof source, &common, resolve, fetch, source_watch, NULL};
#else
static const tu_source source = {sizeof source, &common, resolve, fetch, NULL, NULL};
#endif

static const void *vtable(const char *id) {
    return !strcmp(id, "trueup.target/1")     ? (const void *)&target
           : !strcmp(id, "trueup.render/1")   ? (const void *)&renderer
           : !strcmp(id, "trueup.source/1")   ? (const void *)&source
           : !strcmp(id, "trueup.notifier/1") ? (const void *)&notifier
                                              : NULL;
}

static const char schema[] =
    "{\"x-trueup-rate\":{\"messages\":3,\"perMs\":2000},"
    "\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"name\":{\"type\":\"string\",\"default\":\"nobody\"},"
    "\"where\":{\"type\":\"string\",\"x-trueup-format\":\"path\"},"
    "\"level\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":9},"
    "\"color\":{\"type\":\"string\",\"enum\":[\"red\",\"green\"]},"
    "\"token\":{\"type\":\"string\",\"x-trueup-secret\":true},"
    "\"more\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\",\"x-trueup-"
    "secret\":true}},"
    "\"list\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
    "\"key\":{\"type\":\"string\",\"x-trueup-secret\":true}}}}}}";

const tu_plugin *trueup_plugin_v1(void) {
    static const tu_plugin plugin = {
        .size = sizeof plugin,
        .abi_minor = TU_ABI_MINOR,
        .thread_model = PUPPET_THREADS,
        .id = "dev.trueup.test-puppet",
        .version = "1.0.0",
        .license = "Apache-2.0",
        .summary = "does what its argument says",
        .config_schema = schema,
        .vtable = vtable,
    };
    return &plugin;
}
