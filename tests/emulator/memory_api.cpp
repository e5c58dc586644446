#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/emulator/device.hpp"

using emulator::Device;
using emulator::Region;
using emulator::Violation;
using emulator::with_device;

namespace emulator {
namespace {

constexpr auto kOutOfBounds = Violation::Kind::out_of_bounds;

/// Bytes that a function of the host reads or writes.
struct Span {
  const char* function;
  const char* verb;
  std::uintptr_t address;
  std::size_t bytes;
};

std::string describe(const Span& span) {
  return std::string(span.function) + ": " + span.verb + " " + std::to_string(span.bytes) +
         " bytes at ";
}

/// Throws: Violation unless all of it lies in one allocation.
const Region& on_device(const Device& d, const Span& span) {
  const Region* region = d.memory.find(span.address);
  if (region == nullptr || span.bytes > region->bytes - (span.address - region->begin)) {
    throw Violation(kOutOfBounds,
                    describe(span) +
                        (d.memory.in_range(span.address) ? d.memory.place(span.address)
                                                         : std::string("the host's memory")) +
                        "; need an allocation of the device");
  }
  return *region;
}

void* on_host(const Device& d, const Span& span) {
  if (d.memory.in_range(span.address)) {
    throw Violation(kOutOfBounds,
                    describe(span) + d.memory.place(span.address) + "; need the host's memory");
  }
  return reinterpret_cast<void*>(span.address);
}

cudaMemcpyKind resolved(const Device& d, cudaMemcpyKind kind, const void* to, const void* from) {
  if (kind != cudaMemcpyDefault) return kind;
  const bool to_device = d.memory.in_range(std::uintptr_t(to));
  const bool from_device = d.memory.in_range(std::uintptr_t(from));
  return cudaMemcpyKind(int(to_device) + 2 * int(from_device));
}

void require_written(const Device& d, const Region& region, const Span& span) {
  const std::size_t offset = span.address - region.begin;
  const std::size_t unwritten = first_unwritten(region, offset, span.bytes);
  if (unwritten == offset + span.bytes) return;
  throw Violation(Violation::Kind::unwritten,
                  describe(span) + d.memory.place(span.address) + ", of which nobody has written " +
                      "the byte at " + std::to_string(unwritten) + "; need a write before");
}

void copy(Device& d, const char* function, void* to, const void* from, std::size_t bytes,
          cudaMemcpyKind kind) {
  if (bytes == 0) return;
  const Span target{function, "writes", std::uintptr_t(to), bytes};
  const Span source{function, "reads", std::uintptr_t(from), bytes};
  switch (resolved(d, kind, to, from)) {
    case cudaMemcpyHostToDevice: {
      on_host(d, source);
      const Region& region = on_device(d, target);
      mark_written(region, target.address - region.begin, bytes);
      break;
    }
    case cudaMemcpyDeviceToHost: {
      on_host(d, target);
      require_written(d, on_device(d, source), source);
      break;
    }
    case cudaMemcpyDeviceToDevice: {
      const Region& region = on_device(d, source);
      const Region& other = on_device(d, target);
      copy_written(other, target.address - other.begin, region, source.address - region.begin,
                   bytes);
      break;
    }
    default: on_host(d, source), on_host(d, target);
  }
  std::memmove(to, from, bytes);
}

cudaError_t allocate(Device& d, void** address, std::size_t bytes) {
  *address = nullptr;
  if (bytes == 0) return cudaSuccess;
  *address = d.memory.allocate(bytes);
  return *address == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}

/// CUDA returns an error, but destructors have no use for one.
void release(Device& d, const char* function, const void* address) {
  if (address == nullptr || d.memory.release(address)) return;
  throw Violation(kOutOfBounds, std::string(function) + ": frees " +
                                    (d.memory.in_range(std::uintptr_t(address))
                                         ? d.memory.place(std::uintptr_t(address))
                                         : std::string("the host's memory")) +
                                    "; need the beginning of an allocation of the device");
}

}  // namespace
}  // namespace emulator

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  return with_device([&](Device& d) {
    *total = d.memory.limit();
    *free = d.memory.limit() - std::min(d.memory.used(), d.memory.limit());
    return cudaSuccess;
  });
}

