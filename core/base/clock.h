/*
 * base/clock.h: the only source of time, so that tests can turn the hands.
 *
 * wall: milliseconds since 1970 (CLOCK_REALTIME), for what people read and for windows and expiry.
 * boot: milliseconds on CLOCK_BOOTTIME, for durations and timers; it goes on in suspend and never
 * jumps.
 */
#ifndef TU_BASE_CLOCK_H
#define TU_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <trueup/plugin.h>

typedef struct tu_clock {
    bool is_virtual;
    int64_t wall_ms, boot_ms; /* a virtual clock's hands */
} tu_clock;

tu_clock tu_clock_real(void);
tu_clock tu_clock_virtual(int64_t wall_ms);
void tu_clock_advance(tu_clock *c, int64_t ms); /* virtual only */
int64_t tu_clock_wall(const tu_clock *c);
int64_t tu_clock_boot(const tu_clock *c);
int64_t tu_clock_monotonic(void); /* CLOCK_MONOTONIC milliseconds, for call deadlines (plugin.h) */

/* RFC 3339 in UTC, "2026-01-02T03:04:05Z"; milliseconds are left out when 0. Room for 32 bytes. */
void tu_time_format(int64_t wall_ms, char out[32]);
/* Any RFC 3339 time to microseconds since 1970. False when it isn't one. */
bool tu_time_parse(tu_str s, int64_t *ret_us);

#endif
