# Inspects the kernels' assembly: arithmetic that is rounded as IEEE has it, and nothing else. With
# .rn no later stage may contract a product and a sum; an fma stands there because it was written.
#   cmake -DNVCC=... -DROOT=... -DWORK=... [-DKERNELS=a.cu;b.cu] -P inspect.cmake
file(MAKE_DIRECTORY ${WORK})
set(found 0)
set(wrong "")
foreach(kernel ${KERNELS})
  get_filename_component(name ${kernel} NAME_WE)
  set(flags "")
  if(NOT PLANTED)
    set(flags --fmad=false)
  endif()
  execute_process(
    COMMAND ${NVCC} -std=c++20 -arch=compute_90 -ptx --expt-relaxed-constexpr ${flags}
            -diag-suppress 554 -DLIBNORM_CUDA -DLIBNORM_CUDA_KERNELS -I${ROOT} ${kernel}
            -o ${WORK}/${name}.ptx
    RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "nvcc does not compile ${kernel}\n${out}")
  endif()
  file(STRINGS ${WORK}/${name}.ptx lines REGEX "^[ \t]+(@[^ ]+ )?[a-z0-9_.]+\\.f(32|64)")
  foreach(line ${lines})
    string(REGEX MATCH "[a-z][a-z0-9_]*(\\.[a-z0-9_]+)+" instruction "${line}")
    math(EXPR found "${found} + 1")
    if(instruction MATCHES "approx|ftz|^(ex2|lg2|sin|cos|tanh|rsqrt|mad)\\."
       OR (instruction MATCHES "^(add|sub|mul|fma|div|rcp|sqrt)\\." AND
           NOT instruction MATCHES "^(add|sub|mul|fma|div|rcp|sqrt)\\.rn\\.f(32|64)$"))
      list(APPEND wrong "${name}: ${instruction}")
    endif()
  endforeach()
endforeach()
if(found EQUAL 0)
  message(FATAL_ERROR "no arithmetic was found in ${KERNELS}; need instructions to inspect")
endif()
list(REMOVE_DUPLICATES wrong)
if(wrong)
  message(FATAL_ERROR "instructions that are not IEEE's, or may be contracted: ${wrong}")
endif()
message(STATUS "${found} instructions on float and double, all rounded to nearest")
