/*
 * kubeconfig.c: from the configuration, the environment and files to one cluster with one login.
 *
 * Where is looked, in this order (as kubectl does):
 *   1. `kubeconfig` of the target's configuration: that file alone
 *   2. KUBECONFIG: a list; the first file that says something wins, and files that aren't there are
 * passed over
 *   3. ~/.kube/config
 *   4. the pod's service account, when KUBERNETES_SERVICE_HOST is set and no context was asked for
 * Paths inside a file are relative to it. `*-data` wins over the file of the same name.
 *
 * To add a field of kubeconfig: a member of kube_cluster, a line in read_cluster() or read_user(),
 * a line in kube_cluster_done(). Format:
 * https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
 */
#include "kube.h"

#include "common/yaml_json.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

typedef struct config_file {
    char *path;
    cJSON *root;
} config_file;
typedef struct config_files {
    config_file *files;
    size_t n;
    kube_text looked; /* "a, b": for the message when nothing was found */
} config_files;

static void files_done(config_files *f) {
    for (size_t i = 0; i < f->n; i++) {
        free(f->files[i].path);
        cJSON_Delete(f->files[i].root);
    }
    free(f->files);
    kube_text_done(&f->looked);
}

/* Reads one file into the set. A file that isn't there is no error here: the caller knows whether
 * it had to be. */
static tu_rc file_add(config_files *f, tu_str path, kube_error *error) {
    char *name = kube_copy(path);
    config_file *grown = realloc(f->files, (f->n + 1) * sizeof(*grown));
    if (grown)
        f->files = grown;
    if (!name || !grown) {
        free(name);
        return kube_error_set(error, TU_EINTERNAL, "memory",
                              "out of memory while reading a kubeconfig");
    }
    kube_text_print(&f->looked, "%s%s", f->looked.n ? ", " : "", name);
    KUBE_TEXT text = {.secret = true};
    int e = kube_read_file(name, &text);
    if (e == ENOENT) {
        free(name);
        return TU_OK;
    }
    if (e) {
        kube_error_set(error, TU_EINVALID, "kubeconfig", "can't read the kubeconfig %s: %s", name,
                       strerror(e));
        free(name);
        return error->rc;
    }
    cJSON *root = NULL;
    manifest_problem problem;
    manifest_part all = {0, text.n, 1};
    bool good = manifest_parse_yaml(kube_text_str(&text), all, &root, &problem);
    if (!good)
        kube_error_set(error, TU_EINVALID, "kubeconfig",
                       "the kubeconfig %s is not valid YAML: line %u: %s", name, problem.line,
                       problem.text);
    else if (root && !cJSON_IsObject(root))
        kube_error_set(error, TU_EINVALID, "kubeconfig",
                       "the kubeconfig %s is not a map of clusters, users and contexts", name);
    if (!good || (root && !cJSON_IsObject(root))) {
        cJSON_Delete(root);
        free(name);
        return error->rc;
    }
    f->files[f->n++] = (config_file){name, root};
    return TU_OK;
}

/* A scalar as text, however YAML typed it; NULL for what isn't one or is empty. */
static const char *scalar(const cJSON *map, const char *name) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(map, name);
    if ((cJSON_IsString(v) || cJSON_IsRaw(v)) && v->valuestring && v->valuestring[0])
        return v->valuestring;
    return NULL;
}

/* The entry of that name in a list of {name, KIND: {...}}, in the first file that has it. */
static const cJSON *find_entry(const config_files *f, const char *list, const char *kind,
                               const char *name, const config_file **ret_file) {
    for (size_t i = 0; i < f->n; i++) {
        const cJSON *entry;
        cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(f->files[i].root, list)) {
            const char *is = scalar(entry, "name");
            if (!is || strcmp(is, name) != 0)
                continue;
            *ret_file = &f->files[i];
            return cJSON_GetObjectItemCaseSensitive(entry, kind);
        }
    }
    *ret_file = NULL;
    return NULL;
}

/* Edits that turn a into b (Levenshtein), for "did you mean"; long names are never suggestions. */
static unsigned edits(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b);
    unsigned row[65];
    if (n > 64 || m > 64)
        return 99;
    for (size_t j = 0; j <= m; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned before = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned change = before + (a[i - 1] != b[j - 1]);
            before = row[j];
            unsigned least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = change < least ? change : least;
        }
    }
    return row[m];
}

