#!/bin/sh
# `trueup run` as its users know it: files, Git repositories, a webhook receiver, a directory as target; no cluster.
# Each case is a function with a name that reads as a sentence, in a folder of its own. What is waited for is asked for
# every 50 ms, 20 s at most; nothing sleeps for its own sake. To add a case: a function, and its name in CASES.
# Usage: run.sh [CASE...]. Prints TAP. CASES_FAST=1 makes the rounds of kill -9 fewer.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${TRUEUP_BUILD_DIR:-$here/../../build/dev}
TRUEUP=$build/trueup
for tool in git python3; do
    command -v $tool >/dev/null || { echo "1..0 # SKIP there is no $tool"; exit 77; }
done
[ -x "$TRUEUP" ] || { echo "1..0 # SKIP there is no $TRUEUP"; exit 77; }
TRUEUP_PLUGIN_PATH=${TRUEUP_PLUGIN_PATH:-$build/plugins}
export TRUEUP_PLUGIN_PATH
unset KUBECONFIG XDG_STATE_HOME XDG_CACHE_HOME XDG_CONFIG_HOME STATE_DIRECTORY NO_COLOR NOTIFY_SOCKET
export TSAN_OPTIONS="suppressions=$here/tsan.supp ${TSAN_OPTIONS:-}"
export TERM=dumb LC_ALL=C TZ=UTC GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com

work=$(mktemp -d "${TMPDIR:-/tmp}/trueup-service-XXXXXX") || exit 1
service='' receiver='' mounted=''
clean_up() {
    [ -z "$service" ] || kill -9 "$service" 2>/dev/null
    [ -z "$receiver" ] || kill "$receiver" 2>/dev/null
    [ -z "$mounted" ] || umount "$mounted" 2>/dev/null
    service='' receiver='' mounted=''
}
trap 'clean_up; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# --- what the cases say ------------------------------------------------------------------------------------------------

fail() { echo "# $*"; return 1; }

# await COMMAND...: until it succeeds; prints what was waited for when it never does.
await() {
    tries=0
    until eval "$*" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt "${PATIENCE:-400}" ] || { echo "# waited in vain: $*"; return 1; }
        sleep 0.05
    done
}

# told EVENT [TEXT]: how many such events the service has told
told() { grep "\"event\":\"$1\"" told | grep -c "${2:-}"; }
# got KIND [TEXT]: how many such messages the receiver took
got() { [ -f received ] && awk -F'\t' '$2 == 200' received | grep "\"event\":\"$1\"" | grep -c "${2:-}"; }
status() { "$TRUEUP" status --state state "$@"; }
# status_is EXPRESSION: of `s`, the status as JSON
status_is() { status -o json | python3 "$here/ask.py" status "$1"; }

# sql FILE STATEMENT: python's SQLite, so that no program of its own is needed
sql() {
    python3 -c 'import sqlite3, sys
d = sqlite3.connect(sys.argv[1], isolation_level=None)
for row in d.execute(sys.argv[2]): print(*row)' "$@"
}

object() { # object NAME COLOUR
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\n  namespace: shop\ndata:\n  colour: %s\n' "$1" "$2"
}
put() { cat >"$1.new" && mv "$1.new" "$1"; } # whole or not at all: put FILE <text
commit() { git -C repo add -A && git -C repo commit -qm "${1:-change}"; }

