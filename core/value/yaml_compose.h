/*
 * value/yaml_compose.h: one part of a stream to values, by libyaml. For yaml.c.
 */
#ifndef TU_VALUE_YAML_COMPOSE_H
#define TU_VALUE_YAML_COMPOSE_H

#include "value/yaml.h"

/* As tu_yaml_parse(); the part is within the limits of size. */
tu_rc tu_yaml_compose(tu_arena *a, tu_yaml_part part, tu_yaml_reading reading, const char *file,
                      tu_value **ret, tu_error **error);

#endif
