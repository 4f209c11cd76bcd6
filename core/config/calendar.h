/*
 * config/calendar.h: the Gregorian calendar as arithmetic on day numbers (days since 1970-01-01),
 * and IANA time zones.
 *
 * setenv("TZ") is no way to ask about another zone in a program with threads, so zones are read
 * from the system's TZif files (RFC 8536) and kept with whoever asked. "" , "UTC" and "Etc/UTC"
 * work without any file. Zones are immutable and may be used from any thread.
 */
#ifndef TU_CONFIG_CALENDAR_H
#define TU_CONFIG_CALENDAR_H

#include "base/arena.h"
#include "base/error.h"
#include <stdbool.h>

typedef struct tu_date {
    int64_t year;
    unsigned month, day; /* from 1 */
} tu_date;

tu_date tu_date_of(int64_t day_number);
int64_t tu_day_number(int64_t year, unsigned month, unsigned day);
unsigned tu_weekday_of(int64_t day_number); /* 0 is Sunday */
bool tu_is_leap_year(int64_t year);

typedef struct tu_zone tu_zone;

/* Reads a zone into the arena, from $TZDIR or /usr/share/zoneinfo. An unknown name gets a
 * suggestion; where the machine has no zones at all, the error says what to install. */
tu_rc tu_zone_load(tu_arena *a, tu_str name, const tu_zone **ret, tu_error **error);
/* Parses the bytes of a TZif file; nothing of bytes is kept. */
tu_rc tu_zone_parse(tu_arena *a, tu_str bytes, const tu_zone **ret, tu_error **error);
/* Seconds east of UTC at that moment. */
int64_t tu_zone_offset(const tu_zone *z, int64_t utc);
/* The moment at which clocks there show local time `local` (seconds since 1970 as if it were UTC).
 * A time that happens twice is its first; one that is skipped moves on by the skipped time (02:30
 * is 03:30), so that what is scheduled then happens once in either case. */
int64_t tu_zone_to_utc(const tu_zone *z, int64_t local);

#endif
