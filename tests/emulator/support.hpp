#pragma once

#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <cuda_runtime.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/emulator/emulator.hpp"

namespace libnorm::test {

/// Device memory that is freed at the end.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t count) : count_(count) {
    EXPECT_EQ(cudaMalloc(&data_, count * sizeof(T)), cudaSuccess);
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    EXPECT_EQ(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice),
              cudaSuccess);
  }
  ~DeviceArray() { EXPECT_EQ(cudaFree(data_), cudaSuccess); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return data_; }
  std::vector<T> values() const {
    std::vector<T> result(count_);
    EXPECT_EQ(cudaMemcpy(result.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost),
              cudaSuccess);
    return result;
  }

 private:
  std::size_t count_;
  T* data_ = nullptr;
};

struct Shape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;
};

template <class... Expected, class... Actual>
void launch(const Shape& shape, void (*kernel)(Expected...), Actual&&... arguments) {
  cudaLaunchConfig_t config = {};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  EXPECT_EQ(cudaLaunchKernelEx(&config, kernel, std::forward<Actual>(arguments)...), cudaSuccess);
}

/// 0, 1, 2, ...
inline std::vector<float> counting(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

/// Calls f in several orders of blocks and threads.
template <class F>
void for_each_order(F f) {
  using emulator::Order;
  int index = 0;
  for (Order blocks : {Order::forward, Order::reversed, Order::shuffled}) {
    for (Order threads : {Order::forward, Order::reversed, Order::shuffled}) {
      SCOPED_TRACE("order " + std::to_string(index));
      emulator::set_order(blocks, threads, unsigned(++index));
      f();
    }
  }
  emulator::set_order(Order::forward, Order::forward);
}

/// f must throw a violation of the kind, whose text has all the parts, in every order of threads.
template <class F>
void expect_violation(emulator::Violation::Kind kind, const std::vector<std::string>& parts, F f) {
  for_each_order([&] {
    try {
      f();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const emulator::Violation& violation) {
      EXPECT_EQ(int(violation.kind()), int(kind)) << violation.what();
      for (const std::string& part : parts) EXPECT_THAT(violation.what(), testing::HasSubstr(part));
    }
  });
}

}  // namespace libnorm::test
