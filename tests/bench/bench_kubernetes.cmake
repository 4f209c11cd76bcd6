target_sources(bench_kubernetes PRIVATE support/kube_host.c)
