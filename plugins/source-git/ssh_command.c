/*
 * source-git/ssh_command.c: the argv, the environment and the files that `ssh` gets.
 *
 * Fixed options come first: ssh takes the first value that it sees, so no configuration file can
 * change them. The host comes behind "--", the path in quotes for the server's shell. To add an
 * option: a row in `always`.
 */
#include "ssh_command.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int memory_file(const char *name, const char *bytes, size_t n) {
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0 || fchmod(fd, 0600) != 0) {
        goto failed;
    }
    while (n > 0) {
        ssize_t put = write(fd, bytes, n);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            goto failed;
        }
        bytes += put;
        n -= (size_t)put;
    }
    return fd;
failed:
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

/* ssh refuses a key without a line break at its end or with Windows line ends, in words that nobody
 * understands. */
static void take_key(void *arg, tu_str value) {
    tu_ssh_command *c = arg;
    static const char mark[] = "PRIVATE KEY-----";
    if (value.n == 0 || value.n > TU_GIT_LIMIT_KEY_BYTES ||
        memmem(value.p, value.n, mark, sizeof mark - 1) == NULL) {
        (void)tu_git_fail(
            c->work, TU_EDENIED, "ssh-key",
            "ssh.privateKey holds no private key (the text of a file like ~/.ssh/id_ed25519)");
        return;
    }
    /* "none" as the cipher, in the base64 of PROTOCOL.key's header; PEM says it in plain words */
    bool openssh = memmem(value.p, value.n, "BEGIN OPENSSH", 13) != NULL;
    bool open = memmem(value.p, value.n, "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU", 31) != NULL;
    if ((openssh && !open) || memmem(value.p, value.n, "ENCRYPTED", 9) != NULL) {
        (void)tu_git_fail(c->work, TU_EDENIED, "ssh-key",
                          "ssh.privateKey has a passphrase: give a deploy key without one");
        return;
    }
    char *text = malloc(value.n + 1);
    if (text == NULL) {
        return;
    }
    size_t n = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] != '\r') {
            text[n++] = value.p[i];
        }
    }
    if (n > 0 && text[n - 1] != '\n') {
        text[n++] = '\n';
    }
    c->key = memory_file("key", text, n);
    OPENSSL_cleanse(text, n);
    free(text);
}

static tu_rc open_key(tu_ssh_command *c) {
    tu_git_work *w = c->work;
    const char *handle = w->settings->private_key;
    if (handle == NULL) {
        return TU_OK;
    }
    tu_rc rc = w->host->secret(w->call, (tu_str){handle, strlen(handle)}, take_key, c);
    if (rc != TU_OK) {
        return tu_git_fail(w, rc, "secret", "ssh.privateKey can't be opened");
    }
    return c->key >= 0 ? TU_OK
                       : tu_git_fail(w, TU_EUNAVAILABLE, "memory", "no room for the ssh key: %s",
                                     strerror(errno));
}

/* A path, or the lines themselves: lines have a blank, and a path that has one too is told by its
 * leading slash. */
