/*
 * desired/tree.h: the files of one revision, in memory. They are never written to disk: a manifest
 * may hold a secret.
 */
#ifndef TU_DESIRED_TREE_H
#define TU_DESIRED_TREE_H

#include "plugin/host.h"

/* Fetches every regular file under path. Free with tu_tree_free. */
tu_rc tu_tree_fetch(tu_plugin_use *source, tu_str revision, tu_str path, const tu_call_options *o,
                    tu_tree **ret, tu_error **error);
void tu_tree_free(tu_tree *t);   /* takes NULL */
void tu_tree_freep(tu_tree **t); /* for _cleanup_ */

#endif
