/*
 * plugin/call.c: one call in flight, and the functions that the host offers while it runs.
 *
 *   idle --run--> active --the plugin returns--> ended --much later--> idle
 *                 emit, fail, log, secret           everything is ignored, and logged as misuse
 *
 * A plugin that keeps the call's pointer must not crash us: the memory of a call lives as long as
 * its instance, and a call that ended is used again only after many others have.
 *
 * emit() is the hot path: ten thousands of objects stream through it. A record without meta costs
 * one uncontended lock and the caller's on_record; nothing is allocated or parsed.
 *
 * What the plugin says (fail, log) is scrubbed of every secret it has opened.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "plugin/internal.h"
#include "value/json.h"

#define REST_CALLS 32u /* calls that must have ended before the first of them is used again */
#define FAIL_MESSAGE_LIMIT (4u * TU_KIB)
#define FAIL_CODE_LIMIT 256u /* of create() it may be a pointer into the config */
#define META_ARENA_LIMIT (4u * TU_MIB)

struct tu_call {
    tu_plugin_use *use;
    tu_call *next; /* among the ended */
    const tu_call_options *options;
    tu_function function;
    int64_t deadline_ms; /* CLOCK_MONOTONIC; below 0: none */
    atomic_bool active;

    pthread_mutex_t emit_lock;
    tu_arena arena;   /* of one meta */
    tu_rc stopped;    /* what on_record or a check answered; no record goes out after it */
    tu_error *reason; /* the check's words */

    pthread_mutex_t fail_lock;
    bool failed;
    tu_error *failure; /* in the plugin's words, scrubbed */
};

/* --- misuse ----------------------------------------------------------------------------------- */

/* Said at the 1st, 2nd, 4th, 8th ... time: a plugin gone wild must not fill the log. */
static void misuse(const tu_call *c, const char *what) {
    unsigned n = atomic_fetch_add(&c->use->misuses, 1) + 1;
    char times[16];
    if (n & (n - 1))
        return;
    snprintf(times, sizeof times, "%u", n);
    tu_log(TU_LOG_WARN, "the plugin broke its contract", "use", c->use->title, "plugin",
           c->use->library->plugin->id, "function", tu_function_table[c->function].name, "what",
           what, "times", times, NULL);
}

static bool is_active(const tu_call *c, const char *what) {
    if (atomic_load(&c->active))
        return true;
    misuse(c, what);
    return false;
}

/* --- what plugins say ------------------------------------------------------------------------- */

/* Scrubbed first and cut then: a value cut in two would not be found. malloc'd. */
static char *scrubbed(tu_call *c, tu_str text, size_t limit) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(text.n * 16 + 64);
    char *out;
    size_t n;
    bool is_text = tu_utf8_valid(text);

    tu_needles_scrub(c->use->needles, text, &b);
    if (b.rc != TU_OK)
        return tu_xstrdup("<redacted>");
    n = b.n < limit ? b.n : limit;
    while (n < b.n && n && ((unsigned char)b.p[n] & 0xC0) == 0x80)
        n--; /* not in the middle of a character */
    out = tu_xmalloc(n + 1);
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)b.p[i];
        out[i] = byte < 0x20 || byte == 0x7F ? ' ' : byte >= 0x80 && !is_text ? '?' : (char)byte;
    }
    out[n] = '\0';
    return out;
}

static void host_log(tu_call *c, int32_t level, tu_str message, tu_str fields) {
    if (!is_active(c, "log outside a call"))
        return;
    level = level < TU_LOG_DEBUG ? TU_LOG_DEBUG : level > TU_LOG_ERROR ? TU_LOG_ERROR : level;
    if (!tu_log_enabled(level))
        return;
    _cleanup_(tu_freep) char *text = scrubbed(c, message, TU_LIMIT_LOG_BYTES);
    /* Half an object is none. */
    _cleanup_(tu_freep) char *extra =
        scrubbed(c, fields.n > TU_LIMIT_LOG_BYTES ? TU_S("{}") : fields, TU_LIMIT_LOG_BYTES);
    tu_log_json(level, c->use->title, tu_str_c(text), tu_str_c(extra));
}

static bool is_failure(tu_rc rc) {
    return rc <= TU_EINVALID && rc >= TU_EREFUSED;
}

/* Only the first reason counts; later ones are usually its consequences. Takes over e. */
static void remember_failure(tu_call *c, tu_error *e) {
    pthread_mutex_lock(&c->fail_lock);
    if (!c->failed && atomic_load(&c->active)) {
        c->failed = true;
        c->failure = TU_TAKE(e);
    }
    pthread_mutex_unlock(&c->fail_lock);
    tu_error_free(e);
}

