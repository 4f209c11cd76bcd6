/*
 * notifier-slack/answer.c: Slack's errors, as classes.
 *
 * The Web API says {"ok":false,"error":WORD} with status 200; webhooks say WORD as text, with a
 * status. To add a word: a row below. A word that isn't there is for good, like most of them.
 */
#include "answer.h"

#include <stdio.h>
#include <string.h>

#define LARGE "too-large" /* the host's word: once more, in brief */

/* https://docs.slack.dev/reference/methods/chat.postMessage#errors, .../chat.update#errors,
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors */
static const struct row {
    const char *word;
    tu_rc rc;
    const char *code;   /* NULL: the word */
    const char *advice; /* may be NULL */
} rows[] = {
    {"ratelimited", TU_ETHROTTLED, NULL, NULL},
    {"rate_limited", TU_ETHROTTLED, NULL, NULL},
    {"message_limit_exceeded", TU_ETHROTTLED, NULL, NULL},
    {"service_unavailable", TU_EUNAVAILABLE, NULL, NULL},
    {"team_added_to_org", TU_EUNAVAILABLE, NULL, NULL},
    {"request_timeout", TU_EUNAVAILABLE, NULL, NULL},
    {"rollup_error", TU_EUNAVAILABLE, NULL, NULL},
    /* "It's possible some aspect of the operation succeeded before the error was raised." */
    {"internal_error", TU_ETIMEOUT, NULL, "it may have posted the message"},
    {"fatal_error", TU_ETIMEOUT, NULL, "it may have posted the message"},
    {"msg_too_long", TU_EREFUSED, LARGE, NULL},
    {"msg_blocks_too_long", TU_EREFUSED, LARGE, NULL},
    {"metadata_too_large", TU_EREFUSED, LARGE, NULL},
    {"too_many_attachments", TU_EREFUSED, LARGE, NULL},
    {"attachment_payload_limit_exceeded", TU_EREFUSED, LARGE, NULL},
    /* a layout that Slack doesn't take: the brief form has none */
    {"invalid_blocks", TU_EREFUSED, LARGE, NULL},
    {"invalid_blocks_format", TU_EREFUSED, LARGE, NULL},
    {"invalid_attachments", TU_EREFUSED, LARGE, NULL},
    {"invalid_auth", TU_EDENIED, NULL, "check tokenFrom"},
    {"not_authed", TU_EDENIED, NULL, "check tokenFrom"},
    {"invalid_token", TU_EDENIED, NULL, "check the secret"},
    {"token_revoked", TU_EDENIED, NULL, "install the app again"},
    {"token_expired", TU_EDENIED, NULL, "install the app again"},
    {"account_inactive", TU_EDENIED, NULL, "install the app again"},
    {"missing_scope", TU_EDENIED, NULL, "the bot needs the scope chat:write"},
    {"not_allowed_token_type", TU_EDENIED, NULL, "tokenFrom must be a bot's token (xoxb)"},
    {"no_permission", TU_EDENIED, NULL, NULL},
    {"access_denied", TU_EDENIED, NULL, NULL},
    {"action_prohibited", TU_EDENIED, NULL, "an administrator restricts this webhook"},
    {"restricted_action", TU_EDENIED, NULL, "an administrator restricts who posts"},
    {"org_login_required", TU_EDENIED, NULL, NULL},
    {"channel_not_found", TU_EINVALID, NULL,
     "write the channel's ID and invite the app to the channel"},
    {"not_in_channel", TU_EINVALID, NULL, "invite the app to the channel"},
    {"is_archived", TU_EINVALID, NULL, "the channel is archived"},
    {"channel_is_archived", TU_EINVALID, NULL, "the channel is archived"},
    {"no_service", TU_EINVALID, NULL, "the webhook was removed or disabled: make a new one"},
    {"no_active_hooks", TU_EINVALID, NULL, "the webhook was removed or disabled: make a new one"},
    {"no_team", TU_EINVALID, NULL, "the workspace isn't there"},
};

static const struct row *find_row(const char *word) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].word, word))
            return &rows[i];
    return NULL;
}

/* rc: the class of a word that nobody knows. */
static tu_rc refuse_word(const notifier_answer *a, const char *what, const char *word, tu_rc rc,
                         tu_http_error *error) {
    const struct row *row = find_row(word);
    const char *advice = row ? row->advice : NULL;
    notifier_refuse(error, row ? row->rc : rc, row && row->code ? row->code : word,
                    "%s: %s refused: %s%s%s", a->origin, what, word, advice ? ": " : "",
                    advice ? advice : "");
    error->retry_after_ms = a->retry_after_ms;
    return error->rc;
}

tu_rc slack_webhook_answer(const notifier_answer *a, tu_rc rc, tu_http_error *error) {
    if (a->status == 0)
        return rc;
    if (rc == TU_OK && a->n >= 2 && !memcmp(a->text, "ok", 2) &&
        strspn(a->text + 2, " \r\n") == a->n - 2)
        return TU_OK;
    if (rc == TU_OK)
        return notifier_strange_answer(a, "Slack", error);
    if (a->status >= 400 && a->status != 429 && a->text && notifier_is_word(a->text))
        return refuse_word(a, "the webhook", a->text, rc, error);
    return rc;
}

tu_rc slack_api_answer(const notifier_answer *a, tu_rc rc, const char *method, cJSON **ret_json,
                       tu_http_error *error) {
    *ret_json = NULL;
    if (rc != TU_OK)
        return rc;
    cJSON *json = cJSON_ParseWithLength(a->text, a->n);
    const cJSON *ok = cJSON_GetObjectItemCaseSensitive(json, "ok");
    const char *word = notifier_string(json, "error");
    if (cJSON_IsTrue(ok)) {
        *ret_json = json;
        return TU_OK;
    }
    if (cJSON_IsFalse(ok) && *word)
        rc = refuse_word(a, method, notifier_is_word(word) ? word : "an error without a name",
                         TU_EINVALID, error);
    else
        rc = notifier_strange_answer(a, "Slack", error);
    cJSON_Delete(json);
    return rc;
}

bool slack_is_gone(const tu_http_error *error) {
    static const char *const words[] = {"message_not_found", "cant_update_message",
                                        "edit_window_closed", "channel_not_found", "is_archived"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(error->code, words[i]))
            return true;
    return false;
}
