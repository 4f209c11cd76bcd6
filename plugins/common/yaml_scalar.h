/*
 * common/yaml_scalar.h: what a plain YAML scalar means to Kubernetes' readers (YAML 1.1 as go-yaml
 * v2 reads it, resolve.go).
 */
#ifndef COMMON_YAML_SCALAR_H
#define COMMON_YAML_SCALAR_H

#include <stddef.h>

typedef enum {
    YAML_SCALAR_STRING,
    YAML_SCALAR_NULL,
    YAML_SCALAR_TRUE,
    YAML_SCALAR_FALSE,
    YAML_SCALAR_NUMBER,
    YAML_SCALAR_NOT_JSON /* .inf, .nan */
} yaml_scalar;

/* Longer numbers are texts in YAML and errors in JSON: nobody means one, and doubles end at 309
 * digits. */
#define YAML_NUMBER_BYTES 400

/* number: YAML_NUMBER_BYTES of room; the JSON text where it is a number; what doesn't fit there is
 * a string. */
yaml_scalar yaml_scalar_read(const char *text, char *number, size_t room);

#endif
