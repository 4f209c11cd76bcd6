/*
 * notifier-email/html.h: the HTML part of one message. No image, no script, no link to elsewhere: it
 * shows the same in every mail program, and opening it tells nobody.
 */
#ifndef NOTIFIER_EMAIL_HTML_H
#define NOTIFIER_EMAIL_HTML_H

#include "settings.h"

void html_add(const settings *s, const cJSON *message, tu_out *o);

#endif
