#include "libnorm/core/math.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <type_traits>
#include <vector>

namespace libnorm {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNaN = std::nan("");

template <class T>
auto bits(T x) {
  return std::bit_cast<std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>>(x);
}
/// Equal bits, or both NaN.
template <class T>
bool same(T a, T b) {
  return std::isnan(a) ? std::isnan(b) : bits(a) == bits(b);
}

/// Bit patterns over all doubles and floats, NaN included, then a grid where the functions bend.
template <class T>
std::vector<T> sample() {
  std::vector<T> x = {T(0),      T(-0.0), T(kInf),    T(-kInf),  T(kNaN), T(1),     T(-1),
                      T(709.78), T(-708), T(-708.01), T(1e-310), T(40),   T(-40),   T(20),
                      T(-20),    T(28),   T(0.5),     T(88.7),   T(-104), T(-103.9)};
  for (std::uint64_t i = 0; i < 4000; ++i) {
    const std::uint64_t word = i * 0x9e3779b97f4a7c15;
    if constexpr (sizeof(T) == 8) {
      x.push_back(std::bit_cast<double>(word));
    } else {
      x.push_back(std::bit_cast<float>(std::uint32_t(word >> 32)));
    }
  }
  for (int i = -4000; i <= 4000; ++i) x.push_back(T(i * 0x1.9p-8));
  while (x.size() % kLanes != 0) x.push_back(T(1));
  return x;
}

/// Every result for one argument, and the same from packs.
template <class T>
std::vector<T> results(T x) {
  const auto g = math::gelu(x);
  std::vector<T> y = {math::exp(x), math::log(x), math::erf(x), math::tanh(x), g.value, g.slope};
  if constexpr (sizeof(T) == 8) {
    const auto phi = math::gaussian(x);
    y.insert(y.end(), {phi.cdf, phi.pdf});
  }
  return y;
}
template <class I, class T>
std::vector<std::vector<T>> pack_results(const T* x) {
  const auto p = Pack<I, T>::load(x);
  const auto g = math::gelu(p);
  std::vector<Pack<I, T>> packs = {math::exp(p),  math::log(p), math::erf(p),
                                   math::tanh(p), g.value,      g.slope};
  if constexpr (sizeof(T) == 8) {
    const auto phi = math::gaussian(p);
    packs.insert(packs.end(), {phi.cdf, phi.pdf});
  }
  std::vector<std::vector<T>> y;
  for (const Pack<I, T>& pack : packs) {
    y.emplace_back(kLanes);
    pack.store(y.back().data());
  }
  return y;
}

template <class I, class T>
void expect_packs_agree() {
  const std::vector<T> x = sample<T>();
  for (std::size_t i = 0; i < x.size(); i += kLanes) {
    const auto packs = pack_results<I>(&x[i]);
    for (std::size_t lane = 0; lane < std::size_t(kLanes); ++lane) {
      const std::vector<T> one = results(x[i + lane]);
      for (std::size_t f = 0; f < one.size(); ++f) {
        ASSERT_TRUE(same(packs[f][lane], one[f]))
            << std::hexfloat << "function " << f << " of " << x[i + lane] << ": " << packs[f][lane]
            << " in a pack, " << one[f] << " alone";
      }
    }
  }
}

template <class I>
void expect_packs_agree() {
  expect_packs_agree<I, double>();
  expect_packs_agree<I, float>();
}

TEST(Math, PacksAgreeWithOneNumber) {
  expect_packs_agree<Scalar>();
#if defined(__AVX2__) && !defined(__AVX512F__)
  expect_packs_agree<Avx2>();
#endif
#if defined(__AVX512F__)
  expect_packs_agree<Avx512>();
#endif
}

/// FNV-1a over the bits of every result, NaNs as one.
template <class T>
std::uint64_t fingerprint() {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const T x : sample<T>()) {
    for (const T y : results(x)) {
      hash = (hash ^ (std::isnan(y) ? 1 : bits(y))) * 0x100000001b3;
    }
  }
  return hash;
}

// Recorded with the present coefficients; a compiler or machine that gives other bits fails here.
TEST(Math, BitsAreThoseOfEveryBuild) {
  EXPECT_EQ(fingerprint<double>(), 0xaa1ddd99e180a07fu);
  EXPECT_EQ(fingerprint<float>(), 0xede8c04076632696u);
}

