# What an answer of an API server means, and what its OpenAPI says of a kind, is said by the Kubernetes plugin itself, not by an imitation of it.
set(kube ${CMAKE_SOURCE_DIR}/plugins/target-kubernetes)
target_sources(testplugin_${name} PRIVATE ${kube}/answer.c ${kube}/compile.c ${kube}/refusal.c ${kube}/scan.c ${kube}/tables.c ${kube}/text.c)
target_include_directories(testplugin_${name} PRIVATE ${CMAKE_SOURCE_DIR}/plugins ${kube})
target_compile_definitions(testplugin_${name} PRIVATE TRUEUP_TABLES_JSON="${kube}/tables.json")
set_source_files_properties(${kube}/tables.c PROPERTIES OBJECT_DEPENDS ${kube}/tables.json)
target_link_libraries(testplugin_${name} PRIVATE PkgConfig::libcurl PkgConfig::libcjson PkgConfig::openssl)
