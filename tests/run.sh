#!/bin/sh
# run.sh: builds trueup and runs every test that this machine can run. One command on a fresh Debian with a clone: sh tests/run.sh
#   sh tests/run.sh [PRESET] [ctest arguments]     PRESET: release (default), debug, asan, tsan (CMakePresets.json)
# Tests against Kubernetes run where KUBEBUILDER_ASSETS is a folder with kube-apiserver, etcd and kubectl; elsewhere they say that they were skipped.
set -eu
cd "$(dirname "$0")/.."
preset=release
case ${1:-} in release | debug | asan | tsan) preset=$1; shift ;; esac
sh deploy/setup.sh --tests
cmake --preset "$preset" -DTRUEUP_TESTS=ON ${TRUEUP_CMAKE:-} >/dev/null
cmake --build --preset "$preset" --parallel "$(nproc)" -- --quiet
[ "${KUBEBUILDER_ASSETS:-}" ] || echo "KUBEBUILDER_ASSETS is not set: the tests against a real Kubernetes API server are skipped"
cd "build/$preset"
exec ctest --output-on-failure --parallel "$(nproc)" "$@"