TEST(Math, KnownValues) {
  EXPECT_EQ(math::exp(0.0), 1.0);
  EXPECT_DOUBLE_EQ(math::exp(1.0), 2.718281828459045);
  EXPECT_EQ(math::log(1.0), 0.0);
  EXPECT_DOUBLE_EQ(math::log(10.0), 2.302585092994046);
  EXPECT_DOUBLE_EQ(math::log(0x1p-1074), -744.4400719213812);
  EXPECT_DOUBLE_EQ(math::erf(0.5), 0.5204998778130465);
  EXPECT_DOUBLE_EQ(math::erf(2.0), 0.9953222650189527);
  EXPECT_DOUBLE_EQ(math::tanh(0.5), 0.46211715726000973);
  EXPECT_EQ(math::gaussian(0.0).cdf, 0.5);
  EXPECT_DOUBLE_EQ(math::gaussian(0.0).pdf, 0.3989422804014327);
  EXPECT_DOUBLE_EQ(math::gaussian(-10.0).cdf, 7.619853024160527e-24);
  EXPECT_DOUBLE_EQ(math::gelu(1.0).value, 0.8413447460685429);
  EXPECT_DOUBLE_EQ(math::gelu(1.0).slope, 1.0833154705876864);
}

TEST(Math, SpecialValues) {
  EXPECT_EQ(math::exp(-kInf), 0);
  EXPECT_EQ(math::exp(kInf), kInf);
  EXPECT_EQ(math::exp(710.0), kInf);
  EXPECT_LT(math::exp(0x1.62e42fefa39efp9), kInf);  // the largest that does not overflow
  EXPECT_EQ(math::exp(-709.0), 0);
  EXPECT_EQ(math::log(0.0), -kInf);
  EXPECT_EQ(math::log(-0.0), -kInf);
  EXPECT_EQ(math::log(kInf), kInf);
  EXPECT_TRUE(std::isnan(math::log(-1.0)));
  EXPECT_TRUE(std::isnan(math::log(-kInf)));
  for (const double sign : {1.0, -1.0}) {
    EXPECT_EQ(math::erf(sign * kInf), sign);
    EXPECT_EQ(math::tanh(sign * kInf), sign);
    EXPECT_TRUE(same(math::erf(sign * 0.0), sign * 0.0));
    EXPECT_TRUE(same(math::tanh(sign * 0.0), sign * 0.0));
  }
  EXPECT_EQ(math::gaussian(-kInf).cdf, 0);
  EXPECT_EQ(math::gaussian(kInf).cdf, 1);
  EXPECT_EQ(math::gaussian(kInf).pdf, 0);
  EXPECT_TRUE(same(math::gelu(-kInf).value, -0.0));
  EXPECT_EQ(math::gelu(-kInf).slope, 0);
  EXPECT_EQ(math::gelu(kInf).value, kInf);
  EXPECT_EQ(math::gelu(kInf).slope, 1);
  for (const double y : results(kNaN)) EXPECT_TRUE(std::isnan(y));
}

TEST(Math, FloatsRoundTheDoubleResultOnce) {
  for (const float x : sample<float>()) {
    EXPECT_TRUE(same(math::exp(x), float(math::exp(double(x)))));
    EXPECT_TRUE(same(math::log(x), float(math::log(double(x)))));
    EXPECT_TRUE(same(math::erf(x), float(math::erf(double(x)))));
    EXPECT_TRUE(same(math::tanh(x), float(math::tanh(double(x)))));
    EXPECT_TRUE(same(math::gelu(x).value, float(math::gelu(double(x)).value)));
    EXPECT_TRUE(same(math::gelu(x).slope, float(math::gelu(double(x)).slope)));
  }
}

TEST(Math, FloatExpUnderflowsGradually) {
  EXPECT_EQ(math::exp(-100.0f), float(std::exp(-100.0L)));
  EXPECT_EQ(math::exp(-103.5f), 0x1p-149f);
  EXPECT_EQ(math::exp(-104.0f), 0.0f);
  EXPECT_EQ(math::exp(88.73f), std::numeric_limits<float>::infinity());
}

TEST(Math, OddFunctionsAreOddAndTheTailsAreEachOthers) {
  for (const double x : sample<double>()) {
    if (std::isnan(x)) continue;
    EXPECT_EQ(bits(math::erf(-x)), bits(-math::erf(x)));
    EXPECT_EQ(bits(math::tanh(-x)), bits(-math::tanh(x)));
    EXPECT_EQ(bits(math::gaussian(-x).pdf), bits(math::gaussian(x).pdf));
    EXPECT_EQ(math::gaussian(std::fabs(x)).cdf, 1 - math::gaussian(-std::fabs(x)).cdf);
  }
}

/// Steps through the 4000 floats around each break, upwards.
template <class F>
void expect_rising(F f, std::initializer_list<double> breaks) {
  for (const double at : breaks) {
    float x = float(at);
    for (int i = 0; i < 2000; ++i) x = std::nextafter(x, -HUGE_VALF);
    for (int i = 0; i < 4000; ++i) {
      const float next = std::nextafter(x, HUGE_VALF);
      ASSERT_LE(f(x), f(next)) << std::hexfloat << "at " << x;
      x = next;
    }
  }
}

