/*
 * value/yaml_error.c: libyaml's complaints in words that a person can act on.
 *
 * One table from libyaml's texts (scanner.c, parser.c, reader.c of 0.2.5) to ours. A text that
 * isn't in it is passed on as it is. To add one: put the row in, and a case in
 * tests/unit/data/yaml/errors.txt.
 */
#include "value/yaml_error.h"

#include "base/banned.h"

typedef struct explanation {
    const char *context; /* a part of libyaml's context; NULL: any */
    const char *problem; /* a part of libyaml's problem */
    bool at_context;     /* report where the context began, not where reading stopped */
    const char *message;
    const char *hint;
} explanation;

static const explanation explanations[] = {
    {NULL, "mapping values are not allowed", false, "mapping values are not allowed here",
     "is there a colon in an unquoted value? put the value in quotes; or is this line indented too "
     "far?"},
    {NULL, "block sequence entries are not allowed", false, "a list item can't begin here",
     "begin a list on a line of its own, below its key"},
    {NULL, "mapping keys are not allowed", false, "a key can't begin here",
     "put a value that begins with '?' in quotes"},
    {"quoted scalar", "unexpected end of stream", true,
     "the string that begins here has no closing quote", NULL},
    {"quoted scalar", "unexpected document indicator", true,
     "the string that begins here has no closing quote", NULL},
    {"quoted scalar", "unknown escape character", false,
     "a backslash can't stand before this character in double quotes",
     "write \\\\ for a backslash, or use single quotes"},
    {"quoted scalar", "invalid Unicode character escape code", false,
     "this escape is no Unicode character",
     "write characters beyond U+FFFF as \\U0001F600, not as a surrogate pair"},
    {"flow sequence", "expected ',' or ']'", true,
     "the list that begins here has no closing ']', or a ',' is missing in it", NULL},
    {"flow mapping", "expected ',' or '}'", true,
     "the map that begins here has no closing '}', or a ',' is missing in it", NULL},
    {"block mapping", "did not find expected key", false, "a key was expected here",
     "is this line indented differently from the other keys of its map, or does text follow a "
     "closing quote or bracket?"},
    {"block collection", "did not find expected '-' indicator", false,
     "'-' was expected here: this belongs to a list",
     "is this line indented like the items of the list before it?"},
    {"simple key", "could not find expected ':'", true,
     "this line is neither 'key: value' nor part of a value",
     "is a ':' missing, or the indentation of the lines of a text?"},
    {NULL, "did not find expected <document start>", false, "a second value begins here",
     "is this line indented less than the first one? separate documents with ---"},
    {NULL, "found a tab character that violates indentation", false,
     "a tab can't be used for indentation", "indent with spaces"},
    {NULL, "found a tab character where an indentation space is expected", false,
     "a tab can't be used for indentation", "indent with spaces"},
    {"block scalar", "did not find expected comment or line break", false,
     "the text of a block begins on the line below its | or >",
     "put a value that begins with | or > in quotes"},
    {"anchor", "did not find expected alphabetic or numeric character", true,
     "a name has to follow '&'", "put a value that begins with '&' in quotes"},
    {"alias", "did not find expected alphabetic or numeric character", true,
     "a name has to follow '*'", "put a value that begins with '*' in quotes"},
    {"block scalar", "indentation indicator equal to 0", false,
     "the indentation of a block can't be 0", NULL},
    {NULL, "did not find expected node content", false, "a value was expected here", NULL},
    {"directive", "unknown directive", false,
     "the directive is not known: there are %YAML and %TAG",
     "put a line that begins with '%' in quotes"},
    {"directive", "could not find expected directive name", false,
     "a line that begins with '%' is a directive, and this one has no name",
     "put it in quotes, or indent it further"},
    {NULL, "undefined tag handle", false, "the tag's handle is not declared",
     "put a value that begins with '!' in quotes"},
    {NULL, "incompatible YAML document", false,
     "the %YAML directive names a version other than 1.1 and 1.2", NULL},
    {NULL, "control characters are not allowed", false, "control characters are not allowed",
     "in double quotes they can be written as \\x07"},
};

static bool holds(const char *text, const char *part) {
    return !part || (text && strstr(text, part));
}

static const explanation *find(const yaml_parser_t *parser) {
    for (size_t i = 0; i < sizeof(explanations) / sizeof(explanations[0]); i++)
        if (holds(parser->problem, explanations[i].problem) &&
            holds(parser->context, explanations[i].context))
            return &explanations[i];
    return NULL;
}

/* The byte offset of a character. */
static size_t byte_of(tu_str text, size_t character) {
    size_t i = 0;
    for (size_t at = 0; i < text.n && at < character; at++)
        for (i++; i < text.n && ((unsigned char)text.p[i] & 0xc0) == 0x80; i++)
            ;
    return i;
}

/* '@', '`', '%' and tabs can't begin a token. */
static void explain_character(tu_yaml_problem *p, tu_str text) {
    size_t i = byte_of(text, p->at);
    if (i < text.n && text.p[i] == '\t') {
        snprintf(p->message, sizeof(p->message), "a tab can't be used for indentation");
        p->hint = "indent with spaces";
    } else {
        snprintf(p->message, sizeof(p->message), "a value can't begin with '%c'",
                 i < text.n ? text.p[i] : ' ');
        p->hint = "put the value in quotes";
    }
}

/* Two causes that libyaml doesn't see: two files glued together, and a bracket that is never
 * closed. */
static void look_closer(tu_yaml_problem *p, tu_str text) {
    size_t at = byte_of(text, p->at), line = at;
    while (line > 0 && text.p[line - 1] != '\n')
        line--;
    if (text.n - line >= 3 && memcmp(text.p + line, "\xef\xbb\xbf", 3) == 0) {
        snprintf(p->message, sizeof(p->message),
                 "a byte order mark stands in the middle of the text");
        p->hint = "were two files put together? remove it";
    } else if (at == text.n && !p->hint) {
        p->hint = "the text ends here: is a closing ']' or '}' missing?";
    }
}

tu_yaml_problem tu_yaml_explain(const yaml_parser_t *parser, tu_str text) {
    const explanation *known = find(parser);
    const char *problem = parser->problem ? parser->problem : "it can't be read";
    tu_yaml_problem p = {.at = parser->problem_mark.index};
    if (parser->error == YAML_READER_ERROR) {
        p.at = parser->problem_offset;
        p.in_bytes = true;
    }
    if (strstr(problem, "cannot start any token")) {
        explain_character(&p, text);
        return p;
    }
    if (known && known->at_context)
        p.at = parser->context_mark.index;
    if (known) {
        snprintf(p.message, sizeof(p.message), "%s", known->message);
        p.hint = known->hint;
    } else if (p.in_bytes) {
        snprintf(p.message, sizeof(p.message), "byte 0x%02x is not valid UTF-8",
                 p.at < text.n ? (unsigned)(unsigned char)text.p[p.at] : 0u);
    } else {
        snprintf(p.message, sizeof(p.message), "%s%s%s", parser->context ? parser->context : "",
                 parser->context ? ": " : "", problem);
    }
    if (!p.in_bytes)
        look_closer(&p, text);
    return p;
}
