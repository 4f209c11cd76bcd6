# Libraries that only the Kubernetes target uses (curl, cJSON, OpenSSL and libyaml come with plugin_common).
target_link_libraries(target-kubernetes PRIVATE PkgConfig::libcurl PkgConfig::libcjson PkgConfig::openssl Threads::Threads m)
# The tables of defaults are linked in by .incbin (tables.c), which no compiler lists as a dependency.
set(kube_tables ${CMAKE_SOURCE_DIR}/plugins/target-kubernetes/tables.json)
target_compile_definitions(target-kubernetes PRIVATE TRUEUP_TABLES_JSON="${kube_tables}")
set_source_files_properties(plugins/target-kubernetes/tables.c PROPERTIES OBJECT_DEPENDS ${kube_tables})
