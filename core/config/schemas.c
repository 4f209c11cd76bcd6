/*
 * config/schemas.c: the JSON Schemas of our documents, embedded.
 *
 * The files in config/schemas/ are the only source of the shapes: they check what is loaded,
 * `trueup config schema` prints them, and they are installed for editors. config/schemas.cmake
 * turns each into `tu_config_schema_<Kind>[]`.
 *
 * To add a kind: a file there, a line in KINDS, a reader in read.c.
 */
#include "base/str.h"
#include "config/config.h"

#define KINDS(one)                                                                                 \
    one(Source) one(Target) one(Notifier) one(Rule) one(Routing) one(Plugin) one(Pack)             \
        one(RuleTest) one(RoutingTest) one(Audit)

#define DECLARE(kind) extern const char tu_config_schema_##kind[];
KINDS(DECLARE)

#define NAME(kind) #kind,
const char *const tu_config_kinds[] = {KINDS(NAME) NULL};

#define TEXT(kind) tu_config_schema_##kind,
static const char *const texts[] = {KINDS(TEXT)};

const char *tu_config_schema(const char *kind) {
    for (size_t i = 0; kind && tu_config_kinds[i]; i++) {
        if (strcmp(kind, tu_config_kinds[i]) == 0)
            return texts[i];
    }
    return NULL;
}
