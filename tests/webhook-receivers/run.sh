#!/bin/sh
# webhook-receivers/run.sh: the ready-made templates of deploy/notifiers against servers that hold them to the receivers'
# contracts (run.py), and the verifiers of signatures in deploy/verify. Prints TAP; exit 77 when something isn't there.
set -u
here=$(cd "$(dirname "$0")" && pwd)
TRUEUP_BUILD_DIR=${TRUEUP_BUILD_DIR:-$(cd "$here/../.." && pwd)/build/dev}
TRUEUP_PLUGIN_PATH=${TRUEUP_PLUGIN_PATH:-$TRUEUP_BUILD_DIR/plugins}
export TRUEUP_BUILD_DIR TRUEUP_PLUGIN_PATH
command -v python3 >/dev/null || { echo "1..0 # SKIP python3 isn't installed"; exit 77; }
for file in tests/notifiers_driver plugins/notifier-webhook.so trueup; do
    [ -e "$TRUEUP_BUILD_DIR/$file" ] || { echo "1..0 # SKIP $file isn't built"; exit 77; }
done
exec python3 -B "$here/run.py"
