/* alert/backoff.h: how long to wait before the next attempt, for a delivery and for a receiver. */
#ifndef TU_ALERT_BACKOFF_H
#define TU_ALERT_BACKOFF_H

#include <stdint.h>

#define TU_BACKOFF_LONGEST_MS (5 * 60 * 1000)

/* Full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015): anywhere between 0 and a
 * ceiling that doubles from 2 s to 5 min; never below 100 ms. before: attempts that went before this
 * one; random is in [0, 1). */
int64_t tu_backoff(int64_t before, double random);

#endif
