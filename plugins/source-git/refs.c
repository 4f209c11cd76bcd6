/*
 * source-git/refs.c: from branch, tag or HEAD to a commit, and helpful words where it isn't there.
 */
#include "refs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BRANCHES "refs/heads/"
#define TAGS "refs/tags/"
#define SUGGESTIONS 5u

const tu_git_ref *tu_git_refs_find(const tu_git_refs *refs, const char *name) {
    for (size_t i = 0; i < refs->n; i++) {
        if (strcmp(refs->items[i].name, name) == 0) {
            return &refs->items[i];
        }
    }
    return NULL;
}

/* Edits from a to b (Levenshtein), of the first 63 bytes. */
static unsigned distance(const char *a, const char *b) {
    size_t n = strnlen(a, 63), m = strnlen(b, 63);
    unsigned row[64];
    for (size_t j = 0; j <= m; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[m];
}

void tu_git_suggest(const char *wanted, const char *const *names, size_t n, char *out,
                    size_t room) {
    size_t best[SUGGESTIONS];
    unsigned far[SUGGESTIONS];
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned d = distance(wanted, names[i]);
        size_t at = kept < SUGGESTIONS ? kept++ : SUGGESTIONS;
        for (; at > 0 && far[at - 1] > d; at--) {
            if (at < SUGGESTIONS) {
                best[at] = best[at - 1];
                far[at] = far[at - 1];
            }
        }
        if (at < SUGGESTIONS) {
            best[at] = i;
            far[at] = d;
        }
    }
    size_t used = strlen(out);
    for (size_t i = 0; i < kept && used < room; i++) {
        used += (size_t)snprintf(out + used, room - used, "%s%.100s", i == 0 ? "" : ", ",
                                 names[best[i]]);
    }
    if (n > kept && used < room) {
        (void)snprintf(out + used, room - used, " and %zu more", n - kept);
    }
}

static tu_rc fail_missing(tu_git_work *w, const tu_git_refs *refs, const char *kind,
                          const char *prefix, const char *wanted) {
    const char **names = calloc(refs->n + 1, sizeof *names);
    size_t n = 0;
    for (size_t i = 0; names != NULL && i < refs->n; i++) {
        const char *name = refs->items[i].name;
        size_t length = strlen(name);
        bool peeled = length > 3 && strcmp(name + length - 3, "^{}") == 0;
        if (strncmp(name, prefix, strlen(prefix)) == 0 && !peeled) {
            names[n++] = name + strlen(prefix);
        }
    }
    char there[700] = "";
    tu_git_suggest(wanted, names, n, there, sizeof there);
    free(names);
    return tu_git_fail(w, TU_ENOTFOUND, "ref-not-found", "%s \"%s\" isn't in %s; %s%s", kind,
                       wanted, w->settings->address.url, n > 0 ? "there are: " : "it has none",
                       there);
}

static tu_rc take(tu_git_choice *ret, const char *name, const git_oid *id) {
    (void)snprintf(ret->name, sizeof ret->name, "%s", name);
    git_oid_cpy(&ret->id, id);
    return TU_OK;
}

static tu_rc choose_head(tu_git_work *w, const tu_git_refs *refs, tu_git_choice *ret) {
    if (!refs->has_head) {
        return fail_missing(w, refs, "the branch that HEAD names", BRANCHES,
                            refs->head_target != NULL ? refs->head_target : "main");
    }
    if (refs->head_target != NULL) {
        return take(ret, refs->head_target, &refs->head);
    }
    /* Old servers don't say which branch HEAD is: one with the same commit will do. */
    static const char *const usual[] = {"refs/heads/main", "refs/heads/master"};
    for (size_t i = 0; i < 2; i++) {
        const tu_git_ref *r = tu_git_refs_find(refs, usual[i]);
        if (r != NULL && git_oid_equal(&r->id, &refs->head)) {
            return take(ret, r->name, &r->id);
        }
    }
    return take(ret, "HEAD", &refs->head);
}

tu_rc tu_git_choose(tu_git_work *w, const tu_git_refs *refs, tu_git_choice *ret) {
    const tu_git_settings *s = w->settings;
    if (refs->n == 0 && !refs->has_head) {
        return tu_git_fail(w, TU_ENOTFOUND, "empty-repository",
                           "the repository %s is empty: push a first commit to it", s->address.url);
    }
    if (s->wanted == TU_GIT_HEAD) {
        return choose_head(w, refs, ret);
    }
    bool branch = s->wanted == TU_GIT_BRANCH;
    char name[TU_GIT_LIMIT_REF_BYTES + 32], peeled[TU_GIT_LIMIT_REF_BYTES + 40];
    (void)snprintf(name, sizeof name, "%s%s", branch ? BRANCHES : TAGS, s->name);
    (void)snprintf(peeled, sizeof peeled, "%s^{}", name);
    const tu_git_ref *r = tu_git_refs_find(refs, name);
    if (r == NULL) {
        return fail_missing(w, refs, branch ? "branch" : "tag", branch ? BRANCHES : TAGS, s->name);
    }
    const tu_git_ref *target = branch ? NULL : tu_git_refs_find(refs, peeled);
    return take(ret, name, target != NULL ? &target->id : &r->id);
}
