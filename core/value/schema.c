#include "value/schema.h"

int64_t tu_text_column(tu_str text, size_t at) {
    int64_t column = 1;
    if (at > text.n)
        at = text.n;
    for (; at > 0 && text.p[at - 1] != '\n'; at--)
        column += ((unsigned char)text.p[at - 1] & 0xc0) != 0x80; /* not inside a UTF-8 sequence */
    return column;
}
