/*
 * trueup/plugin.h: the contract between trueup and its plugins, ABI 1.
 *
 * A plugin is one shared object that exports one function, trueup_plugin_v1(). It returns a constant
 * descriptor and does nothing else: no threads, no logging, no allocation. The descriptor's vtable()
 * gives a table of functions for every kind the plugin serves:
 *
 *     "trueup.source/1"    tu_source     where desired state comes from     (git, a directory, OCI)
 *     "trueup.render/1"    tu_renderer   turns a tree of files into documents (plain, kustomize, helm)
 *     "trueup.target/1"    tu_target     where current state lives          (Kubernetes, a directory)
 *     "trueup.notifier/1"  tu_notifier   tells people                       (webhook, Slack, email)
 *
 * Life:  descriptor -> create(config) -> probe, work, work ... -> destroy(). The library is never
 * unloaded. The same .so may run inside trueup or in a child process; it can't tell and need not care.
 *
 * Rules that hold for every function here
 *   ownership  Everything passed in is borrowed until the function returns. Everything passed to a host
 *              function is copied before that returns. Nobody frees what the other side allocated.
 *   text       tu_str is UTF-8, not NUL-terminated. Structured data is JSON (RFC 8259).
 *   calls      Every function that gets a tu_call may block; the host runs it on a thread of its own. It must
 *              return within one second after cancelled() became true or cancel_fd() became readable,
 *              and should not outlive deadline_ms(). Host functions may be called only during a call, from
 *              any thread. No thread of the plugin outlives destroy().
 *   results    tu_rc is one of the fixed classes below. Before returning one that isn't TU_OK, say why with
 *              fail(). The class, not the plugin, decides whether the core tries again: UNAVAILABLE,
 *              THROTTLED and TIMEOUT are retried, CONFLICT re-reads and tries once more, the rest stop.
 *   growth     Structs begin with their size and only ever grow at the end: test a member with TU_HAS().
 *              Numbers keep their meaning for ever.
 *   secrets    A configuration property that the schema marks "x-trueup-secret": true reaches the plugin as an
 *              opaque handle (a string). secret() opens it for the length of a callback. Secret
 *              values never go into log, fail or emit texts.
 *
 * C99 and C++; needs no header but this one.
 */
#ifndef TRUEUP_PLUGIN_H
#define TRUEUP_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TU_ABI_MAJOR 1u /* part of the entry function's name */
#define TU_ABI_MINOR 1u /* grows with every appended member; 1: tu_notifier.deliver */

/* Is member f of *p inside what its maker compiled? */
#define TU_HAS(p, T, f) ((p)->size >= offsetof(T, f) + sizeof((p)->f))

/* Borrowed bytes, UTF-8 where text; p may be NULL when n is 0. */
typedef struct tu_str {
    const char *p;
    size_t n;
} tu_str;

/* Result classes. 0 is success, every failure is one of these; never an errno. */
typedef int32_t tu_rc;
#define TU_OK 0
#define TU_EINVALID (-1)     /* the input is wrong; trying again can't help */
#define TU_EDENIED (-2)      /* authentication or permission refused */
#define TU_ENOTFOUND (-3)    /* the thing asked for isn't there */
#define TU_ECONFLICT (-4)    /* a precondition failed: read again first */
#define TU_EUNAVAILABLE (-5) /* unreachable or failing for the moment */
#define TU_ETHROTTLED (-6)   /* told to slow down; retry_after_ms says how long */
#define TU_ETIMEOUT (-7)     /* the deadline passed; the outcome may be unknown */
#define TU_ECANCELLED (-8)   /* stopped because the host asked for it */
#define TU_EUNSUPPORTED (-9) /* this plugin or its peer can't do that */
#define TU_EINTEGRITY (-10)  /* a digest, signature or host key didn't match */
#define TU_EINTERNAL (-11)   /* a fault of the plugin */
#define TU_EREFUSED (-12)    /* understood and refused by policy, quota or immutability */

#define TU_LOG_DEBUG 0
#define TU_LOG_INFO 1
#define TU_LOG_WARN 2
#define TU_LOG_ERROR 3

