#!/bin/sh
# Runs the command line's tests, which are data: tests/cli/CASE/ has
#   cmd    shell lines, run in a fresh folder; $TRUEUP is the program
#   files/ what that folder holds in the beginning (optional)
#   out    what standard output must be, after normalising (absent: nothing)
#   err    the same for standard error
#   code   the exit code (absent: 0)
#   json   (empty) standard output must be one valid JSON document as well
# To add one: make the folder with cmd and files/, run `UPDATE=CASE sh tests/cli/run.sh CASE`, and read what it wrote.
# Usage: run.sh [CASE...]. Prints TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${TRUEUP_BUILD_DIR:-$here/../../build/dev}
build=$(cd "$build" 2>/dev/null && pwd) || build=/absent
TRUEUP=$build/trueup
export TRUEUP
[ -x "$TRUEUP" ] || { echo "1..0 # SKIP there is no $TRUEUP"; exit 77; }
TRUEUP_PLUGIN_PATH=${TRUEUP_PLUGIN_PATH:-$build/plugins}
export TRUEUP_PLUGIN_PATH

# Nothing of the machine that runs the tests may show.
unset KUBECONFIG XDG_STATE_HOME XDG_CACHE_HOME XDG_CONFIG_HOME STATE_DIRECTORY NO_COLOR COLUMNS
TERM=dumb LC_ALL=C TZ=UTC
export TERM LC_ALL TZ

work=$(mktemp -d "${TMPDIR:-/tmp}/trueup-cli-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Paths, times, revisions and the version are told apart from run to run.
normalise() {
    sed -E -e "s#$1#DIR#g" -e "s#$TRUEUP_PLUGIN_PATH#PLUGINS#g" -e "s#$build#BUILD#g" \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z/TIME/g' \
        -e 's/ timestamp="[^"]*"/ timestamp="TIME"/' -e '/<testsuites/s/ time="[^"]*"/ time="SECONDS"/' \
        -e 's/\b[0-9a-f]{64}\b/REVISION/g' -e 's/@[0-9a-f]{10}\b/@REVISION/g'
}

valid_json() {
    if command -v python3 >/dev/null; then python3 -m json.tool "$1" >/dev/null 2>&1
    elif command -v jq >/dev/null; then jq -e . "$1" >/dev/null 2>&1
    fi
}

# expect NAME CASE-FOLDER GOT: compares with, or (UPDATE) becomes, what is expected.
expect() {
    wanted=$2/$1
    if [ "${UPDATE:-}" ] && { [ "$UPDATE" = all ] || [ "$UPDATE" = "$(basename "$2")" ]; }; then
        if [ -s "$3" ]; then cp "$3" "$wanted"; else rm -f "$wanted"; fi
        return 0
    fi
    [ -f "$wanted" ] || wanted=/dev/null
    diff -u "$wanted" "$3" >"$work/diff" && return 0
    echo "# $1 differs (- expected, + got):"
    sed 's/^/#   /' "$work/diff"
    return 1
}

run_case() {
    folder=$1
    rm -rf "$work/case" "$work/home"
    mkdir "$work/case" "$work/home"
    [ -d "$folder/files" ] && cp -R "$folder/files/." "$work/case/"
    (cd "$work/case" && HOME=$work/home sh "$folder/cmd") >"$work/out" 2>"$work/err" </dev/null
    code=$?
    for stream in out err; do normalise "$work/case" <"$work/$stream" >"$work/$stream.normal"; done
    if [ "$code" = 0 ]; then : >"$work/code"; else echo "$code" >"$work/code"; fi
    fine=0
    expect code "$folder" "$work/code" || fine=1
    expect out "$folder" "$work/out.normal" || fine=1
    expect err "$folder" "$work/err.normal" || fine=1
    if [ -f "$folder/json" ] && ! valid_json "$work/out"; then
        echo "# standard output is not one JSON document"
        fine=1
    fi
    return $fine
}

if [ $# -eq 0 ]; then
    for folder in "$here"/*/; do set -- "$@" "$(basename "$folder")"; done
fi
echo "1..$#"
number=0 failed=0
for name in "$@"; do
    number=$((number + 1))
    if run_case "$here/$name" >"$work/words"; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        cat "$work/words"
        failed=$((failed + 1))
    fi
done
[ "$failed" -eq 0 ] || echo "# $failed of $number failed"
[ "$failed" -eq 0 ]
