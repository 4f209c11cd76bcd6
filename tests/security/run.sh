#!/bin/sh
# The table of README.md is true of the tests that are there; and what can be read off the sources and the built files.
# Needs no server. To add a check: a function that says what is wrong and returns 1, and a line at the end. Prints TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${TRUEUP_BUILD_DIR:-$root/build/dev}
cd "$root" || exit 1
number=0 failed=0

check() { # name command...
    name=$1
    shift
    number=$((number + 1))
    if words=$("$@" 2>&1); then
        echo "ok $number - $name"
        [ -z "$words" ] || echo "$words" | sed 's/^/# /'
    else
        failed=$((failed + 1))
        echo "not ok $number - $name"
        echo "$words" | sed 's/^/# /'
    fi
}

# `FILE: NAME` or `FILE` of the table, without the quotes
named() { grep '^| [0-9]' "$here/README.md" | grep -oE '`(unit|cli|git|service|alerts|notifiers|channels|mail|webhook-receivers|kubernetes|security|fuzz|bench)/[^`]*`' | tr -d '`'; }

every_row_is_there() {
    n=$(grep -cE '^\| [0-9]+ ' "$here/README.md")
    [ "$n" = 30 ] || { echo "$n rows instead of 30"; return 1; }
    # a row that says "holds" or "partly" names a test
    bare=$(grep -E '^\| [0-9]+ [^|]*\| (holds|partly)' "$here/README.md" | grep -v '`[a-z-]*/[^`]*` |$')
    [ -z "$bare" ] || { echo "no test: $bare"; return 1; }
}

every_test_is_there() {
    named | {
        gone=0 tests=0
        while IFS= read -r test; do
            file=tests/${test%%: *} tests=$((tests + 1))
            case $test in *": "*) words=${test#*: } ;; *) words='' ;; esac
            if [ ! -e "$file" ]; then
                echo "$test: there is no $file" && gone=1
            elif [ -n "$words" ] && ! grep -qF -- "$words" "$file"; then
                echo "$test: $file has no such test" && gone=1
            fi
        done
        [ "$tests" -gt 80 ] || { echo "only $tests tests were found in the table"; gone=1; }
        return $gone
    }
}

# nowhere EXPRESSION WHAT: no line of our sources has it (but the file that forbids it)
nowhere() {
    found=$(grep -rnE "$1" core plugins include --include='*.c' --include='*.h' | grep -v -e '^core/base/banned\.h:' -e '^[^:]*:[0-9]*: *\(/\*\|\*\|//\)')
    [ -z "$found" ] || { echo "$2: $found"; return 1; }
}

no_shell() {
    grep -qE '^#pragma GCC poison .*\bsystem popen\b' core/base/banned.h || { echo "banned.h allows system() or popen()"; return 1; }
    [ "$(grep -c 'include ${CMAKE_SOURCE_DIR}/core/base/banned.h' CMakeLists.txt)" = 3 ] || { echo "banned.h isn't read by core, plugins/common and plugins"; return 1; }
    nowhere '\b(system|popen|wordexp) *\(' 'starts a shell' && nowhere '"((/usr)?/bin/(ba|da)?sh|sh)"' 'names a shell'
}

kernels_chance() {
    nowhere '\b(s?rand|rand_r|s?random|random_r|[dejlmn]rand48|srand48|arc4random) *\(' "isn't the kernel's chance"
}

constant_time() {
    grep -q 'hmac\.compare_digest' deploy/verify/verify.py && grep -q 'hmac\.Equal' deploy/verify/verify.go || { echo "a sample compares otherwise"; return 1; }
    ! grep -nE '(==|!=) *(expected|signature)\b' deploy/verify/verify.py deploy/verify/verify.go
}

tls() { # who makes curl handles sets the version, and never an older one
    for file in $(grep -rlE 'curl_easy_init' plugins --include='*.c'); do
        grep -rqE 'CURL_SSLVERSION_TLSv1_[23]' "$(dirname "$file")" || { echo "$file doesn't ask for TLS 1.2"; return 1; }
    done
    nowhere 'CURL_SSLVERSION_(SSLv|TLSv1\b|TLSv1_[01])' 'allows an old TLS'
}

roles() { # no "*" in a role that people copy
    ! grep -nE '(verbs|resources|apiGroups): *\[[^]]*"?\*"?[^]]*\]' README.md
}

hardened() {
    command -v readelf >/dev/null || { echo "skipped: there is no readelf"; return 0; }
    [ -x "$build/trueup" ] || { echo "skipped: there is no $build/trueup"; return 0; }
    release=$(grep -cE '^CMAKE_BUILD_TYPE:[A-Z]*=Rel' "$build/CMakeCache.txt" 2>/dev/null)
    plain=$(grep -cE '^TRUEUP_SANITIZE:[A-Z]*=$' "$build/CMakeCache.txt" 2>/dev/null)
    wrong=0
    for file in "$build/trueup" "$build"/plugins/*.so; do
        [ -e "$file" ] || continue
        text=$(readelf -hldW "$file")
        symbols=$(readelf --dyn-syms -W "$file")
        lacks() { echo "${file##*/} $1"; wrong=1; }
        echo "$text" | grep -qE 'Type: +DYN' || lacks "isn't position independent"
        echo "$text" | grep -q GNU_RELRO || lacks "has no read-only relocations"
        echo "$text" | grep -qE 'BIND_NOW|FLAGS_1.*NOW' || lacks "is bound lazily"
        echo "$text" | grep -E 'GNU_STACK' | grep -q 'RWE' && lacks "has an executable stack"
        echo "$text" | grep -E ' LOAD ' | grep -q 'RWE' && lacks "has a segment that is writable and executable"
        # the sanitizers' runtime has a search path of its own, and its own checks
        if [ "$plain" = 1 ]; then
            echo "$text" | grep -qE '\((RPATH|RUNPATH)\)' && lacks "has a search path for libraries"
            echo "$symbols" | grep -q __stack_chk_fail || lacks "has no stack protector"
            [ "$release" = 0 ] || echo "$symbols" | grep -qE '__(memcpy|snprintf|vsnprintf|read|fprintf|printf|memset|vfprintf)_chk' || lacks "has no _FORTIFY_SOURCE"
        fi
    done
    return $wrong
}

echo 1..8
check "the table has the 30 rows, each with a test where something holds" every_row_is_there
check "every test that the table names is there" every_test_is_there
check "nothing can start a shell" no_shell
check "chance is the kernel's" kernels_chance
check "the samples of deploy/verify compare in constant time" constant_time
check "every connection wants TLS 1.2" tls
check "no role in the README asks for everything" roles
check "program and plugins are hardened" hardened
[ $failed = 0 ] || echo "# $failed of $number failed"
[ $failed = 0 ]