static tu_rc no_such_context(const config_files *f, const char *context, kube_error *error) {
    KUBE_TEXT names = {0};
    const char *nearest = NULL;
    unsigned best = 4;
    for (size_t i = 0; i < f->n; i++) {
        const cJSON *entry;
        cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(f->files[i].root, "contexts")) {
            const char *name = scalar(entry, "name");
            if (!name)
                continue;
            if (names.n < 400)
                kube_text_print(&names, "%s%s", names.n ? ", " : "", name);
            unsigned distance = edits(context, name);
            if (distance < best && distance < strlen(context)) {
                best = distance;
                nearest = name;
            }
        }
    }
    if (!names.n)
        return kube_error_set(error, TU_EINVALID, "kubeconfig-context",
                              "there is no context \"%s\": the kubeconfig has no contexts (%s)",
                              context, f->looked.p);
    if (nearest)
        return kube_error_set(
            error, TU_EINVALID, "kubeconfig-context",
            "there is no context \"%s\" in the kubeconfig: did you mean \"%s\"? there are: %s",
            context, nearest, names.p);
    return kube_error_set(error, TU_EINVALID, "kubeconfig-context",
                          "there is no context \"%s\" in the kubeconfig (%s): there are: %s",
                          context, f->looked.p, names.p);
}

static char *copy_scalar(const cJSON *map, const char *name) {
    const char *s = scalar(map, name);
    return s ? strdup(s) : NULL;
}

/* A path of the file, relative to the file's own folder. */
static char *copy_path(const config_file *file, const cJSON *map, const char *name) {
    const char *s = scalar(map, name), *slash = strrchr(file->path, '/');
    if (!s)
        return NULL;
    if (s[0] == '/' || !slash)
        return strdup(s);
    KUBE_TEXT t = {0};
    kube_text_add(&t, file->path, (size_t)(slash - file->path) + 1);
    kube_text_string(&t, s);
    return t.failed ? NULL : kube_copy(kube_text_str(&t));
}

/* `*-data`: base64 of PEM. */
static tu_rc copy_data(const config_file *file, const cJSON *map, const char *name, char **ret,
                       kube_error *error) {
    const char *s = scalar(map, name);
    if (!s)
        return TU_OK;
    size_t n = strlen(s);
    unsigned char *out = malloc(n + 4);
    EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
    int part = 0, rest = 0;
    bool good = false;
    if (out && ctx && n < KUBE_LIMIT_FILE_BYTES) {
        EVP_DecodeInit(ctx);
        good = EVP_DecodeUpdate(ctx, out, &part, (const unsigned char *)s, (int)n) >= 0 &&
               EVP_DecodeFinal(ctx, out + part, &rest) >= 0;
    }
    EVP_ENCODE_CTX_free(ctx);
    if (!good) {
        free(out);
        return kube_error_set(error, TU_EINVALID, "kubeconfig",
                              "%s in the kubeconfig %s is not base64", name, file->path);
    }
    out[part + rest] = '\0';
    *ret = (char *)out;
    return TU_OK;
}

/* A list of strings, or of what `make` writes for each entry. */
static char **copy_list(const cJSON *list, void (*make)(const cJSON *entry, kube_text *t)) {
    char **r = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*r));
    size_t n = 0;
    const cJSON *entry;
    if (r)
        cJSON_ArrayForEach(entry, list) {
            KUBE_TEXT t = {.secret = true};
            make(entry, &t);
            if (t.n && (r[n] = kube_copy(kube_text_str(&t))))
                n++;
        }
    return r;
}

static void make_string(const cJSON *entry, kube_text *t) {
    if ((cJSON_IsString(entry) || cJSON_IsRaw(entry)) && entry->valuestring)
        kube_text_string(t, entry->valuestring);
}

static void make_env(const cJSON *entry, kube_text *t) {
    const char *name = scalar(entry, "name"), *value = scalar(entry, "value");
    if (name)
        kube_text_print(t, "%s=%s", name, value ? value : "");
}

static bool has_line_break(const char *s) {
    return s && strpbrk(s, "\r\n") != NULL;
}

static tu_rc read_cluster(const config_file *file, const cJSON *map, kube_cluster *c,
                          kube_error *error) {
    c->server = copy_scalar(map, "server");
    c->ca_file = copy_path(file, map, "certificate-authority");
    c->tls_server_name = copy_scalar(map, "tls-server-name");
    c->proxy_url = copy_scalar(map, "proxy-url");
    c->insecure = kube_member_true(map, "insecure-skip-tls-verify");
    c->disable_compression = kube_member_true(map, "disable-compression");
    if (!c->server)
        return kube_error_set(error, TU_EINVALID, "kubeconfig",
                              "the cluster of context \"%s\" in %s names no server", c->context,
                              file->path);
    return copy_data(file, map, "certificate-authority-data", &c->ca_pem, error);
}

