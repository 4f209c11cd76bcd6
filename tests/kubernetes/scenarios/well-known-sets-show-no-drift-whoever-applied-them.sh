. "$(dirname "$0")/lib.sh"
# real-world/: sets in the style of the well-known ones, each applied in four ways, then left alone: no drift, by comparing alone and by dry run.
first=$ns
helm=$KUBEBUILDER_ASSETS/helm
HELM_CACHE_HOME=$work/helm HELM_CONFIG_HOME=$work/helm HELM_DATA_HOME=$work/helm
export HELM_CACHE_HOME HELM_CONFIG_HOME HELM_DATA_HOME
i=0
render() { # SET FILE...: for this namespace and prefix, into $work/SET-N
    set=$1; shift
    rm -rf "$work/given" && mkdir -p "$work/given"
    for f; do sed "s/NAMESPACE/$ns/g; s/PREFIX/$prefix/g" "$here/../real-world/$f.yaml" > "$work/given/$f.yaml"; done
}
install_by_helm() { # FILES in $work/given as a chart
    rm -rf "$work/chart" && mkdir -p "$work/chart/templates"
    printf 'apiVersion: v2\nname: given\nversion: 1.0.0\n' > "$work/chart/Chart.yaml"
    for f in "$work"/given/*.yaml; do
        # What stands in braces is the manifest's own, not a template.
        python3 -c 'import sys; s = open(sys.argv[1]).read(); open(sys.argv[2], "w").write(s.replace("{{", "{{`{{`}}"))' "$f" "$work/chart/templates/$(basename "$f")"
    done
    "$helm" install "given-$1" "$work/chart" --namespace default > kubectl 2>&1
}
for how in server-side client-side create helm; do
    for set in operator operator-resources monitoring ingress mesh; do
        i=$((i + 1))
        [ "$set" = operator-resources ] || { prefix=$(printf %.1s "$how")$i; ns=$prefix-$set; }
        render "$set" "$set"
        case $how in
        server-side) kubectl apply --server-side --field-manager=trueup -f "$work/given" ;;
        client-side) kubectl apply -f "$work/given" ;;
        create) kubectl create -f "$work/given" ;;
        helm) install_by_helm "$prefix-$set" ;;
        esac > kubectl 2>&1 || fail "$how of $set"
        [ "$set" != operator ] || kubectl wait --for=condition=Established "crd/certificates.$prefix.example" "crd/issuers.$prefix.example" > kubectl
        expect 0 check "$work/given" --to kubernetes:auditor
        shows "in sync"
        # By dry run, too.
        cat > dry.yaml <<YAML
apiVersion: trueup.dev/v1
kind: Source
metadata: {name: given}
spec: {plugin: directory, config: {path: $work/given}}
---
apiVersion: trueup.dev/v1
kind: Target
metadata: {name: cluster}
spec: {plugin: kubernetes}
---
apiVersion: trueup.dev/v1
kind: Rule
metadata: {name: given}
spec: {from: given, to: cluster, mode: audit, confirm: dry-run}
YAML
        expect 0 check -c dry.yaml
        shows "in sync"
    done
done
