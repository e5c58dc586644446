#pragma once

#include <optional>
#include <string_view>

#include "harness/results/result.hpp"

namespace harness {

/// A number of a result by its name: a metric that it stores, or one that follows from what it
/// stores, so that no definition of these needs a new measurement.
///
///     slice_range.S.to_R       max - min of slice S at |alpha| <= R, in nats
///     slice_rise.S.to_R        max of slice S at |alpha| <= R, minus its loss at alpha 0, in nats
///     slice_range.S.per_loss   slice_range.S / final_loss
///     X.iso_score              (PR - 1) / (C - 1) of a spectrum X whose name ends in `centred`
///     X.METRIC_share           METRIC / C of the spectrum X; METRIC_share in Experiments 1 to 3
///     generalization_gap       training_accuracy - held_out_accuracy
///     generalization_gap.at_loss_L   where the training loss of an epoch first is at most L: on
///     the
///                              line between this epoch and the one before
///     loss.at_step_N           mean training loss of the 100 steps before step N, in nats
///     NAME.at_epoch_E          any of the metrics and X.* above after epoch E = 1, 2, ...
///
/// Returns: nothing if the result does not store what the number follows from: no slice of that
/// radius, no epoch of that loss.
std::optional<double> number_of(const RunResult& result, std::string_view name);

}  // namespace harness
