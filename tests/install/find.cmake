# What find_package answers: to versions, as before 1.0 a minor one may change an interface; to
# components; and where what libnorm needs is missing.
include(${CMAKE_CURRENT_LIST_DIR}/../support/run.cmake)

# find(arguments expected): configures a project that says find_package(libnorm arguments). An
# `expected` that is not empty is a part of the error.
function(find arguments expected)
  file(REMOVE_RECURSE ${WORK})
  file(WRITE ${WORK}/CMakeLists.txt "cmake_minimum_required(VERSION 3.22)\nproject(find NONE)\n"
       "find_package(libnorm ${arguments})\nmessage(STATUS \"found \${libnorm_VERSION}\")\n"
       "foreach(name libnorm metrics)\n  if(TARGET libnorm::\${name})\n"
       "    message(STATUS \"target \${name}\")\n  endif()\nendforeach()\n")
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${WORK} -B ${WORK}/build -G ${GENERATOR}
                          -DCMAKE_PREFIX_PATH=${STAGE} -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF
                          -DCMAKE_LIBRARY_ARCHITECTURE=${ARCHITECTURE}
                  OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE code)
  string(REGEX REPLACE "[ \n]+" " " words "${output}")
  string(FIND "${words}" "${expected}" place)
  if(place EQUAL -1 OR (code EQUAL 0 AND words MATCHES "CMake Error"))
    message(FATAL_ERROR "find_package(libnorm ${arguments}): need `${expected}`\n${output}")
  endif()
  message(STATUS "find_package(libnorm ${arguments}): ${expected}")
endfunction()

string(REPLACE "." ";" numbers ${VERSION})
list(GET numbers 0 major)
list(GET numbers 1 minor)
list(GET numbers 2 patch)
math(EXPR next_major "${major} + 1")
math(EXPR next_minor "${minor} + 1")
math(EXPR next_patch "${patch} + 1")

find("REQUIRED" "found ${VERSION} -- target libnorm -- target metrics")
find("${major}.${minor} REQUIRED" "found ${VERSION} ")
find("${VERSION} EXACT REQUIRED" "found ${VERSION} ")
set(refused "requested version")
find("${next_major}.${minor} REQUIRED" "${refused}")
find("${major}.${next_minor} REQUIRED" "${refused}")
find("${major}.${minor}.${next_patch} REQUIRED" "${refused}")
if(minor GREATER 0)
  math(EXPR last_minor "${minor} - 1")
  find("${major}.${last_minor} REQUIRED" "${refused}")
endif()

find("REQUIRED COMPONENTS metrics" "found ${VERSION} -- target metrics")
find("REQUIRED COMPONENTS libnorm" "target libnorm -- target metrics")
find("REQUIRED COMPONENTS libnorm metrics" "target libnorm -- target metrics")
find("REQUIRED COMPONENTS sharpness"
     "libnorm: there is no such component (sharpness); need libnorm or metrics")
find("REQUIRED COMPONENTS metrics OPTIONAL_COMPONENTS sharpness" "found ${VERSION} -- target metrics")

# find_without(dependency environment options...): a dependency is hidden. Who asks QUIETly goes on,
# and reads which it is; who says REQUIRED gets an error with its name.
function(find_without dependency environment)
  foreach(kind QUIET REQUIRED)
    file(REMOVE_RECURSE ${WORK})
    file(WRITE ${WORK}/CMakeLists.txt "cmake_minimum_required(VERSION 3.22)\nproject(find NONE)\n"
         "find_package(libnorm ${kind})\nif(libnorm_FOUND)\n  message(STATUS \"was found\")\n"
         "endif()\nmessage(STATUS \"went on: \${libnorm_NOT_FOUND_MESSAGE}\")\n")
    execute_process(COMMAND ${CMAKE_COMMAND} -E env ${environment} ${CMAKE_COMMAND} -S ${WORK}
                            -B ${WORK}/build -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${STAGE}
                            -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF
                            -DCMAKE_LIBRARY_ARCHITECTURE=${ARCHITECTURE} ${ARGN}
                    OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE code)
    if(kind STREQUAL QUIET)
      set(expected "went on: [^\n]*${dependency}")
    else()
      set(expected "CMake Error.*${dependency}")
    endif()
    if(NOT output MATCHES "${expected}" OR (kind STREQUAL QUIET AND output MATCHES "was found") OR
       (kind STREQUAL QUIET AND NOT code EQUAL 0) OR (kind STREQUAL REQUIRED AND code EQUAL 0))
      message(FATAL_ERROR "find_package(libnorm ${kind}) without ${dependency}: need `${expected}` "
                          "(${code})\n${output}")
    endif()
    message(STATUS "find_package(libnorm ${kind}) without ${dependency}: says so")
  endforeach()
endfunction()

find_without(TBB "LIBNORM=" -DCMAKE_DISABLE_FIND_PACKAGE_TBB=ON)
find_without(PkgConfig "LIBNORM=" -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON)
find_without(libutf8proc "PKG_CONFIG_LIBDIR=${WORK}")
