/*
 * source-git/ssh.c: Git over ssh by the `ssh` program, as a libgit2 subtransport.
 *
 *     we <── socket pair ──> ssh ... host "git-upload-pack 'path'"      stderr ──> `heard`
 *
 * The program is run by posix_spawn with a fixed argv, never by a shell on this side. It can't ask
 * anything (BatchMode), takes no unknown host key, forwards nothing and runs in a process group of
 * its own that is killed when the call ends. With a configured key no configuration of the user or
 * the machine is read; without one the user's own ssh setup (agent, keys, config, known_hosts)
 * holds, as it does for git. What it is told stands in ssh_command.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ssh_command.h"
#include "transport.h"

typedef struct ssh_remote {
    git_smart_subtransport parent;
    git_smart_subtransport_stream stream; /* one for both services: ssh is one conversation */
    tu_git_work *work;
    pid_t process; /* 0: none */
    int line;      /* our end of the socket pair */
    int words;     /* stderr */
    tu_ssh_command command;
    char heard[TU_GIT_LIMIT_STDERR];
    size_t heard_n;
    bool listing; /* the list of refs isn't read yet */
} ssh_remote;

/* --- its life -----------------------------------------------------------------------------------
 */

static int spawn(ssh_remote *r, int line, int words) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, line, 0);
    posix_spawn_file_actions_adddup2(&actions, line, 1);
    posix_spawn_file_actions_adddup2(&actions, words, 2);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int error = posix_spawnp(&r->process, "ssh", &actions, &attributes, r->command.argv.items,
                             r->command.environment.items);
    if (error != 0) {
        r->process = 0;
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static tu_rc start(ssh_remote *r) {
    tu_git_work *w = r->work;
    int pair[2] = {-1, -1}, tube[2] = {-1, -1};
    int error = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 ||
        pipe2(tube, O_CLOEXEC) != 0) {
        error = errno;
    } else {
        error = spawn(r, pair[1], tube[1]);
    }
    if (pair[1] >= 0) {
        close(pair[1]);
    }
    if (tube[1] >= 0) {
        close(tube[1]);
    }
    r->line = pair[0];
    r->words = tube[0];
    if (error == ENOENT) {
        return tu_git_fail(
            w, TU_EUNSUPPORTED, "ssh-missing",
            "the program ssh isn't installed here (Debian: openssh-client), %s needs it",
            w->settings->address.url);
    }
    if (error != 0) {
        return tu_git_fail(w, TU_EUNAVAILABLE, "ssh", "ssh can't be started: %s", strerror(error));
    }
    (void)fcntl(r->line, F_SETFL, O_NONBLOCK);
    (void)fcntl(r->words, F_SETFL, O_NONBLOCK);
    return TU_OK;
}

/* Ends the process group and waits for the process: politely first, then for sure. Returns its
 * status. */
static int stop(ssh_remote *r, bool politely) {
    int status = 0;
    if (r->line >= 0) {
        close(r->line);
    }
    if (r->words >= 0) {
        close(r->words);
    }
    r->line = r->words = -1;
    if (r->process == 0) {
        return 0;
    }
    for (int i = 0; i < 20; i++) {
        if (waitpid(r->process, &status, WNOHANG) == r->process) {
            (void)kill(-r->process, SIGKILL); /* helpers of it, such as a ProxyCommand */
            r->process = 0;
            return status;
        }
        if (i == (politely ? 10 : 0)) {
            (void)kill(-r->process, SIGTERM);
        }
        (void)poll(NULL, 0, 10);
    }
    (void)kill(-r->process, SIGKILL);
    while (waitpid(r->process, &status, 0) < 0 && errno == EINTR) {
    }
    r->process = 0;
    return status;
}

/* Keeps the last of what ssh says. False at its end. */
static bool hear(ssh_remote *r) {
    char text[4096];
    ssize_t n = read(r->words, text, sizeof text);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    size_t size = (size_t)n;
    if (r->heard_n + size > sizeof r->heard) {
        size_t drop = r->heard_n + size - sizeof r->heard;
        memmove(r->heard, r->heard + drop, r->heard_n - drop);
        r->heard_n -= drop;
    }
    memcpy(r->heard + r->heard_n, text, size);
    r->heard_n += size;
    return n > 0;
}

/* --- why it failed ------------------------------------------------------------------------------
 */

