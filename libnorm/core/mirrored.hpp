#pragma once

#include <cstddef>
#include <type_traits>

#include "libnorm/core/device.hpp"
#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// An array with a mirror on the GPU. It is copied from one side to the other only when it is asked
/// for there and has changed since: a model that trains on a GPU moves no weights until they are
/// looked at.
template <class T>
class Mirrored {
 public:
  Mirrored() = default;
  /// The copy holds the current numbers, in the processor's memory.
  /// @{
  Mirrored(const Mirrored& other) : host_(other.host()) {}
  Mirrored& operator=(const Mirrored& other) {
    host_ = other.host();
    newer_ = Side::host;
    return *this;
  }
  /// @}
  /// Moves both sides.
  /// @{
  Mirrored(Mirrored&&) = default;
  Mirrored& operator=(Mirrored&&) = default;
  /// @}

  /// `size` times x. Arrays that host() returned before must not be written to any more.
  void assign(std::size_t size, const T& x) {
    host_.assign(size, x);
    newer_ = Side::host;
    lent_ = false;
  }
  /// Numbers in the array.
  std::size_t size() const { return host_.size(); }

  /// The current array in the processor's memory. It may be written to until a GPU writes: up to
  /// then it is copied whenever a GPU reads.
  Array<T>& host() {
    fetch();
    newer_ = Side::host;
    lent_ = true;
    return host_;
  }
  /// The same for reading; current until a GPU writes.
  const Array<T>& host() const {
    fetch();
    return host_;
  }

  /// The current array on the calling thread's device.
  Pointer<const T> read() const {
    if constexpr (kMoves) {
      if (current_device() == Device::cuda) return send();
    }
    return host().data();
  }
  /// The same for interfaces whose type allows writing but that only read.
  Pointer<T> read_as_mutable() {
    if constexpr (kMoves) {
      if (current_device() == Device::cuda) return send();
    }
    fetch();
    return host_.data();
  }
  /// The same for writing.
  Pointer<T> write() {
    if constexpr (kMoves) {
      if (current_device() == Device::cuda) {
        float* data = send();
        newer_ = Side::device;
        lent_ = false;
        return data;
      }
    }
    return host().data();
  }

 private:
  static constexpr bool kMoves = std::is_same_v<T, float>;
  enum class Side { host, device, both };

  std::size_t bytes() const { return host_.size() * sizeof(T); }

  void fetch() const {
    if constexpr (kMoves) {
      if (newer_ != Side::device) return;
      copy_to_host(host_.data(), device_.data(), bytes());
      newer_ = Side::both;
    }
  }
  float* send() const {
    auto* data = static_cast<float*>(
        device_.size() < bytes() ? device_.reserve(bytes(), "an array of " + std::to_string(size()))
                                 : device_.data());
    if (newer_ == Side::host) {
      copy_to_device(data, host_.data(), bytes());
      if (!lent_) newer_ = Side::both;
    }
    return data;
  }

  mutable Array<T> host_;
  mutable DeviceMemory device_;
  mutable Side newer_ = Side::host;
  bool lent_ = false;
};

}  // namespace libnorm
