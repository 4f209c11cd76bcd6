/*
 * source-git/work.c: failures, time, progress and the bounds of one call.
 */
#include "work.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

static tu_str str(const char *s) {
    return (tu_str){s, strlen(s)};
}

int64_t tu_git_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Length of the valid UTF-8 sequence at s (RFC 3629), 0 when there is none. */
static size_t utf8_length(const unsigned char *s, size_t n) {
    size_t length = s[0] < 0x80   ? 1
                    : s[0] < 0xc2 ? 0
                    : s[0] < 0xe0 ? 2
                    : s[0] < 0xf0 ? 3
                    : s[0] < 0xf5 ? 4
                                  : 0;
    if (length == 0 || length > n) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool bad = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
               (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f);
    return bad ? 0 : length;
}

char *tu_git_clean(const char *text, size_t n, char *out, size_t room) {
    const unsigned char *s = (const unsigned char *)text;
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        size_t length = utf8_length(s + i, n - i);
        bool control = length == 1 && (s[i] < 0x20 || s[i] == 0x7f);
        /* C1 controls and the marks that turn writing round (Trojan Source) */
        control = control || (length == 2 && s[i] == 0xc2 && s[i + 1] < 0xa0) ||
                  (length == 3 && s[i] == 0xe2 && s[i + 1] == 0x80 && s[i + 2] >= 0xaa &&
                   s[i + 2] <= 0xae) ||
                  (length == 3 && s[i] == 0xe2 && s[i + 1] == 0x81 && s[i + 2] >= 0xa6 &&
                   s[i + 2] <= 0xa9);
        size_t put = length == 0 || control ? 1 : length;
        if (used + put >= room) {
            break;
        }
        if (length == 0) {
            out[used] = '?';
        } else if (control) {
            out[used] = ' ';
        } else {
            memcpy(out + used, s + i, length);
        }
        used += put;
        i += length == 0 ? 1 : length;
    }
    while (used > 0 && out[used - 1] == ' ') {
        used--;
    }
    out[used] = '\0';
    return out;
}

tu_rc tu_git_fail(tu_git_work *w, tu_rc rc, const char *code, const char *format, ...) {
    if (w->rc != TU_OK) {
        return w->rc;
    }
    char message[sizeof w->message];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    w->rc = rc;
    (void)snprintf(w->code, sizeof w->code, "%s", code);
    (void)tu_git_clean(message, strlen(message), w->message, sizeof w->message);
    return rc;
}

tu_rc tu_git_report(tu_git_work *w) {
    if (w->rc == TU_OK) {
        return TU_OK;
    }
    return w->host->fail(w->call, w->rc, w->retry_after_ms, str(w->code), str(w->message));
}

bool tu_git_stopped(tu_git_work *w) {
    if (w->host->cancelled(w->call)) {
        (void)tu_git_fail(w, TU_ECANCELLED, "cancelled", "stopped on request");
        return true;
    }
    int64_t deadline = w->host->deadline_ms(w->call);
    if (deadline >= 0 && tu_git_now_ms() >= deadline) {
        const tu_git_address *a = &w->settings->address;
        (void)tu_git_fail(w, TU_ETIMEOUT, "deadline", "%s did not answer in time",
                          a->host != NULL ? a->host : a->url);
        return true;
    }
    return false;
}

int64_t tu_git_time_left(const tu_git_work *w, int64_t most) {
    int64_t deadline = w->host->deadline_ms(w->call);
    if (deadline < 0) {
        return most;
    }
    int64_t left = deadline - tu_git_now_ms();
    return left < 0 ? 0 : left < most ? left : most;
}

