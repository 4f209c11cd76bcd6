/* The puppet with any number of calls at a time. */
#include "puppet.h"
