# README has the table that `verify --markdown` prints, between two marks.
cmake_policy(VERSION 3.22)
execute_process(COMMAND ${HARNESS} verify --results golden --golden ${GOLDEN} --markdown
                OUTPUT_VARIABLE printed RESULT_VARIABLE code)
if(NOT code EQUAL 0 OR printed STREQUAL "")
  message(FATAL_ERROR "norm-harness verify --markdown: exit code ${code}; need 0, and a table")
endif()
file(READ ${DOCUMENT} document)
string(FIND "${document}" "<!-- verdicts -->\n${printed}<!-- end of verdicts -->\n" at)
if(at EQUAL -1)
  message(FATAL_ERROR "${DOCUMENT}: its table of results is not what golden says; put what\n"
                      "  norm-harness verify --results golden --markdown\nprints between its marks")
endif()
