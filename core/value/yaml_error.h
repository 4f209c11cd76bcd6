/*
 * value/yaml_error.h: libyaml's complaints in words that a person can act on. For yaml.c.
 */
#ifndef TU_VALUE_YAML_ERROR_H
#define TU_VALUE_YAML_ERROR_H

#include <yaml.h>

#include "base/str.h"

typedef struct tu_yaml_problem {
    size_t at; /* where: a character index, or a byte offset when in_bytes */
    bool in_bytes;
    char message[200];
    const char *hint; /* or NULL */
} tu_yaml_problem;

/* What is wrong, after yaml_parser_parse() failed with anything but memory. */
tu_yaml_problem tu_yaml_explain(const yaml_parser_t *parser, tu_str text);

#endif
