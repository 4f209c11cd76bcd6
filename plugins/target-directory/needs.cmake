# The table of kinds is linked in by .incbin (kinds.c), which no compiler lists as a dependency.
set(kinds_json ${CMAKE_SOURCE_DIR}/plugins/target-directory/kinds.json)
target_compile_definitions(target-directory PRIVATE TRUEUP_KINDS_JSON="${kinds_json}")
set_source_files_properties(plugins/target-directory/kinds.c PROPERTIES OBJECT_DEPENDS ${kinds_json})
