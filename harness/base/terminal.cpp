#include "harness/base/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace harness {
namespace {

constexpr int kColumns = 80;
constexpr std::string_view kClearToEnd = "\033[K";

std::string_view environment_text(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? "" : text;
}

}  // namespace

bool is_terminal(int descriptor) {
  const std::string_view kind = environment_text("TERM");
  return ::isatty(descriptor) == 1 && !kind.empty() && kind != "dumb";
}

int columns_of(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const std::string_view text = environment_text("COLUMNS");
  int columns = 0;
  std::from_chars(text.data(), text.data() + text.size(), columns);
  return columns > 0 ? columns : kColumns;
}

std::string_view cut_to(std::string_view text, int columns) {
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    const bool begins_character = (static_cast<unsigned char>(text[end]) & 0xC0) != 0x80;
    if (begins_character && columns-- <= 0) break;
  }
  return text.substr(0, end);
}

void show_line(std::ostream& out, int descriptor, std::string_view text) {
  const int columns = std::max(1, columns_of(descriptor) - 1);
  out << '\r' << cut_to(text, columns) << kClearToEnd << std::flush;
}

void clear_line(std::ostream& out) { out << '\r' << kClearToEnd << std::flush; }

}  // namespace harness
