#!/bin/sh
# Every case beside the rules and packs of rules/ passes, offline.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${TRUEUP_BUILD_DIR:-$here/../../build/dev}
[ -x "$build/trueup" ] || { echo "there is no $build/trueup"; exit 77; }
TRUEUP_RULES_PATH=$here/../../rules
export TRUEUP_RULES_PATH
for folder in "$here"/../../rules/*/; do
    [ -f "$folder/tests.yaml" ] || { echo "rules/$(basename "$folder") has no tests.yaml"; exit 1; }
done
"$build/trueup" rules test "$here/../../rules"
# No entry is wider than needed, shadowed, or about what doesn't exist.
"$build/trueup" rules lint "$here/../../rules"
