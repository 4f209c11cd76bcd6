/*
 * notifier-webhook/template.h: header values with places in them that the message fills.
 *
 *     "trueup/{{/severity}}"     {{JSON pointer}} (RFC 6901) into the message
 *
 * A text or number stands for itself, a map or list as JSON, what isn't there as nothing: an alert
 * must not be lost for a header. Control characters become spaces, so that no value of an object
 * can add a header of its own.
 */
#ifndef WEBHOOK_TEMPLATE_H
#define WEBHOOK_TEMPLATE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#define HEADER_VALUE_LIMIT 4096u /* bytes of one rendered value */

/* May a header have this name (RFC 9110 section 5.6.2)? */
bool header_name_is_valid(const char *name);
/* NULL when the template can be used, otherwise what is wrong with it. */
const char *template_check(const char *text);
/* malloc'd; NULL when memory is exhausted. */
char *template_render(const char *text, const cJSON *message);

#endif
