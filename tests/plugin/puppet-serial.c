/* The puppet with one call at a time in the library; it can have no watch. */
#define PUPPET_SERIAL
#define PUPPET_THREADS TU_THREADS_SERIAL
#define PUPPET_WATCH NULL
#include "puppet.h"
