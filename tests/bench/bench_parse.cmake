# bench_parse compares with other readers where they are: cJSON and libyaml are needed anyway, jansson is optional.
pkg_check_modules(jansson IMPORTED_TARGET jansson)
if(TARGET PkgConfig::jansson)
    target_link_libraries(bench_parse PRIVATE PkgConfig::jansson)
    target_compile_definitions(bench_parse PRIVATE HAVE_JANSSON)
endif()
