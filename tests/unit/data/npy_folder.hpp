#pragma once

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "libnorm/data/npy.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

namespace libnorm::test {

/// A folder for one .npy file of any content.
class NpyFolder : public testing::Test {
 protected:
  std::filesystem::path path() const { return folder_.path() / "some.npy"; }
  NpyFile open(const std::string& content) const {
    harness::scribble(path(), content);
    return NpyFile(path());
  }

 private:
  harness::ScratchFolder folder_;
};

}  // namespace libnorm::test
