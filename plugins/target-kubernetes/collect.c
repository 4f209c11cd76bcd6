/*
 * collect.c: list and watch.
 *
 * A scope (one kind) is read by one feed, or by one feed for each of its namespaces. All feeds of a
 * call run beside each other in one session.
 *
 *                  +---------------------- 410, ERROR, LOST: the whole scope again
 * ----------------------+ v | IDLE --> LISTING --page--> LISTING --last page--> LISTED --all feeds
 * of the scope: END--> WATCHING -+ ^          | ^   |
 *       +- WAITING +  (429, 5xx, cut off: backoff) +---+ bookmark, timeout: from the last version
 *
 * Invariants
 *   - END is emitted only when every feed's last page was a complete JSON list without a
 * `continue`. Anything else starts the scope again (a new BEGIN throws the earlier one away) or
 * ends in LOST.
 *   - a failed page is never asked for again alone (objects would come twice): its scope begins
 * again.
 *   - in list() a scope gives up after LIST_ATTEMPTS; in watch() never: it says LOST once and goes
 * on trying. Rules of reconnecting: reference/alerting.md D2 (client-go's reflector).
 */
#include "environment.h"
#include "kube.h"
#include "scan.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define LIST_ATTEMPTS 5
#define LISTS_AT_ONCE 16
#define BACKOFF_MOST_MS 30000
#define SLOW_FACTOR 6 /* first delays, where asking often can't help */
#define LOST_AFTER_MS                                                                              \
    5000 /* a server that restarts is back sooner: then the watch goes on where it was */
#define SILENCE_MS                                                                                 \
    180000 /* bookmarks come every minute; a watch that says nothing for so long hangs on a dead   \
              connection */
#define WATCH_LEAST_S 300 /* the server ends a watch after 5 to 10 minutes */
#define HEALTHY_MS 1000

typedef struct scope scope;
typedef struct collection collection;

typedef enum {
    FEED_IDLE,
    FEED_WAITING,
    FEED_LISTING,
    FEED_LISTED,
    FEED_WATCHING,
    FEED_DONE
} feed_state;

typedef enum {
    FRAME_NONE,
    FRAME_GARBAGE,
    FRAME_ERROR,
    FRAME_EXPIRED
} frame_end; /* why on_frame ended a watch */

typedef struct feed {
    scope *of;
    char *namespace_; /* "": all */
    feed_state state;
    bool resume;      /* WAITING leads to a watch, not to a list */
    int64_t at_ms;    /* WAITING: until when. WATCHING: when the last byte came */
    int64_t began_ms; /* of the watch */
    uint64_t events;  /* of this watch */
    frame_end ended_by;
    char version[64]; /* resourceVersion to go on from */
    kube_text more;   /* continue token */
    bool metadata_seen;
    bool partial; /* only the objects' metadata was asked for */
    kube_scan scan;
    kube_scan_result scanned;
    kube_text path;
    char words[256];
    kube_transfer transfer;
} feed;

struct scope {
    collection *in;
    uint32_t index;
    const kube_resource *resource;
    feed *feeds;
    size_t n, listed;
    unsigned attempts;     /* failures one after the other */
    int64_t failing_since; /* 0: not failing */
    bool begun, ended, lost, finished;
    bool listed_once;
    int environment; /* number of its kind of the environment, whose objects are told to nobody; below
                            0: none */
    char lost_code[48];  /* what LOST said last */
    const cJSON *wanted; /* its entry of the selector */
    int64_t open_at_ms;  /* watch: when a kind that was not served is looked for again */
};

struct collection {
    tu_instance *k;
    tu_call *call;
    kube_session *session;
    bool watch;
    bool list_metadata, watch_metadata; /* of the first listing; of all that follows */
    bool with_environment;
    kube_environment environment;
    tu_rc stop; /* an emit refused, or memory is gone */
    scope *scopes;
    size_t n;
    size_t listing; /* feeds that list now */
};

static void scope_failed(scope *s, feed *f, const kube_error *error, bool resume);
static void scope_restart(scope *s);

