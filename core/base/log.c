/*
 * base/log.c: log lines.
 *
 * A line is made in a buffer of its own and written with one write(), so that lines of several
 * threads and processes don't mix. A value that would make the line longer than TU_LIMIT_LOG_BYTES
 * is cut and ends in "...", so a JSON line is always one valid document. Nothing that a terminal
 * would obey (C0 and C1 controls, bidirectional overrides) gets out.
 */
#include "base/log.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

static struct {
    pthread_mutex_t lock; /* guards the line's way out and the sink */
    tu_log_format format;
    int level;
    bool color;
    void (*sink)(void *arg, const char *line);
    void *sink_arg;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = TU_LOG_INFO};

static const struct level {
    const char *name, *color;
} levels[] = {{"debug", "\x1b[2m"}, {"info", ""}, {"warning", "\x1b[33m"}, {"error", "\x1b[31m"}};

static const struct level *level_of(int level) {
    if (level < TU_LOG_DEBUG)
        level = TU_LOG_DEBUG;
    return &levels[level > TU_LOG_ERROR ? TU_LOG_ERROR : level];
}

void tu_log_setup(tu_log_format format, int level, bool color) {
    pthread_mutex_lock(&state.lock);
    state.format = format;
    __atomic_store_n(&state.level, level, __ATOMIC_RELAXED);
    state.color = color;
    pthread_mutex_unlock(&state.lock);
}

bool tu_log_enabled(int level) {
    return level >= __atomic_load_n(&state.level, __ATOMIC_RELAXED);
}

void tu_log_capture(void (*sink)(void *arg, const char *line), void *arg) {
    pthread_mutex_lock(&state.lock);
    state.sink = sink;
    state.sink_arg = arg;
    pthread_mutex_unlock(&state.lock);
}

/* --- text ------------------------------------------------------------------------------------- */

static void add_visible(tu_buf *b, tu_str s) {
    for (size_t i = 0, n; i < s.n; i += n) {
        tu_str rest = {s.p + i, s.n - i};
        if (!tu_str_is_control(rest, &n))
            tu_buf_add(b, (tu_str){rest.p, n});
        else if (rest.p[0] == '\n')
            tu_buf_add(b, TU_S("\\n"));
        else if (rest.p[0] == '\t')
            tu_buf_add(b, TU_S("\\t"));
        else
            for (size_t k = 0; k < n; k++)
                tu_buf_addf(b, "\\x%02x", (unsigned char)rest.p[k]);
    }
}

static void add_text_value(tu_buf *b, tu_str s) {
    bool quoted = s.n == 0;
    for (size_t i = 0; i < s.n && !quoted; i++)
        quoted = s.p[i] == ' ' || s.p[i] == '"' || s.p[i] == '=';
    if (!quoted) {
        add_visible(b, s);
        return;
    }
    tu_buf_add_byte(b, '"');
    for (size_t i = 0; i < s.n;) {
        size_t plain = i;
        while (i < s.n && s.p[i] != '"' && s.p[i] != '\\')
            i++;
        add_visible(b, (tu_str){s.p + plain, i - plain});
        if (i < s.n)
            tu_buf_addf(b, "\\%c", s.p[i++]);
    }
    tu_buf_add_byte(b, '"');
}

/* --- fields ----------------------------------------------------------------------------------- */

typedef struct line {
    tu_buf text;
    tu_log_format format;
    bool color;
} line;

enum { LINE_END_ROOM = 16 }; /* what closes a line always has room */

static void add_value(line *l, tu_str value) {
    if (l->format == TU_LOG_JSON)
        tu_buf_add_json_string(&l->text, value);
    else
        add_text_value(&l->text, value);
}

/* The value, cut where the line would become too long. An escaped byte takes at most six. */
static void add_bounded(line *l, tu_str value) {
    size_t mark = l->text.n;
    add_value(l, value);
    if (l->text.rc == TU_OK && l->text.n <= TU_LIMIT_LOG_BYTES - LINE_END_ROOM)
        return;
    l->text.n = mark;
    if (l->text.rc == TU_EINVALID)
        l->text.rc = TU_OK;
    size_t room = TU_LIMIT_LOG_BYTES > mark + 2 * LINE_END_ROOM
                      ? (TU_LIMIT_LOG_BYTES - mark - 2 * LINE_END_ROOM) / 6
                      : 0;
    if (room > value.n)
        room = value.n;
    while (room > 0 && ((unsigned char)value.p[room] & 0xc0) == 0x80)
        room--; /* not within a character */
    tu_buf cut = TU_BUF_INIT(TU_LIMIT_LOG_BYTES);
    tu_buf_add(&cut, (tu_str){value.p, room});
    tu_buf_add_c(&cut, "...");
    add_value(l, tu_buf_str(&cut));
    tu_buf_done(&cut);
}

