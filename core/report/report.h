/*
 * report/report.h: findings for people (text, Markdown) and for programs (JSON, JUnit, SARIF, what
 * GitHub and GitLab read); DESIGN section 14.
 *
 * Every writer is a function of the report and its options alone: the same report gives the same
 * bytes, in the order of the findings. None prints a sealed value, and what comes from outside goes
 * through show.h before it goes through the format's own escaping, so that it can't leave its place.
 *
 * To add a format: a value here, one file with a writer, one line in the table of report.c (its name
 * is the choice of --output), a row in the README, golden files in tests/unit/data/report.
 */
#ifndef TU_REPORT_REPORT_H
#define TU_REPORT_REPORT_H

#include "config/config.h"
#include "model/model.h"

/* How much of what lives in a rule's scope stands in its source. */
typedef struct tu_coverage_part {
    tu_str name;               /* "Deployment.apps", or a namespace ("": none) */
    size_t managed, unmanaged; /* objects that live; explained ones are in neither */
} tu_coverage_part;
typedef struct tu_coverage {
    bool known;  /* unmanaged objects were looked for */
    bool partly; /* not everywhere: something could not be listed */
    size_t managed, unmanaged, explained;
    tu_coverage_part *kinds, *namespaces; /* sorted by name */
    size_t kind_count, namespace_count;
} tu_coverage;
/* managed in percent of both, rounded down to tenths; 100 where nothing lives. */
double tu_coverage_percent(size_t managed, size_t unmanaged);

/* What happened to one rule in one pass. Findings are sorted by group, kind, namespace, name. */
typedef struct tu_rule_report {
    tu_str name, source, revision, target;
    tu_mode mode;
    tu_finding **findings; /* everything, in-sync ones included */
    size_t finding_count;
    size_t skipped_files; /* files that are no manifests */
    tu_str problem; /* why nothing could be determined (unreachable, denied); empty otherwise */
    tu_rc problem_class;
    tu_str notes[8]; /* things worth knowing: "no namespace given: default used" */
    size_t note_count;
    tu_coverage coverage;
    tu_str root; /* where the source's root lies for whoever reads the report ("manifests"): put
                    before the findings' files in formats that link to them. Empty: files are
                    as they are */
} tu_rule_report;

typedef struct tu_report {
    tu_arena arena;
    int64_t started_ms, finished_ms;
    tu_rule_report *rules;
    size_t rule_count;
} tu_report;

typedef enum {
    TU_REPORT_TEXT,
    TU_REPORT_TABLE, /* text, one line an object */
    TU_REPORT_JSON,
    TU_REPORT_JUNIT,
    TU_REPORT_SARIF,
    TU_REPORT_MARKDOWN,         /* fits a GitHub comment: 65,536 characters */
    TU_REPORT_MARKDOWN_SUMMARY, /* fits a GitHub job summary: 1 MiB */
    TU_REPORT_MARKDOWN_GITLAB,  /* fits a GitLab note: 1,000,000 characters */
    TU_REPORT_GITHUB,           /* workflow commands: annotations */
    TU_REPORT_GITLAB,           /* Code Quality */
    TU_REPORT_FORMAT_COUNT
} tu_report_format;
const char *tu_report_format_name(tu_report_format f); /* "text", "markdown-summary" ... */
bool tu_report_format_parse(tu_str s, tu_report_format *ret);

typedef struct tu_report_options {
    tu_report_format format;
    bool all;  /* objects in sync and quiet additions too, and no limit on how many are listed */
    bool diff; /* text: each change in full, as a diff */
    bool color;
    size_t width;         /* of the terminal; 0: don't cut */
    tu_str fallback_file; /* what formats that need a file name where a finding has none; "": "." */
    int64_t now_ms;       /* what "3h ago" is counted to; 0: when the report was
                       finished (of a single finding: left out) */
} tu_report_options;

void tu_report_write(const tu_report *r, const tu_report_options *o, tu_buf *out);
/*
 * DESIGN section 14:
 *   1  drift: something is drifted, missing, unmanaged, blocked or invalid, or terminating although
 * a manifest wants it, whatever else is unknown 3  nothing could be determined: every object is
 * unknown, or every rule has a problem 4  partly unknown: no drift among what could be determined
 *   0  in sync. Delegated objects, ignored changes and the end of an object that nobody wants count
 * as in sync.
 */
int tu_report_exit_code(const tu_report *r);
/* Does the finding count as drift? Also an object that is being deleted, when a manifest wants it;
 * without one, its end is what is desired. */
bool tu_report_is_drift(const tu_finding *f);
/* One finding as the element of "objects", compact JSON: what alerts and the store hold, too.
 * Control characters and marks that turn the direction of text are escaped, so that it can be shown
 * on a terminal. */
void tu_report_finding_json(tu_buf *out, const tu_finding *f);
/* The same with what is quiet. */
void tu_report_finding_whole_json(tu_buf *out, const tu_finding *f);
/* One finding as text, as check and diff print it. */
void tu_report_finding_text(tu_buf *out, const tu_finding *f, const tu_report_options *o);
/* The JSON Schema of what TU_REPORT_JSON writes, as static text (report/schemas/Report.json). */
const char *tu_report_schema(void);
/* Counts findings by verdict. */
void tu_report_count(const tu_report *r, size_t ret[TU_VERDICT_COUNT]);

#endif
