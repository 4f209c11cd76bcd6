/*
 * exec.c: runs a login program of the user's kubeconfig and reads the ExecCredential that it
 * prints.
 *
 * The program is run by its argv, never through a shell, with our environment and what the
 * kubeconfig adds, with /dev/null for input and with our standard error (what it says there is for
 * the user). It is killed with its children at the deadline or when the call is cancelled. Format:
 * https://kubernetes.io/docs/reference/config-api/client-authentication.v1/
 */
#include "kube.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXEC_TIMEOUT_MS 60000

extern char **environ;

int64_t kube_time_parse(const char *text) {
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest)
        return -1;
    if (*rest == '.')
        for (rest++; *rest >= '0' && *rest <= '9'; rest++) {
        }
    int64_t t = timegm(&tm);
    if (strcmp(rest, "Z") == 0 || strcmp(rest, "z") == 0)
        return t;
    struct tm offset = {0};
    const char *end = (*rest == '+' || *rest == '-') ? strptime(rest + 1, "%H:%M", &offset) : NULL;
    if (!end || *end)
        return -1;
    int64_t seconds = offset.tm_hour * 3600 + offset.tm_min * 60;
    return *rest == '+' ? t - seconds : t + seconds;
}

/* KUBERNETES_EXEC_INFO: what the program may know of us. */
static void write_info(const kube_cluster *c, kube_text *t) {
    kube_text_print(t,
                    "KUBERNETES_EXEC_INFO={\"apiVersion\":\"%s\",\"kind\":\"ExecCredential\","
                    "\"spec\":{\"interactive\":false",
                    c->exec->api_version);
    if (c->exec->provide_cluster_info) {
        kube_text_string(t, ",\"cluster\":{\"server\":");
        kube_text_quote(t, kube_str(c->server));
        if (c->tls_server_name) {
            kube_text_string(t, ",\"tls-server-name\":");
            kube_text_quote(t, kube_str(c->tls_server_name));
        }
        if (c->insecure)
            kube_text_string(t, ",\"insecure-skip-tls-verify\":true");
        KUBE_TEXT pem = {0};
        if (c->ca_pem)
            kube_text_string(&pem, c->ca_pem);
        else if (c->ca_file)
            kube_read_file(c->ca_file, &pem);
        char *encoded = pem.n ? malloc(pem.n / 3 * 4 + 8) : NULL;
        if (encoded) {
            EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)pem.p, (int)pem.n);
            kube_text_print(t, ",\"certificate-authority-data\":\"%s\"", encoded);
        }
        free(encoded);
        if (c->proxy_url) {
            kube_text_string(t, ",\"proxy-url\":");
            kube_text_quote(t, kube_str(c->proxy_url));
        }
        kube_text_string(t, "}");
    }
    kube_text_string(t, "}}");
}

static bool names_same(const char *a, const char *b) {
    size_t n = strcspn(a, "=");
    return strncmp(a, b, n) == 0 && b[n] == '=';
}

/* Ours, then the kubeconfig's (which win), then the info. The strings are borrowed. */
static char **make_environment(const kube_exec *e, char *info) {
    size_t n = 0, extra = 0;
    while (environ[n])
        n++;
    while (e->env[extra])
        extra++;
    char **r = calloc(n + extra + 2, sizeof(*r));
    if (!r)
        return NULL;
    size_t out = 0;
    for (size_t i = 0; i < n; i++) {
        bool replaced = names_same(info, environ[i]);
        for (size_t j = 0; j < extra && !replaced; j++)
            replaced = names_same(e->env[j], environ[i]);
        if (!replaced)
            r[out++] = environ[i];
    }
    for (size_t j = 0; j < extra; j++)
        r[out++] = e->env[j];
    r[out] = info;
    return r;
}

static tu_rc start(const kube_cluster *c, pid_t *ret_pid, int *ret_fd, kube_error *error) {
    const kube_exec *e = c->exec;
    size_t n = 0;
    while (e->args[n])
        n++;
    KUBE_TEXT info = {0};
    write_info(c, &info);
    char **argv = calloc(n + 2, sizeof(*argv)),
         **env = info.failed ? NULL : make_environment(e, info.p);
    int fds[2] = {-1, -1}, failed = ENOMEM;
    if (argv && env && pipe2(fds, O_CLOEXEC) == 0) {
        argv[0] = e->command;
        memcpy(argv + 1, e->args, n * sizeof(*argv));
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attributes;
        sigset_t none, defaults;
        sigemptyset(&none);
        sigemptyset(&defaults);
        sigaddset(&defaults, SIGPIPE);
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&files, fds[1], 1);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                  POSIX_SPAWN_SETSIGDEF);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &defaults);
        failed = posix_spawnp(ret_pid, e->command, &files, &attributes, argv, env);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&files);
        close(fds[1]);
        if (failed)
            close(fds[0]);
    }
    free(argv);
    free(env);
    if (!failed) {
        *ret_fd = fds[0];
        return TU_OK;
    }
    return kube_error_set(error, TU_EDENIED, "exec",
                          "can't run the login program %s of the kubeconfig: %s%s%s", e->command,
                          strerror(failed), e->install_hint ? ": " : "",
                          e->install_hint ? e->install_hint : "");
}

