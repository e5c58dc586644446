#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "libnorm/norms/norm.hpp"
#include "tests/support/arrays.hpp"
#include "tests/support/everywhere.hpp"
#include "tests/support/nothing.hpp"
#include "tests/tolerances.hpp"

/// Stabilizers at the ends of what their numbers can hold: no NaN and no infinity where mathematics
/// has a value that the type can hold, and that value.
namespace libnorm::test {
namespace {

using Wide = long double;
static_assert(std::numeric_limits<Wide>::max_exponent >= 4 * 1024, "squares of doubles must fit");

template <class T>
class DegenerateNorms : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(DegenerateNorms, Numbers);

/// The numbers that a stabilizer takes together, and the gradient of what it makes of them.
template <class T>
struct Set {
  std::string name;
  std::vector<T> x;
  Tolerance within = kNorm;

  std::vector<T> gradient() const { return draw_vector<T>(Index(x.size()), 7); }
};

/// What mathematics makes of a set.
struct Expected {
  std::vector<Wide> z, d;
  /// What x is multiplied by.
  Wide scale = 1;
  bool defined = true;
};

/// z = radius u / D, where u is x or x without its mean, D a function of the sum m of u^2, and
/// slope its derivative.
struct Quotient {
  bool centred = false;
  Wide radius = 1;
  std::function<Wide(Wide m)> size, slope;
};

template <class T>
Expected quotient(const Quotient& q, const Set<T>& set) {
  const Wide n = Wide(set.x.size());
  std::vector<Wide> u(set.x.begin(), set.x.end());
  const auto centre = [&](std::vector<Wide>& v) {
    Wide mean = 0;
    for (Wide x : v) mean += x / n;
    for (Wide& x : v) x -= mean;
  };
  if (q.centred) centre(u);
  // A constant has no deviations; its mean's rounding is no part of mathematics.
  if (q.centred && std::count(set.x.begin(), set.x.end(), set.x[0]) == Index(set.x.size())) {
    std::fill(u.begin(), u.end(), Wide(0));
  }
  Wide m = 0, along = 0;
  const std::vector<T> g = set.gradient();
  for (std::size_t i = 0; i < u.size(); ++i) {
    m += u[i] * u[i];
    along += u[i] * Wide(g[i]);
  }
  Expected e;
  const Wide size = q.size(m);
  e.defined = size > 0;
  if (!e.defined) return e;
  e.scale = q.radius / size;
  for (std::size_t i = 0; i < u.size(); ++i) {
    e.z.push_back(q.radius * u[i] / size);
    e.d.push_back(q.radius * (Wide(g[i]) / size - 2 * u[i] * along * q.slope(m) / size / size));
  }
  if (q.centred) centre(e.d);
  return e;
}

Quotient root_quotient(bool centred, double epsilon, EpsilonPlace place, Wide n) {
  const Wide small = epsilon;
  if (place == EpsilonPlace::inside_root) {
    const auto size = [=](Wide m) { return std::sqrt(m / n + small); };
    return {centred, 1, size, [=](Wide m) { return 1 / (2 * n * size(m)); }};
  }
  return {centred, 1, [=](Wide m) { return std::sqrt(m / n) + small; },
          [=](Wide m) { return m > 0 ? 1 / (2 * n * std::sqrt(m / n)) : 0; }};
}

Quotient quotient_of(const Sphere& s, Wide n) {
  const Wide floor = s.floor;
  return {false, s.radius == Sphere::Radius::one ? 1 : std::sqrt(n),
          [=](Wide m) { return std::max(std::sqrt(m), floor); },
          [=](Wide m) { return std::sqrt(m) > floor ? 1 / (2 * std::sqrt(m)) : 0; }};
}
Quotient constant_quotient(bool centred) {
  return {centred, 1, [](Wide) { return Wide(1); }, [](Wide) { return Wide(0); }};
}
Quotient quotient_of(const Identity&, Wide) { return constant_quotient(false); }
Quotient quotient_of(const CentreRows&, Wide) { return constant_quotient(true); }
Quotient quotient_of(const Rms& s, Wide n) { return root_quotient(false, s.epsilon, s.place, n); }
Quotient quotient_of(const StandardizeRows& s, Wide n) {
  return root_quotient(true, s.epsilon, s.place, n);
}
Quotient quotient_of(const StandardizeColumns& s, Wide n) {
  return root_quotient(true, s.epsilon, EpsilonPlace::inside_root, n);
}
Quotient quotient_of(const PowerColumns& s, Wide n) {
  return root_quotient(false, s.epsilon, EpsilonPlace::inside_root, n);
}
Quotient quotient_of(const StandardizeInstances& s, Wide n) {
  return root_quotient(true, s.epsilon, EpsilonPlace::inside_root, n);
}
/// The one in the list below.
Quotient quotient_of(const CustomRows&, Wide) { return constant_quotient(false); }

/// z and dz/dx of one number.
struct Point {
  Wide z, slope;
};
Point point_of(const DynamicTanh& s, Wide x, Wide) {
  const Wide cosh = std::cosh(std::min(std::abs(Wide(s.alpha) * x), Wide(5000)));
  return {std::tanh(Wide(s.alpha) * x), Wide(s.alpha) / cosh / cosh};
}
Point point_of(const DynamicErf& s, Wide x, Wide) {
  const Wide u = Wide(s.alpha) * x + Wide(s.shift), pi = std::acos(Wide(-1));
  return {std::erf(u), 2 * Wide(s.alpha) / std::sqrt(pi) * std::exp(-u * u)};
}
Point point_of(const DynamicIsru&, Wide x, Wide channels) {
  const Wide root = std::sqrt(channels + x * x);
  return {std::sqrt(channels) * x / root, std::sqrt(channels) * channels / root / root / root};
}

template <class T>
Expected expected_of(const Stabilizer& stabilizer, const Set<T>& set) {
  const Wide n = Wide(set.x.size());
  return std::visit(
      [&](const auto& s) {
        if constexpr (std::decay_t<decltype(s)>::kFamily == Family::pointwise) {
          Expected e;
          const std::vector<T> g = set.gradient();
          for (std::size_t i = 0; i < g.size(); ++i) {
            const Point p = point_of(s, Wide(set.x[i]), n);
            e.z.push_back(p.z);
            e.d.push_back(p.slope * Wide(g[i]));
          }
          return e;
        } else {
          return quotient(quotient_of(s, n), set);
        }
      },
      stabilizer);
}

/// A set beside an ordinary one, as rows or, for stabilizers of columns and instances (each channel
/// a group), as columns.
template <class T>
struct Run {
  Run(const Norm& n, const Set<T>& set)
      : norm(n),
        sets_are_rows(n.family() == Family::row || n.family() == Family::pointwise),
        size(Index(set.x.size())),
        rows(sets_are_rows ? 2 : size),
        cols(sets_are_rows ? size : 2) {
    const auto place = [&](const std::vector<T>& values, const std::vector<T>& beside) {
      std::vector<T> all(std::size_t(rows * cols));
      for (Index i = 0; i < size; ++i) {
        all[at(0, i)] = values[std::size_t(i)];
        all[at(1, i)] = beside[std::size_t(i)];
      }
      return all;
    };
    x = place(set.x, draw_vector<T>(size, 3));
    d_y = place(set.gradient(), draw_vector<T>(size, 4));
    y.assign(x.size(), T(NAN));
    d_x = saved = y;
    for (const StabilizerParameter& s : norm.shape_numbers(cols)) shape.push_back(T(s.initial));
    d_shape.assign(shape.size(), T(NAN));
    scale.assign(std::size_t(norm_scale_size(norm, rows, cols, 1)), T(NAN));
  }

