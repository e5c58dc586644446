# Heavy tests take long and find little that the others do not, or need what nothing else needs. They
# are listed as disabled unless you ask for their label:
#   scripts/test --everything, or scripts/test --label compilers
#   cmake --preset release "-DLIBNORM_HEAVY_TESTS=compilers;sanitized"
set(LIBNORM_HEAVY_TESTS "" CACHE STRING "Labels of the heavy tests to run; others are disabled")

# mark_heavy(label reason tests...): call it after everything that sets these tests' properties.
# scripts/common.sh has the packages and the time of each label.
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

# Call it when all tests are known: a label that marks none was mistyped.
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
