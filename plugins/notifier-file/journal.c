/* notifier-file/journal.c: see journal.h. */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TAIL_BYTES ((off_t)1024 * 1024) /* where a key is looked for */
#define REOPEN_LIMIT 100u               /* rotations that may come between open and lock */
#define LOCK_STEP_MS 20
#define LOCK_WAIT_MS 10000 /* without a deadline of the call's own */
#define FIRST_MEMBER "{\"idempotencyKey\":\""

/* --- errors ----------------------------------------------------------------------------------- */

static tu_rc refuse(journal_error *e, tu_rc rc, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static tu_rc refuse(journal_error *e, tu_rc rc, const char *code, const char *format, ...) {
    va_list list;
    e->rc = rc;
    e->code = code;
    va_start(list, format);
    vsnprintf(e->message, sizeof e->message, format, list);
    va_end(list);
    return rc;
}

/* What can pass by itself (a full disk, a volume that isn't mounted) is tried again. */
static tu_rc failed(journal_error *e, const char *path, const char *doing, int error) {
    const char *words = strerrordesc_np(error), *advice = "";
    tu_rc rc = TU_EUNAVAILABLE;
    if (error == ELOOP)
        return refuse(e, TU_EINVALID, "not-a-file",
                      "%s: it is a symbolic link, which is not followed: write the file's own path",
                      path);
    if (error == EACCES || error == EPERM) {
        rc = TU_EDENIED;
        advice = ": let the user that trueup runs as write there";
    } else if (error == ENOENT || error == ENOTDIR) {
        advice = ": make the folder";
    } else if (error == ENOSPC || error == EDQUOT) {
        advice = ": nothing was written, it is tried again";
    }
    return refuse(e, rc, error == ENOSPC || error == EDQUOT ? "disk-full" : "file", "%s: %s: %s%s",
                  path, doing, words ? words : "error", advice);
}

/* --- opening and locking ---------------------------------------------------------------------- */

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A name that was just made must survive a crash too. */
static void sync_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)fsync(fd); /* some file systems can't; the file itself was synced */
        close(fd);
    }
    free(folder);
}

/* *ret is open and not locked. O_NONBLOCK: a FIFO at the path must not hold us. */
static tu_rc open_file(const journal *j, int *ret, journal_error *e) {
    const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    struct stat s;
    int fd = open(j->path, flags);
    if (fd < 0 && errno == ENOENT) {
        fd = open(j->path, flags | O_CREAT | O_EXCL, j->mode);
        if (fd >= 0) {
            (void)fchmod(fd, j->mode); /* whatever the umask is */
            sync_folder(j->path);
        } else if (errno == EEXIST) {
            fd = open(j->path, flags); /* somebody else made it */
        }
    }
    if (fd < 0)
        return errno == ENXIO || errno == EISDIR
                   ? refuse(e, TU_EINVALID, "not-a-file", "%s: it is no regular file", j->path)
                   : failed(e, j->path, "can't be opened", errno);
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode)) {
        close(fd);
        return refuse(e, TU_EINVALID, "not-a-file", "%s: it is no regular file", j->path);
    }
    *ret = fd;
    return TU_OK;
}

static tu_rc take_lock(const journal *j, const journal_waiting *w, int fd, journal_error *e) {
    int64_t deadline = w->host ? w->host->deadline_ms(w->call) : -1;
    if (deadline < 0)
        deadline = now_ms() + LOCK_WAIT_MS;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        struct pollfd cancel = {.fd = w->host ? w->host->cancel_fd(w->call) : -1, .events = POLLIN};
        if (errno != EWOULDBLOCK && errno != EINTR)
            return failed(e, j->path, "can't be locked", errno);
        if (poll(&cancel, 1, LOCK_STEP_MS) > 0)
            return refuse(e, TU_ECANCELLED, "cancelled", "stopped while waiting for %s", j->path);
        if (now_ms() >= deadline)
            return refuse(e, TU_EUNAVAILABLE, "locked", "%s: another process holds its lock",
                          j->path);
    }
    return TU_OK;
}

