# The installed headers: none includes one that was left behind, and only those that are named for
# Eigen need it. lint.headers compiles each alone.
include(${CMAKE_CURRENT_LIST_DIR}/../support/run.cmake)

file(GLOB_RECURSE headers RELATIVE ${STAGE}/include ${STAGE}/include/*.hpp)
set(lines "")
set(without_eigen "")
foreach(header ${headers})
  string(APPEND lines "#include \"${header}\"\n")
  if(NOT header MATCHES "/eigen[^/]*$")
    string(APPEND without_eigen "#include \"${header}\"\n")
  endif()
endforeach()
file(WRITE ${WORK}/without_eigen.cpp "${without_eigen}int main() {}\n")
run("compiling all headers but Eigen's together" ${CXX} -std=c++20 -fsyntax-only -Wall -Wextra
    -Wconversion -Werror -I${STAGE}/include ${WORK}/without_eigen.cpp)
# Others' own headers do not stand what ours have to, and come before.
set(with_suspects "#include <bits/stdc++.h>\n#include <immintrin.h>\n#include <Eigen/Core>\n#include \"${CMAKE_CURRENT_LIST_DIR}/suspects.hpp\"\n${lines}")
file(WRITE ${WORK}/suspects.cpp "${with_suspects}int main() {}\n")
run("compiling all headers after the macros of others" ${CXX} -std=c++20 -fsyntax-only
    -isystem ${EIGEN} -I${STAGE}/include ${WORK}/suspects.cpp)
file(WRITE ${WORK}/all.cpp "${lines}int main() {}\n")
run("compiling all headers together" ${CXX} -std=c++20 -fsyntax-only -Wall -Wextra -Wconversion -Werror
    -isystem ${EIGEN} -I${STAGE}/include ${WORK}/all.cpp)
# A path that a header had before says so, and that alone.
foreach(header ${headers})
  string(FIND "${output}" "${header} is deprecated" note)
  string(REGEX REPLACE "^libnorm/metrics/([^/]+)$" "\\1" name ${header})
  file(GLOB moved ${STAGE}/include/libnorm/metrics/*/${name})
  if((moved AND note EQUAL -1) OR (NOT moved AND NOT note EQUAL -1))
    message(FATAL_ERROR "${header}: is also ${moved}\n${output}")
  endif()
endforeach()
