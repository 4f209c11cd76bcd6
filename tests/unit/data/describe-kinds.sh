#!/bin/sh
# describe-kinds.sh: the descriptions in tests/unit/data/kinds are what the Kubernetes plugin's compiler makes of the OpenAPI that the corpus has
# recorded.
#
#   sh tests/unit/data/describe-kinds.sh BUILD_DIRECTORY            writes them anew: after a change of the compiler or its tables
#   sh tests/unit/data/describe-kinds.sh BUILD_DIRECTORY check      only says which are not what it would write (a test)
set -eu
build=${1:?usage: describe-kinds.sh BUILD_DIRECTORY [check]}
mode=${2:-write}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp)
trap 'rm -f "$work"' EXIT
stale=0
describe() { # FILE OPENAPI GROUP VERSION KIND [status]
    file=$here/kinds/$1.json openapi=$here/../../corpus/kinds/$2.json
    shift 2
    "$build/tests/corpus/corpus_describe" "$openapi" "$@" > "$work"
    if [ "$mode" = write ]; then
        cat "$work" > "$file"
    elif ! cmp -s "$work" "$file"; then
        echo "$file is not what the plugin says now: sh tests/unit/data/describe-kinds.sh $build"
        stale=1
    fi
}
describe configmap configmap.v1 '' v1 ConfigMap
describe deployment deployment.apps.v1 apps v1 Deployment status
describe namespace namespace.v1 '' v1 Namespace status
describe networkpolicy networkpolicy.networking.k8s.io.v1 networking.k8s.io v1 NetworkPolicy
describe secret secret.v1 '' v1 Secret
describe service service.v1 '' v1 Service status
describe statefulset statefulset.apps.v1 apps v1 StatefulSet status
exit $stale
