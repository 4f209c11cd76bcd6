/*
 * value/yaml_scalar.h: what the text of a YAML scalar means. For yaml.c and its tests.
 */
#ifndef TU_VALUE_YAML_SCALAR_H
#define TU_VALUE_YAML_SCALAR_H

#include "value/yaml.h"

/* The tags that a scalar may carry. TU_TAG_NONE: plain text decides by itself; quoted text is a
 * string. */
typedef enum {
    TU_TAG_NONE,
    TU_TAG_STR,
    TU_TAG_INT,
    TU_TAG_FLOAT,
    TU_TAG_BOOL,
    TU_TAG_NULL
} tu_scalar_tag;

/*
 * Sets type, payload and the YAML11 flag of *v to what `text` means; a string becomes a copy in the
 * arena. TU_EINVALID with a message when it isn't what its tag says, or nothing that JSON can hold
 * (.nan, .inf).
 */
tu_rc tu_yaml_scalar(tu_arena *a, tu_str text, tu_scalar_tag tag, bool plain,
                     tu_yaml_reading reading, tu_value *v, tu_error **error);
/* The same for a key: the string that JSON has in its place. A null can't be a key. */
tu_rc tu_yaml_key(tu_arena *a, tu_str text, tu_scalar_tag tag, bool plain, tu_yaml_reading reading,
                  tu_str *ret, tu_error **error);

#endif