TEST(Math, RisesWhereThePolynomialsChange) {
  const double ln2 = std::log(2.0);
  expect_rising([](float x) { return math::exp(x); },
                {0, ln2 / 2, -ln2 / 2, 1.5 * ln2, -10.5 * ln2, 100.5 * ln2, 88.72, -87.3, -103.9});
  expect_rising([](float x) { return math::log(x); },
                {std::sqrt(0.5), 1, std::sqrt(2.0), 4 * std::sqrt(2.0), 1e-38, 1e-40});
  expect_rising([](float x) { return math::erf(x); }, {-1, 0, 1, 3.9, 28});
  expect_rising([](float x) { return math::tanh(x); },
                {0, ln2 / 4, -ln2 / 4, 0.75 * ln2, 2.25 * ln2, 9, 20});
  expect_rising([](float x) { return float(math::gaussian(x).cdf); }, {-13, -1, 0, 1, 5, 40});
}

/// The largest relative difference from `exact` on `count` equal steps of [a, b].
template <class F, class G>
double worst_relative(F f, G exact, double a, double b, int count = 250000) {
  long double worst = 0;
  for (int i = 0; i < count; ++i) {
    const double x = a + (b - a) * ((i + 0.5) / count);
    const long double value = exact((long double)x);
    worst = std::fmax(worst, std::fabs((f(x) - value) / value));
  }
  return double(worst);
}

TEST(Math, AccuracyOfExp) {
  const auto ours = [](double x) { return math::exp(x); };
  const auto exact = [](long double x) { return std::exp(x); };
  EXPECT_LT(worst_relative(ours, exact, -1, 1), 1.7e-16);
  EXPECT_LT(worst_relative(ours, exact, -708, 709.7), 1.7e-16);
}

TEST(Math, AccuracyOfLog) {
  const auto ours = [](double x) { return math::log(x); };
  const auto exact = [](long double x) { return std::log(x); };
  EXPECT_LT(worst_relative(ours, exact, 0.4, 2.1), 1.7e-16);
  EXPECT_LT(worst_relative(ours, exact, 0, 1000), 1.7e-16);
  EXPECT_LT(worst_relative(ours, exact, 0, 0x1p-1021), 1.7e-16);
}

TEST(Math, AccuracyOfErf) {
  const auto ours = [](double x) { return math::erf(x); };
  const auto exact = [](long double x) { return std::erf(x); };
  EXPECT_LT(worst_relative(ours, exact, -1, 1), 1.7e-16);
  EXPECT_LT(worst_relative(ours, exact, 1, 6.5), 1.8e-16);
  // Errors are largest on both sides of where the polynomial ends, at 1.015625.
  EXPECT_LT(worst_relative(ours, exact, 1, 1.06, 4000000), 1.8e-16);
  // Were the tail taken off 1 from here on, it would err by 1.85e-16.
  const double former = 1.0002480896009536;
  EXPECT_LT(double(std::fabs(ours(former) / exact(former) - 1)), 1e-16);
}

TEST(Math, AccuracyOfTanh) {
  const auto ours = [](double x) { return math::tanh(x); };
  const auto exact = [](long double x) { return std::tanh(x); };
  EXPECT_LT(worst_relative(ours, exact, -0.01, 0.01), 4e-16);
  EXPECT_LT(worst_relative(ours, exact, -2, 21), 4e-16);
}

TEST(Math, AccuracyOfTheGaussianInBothTails) {
  const auto cdf = [](double x) { return math::gaussian(x).cdf; };
  const auto exact = [](long double x) { return std::erfc(-x / std::sqrt(2.0L)) / 2; };
  EXPECT_LT(worst_relative(cdf, exact, -37.5, -5), 1.3e-15);
  // Subnormal: the last place is 2^-1074.
  for (int i = 0; i < 100000; ++i) {
    const double x = -37.62 + 0.12 * i / 100000;
    const long double value = exact(x);
    ASSERT_LE(double(std::fabs(cdf(x) - value) / (1.3e-15L * value + 0x1p-1075L)), 1) << x;
  }
  EXPECT_LT(worst_relative(cdf, exact, -5, 9), 1e-15);
  const auto pdf = [](double x) { return math::gaussian(x).pdf; };
  const auto density = [](long double x) {
    return std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0L));
  };
  EXPECT_LT(worst_relative(pdf, density, -37.5, 37.5), 4e-16);
}

TEST(Math, GeluSlopeIsAccurateToItsSize) {
  const auto cdf = [](long double x) { return std::erfc(-x / std::sqrt(2.0L)) / 2; };
  const auto pdf = [](long double x) {
    return std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0L));
  };
  for (int i = -60000; i <= 60000; ++i) {
    const double x = i * 1e-4;
    const long double exact = cdf(x) + x * pdf(x);
    ASSERT_NEAR(double((long double)math::gelu(x).slope - exact), 0, 4e-16) << x;
    ASSERT_EQ(math::gelu(x).value, x * math::gaussian(x).cdf) << x;
  }
}

}  // namespace
}  // namespace libnorm
