/*
 * alert/dispatch-inside.h: what the files of the dispatcher share. Nobody else includes it.
 *
 *   dispatch.c          the interface: alerts, ticks, acknowledgement, what could not be delivered
 *   dispatch-books.c    memory: terms, hash tables, the heap of timers
 *   dispatch-place.c    which incidents an alert belongs to; configurations
 *   dispatch-group.c    the life of an incident: members, timers, when something is due
 *   dispatch-tell.c     messages and rows: the only file that makes effects
 *   dispatch-forward.c  messages of incidents that are over, to the fallback
 *   dispatch-quiet.c    silences, inhibition, mute times
 *   dispatch-flap.c     objects that drift again and again
 *   dispatch-restore.c  rows of the store to the state and back
 *   dispatch-view.c     what it knows, for people
 *
 * How it hangs together: an alert has one member for each incident that it belongs to. An incident that has
 * something to tell has `flush_ms`; that, repetition, and escalation make one time in the heap, so that a tick
 * without anything due looks at one number. Whether an alert is hidden is asked when it joins and when its
 * incident is about to tell something; what was hidden is looked at again (tu_dispatch_reveal) only when a
 * silence or an inhibitor ended, so that an alert that ends together with its inhibitor isn't told.
 *
 * All times in here are on boot time, except where the name says wall.
 *
 * Memory: the dispatcher's own books end the process when memory is exhausted (base/mem.h): all is in the
 * store. Effects live in the caller's arena; when that is exhausted, `failed` is set, nothing of it may be
 * written, and the dispatcher, which is ahead of the store then, has to be restored anew.
 */
#ifndef TU_ALERT_DISPATCH_INSIDE_H
#define TU_ALERT_DISPATCH_INSIDE_H

#include "alert/dispatch.h"
#include "base/hash.h"
#include "base/mem.h"
#include "value/json.h"

enum {
    TU_READY_MS =
        60 * 1000, /* after a start, new alerts wait so long at most for tu_dispatch_ready() */
    TU_REVEAL_MS = 1000, /* what an inhibitor hid is looked at so long after its end */
    TU_JUMP_MS = 2000,   /* wall and boot time disagree by more: the clock jumped */
    TU_FLAP_WINDOW_MS = 10 * 60 * 1000, /* opened TU_FLAP_COUNT times within it: flapping */
    TU_FLAP_COUNT = 5,
    TU_FLAP_KEPT = 12,      /* beginnings that are remembered */
    TU_FLAP_FACTOR = 6,     /* of a flapping incident's group interval */
    TU_CIRCLE_STEPS = 2000, /* alerts looked at to find a circle of inhibitions */
    TU_INCIDENT_ID = 32
};
#define TU_NEVER INT64_MAX

/* --- books -------------------------------------------------------------------------------------- */

/* First in everything that stands in a table. */
typedef struct tu_node {
    struct tu_node *next;
    uint64_t hash;
} tu_node;
typedef struct tu_table {
    tu_node **heads;
    size_t room, n;
} tu_table;
tu_node *tu_table_first(const tu_table *t, uint64_t hash); /* of those with this hash */
tu_node *tu_table_after(const tu_node *n);
void tu_table_add(tu_table *t, tu_node *n, uint64_t hash);
void tu_table_remove(tu_table *t, tu_node *n);
/* All of it: for (n = tu_table_any(t, NULL); n; n = tu_table_any(t, n)). */
tu_node *tu_table_any(const tu_table *t, const tu_node *before);

/* A text that is kept once, however many alerts have it; 0 is the empty one. */
typedef uint32_t tu_term;
typedef struct tu_term_entry {
    tu_node node;
    tu_term number;
    uint32_t references;
    size_t n;
    char text[];
} tu_term_entry;

typedef struct tu_pair {
    tu_term key, value;
} tu_pair;
typedef struct tu_pairs { /* labels, sorted by key */
    tu_pair *items;
    size_t n;
} tu_pairs;

/* --- alerts and incidents --------------------------------------------------------------------------- */

typedef struct tu_silence {
    char id[64];
    int64_t starts_wall, ends_wall, created_wall;
    bool ended; /* for good, whatever the clock says */
    bool begun;
    tu_matchers matchers;
    tu_str text, author, comment;
    tu_arena arena;
} tu_silence;

typedef struct tu_entry_alert tu_entry_alert;
typedef struct tu_incident tu_incident;

