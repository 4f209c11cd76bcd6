/*
 * cli/audit.c: `trueup audit verify`, `export` and `key`: the evidence, for whoever has to show it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/trail.h"
#include "report/evidence.h"
#include "store/verify.h"

#define CHECKPOINTS_BYTES (64u * TU_MIB)
#define OUTPUT_BYTES (64u * TU_MIB)
enum { FLUSH_BYTES = TU_MIB };

/* Not what it was, is what this command is asked to find: an answer, as drift is one. */
static int fail(const tu_cli *cli, tu_error *e) {
    bool broken = e && e->rc == TU_EINTEGRITY;
    int code = tu_cli_fail_with(cli, e);
    return broken ? TU_EXIT_DRIFT : code;
}

/* --- verify ----------------------------------------------------------------------------------- */

typedef struct verifying {
    tu_verifier *verifier;
    tu_error **error;
} verifying;

static tu_rc verify_one(void *arg, const tu_trail_record *r) {
    verifying *v = arg;
    return tu_verifier_add(v->verifier, r, v->error);
}

/* The signed heads of --checkpoint, and the one that the trail keeps itself. */
static tu_rc add_checkpoints(const tu_cli *cli, const tu_trail_source *s, tu_verifier *v,
                             tu_error **error) {
    const char *path = cli->values[TU_OPTION_CHECKPOINT];
    tu_rc rc = tu_verifier_checkpoints(v, tu_buf_str(&s->checkpoint), error);
    if (rc != TU_OK || !path)
        return rc;
    tu_buf text = TU_BUF_INIT(CHECKPOINTS_BYTES);
    rc = tu_file_read(path, CHECKPOINTS_BYTES, &text, error);
    if (rc == TU_OK) {
        rc = tu_verifier_checkpoints(v, tu_buf_str(&text), error);
        if (rc != TU_OK)
            tu_error_context(error, "%s", path);
    }
    tu_buf_done(&text);
    return rc;
}

/* A file that begins with record 1 follows what its installation begins with; the key says which. */
static void begin_of_file(tu_trail_source *s, const char *key) {
    const char *name = key ? strstr(key, "trueup.dev/audit/") : NULL;
    if (s->start.n != 0 || !name)
        return;
    name += strlen("trueup.dev/audit/");
    tu_trail_begin(&s->start, (tu_str){name, strcspn(name, "+")});
}

static tu_rc verify(const tu_cli *cli, tu_trail_source *s, tu_verified *ret, tu_error **error) {
    const char *given = cli->values[TU_OPTION_KEY], *text = given ? given : s->key;
    tu_note_key *key = NULL;
    tu_rc rc = text ? tu_note_key_parse(tu_str_c(text), &key, error) : TU_OK;
    if (rc != TU_OK)
        return rc;
    if (s->file)
        begin_of_file(s, given);
    if (!key && cli->values[TU_OPTION_CHECKPOINT])
        return tu_error_set(error, TU_EINVALID,
                            "checkpoints need the public key: give it with --key");
    verifying v = {tu_verifier_new(key), error};
    rc = add_checkpoints(cli, s, v.verifier, error);
    if (rc == TU_OK)
        rc =
            tu_verifier_begin(v.verifier, &s->start, tu_buf_str(&s->start_note), s->claimed, error);
    if (rc == TU_OK)
        rc = tu_trail_source_each(s, verify_one, &v, error);
    if (rc == TU_OK)
        rc = tu_verifier_end(v.verifier, ret, error);
    tu_verifier_free(v.verifier);
    tu_note_key_free(key);
    return rc;
}

static void say_verified(const tu_cli *cli, const tu_trail_source *s, const tu_verified *v,
                         tu_buf *out) {
    char head[65];
    long long first = v->start.n + 1, last = v->head.n;
    tu_hex(v->head.hash, 32, head);
    if (cli->json) {
        tu_buf_addf(out,
                    "{\"first\":%lld,\"last\":%lld,\"head\":\"%s\",\"checkpoints\":%zu,"
                    "\"older\":%zu}\n",
                    first, last, head, v->agreed, v->older);
        return;
    }
    if (last < first)
        tu_buf_add_c(out, "the audit trail is empty\n");
    else
        tu_buf_addf(out, "records %lld to %lld are as they were written\n", first, last);
    tu_buf_addf(out, "head         %s\ncheckpoints  %zu agree", head, v->agreed);
    if (v->older)
        tu_buf_addf(out, ", %zu are of records that were forgotten", v->older);
    tu_buf_add_c(out, "\n");
    if (s->key)
        tu_buf_addf(out, "key          %s\n", s->key);
    if (!cli->values[TU_OPTION_CHECKPOINT])
        tu_cli_note(cli, "without --checkpoint an end that was cut off together with the last "
                         "signature isn't found");
}

