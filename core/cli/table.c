/*
 * cli/table.c: every command and every option, once. The parser, the help, the man page and the
 * completions read it.
 */
#include "cli/cli.h"

const tu_option tu_options[TU_OPTION_COUNT] = {
    [TU_OPTION_HELP] = {"help", "h", NULL, NULL, "show help", true},
    [TU_OPTION_CONFIG] =
        {"config", "c", "PATH", NULL,
         "configuration file or folder (else ./trueup.yaml, ./trueup.d, /etc/trueup)", true},
    [TU_OPTION_STATE] = {"state", NULL, "DIR", NULL, "where state and caches are kept", true},
    [TU_OPTION_OUTPUT] = {"output", "o", "FORMAT",
                          "text table json junit sarif markdown markdown-summary markdown-gitlab "
                          "github gitlab",
                          "text or json (check, diff, heal and audit export: see their help)",
                          true},
    [TU_OPTION_COLOR] = {"color", NULL, "WHEN", "auto always never",
                         "auto, always or never (NO_COLOR is honoured)", true},
    [TU_OPTION_QUIET] = {"quiet", "q", NULL, NULL, "no progress and no notes", true},
    [TU_OPTION_VERBOSE] = {"verbose", "v", NULL, NULL, "tell more", true},
    [TU_OPTION_TO] = {"to", NULL, "TARGET", NULL, "kubernetes[:CONTEXT] or directory:PATH", false},
    [TU_OPTION_ALL] =
        {"all", "a", NULL, NULL,
         "list everything: objects in sync, what is there without being drift, long reports whole",
         false},
    [TU_OPTION_UNMANAGED] = {"unmanaged", "u", NULL, NULL,
                             "look for objects that stand in no manifest, too (rules say it "
                             "themselves: spec.scope)",
                             false},
    [TU_OPTION_YES] = {"yes", "y", NULL, NULL, "don't ask", false},
    [TU_OPTION_SOCKET] = {"socket", NULL, "PATH", NULL,
                          "the service's socket (else STATE/trueup.sock)", false},
    [TU_OPTION_FOLLOW] = {"follow", "f", NULL, NULL,
                          "tell every change of a verdict as it happens, until it is stopped",
                          false},
    [TU_OPTION_FULL] = {"full", NULL, NULL, NULL,
                        "read everything, whatever an earlier run with --state knew", false},
    [TU_OPTION_WRITE] = {"write", "w", "FILE", NULL, "write there instead of to standard output",
                         false},
    [TU_OPTION_FORCE] = {"force", NULL, NULL, NULL, "overwrite the file", false},
    [TU_OPTION_REPORT] = {"report", NULL, "FILE", NULL,
                          "a report (check --all -o json) that the entries are tried on", false},
    [TU_OPTION_SOURCE] = {"source", NULL, NULL, NULL, "read the sources, too", false},
    [TU_OPTION_LABELS] = {"labels", "l", "K=V,...", NULL,
                          "the alert's labels; a value with a ',' stands in double quotes", false},
    [TU_OPTION_AT] = {"at", NULL, "TIME", NULL,
                      "the moment, such as 2026-12-31T18:00:00+09:00 (else now)", false},
    [TU_OPTION_FOR] = {"for", NULL, "DURATION", NULL, "how long, such as 2h or 1h30m", false},
    [TU_OPTION_COMMENT] = {"comment", NULL, "TEXT", NULL, "why, for the others", false},
    [TU_OPTION_UNDO] = {"undo", NULL, NULL, NULL, "take the acknowledgement back", false},
    [TU_OPTION_SINCE] = {"since", NULL, "TIME", NULL,
                         "from then on: RFC 3339, or how long ago (36h, 30d)", false},
    [TU_OPTION_UNTIL] = {"until", NULL, "TIME", NULL, "before then, likewise", false},
    [TU_OPTION_CHECKPOINT] = {"checkpoint", NULL, "FILE", NULL,
                              "signed heads of the trail that were kept elsewhere", false},
    [TU_OPTION_KEY] = {"key", NULL, "KEY", NULL,
                       "the trail's public key, as `audit key` printed it once", false},
    [TU_OPTION_MAN] = {"man", NULL, NULL, NULL, "print the manual page (roff)", false},
    [TU_OPTION_VERSION] = {"version", NULL, NULL, NULL, "show the version", true},
};

#define FORMATS_TEXT                                                                               \
    "--output FORMAT is text, table, json, junit, sarif, markdown (for a comment), "               \
    "markdown-summary (a GitHub job's summary),\n"                                                 \
    "markdown-gitlab, github (annotations) or gitlab (Code Quality). With FORMAT=FILE the report " \
    "goes to that file beside\n"                                                                   \
    "what is printed, as often as it is given.\n"                                                  \
    "\n"

