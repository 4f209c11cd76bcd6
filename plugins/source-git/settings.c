/*
 * source-git/settings.c: the configuration's schema and what a schema can't say.
 *
 * To add a setting: a property in the schema, a member in settings.h, a line in
 * tu_git_settings_read, a line in README.
 */
#include "settings.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <git2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"

const char tu_git_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"url\"],\"properties\":{"
    "\"url\":{\"type\":\"string\",\"minLength\":1,\"description\":\"https://, http://, ssh://, "
    "user@host:path, file:// or a path\"},"
    "\"branch\":{\"type\":\"string\",\"minLength\":1,\"description\":\"follow this branch; without "
    "branch, tag "
    "and commit: the repository's HEAD\"},"
    "\"tag\":{\"type\":\"string\",\"minLength\":1,\"description\":\"stay at this tag\"},"
    "\"commit\":{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{40}$\",\"description\":\"stay at this "
    "commit: all 40 "
    "digits, lower case\"},"
    "\"interval\":{\"type\":\"string\",\"x-trueup-format\":\"duration\",\"description\":\"how "
    "often to ask for "
    "a new revision (the host reads it)\"},"
    "\"auth\":{\"type\":\"object\",\"additionalProperties\":false,\"description\":\"login for "
    "http(s)\",\"properties\":{"
    "\"token\":{\"type\":\"string\",\"x-trueup-secret\":true,\"description\":\"access token; sent "
    "as the password "
    "of username\"},"
    "\"username\":{\"type\":\"string\",\"description\":\"with password, or with a token where the "
    "server wants a "
    "certain name (default x-access-token)\"},"
    "\"password\":{\"type\":\"string\",\"x-trueup-secret\":true}}},"
    "\"ssh\":{\"type\":\"object\",\"additionalProperties\":false,\"description\":\"login for ssh; "
    "without it the "
    "user's own ssh setup holds\",\"properties\":{"
    "\"privateKey\":{\"type\":\"string\",\"x-trueup-secret\":true,\"description\":\"the key's "
    "text, without a "
    "passphrase\"},"
    "\"knownHosts\":{\"type\":\"string\",\"description\":\"a known_hosts file's path, or its "
    "lines\"}}},"
    "\"caFile\":{\"type\":\"string\",\"x-trueup-format\":\"path\",\"description\":\"PEM "
    "certificates to trust for "
    "https instead of the system's\"},"
    "\"timeout\":{\"type\":\"string\",\"x-trueup-format\":\"duration\",\"default\":\"30s\","
    "\"description\":\"how "
    "long the server may be silent\"}}}";

__attribute__((format(printf, 3, 4))) static bool refuse(char *problem, size_t room,
                                                         const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(problem, room, format, arguments);
    va_end(arguments);
    return false;
}

/* "1m30s", "500ms", "2h" in milliseconds; 0 when it isn't one. */
static int64_t duration_ms(const char *s) {
    int64_t total = 0;
    while (*s != '\0') {
        char *end = NULL;
        if (!isdigit((unsigned char)*s)) {
            return 0;
        }
        long long n = strtoll(s, &end, 10);
        size_t unit = strspn(end, "hms");
        int64_t each = unit == 1 && *end == 'h'                  ? 3600000
                       : unit == 1 && *end == 'm'                ? 60000
                       : unit == 1 && *end == 's'                ? 1000
                       : unit == 2 && strncmp(end, "ms", 2) == 0 ? 1
                                                                 : 0;
        if (each == 0 || n > 1000000) {
            return 0;
        }
        total += n * each;
        s = end + unit;
    }
    return total;
}

static char *text(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    const char *s = cJSON_GetStringValue(item);
    return s == NULL || s[0] == '\0' ? NULL : strdup(s);
}

