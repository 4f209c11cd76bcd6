/*
 * base/file.c: whole files, replaced atomically, and the lock that keeps a second process out.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

static tu_rc rc_of_errno(int number) {
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return TU_ENOTFOUND;
    case EACCES:
    case EPERM:
        return TU_EDENIED;
    case ELOOP:
    case ENAMETOOLONG:
    case EISDIR:
    case EINVAL:
        return TU_EINVALID;
    case ENOMEM:
        return TU_EINTERNAL;
    default: /* ENOSPC, EROFS, EIO, EMFILE ...: may be better later */
        return TU_EUNAVAILABLE;
    }
}

/* "can't VERB PATH: reason" */
static tu_rc fail(tu_error **error, const char *verb, const char *path) {
    int number = errno;
    return tu_error_set(error, rc_of_errno(number), "can't %s %s: %s", verb, path,
                        strerror(number));
}

static void close_fd(int *fd) {
    if (*fd >= 0)
        close(*fd);
}

static tu_rc read_all(int fd, const char *path, size_t limit, tu_buf *ret, tu_error **error) {
    char chunk[65536];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(error, "read", path);
        if (n == 0)
            return TU_OK;
        tu_buf_add(ret, (tu_str){chunk, (size_t)n});
        if (ret->rc == TU_EINVALID)
            return tu_error_set(error, TU_EINVALID, "%s is larger than the limit of %zu bytes",
                                path, limit);
        if (ret->rc != TU_OK)
            return tu_error_memory(error);
    }
}

tu_rc tu_file_read(const char *path, size_t limit, tu_buf *ret, tu_error **error) {
    _cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return fail(error, "open", path);
    struct stat status;
    if (fstat(fd, &status) != 0)
        return fail(error, "read", path);
    if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode))
        return tu_error_set(error, TU_EINVALID, "%s is %s", path,
                            S_ISDIR(status.st_mode) ? "a directory, not a file"
                                                    : "not a regular file");
    tu_buf_clear(ret);
    ret->max = limit;
    return read_all(fd, path, limit, ret, error);
}

static tu_rc write_all(int fd, tu_str bytes) {
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return TU_EUNAVAILABLE;
        bytes = (tu_str){bytes.p + n, bytes.n - (size_t)n};
    }
    return TU_OK;
}

/* The folder that path stands in: malloc'd. */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return tu_xstrdup(".");
    size_t n = slash == path ? 1 : (size_t)(slash - path);
    char *folder = tu_xmalloc(n + 1);
    memcpy(folder, path, n);
    folder[n] = '\0';
    return folder;
}

/* Makes the rename itself durable. */
static tu_rc sync_folder(const char *folder, tu_error **error) {
    _cleanup_(close_fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
        return fail(error, "sync", folder);
    return TU_OK;
}

tu_rc tu_file_write(const char *path, tu_str bytes, uint32_t mode, tu_error **error) {
    _cleanup_(tu_freep) char *folder = folder_of(path);
    const char *slash = strrchr(path, '/');
    size_t room = strlen(path) + sizeof "/..XXXXXX" + 2;
    _cleanup_(tu_freep) char *beside = tu_xmalloc(room);
    snprintf(beside, room, "%s/.%s.XXXXXX", folder, slash ? slash + 1 : path);
    _cleanup_(close_fd) int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return fail(error, "write", path);
    if (write_all(fd, bytes) != TU_OK || fchmod(fd, (mode_t)mode) != 0 || fsync(fd) != 0 ||
        rename(beside, path) != 0) {
        tu_rc rc = fail(error, "write", path);
        unlink(beside);
        return rc;
    }
    return sync_folder(folder, error);
}

tu_rc tu_mkdirs(const char *path, uint32_t mode, tu_error **error) {
    _cleanup_(tu_freep) char *copy = tu_xstrdup(path);
    for (char *p = copy; *p; p++) {
        if (p == copy || *p != '/' || p[-1] == '/')
            continue;
        *p = '\0';
        if (mkdir(copy, (mode_t)mode) != 0 && errno != EEXIST)
            return fail(error, "make the directory", copy);
        *p = '/';
    }
    struct stat status;
    if (mkdir(copy, (mode_t)mode) == 0)
        return TU_OK;
    if (errno != EEXIST)
        return fail(error, "make the directory", path);
    if (stat(copy, &status) != 0)
        return fail(error, "make the directory", path);
    if (!S_ISDIR(status.st_mode))
        return tu_error_set(error, TU_EINVALID, "can't make the directory %s: a file has that name",
                            path);
    return TU_OK;
}

bool tu_file_exists(const char *path) {
    struct stat status;
    return stat(path, &status) == 0;
}

/* The pid that the holder wrote into its lock file, "" while it has not. */
static void read_pid(int fd, char out[16]) {
    ssize_t n = pread(fd, out, 15, 0);
    size_t digits = 0;
    while (n > 0 && digits < (size_t)n && out[digits] >= '0' && out[digits] <= '9')
        digits++;
    out[digits] = '\0';
}

tu_rc tu_file_lock(const char *path, int *ret_fd, tu_error **error) {
    _cleanup_(close_fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail(error, "open the lock", path);
    int locked;
    do
        locked = flock(fd, LOCK_EX | LOCK_NB);
    while (locked != 0 && errno == EINTR);
    if (locked != 0 && errno == EWOULDBLOCK) {
        char pid[16];
        read_pid(fd, pid);
        return tu_error_set(error, TU_ECONFLICT, "%s is held by another process%s%s", path,
                            pid[0] ? ", pid " : "", pid);
    }
    if (locked != 0)
        return fail(error, "take the lock", path);
    /* The pid is a courtesy to the next one; a full disk must not keep the process from starting.
     */
    char pid[16];
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n)
        errno = 0;
    *ret_fd = fd;
    fd = -1;
    return TU_OK;
}

char *tu_path_join(const char *a, const char *b) {
    if (b[0] == '/' || a[0] == '\0')
        return tu_xstrdup(b);
    size_t n = strlen(a), room = n + strlen(b) + 2;
    char *joined = tu_xmalloc(room);
    snprintf(joined, room, "%s%s%s", a, a[n - 1] == '/' || b[0] == '\0' ? "" : "/", b);
    return joined;
}

bool tu_path_is_clean(tu_str path) {
    for (size_t i = 0, step = 0; i <= path.n; i++) {
        if (i < path.n && ((unsigned char)path.p[i] < 0x20 || path.p[i] == 0x7f))
            return false;
        if (i < path.n && path.p[i] != '/')
            continue;
        tu_str name = {path.p + step, i - step};
        if (name.n == 0 || tu_str_is(name, ".") || tu_str_is(name, ".."))
            return false;
        step = i + 1;
    }
    return true;
}
