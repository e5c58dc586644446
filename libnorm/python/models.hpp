#pragma once

#include <mutex>
#include <utility>

#include "libnorm/models/transformer.hpp"
#include "libnorm/optim/adam.hpp"

namespace libnorm::python {

/// A model that threads may share: they take turns.
template <class T>
class SharedModel {
 public:
  explicit SharedModel(const TransformerOptions& options) : own_(options) {}

  /// Calls f(model) alone.
  template <class F>
  auto use(F f) {
    const std::scoped_lock lock(mutex_);
    return f(own_);
  }
  /// For what does not change: sizes, names, places.
  Transformer<T>& own() { return own_; }

 private:
  std::mutex mutex_;
  Transformer<T> own_;
};

/// Adam on a model.
template <class T>
struct ModelAdam {
  SharedModel<T>* model;
  Adam<T> adam;
};

}  // namespace libnorm::python