/* --- emitting ------------------------------------------------------------------------------ */

static bool emit(collection *c, uint32_t record, const scope *s, tu_str meta, tu_str body) {
    if (c->stop == TU_OK && s->environment < 0)
        c->stop = c->k->host->emit(c->call, record, s->index, meta, body);
    return c->stop == TU_OK;
}

static void emit_begin(scope *s) {
    if (s->begun)
        return;
    s->begun = true;
    if (s->environment >= 0)
        kube_environment_listing(&s->in->environment, (size_t)s->environment);
    s->ended = s->lost = false;
    s->lost_code[0] = '\0';
    emit(s->in, TU_REC_BEGIN, s, KUBE_STR("{}"), (tu_str){0});
}

static void emit_lost(scope *s, const kube_error *e) {
    if (s->lost && strcmp(s->lost_code, e->code) == 0)
        return; /* said already */
    s->lost = true;
    s->begun = s->ended = false;
    memcpy(s->lost_code, e->code, sizeof(s->lost_code));
    KUBE_TEXT meta = {0};
    kube_text_print(&meta, "{\"class\":%d,\"code\":", (int)e->rc);
    kube_text_quote(&meta, kube_str(e->code));
    kube_text_string(&meta, ",\"message\":");
    kube_text_quote(&meta, kube_str(e->message));
    kube_text_string(&meta, "}");
    emit(s->in, TU_REC_LOST, s, kube_text_str(&meta), (tu_str){0});
}

/* An object as it stands, in a list or in a frame. */
static bool emit_object(feed *f, tu_str object) {
    static const char partial[] = "PartialObjectMetadata";
    char kind[sizeof(partial) + 1];
    tu_str metadata = {0};
    if (f->of->environment >= 0) {
        if (kube_json_member(object, "metadata", &metadata))
            kube_environment_object(&f->of->in->environment, (size_t)f->of->environment, metadata,
                                    false);
        return f->of->in->stop == TU_OK;
    }
    if (f->partial) /* a server may answer in full, whatever was asked for */
        kube_json_text(object, "kind", kind, sizeof(kind));
    bool only = f->partial && strcmp(kind, partial) == 0;
    return emit(f->of->in, TU_REC_OBJECT, f->of,
                only ? KUBE_STR("{\"partial\":true}") : (tu_str){0}, object);
}

static void emit_gone(feed *f, tu_str metadata) {
    if (f->of->environment >= 0) {
        kube_environment_object(&f->of->in->environment, (size_t)f->of->environment, metadata,
                                true);
        return;
    }
    char name[300], ns[300], uid[128];
    kube_json_text(metadata, "name", name, sizeof(name));
    kube_json_text(metadata, "namespace", ns, sizeof(ns));
    kube_json_text(metadata, "uid", uid, sizeof(uid));
    KUBE_TEXT meta = {0};
    kube_text_string(&meta, "{\"namespace\":");
    kube_text_quote(&meta, kube_str(ns));
    kube_text_string(&meta, ",\"name\":");
    kube_text_quote(&meta, kube_str(name));
    kube_text_string(&meta, ",\"uid\":");
    kube_text_quote(&meta, kube_str(uid));
    kube_text_string(&meta, "}");
    emit(f->of->in, TU_REC_GONE, f->of, kube_text_str(&meta), (tu_str){0});
}

/* --- starting requests --------------------------------------------------------------------- */

static uint32_t random_below(uint32_t n) {
    uint32_t r = 0;
    RAND_bytes((unsigned char *)&r, sizeof(r));
    return r % n;
}

static int64_t backoff_ms(const collection *c, unsigned failures, uint32_t retry_after_ms) {
    int64_t ms = c->k->retry_delay_ms;
    for (unsigned i = 1; i < failures && ms < BACKOFF_MOST_MS; i++)
        ms *= 2;
    if (ms > BACKOFF_MOST_MS)
        ms = BACKOFF_MOST_MS;
    ms = ms / 2 + random_below((uint32_t)ms); /* jitter */
    return ms > retry_after_ms ? ms : retry_after_ms;
}

