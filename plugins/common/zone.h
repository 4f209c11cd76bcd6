/*
 * common/zone.h: time zones, for people who read messages; from the system's zone files (RFC 9636).
 *
 * The C library's own functions know one zone for the whole process; here every reader has its own.
 */
#ifndef TU_PLUGINS_ZONE_H
#define TU_PLUGINS_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct zone zone;

/* "Asia/Seoul", "UTC". NULL: no such zone, or its file can't be used. TZDIR, then /usr/share/zoneinfo. */
zone *zone_open(const char *name);
/* The content of a zone file; copies what it keeps. */
zone *zone_parse(const void *bytes, size_t n);
void zone_free(zone *z); /* takes NULL */
/* Seconds to add to UTC at that moment; *ret_name (may be NULL) is "KST". z NULL: UTC. */
int32_t zone_offset(const zone *z, int64_t unix_seconds, const char **ret_name);

/* For who keeps several. */
zone *zone_next(const zone *z);
void zone_set_next(zone *z, zone *next);

/* A moment in RFC 3339 to seconds. False: it is none. */
bool zone_read_time(const char *text, int64_t *ret);
typedef struct zone_date {
    int64_t year;
    int month, day, hour, minute, second, weekday; /* month 1-12, weekday 0 is Sunday */
    int year_day;                                  /* from 0 */
} zone_date;
/* The calendar's date of seconds since 1970, without any zone. */
void zone_date_of(int64_t seconds, zone_date *ret);

#endif
