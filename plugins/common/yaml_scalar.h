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

/* number: the JSON text where it is a number; what doesn't fit there is a string. */
yaml_scalar yaml_scalar_read(const char *text, char *number, size_t room);

#endif
