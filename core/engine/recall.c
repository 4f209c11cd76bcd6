/* engine/recall.c: see recall.h. */
#include "engine/recall.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/confirm.h"

void tu_recall_open(tu_recall *c, tu_desired_set *set, const char *directory, const tu_rule *rule,
                    const tu_config *config, bool use) {
    tu_recall_done(c);
    if (!directory || !tu_catalogue_metadata(set->catalogue))
        return;
    c->file = (tu_index_file){.directory = directory, .rule = rule, .config = config};
    c->index = tu_index_new(set);
    c->look = tu_xcalloc(set->n, 1);
    if (use)
        tu_index_load(c->index, &c->file);
}

tu_view_wish tu_recall_guess(const tu_desired_set *guess, const char *directory,
                             const tu_rule *rule, bool use) {
    const tu_index_file file = {.directory = directory, .rule = rule};
    bool kept = directory && tu_catalogue_metadata(guess->catalogue);
    return (tu_view_wish){.list_metadata = kept && use && tu_index_is_saved(&file),
                          .environment = kept};
}

tu_view_wish tu_recall_wish(const tu_recall *c) {
    if (!c->index)
        return (tu_view_wish){0};
    return (tu_view_wish){.list_metadata =
                              tu_reading_pays(tu_index_unknown(c->index), tu_index_size(c->index)),
                          .environment = true};
}

void tu_recall_look(tu_recall *c, size_t object) {
    c->look_count += !c->look[object];
    c->look[object] = 1;
}

void tu_recall_environment(tu_recall *c, tu_str hash) {
    if (c->index && tu_index_set_environment(c->index, hash))
        c->environment_changed = true;
}

bool tu_recall_must_list(tu_recall *c) {
    if (!c->index || (!c->environment_changed && c->look_count <= TU_READ_SINGLY))
        return false;
    tu_index_invalidate(c->index); /* what this listing left is judged anew, and so is the rest */
    memset(c->look, 0, tu_index_size(c->index));
    c->look_count = 0;
    c->environment_changed = false;
    return true;
}

void tu_recall_save(tu_recall *c) {
    _cleanup_(tu_error_freep) tu_error *why = NULL;
    if (c->index && tu_index_is_dirty(c->index) && tu_index_save(c->index, &c->file, &why) != TU_OK)
        tu_log(TU_LOG_WARN, "what was proved can't be kept: the next check reads everything",
               "error", tu_error_text(why), NULL);
}

void tu_recall_done(tu_recall *c) {
    tu_index_unref(c->index);
    free(c->look);
    *c = (tu_recall){0};
}
