/*
 * notifier-file: one message a line, for a SIEM or whatever else reads JSON lines.
 *
 *     {"idempotencyKey":"<key>","apiVersion":"trueup.dev/v1","kind":"Alert", ... }
 *
 * The line is the message as it is, with its key in front: the same message has the same key.
 *
 * plugin.c is the configuration and the call; journal.c is the file: locking, appending, rotation.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "common/call.h"
#include "journal.h"

#define DEFAULT_BYTES 104857600.0 /* as the schema says */
#define DEFAULT_KEEP 10.0

struct tu_instance {
    const tu_host *host;
    journal journal;
};

static void destroy(tu_instance *i) {
    if (!i)
        return;
    free(i->journal.path);
    free(i);
}

static double number(const cJSON *config, const char *name, double otherwise) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(config, name);
    return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

static bool read_config(const cJSON *config, journal *j) {
    const char *path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(config, "path"));
    const char *mode = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(config, "mode"));
    j->max_bytes = (int64_t)number(config, "maxBytes", DEFAULT_BYTES);
    j->keep = (unsigned)number(config, "keep", DEFAULT_KEEP);
    j->mode = (mode_t)strtoul(mode ? mode : "0600", NULL, 8);
    j->path = path ? strdup(path) : NULL;
    return j->path != NULL;
}

static tu_rc create(const tu_host *host, tu_call *call, tu_str config, tu_instance **out) {
    cJSON *json = cJSON_ParseWithLength(config.p, config.n);
    tu_instance *i = calloc(1, sizeof *i);
    if (!i || !json || !read_config(json, &i->journal)) {
        cJSON_Delete(json);
        destroy(i);
        return call_fail(host, call, TU_EINTERNAL, "memory", "out of memory");
    }
    cJSON_Delete(json);
    size_t n = strlen(i->journal.path);
    if (n == 0 || i->journal.path[n - 1] == '/') {
        destroy(i);
        return call_fail(host, call, TU_EINVALID, "/path", "path: a file is needed, not a folder");
    }
    i->host = host;
    *out = i;
    return TU_OK;
}

static tu_rc fail(tu_instance *i, tu_call *call, const journal_error *e) {
    return call_fail(i->host, call, e->rc, e->code, "%s", e->message);
}

static tu_rc deliver(tu_instance *i, tu_call *call, tu_str message, tu_str key, tu_str context) {
    journal_error error;
    journal_waiting waiting = {i->host, call};
    (void)context;
    return journal_append(&i->journal, &waiting, message, key, &error) == TU_OK
               ? TU_OK
               : fail(i, call, &error);
}

static tu_rc probe(tu_instance *i, tu_call *call) {
    journal_error error;
    return journal_probe(&i->journal, &error) == TU_OK ? TU_OK : fail(i, call, &error);
}

/* --- the descriptor --------------------------------------------------------------------------- */

static const tu_common common = {sizeof common, create, destroy, probe};
static const tu_notifier notifier = {
    .size = sizeof notifier, .common = &common, .deliver = deliver};

static const void *vtable(const char *id) {
    return strcmp(id, "trueup.notifier/1") == 0 ? &notifier : NULL;
}

static const char schema[] =
    "{\"type\":\"object\",\"required\":[\"path\"],\"additionalProperties\":false,\"properties\":{"
    "\"path\":{\"type\":\"string\",\"minLength\":1,\"x-trueup-format\":\"path\",\"description\":"
    "\"The file; relative paths are beside the configuration. Its folder must be there\"},"
    "\"maxBytes\":{\"type\":\"integer\",\"minimum\":4096,\"maximum\":1099511627776,"
    "\"default\":104857600,\"description\":"
    "\"A file that would become larger is renamed to PATH.1, PATH.1 to PATH.2 and so on\"},"
    "\"keep\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":10,\"description\":"
    "\"How many of those are kept beside the file; older ones are removed\"},"
    "\"mode\":{\"type\":\"string\",\"pattern\":\"^0[0-7]{3}$\",\"default\":\"0600\","
    "\"description\":\"The permissions of a new file\"}"
    "}}";

const tu_plugin *trueup_plugin_v1(void) {
    static const tu_plugin plugin = {
        .size = sizeof plugin,
        .abi_minor = TU_ABI_MINOR,
        .min_host_minor = 1,
        .thread_model = TU_THREADS_PARALLEL,
        .id = "dev.trueup.notifier-file",
        .version = TRUEUP_VERSION,
        .license = "Apache-2.0",
        .summary = "Appends messages to a file as JSON lines, for a SIEM",
        .url = "https://trueup.dev",
        .config_schema = schema,
        .vtable = vtable,
    };
    return &plugin;
}
