#!/bin/sh
# install.sh BUILD_DIRECTORY: installs into a throw-away prefix, runs the program from there, and builds a plugin against the installed
# header as a third party would, with nothing but pkg-config; then loads it by a Plugin document with its sha256.
set -eu
build=$(CDPATH='' cd -- "${1:?usage: install.sh BUILD_DIRECTORY}" && pwd)
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
unset TRUEUP_PLUGIN_PATH 2>/dev/null || true
cmake --install "$build" --prefix "$prefix" >/dev/null
trueup=$prefix/bin/trueup
"$trueup" version
"$trueup" plugin list | grep -q kubernetes || { echo "the installed program finds no built-in plugins" >&2; exit 1; }
[ -e "$prefix/share/trueup/schemas/Rule.json" ] || { echo "the schemas are not installed" >&2; exit 1; }
"$trueup" rules test -q "$prefix/share/trueup/rules" # packs are found by name where the program is installed
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name trueup-plugin.pc)")
export PKG_CONFIG_PATH
pkg-config --exists trueup-plugin
[ "$(pkg-config --variable=abi_major trueup-plugin)" = 1 ]
cc -std=c99 -D_GNU_SOURCE -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden $(pkg-config --cflags trueup-plugin) -o "$prefix/notifier-file.so" "$here/plugin/example-notifier.c"
"$trueup" plugin describe "$prefix/notifier-file.so" | head -3
cat >"$prefix/trueup.yaml" <<YAML
apiVersion: trueup.dev/v1
kind: Plugin
metadata: {name: file}
spec: {path: ./notifier-file.so, sha256: $(sha256sum "$prefix/notifier-file.so" | cut -d' ' -f1)}
---
apiVersion: trueup.dev/v1
kind: Notifier
metadata: {name: ops}
spec: {plugin: file, config: {path: messages}}
YAML
"$trueup" config check -c "$prefix/trueup.yaml"
echo "installed, found, and extended"