typedef struct tu_party { /* a member: an alert's part in an incident */
    tu_entry_alert *alert;
    tu_incident *incident;
    struct tu_party *next; /* of the alert */
    uint32_t index;        /* in the incident */
    bool told;             /* a message counted it as firing */
    bool told_end;         /* a message counted it as ended */
    bool hidden;           /* silenced or inhibited since it was looked at last */
    int64_t joined_wall;
} tu_party;

/* An alert that inhibits: a place in the bucket of those with the same rule and the same `equal`. */
typedef struct tu_source_node {
    tu_entry_alert *alert;
    struct tu_bucket *bucket;
    struct tu_source_node *next, *previous; /* in the bucket */
    struct tu_source_node *more;            /* of the alert */
} tu_source_node;
typedef struct tu_bucket {
    tu_node node;
    size_t rule;
    tu_source_node *first;
} tu_bucket;

struct tu_entry_alert {
    tu_node node;
    char fingerprint[TU_INCIDENT_ID + 1];
    bool firing;
    uint8_t severity;
    tu_term ended_by;
    tu_pairs labels;
    uint64_t content, object; /* object: hash of what it is about, whenever it began */
    int64_t started_wall, ended_wall;
    tu_party *parties;
    tu_source_node *sources;
    uint64_t *inhibited;       /* bits of the rules whose target it is; NULL: none's */
    const tu_silence *silence; /* that matched when silences were of this version */
    uint32_t silence_version, mark;
};

typedef struct tu_told {
    tu_term receiver;
    bool firing; /* the last word was that it fires */
    bool dead;   /* something for it could not be delivered */
    int64_t wall;
} tu_told;

struct tu_incident {
    tu_node node; /* by route and group */
    char id[TU_INCIDENT_ID + 1];
    tu_term route_name, receiver;
    tu_term single; /* of a route that groups nothing: the fingerprint of its alert */
    tu_pairs group;
    const tu_route *route; /* NULL: there is none of that name any more */
    tu_party **parties;
    size_t party_count, party_room;
    tu_told *told;
    size_t told_count;
    int64_t opened_wall, updated_wall, closed_wall;
    int64_t flush_ms;      /* when to tell what changed; TU_NEVER */
    int64_t last_ms;       /* the last message; INT64_MIN: none yet */
    int64_t escalate_from; /* what the steps' times count from */
    int64_t quiet_until;   /* no repeats and no escalation before */
    size_t escalated;      /* steps taken */
    int64_t calm_ms;       /* an object of it flaps until then */
    size_t flaps;          /* how often it began */
    size_t resolved;       /* alerts that ended and aren't members any more */
    bool begun;            /* the first message was made */
    bool changed;          /* what is told of a member changed */
    bool waits;  /* for a silence or an inhibitor to end, to go on with repeats and escalation */
    bool dirty;  /* its row has to be written */
    bool held;   /* flush_ms waits for tu_dispatch_ready() */
    bool shell;  /* closed long ago, but somebody was not told: only for that */
    bool listed; /* in the list of those with hidden alerts */
    bool acknowledged;
    tu_str by, comment; /* of the acknowledgement; malloc'd */
    int64_t acknowledged_wall, acknowledged_ms;
    tu_severity worst; /* that was told */
    tu_str note;       /* for the next update; malloc'd */
    tu_incident *hidden_next, *hidden_previous;
    int64_t due;
    size_t heap_index;
    /* From the store, until the first configuration tells what time it is; 0: none */
    int64_t flush_wall, last_wall, escalate_wall, calm_wall;
};

typedef struct tu_flap { /* when an object's alerts began lately */
    tu_node node;
    uint32_t count, at[TU_FLAP_KEPT]; /* seconds of boot time, a ring */
} tu_flap;

typedef struct tu_rule_inside { /* an inhibition, its labels as terms */
    const tu_inhibition *rule;
    tu_term *equal;
    size_t rule_equal_count; /* rule itself may be gone when they are dropped */
} tu_rule_inside;

struct tu_dispatch {
    tu_str install_id;
    const tu_config *config;
    tu_router *router;
    uint32_t *taken; /* room for tu_router_take, and the incidents of these routes */
    tu_incident **wanted;
    tu_entry_alert **homeless; /* hidden alerts whose incident ended: they begin another */
    size_t homeless_count, homeless_room;
    tu_label *seen, *grouped; /* room for views of labels */
    size_t seen_room;

    tu_term_entry **terms; /* by number */
    size_t term_count, term_room;
    tu_table term_table;
    tu_term *free_terms;
    size_t free_count, free_room;
    tu_term fingerprint_key;