static tu_rc read_exec(const config_file *file, const cJSON *map, kube_cluster *c,
                       kube_error *error) {
    if (!(c->exec = calloc(1, sizeof(*c->exec))))
        return kube_error_set(error, TU_EINTERNAL, "memory",
                              "out of memory while reading a kubeconfig");
    kube_exec *e = c->exec;
    e->api_version = copy_scalar(map, "apiVersion");
    e->install_hint = copy_scalar(map, "installHint");
    const char *command = scalar(map, "command");
    /* a bare name is looked up in PATH, a path is relative to the file */
    e->command = command && strchr(command, '/') ? copy_path(file, map, "command")
                                                 : copy_scalar(map, "command");
    e->args = copy_list(cJSON_GetObjectItemCaseSensitive(map, "args"), make_string);
    e->env = copy_list(cJSON_GetObjectItemCaseSensitive(map, "env"), make_env);
    e->provide_cluster_info = kube_member_true(map, "provideClusterInfo");
    if (!e->command || !e->args || !e->env)
        return kube_error_set(error, TU_EINVALID, "kubeconfig",
                              "the user of context \"%s\" in %s has an exec without a command",
                              c->context, file->path);
    if (!e->api_version || (strcmp(e->api_version, "client.authentication.k8s.io/v1") != 0 &&
                            strcmp(e->api_version, "client.authentication.k8s.io/v1beta1") != 0))
        return kube_error_set(error, TU_EINVALID, "kubeconfig",
                              "the exec of context \"%s\" in %s speaks %s: supported are "
                              "client.authentication.k8s.io/v1 and v1beta1",
                              c->context, file->path,
                              e->api_version ? e->api_version : "no apiVersion");
    const char *mode = scalar(map, "interactiveMode");
    if (mode && strcmp(mode, "Always") == 0)
        return kube_error_set(error, TU_EINVALID, "kubeconfig",
                              "the login program %s wants a terminal (interactiveMode: Always), "
                              "and trueup has none to give",
                              e->command);
    return TU_OK;
}

static tu_rc read_impersonation(const config_file *file, const cJSON *map, kube_cluster *c,
                                kube_error *error) {
    c->act_as = copy_scalar(map, "act-as");
    c->act_as_uid = copy_scalar(map, "act-as-uid");
    c->act_as_groups =
        copy_list(cJSON_GetObjectItemCaseSensitive(map, "act-as-groups"), make_string);
    const cJSON *extra = cJSON_GetObjectItemCaseSensitive(map, "act-as-user-extra"), *list, *value;
    size_t n = 0, most = 0;
    cJSON_ArrayForEach(list, extra) most += (size_t)cJSON_GetArraySize(list);
    if (!(c->act_as_extra = calloc(most + 1, sizeof(char *))))
        return kube_error_set(error, TU_EINTERNAL, "memory",
                              "out of memory while reading a kubeconfig");
    cJSON_ArrayForEach(list, extra) cJSON_ArrayForEach(value, list) {
        KUBE_TEXT t = {0};
        kube_text_string(&t, "Impersonate-Extra-");
        kube_text_segment(&t, kube_str(list->string));
        kube_text_string(&t, ": ");
        make_string(value, &t);
        if ((c->act_as_extra[n] = kube_copy(kube_text_str(&t))))
            n++;
    }
    bool bad = has_line_break(c->act_as) || has_line_break(c->act_as_uid);
    for (char **g = c->act_as_groups; g && *g; g++)
        bad = bad || has_line_break(*g);
    for (char **g = c->act_as_extra; g && *g; g++)
        bad = bad || has_line_break(*g);
    if (bad)
        return kube_error_set(error, TU_EINVALID, "kubeconfig",
                              "an act-as value of context \"%s\" in %s has a line break",
                              c->context, file->path);
    return TU_OK;
}

