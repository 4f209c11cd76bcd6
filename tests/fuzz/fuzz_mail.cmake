# What would be mailed and posted is said by the notifiers' own files.
set(mail ${CMAKE_SOURCE_DIR}/plugins/notifier-email)
target_sources(fuzz_mail PRIVATE ${mail}/mime.c ${mail}/content.c ${mail}/html.c ${mail}/settings.c ${CMAKE_SOURCE_DIR}/plugins/notifier-alertmanager/alerts.c)
target_link_libraries(fuzz_mail PRIVATE plugin_common)