/* libgit2's classes of error that have a meaning of their own for the host. */
tu_rc tu_git_fail_library(tu_git_work *w, const char *what) {
    const git_error *e = git_error_last();
    if (w->rc != TU_OK || tu_git_stopped(w)) {
        return w->rc;
    }
    char head[sizeof w->head + 1], text[600];
    memcpy(head, w->head, w->head_n);
    for (size_t i = 0; i < w->head_n; i++) {
        head[i] = head[i] == '\0'
                      ? ' '
                      : head[i]; /* a NUL stands between the first ref and the capabilities */
    }
    head[w->head_n] = '\0';
    const char *message = e != NULL && e->message != NULL ? e->message : "no reason was given";
    (void)tu_git_clean(message, strlen(message), text, sizeof text);
    if (strstr(head, "object-format=sha256") != NULL || strstr(text, "objectformat") != NULL) {
        return tu_git_fail(
            w, TU_EUNSUPPORTED, "sha256",
            "%s: the repository uses SHA-256 object names, which libgit2 on this system can't read",
            what);
    }
    if (e != NULL && e->klass == GIT_ERROR_NOMEMORY) {
        return tu_git_fail(w, TU_EUNAVAILABLE, "memory", "%s: out of memory", what);
    }
    if (strstr(text, strerror(ENOSPC)) != NULL || strstr(text, strerror(EDQUOT)) != NULL) {
        return tu_git_fail(w, TU_EUNAVAILABLE, "disk-full",
                           "%s: %s: free some space on the disk of the cache", what, text);
    }
    if (e != NULL && e->klass == GIT_ERROR_NET) {
        return tu_git_fail(w, TU_EUNAVAILABLE, "git-protocol", "%s: %s%s%s", what, text,
                           w->said[0] != '\0' ? "; the server said: " : "", w->said);
    }
    return tu_git_fail(w, TU_EINTERNAL, "libgit2", "%s: %s", what, text);
}

tu_rc tu_git_progress(tu_git_work *w, const char *stage, uint64_t done, uint64_t total) {
    int64_t now = tu_git_now_ms();
    bool end = total > 0 && done == total;
    if (end ? w->progress_ended == stage : now - w->progress_at_ms < 100) {
        return TU_OK;
    }
    w->progress_ended = end ? stage : NULL;
    w->progress_at_ms = now;
    char meta[160];
    (void)snprintf(meta, sizeof meta,
                   "{\"stage\":\"%s\",\"done\":%" PRIu64 ",\"total\":%" PRIu64 "}", stage, done,
                   total);
    tu_rc rc = w->host->emit(w->call, TU_REC_PROGRESS, 0, str(meta), (tu_str){0});
    return rc == TU_OK ? TU_OK : tu_git_fail(w, rc, "stopped", "the host took no more records");
}

/* libgit2 writes packs through a mapping, where a full disk may be a SIGBUS instead of an error. So
 * a fetch ends while there is room left. */
static tu_rc check_disk(tu_git_work *w) {
    if (w->disk == NULL ||
        (w->disk_checked_at != 0 && w->received - w->disk_checked_at < TU_GIT_MIB)) {
        return TU_OK;
    }
    w->disk_checked_at = w->received + 1;
    struct statvfs s;
    if (statvfs(w->disk, &s) != 0 || (uint64_t)s.f_bavail * s.f_frsize >= TU_GIT_FREE_DISK) {
        return TU_OK;
    }
    return tu_git_fail(
        w, TU_EUNAVAILABLE, "disk-full",
        "the disk of %s has less than %u MiB left: free some space, then the fetch goes on",
        w->disk, (unsigned)(TU_GIT_FREE_DISK / TU_GIT_MIB));
}

tu_rc tu_git_received(tu_git_work *w, const char *bytes, size_t n, bool head) {
    w->received += n;
    if (head) {
        size_t room = sizeof w->head - w->head_n, take = n < room ? n : room;
        memcpy(w->head + w->head_n, bytes, take);
        w->head_n += take;
        w->listed += n;
        if (w->listed > TU_GIT_LIMIT_ADVERTISEMENT) {
            return tu_git_fail(
                w, TU_EINVALID, "too-many-refs",
                "%s lists more than %u MiB of branches and tags (TU_GIT_LIMIT_ADVERTISEMENT)",
                w->settings->address.url, (unsigned)(TU_GIT_LIMIT_ADVERTISEMENT / TU_GIT_MIB));
        }
    }
    if (w->received > TU_GIT_LIMIT_TRANSFER) {
        return tu_git_fail(
            w, TU_EINVALID, "too-large", "%s sends more than %u MiB (TU_GIT_LIMIT_TRANSFER)",
            w->settings->address.url, (unsigned)(TU_GIT_LIMIT_TRANSFER / TU_GIT_MIB));
    }
    return tu_git_stopped(w) ? w->rc : check_disk(w);
}