static void feed_wait(feed *f, int64_t ms, bool resume) {
    f->state = FEED_WAITING;
    f->resume = resume;
    f->at_ms = kube_now_ms() + ms;
}

static void feed_stop(feed *f) {
    if (f->state == FEED_LISTING)
        f->of->in->listing--;
    kube_session_stop(f->of->in->session, &f->transfer);
    f->state = FEED_IDLE;
}

static int32_t on_list_value(void *arg, kube_part part, tu_str value);
static int32_t on_frame(void *arg, kube_part part, tu_str value);
static void on_list_done(kube_transfer *t);
static void on_watch_done(kube_transfer *t);

static int32_t on_body(kube_transfer *t, const char *p, size_t n) {
    feed *f = t->owner;
    if (f->state == FEED_LISTING)
        emit_begin(f->of);
    f->scanned = kube_scan_feed(&f->scan, p, n);
    return f->scanned != KUBE_SCAN_OK || f->of->in->stop != TU_OK;
}

static void feed_request(feed *f) {
    collection *c = f->of->in;
    bool watch = f->state == FEED_WATCHING;
    f->transfer.path = f->path.p;
    f->transfer.on_body = on_body;
    f->transfer.on_done = watch ? on_watch_done : on_list_done;
    f->transfer.owner = f;
    f->transfer.topic = (kube_topic){.verb = watch ? "watch" : "list",
                                     .resource = f->words,
                                     .namespace_ = f->namespace_,
                                     .sealed = kube_resource_sealed(f->of->resource)};
    f->partial = f->of->environment >= 0 ||
                 (watch || f->of->listed_once ? c->watch_metadata : c->list_metadata);
    f->transfer.accept = NULL;
    if (f->partial)
        f->transfer.accept =
            watch ? "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
                  : "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/"
                    "json";
    f->scanned = KUBE_SCAN_OK;
    kube_scan_begin(&f->scan, watch, watch ? on_frame : on_list_value, f);
    kube_error error;
    tu_rc rc = f->path.failed ? kube_error_set(&error, TU_EINTERNAL, "memory", "out of memory")
                              : kube_session_start(c->session, c->call, &f->transfer, &error);
    if (rc == TU_OK)
        return;
    if (rc == TU_ECANCELLED || rc == TU_EINTERNAL)
        c->stop = rc;
    else
        scope_failed(f->of, f, &error, watch);
}

/* 0: the whole list at once. */
static int page_size(tu_instance *k) {
    if (k->page_size)
        return k->page_size;
    return __atomic_load_n(&k->lists_whole, __ATOMIC_RELAXED) ? 0 : KUBE_PAGE_SIZE;
}

static void feed_list(feed *f) {
    f->state = FEED_LISTING;
    f->of->in->listing++;
    f->metadata_seen = false;
    kube_text_clear(&f->path);
    kube_resource_path(f->of->resource, kube_str(f->namespace_), (tu_str){0}, &f->path);
    int page = page_size(f->of->in->k);
    if (page)
        kube_text_print(&f->path, "?limit=%d", page);
    if (f->more.n) {
        kube_text_string(&f->path, page ? "&continue=" : "?continue=");
        kube_text_segment(&f->path, kube_text_str(&f->more));
    }
    kube_text_clear(&f->more);
    feed_request(f);
}

static void feed_watch(feed *f) {
    f->state = FEED_WATCHING;
    f->began_ms = f->at_ms = kube_now_ms();
    f->events = 0;
    f->ended_by = FRAME_NONE;
    kube_text_clear(&f->path);
    kube_resource_path(f->of->resource, kube_str(f->namespace_), (tu_str){0}, &f->path);
    kube_text_print(&f->path,
                    "?watch=true&allowWatchBookmarks=true&timeoutSeconds=%u&resourceVersion=",
                    WATCH_LEAST_S + random_below(WATCH_LEAST_S));
    kube_text_segment(&f->path, kube_str(f->version));
    feed_request(f);
}

