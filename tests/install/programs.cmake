# Programs by other compilers, at other levels and for other instruction sets than the library's:
#   own_eigen: one with Eigen of its own runs, and its results are right;
#   own_flags: functions of the headers have the same bits whatever the flags; what a program makes
#              of their numbers has so with pkg-config's.
include(${CMAKE_CURRENT_LIST_DIR}/../support/run.cmake)

if(NOT PKG_CONFIG)
  message(FATAL_ERROR "could not check: pkg-config was missing when the tests were configured")
endif()
if(NOT CLANGXX)
  message(FATAL_ERROR "no Clang was found (clang++); need one, as Debian's package clang has it")
endif()
file(GLOB_RECURSE pc ${STAGE}/*/libnorm-metrics.pc)
get_filename_component(folder "${pc}" DIRECTORY)
run("pkg-config" ${CMAKE_COMMAND} -E env "PKG_CONFIG_PATH=${folder}:$ENV{PKG_CONFIG_PATH}"
    ${PKG_CONFIG} --cflags --libs libnorm-metrics)
separate_arguments(package UNIX_COMMAND "${output}")
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})

# build(program compiler flags...): sets `printed`.
function(build program compiler)
  run("compiling with ${compiler} ${ARGN}" ${compiler} -std=c++20 ${ARGN} -isystem ${EIGEN}
      -o ${WORK}/program ${CMAKE_CURRENT_LIST_DIR}/${program}/program.cpp ${package})
  run("${program} by ${compiler} ${ARGN}" ${WORK}/program)
  set(printed "${output}" PARENT_SCOPE)
endfunction()

# Sets that this machine can run, if the compiler knows them.
set(sets -march=native)
file(WRITE ${WORK}/has.cpp
     "int main(int count, char**) {\n"
     "  return (count == 1 ? __builtin_cpu_supports(\"avx\") : __builtin_cpu_supports(\"avx512f\")) ? 0 : 1;\n"
     "}\n")
execute_process(COMMAND ${CXX} -o ${WORK}/has ${WORK}/has.cpp RESULT_VARIABLE code ERROR_QUIET)
if(code EQUAL 0)
  execute_process(COMMAND ${WORK}/has RESULT_VARIABLE avx)
  execute_process(COMMAND ${WORK}/has 512 RESULT_VARIABLE avx512)
  if(avx EQUAL 0)
    list(APPEND sets -mavx)
  endif()
  if(avx512 EQUAL 0)
    list(APPEND sets -mavx512f)
  endif()
endif()

if(PROGRAM STREQUAL own_eigen)
  # Each compiler at each level; sets in turn, as Eigen takes half a minute each time.
  set(turn 0)
  foreach(compiler ${CXX} ${CLANGXX})
    foreach(level -O0 -O2)
      list(LENGTH sets count)
      math(EXPR place "${turn} % ${count}")
      list(GET sets ${place} set)
      build(own_eigen ${compiler} ${level} ${set})
      math(EXPR turn "${turn} + 1")
    endforeach()
  endforeach()
else()
  set(with_flag ${package})
  build(own_flags ${CXX} -O2)
  set(want "${printed}")
  string(REGEX MATCH "functions [0-9a-f]+" functions "${want}")
  if(NOT functions)
    message(FATAL_ERROR "no hash was printed: ${want}")
  endif()
  foreach(compiler ${CXX} ${CLANGXX})
    foreach(flags "-O2 -march=native" "-O0 -march=native" "-O3 -march=native")
      separate_arguments(flags)
      set(package ${with_flag})
      build(own_flags ${compiler} ${flags})
      if(NOT printed STREQUAL want)
        message(FATAL_ERROR "${compiler} ${flags}: ${printed}need\n${want}")
      endif()
      # A program that asks nobody for flags, and one that wants its own sums fused.
      set(package -I${STAGE}/include -ffp-contract=fast)
      build(own_flags ${compiler} ${flags})
      if(NOT printed MATCHES "${functions}")
        message(FATAL_ERROR "${compiler} ${flags} -ffp-contract=fast: ${printed}need\n${functions}")
      endif()
    endforeach()
  endforeach()
endif()
