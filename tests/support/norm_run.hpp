#pragma once

#include <string>
#include <vector>

#include "libnorm/norms/catalogue.hpp"
#include "tests/support/arrays.hpp"

namespace libnorm::test {

/// A norm with drawn input, branch, gain, bias and running statistics, and poisoned outputs.
template <class T>
struct NormRun {
  NormRun(const Norm& n, Index rows, Index cols, std::uint64_t seed = 1)
      : norm(n),
        input(draw<T>(rows, cols, seed, 2)),
        branch(draw<T>(rows, cols, seed + 1, 4)),
        output(rows, cols, 1),
        stabilized(rows, cols, 5),
        d_output(draw<T>(rows, cols, seed + 2, 3)),
        d_input(rows, cols, 2),
        gain(draw_vector<T>(cols, seed + 3)),
        bias(draw_vector<T>(cols, seed + 4)),
        running_mean(draw_vector<T>(cols, seed + 5)),
        running_variance(draw_vector<T>(cols, seed + 6)),
        d_gain(std::size_t(cols), T(NAN)),
        d_bias(std::size_t(cols), T(NAN)),
        saved(rows, cols, 1),
        counts(std::size_t(rows), 1.0f),
        positions(rows),
        first({0, (rows + 1) / 2, rows}) {
    for (T& v : running_variance) v = v * v + T(0.5);
    gain.resize(std::size_t(gain_size(norm.affine, cols)));
    for (const StabilizerParameter& number : norm.stabilizer_parameters(cols))
      shape.push_back(T(number.initial));
    d_shape.assign(shape.size(), T(NAN));
    scale.assign(std::size_t(norm_scale_size(norm, rows, cols, 2)), T(NAN));
  }

  /// Counts of 1 to 4 for the rows.
  void draw_counts() {
    const Random random(21, Purpose::test);
    positions = 0;
    for (std::size_t r = 0; r < counts.size(); ++r) {
      counts[r] = float(1 + random.below(r, 4));
      positions += Index(counts[r]);
    }
  }

  NormArrays<T> arrays() {
    NormArrays<T> a;
    a.input = input.view();
    a.branch = branch.view();
    a.count = counts.data();
    a.positions = positions;
    a.first = first.data();
    a.instances = 2;
    a.gain = has_gain(norm.affine) ? gain.data() : nullptr;
    a.bias = has_bias(norm.affine) ? bias.data() : nullptr;
    a.shape = shape.empty() ? nullptr : shape.data();
    a.output = output.view();
    a.stabilized = norm.affine == Affine::none ? output.view() : stabilized.view();
    if (!shape.empty()) a.saved = saved.view();
    a.scale = scale.data();
    a.running_mean = running_mean.data();
    a.running_variance = running_variance.data();
    return a;
  }

  void forward(Phase phase = Phase::training) { norm_forward(norm, phase, arrays()); }
  void backward() {
    norm_backward<T>(norm, arrays(), d_output.view(), d_input.view(),
                     {has_gain(norm.affine) ? d_gain.data() : nullptr,
                      has_bias(norm.affine) ? d_bias.data() : nullptr,
                      shape.empty() ? nullptr : d_shape.data()});
  }

  Norm norm;
  Padded<T> input, branch, output, stabilized, d_output, d_input;
  std::vector<T> gain, bias, shape, running_mean, running_variance, d_gain, d_bias, d_shape, scale;
  Padded<T> saved;
  std::vector<float> counts;
  Index positions;
  /// Two sequences.
  std::vector<Index> first;
};

/// A norm, and its name in the oracle.
struct NormCase {
  std::string name;
  Norm norm;
};

/// Every stabilizer of the catalogue with every affine part and, where it takes them and 3 divides
/// `cols`, in 3 groups; and every published norm, its groups being 3 or 1.
inline std::vector<NormCase> norm_cases(Index cols) {
  const bool three_divide = cols % 3 == 0;
  std::vector<NormCase> cases;
  for (const NamedStabilizer& named : named_stabilizers()) {
    const std::string name(named.name);
    for (Affine affine :
         {Affine::none, Affine::scalar_gain, Affine::gain, Affine::bias, Affine::gain_and_bias}) {
      cases.push_back({name, {named.stabilizer, affine}});
    }
    const Norm grouped{named.stabilizer, Affine::gain, 3};
    const Family family = grouped.family();
    if (three_divide && (family == Family::row || family == Family::instance)) {
      cases.push_back({name, grouped});
    }
  }
  for (const NamedNorm& named : named_norms()) {
    Norm norm = named.norm;
    if (norm.groups > 1) norm.groups = three_divide ? 3 : 1;
    cases.push_back({std::string(named.name), norm});
  }
  return cases;
}

inline std::string trace_of(const NormCase& c) {
  const std::string gain = c.norm.affine == Affine::scalar_gain ? "+scalar_gain" : "+gain";
  return c.name + (has_gain(c.norm.affine) ? gain : "") + (has_bias(c.norm.affine) ? "+bias" : "") +
         "+groups=" + std::to_string(c.norm.groups);
}

}  // namespace libnorm::test