/* --- the life of a scope ------------------------------------------------------------------- */

static void scope_finish(scope *s) {
    for (size_t i = 0; i < s->n; i++) {
        feed_stop(&s->feeds[i]);
        s->feeds[i].state = FEED_DONE;
    }
    s->finished = true;
}

static void scope_restart(scope *s) {
    for (size_t i = 0; i < s->n; i++) {
        feed *f = &s->feeds[i];
        feed_stop(f);
        kube_text_clear(&f->more);
        f->version[0] = '\0';
    }
    s->listed = 0;
    s->begun = s->ended = false;
}

/* A kind of the environment that can't be had is no scope's loss. */
static void environment_absent(scope *s, const kube_error *error) {
    kube_environment_absent(&s->in->environment, (size_t)s->environment, error->rc == TU_EDENIED);
    scope_finish(s);
}

/* A request of the scope failed. resume: only the watch has to be begun again. */
static void scope_failed(scope *s, feed *f, const kube_error *error, bool resume) {
    collection *c = s->in;
    int64_t now = kube_now_ms();
    bool transient =
        error->rc == TU_EUNAVAILABLE || error->rc == TU_ETHROTTLED || error->rc == TU_ETIMEOUT;
    s->attempts++;
    if (!s->failing_since)
        s->failing_since = now;
    if (s->environment >= 0 && !transient) {
        environment_absent(s, error);
        return;
    }
    if (!c->watch && (!transient || s->attempts >= LIST_ATTEMPTS)) {
        emit_lost(s, error);
        scope_finish(s);
        return;
    }
    int64_t wait = backoff_ms(c, s->attempts, error->retry_after_ms);
    if (!transient && wait < SLOW_FACTOR * c->k->retry_delay_ms)
        wait = SLOW_FACTOR *
               c->k->retry_delay_ms; /* rights and kinds do not come back by asking often */
    if (c->watch && (!transient || s->lost || now - s->failing_since >= LOST_AFTER_MS)) {
        emit_lost(s, error);
        resume = false;
    }
    if (resume) {
        feed_stop(f);
        feed_wait(f, wait, true);
        return;
    }
    scope_restart(s);
    for (size_t i = 0; i < s->n; i++)
        feed_wait(&s->feeds[i], wait, false);
}

static void scope_healthy(scope *s) {
    if (s->failing_since && s->in->with_environment)
        kube_environment_doubt(&s->in->environment);
    s->attempts = 0;
    s->failing_since = 0;
}

/* The cursor is gone: list again. At once the first time; a server that does it again and again is
 * not asked faster and faster. */
static void scope_expired(scope *s) {
    int64_t wait = s->attempts++ ? backoff_ms(s->in, s->attempts, 0) : 0;
    scope_restart(s);
    for (size_t i = 0; i < s->n; i++)
        feed_wait(&s->feeds[i], wait, false);
}

static void scope_listed(scope *s) {
    emit_begin(s); /* an empty list has no bytes of objects, and an absent namespace no list */
    s->ended = s->listed_once = true;
    emit(s->in, TU_REC_END, s, KUBE_STR("{}"), (tu_str){0});
    if (s->environment >= 0)
        kube_environment_listed(&s->in->environment, (size_t)s->environment);
    if (s->failing_since && s->in->with_environment)
        kube_environment_doubt(&s->in->environment);
    s->failing_since = 0; /* attempts stay until the watch holds too */
    if (!s->in->watch) {
        scope_finish(s);
        return;
    }
    emit(s->in, TU_REC_CURRENT, s, KUBE_STR("{}"), (tu_str){0});
    for (size_t i = 0; i < s->n && s->ended; i++)
        if (s->feeds[i].state == FEED_LISTED)
            feed_wait(&s->feeds[i], 0, true);
}

/* --- listing ------------------------------------------------------------------------------- */