static tu_rc host_fail(tu_call *c, tu_rc rc, uint32_t retry_after_ms, tu_str code, tu_str message) {
    tu_error *e = NULL;
    if (!is_active(c, "fail outside a call"))
        return rc;
    if (!is_failure(rc)) {
        misuse(c, "fail with a class that doesn't exist");
        rc = TU_EINTERNAL;
    }
    _cleanup_(tu_freep) char *text = scrubbed(c, message, FAIL_MESSAGE_LIMIT);
    _cleanup_(tu_freep) char *word = scrubbed(c, code, FAIL_CODE_LIMIT);
    tu_error_set(&e, rc, "%s", text);
    if (*word)
        tu_error_code(&e, word);
    if (e)
        e->retry_after_ms = retry_after_ms;
    remember_failure(c, e);
    return rc;
}

/* --- records ---------------------------------------------------------------------------------- */

static tu_rc refuse_record(tu_call *c, uint32_t record, const char *why) {
    misuse(c, why);
    return tu_error_set(&c->reason, TU_EINTERNAL, "the plugin emitted record %" PRIu32 ": %s",
                        record, why);
}

static tu_rc parse_meta(tu_call *c, uint32_t record, tu_str meta, tu_value **ret) {
    tu_error *e = NULL;
    tu_rc rc;
    if (meta.n > TU_LIMIT_META_BYTES)
        return refuse_record(c, record, "meta exceeds TU_LIMIT_META_BYTES");
    tu_arena_reset(&c->arena);
    rc = tu_json_parse(&c->arena, meta, TU_JSON_NO_LINES, NULL, ret, NULL, &e);
    if (rc == TU_OK && !tu_value_is(*ret, TU_MAP))
        return refuse_record(c, record, "meta is not a JSON object");
    if (rc != TU_OK) {
        misuse(c, "broken meta");
        rc = tu_error_set(&c->reason, TU_EINTERNAL,
                          "the plugin emitted record %" PRIu32 " with broken meta: %s", record,
                          tu_error_text(e));
        tu_error_free(e);
    }
    return rc;
}

/* Records that this host doesn't know come from newer plugins and are left alone. */
static bool is_known_record(uint32_t record) {
    if (record >= 64)
        return false;
    for (int f = 0; f < TU_FN_COUNT; f++)
        if (tu_function_table[f].records & (UINT64_C(1) << record))
            return true;
    return false;
}

static tu_rc pass_on(tu_call *c, uint32_t record, uint32_t index, tu_str meta, tu_str body) {
    tu_value *parsed = NULL;
    tu_rc rc = TU_OK;

    if (record >= 64 || !(tu_function_table[c->function].records & (UINT64_C(1) << record)))
        return is_known_record(record)
                   ? refuse_record(c, record, "this function doesn't emit such records")
                   : TU_OK;
    if (meta.n)
        rc = parse_meta(c, record, meta, &parsed);
    if (rc == TU_OK && c->options->on_record)
        rc = c->options->on_record(c->options->arg, record, index, parsed, body);
    return rc;
}

static tu_rc host_emit(tu_call *c, uint32_t record, uint32_t index, tu_str meta, tu_str body) {
    tu_rc rc;
    pthread_mutex_lock(&c->emit_lock);
    /* Under the lock: run() ends the call under it too, so no record is passed on after that. */
    if (!is_active(c, "emit outside a call")) {
        rc = TU_ECANCELLED;
    } else if (c->stopped != TU_OK) {
        rc = c->stopped;
    } else {
        rc = pass_on(c, record, index, meta, body);
        if (rc > TU_OK)
            rc = TU_EINTERNAL;
        c->stopped = rc;
    }
    pthread_mutex_unlock(&c->emit_lock);
    return rc;
}

/* --- cancel, deadline, secrets, files --------------------------------------------------------- */

static int32_t host_cancelled(const tu_call *c) {
    /* A thread that outlived its call should stop as well. */
    return !atomic_load(&c->active) || tu_cancel_fired(c->options->cancel);
}

static int32_t host_cancel_fd(const tu_call *c) {
    return is_active(c, "cancel_fd outside a call") ? tu_cancel_fd(c->options->cancel)
                                                    : tu_cancel_fd(NULL);
}

static int64_t host_deadline_ms(const tu_call *c) {
    return is_active(c, "deadline_ms outside a call") ? c->deadline_ms : 0;
}

