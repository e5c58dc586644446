# Every installed header compiles alone, from the installed tree: none includes one that was left
# behind. Only those that are named for Eigen need it.
include(${CMAKE_CURRENT_LIST_DIR}/../support/run.cmake)

file(GLOB_RECURSE headers RELATIVE ${STAGE}/include ${STAGE}/include/*.hpp)
set(lines "")
foreach(header ${headers})
  string(APPEND lines "#include \"${header}\"\n")
  set(with_eigen "")
  if(header MATCHES "/eigen[^/]*$")
    set(with_eigen -isystem ${EIGEN})
  endif()
  file(WRITE ${WORK}/one.cpp "#include \"${header}\"\n")
  run("compiling ${header} alone" ${CXX} -std=c++20 -fsyntax-only -Wall -Wextra -Wconversion
      -Werror ${with_eigen} -I${STAGE}/include ${WORK}/one.cpp)
  # A path that a header had before says so, and that alone.
  string(FIND "${output}" "${header} is deprecated" note)
  string(REGEX REPLACE "^libnorm/metrics/([^/]+)$" "\\1" name ${header})
  file(GLOB moved ${STAGE}/include/libnorm/metrics/*/${name})
  if((moved AND note EQUAL -1) OR (NOT moved AND NOT note EQUAL -1))
    message(FATAL_ERROR "${header}: is also ${moved}\n${output}")
  endif()
endforeach()
# Others' own headers do not stand what ours have to, and come before.
set(with_suspects "#include <bits/stdc++.h>\n#include <immintrin.h>\n#include <Eigen/Core>\n#include \"${CMAKE_CURRENT_LIST_DIR}/suspects.hpp\"\n${lines}")
file(WRITE ${WORK}/suspects.cpp "${with_suspects}int main() {}\n")
run("compiling all headers after the macros of others" ${CXX} -std=c++20 -fsyntax-only
    -isystem ${EIGEN} -I${STAGE}/include ${WORK}/suspects.cpp)
file(WRITE ${WORK}/all.cpp "${lines}int main() {}\n")
run("compiling all headers together" ${CXX} -std=c++20 -fsyntax-only -isystem ${EIGEN} -I${STAGE}/include
    ${WORK}/all.cpp)
