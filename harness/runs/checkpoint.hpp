#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "harness/results/result.hpp"

namespace harness {

/// The bytes of numbers, as they lie in memory.
template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

/// Adds numbers to a state.
template <class T>
void append(std::vector<std::byte>& state, const std::vector<T>& values) {
  const auto bytes = bytes_of(values);
  state.insert(state.end(), bytes.begin(), bytes.end());
}

/// Reads the next bytes of a state. Throws: DataError if it has fewer.
void take_bytes(std::span<const std::byte>& state, std::span<std::byte> to);

/// Reads as many numbers as the vector has elements.
template <class T>
void take(std::span<const std::byte>& state, std::vector<T>& values) {
  take_bytes(state, std::as_writable_bytes(std::span(values)));
}

/// Throws: DataError if the state has unread bytes.
void require_empty(std::span<const std::byte> state);

/// Sets a result's steps, divergence, final loss, loss curve and hash of the losses.
/// losses: one for each step done. steps: the planned number.
void add_losses(RunResult& result, const std::vector<float>& losses, std::int64_t steps,
                bool diverged);

}  // namespace harness
