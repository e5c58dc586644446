#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "libnorm/core/error.hpp"
#include "libnorm/core/groups.hpp"
#include "libnorm/data/corpus.hpp"

namespace libnorm {

/// How a batch is laid out: one row for each distinct token of a sequence with its multiplicity
/// (shortcut), or one row for each position, as PyTorch computes (dense). Both give the same result
/// up to rounding.
enum class Path { shortcut, dense };

/// Padding of all sequences to one length, as PyTorch pads. A padding token takes part in attention
/// like any other. Length 0: no padding, equivalent to a mask over it.
struct Padding {
  /// The padding token.
  std::int32_t id = 0;
  /// Positions of each sequence, padding included.
  Index length = 0;
};

/// Sequences of token ids, laid out for a model without positions.
///
/// In the shortcut layout a sequence is the multiset of its tokens: rows stand in ascending order
/// of id, so that a sequence's bits depend neither on the order of its tokens nor on its
/// neighbours.
class Batch {
 public:
  /// The layout of all that follows.
  Path path = Path::shortcut;
  /// B
  Index sequences = 0;
  /// Tokens, repetitions and padding included.
  Index positions = 0;

  /// [R] token id of each row.
  std::vector<std::int32_t> ids;
  /// [R] how often each row stands in its sequence; 1 in the dense layout.
  std::vector<float> counts;
  /// [R] log of counts.
  std::vector<double> log_counts;
  /// [B + 1] sequence b is rows first[b] .. first[b + 1] - 1.
  std::vector<Index> first;
  /// [R] the sequence of each row.
  std::vector<std::int32_t> sequence_of_row;
  /// [B + 1]: sums of (rows of a sequence)^2.
  std::vector<Index> square_first;
  /// [B] row and token id of the prediction position, and its target; targets may be empty.
  /// @{
  std::vector<std::int32_t> prediction_row, prediction_id, targets;
  /// @}

  /// [G] distinct ids of the batch, ascending.
  std::vector<std::int32_t> tokens;
  /// [R] index of a row's id in `tokens`.
  std::vector<std::int32_t> token_of_row;
  /// [G + 1] first, [R] or [B] members: the rows with each of `tokens`, or the sequences with it at
  /// the prediction position. See Groups.
  /// @{
  std::vector<Index> rows_of_token_first, predictions_of_token_first;
  std::vector<std::int32_t> rows_of_token_members, predictions_of_token_members;
  /// @}

  /// R
  Index rows() const { return Index(ids.size()); }
  /// Views of the arrays above.
  /// @{
  Groups rows_of_token() const {
    return {Index(tokens.size()), rows_of_token_first.data(), rows_of_token_members.data()};
  }
  Groups predictions_of_token() const {
    return {Index(tokens.size()), predictions_of_token_first.data(),
            predictions_of_token_members.data()};
  }
  /// @}

  /// Lays out `sequences x length` ids, row by row. `targets` [B] may be empty. Reuses this batch's
  /// memory.
  /// Throws: ShapeError for sizes below 1, ValueError for an id outside 0 .. vocabulary-1.
  void assign(const std::vector<std::int32_t>& sequence_ids, Index sequence_count, Index length,
              Index prediction_position, const std::vector<std::int32_t>& target_ids,
              Index vocabulary, Path layout);

  /// Lays out sequences `which` of a corpus, each padded; targets are their labels. The work for a
  /// sequence goes with its own length in the shortcut layout, not with the padded one.
  /// Throws: ShapeError for no sequence, one that is longer than the padded length, or one without
  /// a token at `prediction_position`; ValueError for an id outside 0 .. vocabulary-1.
  void assign(const Corpus& corpus, std::span<const std::int32_t> which, const Padding& padding,
              Index prediction_position, Index vocabulary, Path layout);

 private:
  void begin(Index sequence_count, Index vocabulary, Path layout);
  void add_sequence(std::span<const std::int32_t> sequence, std::int32_t padding_id, Index padded,
                    Index prediction_position);
  void group_by_token(Index vocabulary);

  /// A bit for each id of the sequence at hand, and how often it stands there.
  std::vector<std::uint64_t> present_;
  std::vector<std::int32_t> repeats_, place_, token_of_prediction_;
};

}  // namespace libnorm
