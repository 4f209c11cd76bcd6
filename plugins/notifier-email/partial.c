/* notifier-email/partial.c: see partial.h. One line for the time, then "A address" (has it) or "N address" (never will). */
#include "partial.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PREFIX "partial-"
#define FORGET_SECONDS ((int64_t)8 * 24 * 3600) /* no delivery lives as long */

static bool path_of(tu_str scratch, const char *key, char *out, size_t room) {
    char id[80];
    if (scratch.n == 0)
        return false;
    mime_id("x", key, "x", id, sizeof id); /* any key becomes a harmless name */
    int n = snprintf(out, room, "%.*s/" PREFIX "%.32s", (int)scratch.n, scratch.p,
                     id + strlen("<trueup.x."));
    return n > 0 && (size_t)n < room;
}

partial partial_load(tu_str scratch, const char *key, smtp_recipient *recipients, size_t count) {
    char path[4096], line[400];
    partial p = {0};
    FILE *file = path_of(scratch, key, path, sizeof path) ? fopen(path, "re") : NULL;
    if (!file)
        return p;
    if (fgets(line, sizeof line, file))
        p.since = strtoll(line, NULL, 10);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        for (size_t i = 0; i < count && line[0] && line[1] == ' '; i++) {
            if (strcasecmp(recipients[i].address, line + 2) != 0)
                continue;
            recipients[i].wanted = false;
            recipients[i].fate = line[0] == 'A' ? SMTP_ACCEPTED : SMTP_NEVER;
        }
    }
    (void)fclose(file);
    return p;
}

/* Files of deliveries that were given up are left behind: nobody says so to a plugin. */
static void forget_old(tu_str scratch) {
    char folder[4096];
    struct stat s;
    snprintf(folder, sizeof folder, "%.*s", (int)scratch.n, scratch.p);
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (!strncmp(e->d_name, PREFIX, sizeof PREFIX - 1) &&
            fstatat(dirfd(d), e->d_name, &s, AT_SYMLINK_NOFOLLOW) == 0 &&
            s.st_mtime < time(NULL) - FORGET_SECONDS)
            (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
}

bool partial_save(tu_str scratch, const char *key, const partial *p, const smtp_recipient *r,
                  size_t count) {
    char path[4096], temporary[4112];
    if (!path_of(scratch, key, path, sizeof path))
        return false;
    forget_old(scratch);
    snprintf(temporary, sizeof temporary, "%s.new", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!file) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    fprintf(file, "%lld\n", (long long)p->since);
    for (size_t i = 0; i < count; i++)
        if (r[i].fate == SMTP_ACCEPTED || r[i].fate == SMTP_NEVER)
            fprintf(file, "%c %s\n", r[i].fate == SMTP_ACCEPTED ? 'A' : 'N', r[i].address);
    bool done = fflush(file) == 0 && !ferror(file) && fdatasync(fileno(file)) == 0;
    done &= fclose(file) == 0;
    done = done && rename(temporary, path) == 0;
    if (!done)
        (void)unlink(temporary);
    return done;
}

void partial_remove(tu_str scratch, const char *key) {
    char path[4096];
    if (path_of(scratch, key, path, sizeof path))
        (void)unlink(path);
}
