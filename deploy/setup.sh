#!/bin/sh
# setup.sh: installs the Debian packages that trueup is built with and runs with. Does nothing where they are there already.
#   sh deploy/setup.sh            what building and running needs
#   sh deploy/setup.sh --tests    and what the tests need: real servers to test against
#   sh deploy/setup.sh --ci       and what CI needs: clang, formatting, static checks
#   --print                       only prints the list
# Root installs; otherwise sudo does; where neither is there, the list is printed and it stops with exit code 1.
set -eu

packages="gcc libc6-dev cmake ninja-build pkg-config git ca-certificates tzdata openssh-client
libgit2-dev libcurl4-openssl-dev libyaml-dev libcjson-dev libuv1-dev libsqlite3-dev libssl-dev libxxhash-dev libpcre2-dev zlib1g-dev
libcmocka-dev"
for argument; do
    case $argument in
    --tests) packages="$packages g++ openssl perl lighttpd lighttpd-mod-openssl openssh-server python3 python3-aiosmtpd prometheus-alertmanager curl" ;;
    --ci) packages="$packages g++ openssl perl lighttpd lighttpd-mod-openssl openssh-server python3 python3-aiosmtpd prometheus-alertmanager curl clang clang-format libclang-rt-dev" ;;
    --print) print=yes ;;
    *) echo "setup.sh: unknown argument '$argument': --tests, --ci or --print" >&2; exit 2 ;;
    esac
done
# The clang runtime's package carries its version in its name on Debian 12.
case $packages in *libclang-rt-dev*)
    apt-cache show libclang-rt-dev >/dev/null 2>&1 || packages=$(echo "$packages" | sed 's/libclang-rt-dev/libclang-rt-14-dev/') ;;
esac
[ "${print:-}" ] && { echo $packages; exit 0; }

command -v dpkg-query >/dev/null || {
    echo "setup.sh: this is no Debian: install what these Debian packages bring:" >&2; echo $packages >&2; exit 1; }
missing=
for p in $packages; do
    case $(dpkg-query -W -f '${Status}' "$p" 2>/dev/null) in *" installed") ;; *) missing="$missing $p" ;; esac
done
[ "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then as_root=
elif command -v sudo >/dev/null; then as_root=sudo
else
    echo "setup.sh: these Debian packages are missing, and here is neither root nor sudo to install them:" >&2
    echo "  $missing" >&2
    exit 1
fi
echo "setup.sh: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
install() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null; }
# A list of packages that is a little old still serves; one that is too old, or none, is fetched.
install 2>/dev/null || { $as_root apt-get update -qq && install; }
