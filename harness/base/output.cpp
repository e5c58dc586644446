#include "harness/base/output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

namespace harness {
namespace {

/// The reason of the first failure to write standard output, if it is known.
int first_reason = 0;

}  // namespace

bool open_missing_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0) continue;
    // Opened the wrong way round, so that using it is still an error. The lowest number is free.
    const int way = stream == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    if (::open("/dev/null", way) != stream) return false;
  }
  return true;
}

std::string size_text(std::uintmax_t bytes) {
  return bytes < 100'000 ? fmt::format("{:.1f} kB", double(bytes) * 1e-3)
                         : fmt::format("{:.1f} MB", double(bytes) * 1e-6);
}

void print_text(std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (!written && first_reason == 0) first_reason = errno;
}

bool can_print() { return std::ferror(stdout) == 0; }

void complain_text(std::string_view who, std::string_view text) noexcept {
  std::fprintf(stderr, "%.*s%.*s\n", int(who.size()), who.data(), int(text.size()), text.data());
}

bool finish_output() noexcept {
  const bool failed_before = !can_print() || !std::cout;
  bool written = std::fflush(stdout) == 0 && !failed_before;
  // Some file systems report a failure only when closing.
  if (written) written = ::close(STDOUT_FILENO) == 0;
  if (written) return true;
  int reason = failed_before ? first_reason : errno;
  // Streams forget it. What is printed is not whole anyway, so that one line end more does no harm.
  if (reason == 0 && ::write(STDOUT_FILENO, "\n", 1) < 0) reason = errno;
  // A reader that closed the pipe knows already.
  if (reason == EPIPE) return false;
  std::fprintf(stderr,
               "norm-harness: cannot write the output%s%s%s; need a standard output that is "
               "open and has room\n",
               reason == 0 ? "" : " (", reason == 0 ? "" : std::strerror(reason),
               reason == 0 ? "" : ")");
  return false;
}

}  // namespace harness
