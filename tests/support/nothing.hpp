#pragma once

#include "libnorm/norms/custom_rows.hpp"

namespace libnorm::test {

/// A stabilizer of one's own that leaves rows as they are.
struct Nothing {
  template <class T>
  T forward(Pointer<T>, Index) const {
    return T(1);
  }
  template <class T>
  void backward(Pointer<const T>, T, Pointer<T>, Index) const {}
};

}  // namespace libnorm::test
