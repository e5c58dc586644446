#include "libnorm/core/device.hpp"

#include <utility>

#if defined(LIBNORM_CUDA)
#include "libnorm/core/cuda.hpp"
#endif

namespace libnorm {
namespace {

thread_local Device this_device = Device::cpu;

}  // namespace

Device current_device() { return this_device; }

#if defined(LIBNORM_CUDA)

namespace {

thread_local cudaStream_t this_stream = nullptr;

std::string megabytes(std::size_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/// The pool keeps what was given back, so that a step after the first asks the driver for nothing.
void keep_memory() {
  cudaMemPool_t pool = nullptr;
  require_cuda(cudaDeviceGetDefaultMemPool(&pool, 0), "cuda");
  std::uint64_t all = ~std::uint64_t{0};
  require_cuda(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all), "cuda");
}

}  // namespace

void require_cuda(cudaError_t status, const char* where) {
  if (status == cudaSuccess) return;
  throw BackendError(std::string(where) + ": the CUDA runtime failed (" + cudaGetErrorName(status) +
                     ", " + cudaGetErrorString(status) +
                     "); need a working GPU, or the processor (--device cpu)");
}

cudaStream_t current_stream() { return this_stream; }

void require_device(Device device) {
  if (device == Device::cpu) return;
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count > 0) return;
  throw BackendError(
      "device: no usable GPU (" +
      std::string(status == cudaSuccess ? "none found" : cudaGetErrorString(status)) +
      "); need an NVIDIA GPU and its driver, or the processor (--device cpu)");
}

std::string describe_device(Device device) {
  require_device(device);
  if (device == Device::cpu) return "cpu";
  cudaDeviceProp properties{};
  int runtime = 0, driver = 0;
  require_cuda(cudaGetDeviceProperties(&properties, 0), "device");
  require_cuda(cudaRuntimeGetVersion(&runtime), "device");
  require_cuda(cudaDriverGetVersion(&driver), "device");
  return std::string(properties.name) + ", compute capability " + std::to_string(properties.major) +
         "." + std::to_string(properties.minor) + ", CUDA " + version_text(runtime) + ", driver " +
         version_text(driver);
}

int multiprocessors() {
  static const int count = [] {
    int n = 0;
    require_cuda(cudaDeviceGetAttribute(&n, cudaDevAttrMultiProcessorCount, 0), "device");
    return n;
  }();
  return count;
}

double nominal_gpu_flops() {
  require_device(Device::cuda);
  const auto attribute = [](cudaDeviceAttr which) {
    int value = 0;
    require_cuda(cudaDeviceGetAttribute(&value, which, 0), "device");
    return value;
  };
  const int major = attribute(cudaDevAttrComputeCapabilityMajor);
  const int minor = attribute(cudaDevAttrComputeCapabilityMinor);
  const double cores = major == 7 || (major == 8 && minor == 0) ? 64 : 128;
  const double kilohertz = attribute(cudaDevAttrClockRate);
  return 2 * cores * multiprocessors() * kilohertz * 1e3;
}

DeviceScope::DeviceScope(Device device) : before_(this_device) {
  require_device(device);
  if (device == Device::cuda && this_stream == nullptr) {
    require_cuda(cudaSetDevice(0), "device");
    static const bool kept = (keep_memory(), true);
    static_cast<void>(kept);
    require_cuda(cudaStreamCreateWithFlags(&this_stream, cudaStreamNonBlocking), "device");
    owns_stream_ = true;
  }
  this_device = device;
}

DeviceScope::~DeviceScope() {
  if (owns_stream_) {
    // What is wrong with a launch was thrown by whoever waited for its result.
    cudaStreamSynchronize(this_stream);
    cudaStreamDestroy(this_stream);
    this_stream = nullptr;
  }
  this_device = before_;
}

void finish_launches() {
  if (this_device == Device::cuda) require_cuda(cudaStreamSynchronize(this_stream), "cuda");
}

void* DeviceMemory::reserve(std::size_t bytes, const std::string& what) {
  if (bytes <= bytes_) return data_;
  release();
  if (cudaMallocAsync(&data_, bytes, this_stream) != cudaSuccess) {
    data_ = nullptr;
    cudaGetLastError();  // Not to be reported again by whoever asks next.
    std::size_t free = 0, total = 0;
    require_cuda(cudaMemGetInfo(&free, &total), "device memory");
    throw BackendError("device memory: " + what + " does not fit (" + megabytes(bytes) +
                       " asked for, " + megabytes(free) + " of " + megabytes(total) +
                       " free); need a smaller batch or model, or the processor (--device cpu)");
  }
  bytes_ = bytes;
  return data_;
}

void DeviceMemory::release() noexcept {
  // Behind the launches of this thread's stream; after its scope, behind everything.
  if (data_ != nullptr) cudaFreeAsync(data_, this_stream);
  data_ = nullptr;
  bytes_ = 0;
}

void copy_to_device(void* to, const void* from, std::size_t bytes) {
  require_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, this_stream), "copy");
}
void copy_to_host(void* to, const void* from, std::size_t bytes) {
  require_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, this_stream), "copy");
  finish_launches();
}

#else

namespace {

[[noreturn]] void no_cuda() {
  throw BackendError(
      "device: this build has no CUDA (cuda); need the processor (--device cpu), or the preset "
      "`cuda`, which takes the CUDA Toolkit 12 or later");
}

}  // namespace

void require_device(Device device) {
  if (device != Device::cpu) no_cuda();
}
std::string describe_device(Device device) {
  require_device(device);
  return "cpu";
}
DeviceScope::DeviceScope(Device device) : before_(this_device) { require_device(device); }
DeviceScope::~DeviceScope() { this_device = before_; }
double nominal_gpu_flops() { no_cuda(); }
void finish_launches() {}
void* DeviceMemory::reserve(std::size_t, const std::string&) { no_cuda(); }
void DeviceMemory::release() noexcept {}
void copy_to_device(void*, const void*, std::size_t) { no_cuda(); }
void copy_to_host(void*, const void*, std::size_t) { no_cuda(); }

#endif

DeviceMemory::DeviceMemory(DeviceMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
DeviceMemory& DeviceMemory::operator=(DeviceMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}
DeviceMemory::~DeviceMemory() { release(); }

}  // namespace libnorm
