# What an answer of an API server means is said by the Kubernetes plugin itself, not by an imitation of it.
target_sources(testplugin_${name} PRIVATE ${CMAKE_SOURCE_DIR}/plugins/target-kubernetes/answer.c
    ${CMAKE_SOURCE_DIR}/plugins/target-kubernetes/text.c ${CMAKE_SOURCE_DIR}/plugins/target-kubernetes/scan.c)
target_include_directories(testplugin_${name} PRIVATE ${CMAKE_SOURCE_DIR}/plugins ${CMAKE_SOURCE_DIR}/plugins/target-kubernetes)
target_link_libraries(testplugin_${name} PRIVATE PkgConfig::libcurl PkgConfig::libcjson PkgConfig::openssl)
