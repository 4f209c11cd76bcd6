/*
 * engine/session.h: the instances that a configuration asks for, opened together and freed
 * together.
 */
#ifndef TU_ENGINE_SESSION_H
#define TU_ENGINE_SESSION_H

#include "base/map.h"
#include "plugin/host.h"

typedef struct tu_session {
    tu_config *config;
    tu_map uses[4]; /* by tu_plugin_kind: name -> tu_plugin_use */
} tu_session;

/* Opens every plugin, checks every document's config, creates an instance for each. All mistakes at
 * once. state: where instances keep caches, each in a folder of its own; NULL: targets in
 * ${XDG_CACHE_HOME:-~/.cache}/trueup, others nowhere. create: false only checks, for which notifiers
 * alone are made. */
tu_rc tu_session_open(tu_config *c, const char *state, bool create, tu_session **ret,
                      tu_errors *errors);
/* Only that Notifier, for `trueup alert test`. */
tu_rc tu_session_open_notifier(tu_config *c, tu_str name, tu_session **ret, tu_errors *errors);
void tu_session_close(tu_session *s); /* takes NULL; no call may be in flight */
tu_plugin_use *tu_session_use(const tu_session *s, tu_plugin_kind kind, tu_str name);

#endif
