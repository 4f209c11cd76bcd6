/*
 * config/init.c: the configuration that `trueup config init` begins with.
 *
 * The starter is written from a text with gaps. Names from outside (contexts, URLs) go in as JSON
 * strings, which are YAML, so that nothing they contain can break out of their place, in comments
 * neither.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/str.h"
#include "config/config.h"
#include "config/read.h"

#define CONTEXTS_SHOWN 20
#define NAME_ROOM 64

static void add_quoted(tu_buf *out, const char *text) {
    tu_buf_add_json_string(out, tu_str_c(text));
}

/* The last step of a path or URL without ".git", as a name. */
static void name_of(const char *location, const char *otherwise, char out[NAME_ROOM]) {
    tu_str s = tu_str_c(location ? location : "");
    while (s.n > 0 && s.p[s.n - 1] == '/')
        s.n--;
    if (tu_str_ends(s, ".git"))
        s.n -= 4;
    size_t begin = s.n;
    while (begin > 0 && !strchr("/:", s.p[begin - 1]))
        begin--;
    tu_read_make_name((tu_str){s.p + begin, s.n - begin}, out, NAME_ROOM);
    if (!*out)
        snprintf(out, NAME_ROOM, "%s", otherwise);
}

static void add_source(tu_buf *out, const char *name, const char *remote, const char *branch) {
    tu_buf_addf(out,
                "# Where the desired state comes from.\n"
                "apiVersion: trueup.dev/v1\n"
                "kind: Source\n"
                "metadata: {name: %s}\n"
                "spec:\n",
                name);
    if (!remote) {
        tu_buf_add_c(out,
                     "  plugin: directory           # or git, with config {url: ..., branch: ...}\n"
                     "  config:\n"
                     "    path: ./manifests         # relative to this file\n");
        return;
    }
    tu_buf_add_c(out, "  plugin: git\n  config:\n    url: ");
    add_quoted(out, remote);
    if (branch) {
        tu_buf_add_c(out, "\n    branch: ");
        add_quoted(out, branch);
    }
    tu_buf_add_c(out, "\n    interval: 1m              # how often to look for a new commit\n"
                      "    # auth: {token: {env: GIT_TOKEN}}   # a secret is a reference: {env: "
                      "NAME} or {file: /path}\n");
}

static void add_target(tu_buf *out, const char *name, const char *const *contexts) {
    tu_buf_addf(out,
                "---\n"
                "# Where the current state lives.\n"
                "apiVersion: trueup.dev/v1\n"
                "kind: Target\n"
                "metadata: {name: %s}\n"
                "spec:\n"
                "  plugin: kubernetes\n",
                name);
    if (!contexts[0]) {
        tu_buf_add_c(out, "  # In a cluster there is nothing to configure; elsewhere name a "
                          "context of your kubeconfig:\n"
                          "  # config: {context: prod}\n");
        return;
    }
    tu_buf_add_c(out, "  config:\n    context: ");
    add_quoted(out, contexts[0]);
    tu_buf_add_byte(out, '\n');
    for (size_t i = 1; contexts[i] && i < CONTEXTS_SHOWN; i++) {
        tu_buf_add_c(out, i == 1 ? "    # your other contexts:\n    #   " : "    #   ");
        add_quoted(out, contexts[i]);
        tu_buf_add_byte(out, '\n');
    }
}

static const char rule_text[] =
    "  path: .                       # the folder within the source\n"
    "  mode: audit                   # audit tells, heal puts right, off does nothing\n"
    "  interval: 10m                 # a full pass; in between, changes are watched\n"
    "  # What drift means: the first entry that matches decides.\n"
    "  # drift:\n"
    "  #   - name: replicas belong to the autoscaler\n"
    "  #     match: {kinds: [Deployment], paths: [/spec/replicas], managers: "
    "[kube-controller-manager]}\n"
    "  #     action: ignore\n"
    "  #     reason: HPA owns replicas\n"
    "  #   - name: nobody edits access rights by hand\n"
    "  #     match: {groups: [rbac.authorization.k8s.io]}\n"
    "  #     action: heal\n"
    "  #     severity: critical\n"
    "  # heal:                        # when healing is allowed, and how fast\n"
    "  #   limit: {objects: 60, per: 1m}\n"
    "  #   windows: [{cron: \"0 8 * * MON-FRI\", timeZone: Europe/Berlin, duration: 10h}]\n"
    "  # alert: {labels: {team: shop}} # what messages of this rule carry\n";

static const char notifier_text[] =
    "# Who is told. With one Notifier that is all; with several add a Routing:\n"
    "#   {apiVersion: trueup.dev/v1, kind: Routing, spec: {receiver: ops}}\n"
    "# ---\n"
    "# apiVersion: trueup.dev/v1\n"
    "# kind: Notifier\n"
    "# metadata: {name: ops}\n"
    "# spec:\n"
    "#   plugin: webhook\n"
    "#   config: {url: \"https://example.com/hook\"}\n";

void tu_config_starter(tu_buf *out, const char *const *contexts, const char *remote,
                       const char *branch) {
    char source[NAME_ROOM], target[NAME_ROOM];
    name_of(remote, "manifests", source);
    name_of(contexts[0], "cluster", target);
    tu_buf_add_c(
        out,
        "# trueup's configuration. `trueup config check` checks it, `trueup check` compares once,\n"
        "# `trueup run` keeps watch. The documents may also stand in several files of one "
        "folder.\n");
    add_source(out, source, remote, branch);
    add_target(out, target, contexts);
    tu_buf_addf(out,
                "---\n"
                "# What is compared with what, and what happens then.\n"
                "apiVersion: trueup.dev/v1\n"
                "kind: Rule\n"
                "metadata: {name: %s}\n"
                "spec:\n"
                "  from: %s\n"
                "  to: %s\n",
                source, source, target);
    tu_buf_add_c(out, rule_text);
    tu_buf_add_c(out, notifier_text);
}
