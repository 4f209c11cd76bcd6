/*
 * git/driver.c: makes one call to source-git and prints every record as one line of JSON.
 *
 *     git_driver [OPTION...] CONFIG resolve|probe|fetch [REVISION [PATH]]
 *       --plugin FILE       the module                       --scratch DIR    none without it
 *       --deadline MS       from the call's begin            --cancel-after N cancel at the N-th
 * record
 *       --twice             two instances make the call at the same time, in two threads
 *
 * A small host of its own, so that a test can cancel at an exact record and see the plugin's words
 * unchanged. SIGUSR1 cancels too. A secret's handle is the name of an environment variable. Exit
 * status: 0, or 1 when the call failed (the last line says how).
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <trueup/plugin.h>
#include <unistd.h>

struct tu_call {
    int64_t deadline_ms;
    long records;
    int failed;
};

static const char *scratch_folder = "";
static long cancel_after = -1;
static int cancel_pipe[2];
static atomic_int is_cancelled;
static pthread_mutex_t print_lock = PTHREAD_MUTEX_INITIALIZER;

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void cancel(int signal) {
    (void)signal;
    atomic_store(&is_cancelled, 1);
    ssize_t n = write(cancel_pipe[1], "x", 1);
    (void)n;
}

static void print_text(tu_str s) {
    putchar('"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\') {
            printf("\\%c", c);
        } else if (c < 0x20) {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

static void host_log(tu_call *c, int32_t level, tu_str message, tu_str fields) {
    (void)c;
    (void)fields;
    pthread_mutex_lock(&print_lock);
    printf("{\"log\":%d,\"message\":", level);
    print_text(message);
    puts("}");
    pthread_mutex_unlock(&print_lock);
}

static tu_rc host_fail(tu_call *c, tu_rc rc, uint32_t retry_after_ms, tu_str code, tu_str message) {
    (void)retry_after_ms;
    static const char *const names[] = {
        "ok",      "invalid",   "denied",      "notfound",  "conflict", "unavailable", "throttled",
        "timeout", "cancelled", "unsupported", "integrity", "internal", "refused"};
    pthread_mutex_lock(&print_lock);
    printf("{\"failed\":\"%s\",\"code\":", rc <= 0 && rc >= -12 ? names[-rc] : "?");
    print_text(code);
    fputs(",\"message\":", stdout);
    print_text(message);
    puts("}");
    pthread_mutex_unlock(&print_lock);
    c->failed = 1;
    return rc;
}

static tu_rc host_emit(tu_call *c, uint32_t record, uint32_t index, tu_str meta, tu_str body) {
    (void)index;
    static const char *const names[] = {"?", "revision", "entry", "changed", "progress"};
    pthread_mutex_lock(&print_lock);
    printf("{\"record\":\"%s\",\"meta\":%.*s,\"bytes\":%zu", record < 5 ? names[record] : "?",
           (int)meta.n, meta.p, body.n);
    if (body.n > 0 && body.n <= 200) {
        fputs(",\"body\":", stdout);
        print_text(body);
    }
    puts("}");
    fflush(stdout);
    pthread_mutex_unlock(&print_lock);
    if (++c->records == cancel_after) {
        cancel(0);
    }
    return TU_OK;
}

static int32_t host_cancelled(const tu_call *c) {
    (void)c;
    return atomic_load(&is_cancelled);
}

static int32_t host_cancel_fd(const tu_call *c) {
    (void)c;
    return cancel_pipe[0];
}

static int64_t host_deadline(const tu_call *c) {
    return c->deadline_ms;
}

static tu_rc host_secret(tu_call *c, tu_str handle, void (*use)(void *arg, tu_str value),
                         void *arg) {
    (void)c;
    char name[100];
    (void)snprintf(name, sizeof name, "%.*s", (int)handle.n, handle.p);
    const char *value = getenv(name);
    if (value == NULL) {
        return TU_ENOTFOUND;
    }
    use(arg, (tu_str){value, strlen(value)});
    return TU_OK;
}

static tu_str host_scratch(tu_call *c) {
    (void)c;
    return (tu_str){scratch_folder, strlen(scratch_folder)};
}

static const tu_host host = {
    .size = sizeof host,
    .abi_minor = TU_ABI_MINOR,
    .log = host_log,
    .fail = host_fail,
    .emit = host_emit,
    .cancelled = host_cancelled,
    .cancel_fd = host_cancel_fd,
    .deadline_ms = host_deadline,
    .secret = host_secret,
    .scratch = host_scratch,
};

typedef struct job {
    const tu_source *source;
    const char *config, *command, *revision, *path;
    int64_t deadline_ms;
    tu_rc rc;
} job;

static tu_str text(const char *s) {
    return (tu_str){s, strlen(s)};
}

static void *run(void *arg) {
    job *j = arg;
    tu_call call = {.deadline_ms = j->deadline_ms < 0 ? -1 : now_ms() + j->deadline_ms};
    tu_instance *instance = NULL;
    j->rc = j->source->common->create(&host, &call, text(j->config), &instance);
    if (j->rc == TU_OK) {
        j->rc = strcmp(j->command, "resolve") == 0 ? j->source->resolve(instance, &call)
                : strcmp(j->command, "probe") == 0
                    ? j->source->common->probe(instance, &call)
                    : j->source->fetch(instance, &call, text(j->revision), text(j->path));
        j->source->common->destroy(instance);
    }
    if (j->rc != TU_OK && !call.failed) {
        puts("{\"broken\":\"the call failed without saying why\"}");
    }
    return NULL;
}

int main(int argc, char **argv) {
    const char *module = "source-git.so";
    job j = {.deadline_ms = -1, .revision = "", .path = ""};
    int at = 1, twice = 0;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--twice") == 0) {
            twice = 1;
        } else if (strcmp(argv[at], "--plugin") == 0) {
            module = argv[++at];
        } else if (strcmp(argv[at], "--scratch") == 0) {
            scratch_folder = argv[++at];
        } else if (strcmp(argv[at], "--deadline") == 0) {
            j.deadline_ms = strtol(argv[++at], NULL, 10);
        } else if (strcmp(argv[at], "--cancel-after") == 0) {
            cancel_after = strtol(argv[++at], NULL, 10);
        }
    }
    void *library = dlopen(module, RTLD_NOW | RTLD_LOCAL);
    if (argc - at < 2 || library == NULL || pipe(cancel_pipe) != 0) {
        fprintf(stderr, "git_driver: %s\n",
                library == NULL ? dlerror() : "CONFIG and a command are missing");
        return 2;
    }
    const tu_plugin *(*entry)(void);
    *(void **)&entry = dlsym(library, "trueup_plugin_v1");
    signal(SIGUSR1, cancel);
    j.source = entry()->vtable("trueup.source/1");
    j.config = argv[at];
    j.command = argv[at + 1];
    j.revision = argc - at > 2 ? argv[at + 2] : "";
    j.path = argc - at > 3 ? argv[at + 3] : "";
    job other = j;
    pthread_t thread;
    if (twice && pthread_create(&thread, NULL, run, &other) != 0) {
        return 2;
    }
    run(&j);
    if (twice) {
        pthread_join(thread, NULL);
    }
    return j.rc == TU_OK && other.rc == TU_OK ? 0 : 1;
}