# configure MODE [RULE-LINES]: replaces trueup.yaml at once
configure() {
    [ -f port ] && notifier="
---
apiVersion: trueup.dev/v1
kind: Notifier
metadata: {name: hook}
spec: {plugin: webhook, config: {url: \"http://127.0.0.1:$(cat port)/\"}}
---
apiVersion: trueup.dev/v1
kind: Routing
metadata: {name: all}
spec:
  receiver: hook
  groupBy: [\"...\"] # an incident for each drift, told at once
  groupWait: 0s
  groupInterval: 0s
  routes: [{name: trueup, match: [about = trueup], receiver: log}]
---
apiVersion: trueup.dev/v1
kind: Notifier
metadata: {name: log}
spec: {plugin: file, config: {path: $PWD/troubles}}" || notifier=''
    put "${CONFIG:-trueup.yaml}" <<END
apiVersion: trueup.dev/v1
kind: Source
metadata: {name: shop-config}
spec: {plugin: ${SOURCE:-git}, config: {${SOURCE_CONFIG:-"url: $PWD/repo, branch: main, interval: 1s"}}}
---
apiVersion: trueup.dev/v1
kind: Target
metadata: {name: prod}
spec: {plugin: directory, config: {path: $PWD/live${TARGET_CONFIG:-}}}
---
apiVersion: trueup.dev/v1
kind: Rule
metadata: {name: shop}
spec:
  from: shop-config
  to: prod
  path: manifests
  mode: $1
${2:-}$notifier
END
}

start() {
    : >>told
    "$TRUEUP" run -c "${CONFIG:-trueup.yaml}" --state state -o json >>told 2>>log &
    service=$!
    await "status_is 's[\"rules\"][0][\"summary\"][\"pending\"] == 0 and s[\"rules\"][0].get(\"revision\")'" || { cat log; return 1; }
}
stop() {
    kill -TERM "$service" && wait "$service"
    code=$?
    service=''
    [ $code = 0 ] || fail "trueup run ended with $code" || tail -5 log
}
crash() { kill -9 "$service"; wait "$service" 2>/dev/null; service=''; }
receive() {
    python3 "$here/receiver.py" "$PWD" ${1:-} 2>/dev/null &
    receiver=$!
    await test -s port
}

# begin MODE [RULE-LINES]: two objects in Git and in the target, in sync; receiver and service run
begin() {
    git init -q -b main repo && mkdir -p repo/manifests live state
    for name in cart menu; do object $name blue | tee repo/manifests/$name.yaml >live/$name.yaml; done
    commit first && receive && configure "$@" && start
}

# --- cases -----------------------------------------------------------------------------------------------------------------

what_is_in_sync_is_told_to_nobody() {
    begin audit &&
        status_is 's["rules"][0]["summary"]["in-sync"] == 2 and not s["rules"][0]["open"]' &&
        status >status.text && grep -q '2 objects, 2 in-sync' status.text && stop && [ ! -s received ] &&
        [ "$(told drift)" = 0 ]
}

an_edit_is_noticed_told_and_healed_once_the_rule_heals() {
    begin audit && object cart red | put live/cart.yaml && await '[ "$(got firing)" = 1 ]' &&
        grep -q '"rule":"shop"' received && grep -q '"file":"manifests/cart.yaml","line":1' received &&
        grep -q '"path":"/data/colour"' received && grep -q '"line":7' received &&
        ! status >status.text && grep -q 'drifted ConfigMap/shop/cart' status.text &&
        status_is 's["rules"][0]["open"][0]["told"] and s["rules"][0]["summary"]["drifted"] == 1' &&
        configure heal && await '[ "$(got resolved)" = 1 ]' && grep -q 'colour: blue' live/cart.yaml &&
        [ "$(told healed)" = 1 ] && [ "$(got update)" = 0 ] && [ "$(got firing)" = 1 ] &&
        grep -q '"resolvedBy":"trueup"' received && stop && python3 "$here/ask.py" paired . &&
        [ "$(sql state/trueup.db 'SELECT action FROM audit ORDER BY n' | grep -v 'drift.updated\|delivery\.\|incident\.\|config\.' | tr '\n' ' ')" = \
            'drift.opened drift.resolved heal.applied ' ]
}

a_broken_configuration_is_refused_and_the_old_one_stays() {
    begin audit && sed 's/mode: audit/mode: heel/' trueup.yaml | put trueup.yaml &&
        await "status_is '\"heel\" in s[\"config\"][\"problem\"] and s[\"config\"][\"problemSince\"]'" &&
        grep -q 'trueup.yaml:[0-9]*:[0-9]*' log && object cart red | put live/cart.yaml &&
        await '[ "$(got firing)" = 1 ]' && [ "$(told ready)" = 1 ] && configure heal && await '[ "$(got resolved)" = 1 ]' &&
        status_is '"problem" not in s["config"]' && stop
}

a_configuration_whose_plugin_is_wrong_is_refused_too() {
    begin audit && sed 's/plugin: webhook/plugin: pigeon/' trueup.yaml | put trueup.yaml &&
        await "status_is '\"pigeon\" in s[\"config\"][\"problem\"]'" && object cart red | put live/cart.yaml &&
        await '[ "$(got firing)" = 1 ]' && stop
}

sighup_reads_the_configuration_again() {
    begin audit && kill -HUP "$service" && await '[ "$(told ready)" = 2 ]' && [ "$(told reload)" = 1 ] && stop
}

a_folder_is_a_configuration_too() {
    mkdir conf && CONFIG=conf/all.yaml && export CONFIG && git init -q -b main repo && mkdir -p repo/manifests live &&
        object cart blue | tee repo/manifests/cart.yaml >live/cart.yaml && commit first && configure audit &&
        CONFIG=conf && start && echo nothing >conf/notes.txt && object cart red | put live/cart.yaml &&
        await '[ "$(told drift)" = 1 ]' && [ "$(told reload)" = 0 ] && CONFIG=conf/all.yaml && configure heal &&
        await '[ "$(told healed)" = 1 ]' && stop
    result=$?
    unset CONFIG
    return $result
}

a_commit_is_applied_without_an_alarm_and_a_revert_rolls_it_back() {
    begin heal && object cart green >repo/manifests/cart.yaml && object new green >repo/manifests/new.yaml && commit &&
        await 'grep -q "colour: green" live/cart.yaml && status_is "s[\"rules\"][0][\"summary\"][\"in-sync\"] == 3"' &&
        [ "$(told applied)" = 2 ] && [ ! -s received ] && git -C repo revert --no-edit HEAD >/dev/null &&
        await 'grep -q "colour: blue" live/cart.yaml && [ "$(told applied)" = 3 ]' &&
        await '[ "$(got firing "\"verdict\":\"unmanaged\"")" = 1 ]' && # what the commit made lives on, and Git has it no more
        stop && [ "$(got firing)" = 1 ] && [ "$(told drift)" = 1 ]
}

what_may_stand_in_a_broken_file_is_not_called_unmanaged() {
    begin audit && object bad blue >live/bad.yaml && await '[ "$(got firing "\"verdict\":\"unmanaged\"")" = 1 ]' &&
        printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad\n' >repo/manifests/bad.yaml && commit &&
        await '[ "$(got firing "\"verdict\":\"invalid\"")" = 1 ]' && object worse blue >live/worse.yaml &&
        await "status_is 's[\"rules\"][0][\"summary\"][\"invalid\"] == 1'" &&
        object bad blue >repo/manifests/bad.yaml && commit && await '[ "$(got resolved)" = 2 ]' &&
        await '[ "$(got firing "\"name\":\"worse\"")" = 1 ]' && [ "$(got firing)" = 3 ] && stop
}

commits_that_follow_each_other_quickly_raise_no_alarm() {
    begin heal '  heal: {limit: {objects: 1, per: 3s}}' && object cart green >repo/manifests/cart.yaml &&
        object menu green >repo/manifests/menu.yaml && commit && await 'grep -q green live/cart.yaml live/menu.yaml' &&
        object cart grey >repo/manifests/cart.yaml && object menu grey >repo/manifests/menu.yaml && commit &&
        await 'grep -q grey live/cart.yaml && grep -q grey live/menu.yaml' &&
        await "status_is 's[\"rules\"][0][\"summary\"][\"in-sync\"] == 2'" && stop && [ ! -s received ]
}

what_is_deleted_is_restored() {
    begin heal && rm live/cart.yaml && await '[ "$(got resolved)" = 1 ]' && grep -rq 'name: cart' live &&
        [ "$(got firing '"verdict":"missing"')" = 1 ] && stop && python3 "$here/ask.py" paired .
}

a_broken_manifest_is_told_with_its_line_and_the_others_stay_managed() {
    begin heal && printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad\n' >repo/manifests/bad.yaml && commit &&
        await '[ "$(got firing "\"verdict\":\"invalid\"")" = 1 ]' && grep -q '"file":"manifests/bad.yaml","line":[34]' received &&
        status_is 's["rules"][0]["summary"]["invalid"] == 1' && object cart red | put live/cart.yaml &&
        await 'grep -q blue live/cart.yaml' && object bad blue >repo/manifests/bad.yaml && commit &&
        await '[ "$(got resolved)" = 2 ]' && stop && python3 "$here/ask.py" paired .
}

the_same_object_twice_is_told_once_with_both_places() {
    begin audit && object cart green >repo/manifests/again.yaml && commit &&
        await '[ "$(got firing duplicate)" = 1 ]' && grep -q 'manifests/again.yaml' received &&
        grep -q 'manifests/cart.yaml' received && status_is 's["rules"][0]["summary"]["invalid"] == 2' &&
        object menu green >repo/manifests/menu.yaml && commit && await '[ "$(got firing)" = 2 ]' &&
        [ "$(got update)" = 0 ] && rm repo/manifests/again.yaml && object menu blue >repo/manifests/menu.yaml && commit &&
        await '[ "$(got resolved)" = 2 ]' && stop && python3 "$here/ask.py" paired .
}

a_kind_that_is_not_served_is_unknown_until_it_is() {
    widget() { printf 'apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: %s, namespace: shop}\nspec: {size: 1}\n' "$1"; }
    TARGET_CONFIG=', anyKind: false' && begin heal && widget wanted >repo/manifests/widget.yaml && commit &&
        await "status_is 's[\"rules\"][0][\"summary\"][\"unknown\"] == 1 and s[\"rules\"][0][\"summary\"][\"in-sync\"] == 2'" &&
        object cart red | put live/cart.yaml && await 'grep -q blue live/cart.yaml' && await '[ "$(got resolved)" = 1 ]' &&
        widget wanted | put live/widget.yaml &&
        await "status_is 's[\"rules\"][0][\"summary\"][\"in-sync\"] == 3'" && stop
    result=$?
    unset TARGET_CONFIG
    return $result
}

a_folder_that_needs_kustomize_is_refused_by_that_name() {
    begin audit && echo 'resources: [cart.yaml]' >repo/manifests/kustomization.yaml && commit &&
        await "status_is '\"kustomiz\" in (s[\"rules\"][0].get(\"problem\") or str(s[\"rules\"][0][\"open\"]))'" &&
        [ "$(got firing missing)" = 0 ] && rm repo/manifests/kustomization.yaml && commit &&
        await "status_is '\"problem\" not in s[\"rules\"][0] and s[\"rules\"][0][\"summary\"][\"in-sync\"] == 2'" && stop
}

a_force_push_is_followed() {
    begin heal && object cart green >repo/manifests/cart.yaml && commit && await 'grep -q green live/cart.yaml' &&
        git -C repo reset -q --hard HEAD~1 && object cart white >repo/manifests/cart.yaml && commit other &&
        await 'grep -q white live/cart.yaml' && stop && [ ! -s received ]
}

a_branch_that_is_gone_and_a_repository_that_moved_are_problems_until_they_are_back() {
    begin audit && git -C repo branch -qm elsewhere &&
        await "status_is '\"main\" in s[\"sources\"][0][\"problem\"] and s[\"sources\"][0][\"problemSince\"]'" &&
        ! status >status.text && grep -q '      for ' status.text && git -C repo branch -qm main &&
        await "status_is '\"problem\" not in s[\"sources\"][0]'" && mv repo away &&
        await "status_is 's[\"sources\"][0][\"problem\"]'" && object cart red | put live/cart.yaml &&
        await '[ "$(got firing)" = 1 ]' && mv away repo && await "status_is '\"problem\" not in s[\"sources\"][0]'" && stop
}

a_receiver_that_is_down_gets_the_same_message_later_also_after_a_restart() {
    begin audit && touch refuse && object cart red | put live/cart.yaml && await 'grep -c . received | grep -qv "^[01]$"' &&
        status_is 's["deliveries"]["pending"] == 1' && crash && start && rm refuse && await '[ "$(got firing)" = 1 ]' &&
        [ "$(cut -f1,3 received | sort -u | wc -l)" = 1 ] && object cart blue | put live/cart.yaml &&
        await '[ "$(got resolved)" = 1 ]' && stop && python3 "$here/ask.py" paired .
}

nothing_is_lost_when_it_is_killed_again_and_again() {
    begin "${KILL_MODE:-audit}" && round=0
    while [ $round -lt "${CASES_FAST:-20}" ]; do
        round=$((round + 1))
        case $((round % 3)) in
        0) object cart "colour$round" | put live/cart.yaml ;;
        1) object menu "colour$round" | put live/menu.yaml ;;
        2) object cart blue | put live/cart.yaml ;;
        esac
        # at another moment in each round: from before it could notice to after it told
        sleep "0.$(awk "BEGIN {srand($round); printf \"%03d\", rand() * 400}")"
        crash
        "$TRUEUP" run -c trueup.yaml --state state -o json >>told 2>>log &
        service=$!
    done
    await "status_is 's[\"rules\"][0][\"summary\"][\"pending\"] == 0'" || return 1
    for name in cart menu; do object $name blue | put live/$name.yaml; done
    await "status_is 's[\"rules\"][0][\"summary\"][\"in-sync\"] == 2 and not s[\"rules\"][0][\"open\"] and s[\"deliveries\"][\"pending\"] == 0'" &&
        stop && python3 "$here/ask.py" paired . && [ -s received ] &&
        [ "$(sql state/trueup.db "SELECT count(*) FROM drift WHERE state <> 'resolved'")" = 0 ] &&
        [ "$(sql state/trueup.db 'PRAGMA integrity_check')" = ok ] &&
        [ "$(sql state/trueup.db "SELECT count(*) FROM drift AS a JOIN drift AS b ON a.name = b.name AND a.id < b.id
            AND b.opened_ms < a.resolved_ms")" = 0 ]
}