enum { SAY_AS_IS, SAY_KEYSCAN };
/* What OpenSSH (9.x) and Git servers print, the most telling first. To add one: a row. */
static const struct {
    const char *sign;
    tu_rc rc;
    const char *code, *text;
    int then;
} signs[] = {
    {"REMOTE HOST IDENTIFICATION HAS CHANGED", TU_EINTEGRITY, "host-key-changed",
     "the host key is not the one in ssh.knownHosts: somebody may be in between; if the server was "
     "rebuilt, replace its "
     "lines after checking the fingerprint with its owner, with those of",
     SAY_KEYSCAN},
    {"host key is known for", TU_EINTEGRITY, "host-key-unknown",
     "the host key is unknown: check its fingerprint with the server's owner and put into "
     "ssh.knownHosts the lines of",
     SAY_KEYSCAN},
    {"Host key verification failed", TU_EINTEGRITY, "host-key-unknown",
     "the host key is unknown or wrong: check its fingerprint with the server's owner and put into "
     "ssh.knownHosts the lines of",
     SAY_KEYSCAN},
    {"error in libcrypto", TU_EDENIED, "ssh-key",
     "ssh.privateKey can't be read: is it whole, and without a passphrase?", SAY_AS_IS},
    {"invalid format", TU_EDENIED, "ssh-key",
     "ssh.privateKey can't be read: is it a whole OpenSSH or PEM key?", SAY_AS_IS},
    {"Permission denied (", TU_EDENIED, "ssh-denied",
     "login refused: is the key (ssh.privateKey) allowed to read this repository?", SAY_AS_IS},
    {"Too many authentication failures", TU_EDENIED, "ssh-denied",
     "login refused: too many keys were tried, set ssh.privateKey", SAY_AS_IS},
    {"Could not resolve hostname", TU_EUNAVAILABLE, "dns", "the name of the host can't be resolved",
     SAY_AS_IS},
    {"timed out", TU_ETIMEOUT, "connect", "the host did not answer in time", SAY_AS_IS},
    {"not responding", TU_ETIMEOUT, "stalled", "the host stopped answering", SAY_AS_IS},
    {"Connection refused", TU_EUNAVAILABLE, "connect",
     "the connection was refused: is the port right, and sshd running?", SAY_AS_IS},
    {"No route to host", TU_EUNAVAILABLE, "connect", "there is no route to the host", SAY_AS_IS},
    {"Network is unreachable", TU_EUNAVAILABLE, "connect", "the network is unreachable", SAY_AS_IS},
    {"does not appear to be a git repository", TU_ENOTFOUND, "not-found",
     "no repository there, or no access", SAY_AS_IS},
    {"epository not found", TU_ENOTFOUND, "not-found", "no repository there, or no access",
     SAY_AS_IS},
    {"could not be found", TU_ENOTFOUND, "not-found", "no repository there, or no access",
     SAY_AS_IS},
    {"DENIED by", TU_EDENIED, "ssh-denied", "the server refuses access to the repository",
     SAY_AS_IS},
    {"ccess denied", TU_EDENIED, "ssh-denied", "the server refuses access to the repository",
     SAY_AS_IS},
    {"dubious ownership", TU_EDENIED, "ownership",
     "git on the server refuses the repository: it belongs to another user there", SAY_AS_IS},
    {"Connection closed by", TU_EUNAVAILABLE, "connection", "the server closed the connection",
     SAY_AS_IS},
    {"onnection reset", TU_EUNAVAILABLE, "connection", "the connection was reset", SAY_AS_IS},
    {"Broken pipe", TU_EUNAVAILABLE, "connection", "the connection broke", SAY_AS_IS},
};

static void last_line(const ssh_remote *r, char *out, size_t room) {
    size_t end = r->heard_n;
    while (end > 0 && (r->heard[end - 1] == '\n' || r->heard[end - 1] == '\r')) {
        end--;
    }
    const char *line = memrchr(r->heard, '\n', end);
    size_t from = line == NULL ? 0 : (size_t)(line - r->heard) + 1;
    (void)tu_git_clean(r->heard + from, end - from, out, room);
}

static tu_rc fail_from_words(ssh_remote *r, int status) {
    tu_git_work *w = r->work;
    const tu_git_address *a = &w->settings->address;
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (memmem(r->heard, r->heard_n, signs[i].sign, strlen(signs[i].sign)) == NULL) {
            continue;
        }
        char scan[400] = "";
        if (signs[i].then == SAY_KEYSCAN) {
            (void)snprintf(scan, sizeof scan, " `ssh-keyscan %s%s%s%.200s`",
                           a->port != NULL ? "-p " : "", a->port != NULL ? a->port : "",
                           a->port != NULL ? " " : "", a->host_name);
        }
        return tu_git_fail(w, signs[i].rc, signs[i].code, "%s: %s%s", a->url, signs[i].text, scan);
    }
    char said[300];
    last_line(r, said, sizeof said);
    return tu_git_fail(w, TU_EUNAVAILABLE, "ssh", "%s: ssh ended (%s %d) before all was sent%s%s",
                       a->url, WIFSIGNALED(status) ? "signal" : "status",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                       said[0] != '\0' ? ": " : "", said);
}

/* ssh closed the line: lets it finish its last words, which tell why. */
static tu_rc fail_ended(ssh_remote *r) {
    int64_t until = tu_git_now_ms() + tu_git_time_left(r->work, 2000);
    if (r->work->closing) { /* libgit2's goodbye; the server may have gone before it */
        return TU_EUNAVAILABLE;
    }
    while (r->words >= 0) {
        int64_t left = until - tu_git_now_ms();
        struct pollfd fds[2] = {{.fd = r->words, .events = POLLIN},
                                {.fd = r->work->host->cancel_fd(r->work->call), .events = POLLIN}};
        if (left <= 0 || poll(fds, 2, (int)left) == 0 || fds[1].revents != 0) {
            break;
        }
        if (fds[0].revents != 0 && !hear(r)) {
            break;
        }
    }
    int status = stop(r, true);
    return tu_git_stopped(r->work) ? r->work->rc : fail_from_words(r, status);
}

