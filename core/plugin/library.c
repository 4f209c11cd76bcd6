/*
 * plugin/library.c: finds plugin files, maps them, and remembers them for the life of the process.
 *
 *   built-in      search path -> file looked at (elf.c) -> dlopen(path) -> descriptor looked at
 *   third party   file -> copied into a sealed memfd -> hashed and looked at -> dlopen(the memfd)
 * -> descriptor looked at
 *
 * Invariants
 *   - Nothing of a file runs before its bytes were found good: constructors run inside dlopen().
 *   - The bytes that were hashed are the bytes that are mapped: a sealed memfd can't change. Where
 * the kernel forbids executing memfds (vm.memfd_noexec, a security module), the file itself is
 * mapped, but only when nobody else can write to it.
 *   - A memfd stays open for ever: glibc tells libraries apart by name, and a second one under the
 * number of the first would silently be the first.
 *   - Nothing is unloaded: threads, TLS destructors and atexit handlers of a library can't be taken
 * back.
 */
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "plugin/internal.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3 */
#endif
#define ENTRY "trueup_plugin_v1"
#define SCHEMA_ARENA_LIMIT (16u * TU_MIB)

static struct {
    pthread_mutex_t lock; /* also serialises loading */
    tu_library **items;
    size_t n;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void refuse(tu_errors *errors, tu_rc rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void refuse(tu_errors *errors, tu_rc rc, const char *format, ...) {
    tu_error *e = NULL;
    char *text = NULL;
    va_list list;
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0)
        text = NULL;
    va_end(list);
    if (text)
        tu_error_set(&e, rc, "%s", text);
    else
        tu_error_memory(&e);
    free(text);
    tu_errors_add(errors, e);
}

/* --- the bytes -------------------------------------------------------------------------------- */

typedef struct mapped {
    int fd;
    tu_str bytes;
} mapped;

static void unmap(mapped *m) {
    if (m->bytes.n)
        munmap((void *)(uintptr_t)m->bytes.p, m->bytes.n);
    if (m->fd >= 0)
        close(m->fd);
    *m = (mapped){.fd = -1};
}

static bool map_bytes(mapped *m, size_t n) {
    void *p = n ? mmap(NULL, n, PROT_READ, MAP_PRIVATE, m->fd, 0) : NULL;
    if (p == MAP_FAILED)
        return false;
    m->bytes = (tu_str){p, n};
    return true;
}

static const char *kind_of_file(mode_t mode) {
    return S_ISDIR(mode)    ? "a directory"
           : S_ISFIFO(mode) ? "a pipe"
           : S_ISSOCK(mode) ? "a socket"
                            : "a device";
}

/* O_NONBLOCK: opening a pipe must not wait for a writer. */
static int open_regular(const char *path, struct stat *status, tu_errors *errors) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, status) != 0) {
        refuse(errors, errno == ENOENT ? TU_ENOTFOUND : TU_EDENIED, "%s can't be opened: %s", path,
               strerrordesc_np(errno));
    } else if (!S_ISREG(status->st_mode)) {
        refuse(errors, TU_EINVALID, "%s is %s, not a file", path, kind_of_file(status->st_mode));
    } else if (status->st_size > (off_t)TU_LIMIT_PLUGIN_BYTES) {
        refuse(errors, TU_EINVALID, "%s exceeds TU_LIMIT_PLUGIN_BYTES (%u bytes)", path,
               TU_LIMIT_PLUGIN_BYTES);
    } else {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool may_execute(int fd) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    if (page == MAP_FAILED)
        return false;
    munmap(page, 4096);
    return true;
}

/* A sealed copy of size bytes of fd. Below 0: -1 the file changed meanwhile, -2 memfds can't be had
 * or executed here. */
static int seal_copy(int fd, off_t size) {
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int copy = memfd_create("trueup-plugin", flags | MFD_EXEC);
    if (copy < 0 && errno == EINVAL) /* before Linux 6.3 all memfds are executable */
        copy = memfd_create("trueup-plugin", flags);
    if (copy < 0)
        return -2;
    for (off_t left = size; left > 0;) {
        ssize_t n = sendfile(copy, fd, NULL, (size_t)left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            close(copy);
            return -1;
        }
        left -= n;
    }
    if (fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0 ||
        (size > 0 && !may_execute(copy))) {
        close(copy);
        return -2;
    }
    return copy;
}

static bool only_we_write(const struct stat *s) {
    return (s->st_uid == 0 || s->st_uid == geteuid()) && !(s->st_mode & (S_IWGRP | S_IWOTH));
}

/* Without a memfd, the file is trusted to stay as it is when nobody but us and root can change it
 * or its folder. */