static tu_secret *find_secret(const tu_plugin_use *u, tu_str handle) {
    char name[32];
    for (size_t i = 0; i < u->secret_count; i++) {
        snprintf(name, sizeof name, "secret-%zu", i);
        if (tu_str_is(handle, name))
            return &u->secrets[i];
    }
    return NULL;
}

static tu_rc host_secret(tu_call *c, tu_str handle, void (*use)(void *arg, tu_str value),
                         void *arg) {
    tu_error *e = NULL;
    tu_secret *s;
    bool loose = false;
    tu_rc rc;

    if (!is_active(c, "secret outside a call"))
        return TU_EINVALID;
    s = find_secret(c->use, handle);
    if (!s) {
        misuse(c, "secret with a handle that its configuration didn't have");
        return TU_EINVALID;
    }
    rc = tu_secret_open(s, c->use->needles, use, arg, &loose, &e);
    if (loose && !atomic_exchange(&s->warned, true))
        tu_log(TU_LOG_WARN, "a secret's file can be read by every user: chmod 600", "use",
               c->use->title, "property", s->property, "file", s->file, NULL);
    if (rc != TU_OK)
        remember_failure(c, TU_TAKE(e));
    return rc;
}

static const tu_tree *tree_of(tu_call *c) {
    if (!is_active(c, "tree outside a call"))
        return NULL;
    if (c->function == TU_FN_RENDER || c->function == TU_FN_ACCEPTS)
        return c->options->tree;
    misuse(c, "tree_files or tree_read outside render()");
    return NULL;
}

static tu_rc host_tree_files(tu_call *c, int32_t (*each)(void *arg, tu_str path, uint64_t bytes),
                             void *arg) {
    const tu_tree *tree = tree_of(c);
    if (!tree)
        return TU_EUNSUPPORTED;
    for (size_t i = 0; i < tree->n; i++)
        if (each(arg, tree->files[i].path, tree->files[i].bytes.n) != 0)
            break;
    return TU_OK;
}