/* Everything the program prints, until it ends, the call ends, or the time is up. */
static tu_rc read_output(const kube_cluster *c, const tu_host *host, tu_call *call, int fd,
                         kube_text *out, kube_error *error) {
    int64_t until = kube_now_ms() + EXEC_TIMEOUT_MS, deadline = host->deadline_ms(call);
    if (deadline >= 0 && deadline < until)
        until = deadline;
    out->limit = KUBE_LIMIT_FILE_BYTES;
    for (;;) {
        int64_t left = until - kube_now_ms();
        if (left <= 0)
            return kube_error_set(error, TU_ETIMEOUT, "exec",
                                  "the login program %s did not finish in time", c->exec->command);
        struct pollfd fds[2] = {{fd, POLLIN, 0}, {host->cancel_fd(call), POLLIN, 0}};
        if (poll(fds, 2, (int)left) < 0 && errno != EINTR)
            return kube_error_set(error, TU_EINTERNAL, "exec", "poll: %s", strerror(errno));
        if (host->cancelled(call))
            return kube_error_set(error, TU_ECANCELLED, "cancelled", "cancelled while logging in");
        if (!fds[0].revents)
            continue;
        char chunk[4096];
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        kube_text_add(out, chunk, (size_t)n);
        explicit_bzero(chunk, sizeof(chunk));
        if (out->failed)
            return kube_error_set(error, TU_EDENIED, "exec",
                                  "the login program %s printed more than a credential",
                                  c->exec->command);
    }
    return TU_OK;
}

static tu_rc read_credential(const kube_exec *e, tu_str text, kube_exec_result *ret,
                             kube_error *error) {
    cJSON *root = cJSON_ParseWithLength(text.p, text.n);
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(root, "status");
    const char *token = kube_member_string(status, "token"),
               *cert = kube_member_string(status, "clientCertificateData");
    const char *key = kube_member_string(status, "clientKeyData"),
               *expires = kube_member_string(status, "expirationTimestamp");
    const char *wrong = NULL;
    if (!cJSON_IsObject(root) || strcmp(kube_member_string(root, "kind"), "ExecCredential") != 0)
        wrong = "printed no ExecCredential";
    else if (strcmp(kube_member_string(root, "apiVersion"), e->api_version) != 0)
        wrong = "answered in another apiVersion than the kubeconfig says";
    else if (!token[0] && !cert[0] && !key[0])
        wrong = "gave neither a token nor a client certificate";
    else if (!cert[0] != !key[0])
        wrong = "gave a client certificate without its key, or a key without its certificate";
    else if (strpbrk(token, "\r\n"))
        wrong = "gave a token with a line break";
    else if (expires[0] && (ret->expires = kube_time_parse(expires)) < 0)
        wrong = "gave an expirationTimestamp that is no RFC 3339 time";
    if (!wrong) {
        ret->token = token[0] ? strdup(token) : NULL;
        ret->cert_pem = cert[0] ? strdup(cert) : NULL;
        ret->key_pem = key[0] ? strdup(key) : NULL;
    }
    if (token[0])
        explicit_bzero((char *)(uintptr_t)token, strlen(token));
    if (key[0])
        explicit_bzero((char *)(uintptr_t)key, strlen(key));
    cJSON_Delete(root);
    return wrong ? kube_error_set(error, TU_EDENIED, "exec", "the login program %s %s", e->command,
                                  wrong)
                 : TU_OK;
}

tu_rc kube_exec_run(const kube_cluster *c, const tu_host *host, tu_call *call,
                    kube_exec_result *ret, kube_error *error) {
    pid_t pid;
    int fd, status = 0;
    tu_rc rc = start(c, &pid, &fd, error);
    if (rc != TU_OK)
        return rc;
    KUBE_TEXT out = {.secret = true};
    rc = read_output(c, host, call, fd, &out, error);
    close(fd);
    if (rc != TU_OK)
        kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (rc != TU_OK)
        return rc;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return kube_error_set(error, TU_EDENIED, "exec",
                              "the login program %s could not be run%s%s", c->exec->command,
                              c->exec->install_hint ? ": " : "",
                              c->exec->install_hint ? c->exec->install_hint : "");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return kube_error_set(error, TU_EDENIED, "exec",
                              "the login program %s failed (%s %d): run it by hand to see why",
                              c->exec->command, WIFEXITED(status) ? "exit code" : "signal",
                              WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    *ret = (kube_exec_result){0};
    return read_credential(c->exec, kube_text_str(&out), ret, error);
}