/* --- the stream ---------------------------------------------------------------------------------
 */

/* Waits until the line can be read or written; reads ssh's words meanwhile. */
static tu_rc await(ssh_remote *r, short events) {
    tu_git_work *w = r->work;
    int64_t until = tu_git_now_ms() + w->settings->timeout_ms;
    for (;;) {
        int64_t left = until - tu_git_now_ms();
        if (tu_git_stopped(w)) {
            return w->rc;
        }
        if (left <= 0) {
            return tu_git_fail(w, TU_ETIMEOUT, "stalled", "%s: no byte came for %d seconds",
                               w->settings->address.url, (int)(w->settings->timeout_ms / 1000));
        }
        struct pollfd fds[3] = {{.fd = r->line, .events = events},
                                {.fd = r->words, .events = POLLIN},
                                {.fd = w->host->cancel_fd(w->call), .events = POLLIN}};
        if (poll(fds, 3, (int)tu_git_time_left(w, left)) < 0 && errno != EINTR) {
            return tu_git_fail(w, TU_EINTERNAL, "poll", "poll: %s", strerror(errno));
        }
        if (fds[1].revents != 0 && !hear(r)) {
            close(r->words);
            r->words = -1;
        }
        if (fds[0].revents != 0) {
            return TU_OK;
        }
    }
}

static ssh_remote *of(git_smart_subtransport_stream *stream) {
    return (ssh_remote *)stream->subtransport;
}

static int stream_read(git_smart_subtransport_stream *stream, char *buffer, size_t room,
                       size_t *ret_n) {
    ssh_remote *r = of(stream);
    *ret_n = 0;
    for (;;) {
        ssize_t n = recv(r->line, buffer, room, 0);
        if (n > 0) {
            *ret_n = (size_t)n;
            return tu_git_received(r->work, buffer, (size_t)n, r->listing) == TU_OK ? 0 : GIT_EUSER;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            (void)fail_ended(r); /* libgit2 never reads past the end of the conversation */
            return GIT_EUSER;
        }
        if (await(r, POLLIN) != TU_OK) {
            return GIT_EUSER;
        }
    }
}

static int stream_write(git_smart_subtransport_stream *stream, const char *bytes, size_t n) {
    ssh_remote *r = of(stream);
    while (n > 0) {
        ssize_t put = send(r->line, bytes, n, MSG_NOSIGNAL);
        if (put > 0) {
            bytes += put;
            n -= (size_t)put;
        } else if (put < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (await(r, POLLOUT) != TU_OK) {
                return GIT_EUSER;
            }
        } else {
            (void)fail_ended(r);
            return GIT_EUSER;
        }
    }
    return 0;
}

static void stream_free(git_smart_subtransport_stream *stream) {
    (void)stream; /* lives in the remote */
}

static int remote_action(git_smart_subtransport_stream **ret, git_smart_subtransport *transport,
                         const char *url, git_smart_service_t action) {
    (void)url;
    ssh_remote *r = (ssh_remote *)transport;
    if (action != GIT_SERVICE_UPLOADPACK_LS && action != GIT_SERVICE_UPLOADPACK) {
        (void)tu_git_fail(r->work, TU_EUNSUPPORTED, "push", "this plugin only reads");
        return GIT_EUSER;
    }
    r->listing = action == GIT_SERVICE_UPLOADPACK_LS;
    if (r->listing) {
        (void)stop(r, false);
        /* not in tu_git_ssh_new: libgit2 1.5 leaks where that fails */
        if (tu_ssh_command_prepare(r->work, &r->command) != TU_OK || start(r) != TU_OK) {
            return GIT_EUSER;
        }
    }
    r->stream = (git_smart_subtransport_stream){transport, stream_read, stream_write, stream_free};
    *ret = &r->stream;
    return 0;
}

static int remote_close(git_smart_subtransport *transport) {
    (void)stop((ssh_remote *)transport, true);
    return 0;
}

static void remote_free(git_smart_subtransport *transport) {
    ssh_remote *r = (ssh_remote *)transport;
    (void)stop(r, false);
    tu_ssh_command_done(&r->command);
    free(r);
}

int tu_git_ssh_new(git_smart_subtransport **ret, git_transport *owner, void *work) {
    (void)owner;
    ssh_remote *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return GIT_ERROR;
    }
    *r = (ssh_remote){.parent = {remote_action, remote_close, remote_free},
                      .work = work,
                      .line = -1,
                      .words = -1,
                      .command = {.key = -1, .known_hosts = -1}};
    *ret = &r->parent;
    return 0;
}
