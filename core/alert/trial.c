/* alert/trial.c: see trial.h. */
#include "alert/trial.h"
#include "alert/body.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"

static tu_rc read_trial(void *arg, tu_str fingerprint,
                        tu_rc (*each)(void *arg, const tu_alert_row *row), void *each_arg,
                        tu_error **error) {
    (void)fingerprint, (void)error;
    return each(each_arg, arg);
}

tu_rc tu_alert_trial(tu_buf *out, tu_str receiver, const char *install_id, int64_t wall_ms,
                     char key[33], tu_error **error) {
    uint8_t random[16];
    tu_rc rc = tu_random(random, sizeof random);
    if (rc != TU_OK)
        return tu_error_set(error, rc, "no random numbers can be had");
    tu_hex(random, sizeof random, key);
    const tu_alert_trouble trouble = {
        .problem = TU_S("test"),
        .name = receiver,
        .receiver = receiver,
        .severity = TU_SEVERITY_INFO,
        .text = TU_S("this is a test message that somebody asked for with `trueup alert test`"),
        .hint = TU_S("nothing is wrong, and nothing is to be done"),
        .started_ms = wall_ms};
    _cleanup_(tu_arena_done) tu_arena a;
    _cleanup_(tu_buf_done) tu_buf labels = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES),
                                  body = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    tu_arena_init(&a, TU_LIMIT_OBJECT_ARENA);
    tu_labels list;
    if (!tu_alert_trouble_labels(&a, &trouble, &list))
        return tu_error_memory(error);
    tu_alert_labels_json(&labels, &list);
    tu_alert_trouble_body(&body, &trouble);
    tu_str fingerprint = tu_str_c(key);
    tu_alert_row row = {.fingerprint = fingerprint,
                        .firing = true,
                        .severity = trouble.severity,
                        .started_ms = wall_ms,
                        .updated_ms = wall_ms,
                        .labels = tu_buf_str(&labels),
                        .body = tu_buf_str(&body)};
    bool fires = true;
    const tu_snapshot snapshot = {.incident = fingerprint,
                                  .route = TU_S("test"),
                                  .group = list,
                                  .event = TU_S("test"),
                                  .firing = true,
                                  .severity = trouble.severity,
                                  .opened_ms = wall_ms,
                                  .updated_ms = wall_ms,
                                  .firing_count = 1,
                                  .shown = &fingerprint,
                                  .fires = &fires,
                                  .shown_count = 1};
    if (labels.rc != TU_OK || body.rc != TU_OK)
        return tu_error_memory(error);
    return tu_alert_compose(out, &snapshot, install_id, read_trial, &row, error);
}
