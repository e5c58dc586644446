# Builds TARGETS by PRESET and runs TESTS, with those that show that its sanitizers are awake.
include(${CMAKE_CURRENT_LIST_DIR}/../support/run.cmake)

# GCC 12's and Clang 14's ThreadSanitizer cannot start where the kernel spreads addresses widely.
find_program(SETARCH setarch)
set(quiet)
if(SETARCH)
  execute_process(COMMAND ${SETARCH} -R true RESULT_VARIABLE code OUTPUT_QUIET ERROR_QUIET)
  if(code EQUAL 0)
    set(quiet ${SETARCH} -R)
  endif()
endif()

run("configuring" ${CMAKE_COMMAND} -S ${SOURCE} --preset ${PRESET} -DCMAKE_CXX_COMPILER=${CXX}
    -DLIBNORM_HEAVY_TESTS=)
run("building" ${quiet} ${CMAKE_COMMAND} --build ${SOURCE}/build/${PRESET} --parallel 2
    --target planted ${TARGETS})
run("testing" ${CMAKE_COMMAND} -E chdir ${SOURCE} ${quiet} ${CMAKE_CTEST_COMMAND} --preset ${PRESET}
    --no-tests=error -R "^(sanitizer\\..*|${TESTS})$")
message("${output}")
