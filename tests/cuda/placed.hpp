#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "libnorm/core/device.hpp"
#include "tests/support/arrays.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/norm_run.hpp"

namespace libnorm::test {

/// Puts a test's arrays where the thread's device is, and brings back what was written.
class Placed {
 public:
  template <class T>
  const T* in(const std::vector<T>& values) {
    return send(values.data(), values.size());
  }
  template <class T>
  T* inout(std::vector<T>& values) {
    return back(values.data(), values.size());
  }
  MatrixView<const float> in(const MatrixView<const float>& m) {
    return {send(m.data, extent(m)), m.rows, m.cols, m.stride};
  }
  MatrixView<float> inout(const MatrixView<float>& m) {
    return {back(m.data, extent(m)), m.rows, m.cols, m.stride};
  }

  /// A norm's arrays.
  NormArrays<float> inout(NormRun<float>& run) {
    NormArrays<float> a = run.arrays();
    a.input = in(a.input);
    a.branch = in(a.branch);
    a.count = in(run.counts);
    a.first = in(run.first);
    if (a.gain != nullptr) a.gain = in(run.gain);
    if (a.bias != nullptr) a.bias = in(run.bias);
    if (a.shape != nullptr) a.shape = in(run.shape);
    const bool one = a.stabilized.data == a.output.data;
    a.output = inout(a.output);
    a.stabilized = one ? a.output : inout(a.stabilized);
    if (a.saved.data != nullptr) a.saved = inout(a.saved);
    a.scale = inout(run.scale);
    a.running_mean = inout(run.running_mean);
    a.running_variance = inout(run.running_variance);
    return a;
  }

  /// Brings back everything that may have been written.
  void fetch() {
    for (const auto& copy : backs_) copy();
  }

 private:
  static std::size_t extent(const MatrixView<const float>& m) {
    return m.rows == 0 ? 0 : std::size_t((m.rows - 1) * m.stride + m.cols);
  }
  template <class T>
  T* send(T* host, std::size_t count) {
    if (current_device() == Device::cpu || host == nullptr || count == 0) return host;
    DeviceMemory& memory = memories_.emplace_back();
    void* data = memory.reserve(count * sizeof(T), "a test's array");
    copy_to_device(data, host, count * sizeof(T));
    return static_cast<T*>(data);
  }
  template <class T>
  T* back(T* host, std::size_t count) {
    T* data = send(host, count);
    if (data != host) {
      backs_.push_back([=] { copy_to_host(host, data, count * sizeof(T)); });
    }
    return data;
  }

  std::deque<DeviceMemory> memories_;
  std::vector<std::function<void()>> backs_;
};

/// Adds the numbers of a matrix.
inline void append(std::vector<float>& all, const Padded<float>& more) {
  const auto values = values_of(more.view());
  all.insert(all.end(), values.begin(), values.end());
}

/// f(placed) returns all numbers that an operation made: the GPU's have the processor's bits.
template <class F>
void expect_same_on_gpu(const std::string& what, F f) {
  const auto run = [&](Device device) {
    const DeviceScope scope(device);
    Placed placed;
    return f(placed);
  };
  const auto expected = run(Device::cpu);
  EXPECT_TRUE(same_bits(what, expected, run(Device::cuda)));
}

}  // namespace libnorm::test
