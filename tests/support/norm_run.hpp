#pragma once

#include <string>
#include <vector>

#include "libnorm/norms/norm.hpp"
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
        scale(std::size_t(std::max(rows, 4 * cols)), T(NAN)),
        counts(std::size_t(rows), 1.0f),
        positions(rows) {
    for (T& v : running_variance) v = v * v + T(0.5);
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

  bool affine() const { return norm.affine == Affine::gain_and_bias; }

  NormArrays<T> arrays() {
    NormArrays<T> a;
    a.input = input.view();
    a.branch = branch.view();
    a.count = counts.data();
    a.positions = positions;
    a.gain = affine() ? gain.data() : nullptr;
    a.bias = affine() ? bias.data() : nullptr;
    a.output = output.view();
    a.stabilized = affine() ? stabilized.view() : output.view();
    a.scale = scale.data();
    a.running_mean = running_mean.data();
    a.running_variance = running_variance.data();
    return a;
  }

  void forward(Phase phase = Phase::training) { norm_forward(norm, phase, arrays()); }
  void backward() {
    norm_backward<T>(norm, arrays(), d_output.view(), d_input.view(),
                     affine() ? d_gain.data() : nullptr, affine() ? d_bias.data() : nullptr);
  }

  Norm norm;
  Padded<T> input, branch, output, stabilized, d_output, d_input;
  std::vector<T> gain, bias, running_mean, running_variance, d_gain, d_bias, scale;
  std::vector<float> counts;
  Index positions;
};

/// Every stabilizer with and without an affine part, and so more than the catalogue.
struct NormCase {
  std::string oracle_name;
  Norm norm;
};
inline std::vector<NormCase> norm_cases() {
  std::vector<NormCase> cases;
  for (const NamedNorm& named : named_norms()) {
    for (Affine affine : {Affine::none, Affine::gain_and_bias}) {
      cases.push_back({std::string(named.name), {named.norm.stabilizer, affine}});
    }
  }
  return cases;
}
inline std::string trace_of(const NormCase& c) {
  return c.oracle_name + (c.norm.affine == Affine::none ? " without" : " with") + " affine part";
}

}  // namespace libnorm::test
