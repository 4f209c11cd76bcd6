/*
 * compare/quantity.h: Kubernetes quantities ("1500m", "1.5Gi", "1E3"), compared as exact numbers.
 */
#ifndef TU_COMPARE_QUANTITY_H
#define TU_COMPARE_QUANTITY_H

#include "value/value.h"

/* A quantity in units of 10^-9 as a 192-bit signed integer: room for Ei with nano exactness. */
typedef struct tu_quantity {
    bool negative;
    uint32_t limbs[6]; /* magnitude, least first */
} tu_quantity;

/* False when it isn't one. Digits below nano are rounded up, away from zero, as the server does. */
bool tu_quantity_parse(tu_str s, tu_quantity *ret);
int tu_quantity_compare(const tu_quantity *a, const tu_quantity *b);

#endif
