/*
 * engine/survey.h: what all rules desire, read once, with the plugins open: for commands that ask
 * about single objects or about the whole of it. Nothing is compared.
 */
#ifndef TU_ENGINE_SURVEY_H
#define TU_ENGINE_SURVEY_H

#include "desired/desired.h"
#include "engine/engine.h"
#include "engine/session.h"

typedef struct tu_survey {
    tu_session *session;
    tu_desired_set **sets; /* beside the configuration's rules; NULL: not read */
    char **problems;       /* beside them: why; NULL: it was read */
    size_t problem_count;
    tu_map catalogues; /* target name -> tu_catalogue */
} tu_survey;

/* Of the options, config, rules, state, cancel and progress are used. A source or target that can't
 * be asked is its rules' problem; fails only for the plugins' configuration. */
tu_rc tu_survey_open(const tu_pass_options *o, tu_survey **ret, tu_errors *errors);
void tu_survey_close(tu_survey *s); /* takes NULL */

#endif
