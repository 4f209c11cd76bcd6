#!/bin/sh
# Alerts that arrive, whatever happens to `trueup run`: directories as source and target, a webhook receiver that writes down
# what it gets before it answers. No cluster. What is asserted stands in cases.py.
# Usage: run.sh [CASE...]. Prints TAP. TRUEUP_KILLS: rounds of kill -9 (50; the long mode is 2000); TRUEUP_SEED: the chance.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${TRUEUP_BUILD_DIR:-$here/../../build/dev}
build=$(cd "$build" 2>/dev/null && pwd) || build=/absent
command -v python3 >/dev/null || { echo "1..0 # SKIP there is no python3"; exit 77; }
[ -x "$build/trueup" ] || { echo "1..0 # SKIP there is no $build/trueup"; exit 77; }
TRUEUP_PLUGIN_PATH=${TRUEUP_PLUGIN_PATH:-$build/plugins}
export TRUEUP_PLUGIN_PATH
unset KUBECONFIG XDG_STATE_HOME XDG_CACHE_HOME XDG_CONFIG_HOME STATE_DIRECTORY NO_COLOR NOTIFY_SOCKET
TERM=dumb LC_ALL=C TZ=UTC
export TERM LC_ALL TZ
exec python3 "$here/cases.py" "$build/trueup" "$@"