static tu_rc open_known_hosts(tu_ssh_command *c) {
    tu_git_work *w = c->work;
    const char *given = w->settings->known_hosts;
    if (given == NULL) {
        return TU_OK;
    }
    if (given[0] != '/' && strpbrk(given, " \n") != NULL) {
        size_t n = strlen(given);
        char *lines = malloc(n + 2);
        if (lines != NULL) {
            memcpy(lines, given, n);
            memcpy(lines + n, "\n", 2);
            c->known_hosts = memory_file("known_hosts", lines, n + 1);
            free(lines);
        }
    } else {
        int fd = open(given, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct stat s;
        if (fd < 0 || fstat(fd, &s) != 0 || !S_ISREG(s.st_mode) ||
            (uint64_t)s.st_size > TU_GIT_LIMIT_KNOWN_HOSTS) {
            int error = fd < 0 ? errno : EINVAL;
            if (fd >= 0) {
                close(fd);
            }
            return tu_git_fail(w, TU_EINVALID, "known-hosts",
                               "ssh.knownHosts: %s can't be read: %s", given, strerror(error));
        }
        c->known_hosts = fd;
    }
    return c->known_hosts >= 0
               ? TU_OK
               : tu_git_fail(w, TU_EUNAVAILABLE, "memory", "no room for ssh.knownHosts");
}

/* git's own quoting for the shell on the server (git quote.c: sq_quote). */
static char *quoted_command(const char *path) {
    size_t n = strlen(path);
    char *out = malloc(sizeof "git-upload-pack ''" + 4 * n);
    if (out == NULL) {
        return NULL;
    }
    char *at = stpcpy(out, "git-upload-pack '");
    for (; *path != '\0'; path++) {
        if (*path == '\'' || *path == '!') {
            *at++ = '\'';
            *at++ = '\\';
            *at++ = *path;
            *at++ = '\'';
        } else {
            *at++ = *path;
        }
    }
    (void)stpcpy(at, "'");
    return out;
}

__attribute__((format(printf, 2, 3))) static void add(tu_ssh_words *a, const char *format, ...) {
    va_list list;
    va_start(list, format);
    char *text = NULL;
    if (a->n + 1 >= TU_SSH_WORDS || vasprintf(&text, format, list) < 0) {
        a->failed = true;
    } else {
        a->items[a->n++] = text;
    }
    va_end(list);
}

static void add_option(tu_ssh_words *a, const char *option) {
    add(a, "-o");
    add(a, "%s", option);
}

static void clear_words(tu_ssh_words *a) {
    for (size_t i = 0; i < a->n; i++) {
        free(a->items[i]);
    }
    *a = (tu_ssh_words){0};
}

static void build_arguments(const tu_ssh_command *c, tu_ssh_words *a) {
    const tu_git_settings *s = c->work->settings;
    static const char *const always[] = {
        "BatchMode=yes",         "StrictHostKeyChecking=yes", "UpdateHostKeys=no",
        "ControlMaster=no",      "ForwardAgent=no",           "ForwardX11=no",
        "PermitLocalCommand=no", "ClearAllForwardings=yes",   "ServerAliveCountMax=3"};
    int64_t seconds = tu_git_time_left(c->work, s->timeout_ms) / 1000;
    add(a, "ssh");
    add(a, "-T");
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        add_option(a, always[i]);
    }
    add(a, "-oConnectTimeout=%d", seconds > 0 ? (int)seconds : 1);
    add(a, "-oServerAliveInterval=%d", (int)(s->timeout_ms / 3000) + 1);
    if (c->key >= 0) {
        add(a, "-F");
        add(a, "none");
        add_option(a, "IdentitiesOnly=yes");
        add_option(a, "IdentityAgent=none");
        add_option(a, "PreferredAuthentications=publickey");
        add(a, "-i");
        add(a, "/proc/%d/fd/%d", (int)getpid(), c->key);
    }
    if (c->known_hosts >= 0) {
        add(a, "-oUserKnownHostsFile=/proc/%d/fd/%d", (int)getpid(), c->known_hosts);
        add_option(a, "GlobalKnownHostsFile=/dev/null");
    }
    if (s->address.port != NULL) {
        add(a, "-p");
        add(a, "%s", s->address.port);
    }
    if (s->address.user != NULL) {
        add(a, "-l");
        add(a, "%s", s->address.user);
    }
    add(a, "--");
    add(a, "%s", s->address.host_name);
    char *command = quoted_command(s->address.path);
    add(a, "%s", command != NULL ? command : "");
    a->failed = a->failed || command == NULL;
    free(command);
}

static void build_environment(const tu_ssh_command *c, tu_ssh_words *e) {
    static const char *const kept[] = {"HOME", "PATH", "USER", "LOGNAME", "SSH_AUTH_SOCK"};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        const char *value = getenv(kept[i]);
        bool agent = strcmp(kept[i], "SSH_AUTH_SOCK") == 0;
        if (value != NULL && !(agent && c->key >= 0)) {
            add(e, "%s=%s", kept[i], value);
        }
    }
    add(e, "LC_ALL=C"); /* its words are read below */
}

tu_rc tu_ssh_command_prepare(tu_git_work *w, tu_ssh_command *c) {
    c->work = w;
    clear_words(&c->argv);
    clear_words(&c->environment);
    if ((c->key < 0 && open_key(c) != TU_OK) ||
        (c->known_hosts < 0 && open_known_hosts(c) != TU_OK)) {
        return w->rc;
    }
    build_arguments(c, &c->argv);
    build_environment(c, &c->environment);
    return c->argv.failed || c->environment.failed
               ? tu_git_fail(w, TU_EUNAVAILABLE, "memory", "out of memory")
               : TU_OK;
}

void tu_ssh_command_done(tu_ssh_command *c) {
    clear_words(&c->argv);
    clear_words(&c->environment);
    if (c->key >= 0) {
        close(c->key);
    }
    if (c->known_hosts >= 0) {
        close(c->known_hosts);
    }
    *c = (tu_ssh_command){.key = -1, .known_hosts = -1};
}
