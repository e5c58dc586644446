#pragma once

#include <string>
#include <string_view>

namespace libnorm {

/// A stranger's text as it may be shown: on one line, and without effect on what shows it. U+FFFD
/// stands for every character that a terminal or a page would act on instead of drawing it (the
/// categories Cc and Cf: escapes, line ends, changes of direction; Zl and Zp), and for every byte
/// that is no UTF-8. All else stays as it is.
std::string printable(std::string_view text);

}  // namespace libnorm
