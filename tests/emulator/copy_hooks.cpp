// memcpy and its like, which compilers call without telling: GCC where a kernel does so itself, and
// Clang before 15 for structs too. The linker sends those calls here (--wrap), from all of the
// program; newer Clangs call these names of their own.

#include <cstddef>

#include "tests/emulator/hooks.hpp"

extern "C" {

void* __real_memcpy(void* to, const void* from, std::size_t bytes);
void* __real_memmove(void* to, const void* from, std::size_t bytes);
void* __real_memset(void* to, int value, std::size_t bytes);

void* __wrap_memcpy(void* to, const void* from, std::size_t bytes) {
  emulator::see_copy(to, from, bytes, __builtin_return_address(0));
  return __real_memcpy(to, from, bytes);
}
void* __wrap_memmove(void* to, const void* from, std::size_t bytes) {
  emulator::see_copy(to, from, bytes, __builtin_return_address(0));
  return __real_memmove(to, from, bytes);
}
void* __wrap_memset(void* to, int value, std::size_t bytes) {
  emulator::see_fill(to, bytes, __builtin_return_address(0));
  return __real_memset(to, value, bytes);
}

void* __tsan_memcpy(void* to, const void* from, std::size_t bytes) {
  emulator::see_copy(to, from, bytes, __builtin_return_address(0));
  return __real_memcpy(to, from, bytes);
}
void* __tsan_memmove(void* to, const void* from, std::size_t bytes) {
  emulator::see_copy(to, from, bytes, __builtin_return_address(0));
  return __real_memmove(to, from, bytes);
}
void* __tsan_memset(void* to, int value, std::size_t bytes) {
  emulator::see_fill(to, bytes, __builtin_return_address(0));
  return __real_memset(to, value, bytes);
}

}  // extern "C"
