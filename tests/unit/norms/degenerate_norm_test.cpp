#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "libnorm/norms/catalogue.hpp"
#include "tests/oracle/oracle.hpp"
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

/// A stabilizer, and the name of its formula in the oracle.
struct Variant {
  std::string name, formula;
  Stabilizer stabilizer;
};

/// What mathematics makes of a set.
struct Expected {
  std::vector<Wide> z;
  /// Where the gradient is looked at, and what it is there.
  std::vector<std::size_t> places;
  std::vector<Wide> d;
  /// What an error of the gradient is held against beside the gradient itself, of which much may
  /// cancel: the largest that x or a change of x is multiplied by.
  Wide scale = 0;
  bool defined = true;
};

Wide largest_of(const std::vector<Wide>& values) {
  Wide largest = 0;
  for (Wide v : values) largest = std::max(largest, std::abs(v));
  return largest;
}

/// All of few, a few of many.
std::vector<std::size_t> places_of(std::size_t n) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < n; i += n < 200 ? 1 : n / 9) places.push_back(i);
  return places;
}

oracle::NormNumbers numbers_of(const Stabilizer& stabilizer, Index channels) {
  oracle::NormNumbers numbers;
  std::visit(
      [&](const auto& s) {
        if constexpr (requires { s.epsilon; }) numbers.epsilon = s.epsilon;
        if constexpr (requires { s.place; }) {
          numbers.epsilon_is_outside = s.place == EpsilonPlace::outside_root;
        }
        if constexpr (requires { s.floor; }) numbers.floor = s.floor;
      },
      stabilizer);
  for (const StabilizerParameter& s : Norm{stabilizer}.stabilizer_parameters(channels)) {
    numbers.shape.push_back(s.initial);
  }
  return numbers;
}

