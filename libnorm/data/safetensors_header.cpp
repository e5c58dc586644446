#include "libnorm/data/safetensors_header.hpp"

#include <utf8proc.h>

namespace libnorm {

std::size_t utf8_end(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    utf8proc_int32_t ignored = 0;
    const auto taken = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                                        utf8proc_ssize_t(text.size() - at), &ignored);
    if (taken < 1) break;
    at += std::size_t(taken);
  }
  return at;
}

}  // namespace libnorm
