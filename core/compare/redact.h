/*
 * compare/redact.h: takes sealed values out of words that come from outside.
 *
 * A target that refuses an object says why, and may repeat what it was sent: an admission policy's
 * message, a webhook's. Where such words become a reason, a log line or a message, no secret may be
 * in them.
 */
#ifndef TU_COMPARE_REDACT_H
#define TU_COMPARE_REDACT_H

#include "base/error.h"
#include "value/value.h"

/* Puts "<sealed>" in the place of every sealed value of the object (which may be NULL) in the error's
 * message and hint, as it stands there and as the bytes that its base64 stands for. Values of fewer
 * than four bytes are left: they stand in any text. When memory is exhausted, the whole text goes. */
void tu_redact_error(tu_error *e, const tu_value *object);

#endif
