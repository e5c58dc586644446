#pragma once

#include <cstddef>
#include <vector>

#include "libnorm/core/device.hpp"
#include "libnorm/data/batch.hpp"

namespace libnorm {

/// The arrays of a batch where a model computes; they mean what those of Batch mean.
struct BatchView {
  /// As of the batch.
  /// @{
  Path path = Path::shortcut;
  Index sequences = 0, positions = 0;
  /// @}
  /// R
  Index rows = 0;
  /// Those of the longest sequence; 0 on the processor, where nothing asks for them.
  Index most_rows = 0;
  /// The sum of (rows of a sequence)^2.
  Index squares = 0;
  /// The arrays. Nothing here owns them.
  /// @{
  const std::int32_t* ids = nullptr;
  const float* counts = nullptr;
  const double* log_counts = nullptr;
  const Index* first = nullptr;
  const std::int32_t* sequence_of_row = nullptr;
  const Index* square_first = nullptr;
  const std::int32_t* readout_row = nullptr;
  const std::int32_t* readout_id = nullptr;
  const std::int32_t* targets = nullptr;
  const std::int32_t* tokens = nullptr;
  const std::int32_t* token_of_row = nullptr;
  Groups rows_of_token, readouts_of_token;
  /// @}

  /// G, the distinct ids.
  Index token_count() const { return rows_of_token.count; }
};

/// A batch's arrays on the thread's device: those of the batch itself, or a copy of them on a GPU,
/// made at once.
class BatchMemory {
 public:
  /// The view lasts until the next call, and as long as the batch.
  BatchView view(const Batch& batch);

 private:
  std::vector<std::byte> staged_;
  DeviceMemory device_;
};

}  // namespace libnorm
