#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "libnorm/core/rng.hpp"
#include "libnorm/core/tensor.hpp"
#include "libnorm/data/npy.hpp"
#include "tests/cli/process.hpp"

namespace cli {

/// Normal numbers, others in each stream.
inline std::vector<float> normals(libnorm::Index count, std::uint32_t stream) {
  const libnorm::Random random(7, libnorm::Purpose::test, stream);
  std::vector<float> numbers;
  for (libnorm::Index i = 0; i < count; ++i)
    numbers.push_back(float(random.normal(std::uint64_t(i))));
  return numbers;
}

/// `norm-harness measure` in a folder with a.npy, 6,000 rows of 6 channels.
class Measure : public testing::Test {
 protected:
  Measure() { libnorm::write_npy(scratch_ / "a.npy", rows()); }

  libnorm::MatrixView<const float> rows() const {
    return libnorm::MatrixView<const float>(numbers_.data(), 6000, 6);
  }
  Outcome measure(const std::string& arguments) const {
    return run(scratch_.path(), "measure " + arguments);
  }

  Scratch scratch_;
  std::vector<float> numbers_ = normals(6000 * 6, 1);
};

}  // namespace cli