nothing_is_lost_when_it_is_killed_while_it_heals() {
    KILL_MODE=heal
    nothing_is_lost_when_it_is_killed_again_and_again
    result=$?
    unset KILL_MODE
    return $result
}

a_second_service_with_the_same_state_names_the_first() {
    begin audit || return 1
    "$TRUEUP" run -c trueup.yaml --state state >second 2>&1
    code=$?
    [ $code = 3 ] || [ $code = 2 ] || fail "exit code $code" || return 1
    grep -q "$service" second || fail "$(cat second)" || return 1
    status_is 's["rules"][0]["summary"]["in-sync"] == 2' && stop
}

a_control_socket_takes_the_place_of_nothing_but_a_dead_one() {
    begin audit && echo precious >file && mkdir other || return 1
    for socket in file state/trueup.sock "$(printf 'long%0120d' 0)"; do
        "$TRUEUP" run -c trueup.yaml --state other --socket "$socket" >second 2>&1
        code=$?
        [ $code = 2 ] || [ $code = 3 ] || fail "exit code $code for $socket" || return 1
        grep -q 'control socket' second || fail "$(cat second)" || return 1
    done
    grep -q precious file && status_is 's["pid"]' && crash && [ -S state/trueup.sock ] && start && stop
}

# Inodes of /proc/PID/fd against those of the kernel's tables: what listens is in state 0A.
it_listens_at_no_port_and_nobody_else_may_ask() {
    begin audit && [ "$(stat -c %a state/trueup.sock)" = 600 ] || fail "$(ls -l state)" || return 1
    for inode in $(ls -l "/proc/$service/fd" | sed -n 's/.*socket:\[\([0-9]*\)\].*/\1/p'); do
        ! cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v inode="$inode" '$4 == "0A" && $10 == inode {print; found = 1} END {exit !found}' ||
            fail "it listens at that port" || return 1
    done
    stop
}

