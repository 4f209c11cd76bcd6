/* notifier-email/mime.c: see mime.h. */
#include "mime.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE 76u           /* characters of a line (RFC 2045 section 6.7, RFC 2047 section 2) */
#define ENCODED_FRAME 12u  /* "=?UTF-8?B?" and "?=" */
#define NAME_LIMIT 120u    /* bytes of an address's name */
#define ADDRESS_LIMIT 254u /* RFC 5321 section 4.5.3.1.3 */
#define LOCAL_LIMIT 64u
#define VALUE_LIMIT 4096u /* bytes of one header's value */

/* --- characters ------------------------------------------------------------------------------- */

/* The length of the UTF-8 character at text, 0 when it is none. */
static size_t character(const char *text, size_t n) {
    const unsigned char *c = (const unsigned char *)text;
    size_t length = c[0] < 0x80                   ? 1
                    : c[0] >= 0xC2 && c[0] < 0xE0 ? 2
                    : c[0] >= 0xE0 && c[0] < 0xF0 ? 3
                    : c[0] >= 0xF0 && c[0] < 0xF5 ? 4
                                                  : 0;
    if (length == 0 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((c[i] & 0xC0) != 0x80)
            return 0;
    if ((c[0] == 0xE0 && c[1] < 0xA0) || (c[0] == 0xED && c[1] > 0x9F) ||
        (c[0] == 0xF0 && c[1] < 0x90) || (c[0] == 0xF4 && c[1] > 0x8F))
        return 0; /* too long a form, half of a pair, beyond the last one */
    return length;
}

char *mime_one_line(const char *value, size_t limit) {
    size_t n = strlen(value), used = 0;
    char *out = malloc(n + 1);
    for (size_t i = 0; out && i < n;) {
        const unsigned char *c = (const unsigned char *)value + i;
        size_t length = character(value + i, n - i);
        bool control =
            *c < 0x20 || *c == 0x7F || (length == 2 && c[0] == 0xC2 && c[1] < 0xA0) ||
            (length == 3 && c[0] == 0xE2 && c[1] == 0x80 && c[2] >= 0xA8 && c[2] <= 0xAE) ||
            (length == 3 && c[0] == 0xE2 && c[1] == 0x81 && c[2] >= 0xA6 && c[2] <= 0xA9);
        if (used + (length ? length : 1) > limit)
            break;
        if (control || *c == ' ') { /* one blank: a fold in a run would leave a line of blanks */
            if (used == 0 || out[used - 1] != ' ')
                out[used++] = ' ';
        } else if (length == 0) {
            out[used++] = '?';
        } else {
            memcpy(out + used, value + i, length);
            used += length;
        }
        i += length ? length : 1;
    }
    if (out) {
        while (used && out[used - 1] == ' ')
            used--;
        out[used] = '\0';
    }
    return out;
}

static bool is_ascii(const char *text) {
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

/* --- base64 ----------------------------------------------------------------------------------- */

static void add_base64(tu_out *o, const char *bytes, size_t n) {
    unsigned char text[LINE + 4]; /* at most 57 bytes a call */
    int length = EVP_EncodeBlock(text, (const unsigned char *)bytes, (int)n);
    tu_out_add(o, (const char *)text, (size_t)length);
}

/* --- headers ---------------------------------------------------------------------------------- */

/* Words with blanks between them, folded before a word that would make the line too long. */
static void add_folded(tu_out *o, size_t column, const char *text) {
    while (*text) {
        size_t blanks = strspn(text, " "), word = strcspn(text + blanks, " ");
        if (column + blanks + word > LINE && column > 1 && blanks) {
            tu_out_add_c(o, "\r\n");
            column = 0;
        }
        tu_out_add(o, text, blanks + word);
        column += blanks + word;
        text += blanks + word;
    }
}

/* Encoded words (RFC 2047): whole characters each, as many as the line has room for. Returns the column. */
static size_t add_encoded(tu_out *o, size_t column, const char *text) {
    size_t n = strlen(text);
    while (n) {
        size_t room =
            column + ENCODED_FRAME + 4 <= LINE ? (LINE - column - ENCODED_FRAME) / 4 * 3 : 0;
        size_t take = 0, next;
        room = room > 45 ? 45 : room; /* an encoded word has at most 75 characters */
        while (take < n && (next = character(text + take, n - take)) && take + next <= room)
            take += next;
        if (take == 0) {
            tu_out_add_c(o, "\r\n ");
            column = 1;
            continue;
        }
        tu_out_add_c(o, "=?UTF-8?B?");
        add_base64(o, text, take);
        tu_out_add_c(o, "?=");
        column += ENCODED_FRAME + (take + 2) / 3 * 4;
        text += take;
        n -= take;
        if (n) {
            tu_out_add_c(o, "\r\n ");
            column = 1;
        }
    }
    return column;
}

/* Would it be read as it is? A word without an end could not be folded. */
static bool needs_encoding(const char *text) {
    if (!is_ascii(text) || strstr(text, "=?"))
        return true;
    for (size_t word; *text; text += word + (text[word] == ' '))
        if ((word = strcspn(text, " ")) > LINE - 20)
            return true;
    return false;
}

void mime_add_text(tu_out *o, const char *name, const char *value) {
    char *text = mime_one_line(value, VALUE_LIMIT);
    if (!text) {
        o->failed = true;
        return;
    }
    const char *begin = text + strspn(text, " ");
    tu_out_add_c(o, name);
    tu_out_add_c(o, ": ");
    if (needs_encoding(begin))
        add_encoded(o, strlen(name) + 2, begin);
    else
        add_folded(o, strlen(name) + 2, begin);
    tu_out_add_c(o, "\r\n");
    free(text);
}

void mime_add_plain(tu_out *o, const char *name, const char *value) {
    char *text = mime_one_line(value, VALUE_LIMIT);
    if (!text || !is_ascii(text)) {
        free(text);
        o->failed = true;
        return;
    }
    tu_out_add_c(o, name);
    tu_out_add_c(o, ":");
    tu_out_add_c(o, *text ? " " : "");
    add_folded(o, strlen(name) + 2, text);
    tu_out_add_c(o, "\r\n");
    free(text);
}

void mime_add_date(tu_out *o, int64_t unix_seconds) {
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char line[64];
    struct tm t;
    time_t at = (time_t)unix_seconds;
    if (!gmtime_r(&at, &t)) {
        o->failed = true;
        return;
    }
    /* not strftime: the names are English whatever the locale */
    snprintf(line, sizeof line, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[t.tm_wday],
             t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
    tu_out_add_c(o, line);
}

void mime_id(const char *kind, const char *text, const char *domain, char *out, size_t room) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[33] = "";
    unsigned n = 0;
    if (EVP_Digest(text, strlen(text), digest, &n, EVP_sha256(), NULL))
        for (unsigned i = 0; i < 16; i++)
            snprintf(hex + (size_t)2 * i, 3, "%02x", digest[i]);
    snprintf(out, room, "<trueup.%s.%s@%s>", kind, hex, domain);
}

/* --- addresses -------------------------------------------------------------------------------- */

static bool is_atom(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* dot-atom @ domain, or @[1.2.3.4]. Quoted local parts are nobody's and are refused. */
static const char *check_address(const char *a) {
    const char *at = strrchr(a, '@');
    if (!is_ascii(a))
        return "only ASCII addresses are supported: write the domain in its xn-- form";
    if (!at || at == a || !at[1])
        return "it is no address like ops@example.com";
    if (strlen(a) > ADDRESS_LIMIT || (size_t)(at - a) > LOCAL_LIMIT)
        return "it is longer than addresses may be";
    for (const char *c = a; c < at; c++)
        if (!is_atom(*c) && (*c != '.' || c == a || c[-1] == '.' || c + 1 == at))
            return "it is no address like ops@example.com";
    if (at[1] == '[')
        return strspn(at + 2, "0123456789abcdefABCDEFIPv:.") + 3 == strlen(at + 1) + 0 &&
                       a[strlen(a) - 1] == ']'
                   ? NULL
                   : "its domain can't be read";
    for (const char *c = at + 1; *c; c++) {
        bool word =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (!word && !((*c == '-' || *c == '.' || *c == '_') && c > at + 1 && c[1] && c[-1] != '.'))
            return "its domain can't be read";
    }
    return NULL;
}

const char *mime_address_read(const char *text, mime_address *ret) {
    const char *open = strrchr(text, '<'), *end;
    size_t name_n = 0;
    *ret = (mime_address){NULL, NULL};
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            return "it has a control character";
    text += strspn(text, " ");
    if (open) {
        end = strchr(open, '>');
        if (!end || end[1 + strspn(end + 1, " ")])
            return "write it as Name <ops@example.com>";
        name_n = (size_t)(open - text);
        while (name_n && text[name_n - 1] == ' ')
            name_n--;
        if (name_n > 1 && text[0] == '"' && text[name_n - 1] == '"') {
            text++;
            name_n -= 2;
        }
        ret->name = name_n ? strndup(text, name_n) : NULL;
        ret->address = strndup(open + 1, (size_t)(end - open) - 1);
    } else {
        size_t n = strlen(text);
        while (n && text[n - 1] == ' ')
            n--;
        ret->address = strndup(text, n);
    }
    if (!ret->address || (name_n && !ret->name))
        return "out of memory";
    if (name_n > NAME_LIMIT)
        return "its name is longer than 120 bytes";
    return check_address(ret->address);
}

void mime_address_done(mime_address *a) {
    free(a->name);
    free(a->address);
    *a = (mime_address){NULL, NULL};
}

/* The name as a quoted string, or as encoded words. Returns the column. */
static size_t add_name(tu_out *o, size_t column, const char *name) {
    char *text = mime_one_line(name, NAME_LIMIT);
    size_t begin = o->n;
    if (!text) {
        o->failed = true;
        return column;
    }
    if (!is_ascii(text) || strstr(text, "=?") || strlen(text) > 50) {
        column = add_encoded(o, column, text);
        free(text);
        return column;
    }
    tu_out_add_c(o, "\"");
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            tu_out_add_c(o, "\\");
        tu_out_add(o, c, 1);
    }
    tu_out_add_c(o, "\"");
    free(text);
    return column + (o->n - begin);
}

void mime_add_addresses(tu_out *o, const char *name, const mime_address *addresses, size_t n) {
    size_t column = strlen(name) + 2;
    tu_out_add_c(o, name);
    tu_out_add_c(o, ": ");
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(addresses[i].address) + 3;
        if (i) { /* each on a line of its own */
            tu_out_add_c(o, ",\r\n ");
            column = 1;
        }
        if (addresses[i].name) {
            column = add_name(o, column, addresses[i].name);
            tu_out_add_c(o, column + length + 1 > LINE ? "\r\n " : " ");
        }
        tu_out_add_c(o, addresses[i].name ? "<" : "");
        tu_out_add_c(o, addresses[i].address);
        tu_out_add_c(o, addresses[i].name ? ">" : "");
    }
    tu_out_add_c(o, "\r\n");
}

/* --- bodies ----------------------------------------------------------------------------------- */

/* Quoted-printable (RFC 2045 section 6.7): lines that are broken softly, no blank at a line's end. */
static void add_quoted_printable(tu_out *o, const char *text, size_t n) {
    size_t column = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        bool ends = i + 1 == n || text[i + 1] == '\n';
        char coded[4] = {(char)c, '\0'};
        if (c == '\n') {
            tu_out_add_c(o, "\r\n");
            column = 0;
            continue;
        }
        if (c > '~' || c == '=' || (c < ' ' && c != '\t') || ((c == ' ' || c == '\t') && ends) ||
            (column == 0 && c == '.') ||
            (column == 0 && c == 'F')) /* "." and "From " at a line's begin */
            snprintf(coded, sizeof coded, "=%02X", c);
        size_t length = strlen(coded);
        if (column + length > LINE - 1) {
            tu_out_add_c(o, "=\r\n");
            column = 0;
        }
        tu_out_add(o, coded, length);
        column += length;
    }
    if (column)
        tu_out_add_c(o, "\r\n");
}