static int32_t on_list_value(void *arg, kube_part part, tu_str value) {
    feed *f = arg;
    if (part == KUBE_PART_ITEM)
        return !emit_object(f, value);
    tu_str token;
    char version[64];
    f->metadata_seen = true;
    kube_json_text(value, "resourceVersion", version, sizeof(version));
    if (version[0])
        memcpy(f->version, version, sizeof(version));
    if (kube_json_member(value, "continue", &token) && token.n > 2) {
        cJSON *text = cJSON_ParseWithLength(token.p, token.n);
        kube_text_clear(&f->more);
        if (cJSON_IsString(text))
            kube_text_string(&f->more, text->valuestring);
        cJSON_Delete(text);
    }
    return 0;
}

static tu_rc scan_error(const feed *f, kube_error *error) {
    const char *endpoint = f->of->in->k->endpoint;
    switch (f->scanned) {
    case KUBE_SCAN_TOO_LARGE:
        return kube_error_set(error, TU_EINVALID, "object-too-large",
                              "%s sent an object of %s beyond %u MiB (KUBE_LIMIT_OBJECT_BYTES)",
                              endpoint, f->words, KUBE_LIMIT_OBJECT_BYTES >> 20);
    case KUBE_SCAN_TOO_DEEP:
        return kube_error_set(error, TU_EINVALID, "object-too-deep",
                              "%s sent an object of %s nested beyond %u levels (KUBE_LIMIT_DEPTH)",
                              endpoint, f->words, KUBE_LIMIT_DEPTH);
    default:
        return kube_error_set(error, TU_EUNAVAILABLE, "garbage",
                              "%s sent something for %s that is no JSON of the Kubernetes API",
                              endpoint, f->words);
    }
}

/* What a transfer that has ended means: TU_OK when it is a 200 whose body on_body took. */
static tu_rc transfer_error(const feed *f, kube_error *error) {
    const kube_transfer *t = &f->transfer;
    if (f->scanned != KUBE_SCAN_OK)
        return scan_error(f, error);
    if (t->result != CURLE_OK || t->status < 200 || t->status >= 300)
        return kube_answer_error(f->of->in->k, t, error);
    if (strcmp(t->content, "application/json") != 0 || t->status != 200)
        return kube_error_set(
            error, TU_EUNAVAILABLE, "wrong-content-type",
            "%s answered for %s with %s, not JSON: is something between here and the API server?",
            f->of->in->k->endpoint, f->words, t->content[0] ? t->content : "no content type");
    return TU_OK;
}

static void on_list_done(kube_transfer *t) {
    feed *f = t->owner;
    scope *s = f->of;
    collection *c = s->in;
    kube_error error;
    c->listing--;
    f->state = FEED_IDLE;
    if (c->stop != TU_OK)
        return;
    if (t->result == CURLE_OK && t->status == 401 &&
        kube_login_refused(c->k->login, t->login_serial) && s->attempts == 0) {
        s->attempts++;
        scope_restart(s);
        return;
    }
    if (kube_answer_expired(t)) { /* the continue token is too old: from the beginning */
        kube_error_set(&error, TU_EUNAVAILABLE, "expired",
                       "the listing of %s on %s takes longer than the server keeps its state",
                       f->words, c->k->endpoint);
        if (c->watch || s->attempts + 1 < LIST_ATTEMPTS)
            scope_expired(s);
        else
            scope_failed(s, f, &error, false);
        return;
    }
    tu_rc rc = transfer_error(f, &error);
    bool absent = rc == TU_ENOTFOUND && strcmp(error.code, "namespace-missing") == 0;
    if (rc == TU_OK && (!kube_scan_complete(&f->scan) || !f->metadata_seen))
        rc = kube_error_set(&error, TU_EUNAVAILABLE, "cut-off", "%s broke off the list of %s",
                            c->k->endpoint, f->words);
    if (rc != TU_OK && !absent) {
        scope_failed(s, f, &error, false);
        return;
    }
    if (!absent && f->more.n) {
        feed_list(f);
        return;
    }
    f->state = FEED_LISTED;
    if (++s->listed == s->n)
        scope_listed(s);
}

/* --- watching ------------------------------------------------------------------------------ */

