// What code calls that is compiled with -fsanitize=alignment, where an address is no multiple of
// what the type needs. The structures are those of UndefinedBehaviorSanitizer.

#include <cstdint>
#include <string>

#include "tests/emulator/block.hpp"

namespace emulator {
namespace {

struct SourceLocation {
  const char* file;
  std::uint32_t line, column;
};
struct TypeDescriptor {
  std::uint16_t kind, info;
  char name[1];
};
struct TypeMismatch {
  SourceLocation location;
  const TypeDescriptor* type;
  unsigned char log_alignment;
  unsigned char check;
};
struct AlignmentAssumption {
  SourceLocation location, assumption;
  const TypeDescriptor* type;
};

void fail_misaligned(const SourceLocation& location, const TypeDescriptor& type,
                     std::uintptr_t address, std::uintptr_t alignment) {
  if (inside == nullptr) return;
  Lane& lane = *inside;
  inside = nullptr;
  fail(lane, Violation::Kind::misaligned,
       std::string("uses ") + static_cast<const char*>(type.name) + " at " +
           place_name(*lane.block, address) + "; need a multiple of " + std::to_string(alignment) +
           " [" + location.file + ":" + std::to_string(location.line) + "]");
}

}  // namespace
}  // namespace emulator

extern "C" {

void __ubsan_handle_type_mismatch_v1(emulator::TypeMismatch* data, std::uintptr_t address) {
  emulator::fail_misaligned(data->location, *data->type, address,
                            std::uintptr_t(1) << data->log_alignment);
}
void __ubsan_handle_alignment_assumption(emulator::AlignmentAssumption* data,
                                         std::uintptr_t address, std::uintptr_t alignment,
                                         std::uintptr_t offset) {
  emulator::fail_misaligned(data->location, *data->type, address - offset, alignment);
}

}  // extern "C"
