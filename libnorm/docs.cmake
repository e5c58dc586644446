# Runs Doxygen, and fails on its warnings. One kind of them is none here: a member, an operator, or
# a function of libnorm::math may be told of in the comment on its class or its neighbour.
file(REMOVE_RECURSE ${FOLDER})
file(MAKE_DIRECTORY ${FOLDER})
execute_process(COMMAND ${DOXYGEN} ${DOXYFILE} RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "docs: Doxygen failed (${code})")
endif()
file(STRINGS ${FOLDER}/warnings warnings)
list(FILTER warnings EXCLUDE REGEX
     "Member (operator.*|.* of (class|struct|namespace libnorm::math)( .*)?) is not documented")
if(warnings)
  list(LENGTH warnings count)
  list(JOIN warnings "\n" text)
  message(FATAL_ERROR "docs: ${count} lines of warnings\n${text}")
endif()
message(STATUS "docs: ${FOLDER}/html/index.html")
