/*
 * report/evidence.h: a record of the audit trail for other programs: JSON lines (store/trail.h, which
 * `trueup audit verify` reads again), CSV for spreadsheets, OCSF for a SIEM.
 *
 * OCSF 1.3: what was found (actions "drift.") is a Detection Finding (class 2004), what was done by
 * trueup or with it is API Activity (class 6003). The record's number, hashes and detail are in
 * "unmapped".
 *
 * To add a format: a value here, a writer and a line in the table of evidence.c, its name in
 * cli/output.c, a row in the README.
 */
#ifndef TU_REPORT_EVIDENCE_H
#define TU_REPORT_EVIDENCE_H

#include "base/buf.h"
#include "store/trail.h"

typedef enum {
    TU_EVIDENCE_JSONL,
    TU_EVIDENCE_CSV,
    TU_EVIDENCE_OCSF,
    TU_EVIDENCE_COUNT
} tu_evidence;

const char *tu_evidence_name(tu_evidence e); /* "jsonl", "csv", "ocsf" */
bool tu_evidence_parse(tu_str s, tu_evidence *ret);
/* What stands before the first record: CSV's header. */
void tu_evidence_begin(tu_evidence e, tu_buf *out);
/* One line, with its newline. install_id: whose trail. */
void tu_evidence_write(tu_evidence e, tu_buf *out, const tu_trail_record *r, tu_str install_id);

#endif
