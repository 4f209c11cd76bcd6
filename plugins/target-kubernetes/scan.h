/*
 * scan.h: finds whole JSON values in a body while its bytes arrive, without building a tree.
 *
 *   list    {"kind":..,"metadata":{..},"items":[ITEM,ITEM,...]}   gives every ITEM and the
 * metadata, in the order they come frames  FRAME FRAME FRAME ... gives every FRAME (a watch)
 *
 * Only structure is looked at: strings, brackets that match, and at the list's own level the
 * commas. What stands inside a value is checked by whoever parses it. A value is handed over only
 * when its last bracket has arrived, so half an object is never seen; a value inside one chunk is
 * not copied.
 */
#ifndef KUBE_SCAN_H
#define KUBE_SCAN_H

#include "text.h"

typedef enum { KUBE_PART_ITEM, KUBE_PART_METADATA, KUBE_PART_FRAME } kube_part;
typedef enum {
    KUBE_SCAN_OK,
    KUBE_SCAN_GARBAGE,   /* not the JSON that was expected */
    KUBE_SCAN_TOO_LARGE, /* a value beyond KUBE_LIMIT_OBJECT_BYTES, or out of memory for it */
    KUBE_SCAN_TOO_DEEP,  /* beyond KUBE_LIMIT_DEPTH */
    KUBE_SCAN_STOPPED    /* on_value said so */
} kube_scan_result;

/* Brackets of one value: which are open, and whether a string is. */
typedef struct kube_nesting {
    unsigned depth;
    bool in_string, escaped;
    uint64_t is_list[KUBE_LIMIT_DEPTH / 64];
} kube_nesting;

typedef struct kube_scan {
    bool frames;
    int32_t (*on_value)(void *arg, kube_part part, tu_str value); /* 0: go on */
    void *arg;
    /* private */
    int state;
    kube_part part;
    bool items_seen, after_value, scalar_string, scalar_escaped;
    char key[16];
    size_t key_n;
    char scalar[8];
    size_t scalar_n;
    kube_nesting nesting;
    kube_text held;
} kube_scan;

void kube_scan_begin(kube_scan *s, bool frames, int32_t (*on_value)(void *, kube_part, tu_str),
                     void *arg); /* also again */
kube_scan_result kube_scan_feed(kube_scan *s, const char *p, size_t n);
/* list: the document is complete and had items. frames: nothing is half. */
bool kube_scan_complete(const kube_scan *s);
void kube_scan_done(kube_scan *s);

/* In a complete JSON object: the bytes of a member's value, as written. false when it isn't there.
 */
bool kube_json_member(tu_str object, const char *name, tu_str *ret);
/* The text of a member that is a string; "" when it isn't there, isn't a string, or is longer than
 * fits. */
void kube_json_text(tu_str object, const char *name, char *ret, size_t size);

#endif