int tu_command_audit_verify(tu_cli *cli) {
    tu_trail_source s;
    tu_error *error = NULL;
    tu_verified verified;
    tu_rc rc =
        tu_trail_source_open(&s, cli, cli->argument_count ? cli->arguments[0] : NULL, &error);
    if (rc == TU_OK)
        rc = verify(cli, &s, &verified, &error);
    int code;
    if (rc == TU_OK) {
        tu_buf out = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
        say_verified(cli, &s, &verified, &out);
        code = tu_cli_print(cli, &out, TU_EXIT_OK);
        tu_buf_done(&out);
    } else {
        code = fail(cli, error);
    }
    tu_trail_source_close(&s);
    return code;
}

/* --- export ----------------------------------------------------------------------------------- */

typedef struct exporting {
    const tu_cli *cli;
    const tu_trail_source *source;
    tu_evidence format;
    int64_t since_ms, until_ms;
    tu_buf out;
    int code; /* of printing; TU_EXIT_OK to go on */
} exporting;

static tu_rc flush(exporting *x) {
    if (x->out.rc != TU_OK)
        return x->out.rc;
    x->code = tu_cli_print(x->cli, &x->out, TU_EXIT_OK);
    tu_buf_clear(&x->out);
    return x->code == TU_EXIT_OK ? TU_OK : TU_ECANCELLED;
}

static tu_rc export_one(void *arg, const tu_trail_record *r) {
    exporting *x = arg;
    if (r->wall_ms < x->since_ms || r->wall_ms >= x->until_ms)
        return TU_OK;
    tu_evidence_write(x->format, &x->out, r, tu_str_c(x->source->install_id));
    return x->out.n >= FLUSH_BYTES || x->out.rc != TU_OK ? flush(x) : TU_OK;
}

/* A time, or how long ago. -1 to go on. */
static int read_time(const tu_cli *cli, tu_option_id option, int64_t *ret_ms) {
    const char *text = cli->values[option];
    int64_t us, ago_ms;
    tu_clock clock = tu_clock_real();
    if (!text)
        return -1;
    if (tu_time_parse(tu_str_c(text), &us))
        *ret_ms = us / 1000;
    else if (tu_duration_parse(tu_str_c(text), &ago_ms))
        *ret_ms = tu_clock_wall(&clock) - ago_ms;
    else
        return tu_cli_fail(
            cli, TU_EXIT_USAGE,
            "option --%s: '%s' is neither a time (2026-11-23T06:00:00Z) nor how long "
            "ago (36h, 30d)",
            tu_options[option].name, text);
    return -1;
}

int tu_command_audit_export(tu_cli *cli) {
    exporting x = {.cli = cli, .since_ms = INT64_MIN, .until_ms = INT64_MAX};
    const char *format = cli->values[TU_OPTION_OUTPUT];
    int code = read_time(cli, TU_OPTION_SINCE, &x.since_ms);
    if (code < 0)
        code = read_time(cli, TU_OPTION_UNTIL, &x.until_ms);
    if (code >= 0)
        return code;
    if (format && !tu_evidence_parse(tu_str_c(format), &x.format)) /* the parser has checked it */
        return TU_EXIT_USAGE;
    tu_trail_source s;
    tu_error *error = NULL;
    tu_buf_init(&x.out, OUTPUT_BYTES);
    x.source = &s;
    tu_rc rc = tu_trail_source_open(&s, cli, NULL, &error);
    tu_evidence_begin(x.format, &x.out);
    if (rc == TU_OK)
        rc = tu_trail_source_each(&s, export_one, &x, &error);
    if (rc == TU_OK)
        rc = flush(&x);
    if (x.code != TU_EXIT_OK)
        code = x.code;
    else if (rc != TU_OK)
        code = error ? fail(cli, error) : tu_cli_fail(cli, TU_EXIT_UNKNOWN, "out of memory");
    else
        code = TU_EXIT_OK;
    tu_buf_done(&x.out);
    tu_trail_source_close(&s);
    return code;
}

/* --- key -------------------------------------------------------------------------------------- */

int tu_command_audit_key(tu_cli *cli) {
    tu_trail_source s;
    tu_error *error = NULL;
    tu_rc rc = tu_trail_source_open(&s, cli, NULL, &error);
    int code;
    if (rc == TU_OK && !s.key)
        rc = tu_error_set(&error, TU_ENOTFOUND,
                          "there is no key in %s yet: the service makes it when it first signs",
                          s.state);
    if (rc == TU_OK) {
        tu_buf out = TU_BUF_INIT(4 * TU_KIB);
        tu_buf_addf(&out, "%s\n", s.key);
        code = tu_cli_print(cli, &out, TU_EXIT_OK);
        tu_buf_done(&out);
    } else {
        code = fail(cli, error);
    }
    tu_trail_source_close(&s);
    return code;
}