/* In base64, lines of text end with CR LF too (RFC 2046 section 4.1.1). */
static void add_base64_body(tu_out *o, const char *text, size_t n) {
    tu_out canonical;
    tu_out_init(&canonical, 2 * n + 2);
    for (size_t i = 0; i < n;) {
        size_t line = strcspn(text + i, "\n");
        line = line > n - i ? n - i : line;
        tu_out_add(&canonical, text + i, line);
        i += line;
        if (i < n) {
            tu_out_add_c(&canonical, "\r\n");
            i++;
        }
    }
    o->failed |= canonical.failed;
    for (size_t i = 0; canonical.text && i < canonical.n; i += 57) {
        add_base64(o, canonical.text + i, canonical.n - i < 57 ? canonical.n - i : 57);
        tu_out_add_c(o, "\r\n");
    }
    tu_out_done(&canonical);
}

void mime_add_part(tu_out *o, const char *type, const char *text, size_t n) {
    size_t foreign = 0;
    for (size_t i = 0; i < n; i++)
        foreign += (unsigned char)text[i] >= 0x80;
    bool base64 = foreign > n / 6; /* then it is the shorter one, and the other isn't readable */
    tu_out_add_c(o, "Content-Type: ");
    tu_out_add_c(o, type);
    tu_out_add_c(o, "; charset=utf-8\r\nContent-Transfer-Encoding: ");
    tu_out_add_c(o, base64 ? "base64\r\n\r\n" : "quoted-printable\r\n\r\n");
    if (base64)
        add_base64_body(o, text, n);
    else
        add_quoted_printable(o, text, n);
}