/*
 * Records: what a plugin emits. emit(call, record, index, meta, body): `meta` is a JSON object (or empty
 * where the table says "-"), `body` is bytes. `index` is 0 unless the table says otherwise.
 *
 *   record              from                meta                                         body
 *   TU_REC_REVISION     source.resolve      {"revision","ref","time","author","subject"} -
 *                                           time (RFC 3339), author and subject only where they are known without
 *                                           a download; fetch may emit it too, first and complete
 *   TU_REC_ENTRY        source.fetch        {"path","mode":"file|exec|symlink|submodule"} the file's bytes
 *   TU_REC_CHANGED      source.watch        {}: the source may have a new revision       -
 *   TU_REC_PROGRESS     any                 {"stage","done","total"} (total 0: unknown)  -
 *   TU_REC_DOCUMENT     render.render       {"file","line","format":"yaml|json"}         text of one or more documents;
 *                                           "line" is the line of file where body begins (1-based)
 *   TU_REC_PROBLEM      render.render       {"file","line","column","code","message"}    -
 *                                           a file that can't be rendered; the others go on
 *   TU_REC_SKIPPED      render.render       {"files": n}: files that are no manifests    -
 *   TU_REC_INFO         target.discover     {"endpoint","version","defaultNamespace","ownership":bool,
 *                                            "metadata":bool}                             -
 *                                           metadata: list and watch can leave out all but an object's metadata
 *   TU_REC_KIND         target.discover     {"group","version","kind","resource","namespaced":bool,
 *                                            "verbs":[...],"hash"}                        -
 *                                           group and kind "*": any other kind is welcome too.
 *                                           "explained":[{"reason", "names":[glob], "namespaces":[glob],
 *                                           "labels":{key:glob}, "annotations":{key:glob}}]: objects of the kind
 *                                           that nobody has to declare; what is left out matches all
 *   TU_REC_STALE_GROUP  target.discover     {"group","version","message"}: a group that couldn't be asked -
 *   TU_REC_DESCRIPTION  target.describe     {}                                           a kind description (below)
 *   TU_REC_BEGIN        target.list, watch  {}: a complete listing of scope `index` begins   -
 *   TU_REC_OBJECT       list, watch, get    empty, or {"partial":true}                   the live object, JSON
 *                                           `index` = scope; the object is there now. partial: the body has nothing
 *                                           but its metadata (apiVersion and kind are welcome); never from get
 *   TU_REC_GONE         watch               {"namespace","name","uid"}  `index` = scope  -
 *   TU_REC_END          list, watch         {}: the listing of scope `index` is complete: what was not
 *                                           emitted since TU_REC_BEGIN is not there       -
 *   TU_REC_LOST         list, watch         {"class","code","message"}: scope `index` can't be read now (class is
 *                                           the tu_rc). Objects of a listing that hasn't ended were there; that
 *                                           others weren't emitted proves nothing. In watch the plugin goes on
 *                                           trying and begins a new listing.              -
 *   TU_REC_CURRENT      watch               {}: scope `index` is known to be up to date at this moment -
 *   TU_REC_ENVIRONMENT  list, watch         {"hash"}: of all that changes objects without anybody writing them:
 *                                           defaults, admission, definitions. Only where the selector asks. list:
 *                                           once, at any moment. watch: at the beginning and whenever it
 *                                           is another one. Never emitted: nothing is known of it. -
 *   TU_REC_RESULT       apply, patch        {"created":bool}                             the object as it stands after
 *                                                                                        (dry run: as it would stand)
 *   TU_REC_HEALTH       target.health       {"status":"current|progressing|failed|unknown","reason","message"} -
 *   TU_REC_DELIVERED    notifier.send, deliver  {"reference"}: what the receiver calls the message; kept for the
 *                                           incident and handed to deliver with its later messages -
 *   TU_REC_WRITTEN      source.publish      {"revision"}                                 -
 */
#define TU_REC_REVISION 1u
#define TU_REC_ENTRY 2u
#define TU_REC_CHANGED 3u
#define TU_REC_PROGRESS 4u
#define TU_REC_DOCUMENT 10u
#define TU_REC_PROBLEM 11u
#define TU_REC_SKIPPED 12u
#define TU_REC_INFO 20u
#define TU_REC_KIND 21u
#define TU_REC_STALE_GROUP 22u
#define TU_REC_DESCRIPTION 23u
#define TU_REC_BEGIN 30u
#define TU_REC_OBJECT 31u
#define TU_REC_GONE 32u
#define TU_REC_END 33u
#define TU_REC_LOST 34u
#define TU_REC_CURRENT 35u
#define TU_REC_ENVIRONMENT 36u
#define TU_REC_RESULT 40u
#define TU_REC_HEALTH 41u
#define TU_REC_DELIVERED 50u
#define TU_REC_WRITTEN 60u

typedef struct tu_call tu_call; /* the host's, one for each call in flight */