/* Is a Status the news that the cursor is too old? */
static bool is_expired(tu_str status) {
    char reason[64];
    tu_str code;
    kube_json_text(status, "reason", reason, sizeof(reason));
    return (kube_json_member(status, "code", &code) && kube_str_is(code, "410")) ||
           strcmp(reason, "Expired") == 0 || strcmp(reason, "Gone") == 0;
}

static int32_t on_frame(void *arg, kube_part part, tu_str frame) {
    feed *f = arg;
    (void)part;
    char type[16], version[64];
    tu_str object, metadata = {0};
    f->at_ms = kube_now_ms();
    kube_json_text(frame, "type", type, sizeof(type));
    f->ended_by = FRAME_GARBAGE;
    if (!kube_json_member(frame, "object", &object))
        return 1;
    if (strcmp(type, "ERROR") == 0) {
        f->ended_by = is_expired(object) ? FRAME_EXPIRED : FRAME_ERROR;
        return 1;
    }
    if (!kube_json_member(object, "metadata", &metadata))
        return 1;
    kube_json_text(metadata, "resourceVersion", version, sizeof(version));
    f->events++;
    if (strcmp(type, "BOOKMARK") == 0)
        emit(f->of->in, TU_REC_CURRENT, f->of, KUBE_STR("{}"), (tu_str){0});
    else if (strcmp(type, "DELETED") == 0)
        emit_gone(f, metadata);
    else if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0)
        emit_object(f, object);
    else
        return 1;
    if (version[0])
        memcpy(f->version, version, sizeof(version));
    f->ended_by = FRAME_NONE;
    scope_healthy(f->of);
    return f->of->in->stop != TU_OK;
}

static void on_watch_done(kube_transfer *t) {
    feed *f = t->owner;
    scope *s = f->of;
    collection *c = s->in;
    kube_error error;
    if (c->stop != TU_OK)
        return;
    f->state = FEED_IDLE;
    if (t->result == CURLE_OK && t->status == 401 &&
        kube_login_refused(c->k->login, t->login_serial) && s->attempts == 0) {
        s->attempts++;
        feed_wait(f, 0, true);
        return;
    }
    bool brief = kube_now_ms() - f->began_ms < HEALTHY_MS && f->events == 0;
    if (t->status == 200 && !brief)
        scope_healthy(s);
    if (!f->version[0] || f->ended_by == FRAME_EXPIRED ||
        (t->status != 200 && kube_answer_expired(t))) {
        scope_expired(s);
        return;
    }
    if (f->ended_by == FRAME_ERROR) {
        kube_error_set(&error, TU_EUNAVAILABLE, "watch-error",
                       "%s ended the watch of %s with an error", c->k->endpoint, f->words);
        scope_failed(s, f, &error, false);
        return;
    }
    tu_rc rc = transfer_error(f, &error);
    if (rc == TU_OK && !kube_scan_complete(&f->scan))
        rc = kube_error_set(&error, TU_EUNAVAILABLE, "cut-off", "%s broke off the watch of %s",
                            c->k->endpoint, f->words);
    if (rc == TU_OK && brief)
        rc = kube_error_set(&error, TU_EUNAVAILABLE, "watch-ended",
                            "%s ends the watch of %s at once", c->k->endpoint, f->words);
    if (rc == TU_OK) /* its time was up */
        feed_wait(f, 0, true);
    else
        scope_failed(s, f, &error, true);
}

/* --- the loop ------------------------------------------------------------------------------ */

static bool scope_feeds(scope *s, const cJSON *namespaces) {
    int n = cJSON_GetArraySize(namespaces);
    bool all = n == 0 || !s->resource->namespaced;
    s->n = all ? 1 : (size_t)n;
    s->feeds = calloc(s->n, sizeof(*s->feeds));
    if (!s->feeds)
        return false;
    for (size_t i = 0; i < s->n; i++) {
        const cJSON *name = all ? NULL : cJSON_GetArrayItem(namespaces, (int)i);
        s->feeds[i].of = s;
        s->feeds[i].namespace_ = strdup(cJSON_IsString(name) ? name->valuestring : "");
        if (!s->feeds[i].namespace_)
            return false;
        kube_resource_words(s->resource, s->feeds[i].words, sizeof(s->feeds[i].words));
    }
    return true;
}

