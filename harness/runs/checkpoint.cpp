#include "harness/runs/checkpoint.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "harness/base/sha256.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

constexpr std::int64_t kCurvePoints = 200;
constexpr std::int64_t kFinalSteps = 100;

/// NaN of none.
double mean(const std::vector<float>& losses, std::int64_t first, std::int64_t end) {
  if (first == end) return std::numeric_limits<double>::quiet_NaN();
  double total = 0;
  for (std::int64_t i = first; i < end; ++i) total += double(losses[std::size_t(i)]);
  return total / double(end - first);
}

}  // namespace

void take_bytes(std::span<const std::byte>& state, std::span<std::byte> to) {
  if (state.size() < to.size()) {
    throw libnorm::DataError("checkpoint: it is shorter than the model it is for (" +
                             std::to_string(state.size()) + " bytes left, " +
                             std::to_string(to.size()) + " needed); delete the run's folder");
  }
  if (!to.empty()) std::memcpy(to.data(), state.data(), to.size());
  state = state.subspan(to.size());
}

void require_empty(std::span<const std::byte> state) {
  if (state.empty()) return;
  throw libnorm::DataError("checkpoint: it is longer than the model it is for (" +
                           std::to_string(state.size()) +
                           " bytes too many); delete the run's folder");
}

void add_losses(RunResult& result, const std::vector<float>& losses, std::int64_t steps,
                bool diverged) {
  const std::int64_t done = std::int64_t(losses.size());
  result.steps = done;
  result.diverged_at = diverged ? done - 1 : -1;
  result.losses_sha256 = sha256_hex(bytes_of(losses));
  result.curve_stride = std::max<std::int64_t>(1, steps / kCurvePoints);
  for (std::int64_t i = 0; i + result.curve_stride <= done; i += result.curve_stride) {
    result.loss_curve.push_back(mean(losses, i, i + result.curve_stride));
  }
  result.final_loss = mean(losses, std::max<std::int64_t>(0, done - kFinalSteps), done);
}

}  // namespace harness