static bool is_safe_as_it_is(const char *path, const struct stat *status) {
    struct stat folder;
    _cleanup_(tu_freep) char *real = realpath(path, NULL);
    if (!real)
        return false;
    *strrchr(real, '/') = '\0';
    return only_we_write(status) && stat(*real ? real : "/", &folder) == 0 &&
           only_we_write(&folder);
}

/* What will be mapped: a sealed copy, or the file itself. */
static bool open_sealed(const char *path, mapped *ret, tu_errors *errors) {
    struct stat status;
    int fd = open_regular(path, &status, errors), copy;
    if (fd < 0)
        return false;
    copy = seal_copy(fd, status.st_size);
    if (copy >= 0) {
        close(fd);
        fd = copy;
    } else if (copy == -1) {
        refuse(errors, TU_EUNAVAILABLE, "%s changed while it was read", path);
    } else if (!is_safe_as_it_is(path, &status)) {
        refuse(
            errors, TU_EDENIED,
            "%s can't be loaded safely: this system doesn't execute sealed copies, and others can "
            "write to the file or its folder: make both owned by root or this user with mode 0755",
            path);
        copy = -1;
    } else {
        tu_log(
            TU_LOG_WARN,
            "this system doesn't execute sealed copies: the plugin is mapped from its file, which "
            "must not be changed in place",
            "file", path, NULL);
    }
    ret->fd = fd;
    if (copy != -1 && map_bytes(ret, (size_t)status.st_size))
        return true;
    unmap(ret);
    return false;
}

/* --- loading ---------------------------------------------------------------------------------- */

static tu_library *find_loaded(const char *key) {
    for (size_t i = 0; i < registry.n; i++)
        if (!strcmp(registry.items[i]->key, key))
            return registry.items[i];
    return NULL;
}

static tu_library *map_library(const char *path, const char *key, const char *name,
                               tu_errors *errors) {
    tu_library *l;
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *why = dlerror();
        size_t n = strlen(name);
        if (why && !strncmp(why, name, n) && !strncmp(why + n, ": ", 2))
            why += n + 2; /* "/proc/self/fd/7" tells nobody anything */
        refuse(errors, TU_EINVALID, "%s can't be loaded: %s", path, why ? why : "unknown error");
        return NULL;
    }
    l = tu_xcalloc(1, sizeof *l);
    l->path = tu_xstrdup(path);
    l->key = tu_xstrdup(key);
    l->handle = handle;
    l->needles = tu_xmalloc(sizeof *l->needles);
    tu_needles_init(l->needles);
    tu_arena_init(&l->arena, SCHEMA_ARENA_LIMIT);
    registry.items = tu_xrealloc(registry.items, (registry.n + 1) * sizeof(tu_library *));
    registry.items[registry.n++] = l;
    return l;
}

/* A refused library stays mapped, so a second try ends here too and says the same again. */
static const tu_library *verify(tu_library *l, tu_errors *errors) {
    const tu_plugin *(*entry)(void);
    size_t before = errors->n;
    void *symbol;

    if (l->verified)
        return l;
    symbol = dlsym(l->handle, ENTRY);
    if (!symbol) {
        refuse(errors, TU_EINVALID, "%s doesn't export " ENTRY, l->path);
        return NULL;
    }
    memcpy(&entry, &symbol, sizeof entry);
    tu_arena_reset(&l->arena);
    tu_descriptor_check(l, entry(), errors);
    if (errors->n != before)
        return NULL;
    if (l->plugin->thread_model == TU_THREADS_SERIAL)
        l->gate = tu_gate_new();
    l->verified = true;
    return l;
}

static const tu_library *open_builtin_file(const char *path, tu_errors *errors) {
    _cleanup_(tu_freep) char *real = realpath(path, NULL);
    const tu_library *result = NULL;
    tu_library *l;
    struct stat status;
    mapped m = {.fd = -1};
    size_t before = errors->n;

    if (!real) {
        refuse(errors, TU_ENOTFOUND, "%s can't be opened: %s", path, strerrordesc_np(errno));
        return NULL;
    }
    pthread_mutex_lock(&registry.lock);
    l = find_loaded(real);
    if (!l) {
        m.fd = open_regular(real, &status, errors);
        if (m.fd >= 0 && map_bytes(&m, (size_t)status.st_size))
            tu_elf_check(m.bytes, path, errors);
        if (m.fd >= 0 && errors->n == before)
            l = map_library(path, real, real, errors);
        unmap(&m);
    }
    if (l)
        result = verify(l, errors);
    pthread_mutex_unlock(&registry.lock);
    return result;
}

static bool is_digest(tu_str s) {
    size_t digits = 0;
    while (digits < s.n && isxdigit((unsigned char)s.p[digits]))
        digits++;
    return s.n == 64 && digits == 64;
}