/* The first version of a kind of the environment that is served. */
static tu_rc environment_find(scope *s, kube_error *error) {
    const kube_environment_kind *kind = &kube_environment_kinds[s->environment];
    tu_rc rc = TU_ENOTFOUND;
    for (size_t i = 0; kind->versions[i] && rc == TU_ENOTFOUND; i++)
        rc = kube_resource_find(s->in->k, s->in->call, kube_str(kind->group),
                                kube_str(kind->versions[i]), kube_str(kind->kind), &s->resource,
                                error);
    return rc;
}

static tu_rc scope_find(scope *s, kube_error *error) {
    if (s->environment >= 0)
        return environment_find(s, error);
    return kube_resource_find(s->in->k, s->in->call,
                              kube_str(kube_member_string(s->wanted, "group")),
                              kube_str(kube_member_string(s->wanted, "version")),
                              kube_str(kube_member_string(s->wanted, "kind")), &s->resource, error);
}

/* Finds the scope's resource. What is not served, or can't be asked for, is LOST; a watch looks
 * again. */
static tu_rc scope_open(collection *c, scope *s, kube_error *error) {
    tu_rc rc = scope_find(s, error);
    if (rc == TU_OK && !kube_resource_can(s->resource, "list"))
        rc = kube_error_set(error, TU_EUNSUPPORTED, "not-listable", "%s can't list %s",
                            c->k->endpoint, s->resource->resource);
    if (rc == TU_OK && c->watch && !kube_resource_can(s->resource, "watch"))
        rc = kube_error_set(error, TU_EUNSUPPORTED, "not-watchable", "%s can't watch %s",
                            c->k->endpoint, s->resource->resource);
    if (rc == TU_ECANCELLED || rc == TU_EINTERNAL)
        return rc;
    if (rc == TU_OK)
        return scope_feeds(s, cJSON_GetObjectItemCaseSensitive(s->wanted, "namespaces"))
                   ? TU_OK
                   : kube_error_set(error, TU_EINTERNAL, "memory", "out of memory");
    if (s->environment >= 0) {
        environment_absent(s, error);
        return TU_OK;
    }
    emit_lost(s, error);
    s->finished = !c->watch || rc == TU_EUNSUPPORTED;
    s->open_at_ms = kube_now_ms() + backoff_ms(c, ++s->attempts + 2, error->retry_after_ms);
    return c->stop;
}

/* Starts what is due. Returns when something is due next, below 0: nothing. */
static int64_t drive(collection *c) {
    int64_t now = kube_now_ms(), next = -1;
    if (c->with_environment && c->stop == TU_OK) {
        next = kube_environment_drive(&c->environment, now);
        c->stop = kube_environment_tell(&c->environment);
    }
    for (size_t i = 0; i < c->n && c->stop == TU_OK; i++) {
        scope *s = &c->scopes[i];
        if (!s->feeds && !s->finished) {
            kube_error error;
            tu_rc rc = s->open_at_ms <= now ? scope_open(c, s, &error) : TU_OK;
            if (rc != TU_OK)
                c->stop = rc;
            if (!s->feeds && (next < 0 || s->open_at_ms < next))
                next = s->open_at_ms;
        }
        for (size_t j = 0; j < s->n && !s->finished && c->stop == TU_OK; j++) {
            feed *f = &s->feeds[j];
            bool due = f->state == FEED_WAITING && f->at_ms <= now;
            if (due && f->resume)
                feed_watch(f);
            else if ((due || f->state == FEED_IDLE) && c->listing < LISTS_AT_ONCE)
                feed_list(f);
            else if (f->state == FEED_WATCHING && now - f->at_ms > SILENCE_MS) {
                feed_stop(f);
                feed_watch(f);
            }
            int64_t at = f->state == FEED_WAITING    ? f->at_ms
                         : f->state == FEED_WATCHING ? f->at_ms + SILENCE_MS
                                                     : -1;
            if (at >= 0 && (next < 0 || at < next))
                next = at;
        }
    }
    return next;
}

