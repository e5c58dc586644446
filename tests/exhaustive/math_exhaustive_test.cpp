// Every function of math.hpp on all 2^32 floats, counted against the correctly rounded result.
#include "libnorm/core/math.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <thread>
#include <vector>

namespace libnorm {
namespace {

// The widest set this file is compiled for; all of them give the same bits (math_test.cpp).
#if defined(__AVX512F__)
using Native = Avx512;
#elif defined(__AVX2__)
using Native = Avx2;
#else
using Native = Scalar;
#endif
using Floats = Pack<Native, float>;

/// How many results are not the float nearest to the exact value, and by how much the worst of
/// these misses it, in units of the last place.
struct Tally {
  std::uint64_t wrong = 0;
  double worst = 0;
  float at = 0;

  void add(float x, float got, long double exact) {
    ++wrong;
    const float nearest = float(exact);
    const float other = std::nextafter(nearest, got);
    const long double ulp = std::fabs((long double)other - (long double)nearest);
    const double error = double(std::fabs((long double)got - exact) / ulp);
    if (!(error <= worst)) {
      worst = error;
      at = x;
    }
  }
  void add(const Tally& other) {
    wrong += other.wrong;
    if (other.worst > worst) {
      worst = other.worst;
      at = other.at;
    }
  }
};

bool same(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

/// Checks one result. Double libm decides where its value is further than 2^-34 (1e-3 of a float's
/// last place) from where the rounding changes; long double libm decides the rest.
template <class Quick, class Exact>
void check(float x, float got, Quick quick, Exact exact, Tally& tally) {
  const double near = quick(double(x));
  const float below = float(near * (1 - 0x1p-34));
  const float above = float(near * (1 + 0x1p-34));
  if (same(below, above) && same(got, below)) return;
  const long double value = exact((long double)x);
  if (!same(got, float(value))) tally.add(x, got, value);
}

template <class Ours, class Quick, class Exact>
Tally tally_all(Ours ours, Quick quick, Exact exact) {
  constexpr std::uint64_t kBlocks = 4096, kBlock = (std::uint64_t(1) << 32) / kBlocks;
  const unsigned threads = std::max(1u, std::thread::hardware_concurrency());
  std::vector<Tally> tallies(threads);
  std::vector<std::thread> workers;
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      Tally mine;
      alignas(64) float x[kLanes], y[kLanes];
      for (std::uint64_t block = t; block < kBlocks; block += threads) {
        for (std::uint64_t i = block * kBlock; i < (block + 1) * kBlock; i += kLanes) {
          for (Index j = 0; j < kLanes; ++j) x[j] = std::bit_cast<float>(std::uint32_t(i + j));
          ours(Floats::load(x)).store(y);
          for (Index j = 0; j < kLanes; ++j) check(x[j], y[j], quick, exact, mine);
        }
      }
      tallies[t] = mine;
    });
  }
  for (std::thread& worker : workers) worker.join();
  Tally all;
  for (const Tally& tally : tallies) all.add(tally);
  return all;
}

/// The figures that the comments of math.hpp state.
void expect_stated(const Tally& tally, std::uint64_t wrong, double worst) {
  EXPECT_EQ(tally.wrong, wrong);
  EXPECT_NEAR(tally.worst, worst, 2e-10) << std::hexfloat << "at " << tally.at;
  std::printf("not nearest: %llu, worst %.13f ulp at %a\n", (unsigned long long)tally.wrong,
              tally.worst, double(tally.at));
}

TEST(MathExhaustive, Exp) {
  expect_stated(
      tally_all([](const Floats& x) { return math::exp(x); }, [](double x) { return std::exp(x); },
                [](long double x) { return std::exp(x); }),
      0, 0);
}

TEST(MathExhaustive, Log) {
  expect_stated(
      tally_all([](const Floats& x) { return math::log(x); }, [](double x) { return std::log(x); },
                [](long double x) { return std::log(x); }),
      5, 0.500000001);
}

TEST(MathExhaustive, Erf) {
  expect_stated(
      tally_all([](const Floats& x) { return math::erf(x); }, [](double x) { return std::erf(x); },
                [](long double x) { return std::erf(x); }),
      0, 0);
}

TEST(MathExhaustive, Tanh) {
  expect_stated(
      tally_all([](const Floats& x) { return math::tanh(x); },
                [](double x) { return std::tanh(x); }, [](long double x) { return std::tanh(x); }),
      0, 0);
}

/// Phi(x) in T, and its derivative.
template <class T>
T cdf(T x) {
  return std::erfc(-x * T(0.707106781186547524400844362104849039L)) / 2;
}
template <class T>
T pdf(T x) {
  return std::exp(-x * x / 2) * T(0.398942280401432677939946059934381868L);
}
template <class T>
T gelu_value(T x) {
  return x == -std::numeric_limits<T>::infinity() ? T(-0.0) : x * cdf(x);
}
/// The sign of a slope that rounds to 0 is + where math.hpp's exponential is 0, else -.
template <class T>
T gelu_slope(T x) {
  if (x * x > T(1416)) return x > 0 ? T(1) : T(0);
  return cdf(x) + x * pdf(x);
}

TEST(MathExhaustive, GeluValue) {
  expect_stated(tally_all([](const Floats& x) { return math::gelu(x).value; },
                          [](double x) { return gelu_value(x); },
                          [](long double x) { return gelu_value(x); }),
                0, 0);
}

TEST(MathExhaustive, GeluSlope) {
  const auto quick = [](double x) {
    const double slope = gelu_slope(x);
    // Near the slope's zero double cannot decide: a point between two floats asks for long double.
    return std::fabs(slope) < 1e-3 && std::fabs(x) < 1 ? 1 + 0x1p-24 : slope;
  };
  expect_stated(tally_all([](const Floats& x) { return math::gelu(x).slope; }, quick,
                          [](long double x) { return gelu_slope(x); }),
                2, 0.5000000001);
}

}  // namespace
}  // namespace libnorm
