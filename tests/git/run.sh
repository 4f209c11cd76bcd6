#!/bin/sh
# git/run.sh: source-git against real servers: a local path, lighttpd with git-http-backend over http and https, sshd; and against
# servers that fail on purpose (faults.c). Prints TAP; exit 77 when a server isn't installed.
# To add a case: a few lines in the function of its server: `drive`, then `failed CLASS WORDS` or `shows WORDS`.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${TRUEUP_BUILD_DIR:-$(cd "$here/../.." && pwd)/build/dev}
driver=$build/tests/git_driver
faults=$build/tests/git_faults
plugin=$build/plugins/source-git.so

skip_all() { echo "1..0 # SKIP $1"; exit 77; }
for program in git perl lighttpd openssl sshd ssh ssh-keygen; do
    PATH=$PATH:/usr/sbin:/usr/local/sbin command -v "$program" >/dev/null || skip_all "$program isn't installed"
done
for file in "$driver" "$faults" "$plugin"; do [ -e "$file" ] || skip_all "$file isn't built"; done
backend=$(git --exec-path)/git-http-backend
[ -x "$backend" ] || skip_all "git-http-backend isn't installed"
PATH=$PATH:/usr/sbin:/usr/local/sbin

T=$(mktemp -d) || exit 1
processes=
stop_all() { for p in $processes; do kill "$p" 2>/dev/null; done; rm -rf "$T"; }
trap stop_all EXIT
trap 'exit 1' INT TERM
export HOME="$T/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL="$T/home/.gitconfig" LC_ALL=C TMPDIR="$T/tmp"
unset GIT_DIR GIT_WORK_TREE http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy SSH_AUTH_SOCK 2>/dev/null
mkdir -p "$HOME" "$TMPDIR" "$T/srv" "$T/seen"

# --- the words of a test ----------------------------------------------------------------------------------------------
count=0 bad=0
result() { # ok? description
    count=$((count + 1))
    if [ "$1" = 0 ]; then echo "ok $count - $2"; else
        bad=$((bad + 1)); echo "not ok $count - $2"; sed 's/^/# /' "$out" | tail -6
    fi
}
out=$T/out
drive() { # driver arguments...; the records are in $out
    "$driver" --plugin "$plugin" "$@" >"$out" 2>&1; status=$?
    cat "$out" >>"$T/seen/all"
    return 0
}
shows() { # description words...: the call succeeded and printed every one of them
    what=$1; shift; r=$status
    for words in "$@"; do grep -qF -- "$words" "$out" || r=1; done
    result "$r" "$what"
}
failed() { # description class words...: the call failed in that class and its message has the words
    what=$1; class=$2; shift 2; r=0
    [ "$status" = 1 ] && grep -qF "\"failed\":\"$class\"" "$out" || r=1
    for words in "$@"; do grep -F '"failed"' "$out" | grep -qF -- "$words" || r=1; done
    result "$r" "$what"
}
until_true() { # waits for a condition, not for a time; gives up after a minute
    tries=0
    until eval "$1"; do tries=$((tries + 1)); [ $tries -lt 1200 ] || return 1; sleep 0.05; done
}
fresh() { rm -rf "$T/scratch"; mkdir "$T/scratch"; }
paths() { grep '"record":"entry"' "$out" | sed 's/.*"path":"\([^"]*\)".*/\1/' | tr '\n' ' '; }
objects() { grep '"stage":"receiving objects"' "$out" | tail -1 | sed 's/.*"total":\([0-9]*\).*/\1/'; }
free_port() { "$faults" "$T/port" port && cat "$T/port"; }
fault() { # mode arguments...: starts faults.c; $port and $fault_log are set
    rm -f "$T/port"; fault_log=$T/fault.log
    "$faults" "$T/port" "$@" >"$fault_log" 2>&1 & fault_process=$!
    processes="$processes $fault_process"
    until_true '[ -s "$T/port" ]'; port=$(cat "$T/port")
}

# --- a repository ----------------------------------------------------------------------------------------------------
work=$T/work
git_quiet() { git -C "$work" "$@" >/dev/null 2>&1; }
push() { git_quiet push -f "$T/srv/shop.git" "$@"; }
make_repository() {
    git init -q -b main "$work"
    git_quiet config user.email dev@example.org; git_quiet config user.name "Dee Veloper"
    mkdir -p "$work/apps/cart" "$work/many" "$work/library"
    echo "kind: Deployment" >"$work/apps/cart/deployment.yaml"
    echo "kind: Service" >"$work/apps/cart.yaml"
    echo "#!/bin/sh" >"$work/run"; chmod +x "$work/run"
    ln -s /etc/passwd "$work/link"
    i=0; while [ $i -lt 200 ]; do echo "n: $i" >"$work/many/$i.yaml"; i=$((i + 1)); done
    git_quiet add .
    git_quiet update-index --add --cacheinfo 160000,1234567890123456789012345678901234567890,library
    git_quiet commit -m "first"; first=$(git -C "$work" rev-parse HEAD)
    git_quiet tag -a v1 -m "version one"; git_quiet tag light
    echo "# two" >>"$work/apps/cart.yaml"; git_quiet commit -am "second"; second=$(git -C "$work" rev-parse HEAD)
    git_quiet branch staging
    git clone -q --bare "$work" "$T/srv/shop.git"
    git init -q --bare "$T/srv/empty.git"
    git init -q --bare --object-format=sha256 "$T/srv/sha256.git" 2>/dev/null
    git init -q -b main --object-format=sha256 "$T/work256" 2>/dev/null &&
        (cd "$T/work256" && git config user.email a@b && git config user.name a && echo a >a && git add a &&
            git commit -qm a && git push -q "$T/srv/sha256.git" main) >/dev/null 2>&1
}

