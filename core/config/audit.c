/*
 * config/audit.c: the document Audit: how the evidence is kept. There is one at most, and everything
 * in it has a default.
 */
#include "base/str.h"
#include "config/read.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

tu_audit_policy tu_audit_defaults(void) {
    return (tu_audit_policy){.every_ms = HOUR_MS, .records = 10000, .retention_ms = 400 * DAY_MS};
}

/* A relative path would depend on where the service was started. */
static void check_file(tu_reader *r, const tu_value *v) {
    tu_str file = tu_value_string(v);
    if (file.n && file.p[0] != '/')
        tu_reader_error(r, v, "spec.checkpoint.file must be an absolute path, not '%.*s'",
                        TU_P(file));
}

void tu_read_audit(tu_reader *r, tu_str name, const tu_value *spec, tu_place place) {
    (void)name;
    tu_audit_policy *policy = &r->config->audit;
    if (policy->place.line) {
        tu_reader_error_at(r, place, "there can be one Audit, and the first is at %s:%u:%u",
                           policy->place.file, policy->place.line, policy->place.column);
        return;
    }
    const tu_value *checkpoint = tu_value_get(spec, "checkpoint");
    const tu_value *file = tu_value_get(checkpoint, "file");
    const tu_value *receiver = tu_value_get(checkpoint, "receiver");
    policy->place = place;
    policy->every_ms =
        tu_read_interval(r, tu_value_get(checkpoint, "every"), policy->every_ms, 1000);
    policy->records = tu_value_integer(tu_value_get(checkpoint, "records"), policy->records);
    policy->file = tu_value_string(file);
    check_file(r, file);
    policy->receiver = tu_value_string(receiver);
    tu_read_reference(r, "spec.checkpoint.receiver", "Notifier", receiver);
    policy->retention_ms =
        tu_read_duration(r, tu_value_get(spec, "retention"), policy->retention_ms, 30 * DAY_MS);
}
