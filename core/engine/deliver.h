/*
 * engine/deliver.h: what deliver.c (turns of the store) and deliver-send.c (receivers and their
 * senders) share; nobody else includes it.
 */
#ifndef TU_ENGINE_DELIVER_H
#define TU_ENGINE_DELIVER_H

#include "alert/deliver.h"
#include "engine/service.h"

#define SENDERS 8u                 /* requests at once to a receiver whose plugin allows it */
#define TAKEN_AT_ONCE 32u          /* deliveries of one receiver that are out of the store */
#define TAKEN_BYTES (32u * TU_MIB) /* of all; beyond it every receiver gets one at a time */

typedef struct send_job send_job;

typedef struct receiver_state {
    service *s;
    const tu_use *use;
    tu_plugin_use *plugin;
    tu_worker *workers[SENDERS]; /* made when they are needed */
    bool busy[SENDERS];
    size_t sender_count;
    tu_receiver policy;
    uint64_t identity;            /* of its configuration */
    send_job *ready, **ready_end; /* taken, and waiting for a sender */
    size_t ready_count, taken;    /* taken: ready, on the way, or with an outcome to record */
    int64_t next_ms;              /* wall: when the store has something due; -1: nothing */
    int64_t pending, oldest_ms;   /* as of the last survey */
    int64_t error_since_ms;       /* wall */
    unsigned broken;              /* attempts in a row that failed in the plugin itself */
    char *error;                  /* of the last attempt; NULL: it arrived */
} receiver_state;

/* What outlives a reload, for a receiver whose configuration is the same after it. */
typedef struct kept_policy {
    uint64_t identity;
    tu_receiver policy;
} kept_policy;

struct send_job {
    tu_job job;
    receiver_state *receiver; /* NULL: it isn't configured any more */
    tu_arena arena;
    tu_delivery delivery;
    size_t sender;
    bool probe, begun, counted;
    tu_buf reference;
    tu_rc rc;
    tu_error *error;
    tu_attempt attempt; /* what is recorded of it; borrows from this job */
    send_job *next;
};

/* deliver-send.c. They run on the engine's thread. */
send_job *send_new(receiver_state *r, const tu_delivery *d); /* a copy; on any thread */
void send_free(send_job *j);
void receiver_open(service *s, const tu_use *use);
void receiver_close(receiver_state *r); /* waits for its senders */
void receiver_free(void *r);
bool receiver_is_sending(const receiver_state *r);
/* How many more it can take now. */
size_t receiver_wants(receiver_state *r);
/* Sends what is ready as far as it may. */
void receiver_pump(receiver_state *r);
void receiver_ready(receiver_state *r, send_job *j);
/* When to ask it again (boot); INT64_MAX: when something happens. */
int64_t receiver_wakes(receiver_state *r);

/* deliver.c: the job's attempt is recorded in the next turn, and the job freed. */
void deliver_ended(service *s, send_job *j);
/* It can't be delivered, whatever is tried. */
void deliver_give_up(service *s, send_job *j, tu_rc rc, const char *text);

#endif
