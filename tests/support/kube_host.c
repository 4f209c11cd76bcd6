/* kube_host.c: see kube_host.h. */
#include "kube_host.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void host_log(tu_call *c, int32_t level, tu_str message, tu_str fields) {
    (void)level, (void)fields;
    pthread_mutex_lock(&c->lock);
    size_t n = strlen(c->log);
    snprintf(c->log + n, sizeof(c->log) - n, "%.*s\n", (int)message.n, message.p);
    pthread_mutex_unlock(&c->lock);
}

static tu_rc host_fail(tu_call *c, tu_rc rc, uint32_t retry_after_ms, tu_str code, tu_str message) {
    if (c->code[0])
        return rc;
    c->retry_after_ms = retry_after_ms;
    snprintf(c->code, sizeof(c->code), "%.*s", (int)code.n, code.p);
    snprintf(c->message, sizeof(c->message), "%.*s", (int)message.n, message.p);
    return rc;
}

static tu_rc host_emit(tu_call *c, uint32_t record, uint32_t index, tu_str meta, tu_str body) {
    pthread_mutex_lock(&c->lock);
    bool *open = &c->open[index % 64];
    if (record == TU_REC_BEGIN)
        *open = true;
    if (record == TU_REC_LOST)
        *open = false;
    if (record == TU_REC_END && !*open)
        c->faults++;
    if (record == TU_REC_OBJECT) {
        c->objects++;
        c->bytes += body.n;
    }
    if (!c->count_only || record != TU_REC_OBJECT) {
        kube_record *grown = realloc(c->records, (c->n + 1) * sizeof(*grown));
        if (!grown)
            abort();
        c->records = grown;
        c->records[c->n++] = (kube_record){record, index, strndup(meta.p ? meta.p : "", meta.n),
                                           strndup(body.p ? body.p : "", body.n)};
        pthread_cond_broadcast(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
    return TU_OK;
}

static int32_t host_cancelled(const tu_call *c) {
    return __atomic_load_n(&c->cancelled, __ATOMIC_ACQUIRE);
}
static int32_t host_cancel_fd(const tu_call *c) {
    return c->cancel_fds[0];
}
static int64_t host_deadline(const tu_call *c) {
    return c->deadline_ms;
}
static tu_rc host_secret(tu_call *c, tu_str handle, void (*use)(void *, tu_str), void *arg) {
    (void)c, (void)handle, (void)use, (void)arg;
    return TU_ENOTFOUND;
}
static tu_str host_scratch(tu_call *c) {
    return (tu_str){c->scratch, strlen(c->scratch)};
}
static const void *host_extension(const char *id) {
    (void)id;
    return NULL;
}

static const tu_host host = {.size = sizeof(host),
                             .abi_minor = TU_ABI_MINOR,
                             .log = host_log,
                             .fail = host_fail,
                             .emit = host_emit,
                             .cancelled = host_cancelled,
                             .cancel_fd = host_cancel_fd,
                             .deadline_ms = host_deadline,
                             .secret = host_secret,
                             .scratch = host_scratch,
                             .extension = host_extension};

bool kube_plugin_open(kube_plugin *p, tu_call *c, const char *config) {
    const char *folder = getenv("TRUEUP_PLUGIN_PATH");
    char path[4096];
    snprintf(path, sizeof(path), "%s/target-kubernetes.so", folder ? folder : "build/dev/plugins");
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module) {
        fprintf(stderr, "%s\n", dlerror());
        abort();
    }
    const tu_plugin *(*entry)(void);
    void *symbol = dlsym(module, "trueup_plugin_v1");
    memcpy(&entry, &symbol, sizeof(entry));
    p->descriptor = entry();
    p->target = p->descriptor->vtable("trueup.target/1");
    p->instance = NULL;
    c->rc = p->target->common->create(&host, c, (tu_str){config, strlen(config)}, &p->instance);
    return c->rc == TU_OK;
}

void kube_plugin_close(kube_plugin *p) {
    p->target->common->destroy(p->instance);
    p->instance = NULL;
}

void kube_call_init(tu_call *c) {
    memset(c, 0, sizeof(*c));
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    c->deadline_ms = -1;
    c->scratch = "";
    if (pipe(c->cancel_fds) != 0)
        abort();
}

void kube_call_clear(tu_call *c) {
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->n; i++) {
        free(c->records[i].meta);
        free(c->records[i].body);
    }
    free(c->records);
    c->records = NULL;
    c->n = c->objects = c->bytes = c->faults = 0;
    c->code[0] = c->message[0] = c->log[0] = '\0';
    memset(c->open, 0, sizeof(c->open));
    pthread_mutex_unlock(&c->lock);
}

void kube_call_done(tu_call *c) {
    kube_call_clear(c);
    close(c->cancel_fds[0]);
    close(c->cancel_fds[1]);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
}

void kube_call_cancel(tu_call *c) {
    __atomic_store_n(&c->cancelled, true, __ATOMIC_RELEASE);
    if (write(c->cancel_fds[1], "x", 1) != 1)
        abort();
}

static size_t count(const tu_call *c, uint32_t record) {
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        n += c->records[i].record == record;
    return n;
}

size_t kube_call_count(tu_call *c, uint32_t record) {
    pthread_mutex_lock(&c->lock);
    size_t n = count(c, record);
    pthread_mutex_unlock(&c->lock);
    return n;
}

bool kube_call_wait(tu_call *c, uint32_t record, size_t n) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&c->lock);
    int timed_out = 0;
    while (!timed_out && count(c, record) < n)
        timed_out = pthread_cond_timedwait(&c->changed, &c->lock, &until);
    bool reached = count(c, record) >= n;
    pthread_mutex_unlock(&c->lock);
    return reached;
}

const kube_record *kube_call_find(tu_call *c, uint32_t record, const char *needle) {
    const kube_record *found = NULL;
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->n; i++)
        if (c->records[i].record == record &&
            (strstr(c->records[i].meta, needle) || strstr(c->records[i].body, needle)))
            found = &c->records[i];
    pthread_mutex_unlock(&c->lock);
    return found;
}