static void check_digest(const char *path, const char *hex, tu_str wanted, tu_errors *errors) {
    if (wanted.n == 0)
        return;
    if (!is_digest(wanted))
        refuse(errors, TU_EINVALID, "%s: the configured sha256 is not one: write 64 hex digits",
               path);
    else if (strncasecmp(wanted.p, hex, 64) != 0)
        refuse(errors, TU_EINTEGRITY,
               "%s is not the file that the configuration names: its sha256 is %s, not %.64s", path,
               hex, wanted.p);
}

const tu_library *tu_library_open_file(const char *path, tu_str sha256, tu_errors *errors) {
    mapped m = {.fd = -1};
    uint8_t digest[32];
    char hex[65], key[80], name[32];
    size_t before = errors->n;
    const tu_library *result = NULL;
    tu_library *l = NULL;

    if (!open_sealed(path, &m, errors))
        return NULL;
    tu_sha256(m.bytes, digest);
    tu_hex(digest, sizeof digest, hex);
    check_digest(path, hex, sha256, errors);
    tu_elf_check(m.bytes, path, errors);
    if (errors->n == before) {
        snprintf(key, sizeof key, "sha256:%s", hex);
        snprintf(name, sizeof name, "/proc/self/fd/%d", m.fd);
        pthread_mutex_lock(&registry.lock);
        l = find_loaded(key);
        if (!l) {
            l = map_library(path, key, name, errors);
            if (l)
                m.fd = -1; /* stays open */
        }
        if (l)
            result = verify(l, errors);
        pthread_mutex_unlock(&registry.lock);
    }
    unmap(&m);
    return result;
}

const tu_library *tu_library_open_doc(const tu_plugin_doc *doc, tu_errors *errors) {
    _cleanup_(tu_freep) char *path = tu_beside_config(doc->place.file, doc->path);
    size_t before = errors->n;
    const tu_library *l = tu_library_open_file(path, doc->sha256, errors);
    for (size_t i = before; i < errors->n && doc->place.file; i++) {
        tu_error *e = NULL;
        tu_error_set_at(&e, errors->items[i]->rc, doc->place.file, doc->place.line,
                        doc->place.column, "plugin %.*s: %s", TU_P(doc->name),
                        tu_error_text(errors->items[i]));
        tu_error_free(errors->items[i]);
        errors->items[i] = e;
    }
    return l;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* All reasons in one error. */
static tu_rc join(const tu_errors *errors, tu_error **error) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    for (size_t i = 0; i < errors->n; i++)
        tu_buf_addf(&b, "%s%s", i ? "; " : "", tu_error_text(errors->items[i]));
    return tu_error_set(error, errors->n ? errors->items[0]->rc : TU_EINTERNAL, "%s", tu_buf_c(&b));
}

tu_rc tu_library_open_builtin(tu_plugin_kind kind, tu_str name, const tu_library **ret,
                              tu_error **error) {
    _cleanup_(tu_freep) char *path = tu_search_one(kind, name);
    _cleanup_(tu_errors_done) tu_errors errors = {0};
    const tu_library *l;

    if (!path)
        return tu_search_unknown(kind, name, error);
    l = open_builtin_file(path, &errors);
    if (l && !tu_library_serves(l, kind))
        refuse(&errors, TU_EINVALID, "%s is no %s plugin", path, tu_plugin_kind_name(kind));
    if (errors.n || !l)
        return join(&errors, error);
    *ret = l;
    return TU_OK;
}

void tu_library_list_builtin(const tu_library ***ret, size_t *ret_n, tu_errors *errors) {
    tu_builtins b = tu_search_all();
    const tu_library **list = tu_xcalloc(b.n ? b.n : 1, sizeof(tu_library *));
    size_t n = 0;
    for (size_t i = 0; i < b.n; i++) {
        const tu_library *l = open_builtin_file(b.items[i].path, errors);
        if (l)
            list[n++] = l;
    }
    tu_builtins_done(&b);
    *ret = list;
    *ret_n = n;
}

const tu_plugin *tu_library_descriptor(const tu_library *l) {
    return l->plugin;
}
const char *tu_library_path(const tu_library *l) {
    return l->path;
}
bool tu_library_serves(const tu_library *l, tu_plugin_kind kind) {
    return (unsigned)kind < TU_KIND_COUNT && l->tables[kind];
}

bool tu_library_rate(const tu_library *l, int64_t *ret_messages, int64_t *ret_per_ms) {
    const tu_value *rate = tu_value_get(l->schema, "x-trueup-rate");
    *ret_messages = tu_value_integer(tu_value_get(rate, "messages"), 0);
    *ret_per_ms = tu_value_integer(tu_value_get(rate, "perMs"), 0);
    return rate != NULL;
}
