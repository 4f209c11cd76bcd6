/*
 * source-git/mirror.c: makes, locks, checks and tidies the mirror.
 */
#include "mirror.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <git2/sys/odb_backend.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *where) {
    (void)s;
    (void)type;
    (void)where;
    (void)remove(path);
    return 0;
}

void tu_git_remove_tree(const char *path) {
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static char *below(const char *folder, const char *name) {
    char *path = NULL;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static char *folder_for(const char *root, const char *url) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    char name[33];
    if (EVP_Digest(url, strlen(url), digest, NULL, EVP_sha256(), NULL) != 1) {
        return NULL;
    }
    for (size_t i = 0; i < 16; i++) {
        (void)snprintf(name + 2 * i, 3, "%02x", digest[i]);
    }
    return below(root, name);
}

static tu_rc take_lock(tu_git_work *w, tu_git_mirror *m) {
    char *path = below(m->folder, "lock");
    m->lock = path == NULL ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    free(path);
    if (m->lock < 0) {
        return tu_git_fail(w, TU_EUNAVAILABLE, "cache", "the cache %s can't be used: %s", m->folder,
                           strerror(errno));
    }
    while (flock(m->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return tu_git_fail(w, TU_EUNAVAILABLE, "cache", "the cache %s can't be locked: %s",
                               m->folder, strerror(errno));
        }
        if (tu_git_stopped(w)) {
            return w->rc;
        }
        struct pollfd cancel = {.fd = w->host->cancel_fd(w->call), .events = POLLIN};
        (void)poll(&cancel, 1, (int)tu_git_time_left(w, 50));
    }
    return TU_OK;
}

/* Packs that an interrupted process didn't finish. libgit2 gives them their real name only when
 * they are complete. */
static void sweep(const char *repository) {
    char *packs = below(repository, "objects/pack");
    DIR *folder = packs == NULL ? NULL : opendir(packs);
    for (struct dirent *d = folder == NULL ? NULL : readdir(folder); d != NULL;
         d = readdir(folder)) {
        if (strncmp(d->d_name, "pack_git2_", 10) == 0) {
            (void)unlinkat(dirfd(folder), d->d_name, 0);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    free(packs);
}

static tu_rc make(tu_git_work *w, tu_git_mirror *m) {
    char *path = below(m->folder, "repository"), *fresh = below(m->folder, "repository.new");
    git_repository_init_options options;
    git_repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
    options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKDIR;
    tu_rc rc = TU_OK;
    if (path == NULL || fresh == NULL) {
        rc = tu_git_fail(w, TU_EUNAVAILABLE, "memory", "out of memory");
    } else {
        tu_git_remove_tree(fresh);
        if (git_repository_init_ext(&m->repository, fresh, &options) != 0) {
            rc = tu_git_fail_library(w, m->folder);
        } else {
            git_repository_free(m->repository);
            m->repository = NULL;
            if (rename(fresh, path) != 0) {
                rc = tu_git_fail(w, TU_EUNAVAILABLE, "cache", "the cache %s can't be made: %s",
                                 path, strerror(errno));
            } else if (git_repository_open_bare(&m->repository, path) != 0) {
                rc = tu_git_fail_library(w, path);
            }
        }
    }
    free(path);
    free(fresh);
    return rc;
}

tu_rc tu_git_mirror_renew(tu_git_work *w, tu_git_mirror *m) {
    git_repository_free(m->repository);
    m->repository = NULL;
    char *path = below(m->folder, "repository");
    if (path != NULL) {
        tu_git_remove_tree(path);
    }
    free(path);
    return make(w, m);
}

tu_rc tu_git_mirror_open(tu_git_work *w, const char *root, tu_git_mirror *ret) {
    *ret = (tu_git_mirror){.lock = -1, .folder = folder_for(root, w->settings->address.url)};
    if (ret->folder == NULL) {
        return tu_git_fail(w, TU_EUNAVAILABLE, "memory", "out of memory");
    }
    if (mkdir(ret->folder, 0700) != 0 && errno != EEXIST) {
        return tu_git_fail(w, TU_EUNAVAILABLE, "cache", "the cache %s can't be made: %s",
                           ret->folder, strerror(errno));
    }
    tu_rc rc = take_lock(w, ret);
    if (rc != TU_OK) {
        return rc;
    }
    char *path = below(ret->folder, "repository");
    if (path != NULL) {
        sweep(path);
    }
    bool there = path != NULL && git_repository_open_bare(&ret->repository, path) == 0;
    free(path);
    return there ? TU_OK : tu_git_mirror_renew(w, ret);
}

void tu_git_mirror_close(tu_git_mirror *m) {
    git_repository_free(m->repository);
    free(m->folder);
    if (m->lock >= 0) {
        close(m->lock);
    }
    *m = (tu_git_mirror){.lock = -1};
}

/* --- joining small packs ------------------------------------------------------------------------
 */

typedef struct pack_list {
    char *names[4 * TU_GIT_LIMIT_PACKS]; /* "…/objects/pack/pack-<digest>", without suffix */
    size_t n, biggest;
    int64_t biggest_bytes;
} pack_list;

static void list_packs(const char *folder, pack_list *packs) {
    DIR *d = opendir(folder);
    for (struct dirent *e = d == NULL ? NULL : readdir(d); e != NULL; e = readdir(d)) {
        size_t length = strlen(e->d_name);
        struct stat s;
        if (length < 6 || strcmp(e->d_name + length - 5, ".pack") != 0 ||
            packs->n == sizeof packs->names / sizeof packs->names[0] ||
            fstatat(dirfd(d), e->d_name, &s, 0) != 0) {
            continue;
        }
        char *name = below(folder, e->d_name);
        if (name == NULL) {
            continue;
        }
        name[strlen(name) - 5] = '\0';
        if (s.st_size > packs->biggest_bytes) {
            packs->biggest_bytes = s.st_size;
            packs->biggest = packs->n;
        }
        packs->names[packs->n++] = name;
    }
    if (d != NULL) {
        closedir(d);
    }
}

typedef struct join {
    tu_git_work *work;
    git_packbuilder *builder;
} join;

static int insert(const git_oid *id, void *arg) {
    join *j = arg;
    return tu_git_stopped(j->work) ? GIT_EUSER : git_packbuilder_insert(j->builder, id, NULL);
}

static int with_suffix(char *out, size_t room, const char *name, const char *suffix) {
    int n = snprintf(out, room, "%s%s", name, suffix);
    return n > 0 && (size_t)n < room ? 0 : -1;
}

/* Writes the objects of all packs but the biggest into one new pack. Returns 0 when it is on the
 * disk. */
static int write_joined(tu_git_work *w, tu_git_mirror *m, const pack_list *packs,
                        const char *folder, char *ret_name, size_t room) {
    git_odb *small = NULL;
    join j = {.work = w};
    int error = git_odb_new(&small);
    char path[TU_GIT_LIMIT_PATH_BYTES];
    for (size_t i = 0; error == 0 && i < packs->n; i++) {
        git_odb_backend *backend = NULL;
        if (i == packs->biggest) {
            continue;
        }
        error = with_suffix(path, sizeof path, packs->names[i], ".idx");
        if (error == 0 && (error = git_odb_backend_one_pack(&backend, path)) == 0) {
            error = git_odb_add_backend(small, backend, 1);
        }
    }
    if (error == 0 && (error = git_packbuilder_new(&j.builder, m->repository)) == 0) {
        error = git_odb_foreach(small, insert, &j);
    }
    if (error == 0) {
        error = git_packbuilder_write(j.builder, folder, 0, NULL, NULL);
    }
    if (error == 0) {
        (void)snprintf(ret_name, room, "pack-%s", git_packbuilder_name(j.builder));
    }
    git_packbuilder_free(j.builder);
    git_odb_free(small);
    return error;
}

void tu_git_mirror_tidy(tu_git_work *w, tu_git_mirror *m) {
    if (w->rc != TU_OK) {
        return;
    }
    char *path = below(m->folder, "repository/objects/pack");
    pack_list packs = {0};
    if (path != NULL) {
        list_packs(path, &packs);
    }
    char file[TU_GIT_LIMIT_PATH_BYTES], joined[80] = "";
    static const char *const suffixes[] = {".idx", ".pack", ".rev", ".keep"};
    if (packs.n > TU_GIT_LIMIT_PACKS &&
        write_joined(w, m, &packs, path, joined, sizeof joined) == 0) {
        for (size_t i = 0; i < packs.n; i++) {
            /* one of them may have held all the others' objects: then the new pack has its name */
            bool keep = i == packs.biggest || strcmp(strrchr(packs.names[i], '/') + 1, joined) == 0;
            for (size_t k = 0; !keep && k < 4; k++) {
                if (with_suffix(file, sizeof file, packs.names[i], suffixes[k]) == 0) {
                    (void)unlink(file);
                }
            }
        }
    }
    w->rc = TU_OK; /* the call's work is done already */
    for (size_t i = 0; i < packs.n; i++) {
        free(packs.names[i]);
    }
    free(path);
}
