/* The puppet with one call at a time in each instance. */
#define PUPPET_THREADS TU_THREADS_INSTANCE
#include "puppet.h"