/* What the host offers. Every function is thread-safe; all but extension() are legal only during a call. */
typedef struct tu_host {
    uint32_t size, abi_minor;
    /* One line for the log; fields is a JSON object or empty. */
    void (*log)(tu_call *c, int32_t level, tu_str message, tu_str fields);
    /* Says why the call fails and returns rc, so that `return host->fail(...)` reads well. code is a short
     * stable word for programs ("http-503"), message is for people: what, where, what to do. The first one counts. */
    tu_rc (*fail)(tu_call *c, tu_rc rc, uint32_t retry_after_ms, tu_str code, tu_str message);
    /* Hands one record to the core, which copies it. Not TU_OK: stop and return that value. */
    tu_rc (*emit)(tu_call *c, uint32_t record, uint32_t index, tu_str meta, tu_str body);
    int32_t (*cancelled)(const tu_call *c);
    int32_t (*cancel_fd)(const tu_call *c); /* readable once the call is cancelled; only poll it */
    int64_t (*deadline_ms)(const tu_call *c); /* CLOCK_MONOTONIC milliseconds; below 0: none */
    /* Opens the secret behind a handle and passes its value to use(), then wipes it. */
    tu_rc (*secret)(tu_call *c, tu_str handle, void (*use)(void *arg, tu_str value), void *arg);
    /* Only in render(): the tree's files in byte order of their paths, and one file's bytes. Paths are relative,
     * with '/' and without "." or "..". each() returns 0 to go on. */
    tu_rc (*tree_files)(tu_call *c, int32_t (*each)(void *arg, tu_str path, uint64_t bytes),
                        void *arg);
    tu_rc (*tree_read)(tu_call *c, tu_str path, void (*use)(void *arg, tu_str bytes), void *arg);
    /* A private directory where the instance may keep a cache between runs, as an absolute path; empty if
     * there is none (a run without state). Valid as long as the instance. */
    tu_str (*scratch)(tu_call *c);
    const void *(*extension)(
        const char *id); /* later services, "trueup.host.NAME/1"; NULL when unknown */
} tu_host;

typedef struct tu_instance tu_instance; /* the plugin's own, one for each configured use */

/* First in the table of every kind. */
typedef struct tu_common {
    uint32_t size;
    /* config is a JSON object that already fits config_schema, with defaults filled in. No network here. */
    tu_rc (*create)(const tu_host *h, tu_call *c, tu_str config, tu_instance **out);
    void (*destroy)(tu_instance *i);            /* takes NULL; can't fail */
    tu_rc (*probe)(tu_instance *i, tu_call *c); /* optional: are credentials and peer all right? */
} tu_common;

/* "trueup.source/1" */
typedef struct tu_source {
    uint32_t size;
    const tu_common *common;
    /* What is the configured reference now? Emits one REVISION. Cheap: the host polls with it. */
    tu_rc (*resolve)(tu_instance *i, tu_call *c);
    /* Emits an ENTRY for every file of that revision under `path` ("" is everything), in byte order of paths.
     * Only regular files have bodies. A path that isn't there: TU_ENOTFOUND. */
    tu_rc (*fetch)(tu_instance *i, tu_call *c, tu_str revision, tu_str path);
    /* Optional: emits CHANGED whenever the source may have moved, until cancelled. Without it the host polls. */
    tu_rc (*watch)(tu_instance *i, tu_call *c);
    /* Optional, reserved for image automation: writes a change back, emits WRITTEN. */
    tu_rc (*publish)(tu_instance *i, tu_call *c, tu_str change);
} tu_source;

/* "trueup.render/1": a pure function of the tree. */
typedef struct tu_renderer {
    uint32_t size;
    const tu_common *common;
    /* Can this renderer read that tree? TU_OK or TU_EUNSUPPORTED. tree_files and tree_read work. */
    tu_rc (*accepts)(tu_instance *i, tu_call *c);
    /* Emits DOCUMENT, PROBLEM, SKIPPED. params is a JSON object, {} when the rule gives none. */
    tu_rc (*render)(tu_instance *i, tu_call *c, tu_str params);
} tu_renderer;

