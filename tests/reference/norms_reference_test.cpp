#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "libnorm/norms/norm.hpp"
#include "tests/reference/reference_file.hpp"
#include "tests/support/compare.hpp"
#include "tests/tolerances.hpp"

namespace libnorm::test {
namespace {

using Json = nlohmann::json;

template <class T>
class NormsReference : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(NormsReference, Numbers);

/// One case through a norm: the arrays that a forward and a backward pass read and write.
template <class T>
struct Run {
  Index rows, cols;
  std::vector<T> x, y, z, scale, gain, bias, running_mean, running_variance, d_y, d_x, d_gain,
      d_bias;

  explicit Run(const Json& in)
      : rows(extent(in, "x", 0)),
        cols(extent(in, "x", 1)),
        x(numbers<T>(in, "x")),
        y(x.size(), T(NAN)),
        z(x.size(), T(NAN)),
        scale(std::size_t(rows + 4 * cols), T(NAN)),
        d_y(numbers<T>(in, "grad.y")),
        d_x(x.size(), T(NAN)),
        d_gain(std::size_t(cols), T(NAN)),
        d_bias(std::size_t(cols), T(NAN)) {
    if (in.contains("gain")) {
      gain = numbers<T>(in, "gain");
      bias = numbers<T>(in, "bias");
    }
    if (in.contains("running_mean")) {
      running_mean = numbers<T>(in, "running_mean");
      running_variance = numbers<T>(in, "running_var");
    }
  }

  NormArrays<T> arrays() {
    NormArrays<T> a;
    a.input = {x.data(), rows, cols};
    a.positions = rows;
    a.gain = gain.empty() ? nullptr : gain.data();
    a.bias = bias.empty() ? nullptr : bias.data();
    a.output = {y.data(), rows, cols};
    a.stabilized = gain.empty() ? a.output : MatrixView<T>(z.data(), rows, cols);
    a.scale = scale.data();
    a.running_mean = running_mean.data();
    a.running_variance = running_variance.data();
    return a;
  }

  void train(const Norm& norm) {
    norm_forward(norm, Phase::training, arrays());
    norm_backward<T>(
        norm, arrays(), {d_y.data(), rows, cols}, {d_x.data(), rows, cols},
        {gain.empty() ? nullptr : d_gain.data(), gain.empty() ? nullptr : d_bias.data()});
  }
};

/// Columns as rows.
template <class T>
std::vector<T> transpose(const std::vector<T>& m, Index cols) {
  const Index rows = Index(m.size()) / cols;
  std::vector<T> t;
  for (Index c = 0; c < cols; ++c) {
    for (Index r = 0; r < rows; ++r) t.push_back(m[std::size_t(r * cols + c)]);
  }
  return t;
}

TYPED_TEST(NormsReference, Layernorm) {
  using T = TypeParam;
  const ReferenceFile file("layernorm");
  for (const Json& c : file.cases()) {
    const std::string name = c.at("name");
    SCOPED_TRACE(name);
    Run<T> run(c.at("inputs"));
    run.train({StandardizeRows{c.at("settings").at("epsilon")}, Affine::gain_and_bias});
    const Json& out = c.at("outputs");
    // A mean of 64 beside a deviation of 1 costs 6 bits.
    const double few = tolerance<T>(kNorm) * (name.rfind("offset", 0) == 0 ? 64 : 1);
    EXPECT_TRUE(close_rows("y", numbers<double>(out, "y"), run.y, run.cols, few));
    EXPECT_TRUE(close_rows("grad.x", numbers<double>(out, "grad.x"), run.d_x, run.cols, few));
    EXPECT_TRUE(close("grad.gain", numbers<double>(out, "grad.gain"), run.d_gain, few));
    EXPECT_TRUE(close("grad.bias", numbers<double>(out, "grad.bias"), run.d_bias, few));
  }
}

TYPED_TEST(NormsReference, L2Normalize) {
  using T = TypeParam;
  const ReferenceFile file("l2_normalize");
  for (const Json& c : file.cases()) {
    SCOPED_TRACE(c.at("name").get<std::string>());
    Run<T> run(c.at("inputs"));
    const auto radius =
        c.at("settings").at("radius") == 1.0 ? Sphere::Radius::one : Sphere::Radius::sqrt_channels;
    run.train({Sphere{radius, c.at("settings").at("floor")}, Affine::none});
    const double few = tolerance<T>(kNorm);
    const Json& out = c.at("outputs");
    EXPECT_TRUE(close_rows("y", numbers<double>(out, "y"), run.y, run.cols, few));
    EXPECT_TRUE(close_rows("grad.x", numbers<double>(out, "grad.x"), run.d_x, run.cols, few));
  }
}

/// The library has no backward pass of the evaluation mode; grad.x_eval is not compared.
TYPED_TEST(NormsReference, Batchnorm) {
  using T = TypeParam;
  const ReferenceFile file("batchnorm");
  for (const Json& c : file.cases()) {
    SCOPED_TRACE(c.at("name").get<std::string>());
    Run<T> run(c.at("inputs"));
    const Json &settings = c.at("settings"), &out = c.at("outputs");
    const Norm norm{StandardizeColumns{settings.at("epsilon"), settings.at("momentum")},
                    Affine::gain_and_bias};
    run.train(norm);
    const double few = tolerance<T>(kNorm);
    const auto columns = [&](const std::string& name) {
      return transpose(numbers<double>(out, name), run.cols);
    };
    // Not by column: in the constant channel PyTorch's rounding of the mean grows 316 times.
    EXPECT_TRUE(close("y", numbers<double>(out, "y"), run.y, few));
    EXPECT_TRUE(
        close_rows("grad.x", columns("grad.x"), transpose(run.d_x, run.cols), run.rows, few));
    EXPECT_TRUE(close("grad.gain", numbers<double>(out, "grad.gain"), run.d_gain, few));
    EXPECT_TRUE(close("grad.bias", numbers<double>(out, "grad.bias"), run.d_bias, few));
    EXPECT_TRUE(close("running_mean", numbers<double>(out, "running_mean"), run.running_mean, few));
    EXPECT_TRUE(
        close("running_var", numbers<double>(out, "running_var"), run.running_variance, few));
    run.x = numbers<T>(c.at("inputs"), "x_eval");
    norm_forward(norm, Phase::evaluation, run.arrays());
    EXPECT_TRUE(close_rows("y_eval", columns("y_eval"), transpose(run.y, run.cols), run.rows, few));
  }
}

}  // namespace
}  // namespace libnorm::test
