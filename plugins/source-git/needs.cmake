# libcurl, cJSON and OpenSSL come with plugin_common.
target_link_libraries(source-git PRIVATE PkgConfig::libgit2)
