# The program of CONSUMER, which may need EIGEN, through pkg-config's PACKAGE and one call of the
# compiler. pkg-config's -I makes warnings in the headers count; those in Eigen's do not.
include(${CMAKE_CURRENT_LIST_DIR}/../support/run.cmake)

if(NOT PKG_CONFIG)
  message(FATAL_ERROR "could not check: pkg-config was missing when the tests were configured")
endif()
file(GLOB_RECURSE pc ${STAGE}/*/${PACKAGE}.pc)
get_filename_component(folder "${pc}" DIRECTORY)
set(with_path ${CMAKE_COMMAND} -E env "PKG_CONFIG_PATH=${folder}:$ENV{PKG_CONFIG_PATH}")
run("pkg-config" ${with_path} ${PKG_CONFIG} --cflags --libs ${PACKAGE})
separate_arguments(flags UNIX_COMMAND "${FLAGS} ${output}")

set(with_eigen "")
if(EIGEN)
  set(with_eigen -isystem ${EIGEN})
endif()
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
run("compiling" ${CXX} -std=c++20 -O1 -Wall -Wextra -Wconversion -Werror ${with_eigen}
    -o ${WORK}/consumer ${CONSUMER}/consumer.cpp ${flags})
run("running" ${CMAKE_COMMAND} -E chdir ${WORK} ${WORK}/consumer)
message("${output}")
