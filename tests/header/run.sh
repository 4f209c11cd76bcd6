#!/bin/sh
# The public header compiles alone with every compiler that is here, and its layout is the one that existing plugins were built for.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=${TRUEUP_SOURCE_DIR:-$(cd "$here/../.." && pwd)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror -I$root/include -c -o $work/alone.o"
compiled=0

compile() { # compiler, language, standard
    command -v "$1" >/dev/null || return 0
    "$1" -x "$2" -std="$3" $flags "$here/alone.c" || { echo "header: $1 -std=$3 failed" >&2; exit 1; }
    compiled=$((compiled + 1))
}
for standard in c99 c11 c17; do
    compile gcc c $standard
    compile clang c $standard
done
for standard in c++11 c++17; do
    compile g++ c++ $standard
    compile clang++ c++ $standard
done
[ "$compiled" -gt 0 ] || { echo "header: skipped, neither gcc nor clang is here"; exit 77; }

# With hidden visibility a plugin exports its entry function and nothing else.
compiler=$(command -v gcc || command -v clang)
"$compiler" -std=c99 -fPIC -shared -fvisibility=hidden -I"$root/include" -o "$work/alone.so" "$here/alone.c"
if command -v nm >/dev/null; then
    exported=$(nm -D --defined-only "$work/alone.so" | awk '{print $3}')
    [ "$exported" = trueup_plugin_v1 ] || { echo "header: a plugin exports more than its entry: $exported" >&2; exit 1; }
fi

layout="layout compared"
table="$here/layout-$(uname -m).txt"
if [ -f "$table" ]; then
    "$compiler" -std=c99 -I"$root/include" -o "$work/layout" "$here/layout.c"
    "$work/layout" >"$work/layout.txt"
    diff -u "$table" "$work/layout.txt" || {
        echo "header: the layout of trueup/plugin.h changed: that breaks existing plugins (only new lines at a struct's end are allowed)" >&2
        exit 1
    }
else
    layout="no layout table for $(uname -m), layout not compared"
fi
echo "header: $compiled compilations, $layout"
