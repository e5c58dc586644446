# run(what command...): ends the test with the command's output unless it succeeds.
# Sets `output` to what it printed.
function(run what)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${what} failed (${code})\n${command}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()
