#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "libnorm/core/error.hpp"
#include "libnorm/core/groups.hpp"
#include "libnorm/data/corpus.hpp"

namespace libnorm {

/// How a batch is laid out: one row for each distinct token of a sequence with its multiplicity
/// (shortcut), or one row for each position, as PyTorch computes (dense). The two are equal but for
/// rounding.
enum class Path { shortcut, dense };

/// What stands behind a sequence up to a length that all share: PyTorch's padding. It takes part in
/// attention like any other token. Length 0 is none, as a mask over the padding would have it.
struct Padding {
  /// The token that stands there.
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
  /// [R] the log of that.
  std::vector<double> log_counts;
  /// [B + 1] sequence b is rows first[b] .. first[b + 1] - 1.
  std::vector<Index> first;
  /// [R] the sequence that a row is of.
  std::vector<std::int32_t> sequence_of_row;
  /// [B + 1]: sums of (rows of a sequence)^2.
  std::vector<Index> square_first;
  /// [B] row and token id of the position that is read out, and its target; there may be no
  /// targets.
  /// @{
  std::vector<std::int32_t> readout_row, readout_id, targets;
  /// @}

  /// [G] distinct ids of the batch, ascending.
  std::vector<std::int32_t> tokens;
  /// [R] the place of a row's id among them.
  std::vector<std::int32_t> token_of_row;
  /// [G + 1] first, [R] or [B] members: the rows, or the sequences by the token read out, that have
  /// each of `tokens`. See Groups.
  /// @{
  std::vector<Index> rows_of_token_first, readouts_of_token_first;
  std::vector<std::int32_t> rows_of_token_members, readouts_of_token_members;
  /// @}

  /// R
  Index rows() const { return Index(ids.size()); }
  /// Those of the arrays above, which they point to.
  /// @{
  Groups rows_of_token() const {
    return {Index(tokens.size()), rows_of_token_first.data(), rows_of_token_members.data()};
  }
  Groups readouts_of_token() const {
    return {Index(tokens.size()), readouts_of_token_first.data(), readouts_of_token_members.data()};
  }
  /// @}

  /// Lays out `sequences x length` ids, row by row; the token at `readout` of each sequence is read
  /// out. `targets` [B] may be empty. Reuses this batch's memory.
  /// Throws: ShapeError for sizes below 1, ValueError for an id outside 0 .. vocabulary-1.
  void assign(const std::vector<std::int32_t>& sequence_ids, Index sequence_count, Index length,
              Index readout, const std::vector<std::int32_t>& target_ids, Index vocabulary,
              Path layout);

  /// Lays out sequences `which` of a corpus, each padded; targets are their labels. The work for a
  /// sequence goes with its own length in the shortcut layout, not with the padded one.
  /// Throws: ShapeError for no sequence, one that is longer than the padded length, or one without
  /// a token at `readout`; ValueError for an id outside 0 .. vocabulary-1.
  void assign(const Corpus& corpus, std::span<const std::int32_t> which, const Padding& padding,
              Index readout, Index vocabulary, Path layout);

 private:
  void begin(Index sequence_count, Index vocabulary, Path layout);
  void add_sequence(std::span<const std::int32_t> sequence, std::int32_t padding_id, Index padded,
                    Index readout);
  void group_by_token(Index vocabulary);

  /// A bit for each id of the sequence at hand, and how often it stands there.
  std::vector<std::uint64_t> present_;
  std::vector<std::int32_t> repeats_, place_, token_of_readout_;
};

}  // namespace libnorm
