/*
 * common/template.h: the one template language of all channels: small, safe, checked before use.
 *
 *   {{summary}} {{counts.firing}} {{object.kind}}   a field of the message (core/alert/alert.h); "/a/b" is
 *                                                   a JSON pointer to the same
 *   {{summary | upper}} {{startsAt | date "%H:%M" "Asia/Seoul"}} {{note | default "-"}} {{text | cut 80}}
 *                                                   filters, from left to right: upper lower cut default date
 *                                                   duration json url count code (see below)
 *   {{#if severity == "critical"}} ... {{else}} ... {{/if}}       also !=, and a field alone: is it there and not empty?
 *   {{#each alerts}} {{@number}} {{summary}} ... {{/each}}         limit: {{#each alerts 5}}
 *   {{#if alerts}} ... {{/if}}  {{#each labels}} {{@key}}: {{this}}{{#if @last}}.{{/if}} {{/each}}    also @first, and {{else}} of an empty each
 *   {{! a comment }}   {{{{  is  {{             a tag of a block that stands alone on a line takes the line with it
 *
 * A name is looked for in the items of the each around it, from the innermost, then in fields, then in the message; a pointer always
 * begins at the message. `json` writes the value as JSON and stands outside of quotes: its own are in it. `code` is for text between ``` and ```.
 * `duration` is of seconds: "3h 20m". In {{#if}}, 0 and false are nothing.
 *
 * A template can't loop without end, read a file, the environment or the network: it sees the message and nothing else. Its
 * output and its steps are limited. A field that no message has, a filter that isn't there, a block without end are found
 * by tu_template_parse(), with the place. A field that this message doesn't have is nothing: an alert isn't lost for a template.
 *
 * Where it goes decides how values are made harmless: every value, never the template's own text, goes through the
 * sink's escape. Texts come without control characters in any case.
 */
#ifndef TU_PLUGINS_TEMPLATE_H
#define TU_PLUGINS_TEMPLATE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct tu_template tu_template;

/* What is wrong and where: line and column from 1 in the template's text. */
typedef struct tu_template_error {
    unsigned line, column;
    char message[240];
} tu_template_error;

/* extra: names of fields beside those of the message ("title", "body"), NULL at the end; may be NULL. NULL on failure. Immutable;
 * may be used from any thread. */
tu_template *tu_template_parse(const char *text, size_t n, const char *const *extra,
                               tu_template_error *error);
void tu_template_free(tu_template *t); /* takes NULL */

/* A growing text, NUL-terminated. Failed: it was cut at the limit, between two characters, and takes nothing more; or memory is
 * exhausted, then text is NULL. */
typedef struct tu_out {
    char *text;
    size_t n, room, limit;
    bool failed;
} tu_out;
void tu_out_init(tu_out *o, size_t limit);
void tu_out_done(tu_out *o);
void tu_out_add(tu_out *o, const char *bytes, size_t n);
void tu_out_add_c(tu_out *o, const char *text);
/* Without what people can't see: control characters, and those that turn or hide text, become escapes. lines: line breaks and
 * tabs stay. */
void tu_out_add_visible(tu_out *o, const char *text, size_t n, bool lines);

/* How a channel makes a value harmless. */
typedef void tu_escape(tu_out *o, const char *value, size_t n);
void tu_escape_none(tu_out *o, const char *value, size_t n);
void tu_escape_html(tu_out *o, const char *value, size_t n); /* & < > " ' */
void tu_escape_slack(tu_out *o, const char *value,
                     size_t n); /* & < >, and what mentions or links */
void tu_escape_markdown(tu_out *o, const char *value, size_t n);
void tu_escape_json(tu_out *o, const char *value, size_t n); /* inside a JSON string */
void tu_escape_header(tu_out *o, const char *value,
                      size_t n); /* one line of visible ASCII and UTF-8 */
void tu_escape_url(tu_out *o, const char *value, size_t n); /* percent-encoding */
/* For a chat's text inside a JSON string. */
void tu_escape_html_json(tu_out *o, const char *value, size_t n);
void tu_escape_slack_json(tu_out *o, const char *value, size_t n);
void tu_escape_markdown_json(tu_out *o, const char *value, size_t n);

/* message and fields: objects; a name is looked for in the innermost each's item, then in fields, then in message. False: out->failed, cut at the
 * limit or without memory. */
bool tu_template_render(const tu_template *t, const cJSON *message, const cJSON *fields,
                        tu_escape *escape, tu_out *out);

#endif
