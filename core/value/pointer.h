/*
 * value/pointer.h: paths into values.
 *
 * A path is written as a JSON pointer (RFC 6901: "/" between steps, "~1" for "/", "~0" for "~"). A
 * list item is written by key where the list has keys ("/spec/containers/[name=app]/image", several
 * keys with commas, names and values escaped as steps are and "]", "," and "\" with "\", in names
 * "=" too), by value in sets ("/metadata/finalizers/[=x]"), by index otherwise.
 */
#ifndef TU_VALUE_POINTER_H
#define TU_VALUE_POINTER_H

#include "base/buf.h"
#include "value/value.h"

/* Appends "/" and the escaped step. */
void tu_pointer_add(tu_buf *b, tu_str step);
/* Appends a list item's step: "/[" names "]"; n names with their values, or one empty name for an
 * item of a set ("/[=x]"). */
void tu_pointer_add_item(tu_buf *b, const tu_str *names, const tu_str *values, size_t n);
/* Follows a path with names, indexes and [key=value] steps; NULL when it isn't there. */
const tu_value *tu_pointer_get(const tu_value *v, tu_str pointer);

#endif
