# Configures with each forbidden flag, and passes if CMake stops each time and names the flag.
foreach(flag -ffast-math -Ofast -funsafe-math-optimizations -ffinite-math-only -mdaz-ftz)
  file(REMOVE_RECURSE ${WORK})
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK} -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX}
            -DCMAKE_CXX_COMPILER_WORKS=ON -DCMAKE_CXX_FLAGS=${flag}
    OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE code)
  string(SUBSTRING ${flag} 0 8 start)
  string(FIND "${output}" "the flags allow other bits (${start}" place)
  if(code EQUAL 0 OR place EQUAL -1)
    message(FATAL_ERROR "${flag} was not refused (${code})\n${output}")
  endif()
endforeach()