a_state_of_a_newer_version_is_left_alone() {
    begin audit && stop && sql state/trueup.db 'PRAGMA user_version = 99' && cp state/trueup.db before || return 1
    "$TRUEUP" run -c trueup.yaml --state state >second 2>&1 && return 1
    grep -q newer second && cmp state/trueup.db before
}

# evidence COMMAND [OPTION...]: of the trail, beside the service or without it
evidence() { command=$1; shift; "$TRUEUP" audit "$command" --state state "$@"; }

the_evidence_is_shown_beside_the_service_and_without_it() {
    begin audit && printf -- '---\n{apiVersion: trueup.dev/v1, kind: Audit, spec: {checkpoint: {every: 1s, records: 1, file: %s, receiver: log}}}\n' "$PWD/kept" >>trueup.yaml &&
        await '[ "$(told reload)" = 1 ]' && object cart red | put live/cart.yaml && await '[ "$(got firing)" = 1 ]' &&
        await 'evidence export | grep -q delivery.delivered' && await 'test -s kept' && await 'grep -q Checkpoint troubles' &&
        evidence verify --checkpoint kept && evidence key >beside && stop &&
        evidence verify --checkpoint kept --key "$(cat beside)" && evidence export >trail.jsonl &&
        "$TRUEUP" audit verify trail.jsonl --checkpoint kept --key "$(cat beside)" &&
        grep -q '"action":"config.loaded"' trail.jsonl && [ "$(stat -c %a state/audit.key)" = 600 ] &&
        evidence export --since 1d -o ocsf | python3 -c 'import json, sys; assert {json.loads(l)["class_uid"] for l in sys.stdin} == {2004, 6003}' || return 1
    sql state/trueup.db 'DROP TRIGGER audit_no_delete' && sql state/trueup.db 'DELETE FROM audit WHERE n > 2' &&
        evidence verify 2>log2
    [ $? = 1 ] && grep -q 'were removed' log2
}

