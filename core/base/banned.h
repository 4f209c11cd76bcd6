/*
 * base/banned.h: functions that are too easy to get wrong don't compile. Included by every file
 * through the compiler's -include (CMakeLists.txt); the libraries' own headers are read first so
 * that they may declare them.
 */
#ifndef TU_BASE_BANNED_H
#define TU_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* macros in glibc, some only with clang and _FORTIFY_SOURCE: poisoning one would warn */
#undef alloca
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat strncpy strncat strtok sprintf vsprintf gets atoi atol atoll atof
/* not ctime: libgit2 has a member of that name */
#pragma GCC poison ctime_r asctime asctime_r gmtime localtime tmpnam mktemp
#pragma GCC poison system popen alloca sscanf

#endif
