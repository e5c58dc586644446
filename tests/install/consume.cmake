# Configures, builds and runs PROJECT against the installed tree.
include(${CMAKE_CURRENT_LIST_DIR}/../support/run.cmake)

file(REMOVE_RECURSE ${WORK})
run("configuring" ${CMAKE_COMMAND} -S ${PROJECT} -B ${WORK} -G ${GENERATOR}
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=${CXX} "-DCMAKE_CXX_FLAGS=${FLAGS}"
    -DCMAKE_PREFIX_PATH=${STAGE} -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF)
file(STRINGS ${WORK}/CMakeCache.txt found REGEX "^libnorm_DIR:")
string(FIND "${found}" "${STAGE}/" place)
if(place EQUAL -1)
  message(FATAL_ERROR "another libnorm was found (${found}); need the one in ${STAGE}")
endif()
run("building" ${CMAKE_COMMAND} --build ${WORK})
run("running" ${CMAKE_COMMAND} -E chdir ${WORK} ${WORK}/consumer)
message("${output}")
