/*
 * common/http_url.c: which URLs are allowed, where a redirect may lead, and how much of a URL may
 * be shown.
 */
#include "common/http_inside.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool tu_http_is_link_local(const struct sockaddr *address) {
    static const struct in6_addr amazon = {{{0xfd, 0x00, 0x0e, 0xc2, [15] = 0x54, [14] = 0x02}}};
    uint32_t v4;
    if (address->sa_family == AF_INET) {
        v4 = ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr);
    } else if (address->sa_family == AF_INET6) {
        const struct in6_addr *v6 =
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        if (IN6_IS_ADDR_LINKLOCAL(v6) || !memcmp(v6, &amazon, sizeof amazon))
            return true;
        static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
        if (!IN6_IS_ADDR_V4MAPPED(v6) && !IN6_IS_ADDR_V4COMPAT(v6) && memcmp(v6, nat64, 12) != 0)
            return false;
        memcpy(&v4, v6->s6_addr + 12, sizeof v4);
        v4 = ntohl(v4);
    } else {
        return false;
    }
    return v4 >> 16 == 0xA9FE /* 169.254.0.0/16 */ || v4 == 0x646464C8 /* 100.100.100.200 */ ||
           v4 == 0xC00000C0 /* 192.0.0.192 */;
}

char *tu_http_url_part(CURLU *u, CURLUPart part, unsigned flags) {
    char *text = NULL;
    return curl_url_get(u, part, &text, flags) == CURLUE_OK ? text : NULL;
}

static bool is_loopback(const char *host) {
    struct in_addr v4;
    size_t n = strlen(host);
    if (!strcasecmp(host, "localhost") || !strcmp(host, "[::1]"))
        return true;
    if (n > 10 && !strcasecmp(host + n - 10, ".localhost"))
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

const char *tu_http_origin(const char *url, char *out, size_t room) {
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    if (u && url && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK) {
        scheme = tu_http_url_part(u, CURLUPART_SCHEME, 0);
        host = tu_http_url_part(u, CURLUPART_HOST, 0);
        port = tu_http_url_part(u, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);
    }
    snprintf(out, room, "%s://%s%s%s", scheme ? scheme : "http", host ? host : "?", port ? ":" : "",
             port ? port : "");
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return out;
}

static tu_rc check_parts(const char *scheme, const char *host, const char *password,
                         bool allow_http, tu_http_error *error) {
    if (strcmp(scheme, "http") && strcmp(scheme, "https"))
        return tu_http_refuse(error, TU_EINVALID, "url",
                              "a URL with \"%s:\" can't be used here: write https", scheme);
    if (!host)
        return tu_http_refuse(error, TU_EINVALID, "url", "the URL names no host");
    if (password)
        return tu_http_refuse(error, TU_EINVALID, "url",
                              "the URL for %s has a password in it: give it as a secret instead",
                              host);
    if (!strcmp(scheme, "http") && !allow_http && !is_loopback(host))
        return tu_http_refuse(
            error, TU_EINVALID, "plain-http",
            "plain http to %s would show everything to the network: write https, or set "
            "allowHttp: true",
            host);
    return TU_OK;
}

tu_rc tu_http_check_url(const char *url, bool allow_http, tu_http_error *error) {
    CURLU *u = curl_url();
    tu_rc rc;
    if (!u)
        return tu_http_no_memory(error);
    /* Every scheme is parsed, so that the message can say that this one isn't spoken. */
    if (curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
        curl_url_cleanup(u);
        return tu_http_refuse(error, TU_EINVALID, "url",
                              "the URL is not one: write https://host/path");
    }
    char *scheme = tu_http_url_part(u, CURLUPART_SCHEME, 0),
         *host = tu_http_url_part(u, CURLUPART_HOST, 0);
    char *password = tu_http_url_part(u, CURLUPART_PASSWORD, 0);
    rc = check_parts(scheme ? scheme : "", host, password, allow_http, error);
    curl_free(scheme);
    curl_free(host);
    curl_free(password);
    curl_url_cleanup(u);
    return rc;
}

/* Same host, and the same scheme and port or an upgrade from http to https. */
bool tu_http_may_follow(CURLU *from, CURLU *to) {
    static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
    bool same[3] = {false};
    char *a[3], *b[3];
    for (int i = 0; i < 3; i++) {
        a[i] = tu_http_url_part(from, parts[i], CURLU_DEFAULT_PORT);
        b[i] = tu_http_url_part(to, parts[i], CURLU_DEFAULT_PORT);
        same[i] = a[i] && b[i] && !strcasecmp(a[i], b[i]);
    }
    bool upgrade = a[0] && b[0] && !strcmp(a[0], "http") && !strcmp(b[0], "https") && b[2] &&
                   !strcmp(b[2], "443");
    for (int i = 0; i < 3; i++) {
        curl_free(a[i]);
        curl_free(b[i]);
    }
    return same[1] && ((same[0] && same[2]) || upgrade);
}
