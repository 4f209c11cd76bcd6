# The layouts of the chat and paging notifiers, without their networks.
target_sources(fuzz_chat PRIVATE ${CMAKE_SOURCE_DIR}/plugins/notifier-slack/layout.c
    ${CMAKE_SOURCE_DIR}/plugins/notifier-teams/card.c ${CMAKE_SOURCE_DIR}/plugins/notifier-pagerduty/event.c)
target_include_directories(fuzz_chat PRIVATE ${CMAKE_SOURCE_DIR}/plugins)
target_link_libraries(fuzz_chat PRIVATE plugin_common)