static tu_rc read_user(const config_file *file, const cJSON *map, kube_cluster *c,
                       kube_error *error) {
    c->cert_file = copy_path(file, map, "client-certificate");
    c->key_file = copy_path(file, map, "client-key");
    c->token = copy_scalar(map, "token");
    c->token_file = copy_path(file, map, "tokenFile");
    c->username = copy_scalar(map, "username");
    c->password = copy_scalar(map, "password");
    tu_rc rc = copy_data(file, map, "client-certificate-data", &c->cert_pem, error);
    if (rc == TU_OK)
        rc = copy_data(file, map, "client-key-data", &c->key_pem, error);
    if (rc == TU_OK)
        rc = read_impersonation(file, map, c, error);
    if (rc != TU_OK)
        return rc;
    const cJSON *exec = cJSON_GetObjectItemCaseSensitive(map, "exec");
    /* kubectl skips exec when the user can log in without it */
    if (cJSON_IsObject(exec) && !c->token && !c->token_file && !c->username && !c->cert_file &&
        !c->cert_pem)
        return read_exec(file, exec, c, error);
    if (cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(map, "auth-provider")) && !c->token &&
        !c->cert_file && !c->cert_pem)
        return kube_error_set(error, TU_EINVALID, "kubeconfig",
                              "the user of context \"%s\" in %s logs in by auth-provider, which "
                              "Kubernetes removed in 1.26: let the cloud's tool write the "
                              "kubeconfig again (exec)",
                              c->context, file->path);
    return TU_OK;
}

static tu_rc read_context(const config_files *f, const char *context, kube_cluster *c,
                          kube_error *error) {
    const config_file *file;
    const cJSON *map = find_entry(f, "contexts", "context", context, &file);
    if (!file)
        return no_such_context(f, context, error);
    c->context = strdup(context);
    const char *ns = scalar(map, "namespace"), *cluster = scalar(map, "cluster"),
               *user = scalar(map, "user");
    c->default_namespace = strdup(ns ? ns : "default");
    if (!c->context || !c->default_namespace)
        return kube_error_set(error, TU_EINTERNAL, "memory",
                              "out of memory while reading a kubeconfig");
    const cJSON *found = cluster ? find_entry(f, "clusters", "cluster", cluster, &file) : NULL;
    if (!cJSON_IsObject(found))
        return kube_error_set(
            error, TU_EINVALID, "kubeconfig",
            "context \"%s\" names the cluster \"%s\", which the kubeconfig does not have (%s)",
            context, cluster ? cluster : "", f->looked.p);
    tu_rc rc = read_cluster(file, found, c, error);
    if (rc != TU_OK || !user)
        return rc;
    found = find_entry(f, "users", "user", user, &file);
    if (!file)
        return kube_error_set(
            error, TU_EINVALID, "kubeconfig",
            "context \"%s\" names the user \"%s\", which the kubeconfig does not have (%s)",
            context, user, f->looked.p);
    return read_user(file, found, c, error); /* a user without any login is legal: anonymous */
}

static tu_rc read_in_cluster(kube_cluster *c, kube_error *error) {
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    KUBE_TEXT server = {0}, ns = {0};
    kube_text_print(&server, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host,
                    port && port[0] ? port : "443");
    int e = kube_read_file(SERVICE_ACCOUNT "/namespace", &ns);
    while (ns.n && strchr(" \r\n\t", ns.p[ns.n - 1]))
        ns.p[--ns.n] = '\0';
    c->context = strdup("in-cluster");
    c->server = kube_copy(kube_text_str(&server));
    c->default_namespace = strdup(!e && ns.n ? ns.p : "default");
    c->ca_file = strdup(SERVICE_ACCOUNT "/ca.crt");
    c->token_file = strdup(SERVICE_ACCOUNT "/token");
    if (!c->context || !c->server || !c->default_namespace || !c->ca_file || !c->token_file)
        return kube_error_set(error, TU_EINTERNAL, "memory", "out of memory");
    if (access(c->token_file, R_OK) != 0)
        return kube_error_set(error, TU_EINVALID, "kubeconfig",
                              "this is a pod (KUBERNETES_SERVICE_HOST is set) without a service "
                              "account token in %s: set automountServiceAccountToken, or give "
                              "a kubeconfig",
                              c->token_file);
    return TU_OK;
}

