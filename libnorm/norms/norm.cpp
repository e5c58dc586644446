#include "libnorm/norms/norm.hpp"

#include <type_traits>

#include "libnorm/core/launch.hpp"
#include "libnorm/norms/row_norm.hpp"

namespace libnorm {
namespace {

constexpr Index kRowGrain = 64;

Index column_blocks(Index channels) { return (channels + kLanes - 1) / kLanes; }

template <class T>
void check(const char* where, const NormArrays<T>& a, const Norm& norm) {
  const bool affine = norm.affine == Affine::gain_and_bias;
  if (a.input.rows != a.output.rows || a.input.cols != a.output.cols ||
      a.stabilized.rows != a.input.rows || a.stabilized.cols != a.input.cols ||
      (a.branch.data != nullptr &&
       (a.branch.rows != a.input.rows || a.branch.cols != a.input.cols))) {
    throw ShapeError(std::string(where) + ": shapes differ (input " +
                     shape_text(a.input.rows, a.input.cols) + ", branch " +
                     shape_text(a.branch.rows, a.branch.cols) + ", output " +
                     shape_text(a.output.rows, a.output.cols) + "); need one shape");
  }
  if (affine != (a.gain != nullptr) || affine != (a.bias != nullptr)) {
    throw ValueError(std::string(where) + ": gain and bias do not fit the norm's affine part (" +
                     (affine ? "it has one, they are null" : "it has none, they are given") +
                     "); need both or neither");
  }
}

template <class T>
void forward(const StandardizeColumns& s, Phase phase, const NormArrays<T>& a) {
  const Index channels = a.input.cols;
  T* const mean = a.scale + channels;
  launch(a.input.rows, kRowGrain, AddRowsBody<T>{a.input, a.branch, a.stabilized});
  if (phase == Phase::training) {
    if (a.positions < 2) {
      throw ValueError("batchnorm: too few positions for a variance (" +
                       std::to_string(a.positions) + "); need at least 2");
    }
    launch(column_blocks(channels), 1,
           ColumnStatisticsBody<T>{s, a.stabilized, a.count, a.positions, mean, a.scale,
                                   a.running_mean, a.running_variance});
  } else {
    launch(column_blocks(channels), 8,
           RunningScaleBody<T>{s, channels, a.running_mean, a.running_variance, mean, a.scale});
  }
  launch(a.input.rows, kRowGrain,
         StandardizeColumnsBody<T>{a.stabilized, mean, a.scale, a.gain, a.bias, a.stabilized,
                                   a.output});
}

template <class T, class RowStabilizer>
void forward(const RowStabilizer& s, Phase, const NormArrays<T>& a) {
  launch(a.input.rows, kRowGrain,
         RowNormBody<T, RowStabilizer>{s, a.input, a.branch, a.gain, a.bias, a.stabilized, a.output,
                                       a.scale});
}

template <class T>
void backward(const StandardizeColumns&, const NormArrays<T>& a,
              const MatrixView<const T>& d_output, const MatrixView<T>& d_input, const T* d_gain,
              const T* d_bias) {
  launch(d_output.rows, kRowGrain,
         StandardizeColumnsBackwardBody<T>{d_output, a.stabilized, a.count, a.positions, a.scale,
                                           a.gain, d_bias, d_gain, d_input});
}

template <class T, class RowStabilizer>
void backward(const RowStabilizer& s, const NormArrays<T>& a, const MatrixView<const T>& d_output,
              const MatrixView<T>& d_input, const T*, const T*) {
  launch(
      d_output.rows, kRowGrain,
      RowNormBackwardBody<T, RowStabilizer>{s, d_output, a.stabilized, a.gain, a.scale, d_input});
}

}  // namespace

const std::vector<NamedNorm>& named_norms() {
  static const std::vector<NamedNorm> norms = {
      {"layernorm",
       {StandardizeRows{}, Affine::gain_and_bias},
       "gain (x - mean) / sqrt(var + 1e-5) + bias, over channels"},
      {"batchnorm",
       {StandardizeColumns{}, Affine::gain_and_bias},
       "gain (x - mean) / sqrt(var + 1e-5) + bias, over positions"},
      {"manual_l2", {Sphere{Sphere::Radius::one}, Affine::none}, "x / max(||x||, 1e-9)"},
      {"sphere",
       {Sphere{Sphere::Radius::sqrt_channels}, Affine::none},
       "sqrt(C) x / max(||x||, 1e-9)"},
      {"none", {Identity{}, Affine::none}, "x"},
  };
  return norms;
}

const NamedNorm& find_norm(std::string_view name) {
  std::string known;
  for (const NamedNorm& norm : named_norms()) {
    if (norm.name == name) return norm;
    known += known.empty() ? "" : ", ";
    known += norm.name;
  }
  throw ValueError("norm: unknown name (" + std::string(name) + "); use one of " + known);
}

template <class T>
void norm_forward(const Norm& norm, Phase phase, const NormArrays<T>& arrays) {
  check("norm_forward", arrays, norm);
  std::visit([&](const auto& s) { forward(s, phase, arrays); }, norm.stabilizer);
}

template <class T>
void norm_backward(const Norm& norm, const NormArrays<T>& arrays,
                   const MatrixView<const T>& d_output, const MatrixView<T>& d_input, T* d_gain,
                   T* d_bias) {
  check("norm_backward", arrays, norm);
  if (d_gain == nullptr && norm.mixes_rows()) {
    d_gain = arrays.scale + 2 * d_output.cols;
    d_bias = arrays.scale + 3 * d_output.cols;
  }
  if (d_gain != nullptr) {
    launch(column_blocks(d_output.cols), 1,
           AffineGradientBody<T>{d_output, arrays.stabilized, d_gain, d_bias});
  }
  std::visit([&](const auto& s) { backward(s, arrays, d_output, d_input, d_gain, d_bias); },
             norm.stabilizer);
}

template void norm_forward<float>(const Norm&, Phase, const NormArrays<float>&);
template void norm_forward<double>(const Norm&, Phase, const NormArrays<double>&);
template void norm_backward<float>(const Norm&, const NormArrays<float>&,
                                   const MatrixView<const float>&, const MatrixView<float>&, float*,
                                   float*);
template void norm_backward<double>(const Norm&, const NormArrays<double>&,
                                    const MatrixView<const double>&, const MatrixView<double>&,
                                    double*, double*);

}  // namespace libnorm
