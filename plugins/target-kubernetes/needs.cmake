# Libraries that only the Kubernetes target uses (curl, cJSON, OpenSSL and libyaml come with plugin_common).
target_link_libraries(target-kubernetes PRIVATE PkgConfig::libcurl PkgConfig::libcjson PkgConfig::openssl Threads::Threads m)
