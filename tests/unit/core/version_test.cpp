#include "libnorm/core/version.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using libnorm::kVersion;
using libnorm::Version;

TEST(Version, IsTheProjects) {
  EXPECT_EQ(libnorm::kVersionText, PROJECT_VERSION);
  EXPECT_EQ(std::to_string(kVersion.major) + "." + std::to_string(kVersion.minor) + "." +
                std::to_string(kVersion.patch),
            PROJECT_VERSION);
}

TEST(Version, IsOrderedFromLeftToRight) {
  static_assert(Version{0, 1} == Version{0, 1, 0});
  static_assert(Version{0, 2} > Version{0, 1, 9});
  static_assert(Version{1} > Version{0, 9, 9});
  static_assert(Version{1, 0, 1} > Version{1});
  static_assert(kVersion > Version{});
}

}  // namespace
