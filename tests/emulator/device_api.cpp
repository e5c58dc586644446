#include <chrono>
#include <cstring>
#include <mutex>
#include <utility>

#include "tests/emulator/device.hpp"

using emulator::Device;
using emulator::with_device;

struct CUstream_st {};
struct CUevent_st {
  bool is_timed;
  bool is_recorded = false;
  std::chrono::steady_clock::time_point time = {};
};

namespace emulator {
namespace {

thread_local cudaError_t last_error = cudaSuccess;

constexpr int kMultiprocessors = 4;
constexpr int kKilohertz = 1000;
constexpr int kThreadsOfMultiprocessor = 2048;
constexpr int kMajor = 9, kMinor = 0;
constexpr int kCacheBytes = 50 << 20;

}  // namespace

cudaError_t remember(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

}  // namespace emulator

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInitializationError: return "cudaErrorInitializationError";
    case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
    case cudaErrorInvalidPitchValue: return "cudaErrorInvalidPitchValue";
    case cudaErrorInvalidMemcpyDirection: return "cudaErrorInvalidMemcpyDirection";
    case cudaErrorInsufficientDriver: return "cudaErrorInsufficientDriver";
    case cudaErrorInvalidDeviceFunction: return "cudaErrorInvalidDeviceFunction";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorNoKernelImageForDevice: return "cudaErrorNoKernelImageForDevice";
    case cudaErrorInvalidResourceHandle: return "cudaErrorInvalidResourceHandle";
    case cudaErrorNotReady: return "cudaErrorNotReady";
    case cudaErrorIllegalAddress: return "cudaErrorIllegalAddress";
    case cudaErrorLaunchOutOfResources: return "cudaErrorLaunchOutOfResources";
    case cudaErrorMisalignedAddress: return "cudaErrorMisalignedAddress";
    case cudaErrorLaunchFailure: return "cudaErrorLaunchFailure";
    case cudaErrorNotSupported: return "cudaErrorNotSupported";
    case cudaErrorUnknown: return "cudaErrorUnknown";
  }
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidConfiguration: return "invalid configuration argument";
    case cudaErrorInvalidDeviceFunction: return "invalid device function";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorInvalidResourceHandle: return "invalid resource handle";
    case cudaErrorNotSupported: return "operation not supported";
    default: return cudaGetErrorName(error);
  }
}

cudaError_t cudaPeekAtLastError() { return emulator::last_error; }
cudaError_t cudaGetLastError() { return std::exchange(emulator::last_error, cudaSuccess); }

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  // Without a driver it is 0, and that is no error.
  const std::lock_guard lock(emulator::device().mutex);
  *version = emulator::device().devices == 0 ? 0 : CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  return with_device([&](Device& d) {
    *count = d.devices;
    return cudaSuccess;
  });
}

cudaError_t cudaGetDevice(int* index) {
  return with_device([&](Device&) {
    *index = 0;
    return cudaSuccess;
  });
}

cudaError_t cudaSetDevice(int index) {
  return with_device([&](Device&) { return index == 0 ? cudaSuccess : cudaErrorInvalidDevice; });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int index) {
  return with_device([&](Device& d) {
    if (index != 0) return cudaErrorInvalidDevice;
    *properties = {};
    std::strcpy(properties->name, "emulated");
    properties->totalGlobalMem = d.memory.limit();
    properties->sharedMemPerBlock = emulator::kSharedBytes;
    properties->sharedMemPerBlockOptin = emulator::kSharedBytesWithOptIn;
    properties->sharedMemPerMultiprocessor = emulator::kSharedBytesInAll;
    properties->warpSize = emulator::kWarp;
    properties->maxThreadsPerBlock = emulator::kMaxThreads;
    properties->maxThreadsPerMultiProcessor = emulator::kThreadsOfMultiprocessor;
    properties->major = emulator::kMajor;
    properties->minor = emulator::kMinor;
    properties->multiProcessorCount = emulator::kMultiprocessors;
    properties->l2CacheSize = emulator::kCacheBytes;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int index) {
  return with_device([&](Device&) {
    if (index != 0) return cudaErrorInvalidDevice;
    switch (attribute) {
      case cudaDevAttrMaxThreadsPerBlock: *value = emulator::kMaxThreads; break;
      case cudaDevAttrMaxSharedMemoryPerBlock: *value = emulator::kSharedBytes; break;
      case cudaDevAttrWarpSize: *value = emulator::kWarp; break;
      case cudaDevAttrClockRate: *value = emulator::kKilohertz; break;
      case cudaDevAttrMultiProcessorCount: *value = emulator::kMultiprocessors; break;
      case cudaDevAttrL2CacheSize: *value = emulator::kCacheBytes; break;
      case cudaDevAttrMaxThreadsPerMultiProcessor:
        *value = emulator::kThreadsOfMultiprocessor;
        break;
      case cudaDevAttrComputeCapabilityMajor: *value = emulator::kMajor; break;
      case cudaDevAttrComputeCapabilityMinor: *value = emulator::kMinor; break;
      case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *value = emulator::kSharedBytesInAll; break;
      case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = emulator::kSharedBytesWithOptIn; break;
      case cudaDevAttrMemoryPoolsSupported: *value = 1; break;
      default: return cudaErrorInvalidValue;
    }
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceSynchronize() {
  return with_device([](Device&) { return cudaSuccess; });
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  return with_device([&](Device& d) {
    if (kernel == nullptr) return cudaErrorInvalidDeviceFunction;
    if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout) return cudaSuccess;
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 ||
        std::size_t(value) > emulator::kSharedBytesWithOptIn) {
      return cudaErrorInvalidValue;
    }
    d.shared_bytes[kernel] = std::size_t(value);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return with_device([&](Device& d) {
    if (flags > cudaStreamNonBlocking) return cudaErrorInvalidValue;
    *stream = *d.streams.insert(new CUstream_st).first;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return with_device([&](Device& d) {
    if (d.streams.erase(stream) == 0) return cudaErrorInvalidResourceHandle;
    delete stream;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return with_device([&](Device& d) {
    return is_stream(d, stream) ? cudaSuccess : cudaErrorInvalidResourceHandle;
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return with_device([&](Device& d) {
    return is_stream(d, stream) && d.events.contains(event) ? cudaSuccess
                                                            : cudaErrorInvalidResourceHandle;
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return with_device([&](Device& d) {
    *event = *d.events.insert(new CUevent_st{(flags & cudaEventDisableTiming) == 0}).first;
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return with_device([&](Device& d) {
    if (d.events.erase(event) == 0) return cudaErrorInvalidResourceHandle;
    delete event;
    return cudaSuccess;
  });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return with_device([&](Device& d) {
    if (!is_stream(d, stream) || !d.events.contains(event)) return cudaErrorInvalidResourceHandle;
    event->is_recorded = true;
    event->time = std::chrono::steady_clock::now();
    return cudaSuccess;
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return with_device([&](Device& d) {
    return d.events.contains(event) ? cudaSuccess : cudaErrorInvalidResourceHandle;
  });
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  return with_device([&](Device& d) {
    for (cudaEvent_t event : {start, end}) {
      if (!d.events.contains(event) || !event->is_timed || !event->is_recorded) {
        return cudaErrorInvalidResourceHandle;
      }
    }
    *milliseconds = std::chrono::duration<float, std::milli>(end->time - start->time).count();
    return cudaSuccess;
  });
}