static tu_rc gather(tu_str kubeconfig, config_files *f, kube_error *error) {
    if (kubeconfig.n) {
        const char *home = getenv("HOME");
        KUBE_TEXT path = {0};
        if (kubeconfig.n > 1 && kubeconfig.p[0] == '~' && kubeconfig.p[1] == '/' && home) {
            kube_text_string(&path, home);
            kube_text_add(&path, kubeconfig.p + 1, kubeconfig.n - 1);
        } else {
            kube_text_add(&path, kubeconfig.p, kubeconfig.n);
        }
        tu_rc rc = file_add(f, kube_text_str(&path), error);
        if (rc == TU_OK && f->n == 0)
            return kube_error_set(error, TU_EINVALID, "kubeconfig", "there is no kubeconfig at %s",
                                  path.p);
        return rc;
    }
    const char *list = getenv("KUBECONFIG"), *home = getenv("HOME");
    if (list && list[0]) {
        while (*list) {
            size_t n = strcspn(list, ":");
            tu_rc rc = n ? file_add(f, (tu_str){list, n}, error) : TU_OK;
            if (rc != TU_OK)
                return rc;
            list += n + (list[n] == ':');
        }
        return TU_OK;
    }
    if (!home || !home[0])
        return TU_OK;
    KUBE_TEXT path = {0};
    kube_text_print(&path, "%s/.kube/config", home);
    return file_add(f, kube_text_str(&path), error);
}

static tu_rc load(const config_files *f, tu_str context, kube_cluster *c, kube_error *error) {
    const char *pod = getenv("KUBERNETES_SERVICE_HOST");
    if (f->n == 0 && context.n == 0 && pod && pod[0])
        return read_in_cluster(c, error);
    if (f->n == 0)
        return kube_error_set(error, TU_EINVALID, "kubeconfig",
                              "found no kubeconfig (looked at %s, and this is no pod): set "
                              "KUBECONFIG, or `kubeconfig` in the target's config",
                              f->looked.n ? f->looked.p
                                          : "nothing: neither KUBECONFIG nor HOME is set");
    char *wanted = context.n ? kube_copy(context) : NULL;
    for (size_t i = 0; i < f->n && !wanted && context.n == 0; i++)
        wanted = copy_scalar(f->files[i].root, "current-context");
    if (!wanted)
        return kube_error_set(error, TU_EINVALID, "kubeconfig-context",
                              "the kubeconfig (%s) has no current-context: choose one with "
                              "`kubectl config use-context`, or `context` in the target's config",
                              f->looked.p);
    tu_rc rc = read_context(f, wanted, c, error);
    free(wanted);
    return rc;
}

tu_rc kube_cluster_load(tu_str kubeconfig, tu_str context, kube_cluster *ret, kube_error *error) {
    config_files files = {0};
    *ret = (kube_cluster){0};
    tu_rc rc = gather(kubeconfig, &files, error);
    if (rc == TU_OK)
        rc = load(&files, context, ret, error);
    files_done(&files);
    if (rc == TU_OK) {
        size_t n = strlen(ret->server);
        while (n && ret->server[n - 1] == '/')
            ret->server[--n] = '\0';
        if (strncmp(ret->server, "https://", 8) != 0 && strncmp(ret->server, "http://", 7) != 0)
            rc = kube_error_set(error, TU_EINVALID, "kubeconfig",
                                "the server of context \"%s\" is no http or https URL",
                                ret->context);
        else if (has_line_break(ret->token))
            rc = kube_error_set(error, TU_EINVALID, "kubeconfig",
                                "the token of context \"%s\" has a line break", ret->context);
    }
    if (rc != TU_OK)
        kube_cluster_done(ret);
    return rc;
}

void kube_strings_free(char **list, bool secret) {
    for (char **s = list; s && *s; s++) {
        if (secret)
            kube_free_secret(*s);
        else
            free(*s);
    }
    free(list);
}

void kube_cluster_done(kube_cluster *c) {
    free(c->context);
    free(c->server);
    free(c->default_namespace);
    free(c->ca_file);
    free(c->ca_pem);
    free(c->tls_server_name);
    kube_free_secret(c->proxy_url);
    free(c->cert_file);
    free(c->key_file);
    free(c->cert_pem);
    kube_free_secret(c->key_pem);
    kube_free_secret(c->token);
    free(c->token_file);
    free(c->username);
    kube_free_secret(c->password);
    free(c->act_as);
    free(c->act_as_uid);
    kube_strings_free(c->act_as_groups, false);
    kube_strings_free(c->act_as_extra, false);
    if (c->exec) {
        free(c->exec->api_version);
        free(c->exec->command);
        free(c->exec->install_hint);
        kube_strings_free(c->exec->args, true);
        kube_strings_free(c->exec->env, true);
        free(c->exec);
    }
    *c = (kube_cluster){0};
}
