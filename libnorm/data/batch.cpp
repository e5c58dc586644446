#include "libnorm/data/batch.hpp"

#include <bit>
#include <string>

#include "libnorm/core/math.hpp"

namespace libnorm {
namespace {

/// Lists of positions 0 .. keys.size()-1 by key, ascending within each.
void group(const std::vector<std::int32_t>& keys, Index key_count, std::vector<Index>& first,
           std::vector<std::int32_t>& members) {
  first.assign(std::size_t(key_count + 1), 0);
  for (const std::int32_t key : keys) ++first[std::size_t(key) + 1];
  for (std::size_t k = 1; k < first.size(); ++k) first[k] += first[k - 1];
  members.resize(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    members[std::size_t(first[std::size_t(keys[i])]++)] = std::int32_t(i);
  }
  for (std::size_t k = first.size() - 1; k > 0; --k) first[k] = first[k - 1];
  first[0] = 0;
}

void check_ids(std::span<const std::int32_t> ids, Index vocabulary) {
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= vocabulary) {
      throw ValueError("Batch: token id out of range (" + std::to_string(id) + "); need 0 .. " +
                       std::to_string(vocabulary - 1));
    }
  }
}

}  // namespace

void Batch::assign(const std::vector<std::int32_t>& sequence_ids, Index sequence_count,
                   Index length, Index prediction_position,
                   const std::vector<std::int32_t>& target_ids, Index vocabulary, Path layout) {
  if (sequence_count < 1 || length < 1 || prediction_position < 0 ||
      prediction_position >= length || Index(sequence_ids.size()) != sequence_count * length ||
      (!target_ids.empty() && Index(target_ids.size()) != sequence_count)) {
    throw ShapeError("Batch: sizes differ (" + std::to_string(sequence_ids.size()) + " ids for " +
                     std::to_string(sequence_count) + " sequences of " + std::to_string(length) +
                     ", prediction position " + std::to_string(prediction_position) + ", " +
                     std::to_string(target_ids.size()) +
                     " targets); need sequences x length ids and a target each");
  }
  check_ids(sequence_ids, vocabulary);
  begin(sequence_count, vocabulary, layout);
  targets = target_ids;
  for (Index b = 0; b < sequence_count; ++b) {
    add_sequence({sequence_ids.data() + b * length, std::size_t(length)}, 0, 0,
                 prediction_position);
  }
  group_by_token(vocabulary);
}

void Batch::assign(const Corpus& corpus, std::span<const std::int32_t> which,
                   const Padding& padding, Index prediction_position, Index vocabulary,
                   Path layout) {
  if (which.empty()) throw ShapeError("Batch: no sequences (0); need at least one");
  for (const std::int32_t i : which) {
    const auto sequence = corpus.sequence(i);
    const Index length = Index(sequence.size());
    if (prediction_position < 0 || prediction_position >= length ||
        (padding.length > 0 && length > padding.length)) {
      throw ShapeError(
          "Batch: sequence " + std::to_string(i) + " does not fit (" + std::to_string(length) +
          " tokens, prediction position " + std::to_string(prediction_position) +
          ", padded length " + std::to_string(padding.length) +
          "); need a token at the prediction position and no more than the padded length");
    }
    check_ids(sequence, vocabulary);
  }
  if (padding.length > 0) check_ids({&padding.id, 1}, vocabulary);
  begin(Index(which.size()), vocabulary, layout);
  targets.clear();
  for (const std::int32_t i : which) {
    const auto sequence = corpus.sequence(i);
    const Index padded = padding.length > 0 ? padding.length - Index(sequence.size()) : 0;
    add_sequence(sequence, padding.id, padded, prediction_position);
    targets.push_back(corpus.labels[std::size_t(i)]);
  }
  group_by_token(vocabulary);
}

void Batch::begin(Index sequence_count, Index vocabulary, Path layout) {
  path = layout;
  sequences = sequence_count;
  positions = 0;
  for (auto* list : {&ids, &sequence_of_row, &prediction_row, &prediction_id}) list->clear();
  counts.clear();
  log_counts.clear();
  first.assign(1, 0);
  square_first.assign(1, 0);
  present_.assign(std::size_t(vocabulary + 63) / 64, 0);
  repeats_.assign(std::size_t(vocabulary), 0);
}

void Batch::add_sequence(std::span<const std::int32_t> sequence, std::int32_t padding_id,
                         Index padded, Index prediction_position) {
  const std::int32_t b = std::int32_t(first.size()) - 1;
  const Index start = first.back(), length = Index(sequence.size()) + padded;
  const std::int32_t read_id = sequence[std::size_t(prediction_position)];
  positions += length;
  prediction_id.push_back(read_id);
  if (path == Path::dense) {
    ids.insert(ids.end(), sequence.begin(), sequence.end());
    ids.insert(ids.end(), std::size_t(padded), padding_id);
    counts.insert(counts.end(), std::size_t(length), 1.0f);
    log_counts.insert(log_counts.end(), std::size_t(length), 0.0);
    prediction_row.push_back(std::int32_t(start + prediction_position));
  } else {
    const auto add = [&](std::int32_t id, Index count) {
      present_[std::size_t(id) / 64] |= std::uint64_t{1} << id % 64;
      repeats_[std::size_t(id)] += std::int32_t(count);
    };
    for (const std::int32_t id : sequence) add(id, 1);
    if (padded > 0) add(padding_id, padded);
    for (std::size_t word = 0; word < present_.size(); ++word) {
      for (; present_[word] != 0; present_[word] &= present_[word] - 1) {
        const std::int32_t id = std::int32_t(word * 64) + std::countr_zero(present_[word]);
        std::int32_t& count = repeats_[std::size_t(id)];
        if (id == read_id) prediction_row.push_back(std::int32_t(ids.size()));
        ids.push_back(id);
        counts.push_back(float(count));
        log_counts.push_back(count == 1 ? 0.0 : math::log(double(count)));
        count = 0;
      }
    }
  }
  const Index rows_now = Index(ids.size()), n = rows_now - start;
  sequence_of_row.resize(ids.size(), b);
  first.push_back(rows_now);
  square_first.push_back(square_first.back() + n * n);
}

void Batch::group_by_token(Index vocabulary) {
  place_.assign(std::size_t(vocabulary), -1);
  for (const std::int32_t id : ids) place_[std::size_t(id)] = 0;
  tokens.clear();
  for (std::size_t id = 0; id < place_.size(); ++id) {
    if (place_[id] < 0) continue;
    place_[id] = std::int32_t(tokens.size());
    tokens.push_back(std::int32_t(id));
  }
  const auto places = [&](const std::vector<std::int32_t>& of, std::vector<std::int32_t>& out) {
    out.resize(of.size());
    for (std::size_t i = 0; i < of.size(); ++i) out[i] = place_[std::size_t(of[i])];
  };
  places(ids, token_of_row);
  group(token_of_row, Index(tokens.size()), rows_of_token_first, rows_of_token_members);
  places(prediction_id, token_of_prediction_);
  group(token_of_prediction_, Index(tokens.size()), predictions_of_token_first,
        predictions_of_token_members);
}

}  // namespace libnorm
