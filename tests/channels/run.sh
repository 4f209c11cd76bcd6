#!/bin/sh
# channels/run.sh: a real `trueup run` tells a drift, and its end, by mail (aiosmtpd), Alertmanager and file at once; a digest is
# one mail. Prints TAP; exit 77 when something isn't there.
set -u
here=$(cd "$(dirname "$0")" && pwd)
TRUEUP_BUILD_DIR=${TRUEUP_BUILD_DIR:-$(cd "$here/../.." && pwd)/build/dev}
TRUEUP_PLUGIN_PATH=${TRUEUP_PLUGIN_PATH:-$TRUEUP_BUILD_DIR/plugins}
export TRUEUP_BUILD_DIR TRUEUP_PLUGIN_PATH
for file in trueup plugins/notifier-email.so plugins/notifier-alertmanager.so plugins/notifier-file.so plugins/source-directory.so; do
    [ -e "$TRUEUP_BUILD_DIR/$file" ] || { echo "1..0 # SKIP $file isn't built"; exit 77; }
done
for program in prometheus-alertmanager openssl; do
    command -v $program >/dev/null || { echo "1..0 # SKIP $program isn't installed"; exit 77; }
done
for python in /usr/bin/python3 python3; do
    "$python" -c 'import aiosmtpd' 2>/dev/null && exec "$python" -B "$here/run.py"
done
echo "1..0 # SKIP python3-aiosmtpd isn't installed"
exit 77