#define COMPARE_TEXT                                                                               \
    "Compares the desired state with the current one, once, and never writes. Give names of "      \
    "rules of the configuration, or\n"                                                             \
    "without any configuration a folder, a file or a Git URL and --to. Without --to it is the "    \
    "current kubeconfig context.\n"                                                                \
    "With --state DIR what is proved in sync is remembered there, and the next check asks for "    \
    "metadata only where that is enough.\n"                                                        \
    "\n" FORMATS_TEXT                                                                              \
    "Exit codes: 0 in sync, 1 drift, 2 usage or configuration, 3 nothing could be determined, 4 "  \
    "partly unknown.\n"

const tu_command tu_commands[] = {
    {"check",
     "[RULE...] | PATH|URL [--to TARGET]",
     "compare once and report",
     COMPARE_TEXT,
     {{"trueup check", "every rule of ./trueup.yaml"},
      {"trueup check ./manifests --to kubernetes",
       "a folder against the current cluster, no configuration needed"},
      {"trueup check ./manifests --to directory:./live -o json", "against a folder, as JSON"},
      {"trueup check -o github -o junit=drift.xml", "annotations, and JUnit XML beside"}},
     TU_BIT(TU_OPTION_OUTPUT) | TU_BIT(TU_OPTION_TO) | TU_BIT(TU_OPTION_ALL) |
         TU_BIT(TU_OPTION_UNMANAGED) | TU_BIT(TU_OPTION_FULL),
     0,
     1000,
     NULL,
     tu_command_check},
    {"diff",
     "[RULE...] | PATH|URL [--to TARGET]",
     "the same, each change shown in full",
     COMPARE_TEXT,
     {{"trueup diff", "every rule of ./trueup.yaml"},
      {"trueup diff ./manifests --to kubernetes:staging",
       "a folder against another kubeconfig context"}},
     TU_BIT(TU_OPTION_OUTPUT) | TU_BIT(TU_OPTION_TO) | TU_BIT(TU_OPTION_ALL) |
         TU_BIT(TU_OPTION_UNMANAGED) | TU_BIT(TU_OPTION_FULL),
     0,
     1000,
     NULL,
     tu_command_diff},
    {"heal",
     "[RULE...] | PATH|URL [--to TARGET]",
     "show the plan, ask, put it right",
     "Compares as check does, shows what it would change, and asks. Where nobody can be asked, "
     "--yes is required.\n"
     "What a rule ignores is left alone.\n"
     "\n"
     "Exit codes: as check, for what is left afterwards; 1 as well when something could not be "
     "healed.\n",
     {{"trueup heal", "every rule, asking first"},
      {"trueup heal shop --yes", "one rule, without asking"},
      {"trueup heal ./manifests --to directory:./live", "a folder into a folder"}},
     TU_BIT(TU_OPTION_OUTPUT) | TU_BIT(TU_OPTION_TO) | TU_BIT(TU_OPTION_YES),
     0,
     1000,
     NULL,
     tu_command_heal},
    {"run",
     "",
     "the service: watch, judge, heal, alert",
     "Runs until SIGTERM or SIGINT. A changed configuration is read again, and so it is on "
     "SIGHUP.\n",
     {{"trueup run", "with ./trueup.yaml"},
      {"trueup run -c /etc/trueup --state /var/lib/trueup", "as a system service does"}},
     TU_BIT(TU_OPTION_SOCKET),
     0,
     0,
     NULL,
     tu_command_run},
    {"status",
     "",
     "what the running service knows",
     "Asks the service over its unix socket.\n"
     "\n"
     "Exit codes: 0 in sync, 1 drift, 3 no service answers, 4 something is unknown, not looked at "
     "yet or has a "
     "problem.\n",
     {{"trueup status", "sources, targets, rules, deliveries"},
      {"trueup status -o json", "the same for programs"},
      {"trueup status --follow", "what changes, as it changes"}},
     TU_BIT(TU_OPTION_SOCKET) | TU_BIT(TU_OPTION_FOLLOW),
     0,
     0,
     NULL,
     tu_command_status},
    {"explain",
     "OBJECT [PATH]",
     "which rule, whose hand, since when, which line in Git",
     "Looks at one object now: what is desired and what is live, who holds the field, which entry "
     "of "
     "the rule decides and why\n"
     "the entries before it don't. OBJECT is Kind/name, Kind/namespace/name or "
     "Kind.group/namespace/name; PATH is\n"
     "/spec/replicas or .spec.replicas, with list items by key "
     "(/spec/containers/[name=app]/image).\n"
     "Never writes; a dry run is asked for only where the rule allows it.\n"
     "\n"
     "Exit codes: 0 explained, 2 usage, configuration or no such object, 3 it could not be "
     "determined.\n",
     {{"trueup explain Deployment/shop/cart", "everything that differs"},
      {"trueup explain Deployment/shop/cart /spec/replicas", "one field, with every entry asked"},
      {"trueup explain Deployment/shop/cart -v", "what is no drift, too"}},
     TU_BIT(TU_OPTION_SOCKET),
     1,
     2,
     NULL,
     tu_command_explain},
    {"plugin list",
     "",
     "the plugins that are there",
     "",
     {{"trueup plugin list", NULL}},
     0,
     0,
     0,
     NULL,
     tu_command_plugin_list},
    {"plugin describe",
     "NAME",
     "what a plugin is and how it is configured",
     "NAME is as in `plugin list`: git, source-git, or the path of a file. A name that several "
     "kinds share shows each.\n",
     {{"trueup plugin describe git", NULL},
      {"trueup plugin describe ./my-plugin.so", "one that isn't built in"}},
     0,
     1,
     1,
     NULL,
     tu_command_plugin_describe},
    {"config check",
     "[PATH]",
     "find every mistake of a configuration",
     "Reads the configuration and asks every plugin whether it takes its part. Opens no "
     "connection.\n",
     {{"trueup config check", "./trueup.yaml, ./trueup.d or /etc/trueup"},
      {"trueup config check ci/trueup.yaml", NULL}},
     0,
     0,
     1,
     NULL,
     tu_command_config_check},
    {"config schema",
     "[KIND]",
     "the JSON Schema of the documents, for editors",
     "Report is what -o json prints, for whoever reads it.\n",
     {{"trueup config schema > trueup.schema.json", "all kinds"},
      {"trueup config schema Rule", "one kind"},
      {"trueup config schema Report", "what `trueup check -o json` prints"}},
     0,
     0,
     1,
     "Source Target Notifier Rule Routing Plugin Pack RuleTest RoutingTest Audit Report",
     tu_command_config_schema},
    {"config init",
     "",
     "a commented starter from what is found here",
     "Looks for kubeconfig contexts and a Git remote, and prints a configuration that can be used "
     "as it is.\n",
     {{"trueup config init", "to standard output"},
      {"trueup config init --write trueup.yaml", NULL}},
     TU_BIT(TU_OPTION_WRITE) | TU_BIT(TU_OPTION_FORCE),
     0,
     0,
     NULL,
     tu_command_config_init},
    {"config show",
     "[PATH]",
     "the configuration as it is understood, defaults filled in",
     "",
     {{"trueup config show", NULL}},
     0,
     0,
     1,
     NULL,
     tu_command_config_show},
    {"rules test",
     "[FILE|FOLDER...]",
     "run the cases written beside rules, offline",
     "Runs every document of kind RuleTest of the configuration, or of the files and folders given "
     "(folders with all below\n"
     "them). Nothing is contacted. -v lists what passed, too; -o junit is for CI.\n"
     "\n"
     "Exit codes: 0 all passed, 1 a case failed, 2 usage or configuration.\n",
     {{"trueup rules test", "the cases of ./trueup.yaml or ./trueup.d"},
      {"trueup rules test /usr/share/trueup/rules", "those of the installed packs"}},
     TU_BIT(TU_OPTION_OUTPUT),
     0,
     1000,
     NULL,
     tu_command_rules_test},
    {"rules lint",
     "[FILE|FOLDER...]",
     "find entries that can't be meant",
     "Entries that contradict themselves or never get their turn, have expired, ignore too much or "
     "say no reason, name kinds\n"
     "and fields that don't exist. With --report entries that nothing in a report came to; with "
     "--source entries for objects\n"
     "that no source has (sources and targets are asked).\n"
     "\n"
     "Exit codes: 0 nothing but notes, 1 findings, 2 usage or configuration, 3 a source could not "
     "be "
     "read.\n",
     {{"trueup rules lint", "the rules of ./trueup.yaml or ./trueup.d"},
      {"trueup check --all -o json > now.json; trueup rules lint --report now.json",
       "which entries nothing came to"}},
     TU_BIT(TU_OPTION_REPORT) | TU_BIT(TU_OPTION_SOURCE),
     0,
     1000,
     NULL,
     tu_command_rules_lint},
    {"route explain",
     "[LABEL=VALUE...]",
     "which way an alert takes, and why not another",
     "Says of an alert with these labels which routes take it, with their effective settings, its "
     "incident, whether they are\n"
     "quiet then and until when, and of every other route the first condition that isn't met. "
     "Works "
     "from the configuration\n"
     "alone: silences and what fires just now are the service's (trueup alert why).\n"
     "\n"
     "Exit codes: 0 explained, 2 usage or configuration.\n",
     {{"trueup route explain --labels severity=critical,team=payments", NULL},
      {"trueup route explain kind=Secret --at 2026-12-25T03:00:00+09:00", "at another moment"}},
     TU_BIT(TU_OPTION_LABELS) | TU_BIT(TU_OPTION_AT),
     0,
     1000,
     NULL,
     tu_command_route_explain},
    {"route test",
     "[FILE|FOLDER...]",
     "run the cases written beside the routes, offline",
     "Runs every document of kind RoutingTest of the configuration, or of the files and folders "
     "given (folders with all below\n"
     "them). -v lists what passed, too; -o junit is for CI.\n"
     "\n"
     "Exit codes: 0 all passed, 1 a case failed, 2 usage or configuration.\n",
     {{"trueup route test", "the cases of ./trueup.yaml or ./trueup.d"},
      {"trueup route test -o junit > routes.xml", "for CI"}},
     TU_BIT(TU_OPTION_OUTPUT),
     0,
     1000,
     NULL,
     tu_command_route_test},
    {"alert list",
     "",
     "the open incidents, as the running service knows them",
     "Each with its alerts, who was told, and what comes next. --all lists those that are over, "
     "too; -v every alert.\n"
     "\n"
     "Exit codes: 0 nothing fires, 1 something does, 3 no service answers.\n",
     {{"trueup alert list", NULL}, {"trueup alert list --all -o json", "for programs"}},
     TU_BIT(TU_OPTION_SOCKET) | TU_BIT(TU_OPTION_ALL),
     0,
     0,
     NULL,
     tu_command_alert_list},
    {"alert why",
     "ID",
     "why somebody was told, or nobody",
     "Everything that is kept of an incident: its alerts and why one is quiet, its route, who was "
     "told, every delivery with\n"
     "its attempts. ID is the first digits of an incident's or an alert's id.\n"
     "\n"
     "Exit codes: 0 explained, 2 usage or no such incident, 3 no service answers.\n",
     {{"trueup alert why 3f2a9c01", NULL}},
     TU_BIT(TU_OPTION_SOCKET),
     1,
     1,
     NULL,
     tu_command_alert_why},
    {"alert ack",
     "ID",
     "take an incident: no repeats, no escalation",
     "Until an alert joins it. Everybody who was told is told who has it. --undo takes it back.\n"
     "\n"
     "Exit codes: 0 done, 2 usage or no such incident, 3 no service answers.\n",
     {{"trueup alert ack 3f2a9c01 --comment \"on it\"", NULL},
      {"trueup alert ack 3f2a9c01 --undo", NULL}},
     TU_BIT(TU_OPTION_SOCKET) | TU_BIT(TU_OPTION_COMMENT) | TU_BIT(TU_OPTION_UNDO),
     1,
     1,
     NULL,
     tu_command_alert_ack},
    {"alert silence",
     "CONDITION...",
     "keep alerts quiet for a while",
     "Those that meet every condition (label=value, !=, =~ and !~ as in routes). Who was told that "
     "something fires is still told\n"
     "when it is over. What fires on when the silence ends is told then.\n"
     "\n"
     "Exit codes: 0 done, 2 usage, 3 no service answers.\n",
     {{"trueup alert silence rule=shop --for 2h --comment deploying", NULL},
      {"trueup alert silence 'name=~\"tmp-.*\"' severity!=critical --for 1d --at "
       "2026-12-24T18:00:00Z",
       "from then on"}},
     TU_BIT(TU_OPTION_SOCKET) | TU_BIT(TU_OPTION_FOR) | TU_BIT(TU_OPTION_AT) |
         TU_BIT(TU_OPTION_COMMENT),
     1,
     100,
     NULL,
     tu_command_alert_silence},
    {"alert silences",
     "",
     "the silences that are in force or wait",
     "Exit codes: 0 listed, 3 no service answers.\n",
     {{"trueup alert silences", NULL}},
     TU_BIT(TU_OPTION_SOCKET),
     0,
     0,
     NULL,
     tu_command_alert_silences},
    {"alert unsilence",
     "ID",
     "end a silence early",
     "Exit codes: 0 done, 2 no such silence, 3 no service answers.\n",
     {{"trueup alert unsilence 9c01aa32", NULL}},
     TU_BIT(TU_OPTION_SOCKET),
     1,
     1,
     NULL,
     tu_command_alert_unsilence},
    {"alert dead",
     "",
     "messages that could not be delivered, and why",
     "Each with its last attempt; -v shows every one.\n"
     "\n"
     "Exit codes: 0 there are none, 1 there are some, 3 no service answers.\n",
     {{"trueup alert dead", NULL}},
     TU_BIT(TU_OPTION_SOCKET),
     0,
     0,
     NULL,
     tu_command_alert_dead},
    {"alert resend",
     "ID|RECEIVER",
     "try undeliverable messages again",
     "One by its number (trueup alert dead), or all of a receiver. It is the same message with the "
     "same key.\n"
     "\n"
     "Exit codes: 0 done, 2 there is no such message, 3 no service answers.\n",
     {{"trueup alert resend 17", NULL}, {"trueup alert resend chat", "all of a receiver"}},
     TU_BIT(TU_OPTION_SOCKET),
     1,
     1,
     NULL,
     tu_command_alert_resend},
    {"alert test",
     "RECEIVER",
     "send a test message now, and say what came of it",
     "Needs no running service: the Notifier of that name is taken from the configuration, and "
     "asked once.\n"
     "\n"
     "Exit codes: 0 delivered, 2 usage or configuration, 3 not delivered.\n",
     {{"trueup alert test chat", NULL}},
     0,
     1,
     1,
     NULL,
     tu_command_alert_test},
    {"audit verify",
     "[FILE]",
     "is the audit trail what it was?",
     "Follows the trail from its beginning and finds a record that was changed, removed, inserted "
     "or "
     "moved. With --checkpoint\n"
     "signed heads that were kept elsewhere (the file of the Audit document, what a receiver was "
     "sent), an end that was cut off\n"
     "and a trail that was written anew, too. FILE is what `audit export -o jsonl` wrote; without "
     "it "
     "it is the trail in --state,\n"
     "read from the service while that runs.\n"
     "\n"
     "Exit codes: 0 it is, 1 it isn't (and where), 2 usage, 3 it could not be read.\n",
     {{"trueup audit verify", "the trail of the usual state directory"},
      {"trueup audit verify --checkpoint /mnt/worm/trueup.checkpoints --key \"$KEY\"",
       "against what was signed, and by the key that is known"}},
     TU_BIT(TU_OPTION_SOCKET) | TU_BIT(TU_OPTION_CHECKPOINT) | TU_BIT(TU_OPTION_KEY),
     0,
     1,
     NULL,
     tu_command_audit_verify},
    {"audit export",
     "",
     "the audit trail for other programs",
     "--output FORMAT is jsonl (all of it, `audit verify` reads it again), csv or ocsf (OCSF 1.3: "
     "what was found is a Detection\n"
     "Finding, class 2004, what was done API Activity, class 6003).\n",
     {{"trueup audit export > trail.jsonl", "everything"},
      {"trueup audit export --since 30d -o csv", "the last 30 days, for a spreadsheet"}},
     TU_BIT(TU_OPTION_SOCKET) | TU_BIT(TU_OPTION_SINCE) | TU_BIT(TU_OPTION_UNTIL),
     0,
     0,
     NULL,
     tu_command_audit_export},
    {"audit key",
     "",
     "the public key of the audit trail",
     "Keep it elsewhere: whoever can write to the state directory can make another.\n",
     {{"trueup audit key > trueup.pub", NULL}},
     TU_BIT(TU_OPTION_SOCKET),
     0,
     0,
     NULL,
     tu_command_audit_key},
    {"completion",
     "bash|zsh|fish",
     "completions for a shell",
     "",
     {{"trueup completion bash > /etc/bash_completion.d/trueup", NULL},
      {"trueup completion fish > ~/.config/fish/completions/trueup.fish", NULL}},
     0,
     1,
     1,
     "bash zsh fish",
     tu_command_completion},
    {"version",
     "",
     "the version",
     "",
     {{"trueup version", NULL}},
     0,
     0,
     0,
     NULL,
     tu_command_version},
    {"help",
     "[COMMAND]",
     "help on a command",
     "",
     {{"trueup help check", NULL}, {"trueup help --man | man -l -", "the manual page"}},
     TU_BIT(TU_OPTION_MAN),
     0,
     2,
     NULL,
     tu_command_help},
    {0},
};
