#!/bin/sh
# alertmanager/run.sh: notifier-alertmanager against real Alertmanagers that tell a recording webhook. Prints TAP; exit 77
# when something isn't there.
set -u
here=$(cd "$(dirname "$0")" && pwd)
TRUEUP_BUILD_DIR=${TRUEUP_BUILD_DIR:-$(cd "$here/../.." && pwd)/build/dev}
TRUEUP_PLUGIN_PATH=${TRUEUP_PLUGIN_PATH:-$TRUEUP_BUILD_DIR/plugins}
export TRUEUP_BUILD_DIR TRUEUP_PLUGIN_PATH
for file in tests/notifiers_driver plugins/notifier-alertmanager.so; do
    [ -e "$TRUEUP_BUILD_DIR/$file" ] || { echo "1..0 # SKIP $file isn't built"; exit 77; }
done
for program in prometheus-alertmanager python3 openssl; do
    command -v $program >/dev/null || { echo "1..0 # SKIP $program isn't installed"; exit 77; }
done
# crypt (for Alertmanager's passwords) is part of Python up to 3.12: Debian's has it
python=python3
[ -x /usr/bin/python3 ] && python=/usr/bin/python3
exec "$python" -B "$here/run.py"
