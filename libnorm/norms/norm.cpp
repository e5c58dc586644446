#include "libnorm/norms/norm.hpp"

#include <algorithm>
#include <type_traits>

#include "libnorm/core/domain.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/norms/column_norm.hpp"
#include "libnorm/norms/row_norm.hpp"

namespace libnorm {
namespace {

constexpr Index kRowGrain = 64;

Index column_blocks(Index channels) { return (channels + kLanes - 1) / kLanes; }

/// Numbers of `scale` that a backward pass needs; behind them stands its scratch.
Index kept_size(const Norm& norm, Index rows, Index channels, Index instances) {
  switch (norm.family()) {
    case Family::row: return rows * norm.checked_groups(channels);
    case Family::pointwise: return 0;
    case Family::column: return 3 * channels;
    case Family::instance: break;
  }
  return instances * channels;
}

template <class T>
Pointer<T> scratch_of(const Norm& norm, const NormArrays<T>& a) {
  return a.scale + kept_size(norm, a.input.rows, a.input.cols, a.instances);
}

template <class T>
void check_affine(const std::string& where, const NormArrays<T>& a, const Norm& norm) {
  const auto fits = [&](bool has, bool given, const char* what) {
    if (has == given) return;
    throw ValueError(where + ": " + what + " does not fit the norm's affine part (" +
                     (has ? "it has one, null is given" : "it has none, one is given") +
                     "); need what the norm has, and nothing else");
  };
  fits(has_gain(norm.affine), a.gain != nullptr, "gain");
  fits(has_bias(norm.affine), a.bias != nullptr, "bias");
  fits(norm.family() == Family::pointwise, a.shape != nullptr, "shape");
}

template <class T>
void check(const std::string& where, const NormArrays<T>& a, const Norm& norm) {
  check_numbers<T>(norm);
  if (a.input.rows < 0 || a.input.cols < 1) {
    throw ShapeError(where + ": no channels (input " + shape_text(a.input.rows, a.input.cols) +
                     "); need at least 1");
  }
  const auto same = [&](const auto& m) { return m.rows == a.input.rows && m.cols == a.input.cols; };
  if (!same(a.output) || !same(a.stabilized) || (a.branch.data != nullptr && !same(a.branch)) ||
      (norm.family() == Family::pointwise && !same(a.saved))) {
    throw ShapeError(where + ": shapes differ (input " + shape_text(a.input.rows, a.input.cols) +
                     ", branch " + shape_text(a.branch.rows, a.branch.cols) + ", output " +
                     shape_text(a.output.rows, a.output.cols) + ", saved " +
                     shape_text(a.saved.rows, a.saved.cols) + "); need one shape");
  }
  if (norm.family() == Family::instance && a.first == nullptr) {
    throw ValueError(where +
                     ": a norm of instances without sequences (first is null); need the first "
                     "row of each");
  }
  check_affine(where, a, norm);
}

template <class T>
void check_forward(const Norm& norm, Phase phase, const NormArrays<T>& a) {
  if (norm.family() == Family::row && value_of(a.input.data) == value_of(a.stabilized.data)) {
    throw ValueError(
        "norm_forward: stabilized may not alias input here (a norm of rows reads them twice); need "
        "memory of its own for stabilized");
  }
  const bool lacks_running =
      a.running_variance == nullptr || (norm.has_running_mean() && a.running_mean == nullptr);
  if (norm.has_running() && phase == Phase::evaluation && lacks_running) {
    throw ValueError(
        "norm_forward: evaluation takes running statistics (null is given); need them");
  }
}

template <class T>
AffineView<T> affine_of(const Norm& norm, const NormArrays<T>& a) {
  return {norm.affine, a.gain, a.bias};
}

template <class T, class S>
void forward_columns(const Norm& norm, const S& s, Phase phase, const NormArrays<T>& a) {
  const Index channels = a.input.cols;
  const Pointer<T> mean = a.scale + channels, rest = mean + channels;
  launch(a.input.rows, kRowGrain, AddRowsBody<T>{a.input, a.branch, a.stabilized});
  if (phase == Phase::training) {
    constexpr Index kFewest = S::kCentred ? 2 : 1;
    if (a.positions < kFewest) {
      throw ValueError(std::string("norm_forward: too few positions for a ") +
                       (S::kCentred ? "variance (" : "mean square (") +
                       std::to_string(a.positions) + "); need at least " + std::to_string(kFewest));
    }
    launch(column_blocks(channels), 1,
           ColumnStatisticsBody<T, S>{s, a.stabilized, a.count, a.positions, mean, rest, a.scale,
                                      a.running_mean, a.running_variance});
  } else {
    launch(column_blocks(channels), 8,
           RunningScaleBody<T, S>{s, channels, a.running_mean, a.running_variance, mean, rest,
                                  a.scale});
  }
  launch(a.input.rows, kRowGrain,
         ColumnNormBody<T>{a.stabilized, mean, rest, a.scale, affine_of(norm, a), a.stabilized,
                           a.output});
}

template <class T>
void forward_instances(const Norm& norm, const StandardizeInstances& s, const NormArrays<T>& a) {
  const Index channels = a.input.cols, each = a.instances * channels;
  const Pointer<T> scratch = scratch_of(norm, a);
  launch(a.input.rows, kRowGrain, AddRowsBody<T>{a.input, a.branch, a.stabilized});
  launch(a.instances, 1,
         InstanceNormBody<T>{s, norm.checked_groups(channels), a.first, a.count, a.stabilized,
                             affine_of(norm, a), a.stabilized, a.output, a.scale, scratch,
                             scratch + each, scratch + 2 * each});
}

/// What has no kernels must not be given a GPU's arrays.
template <class S>
void require_place() {
  if constexpr (requires { S::kOnProcessorAlone; }) {
    if (current_device() == Device::cpu) return;
    throw BackendError(
        "norm: a custom stabilizer has no GPU kernel (cuda); need the processor for it");
  }
}

template <class T, class S>
void forward(const Norm& norm, const S& s, Phase phase, const NormArrays<T>& a) {
  require_place<S>();
  if constexpr (S::kFamily == Family::row) {
    launch(a.input.rows, kRowGrain,
           RowNormBody<T, S>{s, norm.checked_groups(a.input.cols), a.input, a.branch,
                             affine_of(norm, a), a.stabilized, a.output, a.scale});
  } else if constexpr (S::kFamily == Family::pointwise) {
    launch(a.input.rows, kRowGrain,
           PointwiseNormBody<T, S>{s, a.input, a.branch, a.shape, affine_of(norm, a), a.saved,
                                   a.stabilized, a.output});
  } else if constexpr (S::kFamily == Family::column) {
    forward_columns(norm, s, phase, a);
  } else {
    forward_instances(norm, s, a);
  }
}

/// d_gain and d_bias, and for stabilizers of columns the same sums under another name.
template <class T>
void affine_backward(const Norm& norm, const NormArrays<T>& a, const MatrixView<const T>& d_output,
                     const MatrixView<T>& d_input, const NormGradients<T>& gradients) {
  const Index channels = d_output.cols;
  const Pointer<T> scratch = scratch_of(norm, a);
  NormGradients<T> sums = gradients;
  if (norm.family() == Family::column) {
    if (norm.affine != Affine::gain && norm.affine != Affine::gain_and_bias) sums.gain = scratch;
    if (sums.bias == nullptr) sums.bias = scratch + channels;
  } else if (norm.affine == Affine::scalar_gain) {
    sums.gain = scratch;
  }
  if (sums.gain == nullptr && sums.bias == nullptr) return;
  const auto sum = [&] {
    launch_row_sums<T>(AffineGradientRowSums<T>{d_output, a.stabilized, sums.gain, sums.bias});
    if (norm.affine == Affine::scalar_gain) {
      launch(1, 1, SumChannelsBody<T>{sums.gain, channels, gradients.gain});
    }
  };
  // The backward pass of columns takes the sums, and one in place overwrites what they are of.
  const bool can_wait =
      norm.family() != Family::column && value_of(d_input.data) != value_of(d_output.data);
  can_wait ? after_rows(sum) : sum();
}

template <class T, class S>
void backward(const Norm& norm, const S& s, const NormArrays<T>& a,
              const MatrixView<const T>& d_output, const MatrixView<T>& d_input,
              const NormGradients<T>& gradients) {
  require_place<S>();
  const Index rows = d_output.rows, channels = d_output.cols;
  const AffineView<T> affine = affine_of(norm, a);
  const Pointer<T> scratch = scratch_of(norm, a);
  if constexpr (S::kFamily == Family::row) {
    launch(rows, kRowGrain,
           RowNormBackwardBody<T, S>{s, norm.checked_groups(channels), d_output, a.stabilized,
                                     affine, a.scale, d_input});
  } else if constexpr (S::kFamily == Family::pointwise) {
    launch(rows, kRowGrain,
           PointwiseNormBackwardBody<T, S>{s, d_output, a.saved, a.shape, affine, d_input});
    after_rows([&] {
      launch_row_sums<T>(
          ShapeGradientRowSums<T, S>{s, d_output, a.saved, a.shape, affine, scratch});
      for (Index i = 0; i < s.shape_count(); ++i) {
        launch(1, 1, SumChannelsBody<T>{scratch + i * channels, channels, gradients.shape + i});
      }
    });
  } else if constexpr (S::kFamily == Family::column) {
    const bool own_gain = norm.affine == Affine::gain || norm.affine == Affine::gain_and_bias;
    const Pointer<const T> sum_zg = own_gain ? gradients.gain : scratch;
    const Pointer<const T> sum_g = has_bias(norm.affine) ? gradients.bias : scratch + channels;
    launch(rows, kRowGrain,
           ColumnNormBackwardBody<T, S>{d_output, a.stabilized, a.count, a.positions, a.scale,
                                        affine, sum_g, sum_zg, d_input});
  } else {
    launch(a.instances, 1,
           InstanceNormBackwardBody<T>{norm.checked_groups(channels), a.first, a.count, d_output,
                                       a.stabilized, affine, a.scale, scratch,
                                       scratch + a.instances * channels, d_input});
  }
}

}  // namespace

Family Norm::family() const {
  return std::visit([](const auto& s) { return std::decay_t<decltype(s)>::kFamily; }, stabilizer);
}

bool Norm::mixes_rows(Phase phase) const {
  return family() == Family::instance || (family() == Family::column && phase == Phase::training);
}

bool Norm::has_running_mean() const {
  return std::visit(
      [](const auto& s) {
        using S = std::decay_t<decltype(s)>;
        if constexpr (S::kFamily == Family::column) return S::kCentred;
        return false;
      },
      stabilizer);
}

std::vector<StabilizerParameter> Norm::stabilizer_parameters(Index channels) const {
  std::vector<StabilizerParameter> numbers;
  std::visit(
      [&](const auto& s) {
        if constexpr (std::decay_t<decltype(s)>::kFamily == Family::pointwise) {
          for (Index i = 0; i < s.shape_count(); ++i) {
            numbers.push_back(s.stabilizer_parameter(i, channels));
          }
        }
      },
      stabilizer);
  return numbers;
}

Index Norm::checked_groups(Index channels) const {
  const Index count = groups == 0 ? channels : groups;
  const bool takes_groups = family() == Family::row || family() == Family::instance;
  if (count < 1 || channels % count != 0 || (count != 1 && !takes_groups)) {
    throw ValueError("norm: impossible groups (" + std::to_string(count) + " of " +
                     std::to_string(channels) +
                     " channels); need a number that divides the channels, and 1 for stabilizers "
                     "that are pointwise or of columns");
  }
  return count;
}

template <class T>
void check_numbers(const Norm& norm) {
  using R = Real<T>;
  const std::string as = type_text<R>();
  const auto at_least_0 = [&](const char* name, double x) {
    require_in_domain(x == 0 || is_positive_as<R>(x), "norm", name, x,
                      "0 or a finite number > 0, as " + as);
  };
  const auto finite = [&](const char* name, double x) {
    require_in_domain(is_finite_as<R>(x), "norm", name, x, "a finite number, as " + as);
  };
  std::visit(
      [&](const auto& s) {
        if constexpr (requires { s.epsilon; }) at_least_0("epsilon", s.epsilon);
        if constexpr (requires { s.floor; }) at_least_0("floor", s.floor);
        if constexpr (requires { s.momentum; }) {
          require_in_domain(0 <= s.momentum && s.momentum <= 1, "norm", "momentum", s.momentum,
                            "0 .. 1");
        }
        if constexpr (requires { s.alpha; }) finite("alpha", s.alpha);
        if constexpr (requires { s.shift; }) finite("shift", s.shift);
      },
      norm.stabilizer);
  finite("initial_gain", norm.initial_gain);
}

Index norm_scale_size(const Norm& norm, Index rows, Index channels, Index instances) {
  const Index scratch = norm.family() == Family::instance ? 3 * instances * channels
                                                          : kMostStabilizerParameters * channels;
  return kept_size(norm, rows, channels, instances) + std::max(scratch, channels);
}

template <class T>
void norm_forward(const Norm& norm, Phase phase, const NormArrays<T>& arrays) {
  check("norm_forward", arrays, norm);
  if (arrays.input.rows == 0) return;
  check_forward(norm, phase, arrays);
  std::visit([&](const auto& s) { forward(norm, s, phase, arrays); }, norm.stabilizer);
}

template <class T>
void norm_backward(const Norm& norm, const NormArrays<T>& arrays,
                   const MatrixView<const T>& d_output, const MatrixView<T>& d_input,
                   const NormGradients<T>& gradients) {
  check("norm_backward", arrays, norm);
  affine_backward(norm, arrays, d_output, d_input, gradients);
  std::visit([&](const auto& s) { backward(norm, s, arrays, d_output, d_input, gradients); },
             norm.stabilizer);
}

#define LIBNORM_INSTANTIATE(T)                                                                  \
  template void check_numbers<T>(const Norm&);                                                  \
  template void norm_forward<T>(const Norm&, Phase, const NormArrays<T>&);                      \
  template void norm_backward<T>(const Norm&, const NormArrays<T>&, const MatrixView<const T>&, \
                                 const MatrixView<T>&, const NormGradients<T>&);
LIBNORM_INSTANTIATE(float)
LIBNORM_INSTANTIATE(double)
LIBNORM_INSTANTIATE(Dual<double>)
#undef LIBNORM_INSTANTIATE

}  // namespace libnorm
