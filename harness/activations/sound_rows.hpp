#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/activations/activation_file.hpp"
#include "libnorm/core/tensor.hpp"

namespace harness {

/// The place of a number in a file, counted from 0 as NumPy does: `row 9001, channel 3`; for more
/// than two dimensions with its index, `row 9, channel 3 ([1, 4, 3])`.
std::string place_text(const libnorm::StoredRows& rows, libnorm::Index row, libnorm::Index channel);

/// Throws: DataError for the first NaN or infinity in some rows of a file, or number beyond 1e290,
/// whose square would overflow.
/// file_row: the file's number of a row.
/// advice: another remedy for a number that is not finite, such as an option.
template <class T>
void require_finite(const ActivationFile& file, const libnorm::MatrixView<const T>& rows,
                    const std::function<libnorm::Index(libnorm::Index)>& file_row,
                    const std::string& advice = "");

/// The rows among the first `count` that have a NaN or an infinity, ascending.
/// progress: called with the rows read so far.
std::vector<libnorm::Index> unsound_rows(const ActivationFile& file, libnorm::Index count,
                                         const std::function<void(libnorm::Index)>& progress);

/// The first `count` rows of a file, without those left out.
class RowSelection {
 public:
  /// left_out: ascending, each once, below `count`.
  RowSelection(libnorm::Index count, std::vector<libnorm::Index> left_out);

  /// Number of rows in the selection.
  libnorm::Index size() const { return count_ - libnorm::Index(left_out_.size()); }
  /// Number of rows left out.
  libnorm::Index left_out() const { return libnorm::Index(left_out_.size()); }
  /// The file's number of the selection's row.
  libnorm::Index file_row(libnorm::Index row) const;

  /// Reads the selection's rows from `first` on, from this file or another with as many rows.
  template <class T>
  void read(const libnorm::StoredRows& from, libnorm::Index first,
            const libnorm::MatrixView<T>& into) const;

 private:
  libnorm::Index count_;
  std::vector<libnorm::Index> left_out_;
};

}  // namespace harness