a_full_disk_stops_no_detection_and_is_over_when_there_is_room() {
    [ "$(id -u)" = 0 ] || { echo "# skipped: only root can mount a small disk"; return 0; }
    mkdir state && mount -t tmpfs -o size=1500k tmpfs state 2>/dev/null || { echo "# skipped: no mount here"; return 0; }
    mounted=$PWD/state
    begin audit && { dd if=/dev/zero of=state/ballast bs=4k 2>/dev/null; true; } &&
        for i in 1 2 3 4 5 6 7 8; do object cart "red$i" | put live/cart.yaml; await "[ \"\$(grep -c red$i told)\" -ge 1 ]" || return 1; done
    await "status_is 'not s[\"store\"][\"writable\"] and \"full\" in s[\"store\"][\"problem\"]'" &&
        ! status >status.text && grep -q 'full' status.text && rm state/ballast &&
        await "status_is 's[\"store\"][\"writable\"]'" && object cart blue | put live/cart.yaml &&
        await '[ "$(got resolved)" = 1 ]' && stop && python3 "$here/ask.py" paired .
    result=$?
    clean_up
    return $result
}

sigterm_ends_it_cleanly_whatever_it_does() {
    begin audit && touch refuse && object cart red | put live/cart.yaml && await 'test -s received' && kill -TERM "$service" &&
        PATIENCE=100 && await "! kill -0 $service" && wait "$service"
    result=$?
    unset PATIENCE
    service=''
    [ ! -e state/trueup.sock ] && [ $result = 0 ]
}