template <class T>
Expected expected_of(const Variant& v, const Set<T>& set) {
  const std::vector<double> x(set.x.begin(), set.x.end());
  const std::vector<T> g = set.gradient();
  Expected e;
  e.places = places_of(x.size());
  const oracle::Stabilized s =
      oracle::stabilize(v.formula, x, e.places, numbers_of(v.stabilizer, Index(x.size())));
  e.z = s.z;
  e.defined = std::all_of(e.z.begin(), e.z.end(), [](Wide z) { return std::isfinite(z); });
  if (!e.defined) return e;
  for (const std::vector<Wide>& slopes : s.slopes) {
    Wide along = 0;
    for (std::size_t i = 0; i < g.size(); ++i) along += slopes[i] * Wide(g[i]);
    e.d.push_back(along);
    e.scale = std::max(e.scale, largest_of(slopes));
  }
  const Wide largest_x = largest_of({set.x.begin(), set.x.end()});
  if (largest_x > 0) e.scale = std::max(e.scale, largest_of(e.z) / largest_x);
  // A function of one number at a time is of the size of 1, and so is what its slope is made of.
  if (Norm{v.stabilizer}.family() == Family::pointwise) e.scale = std::max(e.scale, Wide(1));
  return e;
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
    for (const StabilizerParameter& s : norm.stabilizer_parameters(cols))
      shape.push_back(T(s.initial));
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

template <class T>
void expect_set(const Variant& v, const Set<T>& set) {
  Norm norm{v.stabilizer};
  if (norm.family() == Family::instance) norm.groups = 0;
  if (norm.family() == Family::column && set.x.size() < 2) return;
  const Expected e = expected_of(v, set);
  const Wide largest_z = largest_of(e.z), largest_d = 3 * std::max(largest_of(e.d), e.scale);
  for_each_isa([&] {
    Run<T> run(norm, set);
    run.run();
    for (Index i = 0; i < run.size; ++i) {
      const T z = run.y[run.at(0, i)], d = run.d_x[run.at(0, i)];
      const std::string at = "[" + std::to_string(i) + "]";
      if (e.defined) {
        expect_number("z" + at, e.z[std::size_t(i)], z, largest_z, set.within);
      } else {
        EXPECT_EQ(z, T(0)) << "0 / 0 is taken for 0" << at;
        EXPECT_TRUE(std::isfinite(d)) << "d" << at << " = " << d;
      }
      EXPECT_TRUE(std::isfinite(run.y[run.at(1, i)]) && std::isfinite(run.d_x[run.at(1, i)]))
          << "the set beside" << at;
    }
    for (std::size_t k = 0; k < e.d.size(); ++k) {
      const Index place = Index(e.places[k]);
      expect_number("d[" + std::to_string(place) + "]", e.d[k], run.d_x[run.at(0, place)],
                    largest_d, set.within);
    }
    for (T s : run.d_shape) EXPECT_TRUE(std::isfinite(s)) << "shape's gradient " << s;
  });
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

/// Each stabilizer of the catalogue, and each with its numbers changed, one after the other; and
/// one's own.
std::vector<Variant> variants() {
  std::vector<Variant> all;
  for (const NamedStabilizer& named : named_stabilizers()) {
    const std::string name(named.name);
    const auto add = [&](const std::string& how, const Stabilizer& s) {
      all.push_back({name + how, name, s});
    };
    add("", named.stabilizer);
    std::visit(
        [&](auto s) {
          const auto published = s;
          if constexpr (requires { s.place; }) {
            s.place = EpsilonPlace::outside_root;
            add(", epsilon outside", s);
            s.epsilon = 0;
            add(" without epsilon, outside", s);
            s = published;
          }
          if constexpr (requires { s.epsilon; }) {
            s.epsilon = 0;
            add(" without epsilon", s);
          }
          if constexpr (requires { s.floor; }) {
            for (const double floor : {1e-5, 0.0}) {
              s.floor = floor;
              add(" with a floor of " + std::to_string(floor), s);
            }
          }
          if constexpr (requires { s.shift; }) {
            s.alpha = 2;
            s.shift = 0.5;
            add(" with a shift", s);
          }
        },
        named.stabilizer);
  }
  all.push_back({"one's own, which leaves rows as they are", "identity", custom_rows(Nothing{})});
  return all;
}

TYPED_TEST(DegenerateNorms, HaveTheValuesOfMathematics) {
  std::vector<bool> seen(std::variant_size_v<Stabilizer>);
  for (const Variant& variant : variants()) {
    seen[variant.stabilizer.index()] = true;
    for (const auto& set : sets<TypeParam>()) {
      SCOPED_TRACE(variant.name + ": " + set.name);
      expect_set<TypeParam>(variant, set);
    }
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), false), 0)
      << "a stabilizer of the variant has no line in named_stabilizers(); need one in "
         "libnorm/norms/catalogue.cpp";
}

/// What is brought into range must not lose what never was in it.
TYPED_TEST(DegenerateNorms, NotANumberStaysOne) {
  for (const Variant& variant : variants()) {
    Norm norm{variant.stabilizer};
    if (norm.family() == Family::instance) norm.groups = 0;
    for (const TypeParam factor : {TypeParam(0), TypeParam(1), TypeParam(1e30)}) {
      SCOPED_TRACE(variant.name + ": " + std::to_string(factor));
      Run<TypeParam> run(norm, {"", {factor, -factor, TypeParam(NAN), factor}});
      run.run();
      EXPECT_TRUE(std::isnan(run.y[run.at(0, 2)]));
      EXPECT_TRUE(std::isfinite(run.y[run.at(1, 2)])) << "the set beside";
    }
  }
}

// The inverse of their deviation is beyond the range of the type.
TYPED_TEST(DegenerateNorms, SubnormalNumbersStayFinite) {
  const TypeParam f = (std::numeric_limits<TypeParam>::min)() / 16;
  for (const Variant& variant : variants()) {
    Norm norm{variant.stabilizer};
    if (norm.family() == Family::instance) norm.groups = 0;
    SCOPED_TRACE(variant.name);
    Run<TypeParam> run(norm, {"", {f, -f, f, 2 * f}});
    run.run();
    for (Index i = 0; i < 4; ++i) {
      EXPECT_TRUE(std::isfinite(run.y[run.at(0, i)])) << i << ": " << run.y[run.at(0, i)];
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