static tu_rc host_tree_read(tu_call *c, tu_str path, void (*use)(void *arg, tu_str bytes),
                            void *arg) {
    const tu_tree *tree = tree_of(c);
    size_t low = 0, high;
    if (!tree)
        return TU_EUNSUPPORTED;
    high = tree->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = tu_str_compare(tree->files[middle].path, path);
        if (order == 0) {
            use(arg, tree->files[middle].bytes);
            return TU_OK;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return TU_ENOTFOUND;
}

static tu_str host_scratch(tu_call *c) {
    if (!is_active(c, "scratch outside a call"))
        return TU_S("");
    return c->use->scratch ? tu_str_c(c->use->scratch) : TU_S("");
}

static const void *host_extension(const char *id) {
    (void)id;
    return NULL;
}

const tu_host tu_host_functions = {
    .size = sizeof(tu_host),
    .abi_minor = TU_ABI_MINOR,
    .log = host_log,
    .fail = host_fail,
    .emit = host_emit,
    .cancelled = host_cancelled,
    .cancel_fd = host_cancel_fd,
    .deadline_ms = host_deadline_ms,
    .secret = host_secret,
    .tree_files = host_tree_files,
    .tree_read = host_tree_read,
    .scratch = host_scratch,
    .extension = host_extension,
};

/* --- the life of a call ----------------------------------------------------------------------- */

static tu_call *take_rested(tu_plugin_use *u) {
    tu_call *c = NULL;
    pthread_mutex_lock(&u->calls_lock);
    if (u->ended_count > REST_CALLS) {
        c = u->ended_first;
        u->ended_first = c->next;
        u->ended_count--;
    }
    pthread_mutex_unlock(&u->calls_lock);
    return c;
}

static tu_call *begin_call(tu_plugin_use *u, tu_function f, const tu_call_options *o,
                           int64_t deadline_ms) {
    tu_call *c = take_rested(u);
    if (!c) {
        c = tu_xcalloc(1, sizeof *c);
        pthread_mutex_init(&c->emit_lock, NULL);
        pthread_mutex_init(&c->fail_lock, NULL);
        tu_arena_init(&c->arena, META_ARENA_LIMIT);
    }
    /* The locks, for a thread of the plugin that still holds this call's pointer from its former
     * life. */
    pthread_mutex_lock(&c->emit_lock);
    pthread_mutex_lock(&c->fail_lock);
    c->use = u;
    c->next = NULL;
    c->options = o;
    c->function = f;
    c->deadline_ms = deadline_ms;
    c->stopped = TU_OK;
    c->failed = false;
    atomic_store(&c->active, true);
    pthread_mutex_unlock(&c->fail_lock);
    pthread_mutex_unlock(&c->emit_lock);
    return c;
}

/* From here on the plugin reaches nobody through this call. */
static void deactivate(tu_call *c) {
    pthread_mutex_lock(&c->emit_lock);
    pthread_mutex_lock(&c->fail_lock);
    atomic_store(&c->active, false);
    pthread_mutex_unlock(&c->fail_lock);
    pthread_mutex_unlock(&c->emit_lock);
}

static void end_call(tu_call *c) {
    tu_plugin_use *u = c->use;
    tu_error_free(TU_TAKE(c->reason));
    tu_error_free(TU_TAKE(c->failure));
    tu_arena_reset(&c->arena);
    pthread_mutex_lock(&u->calls_lock);
    if (u->ended_count++)
        u->ended_last->next = c;
    else
        u->ended_first = c;
    u->ended_last = c;
    pthread_mutex_unlock(&u->calls_lock);
}

void tu_call_free_ended(tu_plugin_use *u) {
    while (u->ended_first) {
        tu_call *c = u->ended_first;
        u->ended_first = c->next;
        pthread_mutex_destroy(&c->emit_lock);
        pthread_mutex_destroy(&c->fail_lock);
        tu_arena_done(&c->arena);
        free(c);
    }
    u->ended_last = NULL;
    u->ended_count = 0;
}

/* What came of it. The plugin's own words are best, then the host's check, then something general.
 */
static tu_rc conclude(tu_call *c, tu_rc rc, tu_error **error) {
    const char *name = tu_function_table[c->function].name;
    tu_error *words = NULL;

    if (rc == TU_OK && c->stopped == TU_OK)
        return TU_OK;
    /* A plugin that goes on after a refused record has lost it: that is no success. */
    if (rc == TU_OK || c->reason)
        rc = c->stopped;
    if (c->reason) {
        words = TU_TAKE(c->reason);
    } else if (!is_failure(rc)) {
        tu_error_set(&words, TU_EINTERNAL, "%s returned %d, which is no result of the contract",
                     name, (int)rc);
        rc = TU_EINTERNAL;
        misuse(c, "a result that doesn't exist");
    } else if (c->failure) {
        words = TU_TAKE(c->failure); /* the first reason's class too */
        rc = words ? words->rc : rc;
    } else if (c->stopped != TU_OK) {
        tu_error_set(&words, rc, "%s was stopped", name);
    } else {
        tu_error_set(&words, rc, "%s failed (%s) and the plugin didn't say why", name,
                     tu_rc_name(rc));
    }
    tu_error_context(&words, "%s", c->use->title);
    if (error && !*error)
        *error = TU_TAKE(words);
    tu_error_free(words);
    return rc;
}

static bool is_there(const tu_plugin_use *u, tu_function f) {
    const tu_function_info *info = &tu_function_table[f];
    if (info->common)
        return tu_table_has(u->common, info->offset);
    return info->kind == u->kind && tu_table_has(u->table, info->offset);
}

/* SERIAL: one call in the library. INSTANCE: one call in the instance, and its watch beside it. */
static tu_gate *gate_for(const tu_plugin_use *u, tu_function f) {
    if (u->library->gate)
        return u->library->gate;
    return tu_function_table[f].watches ? NULL : u->gate;
}

tu_rc tu_call_run(tu_plugin_use *u, tu_function f, const tu_str *arguments,
                  const tu_call_options *o, tu_error **error) {
    static const tu_call_options none = {0};
    const char *name = tu_function_table[f].name;
    tu_gate *gate = gate_for(u, f);
    tu_rc rc;

    o = o ? o : &none;
    if (!is_there(u, f))
        return tu_error_set(error, TU_EUNSUPPORTED, "%s: plugin %s has no %s", u->title,
                            u->library->plugin->id, name);
    int64_t deadline = o->timeout_ms > 0 ? tu_clock_monotonic() + o->timeout_ms : -1;
    rc = tu_gate_enter(gate, o->cancel, deadline);
    if (rc == TU_ECANCELLED)
        return tu_error_set(error, rc, "%s: %s was cancelled before it began", u->title, name);
    if (rc != TU_OK)
        return tu_error_set(error, rc, "%s: %s waited for another call until its time was over",
                            u->title, name);
    tu_call *c = begin_call(u, f, o, deadline);
    rc = tu_function_invoke(u, f, c, arguments);
    deactivate(c);
    tu_gate_leave(gate);
    rc = conclude(c, rc, error);
    end_call(c);
    return rc;
}
