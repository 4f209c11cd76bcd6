/*
 * fuzz_mail: the bytes are a message, or (what is no JSON) the name of everything in one; and an address. Whatever it
 * is, a mail is ASCII in short lines that end with CR LF, has each of its headers once and no other; and what
 * Alertmanager would get is JSON with label names that it takes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier-alertmanager/alerts.h"
#include "notifier-email/content.h"

static void require(bool condition, const char *what, const char *at) {
    if (condition)
        return;
    fprintf(stderr, "%s: %.300s\n", what, at);
    abort();
}

/* Everything that may come from outside is that text. */
static cJSON *message_of(const char *text) {
    static const char *const top[] = {"severity", "summary",  "route",  "installation",
                                      "note",     "incident", "status", "event",
                                      "rule",     "verdict",  "target", "updatedAt"};
    cJSON *m = cJSON_CreateObject(), *alert = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof top / sizeof *top; i++)
        cJSON_AddStringToObject(m, top[i], text);
    cJSON_AddStringToObject(cJSON_AddObjectToObject(m, "group"), text, text);
    cJSON_AddStringToObject(cJSON_AddObjectToObject(m, "acknowledged"), "by", text);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(m, "alerts"), alert);
    for (size_t i = 0; i < sizeof top / sizeof *top; i++)
        cJSON_AddStringToObject(alert, top[i], text);
    cJSON_AddStringToObject(cJSON_AddObjectToObject(alert, "labels"), text, text);
    cJSON_AddStringToObject(alert, "fingerprint", text);
    return m;
}

/* --- mail --------------------------------------------------------------------------------------- */

static bool is_ours(const char *line, unsigned *seen) {
    static const char *const names[] = {"Date:",
                                        "From:",
                                        "To:",
                                        "Cc:",
                                        "Subject:",
                                        "Message-ID:",
                                        "In-Reply-To:",
                                        "References:",
                                        "Auto-Submitted:",
                                        "List-Id:",
                                        "X-Trueup-Event:",
                                        "X-Auto-Response-Suppress:",
                                        "MIME-Version:",
                                        "Content-Type:",
                                        "X-Trueup-Status:",
                                        "X-Trueup-Severity:",
                                        "X-Trueup-Possible-Duplicate:",
                                        "Content-Transfer-Encoding:"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (strncmp(line, names[i], strlen(names[i])) != 0)
            continue;
        bool first = !(*seen & 1u << i);
        *seen |= 1u << i;
        return first;
    }
    return *line == ' ';
}

static void check_mail(const tu_out *mail) {
    bool in_headers = true;
    unsigned seen = 0;
    for (const char *line = mail->text, *end; *line; line = end + 2) {
        end = strstr(line, "\r\n");
        require(end != NULL, "a line has no end", line);
        size_t n = (size_t)(end - line);
        require(n <= 78, "a line is too long", line);
        for (size_t i = 0; i < n; i++)
            require((line[i] >= ' ' && line[i] <= '~') || line[i] == '\t',
                    "a byte that isn't printable ASCII", line);
        if (n == 0)
            in_headers = false;
        require(!in_headers || is_ours(line, &seen), "a header that isn't ours, or twice", line);
    }
    require(strlen(mail->text) == mail->n, "a NUL", mail->text);
}

static void try_mail(const settings *s, const cJSON *message, const char *text) {
    for (unsigned variant = 0; variant < 4; variant++) {
        content c = {.message = message,
                     .key = text,
                     .before = text,
                     .uncertain = (variant & 1) != 0,
                     .brief = (variant & 2) != 0};
        char id[ID_ROOM];
        tu_out out;
        tu_out_init(&out, MAIL_LIMIT);
        require(content_make(s, &c, &out, id), "no mail", text);
        check_mail(&out);
        tu_out_done(&out);
    }
}

static void try_address(const char *text) {
    mime_address a;
    if (!mime_address_read(text, &a)) {
        tu_out out;
        tu_out_init(&out, 65536);
        require(!strpbrk(a.address, "\r\n<> ,;\""), "an address that breaks out", text);
        mime_add_addresses(&out, "To", &a, 1);
        require(out.n && !memcmp(out.text, "To: ", 4), "no header", text);
        const char *end = strstr(out.text, "\r\n");
        for (; end[2]; end = strstr(end + 2, "\r\n"))
            require(end[2] == ' ', "an address began a header", out.text);
        tu_out_done(&out);
    }
    mime_address_done(&a);
}

/* --- Alertmanager ------------------------------------------------------------------------------- */

static void try_alerts(const cJSON *message, const char *text) {
    alerts_options o = {.language = tu_language_named("ko"),
                        .ends_after_s = 60,
                        .now_s = 1800000000,
                        .reference = text};
    char reference[REFERENCE_ROOM], *json = alerts_make(message, &o, reference);
    cJSON *list = cJSON_Parse(json);
    const cJSON *item, *label;
    require(cJSON_IsArray(list), "no JSON", json);
    cJSON_ArrayForEach(item, list) {
        cJSON_ArrayForEach(label, cJSON_GetObjectItemCaseSensitive(item, "labels")) {
            const char *n = label->string;
            require(
                *n && !(*n >= '0' && *n <= '9') &&
                    n[strspn(n,
                             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] ==
                        '\0',
                "a label's name", n);
            require(*label->valuestring != 0, "a label without a value", n);
        }
    }
    cJSON_Delete(list);
    cJSON_free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static settings s;
    static const char config[] =
        "{\"server\":\"smtp://localhost\",\"from\":\"t "
        "<trueup@example.com>\",\"to\":[\"ops@example.com\"],\"language\":\"en\"}";
    char *text = strndup((const char *)data, size);
    cJSON *message = cJSON_ParseWithLength((const char *)data, size);
    tu_http_error error;
    if (!s.url)
        require(settings_read((tu_str){config, sizeof config - 1}, &s, &error) == TU_OK, "settings",
                error.message);
    if (!cJSON_IsObject(message)) {
        cJSON_Delete(message);
        message = message_of(text);
    }
    try_mail(&s, message, text);
    try_alerts(message, text);
    try_address(text);
    cJSON_Delete(message);
    free(text);
    return 0;
}
