#pragma once

#include <cstddef>
#include <string>

#include "libnorm/core/error.hpp"

namespace libnorm {

/// Where arrays of float lie and launches run. Results do not depend on it.
enum class Device { cpu, cuda };

/// Throws: BackendError, in one sentence, unless `device` can be used here: a build without it, no
/// such device in the machine, or a driver too old.
void require_device(Device device);

/// A description of `device` for records: `NVIDIA H100 80GB HBM3, compute capability 9.0, CUDA
/// 13.0, driver 13.0`; for the processor, `cpu`. Throws: as require_device.
std::string describe_device(Device device);

/// The device of the calling thread: that of its innermost DeviceScope, or the processor.
Device current_device();

/// The calling thread uses `device` while this lives. On a GPU it has a stream of its own, which a
/// scope within another shares, so that several threads, each with a model, share the device.
/// Arrays belong to the device they were made for, and outlive no scope of it. Throws: as
/// require_device.
class DeviceScope {
 public:
  /// The destructor gives the thread back the device that it had.
  explicit DeviceScope(Device device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  Device before_;
  [[maybe_unused]] bool owns_stream_ = false;
};

/// The GPU's peak float operations per second, a multiply-add counting two: the data sheet's
/// number, not a measurement. Throws: as require_device.
double nominal_gpu_flops();

/// Waits for what the calling thread has launched. Throws: BackendError where a launch failed.
void finish_launches();

/// Bytes on a GPU, from a pool that keeps freed memory. They are scratch or mirror an array
/// elsewhere, so a copy of this object starts empty.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  /// Copies no bytes: the target of an assignment keeps its own.
  /// @{
  DeviceMemory(const DeviceMemory&) {}
  DeviceMemory& operator=(const DeviceMemory&) { return *this; }
  /// @}
  /// Moving takes the other's bytes; move assignment swaps.
  /// @{
  DeviceMemory(DeviceMemory&& other) noexcept;
  DeviceMemory& operator=(DeviceMemory&& other) noexcept;
  /// @}
  ~DeviceMemory();

  /// Makes room for at least `bytes`; growing loses the content. `what` names the memory in
  /// messages. Throws: BackendError if they do not fit, with the bytes that are free.
  void* reserve(std::size_t bytes, const std::string& what);
  /// The bytes on the GPU; null before reserve.
  void* data() const { return data_; }
  /// Bytes reserved.
  std::size_t size() const { return bytes_; }

 private:
  void release() noexcept;

  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Copies, in the order of the calling thread's launches. copy_to_host waits until the bytes have
/// arrived.
/// @{
void copy_to_device(void* to, const void* from, std::size_t bytes);
void copy_to_host(void* to, const void* from, std::size_t bytes);
/// @}

}  // namespace libnorm