cudaError_t cudaMalloc(void** address, std::size_t bytes) {
  return with_device([&](Device& d) { return emulator::allocate(d, address, bytes); });
}

cudaError_t cudaMallocAsync(void** address, std::size_t bytes, cudaStream_t stream) {
  return with_device([&](Device& d) {
    if (!is_stream(d, stream)) return cudaErrorInvalidResourceHandle;
    return emulator::allocate(d, address, bytes);
  });
}

cudaError_t cudaFree(void* address) {
  return with_device([&](Device& d) {
    emulator::release(d, "cudaFree", address);
    return cudaSuccess;
  });
}

cudaError_t cudaFreeAsync(void* address, cudaStream_t stream) {
  return with_device([&](Device& d) {
    if (!is_stream(d, stream)) return cudaErrorInvalidResourceHandle;
    emulator::release(d, "cudaFreeAsync", address);
    return cudaSuccess;
  });
}

cudaError_t cudaMallocHost(void** address, std::size_t bytes) {
  return with_device([&](Device& d) {
    *address = std::malloc(bytes);
    if (*address == nullptr) return cudaErrorMemoryAllocation;
    d.host_allocations.insert(*address);
    return cudaSuccess;
  });
}

cudaError_t cudaFreeHost(void* address) {
  return with_device([&](Device& d) {
    if (address == nullptr) return cudaSuccess;
    if (d.host_allocations.erase(address) == 0) return cudaErrorInvalidValue;
    std::free(address);
    return cudaSuccess;
  });
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return with_device([&](Device& d) {
    emulator::copy(d, "cudaMemcpy", to, from, bytes, kind);
    return cudaSuccess;
  });
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return with_device([&](Device& d) {
    if (!is_stream(d, stream)) return cudaErrorInvalidResourceHandle;
    emulator::copy(d, "cudaMemcpyAsync", to, from, bytes, kind);
    return cudaSuccess;
  });
}

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from,
                              std::size_t from_pitch, std::size_t width, std::size_t height,
                              cudaMemcpyKind kind, cudaStream_t stream) {
  return with_device([&](Device& d) {
    if (!is_stream(d, stream)) return cudaErrorInvalidResourceHandle;
    if (width > to_pitch || width > from_pitch) return cudaErrorInvalidPitchValue;
    for (std::size_t row = 0; row < height; ++row) {
      emulator::copy(d, "cudaMemcpy2DAsync", static_cast<char*>(to) + row * to_pitch,
                     static_cast<const char*>(from) + row * from_pitch, width, kind);
    }
    return cudaSuccess;
  });
}

cudaError_t cudaMemset(void* address, int value, std::size_t bytes) {
  return cudaMemsetAsync(address, value, bytes);
}

cudaError_t cudaMemsetAsync(void* address, int value, std::size_t bytes, cudaStream_t stream) {
  return with_device([&](Device& d) {
    if (!is_stream(d, stream)) return cudaErrorInvalidResourceHandle;
    if (bytes == 0) return cudaSuccess;
    const emulator::Span span{"cudaMemset", "writes", std::uintptr_t(address), bytes};
    const Region& region = on_device(d, span);
    mark_written(region, span.address - region.begin, bytes);
    std::memset(address, value, bytes);
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int index) {
  return with_device([&](Device& d) {
    if (index != 0) return cudaErrorInvalidDevice;
    *pool = reinterpret_cast<cudaMemPool_t>(&d);
    return cudaSuccess;
  });
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void*) {
  return with_device([&](Device& d) {
    if (pool != reinterpret_cast<cudaMemPool_t>(&d)) return cudaErrorInvalidValue;
    return attribute == cudaMemPoolAttrReleaseThreshold ? cudaSuccess : cudaErrorInvalidValue;
  });
}
