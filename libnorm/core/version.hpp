#pragma once

#include <compare>
#include <string_view>

/// The library.
namespace libnorm {

/// A version; `<` and its like compare the numbers from left to right.
struct Version {
  /// The numbers of `major.minor.patch`.
  /// @{
  int major = 0;
  int minor = 0;
  int patch = 0;
  /// @}

  /// The first numbers that differ decide.
  friend constexpr auto operator<=>(const Version&, const Version&) = default;
};

/// The version of these headers, and of the library that was installed with them:
///   static_assert(libnorm::kVersion >= libnorm::Version{0, 1});
/// Before 1.0, an interface may change where `minor` does, and bits may change with it.
inline constexpr Version kVersion{0, 1, 0};

/// The same as text, `0.1.0`.
inline constexpr std::string_view kVersionText = "0.1.0";

}  // namespace libnorm