/* branch, tag, commit: at most one of them, with a name that Git allows. */
static bool read_wanted(const cJSON *config, tu_git_settings *s, char *problem, size_t room) {
    static const struct {
        const char *key, *prefix;
        tu_git_wanted wanted;
    } keys[] = {{"branch", "refs/heads/", TU_GIT_BRANCH},
                {"tag", "refs/tags/", TU_GIT_TAG},
                {"commit", "", TU_GIT_COMMIT}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char *name = text(config, keys[i].key);
        if (name == NULL) {
            continue;
        }
        if (s->name != NULL) {
            free(name);
            return refuse(problem, room, "only one of branch, tag and commit can be given");
        }
        size_t prefix = strlen(keys[i].prefix);
        if (prefix > 0 && strncmp(name, keys[i].prefix, prefix) == 0) {
            memmove(name, name + prefix, strlen(name + prefix) + 1);
        }
        s->wanted = keys[i].wanted;
        s->name = name;
        char full[TU_GIT_LIMIT_REF_BYTES + 32];
        int valid = 0;
        (void)snprintf(full, sizeof full, "%s%s", keys[i].prefix, name);
        if (strlen(name) > TU_GIT_LIMIT_REF_BYTES ||
            (prefix > 0 && (git_reference_name_is_valid(&valid, full) != 0 || valid != 1))) {
            return refuse(problem, room, "\"%.200s\" can't be the name of a %s", name, keys[i].key);
        }
        git_oid id;
        if (prefix == 0 && (strlen(name) != GIT_OID_HEXSZ || git_oid_fromstr(&id, name) != 0)) {
            return refuse(problem, room, "commit must have all 40 digits of its name");
        }
    }
    return true;
}

static bool read_login(const cJSON *config, tu_git_settings *s, char *problem, size_t room) {
    const cJSON *auth = cJSON_GetObjectItemCaseSensitive(config, "auth");
    const cJSON *ssh = cJSON_GetObjectItemCaseSensitive(config, "ssh");
    s->token = text(auth, "token");
    s->username = text(auth, "username");
    s->password = text(auth, "password");
    s->private_key = text(ssh, "privateKey");
    s->known_hosts = text(ssh, "knownHosts");
    s->ca_file = text(config, "caFile");
    bool http = s->address.scheme == TU_GIT_HTTP;
    if (!http && (s->token != NULL || s->username != NULL || s->password != NULL)) {
        return refuse(problem, room, "auth is for http(s) only; ssh logs in with ssh.privateKey");
    }
    if (!http && s->ca_file != NULL) {
        return refuse(problem, room, "caFile is for https only");
    }
    if (s->address.scheme != TU_GIT_SSH && (s->private_key != NULL || s->known_hosts != NULL)) {
        return refuse(problem, room,
                      "the ssh settings need an ssh url (ssh://... or user@host:path)");
    }
    if (s->token != NULL && s->password != NULL) {
        return refuse(problem, room, "auth.token and auth.password can't both be given");
    }
    if (s->token == NULL && (s->username != NULL) != (s->password != NULL)) {
        return refuse(problem, room, "auth.username and auth.password belong together");
    }
    return true;
}

bool tu_git_settings_read(tu_str config, tu_git_settings *ret, char *problem, size_t room) {
    *ret = (tu_git_settings){.timeout_ms = 30000};
    cJSON *json = cJSON_ParseWithLength(config.p, config.n);
    if (!cJSON_IsObject(json)) {
        cJSON_Delete(json);
        return refuse(problem, room, "the configuration isn't a JSON object");
    }
    char *url = text(json, "url"), *timeout = text(json, "timeout");
    char why[256] = "it is missing";
    bool ok = url != NULL && tu_git_address_parse(url, &ret->address, why, sizeof why);
    if (!ok) {
        (void)refuse(problem, room, "url: %s", why); /* the url itself may hold a password */
    }
    ok = ok && read_wanted(json, ret, problem, room) && read_login(json, ret, problem, room);
    if (ok && timeout != NULL) {
        ret->timeout_ms = duration_ms(timeout);
        ok = (ret->timeout_ms >= 1000 && ret->timeout_ms <= 3600000) ||
             refuse(problem, room, "timeout must be a duration from 1s to 1h");
    }
    free(url);
    free(timeout);
    cJSON_Delete(json);
    return ok;
}

void tu_git_settings_done(tu_git_settings *s) {
    tu_git_address_done(&s->address);
    char *all[] = {s->name,        s->token,       s->username, s->password,
                   s->private_key, s->known_hosts, s->ca_file};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
    *s = (tu_git_settings){0};
}
