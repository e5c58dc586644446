#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "libnorm/ops/gemm.hpp"
#include "tests/cuda/placed.hpp"

/// Products on a GPU: the library's have the processor's bits, and cuBLAS's its digits.
namespace libnorm::test {
namespace {

struct Sizes {
  Index rows, cols, terms;
};

/// All layouts of both factors, added to C and not, with a bias and without.
void expect_same_products(const Sizes& s) {
  SCOPED_TRACE(std::to_string(s.rows) + " x " + std::to_string(s.cols) + " x " +
               std::to_string(s.terms));
  const Padded<float> a = draw<float>(s.rows, s.terms, 1), b = draw<float>(s.terms, s.cols, 2);
  const Padded<float> a_turned = draw<float>(s.terms, s.rows, 3),
                      b_turned = draw<float>(s.cols, s.terms, 4);
  const std::vector<float> bias = draw_vector<float>(s.cols, 5);
  expect_same_on_gpu("gemm", [&](Placed& at) {
    Padded<float> first = draw<float>(s.rows, s.cols, 6), second = first;
    gemm<float>(plain(at.in(a.view())), transposed(at.in(b_turned.view())), at.inout(first.view()),
                at.in(bias));
    gemm<float>(transposed(at.in(a_turned.view())), plain(at.in(b.view())), at.inout(second.view()),
                nullptr, Output::add);
    at.fetch();
    EXPECT_TRUE(first.padding_is_untouched());
    EXPECT_TRUE(second.padding_is_untouched());
    auto all = values_of(first.view());
    append(all, second);
    return all;
  });
}

TEST(DeviceGemm, AllLayouts) {
  for (const Sizes& s :
       {Sizes{1, 1, 1}, Sizes{1, 5, 130}, Sizes{3, 33, 127}, Sizes{33, 3, 128}, Sizes{31, 65, 129},
        Sizes{33, 32, 0}, Sizes{129, 66, 17}, Sizes{140, 130, 260}, Sizes{300, 139, 40}}) {
    expect_same_products(s);
  }
}

/// Few tiles and many terms: segments are computed apart.
TEST(DeviceGemm, InSegments) {
  expect_same_products({33, 35, 600});
  expect_same_products({1, 40, 512});
}

/// A chain of products that underflow from below is -0; nothing is added to it that the processor
/// does not add, not even 0.
TEST(DeviceGemm, KeepsTheSignOfZero) {
  Padded<float> a(2, 3), b(3, 2);
  for (Index i = 0; i < 3; ++i) {
    for (Index j = 0; j < 2; ++j) {
      a.view()(j, i) = -1e-30f;
      b.view()(i, j) = 1e-30f;
    }
  }
  expect_same_on_gpu("signs", [&](Placed& at) {
    Padded<float> c(2, 2);
    gemm<float>(plain(at.in(std::as_const(a).view())), plain(at.in(std::as_const(b).view())),
                at.inout(c.view()));
    at.fetch();
    EXPECT_TRUE(std::signbit(c.view()(1, 1)));
    return values_of(c.view());
  });
}

/// |have - want| of each element, at most what sums of so many terms may differ by in two orders.
void expect_close(const std::vector<float>& have, const std::vector<float>& want,
                  const std::vector<double>& magnitude, Index terms) {
  ASSERT_EQ(have.size(), want.size());
  for (std::size_t i = 0; i < have.size(); ++i) {
    const double most = 2 * double(terms + 2) * 0x1p-24 * magnitude[i];
    EXPECT_LE(std::fabs(double(have[i]) - double(want[i])), most) << i;
  }
}

/// The same products by cuBLAS and by the processor, in all layouts; and of the magnitudes.
void expect_close_products(const Sizes& s) {
  SCOPED_TRACE(std::to_string(s.rows) + " x " + std::to_string(s.cols) + " x " +
               std::to_string(s.terms));
  for (const bool turn_a : {false, true}) {
    for (const bool turn_b : {false, true}) {
      for (const Output output : {Output::overwrite, Output::add}) {
        Padded<float> a =
            turn_a ? draw<float>(s.terms, s.rows, 1) : draw<float>(s.rows, s.terms, 1);
        Padded<float> b =
            turn_b ? draw<float>(s.cols, s.terms, 2) : draw<float>(s.terms, s.cols, 2);
        std::vector<float> bias = draw_vector<float>(s.cols, 3);
        Padded<float> c = draw<float>(s.rows, s.cols, 4);
        const auto product = [&](Gemm gemm, Device device) {
          const DeviceScope scope(device);
          const GemmScope products(gemm);
          Placed at;
          Padded<float> out = c;
          const auto x = at.in(std::as_const(a).view()), y = at.in(std::as_const(b).view());
          libnorm::gemm<float>(turn_a ? transposed(x) : plain(x), turn_b ? transposed(y) : plain(y),
                               at.inout(out.view()), at.in(bias), output);
          at.fetch();
          EXPECT_TRUE(out.padding_is_untouched());
          return values_of(out.view());
        };
        const auto want = product(Gemm::exact, Device::cpu);
        const auto have = product(Gemm::cublas, Device::cuda);
        for (Padded<float>* m : {&a, &b, &c}) {
          for (Index r = 0; r < m->view().rows; ++r) {
            for (Index j = 0; j < m->view().cols; ++j) m->view()(r, j) = std::fabs(m->view()(r, j));
          }
        }
        for (float& x : bias) x = std::fabs(x);
        const auto magnitudes = product(Gemm::exact, Device::cpu);
        expect_close(have, want, {magnitudes.begin(), magnitudes.end()}, s.terms);
      }
    }
  }
}

TEST(DeviceGemm, CublasMultipliesTheSameMatrices) {
  for (const Sizes& s : {Sizes{1, 1, 1}, Sizes{1, 5, 30}, Sizes{3, 1, 12}, Sizes{7, 4, 1},
                         Sizes{33, 17, 129}, Sizes{5, 6, 0}}) {
    expect_close_products(s);
  }
}

TEST(DeviceGemm, CublasIsNamedAndEndsWithItsScope) {
  EXPECT_THROW(GemmScope{Gemm::cublas}, BackendError);
  const DeviceScope scope(Device::cuda);
  EXPECT_EQ(describe_gemm(), "");
  {
    const GemmScope products(Gemm::cublas);
    EXPECT_EQ(describe_gemm().rfind("cuBLAS 1", 0), 0u) << describe_gemm();
    {
      const GemmScope within(Gemm::exact);
      EXPECT_EQ(describe_gemm(), "");
    }
    EXPECT_NE(describe_gemm(), "");
  }
  EXPECT_EQ(describe_gemm(), "");
}

TEST(DeviceGemm, CublasRefusesWhatIsNotContiguous) {
  const DeviceScope scope(Device::cuda);
  const GemmScope products(Gemm::cublas);
  Placed at;
  const std::vector<float> x(100, 1.0f);
  Padded<float> c(3, 3);
  const float* data = at.in(x);
  const Factor<float> wide{data, 3, 3, 20, 2}, good{data, 3, 3, 10, 1};
  EXPECT_THROW(gemm<float>(wide, good, at.inout(c.view())), ShapeError);
  EXPECT_THROW(gemm<float>(good, wide, at.inout(c.view())), ShapeError);
}

}  // namespace
}  // namespace libnorm::test
