/*
 * source-directory: desired state from a folder (or a single file) on this machine.
 *
 * The revision is a digest of what the files say, not of when they were touched: SHA-256 over path,
 * type and content digest of every file, in byte order of the paths. To be cheap enough for
 * polling, content digests are kept with the file's stat and reused while it stays the same; a file
 * that changed in the second before it was read is not trusted (the clock of file times is coarse,
 * so a later write could leave the same time: git calls that "racily clean").
 *
 * fetch() goes through the same walk, so the digest it ends with is that of the very bytes it
 * emitted; when that isn't the revision asked for, somebody wrote meanwhile and it fails with
 * TU_ECONFLICT.
 *
 * Links are named, never followed. A file that can't be read fails the fetch: leaving it out would
 * read as "delete its objects".
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/call.h"
#include "common/tree_watch.h"
#include "common/walk.h"
#include "common/yaml_json.h"

#define FILE_BYTES (16u * 1024u * 1024u)
#define TREE_FILES 100000u
#define TREE_BYTES (512ull * 1024u * 1024u)
#define RACY_NS 1000000000ll
#define DIGEST 32u

typedef struct known {
    char *path;
    struct stat at;
    int64_t read_ns; /* CLOCK_REALTIME when it was read */
    uint8_t digest[DIGEST];
} known;

typedef struct known_list { /* sorted by path, because walks are */
    known *items;
    size_t n, capacity;
} known_list;

struct tu_instance {
    const tu_host *host;
    char *path;
    pthread_mutex_t lock; /* resolve and fetch may run beside each other */
    known_list known;
};

static void known_done(known_list *list) {
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i].path);
    free(list->items);
    *list = (known_list){0};
}

static void destroy(tu_instance *i) {
    if (!i)
        return;
    known_done(&i->known);
    pthread_mutex_destroy(&i->lock);
    free(i->path);
    free(i);
}

static tu_rc create(const tu_host *h, tu_call *c, tu_str config, tu_instance **out) {
    cJSON *settings = call_read_object(h, c, config, "the configuration");
    if (!settings)
        return TU_EINVALID;
    const char *path = manifest_string(settings, "path");
    tu_instance *i = calloc(1, sizeof *i);
    if (i) {
        i->host = h;
        i->path = strdup(path);
        pthread_mutex_init(&i->lock, NULL);
    }
    cJSON_Delete(settings);
    if (!i || !i->path) {
        destroy(i);
        return call_fail(h, c, TU_EINTERNAL, NULL, "out of memory");
    }
    *out = i;
    return TU_OK;
}

/* --- one walk -------------------------------------------------------------------------------- */

typedef struct pass {
    tu_instance *i;
    tu_call *c;
    const char *emit_under; /* NULL: nothing is emitted; "": everything */
    EVP_MD_CTX *digest;
    known_list seen;
    size_t looked_up; /* how far i->known has been searched */
    size_t files;
    uint64_t bytes;
    bool found; /* something stands under emit_under */
    tu_rc rc;   /* why the walk was stopped */
} pass;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mode == b->st_mode && memcmp(&a->st_mtim, &b->st_mtim, sizeof a->st_mtim) == 0 &&
           memcmp(&a->st_ctim, &b->st_ctim, sizeof a->st_ctim) == 0;
}

static const known *look_up(pass *p, const char *path, const struct stat *at) {
    const known_list *list = &p->i->known;
    while (p->looked_up < list->n && strcmp(list->items[p->looked_up].path, path) < 0)
        p->looked_up++;
    if (p->looked_up == list->n)
        return NULL;
    const known *k = &list->items[p->looked_up];
    int64_t changed = (int64_t)at->st_ctim.tv_sec * 1000000000 + at->st_ctim.tv_nsec;
    bool trusted = k->read_ns - changed > RACY_NS;
    return strcmp(k->path, path) == 0 && trusted && same_file(&k->at, at) ? k : NULL;
}

