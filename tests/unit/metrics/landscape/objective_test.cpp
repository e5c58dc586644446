#include "libnorm/metrics/landscape/objective.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "libnorm/core/vector_sums.hpp"
#include "tests/unit/metrics/landscape/objective_samples.hpp"

namespace {

using libnorm::IndexRange;
using libnorm::LinearOperator;
using samples::Index;
using samples::MatrixXd;
using samples::span_of;
using samples::VectorXd;
using testing::HasSubstr;

static_assert(libnorm::TwiceDifferentiable<samples::LeastSquares>);
static_assert(libnorm::TwiceDifferentiable<const samples::LeastSquares>);
static_assert(libnorm::Objective<samples::Logistic>);
static_assert(!libnorm::TwiceDifferentiable<samples::Logistic>);
static_assert(libnorm::HasGaussNewton<samples::Softmax>);
static_assert(!libnorm::Objective<VectorXd>);

/// All columns of A.
MatrixXd dense_of(const LinearOperator& a) {
  MatrixXd m(a.dimension(), a.dimension());
  for (Index i = 0; i < a.dimension(); ++i) {
    const VectorXd e = VectorXd::Unit(a.dimension(), i);
    VectorXd column = VectorXd::Constant(a.dimension(), 7);
    a.apply(span_of(e), {column.data(), std::size_t(column.size())});
    m.col(i) = column;
  }
  return m;
}

samples::Logistic logistic() {
  samples::Logistic f{samples::normals(40, 6, 0), VectorXd::Zero(40)};
  for (Index i = 0; i < 40; i += 3) f.y[i] = 1;
  return f;
}

TEST(Hessian, IsTheObjectivesOwnWhereItHasOne) {
  const samples::LeastSquares f{samples::normals(30, 7, 0), samples::normals(30, 1, 1)};
  const VectorXd w = samples::normals(7, 1, 2);
  const LinearOperator h = libnorm::hessian(f, span_of(w));
  EXPECT_EQ(h.name(), "Hessian");
  EXPECT_LT((dense_of(h) - f.dense()).norm(), 1e-13 * f.dense().norm());
}

TEST(Hessian, ComesFromDifferencesWhereItHasNone) {
  const samples::Logistic f = logistic();
  const VectorXd w = samples::normals(6, 1, 2) * 0.5;
  const LinearOperator h = libnorm::hessian(f, span_of(w));
  EXPECT_EQ(h.name(), "Hessian by central differences");
  const MatrixXd exact = f.dense(span_of(w));
  EXPECT_LT((dense_of(h) - exact).norm(), 1e-9 * exact.norm());
  // A step of one's own: ten thousand times longer, its square's error shows.
  const MatrixXd coarse = dense_of(
      libnorm::differenced_hessian(f, span_of(w), 1e4 * libnorm::difference_step(span_of(w))));
  EXPECT_GT((coarse - exact).norm(), 1e-6 * exact.norm());
  EXPECT_LT((coarse - exact).norm(), 1e-2 * exact.norm());
}

TEST(Hessian, HasAStepOnlyOfWeightsThatAreFinite) {
  EXPECT_GT(libnorm::difference_step(std::vector<double>{0, 0}), 0);
  EXPECT_TRUE(std::isnan(libnorm::difference_step(std::vector<double>{1, std::nan("")})));
}

TEST(Hessian, ByDifferencesDoesNotDependOnTheLengthOfV) {
  const samples::Logistic f = logistic();
  const VectorXd w = samples::normals(6, 1, 2), v = samples::normals(6, 1, 3);
  const LinearOperator h = libnorm::differenced_hessian(f, span_of(w));
  VectorXd one(6), long_one(6), zero(6);
  h.apply(span_of(v), {one.data(), 6});
  for (const double factor : {0x1p-200, 0x1p200}) {
    const VectorXd scaled = factor * v;
    h.apply(span_of(scaled), {long_one.data(), 6});
    EXPECT_LT((long_one / factor - one).norm(), 1e-9 * one.norm());
  }
  h.apply(span_of(VectorXd::Zero(6)), {zero.data(), 6});
  EXPECT_EQ(zero, VectorXd::Zero(6));
  // At w = 0 the step is that of length 1.
  const VectorXd origin = VectorXd::Zero(6);
  EXPECT_DOUBLE_EQ(libnorm::difference_step(span_of(origin)), std::cbrt(0x1p-53));
  EXPECT_LT((dense_of(libnorm::differenced_hessian(f, span_of(origin))) - f.dense(span_of(origin)))
                .norm(),
            1e-9);
}

TEST(GaussNewton, OfSoftmaxIsItsHessian) {
  samples::Softmax f{samples::normals(25, 4, 0), {}, 3};
  for (int i = 0; i < 25; ++i) f.label.push_back(i * i % 3);
  const VectorXd w = samples::normals(12, 1, 1);
  const MatrixXd exact = f.dense(span_of(w));
  const LinearOperator g = libnorm::gauss_newton(f, span_of(w));
  EXPECT_LT((dense_of(g) - exact).norm(), 1e-13 * exact.norm());
  EXPECT_LT((dense_of(libnorm::hessian(f, span_of(w))) - exact).norm(), 1e-8 * exact.norm());
  const samples::Logistic none = logistic();
  const VectorXd six = VectorXd::Zero(6);
  EXPECT_THROW(libnorm::gauss_newton(none, span_of(six)), libnorm::ValueError);
}

TEST(PrincipalBlock, HasTheRowsAndColumnsOfItsRangesInTheirOrder) {
  const MatrixXd a = samples::symmetric(9, 0);
  const LinearOperator whole = libnorm::matrix_operator({a.data(), 9, 9});
  const LinearOperator block = libnorm::principal_block(whole, {{6, 2}, {1, 3}});
  const std::vector<Index> picked = {6, 7, 1, 2, 3};
  EXPECT_EQ(block.dimension(), 5);
  EXPECT_EQ(block.name(), "block of matrix");
  const MatrixXd expected = a(picked, picked);
  EXPECT_LT((dense_of(block) - expected).norm(), 1e-14);
  EXPECT_LT((dense_of(whole) - a).norm(), 1e-14);
}

TEST(IndexRanges, GatherAndScatterAreInverse) {
  const std::vector<double> x = {0, 1, 2, 3, 4, 5};
  const std::vector<IndexRange> ranges = {{4, 2}, {0, 1}};
  EXPECT_EQ(libnorm::gather(x, ranges), (std::vector<double>{4, 5, 0}));
  std::vector<double> y(6, -1.0);
  libnorm::scatter(std::vector<double>{40, 50, 10}, ranges, y);
  EXPECT_EQ(y, (std::vector<double>{10, -1, -1, -1, 40, 50}));
}

TEST(IndexRanges, ThatDoNotFitAreRefused) {
  using Ranges = std::vector<IndexRange>;
  const Ranges wrong[] = {{},       {{0, 0}},         {{-1, 2}},        {{5, 2}},
                          {{6, 1}}, {{0, 3}, {2, 1}}, {{3, 2}, {0, 4}}, {{0, 1}, {0, 1}}};
  for (const Ranges& ranges : wrong) {
    EXPECT_THROW(libnorm::count_of(ranges, 6), libnorm::ValueError);
  }
  EXPECT_THROW(libnorm::count_of(Ranges{{1, std::numeric_limits<Index>::max()}}, 6),
               libnorm::ValueError);
  EXPECT_EQ(libnorm::count_of(Ranges{{3, 3}, {0, 3}}, 6), 6);
}

TEST(Operators, RefuseWhatDoesNotFitAndWhatIsNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const LinearOperator broken("broken", 2, [nan](auto, std::span<double> out) {
    out[0] = 1;
    out[1] = nan;
  });
  std::vector<double> x = {1, 2}, y(2), z(3);
  try {
    broken.apply(x, y);
    FAIL() << "need a throw";
  } catch (const libnorm::ValueError& error) {
    EXPECT_THAT(error.what(), HasSubstr("linear operator: a product holds a number that is not"));
  }
  EXPECT_THROW(broken.apply(x, z), libnorm::ShapeError);
  EXPECT_THROW(LinearOperator("none", 0, nullptr), libnorm::ShapeError);
  const MatrixXd skew = samples::normals(3, 3, 0), wide = samples::normals(2, 3, 0);
  EXPECT_THROW(libnorm::matrix_operator({skew.data(), 3, 3}), libnorm::ValueError);
  EXPECT_THROW(libnorm::matrix_operator({wide.data(), 2, 3}), libnorm::ShapeError);
  const samples::Logistic f = logistic();
  const VectorXd five = VectorXd::Zero(5), six = VectorXd::Constant(6, nan);
  EXPECT_THROW(libnorm::hessian(f, span_of(five)), libnorm::ShapeError);
  EXPECT_THROW(libnorm::hessian(f, span_of(six)), libnorm::ValueError);
  const VectorXd zero = VectorXd::Zero(6);
  EXPECT_THROW(libnorm::differenced_hessian(f, span_of(zero), -1), libnorm::ValueError);
  EXPECT_THROW(libnorm::differenced_hessian(f, span_of(zero), nan), libnorm::ValueError);
}

}  // namespace
