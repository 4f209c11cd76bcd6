/* answer.h: what the files that read an answer share (answer.c, refusal.c). */
#ifndef TARGET_KUBERNETES_ANSWER_H
#define TARGET_KUBERNETES_ANSWER_H

#include "kube.h"

/* A metav1.Status; every text is "" where it has none. */
typedef struct kube_status {
    cJSON *root;
    const char *reason, *message;
    const cJSON *causes; /* NULL: none */
    const char *details_kind;
} kube_status;

/* What a server says of an object that it was given, by the table of refusal.c: class, code and
 * words in *error, its class returned. TU_OK: no row fits, it is about something else. `what` says
 * what was asked. */
tu_rc kube_refusal(const kube_transfer *t, const kube_status *s, const char *what,
                   kube_error *error);
/* Fields and what is wrong with each; of what is sealed only the reasons. */
void kube_status_causes(const kube_status *s, bool sealed, char *ret, size_t size);

#endif
