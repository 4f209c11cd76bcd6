/* notifier-webhook/sample.c: see sample.h. To add a case: a message in `samples`. */
#include "sample.h"

#include <string.h>

#include "common/yaml_json.h"
#include "letter.h"

#define HEAD                                                                                       \
    "\"apiVersion\":\"trueup.dev/v1\",\"id\":\"5e8f0c1d2b3a4958\",\"installation\":\"prod\","      \
    "\"incident\":\"3f2a9c01d4e5b6a7\",\"route\":\"root\",\"group\":{\"rule\":\"shop\"},"          \
    "\"startsAt\":\"2026-01-02T03:04:05Z\",\"updatedAt\":\"2026-01-02T03:04:05Z\",\"note\":\"\","  \
    "\"commands\":{\"look\":\"trueup diff shop\",\"explain\":\"trueup explain Deployment/cart\","  \
    "\"acknowledge\":\"trueup alert ack 3f2a\",\"silence\":\"trueup alert silence rule=shop\"}"
#define DRIFT                                                                                      \
    "\"severity\":\"critical\",\"verdict\":\"drifted\",\"rule\":\"shop\",\"target\":\"prod\","     \
    "\"source\":{\"name\":\"shop\",\"revision\":\"9f3c\",\"author\":\"A \\\"B\\\" <a@b.c>\"},"     \
    "\"labels\":{\"rule\":\"shop\",\"team\":\"pay \\\"quoted\\\" \\\\ \"},"                        \
    "\"object\":{\"kind\":\"Deployment\",\"namespace\":\"shop\",\"name\":\"cart\","                \
    "\"changes\":[{\"path\":\"/spec/replicas\",\"change\":\"value\",\"desired\":3,\"live\":5,"     \
    "\"owner\":{\"manager\":\"kubectl-edit\",\"class\":\"human\"}},"                               \
    "{\"path\":\"/data/a\",\"change\":\"value\",\"desired\":\"a \\\"b\\\"\\nc\","                  \
    "\"live\":\"\\\\ @all <b>\"}]}"

static const char *const samples[] = {
    "{\"kind\":\"Alert\"," HEAD
    ",\"status\":\"firing\",\"event\":\"firing\",\"summary\":\"Deployment \\\"cart\\\" drifted\","
    "\"counts\":{\"firing\":1,\"resolved\":0,\"shown\":1},\"alerts\":[{\"status\":\"firing\","
    "\"fingerprint\":\"00ff\",\"startsAt\":\"2026-01-02T03:04:05Z\",\"summary\":\"a \\\"b\\\"\","
    "\"plan\":{\"action\":\"alert\",\"text\":\"\"},\"accept\":\"edit a.yaml:1 and commit\"," DRIFT
    "}]," DRIFT "}",
    "{\"kind\":\"Alert\"," HEAD
    ",\"status\":\"firing\",\"event\":\"update\",\"severity\":\"warning\",\"summary\":\"3 alerts\","
    "\"counts\":{\"firing\":2,\"resolved\":1,\"shown\":3},\"acknowledged\":{\"by\":\"jane\","
    "\"comment\":\"on \\\"it\\\"\"},\"alerts\":[{\"status\":\"firing\"," DRIFT
    "},{\"status\":\"firing\"," DRIFT "},{\"status\":\"resolved\",\"resolvedBy\":\"trueup\","
    "\"lastedSeconds\":180," DRIFT "}]," DRIFT "}",
    "{\"kind\":\"Alert\"," HEAD
    ",\"status\":\"resolved\",\"event\":\"resolved\",\"severity\":\"info\",\"summary\":\"over\","
    "\"endsAt\":\"2026-01-02T04:04:05Z\",\"counts\":{\"firing\":0,\"resolved\":1,\"shown\":1},"
    "\"alerts\":[{\"status\":\"resolved\",\"resolvedBy\":\"git\",\"lastedSeconds\":7200," DRIFT
    "}]," DRIFT "}",
    "{\"kind\":\"Alert\"," HEAD
    ",\"status\":\"firing\",\"event\":\"escalation\",\"escalation\":1,\"severity\":\"critical\","
    "\"summary\":\"source\",\"counts\":{\"firing\":1,\"resolved\":0,\"shown\":1},\"alerts\":[{"
    "\"status\":\"firing\",\"severity\":\"critical\",\"verdict\":\"\",\"labels\":{},\"object\":"
    "null,"
    "\"problem\":{\"what\":\"source-unreadable\",\"name\":\"shop\",\"text\":\"source \\\"shop\\\" "
    "can't be read\",\"hint\":\"check the URL\"}}]}",
    "{\"kind\":\"Alert\"," HEAD ",\"status\":\"firing\",\"event\":\"test\",\"severity\":\"info\","
    "\"summary\":\"a test\",\"counts\":{\"firing\":0,\"resolved\":0,\"shown\":0},\"alerts\":[]}",
    "{\"apiVersion\":\"trueup.dev/"
    "v1\",\"kind\":\"Heartbeat\",\"id\":\"a\",\"installation\":\"prod\","
    "\"time\":\"2026-01-02T03:04:05Z\",\"version\":\"1.0.0\"}",
};

static tu_rc check_one(const settings *s, const letter *l, tu_http_error *e) {
    tu_out out;
    cJSON *parsed = NULL;
    manifest_problem problem;
    tu_rc rc = TU_OK;
    tu_out_init(&out, LETTER_BYTES);
    if (!tu_template_render(s->body, l->message, l->fields, s->escape, &out))
        rc = notifier_refuse(e, TU_EINVALID, "/body",
                             "body: it makes more than %d KiB of a small message",
                             LETTER_BYTES / 1024);
    else if (!manifest_parse_json((tu_str){out.text, out.n}, &parsed, &problem))
        rc = notifier_refuse(
            e, TU_EINVALID, "/body",
            "body: what it makes of %s message isn't JSON: line %u, column %u "
            "of that: %.200s; values in texts stand in quotes, `json` brings its own",
            strcmp(notifier_string(l->message, "kind"), "Heartbeat")
                ? notifier_string(l->message, "event")
                : "a heartbeat",
            problem.line, problem.column, problem.text);
    cJSON_Delete(parsed);
    tu_out_done(&out);
    return rc;
}

tu_rc sample_check(const settings *s, tu_http_error *e) {
    tu_rc rc = TU_OK;
    for (size_t i = 0; i < 2 * sizeof samples / sizeof *samples && rc == TU_OK; i++) {
        notifier_context c = {.attempt = 1, .uncertain = i % 2, .brief = i % 2};
        letter l = {.message = cJSON_Parse(samples[i / 2])};
        bool made = l.message && letter_prepare(s, &c, "0123456789abcdef", &l);
        rc = made ? check_one(s, &l, e) : notifier_no_memory(e);
        letter_done(&l);
    }
    return rc;
}
