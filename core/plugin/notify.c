/*
 * plugin/notify.c: the call that sends a message.
 *
 * A plugin that was compiled against ABI 1.0 has send() alone: it gets the message and the key, and
 * what it doesn't know of (uncertain, brief, reference) it can't act upon. deliver() gets all of it.
 */
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "plugin/internal.h"

typedef struct catcher {
    const tu_plugin_use *use;
    const tu_call_options *options; /* the caller's */
    tu_buf *reference;              /* may be NULL */
} catcher;

/* The last one counts. One that is too long would be kept cut, and name another message or none. */
static tu_rc on_record(void *arg, uint32_t record, uint32_t index, const tu_value *meta,
                       tu_str body) {
    catcher *c = arg;
    tu_str reference = tu_value_get_string(meta, "reference");
    if (record == TU_REC_DELIVERED && c->reference) {
        tu_buf_clear(c->reference);
        if (reference.n <= TU_LIMIT_REFERENCE_BYTES)
            tu_buf_add(c->reference, reference);
        else
            tu_log(TU_LOG_WARN, "a message's reference is too long and isn't kept", "use",
                   c->use->title, "limit", "TU_LIMIT_REFERENCE_BYTES", NULL);
    }
    return c->options->on_record ? c->options->on_record(c->options->arg, record, index, meta, body)
                                 : TU_OK;
}

static void write_context(const tu_sending *s, tu_buf *b) {
    tu_buf_addf(b, "{\"attempt\":%d,\"uncertain\":%s,\"brief\":%s,\"reference\":", s->attempt,
                s->uncertain ? "true" : "false", s->brief ? "true" : "false");
    tu_buf_add_json_string(b, s->reference);
    tu_buf_add_byte(b, '}');
}

tu_rc tu_call_send(tu_plugin_use *u, tu_str message, tu_str key, const tu_sending *sending,
                   tu_buf *ret_reference, const tu_call_options *o, tu_error **error) {
    static const tu_call_options none = {0};
    static const tu_sending first = {.attempt = 1};
    catcher c = {.use = u, .options = o ? o : &none, .reference = ret_reference};
    tu_call_options mine = *c.options;
    mine.on_record = on_record;
    mine.arg = &c;
    bool delivers = u->kind == TU_KIND_NOTIFIER &&
                    tu_table_has(u->table, tu_function_table[TU_FN_DELIVER].offset);
    if (!delivers)
        return tu_call_run(u, TU_FN_SEND, (const tu_str[]){message, key}, &mine, error);
    _cleanup_(tu_buf_done) tu_buf context = TU_BUF_INIT(TU_LIMIT_META_BYTES);
    write_context(sending ? sending : &first, &context);
    if (context.rc != TU_OK)
        return tu_error_memory(error);
    return tu_call_run(u, TU_FN_DELIVER, (const tu_str[]){message, key, tu_buf_str(&context)},
                       &mine, error);
}
