# The examples, built from the installed tree as a reader would, and what they print.
include(${CMAKE_CURRENT_LIST_DIR}/../support/run.cmake)

file(REMOVE_RECURSE ${WORK})
run("configuring" ${CMAKE_COMMAND} -S ${EXAMPLES} -B ${WORK} -G ${GENERATOR}
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=${CXX}
    "-DCMAKE_CXX_FLAGS=${FLAGS} -Wall -Wextra -Wconversion -Werror"
    -DCMAKE_PREFIX_PATH=${STAGE} -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF)
run("building" ${CMAKE_COMMAND} --build ${WORK})

# expect(pattern name arguments...): the example prints something like it.
function(expect pattern name)
  run("${name}" ${WORK}/${name} ${ARGN})
  if(NOT output MATCHES "${pattern}")
    message(FATAL_ERROR "${name}: need `${pattern}`\n${output}")
  endif()
  message("${output}")
endfunction()

# As numpy.save writes [[1, 0], [0, 1], [1, 0], [0, 1]]: two directions, both alike.
set(header "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2), }")
set(row "\\x00\\x00\\x80\\x3f\\0\\0\\0\\0" "\\0\\0\\0\\0\\x00\\x00\\x80\\x3f")
list(JOIN row "" rows)
run("writing" bash -c "(printf '\\x93NUMPY\\x01\\x00\\x76\\x00%-117s\\n' \"${header}\" &&
printf '${rows}${rows}') >${WORK}/rows.npy")
expect("effective_rank = 2 .*effective_rank = 1 " measure_activations ${WORK}/rows.npy)
expect("layernorm +loss 0\\.0[0-9]+ nats.*an affine part +loss [0-9.]+ nats" own_mechanism)
expect("loss 0.6931.*residual [^ ]+, converged" own_objective_sharpness)
