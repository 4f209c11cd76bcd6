/*
 * value/pattern.h: patterns that are compiled once and matched often: words (globs) and paths.
 *
 * A rule may have a thousand entries and a listing ten thousand changes, so most questions must be
 * answered by comparing a few bytes: what is plain text is compared as such, and a path pattern
 * first compares the text before its first wildcard. Compiled patterns are immutable and borrow
 * the text they were made of.
 */
#ifndef TU_VALUE_PATTERN_H
#define TU_VALUE_PATTERN_H

#include "base/arena.h"
#include "base/limits.h"
#include "base/str.h"

/* One glob (base/str.h: tu_glob). */
typedef enum { TU_WORD_ANY, TU_WORD_EXACT, TU_WORD_PREFIX, TU_WORD_SUFFIX, TU_WORD_GLOB } tu_form;
typedef struct tu_word {
    tu_str text; /* as it was written */
    tu_str bare; /* EXACT, PREFIX, SUFFIX: without the star */
    tu_form form;
} tu_word;
typedef struct tu_words {
    tu_word *items;
    size_t n;
} tu_words;
tu_word tu_word_compile(tu_str text);
bool tu_word_match(const tu_word *w, tu_str text);
/* Does one of them match? No words: everything does. */
bool tu_words_match(const tu_words *w, tu_str text);
/* Does `wide` match all that `narrow` matches? Never says so wrongly; may miss that it does. */
bool tu_word_covers(const tu_word *wide, const tu_word *narrow);

/*
 * A path pattern (paths: value/pointer.h). Between slashes stands
 *   **                any number of steps, none too
 *   [name=app]        a list's item by key. Values are globs with * and ?; of several keys those
 *                     that are named have to be right, in any order; [=x] is a set's item
 *   [*]               any item of a list, by key, value or index
 *   anything else     a glob for one step as it is written in paths (~1 for "/", ~0 for "~")
 * In brackets "\" takes the meaning of the character behind it away.
 * A pattern covers a path when it matches it whole or matches one of its ancestors: "/spec" covers
 * "/spec/replicas".
 */
typedef struct tu_path_step tu_path_step;
typedef struct tu_path_pattern {
    tu_str text; /* as it was written */
    size_t head_steps;
    tu_str head;         /* what every path that is covered begins with, up to a step's end */
    tu_path_step *steps; /* behind the head */
    size_t n;
} tu_path_pattern;
typedef struct tu_path_patterns {
    tu_path_pattern *items;
    size_t n;
} tu_path_patterns;

/* NULL, or what is wrong with the text ("has a '[name=value' without its ']'"). Without memory the
 * pattern stays empty (steps NULL and n 0, head the whole text) and *ret_memory is set. */
const char *tu_path_pattern_compile(tu_arena *a, tu_str text, tu_path_pattern *ret,
                                    bool *ret_memory);
bool tu_path_pattern_match(const tu_path_pattern *p, tu_str path);

/* A path cut into its steps once, to be asked about many patterns. Steps beyond the limit, which no
 * document's depth allows, are met by no pattern. */
#define TU_PATH_STEPS (TU_LIMIT_DEPTH + 2u)
typedef struct tu_path_cut {
    tu_str path;
    tu_str steps[TU_PATH_STEPS];
    size_t n;
} tu_path_cut;
void tu_path_cut_make(tu_path_cut *cut, tu_str path);
bool tu_path_pattern_match_cut(const tu_path_pattern *p, const tu_path_cut *path);
/* Does one of them cover the path? No patterns: every path is covered. */
bool tu_path_patterns_match(const tu_path_patterns *p, const tu_path_cut *path);
/* Does `wide` cover every path that `narrow` covers? As tu_word_covers. */
bool tu_path_pattern_covers(const tu_path_pattern *wide, const tu_path_pattern *narrow);

/* The steps, for whoever follows a pattern through something else (rules/lint: a kind's types). */
typedef enum { TU_PATH_DEEP, TU_PATH_WORD, TU_PATH_ITEM, TU_PATH_ANY_ITEM } tu_path_step_kind;
typedef struct tu_path_pair {
    tu_str key;    /* escaped as paths escape it */
    tu_word value; /* for the escaped text */
} tu_path_pair;
struct tu_path_step {
    tu_path_step_kind kind;
    tu_word word;        /* WORD */
    tu_path_pair *pairs; /* ITEM */
    size_t pair_count;
};
/* All steps, those of the head too; NULL without memory. */
tu_path_step *tu_path_pattern_steps(tu_arena *a, const tu_path_pattern *p, size_t *ret_n);

#endif
