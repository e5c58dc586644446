#include "libnorm/data/batch_view.hpp"

#include <algorithm>
#include <cstring>

namespace libnorm {
namespace {

constexpr std::size_t kAlignment = 16;

/// f(array of the batch, its pointer in the view), for all of them.
template <class F>
void for_arrays(const Batch& batch, BatchView& view, F f) {
  f(batch.ids, view.ids);
  f(batch.counts, view.counts);
  f(batch.log_counts, view.log_counts);
  f(batch.first, view.first);
  f(batch.sequence_of_row, view.sequence_of_row);
  f(batch.square_first, view.square_first);
  f(batch.prediction_row, view.prediction_row);
  f(batch.prediction_id, view.prediction_id);
  f(batch.targets, view.targets);
  f(batch.tokens, view.tokens);
  f(batch.token_of_row, view.token_of_row);
  f(batch.rows_of_token_first, view.rows_of_token.first);
  f(batch.rows_of_token_members, view.rows_of_token.members);
  f(batch.predictions_of_token_first, view.predictions_of_token.first);
  f(batch.predictions_of_token_members, view.predictions_of_token.members);
}

std::size_t aligned(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

BatchView BatchMemory::view(const Batch& batch) {
  BatchView view;
  view.path = batch.path;
  view.sequences = batch.sequences;
  view.positions = batch.positions;
  view.rows = batch.rows();
  view.squares = batch.square_first.back();
  view.rows_of_token.count = view.predictions_of_token.count = Index(batch.tokens.size());
  if (current_device() == Device::cpu) {
    for_arrays(batch, view, [](const auto& from, auto& to) { to = from.data(); });
    return view;
  }
  for (Index b = 0; b < batch.sequences; ++b) {
    const auto i = std::size_t(b);
    view.most_rows = std::max(view.most_rows, batch.first[i + 1] - batch.first[i]);
  }
  std::size_t total = 0;
  for_arrays(batch, view,
             [&](const auto& from, auto&) { total += aligned(from.size() * sizeof(from[0])); });
  staged_.resize(total);
  if (device_.size() < total) device_.reserve(total + total / 16, "a batch");
  const auto* base = static_cast<const std::byte*>(device_.data());
  std::size_t at = 0;
  for_arrays(batch, view, [&](const auto& from, auto& to) {
    const std::size_t bytes = from.size() * sizeof(from[0]);
    if (bytes > 0) std::memcpy(staged_.data() + at, from.data(), bytes);
    to = reinterpret_cast<decltype(from.data())>(base + at);
    at += aligned(bytes);
  });
  copy_to_device(device_.data(), staged_.data(), total);
  return view;
}

}  // namespace libnorm