a_rule_that_is_removed_or_off_resolves_what_it_told() {
    begin audit && object cart red | put live/cart.yaml && await '[ "$(got firing)" = 1 ]' && configure off &&
        await '[ "$(got resolved)" = 1 ]' && grep -q '"resolvedBy":"configuration"' received && configure audit &&
        await '[ "$(got firing)" = 2 ]' && sed 's/name: shop}/name: store}/' trueup.yaml | put trueup.yaml &&
        await '[ "$(got resolved)" = 2 ] && [ "$(got firing)" = 3 ]' && object cart blue | put live/cart.yaml &&
        await '[ "$(got resolved)" = 3 ]' && stop && python3 "$here/ask.py" paired .
}

a_target_that_goes_away_is_a_problem_and_nothing_in_it_is_missing() {
    begin heal && mv live gone && await "status_is 's[\"targets\"][0][\"problem\"] and s[\"targets\"][0][\"problemSince\"]'" &&
        ! status >status.text && grep -q '      for ' status.text && [ ! -e live ] && mv gone live &&
        await "status_is '\"problem\" not in s[\"targets\"][0]'" && object cart red | put live/cart.yaml &&
        await 'grep -q blue live/cart.yaml' && await '[ "$(got resolved)" = 1 ]' && [ "$(told drift missing)" = 0 ] && stop
}

a_live_file_that_cannot_be_read_is_unknown_and_left_alone() {
    begin heal && echo '{broken' | put live/cart.yaml &&
        await "status_is '\"cart.yaml\" in s[\"targets\"][0][\"problem\"]'" &&
        object menu red | put live/menu.yaml && await 'grep -q blue live/menu.yaml' && grep -q broken live/cart.yaml &&
        [ "$(told drift missing)" = 0 ] && object cart blue | put live/cart.yaml &&
        await "status_is 's[\"rules\"][0][\"summary\"][\"in-sync\"] == 2 and not s[\"targets\"][0].get(\"problem\")'" && stop
}

