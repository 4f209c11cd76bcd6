/*
 * example-notifier.c: a whole plugin, as a third party would write it: appends each message to a
 * file, a line each. It includes nothing of trueup but the public header.
 *
 *     cc -shared -fPIC $(pkg-config --cflags trueup-plugin) -o notifier-file.so example-notifier.c
 *
 * and in trueup's configuration
 *
 *     kind: Plugin     metadata: {name: file}   spec: {path: ./notifier-file.so, sha256: ...}
 *     kind: Notifier   metadata: {name: ops}    spec: {plugin: file, config: {path: messages}}
 *
 * Rules of the house: no state but the instance's; a call may come from any thread; TU_THREADS_SERIAL
 * asks for one at a time. What went wrong is said with fail(), whose class decides whether the core
 * tries again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <trueup/plugin.h>
#include <unistd.h>

struct tu_instance {
    const tu_host *host;
    char path[4096];
};

static tu_str text(const char *s) {
    return (tu_str){s, strlen(s)};
}

/* The host has checked config against the schema below, so "path" is there and a string. A real
 * plugin would use a JSON library; this one path without escapes is found by hand. */
static tu_rc create(const tu_host *h, tu_call *c, tu_str config, tu_instance **out) {
    static const char key[] = "\"path\":\"";
    char *copy = strndup(config.p, config.n);
    char *begin = copy ? strstr(copy, key) : NULL;
    char *end = begin ? strchr(begin + sizeof key - 1, '"') : NULL;
    tu_instance *i = calloc(1, sizeof *i);
    size_t n = end ? (size_t)(end - begin) - (sizeof key - 1) : 0;
    if (!i || !end || n >= sizeof i->path) {
        free(copy);
        free(i);
        return h->fail(c, TU_EINVALID, 0, text("bad-path"), text("path can't be used"));
    }
    i->host = h;
    memcpy(i->path, begin + sizeof key - 1, n);
    free(copy);
    *out = i;
    return TU_OK;
}

static void destroy(tu_instance *i) {
    free(i);
}

static tu_rc send_message(tu_instance *i, tu_call *c, tu_str message, tu_str key) {
    int fd = open(i->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return i->host->fail(c, TU_EUNAVAILABLE, 0, text("unwritable"), text(strerror(errno)));
    int whole = write(fd, message.p, message.n) == (ssize_t)message.n && write(fd, "\n", 1) == 1;
    if (close(fd) != 0 || !whole)
        return i->host->fail(c, TU_EUNAVAILABLE, 0, text("unwritable"),
                             text("not all was written"));
    (void)key; /* the same key comes with the same message, where a receiver can tell */
    return i->host->emit(c, TU_REC_DELIVERED, 0, text("{\"reference\":\"\"}"), (tu_str){NULL, 0});
}

static const tu_common common = {sizeof common, create, destroy, NULL};
static const tu_notifier notifier = {
    .size = sizeof notifier, .common = &common, .send = send_message};

static const void *vtable(const char *id) {
    return strcmp(id, "trueup.notifier/1") == 0 ? &notifier : NULL;
}

const tu_plugin *trueup_plugin_v1(void) {
    static const tu_plugin plugin = {
        .size = sizeof plugin,
        .abi_minor = TU_ABI_MINOR,
        .thread_model = TU_THREADS_SERIAL,
        .id = "com.example.notifier-file",
        .version = "1.0.0",
        .license = "Apache-2.0",
        .summary = "appends messages to a file",
        .url = "https://example.com/notifier-file",
        .config_schema = "{\"type\":\"object\",\"required\":[\"path\"],"
                         "\"additionalProperties\":false,\"properties\":{\"path\":{\"type\":"
                         "\"string\",\"description\":\"where messages are kept\"}}}",
        .vtable = vtable,
    };
    return &plugin;
}