# --- what holds for every way to a repository -------------------------------------------------------------------------
# config URL [MORE]: the configuration as JSON
config() { printf '{"url":"%s"%s}' "$1" "${2:+,$2}"; }
common_cases() { # name url extra-json
    name=$1 url=$2 extra=${3:-}
    with() { config "$url" "$1${1:+${extra:+,}}$extra"; }
    fresh
    drive "$(with '')" resolve
    shows "$name: without branch, tag and commit the revision is that of HEAD" "\"revision\":\"$second\"" '"ref":"refs/heads/main"'
    drive "$(with '"branch":"staging"')" resolve
    shows "$name: a branch resolves to its commit" "\"revision\":\"$second\"" '"ref":"refs/heads/staging"'
    drive "$(with '"tag":"v1"')" resolve
    shows "$name: an annotated tag resolves to the commit it points to" "\"revision\":\"$first\"" '"ref":"refs/tags/v1"'
    drive "$(with '"tag":"light"')" resolve
    shows "$name: a lightweight tag resolves to its commit" "\"revision\":\"$first\""
    drive "$(with "\"commit\":\"$first\"")" resolve
    shows "$name: a commit resolves to itself" "\"revision\":\"$first\""
    drive "$(with '"branch":"stagign"')" resolve
    failed "$name: a branch that is gone is named, with those that are there, the likeliest first" notfound '\"stagign\"' 'there are: staging, main'
    drive "$(with '"tag":"v9"')" resolve
    failed "$name: a tag that is gone is named, with those that are there" notfound '\"v9\"' 'v1'
    drive --scratch "$T/scratch" "$(with '')" fetch "$second"
    [ "$(paths | cut -d' ' -f1-4)" = "apps/cart.yaml apps/cart/deployment.yaml library link" ]; order=$?
    status=$((status + order))
    shows "$name: fetch emits every entry in byte order, with its mode" '"path":"run","mode":"exec"' '"path":"link","mode":"symlink"},"bytes":0' \
        '"path":"library","mode":"submodule"},"bytes":0' 'kind: Service\u000a# two\u000a'
    shows "$name: fetch tells author, time and subject of the revision" '"author":"Dee Veloper <dev@example.org>"' '"subject":"second"' '"time":"20'
    drive --scratch "$T/scratch" "$(with '')" fetch "$second" apps/
    [ "$(paths)" = "apps/cart.yaml apps/cart/deployment.yaml " ]; status=$((status + $?))
    shows "$name: only what is under the path is emitted"
    drive --scratch "$T/scratch" "$(with '')" fetch "$second" apps/cart.yaml
    [ "$(paths)" = "apps/cart.yaml " ]; status=$((status + $?))
    shows "$name: the path may be one file"
    drive --scratch "$T/scratch" "$(with '')" fetch "$second" apps/crat
    failed "$name: a path that isn't there is named, with what is there" notfound '\"apps/crat\"' 'there are: cart'
    drive --scratch "$T/scratch" "$(with '')" fetch "$second" link/x
    failed "$name: a path through a symbolic link is refused" notfound 'symbolic link'
    drive --scratch "$T/scratch" "$(with '')" fetch "$second" a/../b
    failed "$name: a path with .. is refused" invalid '\"..\"'
    drive --scratch "$T/scratch" "$(with "\"commit\":\"$first\"")" fetch "$first" apps
    shows "$name: an older commit has its own content" '"subject":"first"' 'kind: Service\u000a"'
    drive --scratch "$T/scratch" "$(with '')" fetch 0123456789012345678901234567890123456789
    failed "$name: a commit that is nowhere is said so" notfound "0123456789012345678901234567890123456789"
    drive --scratch "$T/scratch" "$(with '')" fetch main
    failed "$name: a revision that is no commit name is refused" invalid '40 hexadecimal'
}
remote_cases() { # name url extra-json
    name=$1 url=$2 extra=${3:-}
    with() { config "$url" "$1${1:+${extra:+,}}$extra"; }
    fresh
    drive --scratch "$T/scratch" "$(with '')" fetch "$second"; all=$(objects)
    echo "# third $name" >>"$work/apps/cart.yaml"; git_quiet commit -am "third"; third=$(git -C "$work" rev-parse HEAD); push main
    drive --scratch "$T/scratch" "$(with '')" fetch "$third" apps/cart.yaml
    [ "${all:-0}" -gt 200 ] && [ "$(objects)" -le 5 ]; status=$((status + $?))
    shows "$name: a second fetch transfers only what is new" "# third $name"
    drive --scratch "$T/scratch" "$(with '')" fetch "$third" apps/cart.yaml
    grep -q '"record":"progress"' "$out"; [ $? = 1 ]; status=$((status + $?))
    shows "$name: what the mirror has is not transferred again"
    git_quiet reset --hard "$second"; echo "# rewritten $name" >>"$work/apps/cart.yaml"; git_quiet commit -am "rewritten"
    rewritten=$(git -C "$work" rev-parse HEAD); push main
    drive --scratch "$T/scratch" "$(with '')" fetch "$rewritten" apps/cart.yaml
    shows "$name: rewritten history is followed" "# rewritten $name"
    fresh
    drive --scratch "$T/scratch" "$(with '')" fetch "$third"
    failed "$name: a commit that a force push took away is said so" notfound "$third" 'force-pushed'
    drive "$(with '')" fetch "$rewritten" apps/cart.yaml
    [ -z "$(ls "$TMPDIR")" ]; status=$((status + $?))
    shows "$name: without a scratch folder nothing stays behind" "# rewritten $name"
    fresh
    drive --scratch "$T/scratch" --twice "$(with '')" fetch "$rewritten"
    [ "$(grep -c '"path":"run"' "$out")" = 2 ]; status=$((status + $?))
    shows "$name: two instances with one mirror don't disturb each other"
    drive --scratch "$T/scratch" --cancel-after 1 "$(with '')" fetch "$rewritten"
    failed "$name: a call can be cancelled while entries are emitted" cancelled
    fresh
    drive --scratch "$T/scratch" --cancel-after 1 "$(with '')" fetch "$rewritten"
    failed "$name: a call can be cancelled while objects are received" cancelled
    drive --scratch "$T/scratch" "$(with '')" fetch "$rewritten" apps/cart.yaml
    shows "$name: after that the next call works" "# rewritten $name"
    drive "$(config "${url%/*}/nothing.git" "$extra")" resolve
    failed "$name: a repository that isn't there is said so" notfound 'no repository'
    drive "$(config "${url%/*}/empty.git" "$extra")" resolve
    failed "$name: an empty repository is said so" notfound 'is empty'
    [ -e "$T/work256" ] && drive "$(config "${url%/*}/sha256.git" "$extra")" resolve &&
        failed "$name: a SHA-256 repository is said to be unsupported" unsupported 'SHA-256'
    git_quiet reset --hard "$second"; push main
}

# --- a mirror that something happened to -------------------------------------------------------------------------------
mirror_cases() { # url extra
    url=$1 extra=${2:-}
    fresh; drive --scratch "$T/scratch" "$(config "$url" "$extra")" fetch "$second"
    mirror=$(echo "$T"/scratch/*/repository)
    for damage in "rm -f $mirror/objects/pack/*.pack" "rm -f $mirror/objects/pack/*.idx" "rm -rf $mirror/objects" "rm -f $mirror/HEAD" \
        "truncate -s 2000 $mirror/objects/pack/*.pack" \
        "for f in $mirror/objects/pack/*.pack; do chmod u+w \$f; dd if=/dev/zero of=\$f bs=1 seek=1500 count=3000 conv=notrunc; done" \
        "chmod u+w $mirror/objects/pack/*; for f in $mirror/objects/pack/*; do : >\$f; done"; do
        eval "$damage" >/dev/null 2>&1
        drive --scratch "$T/scratch" "$(config "$url" "$extra")" fetch "$second"
        [ "$(grep -c '"record":"entry"' "$out")" = 205 ]; status=$((status + $?))
        shows "mirror: healed after: $(echo "$damage" | sed "s,$mirror,.,g")"
    done
    i=0
    while [ $i -lt 55 ]; do
        echo "# $i" >>"$work/apps/cart.yaml"; git_quiet commit -am "change $i"; push main
        drive --scratch "$T/scratch" "$(config "$url" "$extra")" fetch "$(git -C "$work" rev-parse HEAD)" run
        i=$((i + 1))
    done
    packs=$(ls "$mirror"/objects/pack/*.pack | wc -l)
    drive --scratch "$T/scratch" "$(config "$url" "$extra")" fetch "$(git -C "$work" rev-parse HEAD~3)" apps/cart.yaml
    [ "$packs" -lt 20 ] && git --git-dir="$mirror" fsck --strict >/dev/null 2>&1; status=$((status + $?))
    shows "mirror: many small packs are joined, and none of their objects is lost ($packs packs after 55 fetches)" '"subject":"change 51"'
    git_quiet reset --hard "$second"; push main
}

# --- http ---------------------------------------------------------------------------------------------------------------
start_lighttpd() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=trueup test CA" -keyout "$T/ca.key" -out "$T/ca.pem" 2>/dev/null
    mkdir -p "$T/ca"; : >"$T/ca/index"; echo 01 >"$T/ca/serial"
    cat >"$T/ca/conf" <<END
[ca]
default_ca=x
[x]
database=$T/ca/index
serial=$T/ca/serial
new_certs_dir=$T/ca
default_md=sha256
policy=p
unique_subject=no
x509_extensions=e
[p]
commonName=supplied
[e]
subjectAltName=DNS:localhost,IP:127.0.0.1
END
    for which in good:20200101000000Z:20990101000000Z old:20200101000000Z:20210101000000Z; do
        cert=${which%%:*}; dates=${which#*:}
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" -keyout "$T/$cert.key" -out "$T/$cert.csr" 2>/dev/null
        openssl ca -batch -config "$T/ca/conf" -cert "$T/ca.pem" -keyfile "$T/ca.key" -in "$T/$cert.csr" -out "$T/$cert.crt" \
            -startdate "${dates%%:*}" -enddate "${dates#*:}" -notext 2>/dev/null
        cat "$T/$cert.key" "$T/$cert.crt" >"$T/$cert.pem"
    done
    echo "dee:correct horse" >"$T/users"
    http=$(free_port); https=$(free_port); expired=$(free_port)
    tls=0; ls /usr/lib/lighttpd/mod_openssl.so /usr/lib/*/lighttpd/mod_openssl.so >/dev/null 2>&1 && tls=1
    cat >"$T/lighttpd.conf" <<END
server.document-root = "$T/srv"
server.bind = "127.0.0.1"
server.port = $http
server.errorlog = "$T/lighttpd.log"
server.modules = ("mod_alias", "mod_setenv", "mod_auth", "mod_authn_file", "mod_redirect", "mod_cgi"$([ $tls = 1 ] && echo ', "mod_openssl"'))
alias.url = ("/git/" => "$backend/", "/private/" => "$backend/")
url.redirect = ("^/old/(.*)" => "/git/\$1?\${qsa}", "^/login/" => "/users/sign_in", "^/loop/(.*)" => "/loop/\$1?\${qsa}")
auth.backend = "plain"
auth.backend.plain.userfile = "$T/users"
auth.require = ("/private/" => ("method" => "basic", "realm" => "git", "require" => "valid-user"))
\$HTTP["url"] =~ "^/(git|private)/" {
    cgi.assign = ("" => "")
    setenv.add-environment = ("GIT_PROJECT_ROOT" => "$T/srv", "GIT_HTTP_EXPORT_ALL" => "1")
}
END
    [ $tls = 1 ] && cat >>"$T/lighttpd.conf" <<END
\$SERVER["socket"] == "127.0.0.1:$https" { ssl.engine = "enable" ssl.pemfile = "$T/good.pem" }
\$SERVER["socket"] == "127.0.0.1:$expired" { ssl.engine = "enable" ssl.pemfile = "$T/old.pem" }
END
    git config -f "$HOME/.gitconfig" safe.directory '*' # for the servers, which run git as this user
    lighttpd -D -f "$T/lighttpd.conf" >"$T/lighttpd.out" 2>&1 & processes="$processes $!"
    until_true "git ls-remote http://127.0.0.1:$http/git/shop.git >/dev/null 2>&1" || { cat "$T/lighttpd.out" "$T/lighttpd.log"; exit 1; }
}
http_cases() {
    root=http://127.0.0.1:$http
    common_cases http "$root/git/shop.git"
    remote_cases http "$root/git/shop.git"
    mirror_cases "$root/git/shop.git"
    export PASSWORD="correct horse" WRONG="battery staple" LINE="correct horse
"
    drive "$(config "$root/private/shop.git" '"auth":{"username":"dee","password":"PASSWORD"}')" resolve
    shows "http: a login with name and password is let in" "$second"
    drive "$(config "$root/private/shop.git" '"auth":{"username":"dee","password":"LINE"}')" resolve
    shows "http: the line break at the end of a secret's file doesn't matter" "$second"
    drive "$(config "http://dee@127.0.0.1:$http/private/shop.git" '"auth":{"token":"PASSWORD"}')" resolve
    shows "http: a name in the url goes with the token" "$second"
    drive "$(config "$root/private/shop.git" '"auth":{"username":"dee","token":"PASSWORD"}')" fetch "$second" run
    shows "http: a token is sent as the password, also for the download" '"path":"run"'
    drive "$(config "http://dee:correct%20horse@127.0.0.1:$http/private/shop.git")" resolve
    shows "http: a login in the url works" "$second"
    drive "$(config "$root/private/shop.git" '"auth":{"username":"dee","token":"WRONG"}')" resolve
    failed "http: a wrong token is refused with the host's name and the setting" denied "127.0.0.1:$http" auth.token
    drive "$(config "http://dee:battery%20staple@127.0.0.1:$http/private/shop.git")" resolve
    failed "http: a wrong login in the url is refused" denied "login refused by 127.0.0.1:$http"
    drive "$(config "$root/private/shop.git")" resolve
    failed "http: a missing login is said so, with what to set" denied "set auth.token"
    drive "$(config "$root/private/shop.git" '"auth":{"username":"dee","token":"NO_SUCH_SECRET"}')" resolve
    failed "http: a secret that can't be opened is said so" notfound "auth.token"
    drive "$(config "$root/old/shop.git")" fetch "$second" run
    shows "http: a move on the same host is followed, and told" '"path":"run"' "moved to $root/git/shop.git"
    drive "$(config "$root/login/shop.git")" resolve
    failed "http: a redirect to a login page is said so" denied "login page"
    drive "$(config "$root/loop/shop.git")" resolve
    failed "http: a circle of redirects ends" invalid "redirects"
    fault redirect "$root/git/shop.git/info/refs?service=git-upload-pack"
    drive "$(config "http://dee:correct%20horse@127.0.0.1:$port/shop.git")" resolve
    failed "http: a move to another host is refused and names the new address" notfound "moved to $root/git/shop.git"
    fault redirect "http://evil.example/shop.git/info/refs?service=git-upload-pack"
    drive "$(config "http://127.0.0.1:$port/shop.git" '"auth":{"token":"PASSWORD"}')" resolve
    failed "http: no other host is asked, whatever a redirect says" notfound "moved to http://evil.example/shop.git"
    fault page
    drive "$(config "http://127.0.0.1:$port/shop.git")" resolve
    failed "http: a web page is no repository" notfound "text/html"
    fault status 503
    drive "$(config "http://127.0.0.1:$port/shop.git")" resolve
    failed "http: a failing server is to be asked again later" throttled "503"
    fault status 403
    drive "$(config "http://127.0.0.1:$port/shop.git")" resolve
    failed "http: a refusal is a refusal" denied "403"
    fault refs 300
    drive "$(config "http://127.0.0.1:$port/shop.git")" resolve
    failed "http: an endless list of refs is refused by name" invalid "TU_GIT_LIMIT_ADVERTISEMENT"
    drive "$(config "http://127.0.0.1:$(free_port)/shop.git")" resolve
    failed "http: a refused connection is to be tried again later" unavailable "127.0.0.1"
}
fault_cases() {
    root=http://127.0.0.1:$http
    fault stall
    drive --deadline 1500 "$(config "http://127.0.0.1:$port/shop.git")" resolve
    failed "faults: a server that says nothing is given up at the deadline" timeout
    drive "$(config "http://127.0.0.1:$port/shop.git" '"timeout":"1s"')" resolve
    failed "faults: a server that says nothing is given up after the timeout" timeout "127.0.0.1:$port"
    : >"$fault_log"
    "$driver" --plugin "$plugin" "$(config "http://127.0.0.1:$port/shop.git")" resolve >"$out" 2>&1 & waiting=$!
    until_true 'grep -q connection "$fault_log"'; kill -USR1 $waiting; wait $waiting; status=$?
    failed "faults: a call that waits for a server can be cancelled" cancelled
    fresh; fault cut 6000 1 "$http"; url=http://127.0.0.1:$port/git/shop.git
    drive --scratch "$T/scratch" "$(config "$url")" fetch "$second"
    failed "faults: a connection that is reset inside the pack is to be tried again" unavailable "$url"
    drive --scratch "$T/scratch" "$(config "$url")" fetch "$second"
    [ "$(grep -c '"record":"entry"' "$out")" = 205 ]; status=$((status + $?))
    shows "faults: after that the next call works"
    fresh; fault hold 6000 1 "$http"; url=http://127.0.0.1:$port/git/shop.git
    "$driver" --plugin "$plugin" --scratch "$T/scratch" "$(config "$url")" fetch "$second" >"$out" 2>&1 & waiting=$!
    until_true 'ls "$T"/scratch/*/repository/objects/pack/pack_git2_* >/dev/null 2>&1'; kill -KILL $waiting; wait $waiting 2>/dev/null
    drive --scratch "$T/scratch" "$(config "$url")" fetch "$second"
    [ "$(grep -c '"record":"entry"' "$out")" = 205 ] && ! ls "$T"/scratch/*/repository/objects/pack/pack_git2_* >/dev/null 2>&1
    status=$((status + $?))
    shows "faults: after kill -9 inside a fetch the next call works and sweeps what was left"
    fresh; fault hold 6000 1 "$http"; url=http://127.0.0.1:$port/git/shop.git
    "$driver" --plugin "$plugin" --scratch "$T/scratch" "$(config "$url")" fetch "$second" >"$out" 2>&1 & waiting=$!
    until_true 'grep -q held "$fault_log"'
    "$driver" --plugin "$plugin" --scratch "$T/scratch" "$(config "$url")" fetch "$second" >"$T/out2" 2>&1 & second_process=$!
    kill -USR1 $waiting; wait $waiting; status=$?
    failed "faults: a fetch that stalls inside the pack can be cancelled" cancelled
    wait $second_process; status=$?; cp "$T/out2" "$out"
    shows "faults: one who waited for the mirror's lock gets it then" '"path":"run"'
    mkdir -p "$T/full"
    if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=1m tmpfs "$T/full" 2>/dev/null; then
        drive --scratch "$T/full" "$(config "$root/git/shop.git")" fetch "$second"
        failed "faults: a full disk is said so" unavailable "free"
        umount "$T/full"
    else
        count=$((count + 1)); echo "ok $count - faults: a full disk is said so # SKIP needs root, for a small tmpfs"
    fi
}
https_cases() {
    if [ $tls = 0 ]; then
        count=$((count + 1)); echo "ok $count - https # SKIP lighttpd-mod-openssl isn't installed"; return
    fi
    common_cases https "https://localhost:$https/git/shop.git" "\"caFile\":\"$T/ca.pem\""
    drive "$(config "https://localhost:$https/private/shop.git" "\"caFile\":\"$T/ca.pem\",\"auth\":{\"username\":\"dee\",\"password\":\"PASSWORD\"}")" resolve
    shows "https: a login is let in" "$second"
    drive "$(config "https://localhost:$https/git/shop.git")" resolve
    failed "https: a certificate of an unknown authority is refused" integrity "certificate"
    drive "$(config "https://localhost:$expired/git/shop.git" "\"caFile\":\"$T/ca.pem\"")" resolve
    failed "https: an expired certificate is refused and called so" integrity "expired"
    drive "$(config "https://localhost:$https/git/shop.git" "\"caFile\":\"$T/no-such-file\"")" resolve
    failed "https: a caFile that isn't there is named" invalid "no-such-file"
    fault redirect "https://127.0.0.1:$https/git/shop.git/info/refs?service=git-upload-pack"
    drive "$(config "http://127.0.0.1:$port/shop.git")" resolve
    failed "https: a redirect from http to https of the same host is followed" integrity "https://127.0.0.1:$https"
}

# --- ssh ----------------------------------------------------------------------------------------------------------------
start_sshd() {
    ssh=$(free_port); S=$T/ssh; mkdir -p "$S"
    for key in host client other; do ssh-keygen -q -t ed25519 -N '' -C '' -f "$S/$key"; done
    ssh-keygen -q -t ed25519 -N 'secret words' -C '' -f "$S/locked"
    cat "$S/client.pub" "$S/locked.pub" >"$S/authorized"
    [ "$(id -u)" != 0 ] || mkdir -p /run/sshd
    cat >"$S/config" <<END
Port $ssh
ListenAddress 127.0.0.1
HostKey $S/host
AuthorizedKeysFile $S/authorized
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
SetEnv GIT_CONFIG_GLOBAL=$HOME/.gitconfig
END
    "$(command -v sshd)" -D -f "$S/config" -E "$S/log" & processes="$processes $!"
    echo "[127.0.0.1]:$ssh $(cut -d' ' -f1,2 "$S/host.pub")" >"$S/known"
    echo "[127.0.0.1]:$ssh $(cut -d' ' -f1,2 "$S/other.pub")" >"$S/changed"
    : >"$S/none"
    until_true 'grep -q listening "$S/log" 2>/dev/null' || { cat "$S/log"; exit 1; }
    me=$(id -un)
}
ssh_cases() {
    url=ssh://$me@127.0.0.1:$ssh$T/srv/shop.git
    KEY=$(cat "$S/client") OTHER=$(cat "$S/other") LOCKED=$(cat "$S/locked") WINDOWS=$(sed 's/$/\r/' "$S/client")
    export KEY OTHER LOCKED WINDOWS NO_KEY="hello"
    login() { printf '"ssh":{"privateKey":"%s","knownHosts":"%s"}' "$1" "${2:-$S/known}"; }
    common_cases ssh "$url" "$(login KEY)"
    remote_cases ssh "$url" "$(login KEY)"
    drive "$(config "$url" "$(login KEY "$(cat "$S/known")")")" resolve
    shows "ssh: knownHosts may be the lines themselves" "$second"
    drive "$(config "$url" "$(login WINDOWS)")" resolve
    shows "ssh: a key with Windows line ends and none at its end works" "$second"
    drive "$(config "$url" "$(login KEY "$S/changed")")" resolve
    failed "ssh: another host key than the known one is refused, with what to do" integrity "somebody may be in between" "ssh-keyscan -p $ssh 127.0.0.1"
    drive "$(config "$url" "$(login KEY "$S/none")")" resolve
    failed "ssh: an unknown host key is refused, with what to do" integrity "unknown" "ssh-keyscan -p $ssh 127.0.0.1"
    drive "$(config "$url" "$(login KEY "$S/no-such-file")")" resolve
    failed "ssh: a known_hosts file that isn't there is named" invalid "$S/no-such-file"
    drive "$(config "$url" "$(login OTHER)")" resolve
    failed "ssh: a key that the server doesn't know is refused" denied "ssh.privateKey"
    drive "$(config "$url" "$(login LOCKED)")" resolve
    failed "ssh: a key with a passphrase is refused in plain words" denied "passphrase"
    drive "$(config "$url" "$(login NO_KEY)")" resolve
    failed "ssh: what is no key is refused in plain words" denied "no private key"
    drive "$(config "ssh://$me@127.0.0.1:$(free_port)/x.git" "$(login KEY)")" resolve
    failed "ssh: a refused connection is to be tried again later" unavailable "refused"
    drive "$(config "git@host.invalid:x.git" "$(login KEY)")" resolve
    failed "ssh: a host that has no address is to be tried again later" unavailable "resolved"
    drive "$(config "-oProxyCommand=touch$T/pwned:x.git" "$(login KEY)")" resolve
    failed "ssh: a host that looks like an option is refused" invalid "url"
    git clone -q --bare "$work" "$T/srv/it's; touch pwned.git"
    drive "$(config "ssh://$me@127.0.0.1:$ssh$T/srv/it's;%20touch%20pwned.git" "$(login KEY)")" resolve
    shows "ssh: a path with quotes and blanks reaches the server unharmed" "$second"
    fault stall
    drive --deadline 1500 "$(config "ssh://$me@127.0.0.1:$port/x.git" "$(login KEY)")" resolve
    failed "ssh: a server that says nothing is given up at the deadline" timeout
    : >"$fault_log"
    "$driver" --plugin "$plugin" "$(config "ssh://$me@127.0.0.1:$port/x.git" "$(login KEY)")" resolve >"$out" 2>&1 & waiting=$!
    until_true 'grep -q connection "$fault_log"'; kill -USR1 $waiting; wait $waiting; status=$?
    failed "ssh: a call that waits for a server can be cancelled" cancelled
    fresh; fault cut 12000 1 "$ssh"
    sed "s/:$ssh /:$port /" <"$S/known" >"$S/known2"
    drive --scratch "$T/scratch" "$(config "ssh://$me@127.0.0.1:$port$T/srv/shop.git" "$(login KEY "$S/known2")")" fetch "$second"
    failed "ssh: a connection that is reset inside the pack is to be tried again" unavailable "127.0.0.1:$port"
    drive --scratch "$T/scratch" "$(config "ssh://$me@127.0.0.1:$port$T/srv/shop.git" "$(login KEY "$S/known2")")" fetch "$second" run
    shows "ssh: after that the next call works" '"path":"run"'
    ! pgrep -u "$me" -f "$T/srv/.*git-upload-pack|git-upload-pack.*$T/srv" >/dev/null 2>&1 || [ -z "$(pgrep -x ssh -P $$)" ]
    result $? "ssh: no ssh is left running"
}

# --- settings that a schema can't judge, and what no output may ever show -------------------------------------------------
settings_cases() {
    while IFS='|' read -r what json words; do
        drive "$json" resolve
        failed "settings: $what" invalid "$words"
    done <<'END'
branch and tag exclude each other|{"url":"/x","branch":"a","tag":"b"}|only one of
a branch's name must be one that Git allows|{"url":"/x","branch":"a..b"}|a..b
a commit has 40 digits|{"url":"/x","commit":"abc"}|40 digits
git:// is refused with a reason|{"url":"git://host/x"}|use https or ssh
an unknown scheme is refused|{"url":"ftp://host/x"}|unknown scheme
a control character is refused|{"url":"https://host/\u0007x"}|control character
a query is refused|{"url":"https://host/x?token=hunter2"}|'?'
token and password exclude each other|{"url":"https://h/x","auth":{"token":"A","password":"B"}}|can't both
a password needs a name|{"url":"https://h/x","auth":{"password":"B"}}|belong together
auth is for http|{"url":"git@h:x","auth":{"token":"A"}}|ssh.privateKey
ssh settings are for ssh|{"url":"https://h/x","ssh":{"privateKey":"A"}}|ssh url
a timeout has bounds|{"url":"https://h/x","timeout":"0s"}|timeout
END
    drive "$(config "$T/nowhere")" resolve
    failed "local: a path that isn't there is named" notfound "$T/nowhere"
    drive "$(config "$work/apps")" resolve
    failed "local: a folder inside a repository is told where that is" notfound "inside the one of $work"
    drive "$(config "$T/srv/empty.git")" resolve
    failed "local: an empty repository is said so" notfound "is empty"
    git -C "$work" worktree add -q --detach "$T/linked" "$first" 2>/dev/null
    drive "$(config "$T/linked")" resolve
    shows "local: a linked work tree has its own HEAD" "\"revision\":\"$first\"" '"ref":"HEAD"'
    git clone -q --depth 1 "file://$T/srv/shop.git" "$T/shallow"
    drive "$(config "$T/shallow")" fetch "$second" run
    shows "local: a shallow clone can be read" '"path":"run"'
    git -C "$T/shallow" sparse-checkout set apps 2>/dev/null; git -C "$T/shallow" config core.repositoryformatversion 1
    git -C "$T/shallow" config extensions.worktreeConfig true
    export LSAN_OPTIONS=detect_leaks=0 # libgit2 1.5 leaks when it reads extensions (source.h)
    drive "$(config "$T/shallow")" fetch "$second" run
    unset LSAN_OPTIONS
    shows "local: a sparse checkout hides nothing" '"path":"run"'
    if [ "$(id -u)" = 0 ]; then
        cp -r "$T/srv/shop.git" "$T/srv/foreign.git"; chown -R 65534 "$T/srv/foreign.git"
        drive "$(config "$T/srv/foreign.git")" resolve
        shows "local: a repository of another user can be read" "$second"
    fi
    cp -r "$T/srv/shop.git" "$T/srv/holes.git" # its objects are loose: it was cloned from the work tree a moment ago
    blob=$(git -C "$work" rev-parse "$second:run")
    rm -f "$T/srv/holes.git/objects/$(echo "$blob" | cut -c1-2)/$(echo "$blob" | cut -c3-)"
    drive "$(config "$T/srv/holes.git")" fetch "$second"
    failed "local: missing objects are said so" integrity "run" "missing or damaged"
}
tree_cases() { # tree objects that git itself would not write
    bare=$T/srv/odd.git; git init -q --bare "$bare"
    blob=$(echo x | git --git-dir="$bare" hash-object -w --stdin)
    commit_of() { # name of a tree -> commit
        GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a git --git-dir="$bare" commit-tree -m "$(printf 'odd \033[31m\342\200\256 \377')" "$1" 2>/dev/null
    }
    entry() { printf '%s %s\0' "$1" "$2"; perl -e 'print pack "H*", shift' "$3"; }
    hash_tree() { git --git-dir="$bare" hash-object -t tree -w --stdin --literally; }
    while IFS='|' read -r what class words names; do
        tree=$(for n in $names; do entry 100644 "$(printf '%b' "$n")" "$blob"; done | hash_tree)
        drive "$(config "$bare")" fetch "$(commit_of "$tree")"
        failed "tree: $what" "$class" "$words"
    done <<'END'
an entry named .. is refused|invalid|no file can have that name|..
an entry with a slash in its name is refused|invalid|no file can have that name|a/b
the same name twice is refused|integrity|there twice|a a
a wrong order is refused|integrity|out of order|b a
a name that isn't UTF-8 is refused|invalid|UTF-8|a\0377b
END
    tree=$(entry 100644 a "$blob" | hash_tree)
    i=0; while [ $i -lt 140 ]; do tree=$(entry 40000 d "$tree" | hash_tree); i=$((i + 1)); done
    drive "$(config "$bare")" fetch "$(commit_of "$tree")"
    failed "tree: folders nested without end are refused" invalid "TU_GIT_LIMIT_TREE_DEPTH"
    tree=$(entry 100644 a "$blob" | hash_tree)
    i=0; while [ $i -lt 20 ]; do tree=$({ entry 40000 a "$tree"; entry 40000 b "$tree"; } | hash_tree); i=$((i + 1)); done
    drive "$(config "$bare")" fetch "$(commit_of "$tree")"
    failed "tree: a small repository that unfolds into a million folders is refused" invalid "TU_GIT_LIMIT_TREE_FOLDERS"
    big=$(head -c 17000000 /dev/zero | git --git-dir="$bare" hash-object -w --stdin)
    drive "$(config "$bare")" fetch "$(commit_of "$(entry 100644 big.yaml "$big" | hash_tree)")"
    failed "tree: a file that is too large is named" invalid "big.yaml" "TU_LIMIT_FILE_BYTES"
    drive "$(config "$bare")" fetch "$(commit_of "$(entry 100644 a.yaml "$blob" | hash_tree)")"
    ! grep -q "$(printf '\033')" "$out"; status=$((status + $?))
    shows "tree: control characters of a commit's text are not passed on" '"subject":"odd  [31m'
}
secret_cases() {
    r=0
    for secret in "correct horse" "correct%20horse" "battery" "Y29ycmVjdCBob3JzZQ" "PRIVATE KEY" "$(sed -n 3p "$S/client")" "hunter2"; do
        if grep -qF -- "$secret" "$T/seen/all"; then r=1; echo "# seen: $secret"; fi
    done
    result $r "no secret is in any record, message or log line of all these calls"
    [ -z "$(ls "$TMPDIR")" ] && [ ! -e "$T/pwned" ] && [ ! -e "$HOME/pwned.git" ]
    result $? "no file is left behind"
}

make_repository
common_cases local "$T/srv/shop.git"
common_cases "local, file:// and a work tree" "file://$work"
settings_cases
tree_cases
start_lighttpd
http_cases
fault_cases
https_cases
start_sshd
ssh_cases
secret_cases
echo "1..$count"
[ $bad = 0 ] || { echo "# $bad of $count failed"; exit 1; }