static bool all_finished(const collection *c) {
    if (c->with_environment && !c->environment.told[0] &&
        !kube_environment_settled(&c->environment))
        return false;
    for (size_t i = 0; i < c->n; i++)
        if (!c->scopes[i].finished)
            return false;
    return true;
}

static void collection_done(collection *c) {
    if (c->with_environment)
        kube_environment_done(&c->environment);
    for (size_t i = 0; i < c->n; i++) {
        scope *s = &c->scopes[i];
        for (size_t j = 0; j < s->n && s->feeds; j++) {
            feed *f = &s->feeds[j];
            if (c->session)
                kube_session_stop(c->session, &f->transfer);
            kube_transfer_done(&f->transfer);
            kube_scan_done(&f->scan);
            kube_text_done(&f->more);
            kube_text_done(&f->path);
            free(f->namespace_);
        }
        free(s->feeds);
    }
    free(c->scopes);
    kube_session_close(c->session);
}

static tu_rc add_scope(collection *c, const cJSON *wanted, int environment, kube_error *error) {
    scope *s = &c->scopes[c->n];
    *s = (scope){.in = c, .index = (uint32_t)c->n, .wanted = wanted, .environment = environment};
    c->n++;
    return scope_open(c, s, error);
}

static tu_rc run(collection *c, const cJSON *wanted, kube_error *error) {
    const cJSON *scopes = cJSON_GetObjectItemCaseSensitive(wanted, "scopes"), *entry;
    c->list_metadata = strcmp(kube_member_string(wanted, "detail"), "metadata") == 0;
    c->watch_metadata = strcmp(kube_member_string(wanted, "watchDetail"), "metadata") == 0;
    c->session = kube_session_open(c->k);
    c->scopes =
        calloc((size_t)cJSON_GetArraySize(scopes) + KUBE_ENVIRONMENT_KINDS + 1, sizeof(*c->scopes));
    if (!c->session || !c->scopes)
        return kube_error_set(error, TU_EINTERNAL, "memory", "out of memory");
    tu_rc rc = TU_OK;
    cJSON_ArrayForEach(entry, scopes) {
        if ((rc = add_scope(c, entry, -1, error)) != TU_OK)
            return rc;
    }
    c->with_environment = kube_member_true(wanted, "environment");
    if (c->with_environment)
        kube_environment_begin(&c->environment, c->k, c->call, c->session);
    for (unsigned i = 0; c->with_environment && i < KUBE_ENVIRONMENT_KINDS; i++)
        if ((rc = add_scope(c, NULL, (int)i, error)) != TU_OK)
            return rc;
    /* a watch of which nothing is left still runs until it is cancelled, as the contract says */
    while (c->stop == TU_OK && (c->watch || !all_finished(c))) {
        int64_t next = drive(c);
        if (c->stop != TU_OK || (!c->watch && all_finished(c)))
            break;
        rc = kube_session_step(c->session, c->call, next, error);
        if (rc != TU_OK)
            return rc;
    }
    if (c->stop == TU_OK && c->with_environment)
        c->stop = kube_environment_tell(&c->environment);
    if (c->stop != TU_OK)
        kube_error_set(error, c->stop, c->stop == TU_ECANCELLED ? "cancelled" : "stopped",
                       "stopped");
    return c->stop;
}

tu_rc kube_collect(tu_instance *k, tu_call *call, tu_str selector, bool watch, kube_error *error) {
    cJSON *wanted = cJSON_ParseWithLength(selector.p, selector.n);
    if (!wanted)
        return kube_error_set(error, TU_EINVALID, "selector", "the selector is not JSON");
    collection c = {.k = k, .call = call, .watch = watch};
    tu_rc rc = run(&c, wanted, error);
    collection_done(&c);
    cJSON_Delete(wanted);
    return rc;
}