  void run() {
    NormArrays<T> a;
    a.input = {x.data(), rows, cols};
    a.positions = rows;
    a.first = first;
    first[1] = rows;
    a.instances = 1;
    a.shape = shape.empty() ? nullptr : shape.data();
    a.output = a.stabilized = {y.data(), rows, cols};
    if (!shape.empty()) a.saved = {saved.data(), rows, cols};
    a.scale = scale.data();
    norm_forward(norm, Phase::training, a);
    norm_backward<T>(norm, a, {d_y.data(), rows, cols}, {d_x.data(), rows, cols},
                     {nullptr, nullptr, shape.empty() ? nullptr : d_shape.data()});
  }

  std::size_t at(Index set, Index i) const {
    return std::size_t(sets_are_rows ? set * cols + i : i * cols + set);
  }

  Norm norm;
  bool sets_are_rows;
  Index size, rows, cols;
  std::vector<T> x, y, d_y, d_x, saved, shape, d_shape, scale;
  Index first[2] = {0, 0};
};

/// |actual - expected| within a tolerance of `size`, where the type can hold the number.
template <class T>
void expect_number(const std::string& what, Wide expected, T actual, Wide size,
                   const Tolerance& within) {
  using Limits = std::numeric_limits<T>;
  if (std::abs(expected) > Wide(Limits::max())) return;
  EXPECT_TRUE(std::isfinite(actual)) << what << " = " << actual << ", need " << double(expected);
  const Wide error = std::abs(Wide(actual) - expected);
  EXPECT_LE(double(error), double(Wide(tolerance<T>(within)) * size + 4 * Wide(Limits::min())))
      << what << " = " << actual << ", need " << double(expected);
}

Wide largest_of(const std::vector<Wide>& values) {
  Wide largest = 0;
  for (Wide v : values) largest = std::max(largest, std::abs(v));
  return largest;
}

template <class T>
void expect_set(const Stabilizer& stabilizer, const Set<T>& set) {
  Norm norm{stabilizer};
  if (norm.family() == Family::instance) norm.groups = 0;
  if (norm.family() == Family::column && set.x.size() < 2) return;
  Run<T> run(norm, set);
  run.run();
  const Expected e = expected_of(stabilizer, set);
  const Wide largest_z = largest_of(e.z), largest_d = 3 * std::max(largest_of(e.d), e.scale);
  for (Index i = 0; i < run.size; ++i) {
    const T z = run.y[run.at(0, i)], d = run.d_x[run.at(0, i)];
    const std::string at = "[" + std::to_string(i) + "]";
    if (e.defined) {
      expect_number("z" + at, e.z[std::size_t(i)], z, largest_z, set.within);
      expect_number("d" + at, e.d[std::size_t(i)], d, largest_d, set.within);
    } else {
      EXPECT_EQ(z, T(0)) << "0 / 0 is taken for 0" << at;
      EXPECT_TRUE(std::isfinite(d)) << "d" << at << " = " << d;
    }
    EXPECT_TRUE(std::isfinite(run.y[run.at(1, i)]) && std::isfinite(run.d_x[run.at(1, i)]))
        << "the set beside" << at;
  }
  for (T s : run.d_shape) EXPECT_TRUE(std::isfinite(s)) << "shape's gradient " << s;
}

/// What the mean's rounding cannot reach: a few roundings of each number's own.
constexpr Tolerance kFewRoundings{16, 16};
/// The same of long sums, below 1e-6. Doubles are added as doubles: 70,000 / 32 of them, with a
/// mean of a hundred deviations.
constexpr Tolerance kLong{16, 220000};

template <class T>
std::vector<T> scaled(std::vector<T> values, double factor) {
  for (T& v : values) v = T(double(v) * factor);
  return values;
}

template <class T>
std::vector<Set<T>> sets() {
  const bool is_float = sizeof(T) == sizeof(float);
  const double most = is_float ? 3e38 : 1.7e308;
  const std::vector<T> four = {1, -2, 3, T(0.5)};
  // Neighbours in the type's last digits; and of a hundredth of their mean, by turns of 32.
  const double far = is_float ? 1e4 : 1e13;
  std::vector<T> last_digits, turns;
  for (int i = 0; i < 16; ++i) last_digits.push_back(T(far * (1 + (is_float ? 1e-7 : 2e-16) * i)));
  for (int i = 0; i < 70000; ++i) turns.push_back(i / 32 % 2 == 0 ? T(0.71) : T(0.7));
  std::vector<T> wide = draw_vector<T>(43, 9), neighbours;
  for (int i = 0; i < 43; ++i) neighbours.push_back(T(1e6) + T(i));
  std::vector<Set<T>> all = {
      {"zeros", {0, 0, 0, 0}},
      {"constant", {3, 3, 3, 3}},
      {"constant near the largest", std::vector<T>(4, T(most))},
      {"constant of 1e-30", std::vector<T>(4, T(1e-30))},
      {"constant of 1e30", std::vector<T>(4, T(1e30))},
      {"one number", {5}},
      {"one zero", {0}},
      {"one large number", {T(most)}},
      {"one small number", {T(1e-30)}},
      {"neighbours", {40000, 40001, 40002, 40003}},
      {"43 neighbours", neighbours},
      {"neighbours in the last digits", last_digits, kFewRoundings},
      {"a hundred within a hundredth", {turns.begin(), turns.begin() + 100}, kFewRoundings},
      {"a thousand and a half within a hundredth", {turns.begin(), turns.begin() + 1500}, kLong},
      {"70,000 within a hundredth", turns, kLong},
      // Their sum is rounded, and so is their mean.
      {"43 times one number", std::vector<T>(43, T(1234567.1))},
      {"43 times 0.1", std::vector<T>(43, T(0.1))},
      {"43 times 1.1e30", std::vector<T>(43, T(1.1e30))},
      {"near the largest", scaled<T>({1, T(0.5), T(-0.25), T(0.75)}, most)},
      {"near both largest", scaled<T>({1, -1, T(0.5), T(-0.75)}, most)},
      {"one small among zeros", {T(1e-30), 0, 0, 0}},
      {"one large among zeros", {0, T(1e30), 0, 0}},
      {"large and small", {T(1e30), T(1e-30), T(-1e30), T(2e-30)}},
      {"large, small and ordinary", {T(1e30), T(1e-30), 1, -1}},
  };
  std::vector<double> factors = {1e30, 1e-30, 1e18, 1e20, 1e-18, 1e-20, 1e-5, 1e-9};
  if (!is_float) factors.insert(factors.end(), {1e300, 1e-300, 1e155, 1e-155, 1e-170});
  for (double factor : factors) {
    all.push_back({"four times " + std::to_string(std::log10(factor)), scaled(four, factor)});
    all.push_back({"43 times " + std::to_string(std::log10(factor)), scaled(wide, factor)});
  }
  return all;
}

/// By name; each with epsilon in each place, and with none.
std::vector<std::pair<std::string, Stabilizer>> stabilizers() {
  constexpr EpsilonPlace kInside = EpsilonPlace::inside_root, kOutside = EpsilonPlace::outside_root;
  return {
      {"identity", Identity{}},
      {"unit sphere", Sphere{Sphere::Radius::one}},
      {"root sphere", Sphere{Sphere::Radius::sqrt_channels}},
      {"sphere with a floor of 1e-5", Sphere{Sphere::Radius::one, 1e-5}},
      {"sphere without a floor", Sphere{Sphere::Radius::one, 0}},
      {"rms", Rms{1e-5, kInside}},
      {"rms, epsilon outside", Rms{1e-5, kOutside}},
      {"rms without epsilon", Rms{0, kInside}},
      {"rms without epsilon, outside", Rms{0, kOutside}},
      {"standardize", StandardizeRows{1e-5, kInside}},
      {"standardize, epsilon outside", StandardizeRows{1e-5, kOutside}},
      {"standardize without epsilon", StandardizeRows{0, kInside}},
      {"standardize without epsilon, outside", StandardizeRows{0, kOutside}},
      {"centre", CentreRows{}},
      {"columns", StandardizeColumns{}},
      {"columns without epsilon", StandardizeColumns{0}},
      {"power columns", PowerColumns{}},
      {"power columns without epsilon", PowerColumns{0}},
      {"instances", StandardizeInstances{}},
      {"instances without epsilon", StandardizeInstances{0}},
      {"tanh", DynamicTanh{}},
      {"erf", DynamicErf{}},
      {"erf with a shift", DynamicErf{2, 0.5}},
      {"isru", DynamicIsru{}},
      {"one's own, which leaves rows as they are", custom_rows(Nothing{})},
  };
}

TYPED_TEST(DegenerateNorms, HaveTheValuesOfMathematics) {
  std::vector<bool> seen(std::variant_size_v<Stabilizer>);
  for (const auto& [name, stabilizer] : stabilizers()) {
    seen[stabilizer.index()] = true;
    for (const auto& set : sets<TypeParam>()) {
      SCOPED_TRACE(name + ": " + set.name);
      // Clang 14 lets no lambda capture a name of a structured binding.
      for_each_isa([&, &s = stabilizer] { expect_set<TypeParam>(s, set); });
    }
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), false), 0) << "a stabilizer is not in the list";
}

