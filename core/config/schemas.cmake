# config/schemas.cmake: turns config/schemas/<Kind>.json into C arrays, so that the program needs no files to know its own shapes.
file(GLOB schema_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/core/config/schemas/*.json)
set(schema_source "/* made by core/config/schemas.cmake from core/config/schemas */\n")
foreach(file ${schema_files})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    get_filename_component(kind ${file} NAME_WE)
    file(READ ${file} bytes HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    string(APPEND schema_source "extern const char tu_config_schema_${kind}[];\n"
        "const char tu_config_schema_${kind}[] = {${bytes}0};\n")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/config_schemas.c CONTENT "${schema_source}" @ONLY)
target_sources(trueup_core PRIVATE ${CMAKE_BINARY_DIR}/config_schemas.c)
install(FILES ${schema_files} DESTINATION ${CMAKE_INSTALL_DATADIR}/trueup/schemas)