    tu_table alerts, incidents, incident_ids, buckets, flaps;
    tu_incident **heap;
    size_t heap_count, heap_room;
    tu_incident *hidden; /* those with alerts that are silenced or inhibited */
    tu_incident **dirty;
    size_t dirty_count, dirty_room;

    tu_silence **silences;
    size_t silence_count, silence_room;
    uint32_t silence_version;
    int64_t silence_next_wall;
    tu_rule_inside *rules;
    size_t rule_count;
    uint32_t mark;

    bool restored; /* a configuration was there: times are boot times */
    bool ready;
    int64_t ready_ms;  /* when it is, whoever says nothing */
    int64_t reveal_ms; /* when hidden alerts are looked at again; TU_NEVER */
    int64_t sweep_ms;  /* when old beginnings are forgotten */
    bool has_time;
    tu_moment last;
};

tu_term tu_term_take(tu_dispatch *d, tu_str text);       /* one reference more */
tu_term tu_term_find(const tu_dispatch *d, tu_str text); /* 0 where nobody has it, too */
void tu_term_again(tu_dispatch *d, tu_term t);
void tu_term_drop(tu_dispatch *d, tu_term t);
tu_str tu_term_text(const tu_dispatch *d, tu_term t);
tu_pairs tu_pairs_take(tu_dispatch *d,
                       const tu_labels *labels); /* copies, sorted; without empty ones */
void tu_pairs_drop(tu_dispatch *d, tu_pairs *p);
bool tu_pairs_are(const tu_dispatch *d, const tu_pairs *p, const tu_labels *labels);
tu_term tu_pairs_get(const tu_pairs *p, tu_term key);      /* 0: absent */
tu_labels tu_pairs_see(tu_dispatch *d, const tu_pairs *p); /* a view, until the next one */
tu_str tu_text_keep(tu_str s);                             /* malloc'd; free((void *)s.p) */
/* The heap of incidents by their due time. */
void tu_heap_put(tu_dispatch *d, tu_incident *i, int64_t due); /* in, or elsewhere; TU_NEVER: out */
tu_incident *tu_heap_first(const tu_dispatch *d);

/* --- dispatch-place.c ---------------------------------------------------------------------------------- */
tu_entry_alert *tu_alert_find(const tu_dispatch *d, tu_str fingerprint);
tu_entry_alert *tu_alert_make(tu_dispatch *d, tu_str fingerprint);
void tu_alert_label(tu_dispatch *d, tu_entry_alert *a, const tu_labels *labels);
void tu_alert_forget(tu_dispatch *d, tu_entry_alert *a); /* if it ended and belongs nowhere */
/* Lets it join and leave incidents until it is where its routes want it. */
void tu_alert_place(tu_dispatch *d, tu_entry_alert *a, tu_moment now, tu_effects *out);
/* All of them, after d->config, router and room were set. */
void tu_place_configure(tu_dispatch *d, tu_moment now, tu_effects *out);

/* How an incident looks now. */
typedef struct tu_look {
    size_t firing;  /* told, or visible */
    size_t visible; /* firing and visible */
    size_t fresh;   /* visible and not told */
    size_t hidden;  /* firing, hidden, not told */
    size_t ended;   /* whose end wasn't told yet */
    size_t untold;  /* of these, never told at all */
} tu_look;

/* --- dispatch-group.c ---------------------------------------------------------------------------------- */
tu_incident *tu_incident_find(const tu_dispatch *d, tu_str id);
uint64_t tu_incident_hash(const tu_dispatch *d, tu_str route, tu_str single, const tu_pairs *group);
tu_incident *tu_incident_new(tu_dispatch *d, tu_str id, tu_str route, tu_str single,
                             tu_pairs group);
void tu_incident_free(tu_dispatch *d, tu_incident *i); /* with its parties; alerts stay */
tu_party *tu_party_new(tu_dispatch *d, tu_incident *i, tu_entry_alert *a);
void tu_party_free(tu_dispatch *d, tu_party *p);
void tu_incident_touch(tu_dispatch *d, tu_incident *i); /* its row has to be written */
/* Something is worth telling: after the group wait, and not before the group interval has passed. */
void tu_incident_stir(tu_dispatch *d, tu_incident *i, tu_moment now);
void tu_incident_defer(tu_dispatch *d, tu_incident *i, tu_moment now);
/* What waited for tu_dispatch_ready() is due. */
void tu_incident_release(tu_dispatch *d, tu_incident *i, tu_moment now);
void tu_incident_schedule(tu_dispatch *d, tu_incident *i); /* after any change of its times */
/* What is due. It may be gone afterwards. */
void tu_incident_run(tu_dispatch *d, tu_incident *i, tu_moment now, tu_effects *out);
/* The first message. */
void tu_incident_begin(tu_dispatch *d, tu_incident *i, const tu_look *look, tu_moment now,
                       tu_effects *out);
