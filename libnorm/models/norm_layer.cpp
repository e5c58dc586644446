#include "libnorm/models/norm_layer.hpp"

#include <cmath>

#include "libnorm/ops/rows.hpp"

namespace libnorm {

template <class T>
NormLayer<T>::NormLayer(const Norm& norm, Index channels, const std::string& name,
                        ParameterList& parameters, ParameterList& running)
    : norm_(norm),
      channels_(channels),
      shape_count_(Index(norm.stabilizer_parameters(channels).size())) {
  norm.checked_groups(channels);
  check_numbers<T>(norm);
  if (has_gain(norm.affine)) {
    const double unit = norm.gain_unit == GainUnit::one ? 1 : std::sqrt(double(channels));
    gain_ = parameters.add(name + "gain", 1, gain_size(norm.affine, channels), Initial::constant,
                           norm.initial_gain * unit);
  }
  if (has_bias(norm.affine)) bias_ = parameters.add(name + "bias", 1, channels, Initial::zero);
  bool first = true;
  for (const StabilizerParameter& number : norm.stabilizer_parameters(channels)) {
    const Index at = parameters.add(name + number.name, 1, 1, Initial::constant, number.initial);
    if (first) shape_ = at;
    first = false;
  }
  if (norm.has_running_mean()) {
    mean_ = running.add(name + "running_mean", 1, channels, Initial::zero);
  }
  if (norm.has_running()) {
    variance_ = running.add(name + "running_var", 1, channels, Initial::one);
  }
}

template <class T>
void NormLayer<T>::run(const Pass<T>& pass, RowSet set, const MatrixView<const T>& input,
                       const MatrixView<const T>& branch, const MatrixView<T>& output) {
  const Index rows = input.rows, channels = input.cols;
  const Index instances = norm_.family() == Family::instance ? pass.batch.sequences : 0;
  NormArrays<T> a;
  a.input = input;
  a.branch = branch;
  a.count = set == RowSet::all ? pass.batch.counts : nullptr;
  a.positions = set == RowSet::all ? pass.batch.positions : rows;
  a.first = pass.batch.first;
  a.instances = instances;
  if (has_gain(norm_.affine)) a.gain = pass.weights + gain_;
  if (has_bias(norm_.affine)) a.bias = pass.weights + bias_;
  if (norm_.family() == Family::pointwise) {
    a.shape = pass.weights + shape_;
    a.saved = saved_.view(rows, channels);
  }
  a.output = output;
  const bool in_place = value_of(output.data) == value_of(input.data);
  a.stabilized =
      norm_.affine == Affine::none && !in_place ? output : stabilized_.view(rows, channels);
  a.scale = scale_.view(1, norm_scale_size(norm_, rows, channels, instances)).data;
  if (norm_.has_running() && pass.running != nullptr) {
    if (norm_.has_running_mean()) a.running_mean = pass.running + mean_;
    a.running_variance = pass.running + variance_;
  }
  arrays_ = a;
  norm_forward(norm_, pass.phase, arrays_);
}

template <class T>
MatrixView<const T> NormLayer<T>::forward(const Pass<T>& pass, RowSet set,
                                          const MatrixView<const T>& input,
                                          const MatrixView<const T>& branch) {
  run(pass, set, input, branch, output_.view(input.rows, input.cols));
  return arrays_.output;
}

template <class T>
void NormLayer<T>::forward_in_place(const Pass<T>& pass, const MatrixView<T>& rows) {
  run(pass, RowSet::prediction, rows, {}, rows);
}

template <class T>
void NormLayer<T>::backward(const MatrixView<const T>& d_output, const MatrixView<T>& d_input,
                            Pointer<T> gradient, Output output) {
  struct Part {
    Index offset, size;
    Pointer<T> NormGradients<T>::*member;
  };
  const Part parts[] = {
      {gain_, has_gain(norm_.affine) ? gain_size(norm_.affine, channels_) : 0,
       &NormGradients<T>::gain},
      {bias_, has_bias(norm_.affine) ? channels_ : 0, &NormGradients<T>::bias},
      {shape_, shape_count_, &NormGradients<T>::shape},
  };
  const auto addends = addends_.view(3, channels_ + kMostStabilizerParameters);
  NormGradients<T> g;
  for (Index i = 0; i < 3; ++i) {
    if (parts[i].size == 0) continue;
    g.*parts[i].member = output == Output::add ? addends.row(i) : gradient + parts[i].offset;
  }
  norm_backward<T>(norm_, arrays_, d_output, d_input, g);
  for (Index i = 0; i < 3 && output == Output::add; ++i) {
    const MatrixView<T> total(gradient + parts[i].offset, 1, parts[i].size);
    if (parts[i].size > 0)
      add_rows<T>(total, addends.row_range(i, 1).col_range(0, parts[i].size), total);
  }
}

template class NormLayer<float>;
template class NormLayer<double>;
template class NormLayer<Dual<double>>;

}  // namespace libnorm