/*
 * "trueup.target/1"
 *
 * An object is a JSON object with apiVersion ("group/version" or "version"), kind and metadata {name, namespace,
 * labels, annotations}; a live one may also have metadata {uid, resourceVersion, generation, creationTimestamp,
 * deletionTimestamp, managedFields}: managedFields is the ownership, in the form that Kubernetes
 * writes (FieldsV1). In list items apiVersion and kind may be left out: the scope says them.
 *
 * identity: {"group","version","kind","namespace","name"}; namespace "" for what has none.
 *
 * selector: {"scopes":[{"group","version","kind","namespaces":["a","b"]}],
 *            "detail":"full|metadata","watchDetail":"full|metadata","environment":bool}
 *        no namespaces: all. detail: of list, and of the listing that a watch begins with; watchDetail: of all that follows
 *        in a watch, listings after a gap included; where one isn't given it is "full". "metadata" is a wish: what can't
 *        be had so is emitted in full. environment: TU_REC_ENVIRONMENT is wanted.
 *
 * kind description: what comparing needs to know of a kind, as a graph of types:
 *   {"sensitive":["/data"],                              values to seal, with all below them: JSON pointers in which
 *                                                        a step that is one asterisk stands for any step
 *    "ignored":["/status","/metadata/uid"],              never desired: stripped from manifests, not compared
 *    "fold":[{"from":"/stringData","into":"/data","encode":"base64"}],   write-only members: each member of the map
 *                                                        `from` is put into the map `into`, where it wins; encode
 *                                                        is absent for text that is taken as it is. No wildcards.
 *    "verbatim":true,                                    the target keeps empty values as they were written: "" and
 *                                                        absent differ. Without it, an empty value ("", 0, false,
 *                                                        [], {}) of a declared field may be left out by the target.
 *    "defaults":[DEFAULT, ...],                          what the target fills in where nobody wrote anything. Only to
 *                                                        explain what stands there: nothing is proved by it
 *    "allocated":["/spec/clusterIP"],                    the target chooses these (with all below)
 *    "cosmetic":["/ ** /volumes"],                       (without the blanks) lists whose order changes nothing but how they look
 *    "immutable":["/spec/selector",{"path":"/data","when":"/immutable"}],   the target refuses to change these once they
 *                                                        are set; `when`: only while the live object has true there
 *    "omitted":[{"path":"/rules","when":"/aggregationRule"}],   taken out of a manifest that has `when`: the target
 *                                                        fills it in and would be fought
 *    "placeholders":["/spec/caBundle"],                  base64: taken out of a manifest when it holds nothing but blanks
 *    "mirrors":[["/spec/a","/spec/b"]],                  two spellings of one field: both in one manifest is a mistake
 *    "finished":{"when":"/spec/ttl","list":"/status/conditions","items":[{"type":"Complete","status":"True"}]},
 *                                                        the target removes the object by itself once `list` has an item
 *                                                        with one of these members, if the object has `when`
 *    "types":[TYPE, ...]}                                TYPE number 0 is the object itself
 *   DEFAULT is {"path":"/spec/replicas","value":1}. The first one that fits decides. Without value: whatever stands there.
 *        "like":"port" instead of value: what the member `port` beside it holds. "where":{"image":"*:latest"}: only where
 *        the member beside it fits that glob
 *   In all of these paths a step that is one asterisk stands for any step, two for any number; the paths after `when`,
 *        `list` and those of mirrors have none.
 *   TYPE is one of                                       (every other number refers to the list)
 *   {"type":"map","fields":{"spec":1},"values":2,"atomic":true,"closed":true,"required":["a"],"defaults":{"b":1}}
 *        fields: declared members; values: type of all others (absent and closed: others are an error;
 *        absent and not closed: others are untyped); defaults: what the target fills in for absent members
 *   {"type":"list","items":3,"list":"atomic"|"set"|"keyed","keys":["containerPort","protocol"],
 *        "defaults":{"protocol":"TCP"}}
 *   {"type":"string","semantic":"quantity"|"instant"|"microtime"|"duration"|"base64"|"int-or-string"}
 *        semantic is absent for plain text. int-or-string and quantity admit numbers too.
 *   {"type":"integer"} {"type":"number"} {"type":"boolean"}
 *        any of these with "null":false: the target may refuse null there; otherwise null is as good as nothing
 *   {"type":"any"}   untyped: maps are granular, lists atomic, scalars compared as JSON
 */