/// What is brought into range must not lose what never was in it.
TYPED_TEST(DegenerateNorms, NotANumberStaysOne) {
  for (const auto& [name, stabilizer] : stabilizers()) {
    Norm norm{stabilizer};
    if (norm.family() == Family::instance) norm.groups = 0;
    for (const TypeParam factor : {TypeParam(0), TypeParam(1), TypeParam(1e30)}) {
      SCOPED_TRACE(name + ": " + std::to_string(factor));
      Run<TypeParam> run(norm, {"", {factor, -factor, TypeParam(NAN), factor}});
      run.run();
      EXPECT_TRUE(std::isnan(run.y[run.at(0, 2)]));
      EXPECT_TRUE(std::isfinite(run.y[run.at(1, 2)])) << "the set beside";
    }
  }
}

TYPED_TEST(DegenerateNorms, NeighboursFarFrom0AreOneDeviationApart) {
  Run<TypeParam> run({StandardizeRows{}}, {"", {40000, 40001, 40002, 40003}});
  run.run();
  const double expected[] = {-1.3416, -0.4472, 0.4472, 1.3416};
  for (Index i = 0; i < 4; ++i) EXPECT_NEAR(double(run.y[run.at(0, i)]), expected[i], 5e-5);
}

}  // namespace
}  // namespace libnorm::test
