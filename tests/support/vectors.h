/* support/vectors.h: the vectors of the conformance corpus (tests/corpus/vectors/NAME). */
#ifndef TESTS_SUPPORT_VECTORS_H
#define TESTS_SUPPORT_VECTORS_H

#include "value/value.h"

/* The whole document, in the arena; fails the test when it can't be read. */
tu_value *test_vectors_read(tu_arena *a, const char *name);

#endif
