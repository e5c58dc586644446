#include "libnorm/models/parameters.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace libnorm {

Index ParameterList::add(std::string name, Index rows, Index cols, Initial initial, double bound) {
  if (!by_name_.emplace(name, list_.size()).second) {
    throw ValueError("ParameterList: name is taken (" + name + "); need a name of its own");
  }
  const Index offset = size_;
  list_.push_back({std::move(name), rows, cols, offset, initial, bound});
  size_ += rows * cols;
  return offset;
}

void ParameterList::scale_initial(Index offset, Index first_row, double scale) {
  // Of those that begin there, the last is not empty.
  const auto behind = std::upper_bound(list_.begin(), list_.end(), offset,
                                       [](Index at, const Parameter& p) { return at < p.offset; });
  if (behind == list_.begin() || std::prev(behind)->offset != offset) {
    throw ValueError("ParameterList: no tensor begins there (" + std::to_string(offset) +
                     "); need an offset that add returned");
  }
  Parameter& p = *std::prev(behind);
  p.scaled_row = first_row;
  p.scale = scale;
}

void ParameterList::draw_matrices(double deviation) {
  for (Parameter& p : list_) {
    if (p.is_matrix()) {
      p.initial = Initial::normal;
      p.deviation = deviation;
    } else if (p.initial == Initial::uniform || p.initial == Initial::normal) {
      p.initial = Initial::zero;
    }
  }
}

std::vector<bool> ParameterList::in_matrices() const {
  std::vector<bool> all;
  for (const Parameter& p : list_) all.insert(all.end(), std::size_t(p.size()), p.is_matrix());
  return all;
}

const Parameter& ParameterList::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) return list_[found->second];
  throw ValueError("ParameterList: unknown name (" + name + "); need one of the model's");
}

template <class T>
void ParameterList::draw(std::uint64_t seed, T* values) const {
  for (const Parameter& p : list_) {
    const Random random(seed, Purpose::initial_values, stream_of(p.name));
    for (Index i = 0; i < p.size(); ++i) {
      double x = 0;
      switch (p.initial) {
        case Initial::zero: x = 0; break;
        case Initial::one: x = 1; break;
        case Initial::constant: x = p.bound; break;
        case Initial::normal: x = p.deviation * random.normal(std::uint64_t(i)); break;
        case Initial::uniform: x = p.bound * (2.0 * random.uniform(std::uint64_t(i)) - 1.0); break;
      }
      if (i >= p.scaled_row * p.cols && p.scale != 1) x *= p.scale;
      values[p.offset + i] = T(x);
    }
  }
}

template void ParameterList::draw<float>(std::uint64_t, float*) const;
template void ParameterList::draw<double>(std::uint64_t, double*) const;

}  // namespace libnorm