a_notifier_that_is_removed_stops_nothing() {
    begin audit && touch refuse && object cart red | put live/cart.yaml && await 'test -s received' && rm port && configure audit &&
        await "status_is 's[\"deliveries\"][\"dead\"] >= 1 and s[\"deliveries\"][\"pending\"] == 0'" &&
        object menu red | put live/menu.yaml && await '[ "$(told drift menu)" = 1 ]' && stop
}

healing_slows_down_when_somebody_fights_and_says_so() {
    begin heal && for i in 1 2 3; do
        object cart "red$i" | put live/cart.yaml && await "[ \"\$(told healed)\" = $i ]" || return 1
    done
    object cart red4 | put live/cart.yaml && await '[ "$(got firing fight)" = 1 ]' &&
        grep -q 'changed back again and again' log && status >status.text
    grep -q fight status.text && await 'grep -q blue live/cart.yaml' && await '[ "$(got resolved)" = 4 ]' && stop &&
        python3 "$here/ask.py" paired .
}

nothing_is_healed_while_the_windows_are_closed() {
    begin heal "  heal: {windows: [{cron: \"0 0 1 $(( ($(date +%-m) + 5) % 12 + 1 )) *\", duration: 1m}]}" &&
        object cart red | put live/cart.yaml && await '[ "$(got firing)" = 1 ]' &&
        object menu red | put live/menu.yaml && await '[ "$(got firing)" = 2 ]' && grep -q red live/cart.yaml &&
        configure heal '  heal: {windows: [{cron: "* * * * *", duration: 1h}]}' && await '[ "$(got resolved)" = 2 ]' && stop
}

nothing_is_healed_that_needs_an_approval_and_a_commit_is_told() {
    begin heal '  heal: {approval: {votes: 1}}' && object cart red | put live/cart.yaml && await '[ "$(got firing)" = 1 ]' &&
        object menu green >repo/manifests/menu.yaml && commit && await '[ "$(got firing)" = 2 ]' && grep -q red live/cart.yaml &&
        grep -q blue live/menu.yaml && stop
}

the_limit_spreads_healing_over_time() {
    begin heal '  heal: {limit: {objects: 1, per: 2s}}' && object cart red | put live/cart.yaml &&
        await 'grep -q blue live/cart.yaml' && object menu red | put live/menu.yaml && await '[ "$(got resolved)" = 2 ]' && stop
}

an_entry_that_expired_ignores_no_more() {
    entry() { printf '  drift: [{name: known, match: {names: [cart]}, action: ignore, reason: x, expires: "%s"}]' "$1"; }
    begin audit "$(entry 2099-01-01T00:00:00Z)" && object cart red | put live/cart.yaml && object menu red | put live/menu.yaml &&
        await '[ "$(got firing)" = 1 ]' && [ "$(told drift cart)" = 0 ] && configure audit "$(entry 2020-01-01T00:00:00Z)" &&
        await '[ "$(got firing cart)" = 1 ]' && stop
}

systemd_is_told_when_it_is_ready_and_when_it_stops() {
    python3 - "$PWD" <<'END' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1] + "/notify")
s.settimeout(60)
with open(sys.argv[1] + "/heard", "a") as f:
    while True:
        text = s.recv(4096).decode()
        f.write(text + "\n")
        f.flush()
        if "STOPPING" in text:
            break
END
    await test -S notify && export NOTIFY_SOCKET="$PWD/notify"
    begin audit && await 'grep -q READY=1 heard' && kill -HUP "$service" && await 'grep -q RELOADING=1 heard' &&
        await '[ "$(grep -c READY=1 heard)" = 2 ]' && stop && await 'grep -q STOPPING=1 heard'
    result=$?
    unset NOTIFY_SOCKET
    return $result
}

a_full_pass_finds_what_no_event_told() {
    begin audit '  interval: 1s' && kill -STOP "$service" && object cart red | put live/cart.yaml && kill -CONT "$service" &&
        await '[ "$(got firing)" = 1 ]' && first=$(status -o json | sed 's/.*"current":"\([^"]*\)".*/\1/') && [ -n "$first" ] && stop
}

