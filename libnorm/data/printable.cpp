#include "libnorm/data/printable.hpp"

#include <utf8proc.h>

namespace libnorm {
namespace {

bool is_acted_on(utf8proc_int32_t c) {
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return true;
    default: return false;
  }
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t size = 0; !text.empty(); text.remove_prefix(size)) {
    utf8proc_int32_t c = 0;
    const auto taken = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                        utf8proc_ssize_t(text.size()), &c);
    size = taken < 1 ? 1 : std::size_t(taken);
    if (taken < 1 || is_acted_on(c)) {
      result += "\xEF\xBF\xBD";
    } else {
      result += text.substr(0, size);
    }
  }
  return result;
}

}  // namespace libnorm
