/*
 * engine/answer.h: what the running service answers about alerts on its socket. One JSON line in, one
 * JSON document out; {"error":"..."} on mistakes. Who asks is the peer's uid (SO_PEERCRED), never
 * what a client says. Times are RFC 3339, UTC; members are only ever added.
 *
 *   {"command":"alerts","all":false}     all: those that are over, too (the newest LISTED_INCIDENTS)
 *     {"counts":{"incidents","alerts","silenced","silences"},"incidents":[INCIDENT, ...]}
 *   {"command":"alert","id":"3f2a"}      the first digits of an incident or of an alert's fingerprint
 *     {"incident":INCIDENT,
 *      "route":{"name","path":["default","payments"],"receiver","groupBy":[],"groupWait","groupInterval",
 *               "repeatInterval","escalate":[{"after","receiver"}],"file","line","quiet":bool,"quietUntil"},
 *                                       null where the configuration has no such route any more
 *      "told":[{"receiver","firing":bool,"at","reference"}],
 *      "deliveries":[{"id":17,"receiver","event","state":"pending|delivered|dead|superseded","key","createdAt",
 *                     "nextAt","expiresAt","uncertain":bool,"brief":bool,"error",
 *                     "attempts":[{"at","tookMs":12,"outcome":"ok|unavailable|...","text"}]}],   the newest first
 *      "silences":[SILENCE, ...]}         that match one of its alerts now
 *   {"command":"acknowledge","id":"3f2a","comment":"...","undo":false}     -> {"incident":"<id>","by":"..."}
 *   {"command":"silence","matchers":["rule = shop"],"starts":"RFC 3339, or absent: now","ends":"RFC 3339",
 *    "comment":"..."}                                                      -> {"silence":SILENCE}
 *   {"command":"silences"}                                                 -> {"silences":[SILENCE, ...]}
 *   {"command":"end-silence","id":"3f2a9c01"}                              -> {"silence":"<id>"}
 *   {"command":"dead"}                                                     -> {"deliveries":[as above, with "incident"]}
 *   {"command":"resend","id":17} or {"command":"resend","receiver":"chat"} -> {"resent":3}
 *
 *   INCIDENT {"id","route","labels":{},"status":"firing|resolved","severity","firing":2,"resolved":1,"quiet":0,
 *             "openedAt","toldAt","closedAt","next":{"what","at"},"acknowledged":{"by","comment","at"},
 *             "escalation":0,"receivers":["chat"],"more":0,
 *             "alerts":[{"fingerprint","status","severity","summary","rule","labels":{},"startsAt","endsAt",
 *                        "resolvedBy","quiet":"silence 3f2a9c01" or ""}]}
 *             What isn't known or doesn't apply is absent; "more": alerts that are left out.
 *   SILENCE  {"id","matchers":[],"starts","ends","created","author","comment","state":"waiting|active"}
 */
#ifndef TU_ENGINE_ANSWER_H
#define TU_ENGINE_ANSWER_H

#include "engine/service.h"

#define LISTED_INCIDENTS 1000
#define LISTED_MEMBERS 1000
#define LISTED_DELIVERIES 1000

/* Answers a command about alerts. False: it is none. Otherwise done(arg, answer) is called once, now or
 * later, on the engine's thread; answer lives until it returns. who: "user:NAME (uid N)". */
bool answer_alerts(service *s, const tu_value *request, tu_str who,
                   void (*done)(void *arg, const tu_buf *answer), void *arg);

#endif
