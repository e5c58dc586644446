# Writes OUTPUT, a source that holds the bytes of FILES.
cmake_policy(VERSION 3.22)
set(arrays "")
set(entries "")
set(count 0)
foreach(file ${FILES})
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
  get_filename_component(name ${file} NAME)
  if(NOT name MATCHES "^[a-z0-9_.]+$")
    message(FATAL_ERROR "${name}: not a name for a file of claims; need a-z, 0-9, _ and .")
  endif()
  string(APPEND arrays "constexpr char kText${count}[] = {${bytes}'\\0'};\n")
  string(APPEND entries "      {\"${name}\", {kText${count}, sizeof kText${count} - 1}},\n")
  math(EXPR count "${count} + 1")
endforeach()
file(WRITE ${OUTPUT} "#include \"harness/claims/claim_texts.hpp\"

namespace harness {
namespace {

${arrays}
}  // namespace

std::vector<ClaimText> claim_texts() {
  return {
${entries}  };
}

}  // namespace harness
")