static void add_field(line *l, const char *key, tu_str value) {
    if (l->text.n + strlen(key) + 4 * LINE_END_ROOM > TU_LIMIT_LOG_BYTES)
        return; /* the line is full: the value before was cut */
    if (l->format == TU_LOG_JSON) {
        tu_buf_add_byte(&l->text, ',');
        tu_buf_add_json_string(&l->text, tu_str_c(key));
        tu_buf_add_byte(&l->text, ':');
    } else {
        tu_buf_add_c(&l->text, "  ");
        add_visible(&l->text, tu_str_c(key));
        tu_buf_add_byte(&l->text, '=');
    }
    add_bounded(l, value);
}

static void begin(line *l, int level, tu_str message) {
    pthread_mutex_lock(&state.lock);
    *l = (line){.format = state.format, .color = state.color && state.sink == NULL};
    pthread_mutex_unlock(&state.lock);
    tu_buf_init(&l->text, (size_t)TU_LIMIT_LOG_BYTES * 2);
    const struct level *name = level_of(level);
    tu_clock clock = tu_clock_real();
    char time_text[32];
    if (l->format == TU_LOG_JSON) {
        tu_time_format(tu_clock_wall(&clock), time_text);
        tu_buf_addf(&l->text, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", time_text,
                    name->name);
        add_bounded(l, message);
        return;
    }
    time_t seconds = (time_t)(tu_clock_wall(&clock) / 1000);
    struct tm local;
    if (localtime_r(&seconds, &local) == NULL ||
        strftime(time_text, sizeof time_text, "%H:%M:%S", &local) == 0)
        time_text[0] = '\0';
    tu_buf_addf(&l->text, "%s%s %-7s%s  ", l->color ? name->color : "", time_text, name->name,
                l->color && name->color[0] ? "\x1b[0m" : "");
    if (message.n > TU_LIMIT_LOG_BYTES / 8)
        message.n = TU_LIMIT_LOG_BYTES / 8;
    add_visible(&l->text, message);
}

static void end(line *l) {
    if (l->format == TU_LOG_JSON)
        tu_buf_add_byte(&l->text, '}');
    pthread_mutex_lock(&state.lock);
    if (state.sink) {
        state.sink(state.sink_arg, tu_buf_c(&l->text));
    } else {
        tu_buf_add_byte(&l->text, '\n');
        tu_str rest = tu_buf_str(&l->text);
        while (rest.n > 0) {
            ssize_t n = write(STDERR_FILENO, rest.p, rest.n);
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                break; /* there is nobody to tell */
            rest = (tu_str){rest.p + n, rest.n - (size_t)n};
        }
    }
    pthread_mutex_unlock(&state.lock);
    tu_buf_done(&l->text);
}

void tu_log(int level, const char *message, ...) {
    if (!tu_log_enabled(level))
        return;
    line l;
    begin(&l, level, tu_str_c(message));
    va_list args;
    va_start(args, message);
    for (const char *key; (key = va_arg(args, const char *)) != NULL;)
        add_field(&l, key, tu_str_c(va_arg(args, const char *)));
    va_end(args);
    end(&l);
}

void tu_log_json(int level, const char *component, tu_str message, tu_str fields) {
    if (!tu_log_enabled(level))
        return;
    line l;
    begin(&l, level, message);
    add_field(&l, "component", tu_str_c(component));
    cJSON *object = fields.n && fields.n <= TU_LIMIT_LOG_BYTES
                        ? cJSON_ParseWithLength(fields.p, fields.n)
                        : NULL;
    if (cJSON_IsObject(object)) {
        const cJSON *item;
        cJSON_ArrayForEach(item, object) {
            char *printed = cJSON_IsString(item) ? NULL : cJSON_PrintUnformatted(item);
            add_field(&l, item->string, tu_str_c(printed ? printed : cJSON_GetStringValue(item)));
            free(printed);
        }
    } else if (fields.n) {
        add_field(&l, "fields", fields);
    }
    cJSON_Delete(object);
    end(&l);
}