/* Ends it: tells who was told, forgets it. Hidden alerts that still fire become homeless. */
void tu_incident_end(tu_dispatch *d, tu_incident *i, tu_str note, tu_moment now, tu_effects *out);
/* A party leaves because its alert is told elsewhere. */
void tu_party_move(tu_dispatch *d, tu_party *p, tu_moment now, tu_effects *out);

/* --- dispatch-tell.c ------------------------------------------------------------------------------------- */
tu_look tu_incident_look(tu_dispatch *d, tu_incident *i, tu_moment now);
typedef struct tu_telling {
    const char *event;
    tu_term only;   /* one receiver; 0: all that take part */
    bool news;      /* names what wasn't told yet, too */
    bool over;      /* says that the incident is over */
    bool as_firing; /* what ended already is shown as it was */
    size_t step;
    tu_str note;
} tu_telling;
void tu_tell(tu_dispatch *d, tu_incident *i, const tu_telling *t, tu_moment now, tu_effects *out);
/* What was lost of an incident that is over (or over for this receiver) to the fallback. */
void tu_tell_forward(tu_dispatch *d, const tu_delivery *dead, tu_str fallback, tu_moment now,
                     tu_effects *out);
void tu_put_delivery(tu_dispatch *d, const tu_snapshot *s, tu_str receiver, tu_moment now,
                     tu_effects *out);
void tu_put_incident(tu_dispatch *d, tu_incident *i, tu_effects *out);
void tu_put_dirty(tu_dispatch *d, tu_effects *out);
void tu_put_party(tu_dispatch *d, const tu_party *p, const char *state, int64_t left_wall,
                  tu_effects *out);
void tu_put_told(tu_dispatch *d, const tu_incident *i, const tu_told *t, tu_effects *out);
/* What an audit record says: members of a JSON object; the last one has no key. */
typedef struct tu_fact {
    const char *key;
    tu_str text;
    bool is_json;
} tu_fact;
void tu_put_audit(tu_effects *out, tu_str actor, const char *action, const tu_fact *facts);
/* Formatted text in the arena. */
tu_str tu_put_text(tu_effects *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
tu_told *tu_incident_told(tu_incident *i, tu_term receiver); /* NULL: it takes no part */
tu_told *tu_incident_invite(tu_dispatch *d, tu_incident *i, tu_term receiver);

/* --- dispatch-quiet.c -------------------------------------------------------------------------------------- */
bool tu_alert_is_hidden(tu_dispatch *d, tu_entry_alert *a, tu_moment now);
void tu_alert_sources(tu_dispatch *d, tu_entry_alert *a); /* brings what it inhibits up to date */
void tu_quiet_configure(tu_dispatch *d, const tu_routing *r, tu_moment now);
void tu_quiet_done(tu_dispatch *d);
bool tu_incident_is_muted(const tu_incident *i, tu_moment now, int64_t *ret_until_ms);
void tu_incident_list(tu_dispatch *d, tu_incident *i, bool hidden);
void tu_reveal(tu_dispatch *d, tu_moment now, tu_effects *out);
void tu_silences_tick(tu_dispatch *d, tu_moment now, tu_effects *out);

/* --- dispatch-flap.c ------------------------------------------------------------------------------ */
/* Its object began to drift again. */
void tu_flap_count(tu_dispatch *d, const tu_entry_alert *a, int64_t boot_ms);
/* How often it began within the window; less than TU_FLAP_COUNT: it doesn't flap. *ret_calm: when it will be calm. */
size_t tu_flap_look(const tu_dispatch *d, const tu_entry_alert *a, int64_t boot_ms,
                    int64_t *ret_calm);
void tu_flap_sweep(tu_dispatch *d, int64_t boot_ms);
void tu_flap_done(tu_dispatch *d);

/* --- dispatch-restore.c --------------------------------------------------------------------------------------- */
void tu_incident_write_state(const tu_dispatch *d, const tu_incident *i, tu_buf *out);
void tu_pairs_write(const tu_dispatch *d, const tu_pairs *p, tu_buf *out);
/* Wall times that were restored to boot times. */
void tu_incident_bound(tu_incident *i, tu_moment now);
void tu_incident_wake(tu_dispatch *d, tu_incident *i, tu_moment now);

#endif