a_directory_is_a_source_that_tells_by_itself() {
    mkdir -p files/manifests live && object cart blue | tee files/manifests/cart.yaml >live/cart.yaml &&
        SOURCE=directory SOURCE_CONFIG="path: $PWD/files" configure heal && start &&
        object cart green | put files/manifests/cart.yaml && await 'grep -q green live/cart.yaml' &&
        await '[ "$(told applied)" = 1 ]' && [ "$(told drift)" = 0 ] && stop
}

a_revision_that_cannot_be_loaded_leaves_the_earlier_one_in_force() {
    begin heal && git -C repo mv manifests elsewhere && commit moved &&
        await "status_is '\"manifests\" in s[\"rules\"][0][\"problem\"] and s[\"rules\"][0][\"problemSince\"]'" &&
        object cart red | put live/cart.yaml && await 'grep -q blue live/cart.yaml' && stop
}

# many FOLDER: 6000 objects of a namespace of that name, all red
many() {
    mkdir -p "repo/$1" && awk -v ns="$1" 'BEGIN { for (i = 0; i < 6000; i++)
        printf "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: n%d, namespace: %s}\ndata: {colour: red}\n", i, ns }' \
        >"repo/$1/all.yaml" && cp "repo/$1/all.yaml" "live/$1.yaml"
}
# More than the inbox holds; and the second rule's set begins the watch anew while the first lists.
two_rules_of_thousands_of_objects_share_a_target() {
    git init -q -b main repo && mkdir -p live && many manifests && many others && commit && configure audit &&
        { echo ---; awk '/^kind: Rule/ {on = 1; print "apiVersion: trueup.dev/v1"} on && /^---/ {exit} on' trueup.yaml |
            sed -e 's/name: shop}/name: second}/' -e 's/path: manifests/path: others/'; } >>trueup.yaml && start &&
        await "status_is 'all(r[\"summary\"][\"in-sync\"] == 6000 for r in s[\"rules\"]) and len(s[\"rules\"]) == 2'" &&
        sed 's/red/blue/' live/others.yaml | put live/others.yaml && kill -TERM "$service" && wait "$service"
    result=$?
    service=''
    return $result
}

fifty_reloads_leave_everything_as_it_was() {
    begin audit && object cart red | put live/cart.yaml && await '[ "$(got firing)" = 1 ]' && turns=1
    while [ $turns -lt "${CASES_FAST:-50}" ]; do
        turns=$((turns + 1))
        kill -HUP "$service" && await "[ \"\$(told ready)\" = $turns ]" || return 1
    done
    descriptors=$(ls /proc/"$service"/fd | wc -l)
    [ "$descriptors" -lt 60 ] || fail "$descriptors descriptors are open" || return 1
    await "status_is 's[\"rules\"][0][\"summary\"][\"drifted\"] == 1'" && [ "$(got firing)" = 1 ] && [ "$(got update)" = 0 ] && stop
}

CASES=$(sed -n 's/^\([a-z_0-9]*_[a-z_0-9]*\)() {.*/\1/p' "$0" | grep -v -e '^status_is$' -e '^clean_up$')

# --- the run -----------------------------------------------------------------------------------------------------------------

[ $# -gt 0 ] || set -- $CASES
echo "1..$#"
number=0 failed=0
for case in "$@"; do
    number=$((number + 1))
    mkdir "$work/$case" && cd "$work/$case" || exit 1
    "$case" >words 2>&1
    result=$?
    clean_up
    if [ $result = 0 ] && ! grep -q -e 'ERROR: .*Sanitizer' -e 'WARNING: ThreadSanitizer' -e 'runtime error' log 2>/dev/null; then
        echo "ok $number - $(echo "$case" | tr _ ' ')"
        grep '^# skipped' words
    else
        echo "not ok $number - $(echo "$case" | tr _ ' ')"
        sed 's/^/# /' words
        tail -n 15 log 2>/dev/null | sed 's/^/#   log: /'
        tail -n 3 told 2>/dev/null | cut -c1-600 | sed 's/^/#   told: /'
        [ -z "${KEEP:-}" ] || cp -R "$work/$case" "$KEEP/"
        failed=$((failed + 1))
    fi
    cd "$work" && rm -rf "${work:?}/$case"
done
[ "$failed" -eq 0 ] || echo "# $failed of $number failed"
[ "$failed" -eq 0 ]
