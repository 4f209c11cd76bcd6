/*
 * base/log.h: what the program tells its operator, one line an event, on standard error.
 *
 * Text ("12:00:01 warning  source can't be read  source=shop error=...") or JSON lines. Library
 * code below the engine is silent and returns errors; only the engine and the commands log. Control
 * characters are escaped. Thread-safe.
 */
#ifndef TU_BASE_LOG_H
#define TU_BASE_LOG_H

#include <stdbool.h>
#include <trueup/plugin.h>

typedef enum { TU_LOG_TEXT, TU_LOG_JSON } tu_log_format;

void tu_log_setup(tu_log_format format, int level,
                  bool color); /* level: TU_LOG_DEBUG ... TU_LOG_ERROR of plugin.h */
bool tu_log_enabled(int level);
/* Pairs of C strings, then NULL: tu_log(TU_LOG_WARN, "source can't be read", "source", name,
 * "error", text, NULL). A NULL value prints as empty. */
void tu_log(int level, const char *message, ...) __attribute__((sentinel));
/* As tu_log with the fields as a JSON object text (for plugins). */
void tu_log_json(int level, const char *component, tu_str message, tu_str fields);
/* Tests: every line goes to sink(arg, line) instead of standard error; NULL restores. */
void tu_log_capture(void (*sink)(void *arg, const char *line), void *arg);

#endif
