# What an answer means is said by the Kubernetes plugin's own files.
set(kube ${CMAKE_SOURCE_DIR}/plugins/target-kubernetes)
target_sources(test_kube_answers PRIVATE ${kube}/answer.c ${kube}/refusal.c ${kube}/scan.c ${kube}/text.c)
target_include_directories(test_kube_answers PRIVATE ${CMAKE_SOURCE_DIR}/plugins ${kube})
target_link_libraries(test_kube_answers PRIVATE PkgConfig::libcurl PkgConfig::libcjson PkgConfig::openssl)