static bool remember(pass *p, const char *path, const struct stat *at, int64_t read_ns,
                     const uint8_t digest[DIGEST]) {
    if (p->seen.n == p->seen.capacity) {
        size_t capacity = p->seen.capacity ? p->seen.capacity * 2 : 64;
        known *grown = realloc(p->seen.items, capacity * sizeof *grown);
        if (!grown)
            return false;
        p->seen.items = grown;
        p->seen.capacity = capacity;
    }
    known *k = &p->seen.items[p->seen.n];
    *k = (known){.path = strdup(path), .at = *at, .read_ns = read_ns};
    memcpy(k->digest, digest, DIGEST);
    p->seen.n += k->path != NULL;
    return k->path != NULL;
}

static bool is_under(const char *path, const char *folder) {
    size_t n = strlen(folder);
    return n == 0 || (strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

static int stop(pass *p, tu_rc rc) {
    p->rc = rc;
    return 1;
}

static int stop_at_file(pass *p, const char *path, int error) {
    const tu_host *h = p->i->host;
    if (error == EFBIG)
        return stop(p, call_fail(h, p->c, TU_EINVALID, "file-too-large",
                                 "%s/%s is larger than %u MiB: name the folder of the manifests "
                                 "alone, or set the rule's path to it",
                                 p->i->path, path, FILE_BYTES >> 20));
    return stop(p, call_fail(h, p->c, call_class_of_errno(error), "unreadable",
                             "can't read %s/%s: %s", p->i->path, path, strerror(error)));
}

static tu_rc emit_entry(pass *p, const char *path, const char *mode, tu_str body) {
    cJSON *meta = cJSON_CreateObject();
    cJSON_AddStringToObject(meta, "path", path);
    cJSON_AddStringToObject(meta, "mode", mode);
    return call_emit(p->i->host, p->c, TU_REC_ENTRY, 0, meta, body);
}

static void add_to_digest(pass *p, char type, const char *path, const uint8_t *digest) {
    EVP_DigestUpdate(p->digest, &type, 1);
    EVP_DigestUpdate(p->digest, path, strlen(path) + 1);
    if (digest)
        EVP_DigestUpdate(p->digest, digest, DIGEST);
}

static int visit_file(pass *p, const walk_entry *e, bool wanted) {
    uint8_t digest[DIGEST];
    const known *k = wanted ? NULL : look_up(p, e->path, e->at);
    bool executable = e->at->st_mode & S_IXUSR;
    if (k) {
        memcpy(digest, k->digest, DIGEST);
        if (!remember(p, e->path, &k->at, k->read_ns, digest))
            return stop_at_file(p, e->path, ENOMEM);
    } else {
        char *bytes = NULL;
        size_t n = 0;
        struct stat at;
        int64_t read_ns = now_ns();
        int error = walk_read(e->folder, e->name, FILE_BYTES, &bytes, &n, &at);
        if (error == ENOENT ||
            error == ELOOP) /* it went away, or became a link, since the folder was read */
            return 0;
        if (error)
            return stop_at_file(p, e->path, error);
        EVP_Digest(bytes, n, digest, NULL, EVP_sha256(), NULL);
        tu_rc rc = wanted ? emit_entry(p, e->path, executable ? "exec" : "file", (tu_str){bytes, n})
                          : TU_OK;
        free(bytes);
        if (rc != TU_OK)
            return stop(p, rc);
        if (!remember(p, e->path, &at, read_ns, digest))
            return stop_at_file(p, e->path, ENOMEM);
        if (wanted)
            p->bytes += n;
    }
    add_to_digest(p, executable ? 'x' : 'f', e->path, digest);
    return 0;
}

static int visit(void *arg, const walk_entry *e) {
    pass *p = arg;
    const tu_host *h = p->i->host;
    if (h->cancelled(p->c))
        return stop(p, call_fail(h, p->c, TU_ECANCELLED, NULL, "stopped"));
    if (!manifest_is_utf8(manifest_str(e->path)))
        return stop(p, call_fail(h, p->c, TU_EINVALID, "bad-name",
                                 "a file name under %s is not UTF-8: rename it", p->i->path));
    if (++p->files > TREE_FILES)
        return stop(p, call_fail(h, p->c, TU_EINVALID, "too-many-files",
                                 "more than %u files under %s: name a smaller folder", TREE_FILES,
                                 p->i->path));
    bool wanted = p->emit_under && is_under(e->path, p->emit_under);
    p->found = p->found || wanted;
    if (S_ISLNK(e->at->st_mode)) {
        add_to_digest(p, 'l', e->path, NULL);
        tu_rc rc = wanted ? emit_entry(p, e->path, "symlink", (tu_str){0}) : TU_OK;
        return rc == TU_OK ? 0 : stop(p, rc);
    }
    if (visit_file(p, e, wanted) != 0)
        return 1;
    if (p->bytes > TREE_BYTES)
        return stop(p, call_fail(h, p->c, TU_EINVALID, "too-large",
                                 "the files under %s are larger than %llu MiB in all", p->i->path,
                                 TREE_BYTES >> 20));
    return 0;
}

/* The path may name one file. It may be a link then: what the user names is what they mean. */
static tu_rc walk_single(pass *p, const struct stat *at) {
    const char *slash = strrchr(p->i->path, '/');
    char *real = realpath(p->i->path, NULL);
    char *name = real ? strrchr(real, '/') : NULL;
    if (!name) {
        int error = errno;
        free(real);
        return call_fail(p->i->host, p->c, call_class_of_errno(error), NULL, "can't look at %s: %s",
                         p->i->path, strerror(error));
    }
    *name++ = '\0';
    tu_rc rc = TU_OK;
    int folder = open(*real ? real : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        rc = call_fail(p->i->host, p->c, call_class_of_errno(errno), NULL,
                       "can't open the folder of %s: %s", p->i->path, strerror(errno));
    else if (visit(p, &(walk_entry){slash ? slash + 1 : p->i->path, name, folder, at}) != 0)
        rc = p->rc;
    if (folder >= 0)
        close(folder);
    free(real);
    return rc;
}

static tu_rc walk_root(pass *p) {
    tu_instance *i = p->i;
    const tu_host *h = i->host;
    int fd = open(i->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return call_fail(h, p->c, call_class_of_errno(errno), "no-folder", "can't open %s: %s",
                         i->path, strerror(errno));
    struct stat at;
    tu_rc rc = TU_OK;
    if (fstat(fd, &at) != 0) {
        rc = call_fail(h, p->c, call_class_of_errno(errno), NULL, "can't look at %s: %s", i->path,
                       strerror(errno));
    } else if (S_ISREG(at.st_mode)) {
        rc = walk_single(p, &at);
    } else if (!S_ISDIR(at.st_mode)) {
        rc = call_fail(h, p->c, TU_EINVALID, NULL, "%s is neither a folder nor a file", i->path);
    } else {
        walk_problem problem;
        int stopped = walk_tree(fd, &(walk_options){.hidden = true}, visit, p, &problem);
        if (stopped > 0)
            rc = p->rc;
        else if (stopped < 0)
            rc = call_fail(h, p->c, call_class_of_errno(problem.error), "unreadable",
                           "can't read %s/%s: %s", i->path, problem.path, strerror(problem.error));
    }
    close(fd);
    return rc;
}

/* ret_revision: 2 * DIGEST + 1 bytes. */
static tu_rc run_pass(tu_instance *i, tu_call *c, const char *emit_under, char *ret_revision,
                      bool *ret_found) {
    pass p = {.i = i, .c = c, .emit_under = emit_under, .digest = EVP_MD_CTX_new()};
    if (!p.digest || EVP_DigestInit_ex(p.digest, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(p.digest);
        return call_fail(i->host, c, TU_EINTERNAL, NULL, "out of memory");
    }
    pthread_mutex_lock(&i->lock);
    tu_rc rc = walk_root(&p);
    if (rc == TU_OK) {
        known_done(&i->known);
        i->known = p.seen;
        p.seen = (known_list){0};
    }
    pthread_mutex_unlock(&i->lock);
    known_done(&p.seen);
    uint8_t digest[DIGEST];
    EVP_DigestFinal_ex(p.digest, digest, NULL);
    EVP_MD_CTX_free(p.digest);
    for (size_t k = 0; k < DIGEST; k++)
        snprintf(ret_revision + 2 * k, 3, "%02x", digest[k]);
    if (ret_found)
        *ret_found = p.found;
    return rc;
}

/* --- calls ----------------------------------------------------------------------------------- */

static tu_rc resolve(tu_instance *i, tu_call *c) {
    char revision[2 * DIGEST + 1];
    tu_rc rc = run_pass(i, c, NULL, revision, NULL);
    if (rc != TU_OK)
        return rc;
    cJSON *meta = cJSON_CreateObject();
    cJSON_AddStringToObject(meta, "revision", revision);
    cJSON_AddStringToObject(meta, "ref", i->path);
    return call_emit(i->host, c, TU_REC_REVISION, 0, meta, (tu_str){0});
}

static tu_rc fetch(tu_instance *i, tu_call *c, tu_str revision, tu_str path) {
    while (path.n && path.p[path.n - 1] == '/')
        path.n--;
    char *under = strndup(path.n ? path.p : "", path.n);
    if (!under)
        return call_fail(i->host, c, TU_EINTERNAL, NULL, "out of memory");
    char now[2 * DIGEST + 1];
    bool found = false;
    tu_rc rc = run_pass(i, c, strcmp(under, ".") == 0 ? "" : under, now, &found);
    if (rc == TU_OK && !found && path.n && strcmp(under, ".") != 0)
        rc = call_fail(i->host, c, TU_ENOTFOUND, "no-path", "there is no %s in %s", under, i->path);
    if (rc == TU_OK && revision.n &&
        (revision.n != strlen(now) || memcmp(revision.p, now, revision.n) != 0))
        rc = call_fail(i->host, c, TU_ECONFLICT, "changed", "%s was changed while it was read",
                       i->path);
    free(under);
    return rc;
}

static tu_rc watch(tu_instance *i, tu_call *c) {
    const tu_host *h = i->host;
    tree_watch *w = tree_watch_new(i->path);
    if (!w)
        return call_fail(h, c, TU_EUNAVAILABLE, "inotify",
                         "can't watch %s: %s (fs.inotify.max_user_instances?)", i->path,
                         strerror(errno));
    /* What happened before the watch stood may have gone unseen. */
    tu_rc rc = call_emit(h, c, TU_REC_CHANGED, 0, cJSON_CreateObject(), (tu_str){0});
    while (rc == TU_OK) {
        tree_watch_result result = tree_watch_wait(w, h->cancel_fd(c), -1);
        if (result == TREE_WATCH_CANCELLED)
            rc = call_fail(h, c, TU_ECANCELLED, NULL, "stopped");
        else if (result == TREE_WATCH_CHANGED)
            rc = call_emit(h, c, TU_REC_CHANGED, 0, cJSON_CreateObject(), (tu_str){0});
        else if (result == TREE_WATCH_FAILED)
            rc = call_fail(h, c, TU_EUNAVAILABLE, "inotify", "watching %s broke: %s", i->path,
                           strerror(errno));
    }
    tree_watch_free(w);
    return rc;
}

static tu_rc probe(tu_instance *i, tu_call *c) {
    if (access(i->path, R_OK) == 0)
        return TU_OK;
    return call_fail(i->host, c, call_class_of_errno(errno), "no-folder", "can't open %s: %s",
                     i->path, strerror(errno));
}

static const tu_common common = {
    .size = sizeof common, .create = create, .destroy = destroy, .probe = probe};
static const tu_source source = {
    .size = sizeof source, .common = &common, .resolve = resolve, .fetch = fetch, .watch = watch};

static const void *vtable(const char *id) {
    return strcmp(id, "trueup.source/1") == 0 ? &source : NULL;
}

static const tu_plugin descriptor = {
    .size = sizeof descriptor,
    .abi_minor = TU_ABI_MINOR,
    .thread_model = TU_THREADS_PARALLEL,
    .id = "dev.trueup.source-directory",
    .version = TRUEUP_VERSION,
    .license = "Apache-2.0",
    .summary = "desired state from a folder or file on this machine",
    .url = "https://trueup.dev",
    .config_schema =
        "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"path\"],"
        "\"properties\":{"
        "\"path\":{\"type\":\"string\",\"minLength\":1,\"x-trueup-format\":\"path\","
        "\"description\":\"the folder or file; relative to the configuration file\"}}}",
    .vtable = vtable,
};

const tu_plugin *trueup_plugin_v1(void) {
    return &descriptor;
}
