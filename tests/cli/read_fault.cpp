// Preloaded into a program: whatever has "faulty" in its path gives one byte, and then fails as a
// broken disk does.
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

namespace {

bool is_faulty(int file) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const ssize_t size = readlink(link.c_str(), path, sizeof path);
  return size > 0 && std::string_view(path, std::size_t(size)).find("faulty") != std::string::npos;
}

/// How many bytes may be read now; -1 for a failure.
ssize_t allowed(int file, std::size_t size) {
  static int calls = 0;
  if (!is_faulty(file)) return ssize_t(size);
  if (calls++ == 0) return ssize_t(std::min<std::size_t>(size, 1));
  errno = EIO;
  return -1;
}

}  // namespace

extern "C" ssize_t read(int file, void* into, size_t size) {
  static const auto next = reinterpret_cast<decltype(&read)>(dlsym(RTLD_NEXT, "read"));
  const ssize_t most = allowed(file, size);
  return most < 0 ? most : next(file, into, std::size_t(most));
}

extern "C" ssize_t pread(int file, void* into, size_t size, off_t offset) {
  static const auto next = reinterpret_cast<decltype(&pread)>(dlsym(RTLD_NEXT, "pread"));
  const ssize_t most = allowed(file, size);
  return most < 0 ? most : next(file, into, std::size_t(most), offset);
}

extern "C" ssize_t pread64(int file, void* into, size_t size, off_t offset) {
  return pread(file, into, size, offset);
}
