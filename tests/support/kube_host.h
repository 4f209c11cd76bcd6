/*
 * kube_host.h: a host of one page for the tests of target-kubernetes: loads the module, makes
 * calls, keeps what is emitted.
 *
 * It is stricter than the real one where that finds bugs: records are copied into a log that a test
 * reads, and an OBJECT or END outside BEGIN is counted as a fault.
 */
#ifndef KUBE_HOST_H
#define KUBE_HOST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <trueup/plugin.h>

typedef struct kube_record {
    uint32_t record, index;
    char *meta, *body; /* NUL-terminated */
} kube_record;

struct tu_call {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    kube_record *records;
    size_t n;
    bool count_only;       /* keep no bodies: for benchmarks */
    size_t objects, bytes; /* of OBJECT records */
    size_t faults;         /* OBJECT or END without BEGIN */
    bool open[64];
    bool cancelled;
    int cancel_fds[2];
    int64_t deadline_ms; /* below 0: none */
    const char *scratch; /* "" for none */
    tu_rc rc;            /* of the last call */
    uint32_t retry_after_ms;
    char code[64], message[2048];
    char log[8192];
};

typedef struct kube_plugin {
    const tu_plugin *descriptor;
    const tu_target *target;
    tu_instance *instance;
} kube_plugin;

/* Loads target-kubernetes.so from TRUEUP_PLUGIN_PATH (or build/dev/plugins) and makes an instance.
 * false: c->rc, c->code, c->message say why. */
bool kube_plugin_open(kube_plugin *p, tu_call *c, const char *config);
void kube_plugin_close(kube_plugin *p);

void kube_call_init(tu_call *c);
void kube_call_clear(tu_call *c); /* records and failure away, for the next call */
void kube_call_done(tu_call *c);
void kube_call_cancel(tu_call *c);
/* Waits until the log has `n` records of that kind. false after 60 s. Thread-safe. */
bool kube_call_wait(tu_call *c, uint32_t record, size_t n);
size_t kube_call_count(tu_call *c, uint32_t record);
const kube_record *
kube_call_find(tu_call *c, uint32_t record,
               const char *needle); /* the last whose meta or body has the needle */

#define KUBE_S(text) ((tu_str){(text), strlen(text)})

#endif
