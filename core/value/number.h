/*
 * value/number.h: JSON numbers as exact decimals.
 *
 * tu_number_compare() itself is declared in value/value.h; this is what value.c needs beside it.
 */
#ifndef TU_VALUE_NUMBER_H
#define TU_VALUE_NUMBER_H

#include "value/value.h"

/* Equal for numbers that tu_number_compare() calls equal. v is a TU_INTEGER or a TU_NUMBER. */
uint64_t tu_number_hash(const tu_value *v, uint64_t seed);

#endif
