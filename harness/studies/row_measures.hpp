#pragma once

#include <string>
#include <string_view>

#include "harness/results/result.hpp"
#include "libnorm/core/tensor.hpp"

// What the words isotropic and collapsed can mean for a set of activations.

namespace harness {

/// Measures that every study has: the rows of the trained model, and of the model before training.
inline constexpr const char* kRows = "rows";
inline constexpr const char* kUntrained = "untrained";

/// The ways in which a set of rows is taken: as it is; minus its mean row; each row divided by its
/// length, where rows of zeros stay; and the last minus its mean row.
inline constexpr std::string_view kRowVariants[] = {"plain", "centred", "normalized",
                                                    "normalized_centred"};

/// Measures rows x [R, C], row r standing for count[r] rows (null: for one; 0: for none), into a
/// result:
///
///     NAME.VARIANT                 the spectrum, C singular values, descending
///     NAME.VARIANT.METRIC          libnorm's activation metrics; those of a covariance if centred
///     NAME.VARIANT.mean_cosine     over all pairs of rows
///     NAME.row_length_mean         of the lengths ||x_r|| of the plain rows
///     NAME.row_length_spread       their standard deviation / their mean; 0 on a sphere
///     NAME.row_length_lowest, NAME.row_length_highest
///
/// Order: rows ascending. Throws: as activation_spectrum.
void measure_rows(const std::string& name, const libnorm::MatrixView<const float>& x,
                  const float* count, RunResult& result);

}  // namespace harness
