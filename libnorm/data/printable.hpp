#pragma once

#include <string>
#include <string_view>

namespace libnorm {

/// Untrusted text made safe to show: one line that a terminal or page only draws. U+FFFD replaces
/// every character with another effect (categories Cc and Cf: escapes, line ends, changes of
/// direction; Zl and Zp) and every byte that is not UTF-8. Everything else stays unchanged.
std::string printable(std::string_view text);

}  // namespace libnorm
