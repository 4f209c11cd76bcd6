/*
 * alert/route.h: which routes an alert takes.
 *
 * Depth first from the root: the first route that matches decides, unless it says `continue`; a
 * parent takes an alert only where no child of it does. What comes out is never empty: the root
 * takes what nobody else does.
 *
 * Made once for a configuration; immutable, and may be used from any thread. 200 routes and a million
 * label sets a second are what it is made for: a matcher that several routes have is asked once, and
 * routes whose first condition is an equality are found by their value.
 */
#ifndef TU_ALERT_ROUTE_H
#define TU_ALERT_ROUTE_H

#include "config/config.h"

typedef struct tu_router tu_router;
tu_rc tu_router_new(const tu_routing *routing, tu_router **ret,
                    tu_error **error); /* borrows routing */
void tu_router_free(tu_router *r);     /* takes NULL */

/* Fills ret with the numbers of the routes, in order of the tree, and returns how many there are; room
 * is routing->route_count at most. */
size_t tu_router_take(const tu_router *r, const tu_labels *labels, uint32_t *ret);

/* The labels that a route groups by, out of an alert's: a view into labels where group_by_all,
 * otherwise written to ret (room for group_by_count). Absent ones are there and empty. */
tu_labels tu_route_group(const tu_route *route, const tu_labels *labels, tu_label *ret);

/* Is the route quiet now, by its times? *ret_until (may be NULL): when that changes next. */
bool tu_route_is_quiet(const tu_route *route, int64_t wall_ms, int64_t *ret_until);

#endif
