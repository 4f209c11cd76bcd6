#!/bin/sh
# all.sh: every benchmark of the check, the service and the judge, with figures and the ratio to its limit, in one run on a real API server.
#
#   KUBEBUILDER_ASSETS=... sh tests/bench/all.sh [DIR]
#
# DIR: where the control planes of tests/kubernetes/control-plane.sh stand; those that run there already are used, and stay. Without it they are made in
# a scratch folder and ended. TRUEUP_BUILD_DIR: a release build (default build/release). BENCH_SECONDS: how long the steady state is watched (60; 600 for
# the record). BENCH_HUGE=0 leaves the 100,000 objects out. Measured is what stands still only when nothing else runs on the machine.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
build=${TRUEUP_BUILD_DIR:-$here/../../build/release}
plane=$here/../kubernetes/control-plane.sh
if [ $# -gt 0 ]; then
    dir=$1
    mkdir -p "$dir"
else
    dir=$(mktemp -d)
    trap 'for d in "$dir"/*/; do sh "$plane" stop "$d"; done; rm -rf "$dir"' EXIT
fi

# on OBJECTS BENCHMARK...: a control plane with that many objects, the small ones beyond 10,000
on() {
    count=$1
    shift
    small=''
    [ "$count" -le 10000 ] || small=--small
    here_dir=$dir/p$count
    [ -f "$here_dir/server" ] && [ -f "$here_dir/apiserver.pid" ] || sh "$plane" start "$here_dir"
    for which in "$@"; do
        python3 "$here/bench.py" "$build" "$here_dir" "$which" --count "$count" $small --seconds "${BENCH_SECONDS:-60}"
    done
    [ "$count" -le 10000 ] || sh "$plane" stop "$here_dir"
}

echo "--- 1,000 objects"
on 1000 check recheck memory
echo "--- 10,000 objects"
on 10000 check recheck memory steady change
if [ "${BENCH_HUGE:-1}" != 0 ]; then
    echo "--- 100,000 small objects"
    on 100000 check recheck memory
fi
echo "--- no server"
"$build/tests/bench_judge"
"$build/tests/bench_parse"
