. "$(dirname "$0")/lib.sh"
manifests shop
repository
start_receiver
configuration heal
serve
await "applied" in_sync
value() { [ "$(kubectl -n "$ns" get secret cart -o 'jsonpath={.data.password}' 2> /dev/null | base64 -d)" = "$1" ]; }
value plain-secret-of-this-test || fail "the secret's value did not arrive"
edit 's/plain-secret-of-this-test/second-secret-of-this-test/' shop.yaml
commit "Rotate"
await "the new value is applied" value second-secret-of-this-test
human patch secret cart -p '{"stringData":{"password":"edited-secret-of-this-test","added":"added-secret-of-this-test"}}'
await "the edit is told" told status=firing kind=Secret path=/data/password text='<sealed>'
await "and undone" told status=resolved kind=Secret resolvedBy=trueup
value second-secret-of-this-test || fail "the edit was not undone"
human delete secret cart
await "it is restored" value second-secret-of-this-test
await "in sync" in_sync
edit 's/token: .*/token: [third-secret-of-this-test]/' shop.yaml
commit "Break it"
await "a broken Secret is told" told status=firing text=shop.yaml
edit 's/token: .*/token: "third-secret-of-this-test"/' shop.yaml
commit "Break it otherwise"
await "and again" status 'any(r.get("problem") or r["summary"]["invalid"] or r["summary"]["blocked"] for r in rules)'
git -C manifests revert --no-edit HEAD HEAD~1 > git
await "in sync after the reverts" in_sync
end_service
configuration audit
launch auditor
await "in sync in audit mode" in_sync
human patch secret cart -p '{"stringData":{"password":"edited-secret-of-this-test"}}'
await "the edit is told in audit mode" told status=firing kind=Secret path=/data/password
trueup -v diff -c trueup.yaml
for format in text json; do trueup check -c trueup.yaml -o $format; trueup status --state state -o $format; done
hides of-this-test
python3 "$here/secrets.py" "$work" > searched || fail "while it runs: $(cat searched)"
kubectl apply -f manifests > kubectl 2>&1
await "resolved" told status=resolved kind=Secret resolvedBy=other
end_service
[ -s state/trueup.db ] || [ -n "$(ls state/*.db state/*.sqlite* 2>/dev/null)" ] || fail "there is no store in $(ls state)"