/* Is the file behind fd the one that stands at the path? */
static bool is_current(const journal *j, int fd) {
    struct stat open_one, named;
    return fstat(fd, &open_one) == 0 && lstat(j->path, &named) == 0 &&
           open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

static tu_rc open_locked(const journal *j, const journal_waiting *w, int *ret, journal_error *e) {
    for (unsigned i = 0; i < REOPEN_LIMIT; i++) {
        int fd = -1;
        tu_rc rc = open_file(j, &fd, e);
        if (rc == TU_OK)
            rc = take_lock(j, w, fd, e);
        if (rc == TU_OK && is_current(j, fd)) {
            *ret = fd;
            return TU_OK;
        }
        if (fd >= 0)
            close(fd);
        if (rc != TU_OK)
            return rc;
    }
    return refuse(e, TU_EUNAVAILABLE, "file", "%s: it is being replaced all the time", j->path);
}

/* --- what stands at the end --------------------------------------------------------------------- */

/* The last bytes of a file: from `begin` to its end. */
typedef struct tail {
    char *bytes; /* malloc'd */
    size_t n;
    off_t begin;
} tail;

static bool read_tail(int fd, off_t size, tail *t) {
    *t = (tail){.begin = size > TAIL_BYTES ? size - TAIL_BYTES : 0};
    size_t wanted = (size_t)(size - t->begin);
    t->bytes = malloc(wanted + 1);
    while (t->bytes && t->n < wanted) {
        ssize_t n = pread(fd, t->bytes + t->n, wanted - t->n, t->begin + (off_t)t->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        t->n += (size_t)n;
    }
    return t->bytes && t->n == wanted;
}

/* A last line without an end was torn by a crash. Ours is removed: its message comes again. What is
 * somebody else's stays, and gets an end. */
static tu_rc repair(const journal *j, int fd, tail *t, journal_error *e) {
    char *line, *last;
    size_t length, known = sizeof FIRST_MEMBER - 1;
    if (t->n == 0 || t->bytes[t->n - 1] == '\n')
        return TU_OK;
    last = memrchr(t->bytes, '\n', t->n);
    line = last ? last + 1 : t->bytes;
    length = t->n - (size_t)(line - t->bytes);
    /* A line that begins before what was read can't be told: it gets an end. Nor is a line of zeros
     * (a file that grew, but not its data) worth keeping. */
    bool ours = (last || t->begin == 0) &&
                (!memcmp(line, FIRST_MEMBER, length < known ? length : known) || line[0] == '\0');
    if (ours) {
        t->n -= length;
        return ftruncate(fd, t->begin + (off_t)t->n) == 0
                   ? TU_OK
                   : failed(e, j->path, "a torn line can't be removed", errno);
    }
    return write(fd, "\n", 1) == 1 ? TU_OK
                                   : failed(e, j->path, "a torn line can't be ended", errno);
}

/* Is there a line that begins with these bytes? */
static bool has_line(const tail *t, const char *begin, size_t n) {
    const char *at = t->bytes, *end = t->bytes + t->n;
    while (at < end && (at = memmem(at, (size_t)(end - at), begin, n))) {
        if (at == t->bytes ? t->begin == 0 : at[-1] == '\n')
            return true;
        at++;
    }
    return false;
}

/* The same for the file that was rotated last: rotation may stand between two attempts. */
static bool rotated_has_line(const journal *j, const char *begin, size_t n) {
    char path[4096];
    struct stat s;
    tail t = {0};
    int length = snprintf(path, sizeof path, "%s.1", j->path);
    int fd = length > 0 && (size_t)length < sizeof path
                 ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
                 : -1;
    bool found = fd >= 0 && fstat(fd, &s) == 0 && S_ISREG(s.st_mode) &&
                 read_tail(fd, s.st_size, &t) && has_line(&t, begin, n);
    free(t.bytes);
    if (fd >= 0)
        close(fd);
    return found;
}

/* --- rotation ------------------------------------------------------------------------------------- */

static bool numbered(const journal *j, unsigned i, char *out, size_t room) {
    int n = i ? snprintf(out, room, "%s.%u", j->path, i) : snprintf(out, room, "%s", j->path);
    return n > 0 && (size_t)n < room;
}

/* PATH.2 -> PATH.3, PATH.1 -> PATH.2, PATH -> PATH.1; up to the first number that is free, so that a
 * crash in the middle costs no file. The last one is overwritten by the rename. */
static tu_rc rotate(const journal *j, journal_error *e) {
    char from[4096], to[4096];
    struct stat s;
    unsigned last = 1;
    while (last < j->keep && numbered(j, last, to, sizeof to) && lstat(to, &s) == 0)
        last++;
    for (unsigned i = last; i > 0; i--) {
        if (!numbered(j, i - 1, from, sizeof from) || !numbered(j, i, to, sizeof to))
            return refuse(e, TU_EINVALID, "file", "%s: the path is too long", j->path);
        if (rename(from, to) != 0 && !(errno == ENOENT && i > 1))
            return failed(e, from, "can't be renamed", errno);
    }
    sync_folder(j->path);
    return TU_OK;
}

/* --- appending ------------------------------------------------------------------------------------ */

/* A growing line; bytes is NULL without memory. */
typedef struct line {
    char *bytes;
    size_t n, key_n; /* key_n: up to and with the quote behind the key */
} line;

static void add(line *l, const char *bytes, size_t n) {
    memcpy(l->bytes + l->n, bytes, n);
    l->n += n;
}

static bool make_line(tu_str message, tu_str key, line *l) {
    size_t brace = 0;
    *l = (line){.bytes = malloc(message.n + 6 * key.n + sizeof FIRST_MEMBER + 8)};
    if (!l->bytes)
        return false;
    add(l, FIRST_MEMBER, sizeof FIRST_MEMBER - 1);
    for (size_t i = 0; i < key.n; i++) {
        unsigned char c = (unsigned char)key.p[i];
        char escaped[8];
        if (c < 0x20 || c == '"' || c == '\\')
            add(l, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", c));
        else
            add(l, key.p + i, 1);
    }
    add(l, "\"", 1);
    l->key_n = l->n;
    while (brace < message.n && message.p[brace] != '{')
        brace++;
    brace += brace < message.n;
    size_t first = brace;
    while (first < message.n && strchr(" \t\r\n", message.p[first]))
        first++;
    if (first < message.n && message.p[first] != '}')
        add(l, ",", 1);
    /* Between JSON's tokens a line break is as good as a blank, and inside of strings there is none. */
    for (size_t i = first; i < message.n; i++)
        add(l, message.p[i] == '\n' || message.p[i] == '\r' ? " " : message.p + i, 1);
    while (l->n > l->key_n && l->bytes[l->n - 1] == ' ')
        l->n--;
    add(l, "\n", 1);
    return true;
}

/* All of it, on the disk, or nothing. `size`: what the file had. */
static tu_rc write_line(const journal *j, int fd, off_t size, const line *l, journal_error *e) {
    size_t done = 0;
    int error = 0;
    /* Reserving first means that a reader never sees half a line come and go. */
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, size, (off_t)l->n) != 0 && errno != EOPNOTSUPP &&
        errno != ENOSYS && errno != EINVAL)
        return failed(e, j->path, "no room", errno);
    while (done < l->n && !error) {
        ssize_t n = write(fd, l->bytes + done, l->n - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            error = n == 0 ? ENOSPC : errno;
    }
    if (!error && fdatasync(fd) != 0)
        error = errno;
    if (!error)
        return TU_OK;
    (void)!ftruncate(fd, size); /* where that fails too, the next one repairs */
    return failed(e, j->path, "can't be written", error);
}

static tu_rc append_locked(const journal *j, int *fd, const journal_waiting *w, const line *l,
                           journal_error *e) {
    struct stat s;
    tail t = {0};
    tu_rc rc = TU_OK;
    bool is_there;

    if (fstat(*fd, &s) != 0 || !read_tail(*fd, s.st_size, &t)) {
        free(t.bytes);
        return failed(e, j->path, "can't be read", errno ? errno : EIO);
    }
    rc = repair(j, *fd, &t, e);
    is_there = rc == TU_OK && (has_line(&t, l->bytes, l->key_n) ||
                               (t.begin == 0 && rotated_has_line(j, l->bytes, l->key_n)));
    free(t.bytes);
    if (rc != TU_OK || is_there)
        return rc;
    if (fstat(*fd, &s) != 0)
        return failed(e, j->path, "can't be read", errno);
    if (s.st_size > 0 && s.st_size + (off_t)l->n > j->max_bytes) {
        int old = *fd;
        rc = rotate(j, e);
        *fd = -1;
        if (rc == TU_OK)
            rc = open_locked(j, w, fd, e);
        close(old); /* its lock kept others from rotating beside us */
        if (rc != TU_OK)
            return rc;
        if (fstat(*fd, &s) != 0)
            return failed(e, j->path, "can't be read", errno);
    }
    return write_line(j, *fd, s.st_size, l, e);
}

tu_rc journal_append(const journal *j, const journal_waiting *w, tu_str message, tu_str key,
                     journal_error *error) {
    line l;
    int fd = -1;
    tu_rc rc;
    if (!make_line(message, key, &l))
        return refuse(error, TU_EINTERNAL, "memory", "out of memory");
    rc = open_locked(j, w, &fd, error);
    if (rc == TU_OK)
        rc = append_locked(j, &fd, w, &l, error);
    if (fd >= 0)
        close(fd);
    free(l.bytes);
    return rc;
}

tu_rc journal_probe(const journal *j, journal_error *error) {
    struct stat s;
    const char *slash = strrchr(j->path, '/');
    char *folder = slash ? strndup(j->path, (size_t)(slash - j->path) + 1) : strdup(".");
    tu_rc rc = TU_OK;
    if (!folder)
        return refuse(error, TU_EINTERNAL, "memory", "out of memory");
    if (lstat(j->path, &s) == 0) {
        if (!S_ISREG(s.st_mode))
            rc = S_ISLNK(s.st_mode) ? failed(error, j->path, "", ELOOP)
                                    : refuse(error, TU_EINVALID, "not-a-file",
                                             "%s: it is no regular file", j->path);
        else if (access(j->path, R_OK | W_OK) != 0)
            rc = failed(error, j->path, "can't be written", errno);
    }
    if (rc == TU_OK && access(folder, W_OK | X_OK) != 0)
        rc = failed(error, j->path, "its folder can't be written", errno);
    free(folder);
    return rc;
}
