/*
 * The scanner that finds objects in a Kubernetes answer while it arrives: however the bytes are cut
 * into chunks, the same values come out, each with its brackets closed. The first byte chooses: 'l'
 * a list, anything else frames.
 */
#include "../../plugins/target-kubernetes/scan.c"
#include "../../plugins/target-kubernetes/text.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct sum {
    uint64_t hash;
    size_t values;
} sum;

static int32_t on_value(void *arg, kube_part part, tu_str value) {
    sum *s = arg;
    if (value.n < 2 || value.p[0] != '{' || value.p[value.n - 1] != '}')
        abort();
    s->values++;
    s->hash = s->hash * 1099511628211u + (uint64_t)part;
    for (size_t i = 0; i < value.n; i++)
        s->hash = (s->hash ^ (unsigned char)value.p[i]) * 1099511628211u;
    char name[32];
    tu_str member;
    kube_json_text(value, "name", name, sizeof(name));
    if (kube_json_member(value, "metadata", &member) &&
        (member.p < value.p || member.p + member.n > value.p + value.n))
        abort();
    return s->values > 1000;
}

static kube_scan_result run(const char *p, size_t n, size_t chunk, bool frames, sum *ret,
                            bool *ret_complete) {
    kube_scan s = {0};
    kube_scan_result r = KUBE_SCAN_OK;
    *ret = (sum){0};
    kube_scan_begin(&s, frames, on_value, ret);
    for (size_t at = 0; at < n && r == KUBE_SCAN_OK; at += chunk)
        r = kube_scan_feed(&s, p + at, n - at < chunk ? n - at : chunk);
    *ret_complete = kube_scan_complete(&s);
    kube_scan_done(&s);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    bool frames = data[0] != 'l', complete[3];
    const char *p = (const char *)data + 1;
    sum sums[3];
    kube_scan_result r[3];
    static const size_t chunks[3] = {SIZE_MAX / 2, 1, 7};
    for (int i = 0; i < 3; i++)
        r[i] =
            run(p, size - 1, chunks[i] < size ? chunks[i] : size, frames, &sums[i], &complete[i]);
    for (int i = 1; i < 3; i++)
        if (r[i] != r[0] || sums[i].hash != sums[0].hash || sums[i].values != sums[0].values ||
            complete[i] != complete[0])
            abort();
    return 0;
}
