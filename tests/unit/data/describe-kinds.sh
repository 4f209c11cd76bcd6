#!/bin/sh
# describe-kinds.sh: writes the descriptions of tests/unit/data/kinds anew, from the OpenAPI that the corpus has recorded: after a change of the
# Kubernetes plugin's compiler or its tables.
#
#   sh tests/unit/data/describe-kinds.sh BUILD_DIRECTORY        needs the target corpus_describe
set -eu
build=${1:?usage: describe-kinds.sh BUILD_DIRECTORY}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
describe() { # FILE OPENAPI GROUP VERSION KIND [status]
    file=$here/kinds/$1.json openapi=$here/../../corpus/kinds/$2.json
    shift 2
    "$build/tests/corpus/corpus_describe" "$openapi" "$@" > "$file.new" && mv "$file.new" "$file"
}
describe configmap configmap.v1 '' v1 ConfigMap
describe deployment deployment.apps.v1 apps v1 Deployment status
describe namespace namespace.v1 '' v1 Namespace status
describe networkpolicy networkpolicy.networking.k8s.io.v1 networking.k8s.io v1 NetworkPolicy
describe secret secret.v1 '' v1 Secret
describe service service.v1 '' v1 Service status
describe statefulset statefulset.apps.v1 apps v1 StatefulSet status
