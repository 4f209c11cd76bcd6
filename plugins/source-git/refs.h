/*
 * source-git/refs.h: which commit does the configuration mean, among the refs that a repository
 * has?
 */
#ifndef TU_GIT_REFS_H
#define TU_GIT_REFS_H

#include "work.h"

typedef struct tu_git_ref {
    const char
        *name; /* "refs/heads/main", "refs/tags/v1", "refs/tags/v1^{}" (what the tag points to) */
    git_oid id;
} tu_git_ref;

typedef struct tu_git_refs {
    tu_git_ref *items; /* names are borrowed */
    size_t n;
    bool has_head;
    git_oid head;
    const char *head_target; /* the branch that HEAD names, where known; borrowed */
} tu_git_refs;

typedef struct tu_git_choice {
    char name[TU_GIT_LIMIT_REF_BYTES + 32]; /* full name, or "HEAD" where it names no branch */
    git_oid id;                             /* annotated tags are followed to what they point to */
} tu_git_choice;

/* TU_ENOTFOUND says what is there instead. settings->wanted isn't TU_GIT_COMMIT. */
tu_rc tu_git_choose(tu_git_work *w, const tu_git_refs *refs, tu_git_choice *ret);
const tu_git_ref *tu_git_refs_find(const tu_git_refs *refs, const char *name);
/* Appends up to five of `names` to out, the ones most like `wanted` first: "a, b and 7 more". */
void tu_git_suggest(const char *wanted, const char *const *names, size_t n, char *out, size_t room);

#endif
