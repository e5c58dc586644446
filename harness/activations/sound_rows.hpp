#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/activations/activation_file.hpp"
#include "libnorm/core/tensor.hpp"

namespace harness {

/// Where a number stands in a file, counted from 0 as NumPy does: `row 9001, channel 3`, and of
/// more than two dimensions its index there, `row 9, channel 3 ([1, 4, 3])`.
std::string place_text(const libnorm::StoredRows& rows, libnorm::Index row, libnorm::Index channel);

/// Throws: DataError for the first NaN or infinity of some rows of a file, or number beyond 1e290,
/// whose squares no metric can have.
/// file_row: the file's number of a row here.
/// advice: what else would be right of what is not finite, such as an option.
template <class T>
void require_finite(const ActivationFile& file, const libnorm::MatrixView<const T>& rows,
                    const std::function<libnorm::Index(libnorm::Index)>& file_row,
                    const std::string& advice = "");

/// Rows of the first `count` that hold a NaN or an infinity, in rising order.
/// progress: called with the rows read so far.
std::vector<libnorm::Index> unsound_rows(const ActivationFile& file, libnorm::Index count,
                                         const std::function<void(libnorm::Index)>& progress);

/// The first `count` rows of a file, less those that are left out.
class RowSelection {
 public:
  /// left_out: in rising order, each once, below `count`.
  RowSelection(libnorm::Index count, std::vector<libnorm::Index> left_out);

  /// How many there are.
  libnorm::Index size() const { return count_ - libnorm::Index(left_out_.size()); }
  /// How many are left out.
  libnorm::Index left_out() const { return libnorm::Index(left_out_.size()); }
  /// The file's number of the selection's row.
  libnorm::Index file_row(libnorm::Index row) const;

  /// Reads rows `first` .. of the selection, of this file or of another one with as many rows.
  template <class T>
  void read(const libnorm::StoredRows& from, libnorm::Index first,
            const libnorm::MatrixView<T>& into) const;

 private:
  libnorm::Index count_;
  std::vector<libnorm::Index> left_out_;
};

}  // namespace harness
