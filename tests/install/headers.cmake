# Every installed header compiles alone, from the installed tree: none includes one that was left
# behind.
include(${CMAKE_CURRENT_LIST_DIR}/../support/run.cmake)

file(GLOB_RECURSE headers RELATIVE ${STAGE}/include ${STAGE}/include/*.hpp)
set(lines "")
foreach(header ${headers})
  string(APPEND lines "#include \"${header}\"\n")
  file(WRITE ${WORK}/one.cpp "#include \"${header}\"\n")
  run("compiling ${header} alone" ${CXX} -std=c++20 -fsyntax-only -Wall -Wextra -Wconversion
      -Werror -isystem ${EIGEN} -I${STAGE}/include ${WORK}/one.cpp)
endforeach()
file(WRITE ${WORK}/all.cpp "${lines}int main() {}\n")
run("compiling all headers together" ${CXX} -std=c++20 -fsyntax-only -isystem ${EIGEN} -I${STAGE}/include
    ${WORK}/all.cpp)
