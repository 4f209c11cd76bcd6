#!/bin/sh
# mail/run.sh: notifier-email against a real SMTP server (aiosmtpd) with STARTTLS, TLS and AUTH; what arrives is read by
# Python's strict parser. Prints TAP; exit 77 when something isn't there.
set -u
here=$(cd "$(dirname "$0")" && pwd)
TRUEUP_BUILD_DIR=${TRUEUP_BUILD_DIR:-$(cd "$here/../.." && pwd)/build/dev}
TRUEUP_PLUGIN_PATH=${TRUEUP_PLUGIN_PATH:-$TRUEUP_BUILD_DIR/plugins}
export TRUEUP_BUILD_DIR TRUEUP_PLUGIN_PATH
for file in tests/notifiers_driver plugins/notifier-email.so; do
    [ -e "$TRUEUP_BUILD_DIR/$file" ] || { echo "1..0 # SKIP $file isn't built"; exit 77; }
done
command -v openssl >/dev/null || { echo "1..0 # SKIP openssl isn't installed"; exit 77; }
for python in /usr/bin/python3 python3; do
    "$python" -c 'import aiosmtpd' 2>/dev/null && exec "$python" -B "$here/run.py"
done
echo "1..0 # SKIP python3-aiosmtpd isn't installed"
exit 77
