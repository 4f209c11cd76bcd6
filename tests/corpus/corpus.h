/*
 * corpus.h: the runner of the conformance corpus: every folder of tests/corpus, three ways.
 *
 *   confirmed   the live object judged with the dry run's answer                 ways.c
 *   local       the live object alone                                           ways.c
 *   engine      `trueup run` with a target that replays the recording           engine.c
 *
 * All three load the manifest, the kind's description and the answers through tests/plugin/corpus-target.c, the plugin host, core/desired
 * and core/engine, as the program does. Each way makes a finding, as the report's JSON has it, and compare.c holds it against what the
 * case expects. What differs is one line of the table that main.c prints.
 */
#ifndef TESTS_CORPUS_H
#define TESTS_CORPUS_H

#include "compare/judge.h"
#include "engine/session.h"

typedef struct corpus_case {
    const char *name, *folder;
    const char *group; /* of the cases whose manifests are one source of the service */
    tu_value *said;    /* case.yaml */
    tu_value *live;    /* live.json; NULL: the object is gone */
    bool unrecordable, recorded, marked;
    bool excused; /* known to fail in the engine: not waited for */
} corpus_case;

typedef struct corpus {
    tu_arena arena;
    const char *root, *scratch; /* tests/corpus; the folder of this run */
    const char *judge_config, *service_config;
    corpus_case *cases;
    size_t n;
} corpus;

typedef enum { WAY_CONFIRMED, WAY_LOCAL, WAY_ENGINE, WAY_COUNT } corpus_way;
extern const char *const corpus_way_names[WAY_COUNT];

/* cases.c: reads every case (or those whose names begin with one of `names`), and writes a configuration with a source, and a target and a
 * rule for each case. A case that can't be read is said on standard error: false. */
bool corpus_load(corpus *c, const char *root, const char *scratch, const char *const *names,
                 size_t n);
/* Of a JSON or YAML file, in the corpus's arena; NULL when it isn't there or can't be read. */
tu_value *corpus_read(corpus *c, const char *path);
bool corpus_has_run(const corpus_case *k); /* is it recorded, so that it can be run? */

/* compare.c: what differs between the finding and what is expected, one difference a line; nothing when all is as it should be. `quiet`
 * may be NULL: then what is quiet isn't compared. Confidences are compared where `confidence` says so. */
void corpus_compare(const corpus_case *k, const tu_value *expect, const tu_value *finding,
                    const tu_value *quiet, bool confidence, tu_buf *differences);
void corpus_compare_changes(const char *what, const tu_value *expected, const tu_value *got,
                            tu_buf *differences);
tu_value *corpus_json_of_finding(tu_arena *a, const tu_finding *f);

/* The ways. They put what differs into differences[i] for case i. */
void corpus_run_confirmed(corpus *c, tu_session *s, size_t i, tu_buf *differences);
void corpus_run_local(corpus *c, tu_session *s, size_t i, tu_buf *differences);
bool corpus_run_engine(corpus *c, const char *program,
                       tu_buf *differences); /* false: the service failed as a whole */

#endif
