/*
 * source-git/limits.h: what this plugin accepts from a server, a repository and a configuration.
 *
 * The first three repeat core/base/limits.h (a plugin sees no core header): the core refuses the
 * same sizes, here they are refused before anything was read.
 */
#ifndef TU_GIT_LIMITS_H
#define TU_GIT_LIMITS_H

#define TU_GIT_MIB (UINT64_C(1024) * 1024)

#define TU_GIT_LIMIT_FILE_BYTES (16 * TU_GIT_MIB)  /* one file of a source */
#define TU_GIT_LIMIT_TREE_FILES 100000u            /* files of one revision under a rule's path */
#define TU_GIT_LIMIT_TREE_BYTES (512 * TU_GIT_MIB) /* bytes of one revision under a rule's path */

#define TU_GIT_LIMIT_TREE_DEPTH 128u      /* folders inside folders */
#define TU_GIT_LIMIT_TREE_FOLDERS 100000u /* folders of one revision under a rule's path */
#define TU_GIT_LIMIT_PATH_BYTES 4096u     /* one path in a repository */
#define TU_GIT_LIMIT_URL_BYTES 4096u      /* the configured url */
#define TU_GIT_LIMIT_REF_BYTES 1024u      /* the name of a branch or tag */
#define TU_GIT_LIMIT_REFS 1000000u        /* branches and tags of one repository */
#define TU_GIT_LIMIT_ADVERTISEMENT (128 * TU_GIT_MIB) /* the server's list of branches and tags */
#define TU_GIT_LIMIT_REQUEST (16 * TU_GIT_MIB)        /* what is sent in one round of negotiation */
#define TU_GIT_LIMIT_TRANSFER (8192 * TU_GIT_MIB)     /* what one fetch may bring */
#define TU_GIT_LIMIT_OBJECTS 50000000u                /* objects that one fetch may bring */
#define TU_GIT_LIMIT_KEY_BYTES 65536u                 /* an ssh private key */
#define TU_GIT_LIMIT_KNOWN_HOSTS (4 * TU_GIT_MIB)     /* a known_hosts file */
#define TU_GIT_LIMIT_STDERR 16384u                    /* what ssh may say */
#define TU_GIT_LIMIT_REDIRECTS 5u                     /* redirects of the first request */
#define TU_GIT_LIMIT_PACKS 50u            /* packs in a mirror before the small ones are joined */
#define TU_GIT_FREE_DISK (8 * TU_GIT_MIB) /* what a fetch leaves free on the mirror's disk */

#endif
