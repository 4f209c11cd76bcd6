. "$(dirname "$0")/lib.sh"
manifests shop
server=$(cat "$TRUEUP_KUBE_DIR/server") ca=$TRUEUP_KUBE_DIR/ca.crt
login() { # SERVER CA USER
    cat > login.yaml <<YAML
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: "$1", certificate-authority: $2}}]
users: [{name: u, user: {$3}}]
YAML
    KUBECONFIG=$work/login.yaml
}
asked() { # TEXT...: exit code 3, and each text
    expect 3 check ./manifests
    for text; do shows "$text"; done
    hides "in sync"
    hides "of-this-test"
    expect 3 check ./manifests -o json
    python3 -m json.tool out > json || fail "that is no JSON"
}
login https://127.0.0.1:1 "$ca" "token: admin-token-of-this-test"
asked "can't reach https://127.0.0.1:1"
login "$server" "$ca" "token: wrong-token-of-this-test"
asked "$server refused the login" "log in again or correct the kubeconfig"
login "$server" "$TRUEUP_KUBE_DIR/client-ca.crt" "token: admin-token-of-this-test"
asked "the certificate of $server is signed by an authority that is not among"
login "$server" "$ca" "token: nobody-token-of-this-test"
asked "nobody is not allowed to list" "$server" "give it a role with that verb"
openssl req -newkey rsa:2048 -nodes -subj "/O=system:masters/CN=late" -keyout late.key -out late.csr 2> /dev/null
openssl x509 -req -in late.csr -CA "$TRUEUP_KUBE_DIR/client-ca.crt" -CAkey "$TRUEUP_KUBE_DIR/client-ca.key" -set_serial 7 -days -1 -out late.crt 2> /dev/null ||
    openssl ca -help > /dev/null 2>&1
if [ -s late.crt ]; then
    login "$server" "$ca" "client-certificate: $work/late.crt, client-key: $work/late.key"
    asked "$server refused the login"
fi
KUBECONFIG=$TRUEUP_KUBE_DIR/kubeconfig
expect 2 check ./manifests --to kubernetes:nowhere
says "there is no context \"nowhere\""
