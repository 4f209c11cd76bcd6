target_sources(test_corpus_compare PRIVATE ${CMAKE_SOURCE_DIR}/tests/corpus/compare.c)
target_include_directories(test_corpus_compare PRIVATE ${CMAKE_SOURCE_DIR}/tests/corpus)
