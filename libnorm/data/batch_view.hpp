#pragma once

#include <cstddef>
#include <vector>

#include "libnorm/core/device.hpp"
#include "libnorm/data/batch.hpp"

namespace libnorm {

/// The arrays of a Batch on the device where a model computes.
struct BatchView {
  /// As in Batch.
  /// @{
  Path path = Path::shortcut;
  Index sequences = 0, positions = 0;
  /// @}
  /// R
  Index rows = 0;
  /// Rows of the longest sequence; 0 on the processor, which does not need it.
  Index most_rows = 0;
  /// The sum of (rows of a sequence)^2.
  Index squares = 0;
  /// Arrays as in Batch; not owned.
  /// @{
  const std::int32_t* ids = nullptr;
  const float* counts = nullptr;
  const double* log_counts = nullptr;
  const Index* first = nullptr;
  const std::int32_t* sequence_of_row = nullptr;
  const Index* square_first = nullptr;
  const std::int32_t* prediction_row = nullptr;
  const std::int32_t* prediction_id = nullptr;
  const std::int32_t* targets = nullptr;
  const std::int32_t* tokens = nullptr;
  const std::int32_t* token_of_row = nullptr;
  Groups rows_of_token, predictions_of_token;
  /// @}

  /// G, the distinct ids.
  Index token_count() const { return rows_of_token.count; }
};

/// A batch's arrays on the thread's device: the batch's own, or a copy of them on a GPU.
class BatchMemory {
 public:
  /// The view is valid until the next call, and no longer than the batch.
  BatchView view(const Batch& batch);

 private:
  std::vector<std::byte> staged_;
  DeviceMemory device_;
};

}  // namespace libnorm
