# The project that README shows, made from README's own words: its `cmake` block is CMakeLists.txt,
# its `cpp` block consumer.cpp.
file(READ ${SOURCE}/README.md readme)

function(extract language file)
  string(FIND "${readme}" "```${language}\n" first)
  if(first EQUAL -1)
    message(FATAL_ERROR "README.md has no ```${language} block")
  endif()
  string(LENGTH "```${language}\n" fence)
  math(EXPR first "${first} + ${fence}")
  string(SUBSTRING "${readme}" ${first} -1 rest)
  string(FIND "${rest}" "```" length)
  string(SUBSTRING "${rest}" 0 ${length} block)
  file(WRITE ${WORK}-source/${file} "${block}")
endfunction()

file(REMOVE_RECURSE ${WORK}-source)
extract(cmake CMakeLists.txt)
extract(cpp consumer.cpp)
set(PROJECT ${WORK}-source)
include(${CMAKE_CURRENT_LIST_DIR}/consume.cmake)
