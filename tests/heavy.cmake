# Heavy tests take long and add little to what the others tell, or need what nothing else needs. They
# are listed as disabled unless their label is asked for:
#   scripts/test --everything, or scripts/test --label compilers
#   cmake --preset release "-DLIBNORM_HEAVY_TESTS=compilers;sanitized"
set(LIBNORM_HEAVY_TESTS "" CACHE STRING "Labels of the heavy tests to run; others are disabled")

# mark_heavy(label reason tests...): behind all that sets these tests' properties. What a label takes
# of packages and time is said in scripts/common.sh.
function(mark_heavy label reason)
  set_property(GLOBAL APPEND PROPERTY libnorm_heavy_labels ${label})
  foreach(test ${ARGN})
    get_test_property(${test} LABELS labels)
    if(NOT label IN_LIST labels)
      set_property(TEST ${test} APPEND PROPERTY LABELS ${label})
    endif()
  endforeach()
  if(NOT label IN_LIST LIBNORM_HEAVY_TESTS)
    set_tests_properties(${ARGN} PROPERTIES DISABLED TRUE)
    list(JOIN ARGN ", " names)
    message(STATUS "Heavy tests left out (${label}): ${names}: ${reason}")
  endif()
endfunction()

# Where all tests are known: a label that marks none was mistyped, and nothing would be run for it.
function(check_heavy_labels)
  get_property(known GLOBAL PROPERTY libnorm_heavy_labels)
  list(REMOVE_DUPLICATES known)
  foreach(label ${LIBNORM_HEAVY_TESTS})
    if(NOT label IN_LIST known)
      list(JOIN known ", " names)
      message(FATAL_ERROR "LIBNORM_HEAVY_TESTS: no heavy test has this label (${label}); "
                          "there are: ${names}")
    endif()
  endforeach()
endfunction()