typedef struct tu_target {
    uint32_t size;
    const tu_common *common;
    /* Emits one INFO, then a KIND for every kind, STALE_GROUP for what couldn't be asked. */
    tu_rc (*discover)(tu_instance *i, tu_call *c);
    /* Emits one DESCRIPTION. kind: {"group","version","kind"}. */
    tu_rc (*describe)(tu_instance *i, tu_call *c, tu_str kind);
    /* For every scope BEGIN, OBJECT..., END or LOST; scopes may interleave. Streams: an object is emitted as
     * soon as it is complete. TU_OK when every scope has had its END or LOST. */
    tu_rc (*list)(tu_instance *i, tu_call *c, tu_str selector);
    /* As list, then OBJECT and GONE as they happen, CURRENT from time to time, and a new BEGIN..END after a gap. Runs until cancelled;
     * it alone handles reconnecting and expired cursors. Optional: without it the host lists at intervals. */
    tu_rc (*watch)(tu_instance *i, tu_call *c, tu_str selector);
    /* Emits one OBJECT, or fails with TU_ENOTFOUND. */
    tu_rc (*get)(tu_instance *i, tu_call *c, tu_str identity);
    /* Makes the target hold the object; creates it where missing. Emits RESULT. options:
     * {"dryRun":bool, "force":bool, "manager":"trueup", "uid":"", "resourceVersion":"", "mustExist":bool}.
     * uid and resourceVersion are preconditions when not empty (TU_ECONFLICT). Refused by the target for what the
     * object is: TU_EINVALID (the manifest is wrong) or TU_EREFUSED (immutable, policy, quota), with a code. */
    tu_rc (*apply)(tu_instance *i, tu_call *c, tu_str object, tu_str options);
    /* JSON Patch (RFC 6902) on one object, to take away what others added. options as apply. Emits RESULT. Optional. */
    tu_rc (*patch)(tu_instance *i, tu_call *c, tu_str identity, tu_str patch, tu_str options);
    /* options: {"uid":"","resourceVersion":"","propagation":"background|foreground|orphan","dryRun":bool}. */
    tu_rc (*remove)(tu_instance *i, tu_call *c, tu_str identity, tu_str options);
    /* Emits HEALTH for a live object. Optional. */
    tu_rc (*health)(tu_instance *i, tu_call *c, tu_str object);
} tu_target;

/* "trueup.notifier/1" */
typedef struct tu_notifier {
    uint32_t size;
    const tu_common *common;
    /* Tries once to deliver; the core retries. The same key always comes with the same message. message is
     * {"apiVersion":"trueup.dev/v1","kind":"Alert",...}, as documented in the README. May be NULL where deliver
     * is there. A receiver that finds the message too large: TU_EREFUSED with the code "too-large". */
    tu_rc (*send)(tu_instance *i, tu_call *c, tu_str message, tu_str idempotency_key);
    /* Optional, asked instead of send (since minor 1). context: {"attempt":1,   from 1
     *   "uncertain":false,    an earlier attempt of this message may have arrived (TU_ETIMEOUT): say so where the
     *                         channel allows
     *   "brief":false,        the receiver found it too large ("too-large"): send the shortest form there is
     *   "reference":""}       what an earlier message of the same incident to this receiver gave as its
     *                         TU_REC_DELIVERED; "" is the first. A channel that can, updates that message or answers it. */
    tu_rc (*deliver)(tu_instance *i, tu_call *c, tu_str message, tu_str idempotency_key,
                     tu_str context);
} tu_notifier;

/* How many calls may be in an instance at once. list, watch, get, apply... of one target run beside each other
 * unless the model is SERIAL; such a target can't offer watch. */
#define TU_THREADS_SERIAL 0u   /* one call at a time in the whole plugin  */
#define TU_THREADS_INSTANCE 1u /* one call at a time in each instance, and its watch beside it */
#define TU_THREADS_PARALLEL 2u /* any number                              */

#define TU_NEEDS_NETWORK (UINT64_C(1) << 0)
#define TU_NEEDS_EXEC (UINT64_C(1) << 1)
#define TU_NEEDS_SCRATCH (UINT64_C(1) << 2)

typedef struct tu_plugin {
    uint32_t size, abi_minor;              /* what it was compiled against */
    uint32_t min_host_minor, thread_model; /* what it needs of the host; TU_THREADS_... */
    uint64_t traits;                       /* TU_NEEDS_... */
    const char *id;                        /* reverse DNS, "dev.trueup.source-git" */
    const char *version;                   /* semver */
    const char *license;                   /* SPDX */
    const char *summary;                   /* one line */
    const char *url;
    const char *
        config_schema; /* JSON Schema subset: type, properties, required, enum, pattern, default, minimum,
                                  maximum, items, additionalProperties, description, x-trueup-secret. A notifier's may have, at its
                                  top, "x-trueup-rate": {"messages":1,"perMs":1000}: the core sends no faster, unless
                                  the user says otherwise */
    const void *(*vtable)(
        const char *id); /* "trueup.source/1" -> const tu_source *; NULL when not served */
} tu_plugin;

#if defined(__GNUC__)
#define TU_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define TU_PLUGIN_EXPORT
#endif

/* The one exported symbol. */
TU_PLUGIN_EXPORT const tu_plugin *trueup_plugin_v1(void);

#ifdef __cplusplus
}
#endif
#endif
