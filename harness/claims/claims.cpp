#include "harness/claims/claims.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::DataError;

double metric_of(const RunResult& result, const std::string& name) {
  const auto found = result.metrics.find(name);
  if (found == result.metrics.end()) {
    throw DataError("claims: metric is absent (" + name + "); need it in the row");
  }
  return found->second;
}

/// log10 of a metric. A value that is not above 0 is an error, not -inf.
double decades(double value, const std::string& name) {
  if (!(value > 0)) {
    throw DataError("claims: " + name + " has no logarithm (" + fmt::to_string(value) +
                    "); need a number above 0");
  }
  return std::log10(value);
}

Metric rank_share() {
  // Divided by C, so that one margin serves models of any width.
  return {
      .name = "effective rank / C", .unit = "of full rank", .value = [](const RunResult& result) {
        if (result.singular_values.empty()) {
          throw DataError("claims: singular values are absent; need C of them in the row");
        }
        return metric_of(result, "effective_rank") /
               static_cast<double>(result.singular_values.size());
      }};
}

Metric slice_range(const std::string& slice) {
  const std::string key = "slice_range." + slice;
  return {.name = "log10 slice range", .unit = "decades", .value = [key](const RunResult& result) {
            return decades(metric_of(result, key), key);
          }};
}

double rise_of(const RunResult& result) {
  const auto slice = result.slices.find("filter_normalized");
  if (slice != result.slices.end() && slice->second.alpha.size() == slice->second.loss.size()) {
    for (std::size_t i = 0; i < slice->second.alpha.size(); ++i) {
      if (std::fabs(slice->second.alpha[i]) > 1e-9) continue;
      return metric_of(result, "slice_max.filter_normalized") - slice->second.loss[i];
    }
  }
  throw DataError("claims: slice filter_normalized has no loss at alpha 0; need one in the row");
}

Metric slice_rise() {
  return {.name = "rise along the filter-normalized slice", .unit = "nats", .value = rise_of};
}

Metric log_final_loss() {
  return {.name = "log10 final loss", .unit = "decades", .value = [](const RunResult& result) {
            return decades(result.final_loss, "final_loss");
          }};
}

Margin rank_margin() {
  return {.size = 0.1, .why = "a tenth of the channels; less is not what 'collapsed' means"};
}
Margin range_margin() {
  return {.size = std::log10(2.0),
          .why = "a factor of two; less does not show on the paper's figures"};
}
// Nats, not a ratio: the paper's sharpness is the height of a slice on an axis of loss that all
// arms share, and the rise from alpha 0 already takes off the level that stagnation adds.
Margin rise_margin() {
  return {.size = std::log(2.0),
          .why = "ln 2 nats; the probability given to the right answer halves"};
}
Margin stagnation_margin() {
  return {.size = 1.0, .why = "a factor of ten; 'a high value' means another order of magnitude"};
}

/// Controls that remove a known confound: the learning rate that only `none` has, and manual_l2's
/// radius of 1 instead of sqrt(C).
std::vector<Control> controls_of(const std::string& a, const std::vector<std::string>& b) {
  std::vector<Control> controls;
  for (const Control& control : {Control{.arm = "none", .stand_in = "none_matched"},
                                 Control{.arm = "manual_l2", .stand_in = "sphere"}}) {
    if (a == control.arm || std::find(b.begin(), b.end(), control.arm) != b.end()) {
      controls.push_back(control);
    }
  }
  return controls;
}

Part larger(const std::string& a, std::vector<std::string> b, Metric metric, Margin margin) {
  std::vector<Control> controls = controls_of(a, b);
  return {.relation = Relation::larger,
          .a = a,
          .b = std::move(b),
          .metric = std::move(metric),
          .margin = std::move(margin),
          .controls = std::move(controls)};
}

Part equivalent(const std::string& a, const std::string& b, Metric metric, Margin margin) {
  return {.relation = Relation::equivalent,
          .a = a,
          .b = {b},
          .metric = std::move(metric),
          .margin = std::move(margin),
          .controls = controls_of(a, {b})};
}

struct Flatness {
  std::string protocol;
  Metric metric;
  Margin margin;
};

std::vector<Flatness> flatness_protocols() {
  return {
      {.protocol = "published", .metric = slice_range("published"), .margin = range_margin()},
      {.protocol = "accumulated", .metric = slice_range("accumulated"), .margin = range_margin()},
      {.protocol = "filter_normalized", .metric = slice_rise(), .margin = rise_margin()}};
}

/// A claim on experiments 1 to 3.
Claim recall_claim(const std::string& id, const std::string& protocol, const std::string& sentence,
                   std::vector<Part> parts) {
  return {.id = id,
          .experiment = id.substr(0, id.find('.')),
          .protocol = protocol,
          .sentence = sentence,
          .parts = std::move(parts),
          .study = "recall",
          .task = "associative_recall",
          .family = "e1-e3"};
}

std::vector<Claim> claims_of_e1() {
  const std::string flat = "layernorm ends in a flat minimum, none in a sharp one";
  return {
      recall_claim("e1.flatness", "published", flat,
                   {larger("none", {"layernorm"}, slice_range("published_e1"), range_margin())}),
      recall_claim("e1.flatness", "filter_normalized", flat,
                   {larger("none", {"layernorm"}, slice_rise(), rise_margin())}),
      recall_claim("e1.isotropy", "published", "layernorm's spectrum decays slowly, none's rapidly",
                   {larger("layernorm", {"none"}, rank_share(), rank_margin())}),
  };
}

std::vector<Claim> claims_of_e2() {
  std::vector<Claim> list;
  for (const Flatness& flat : flatness_protocols()) {
    list.push_back(recall_claim("e2.flatness", flat.protocol,
                                "batchnorm is as flat as layernorm; none stands apart, sharp",
                                {larger("none", {"layernorm"}, flat.metric, flat.margin),
                                 larger("none", {"batchnorm"}, flat.metric, flat.margin),
                                 equivalent("batchnorm", "layernorm", flat.metric, flat.margin)}));
  }
  list.push_back(
      recall_claim("e2.isotropy", "published",
                   "batchnorm's spectrum decays as slowly as layernorm's; none stands apart",
                   {larger("layernorm", {"none"}, rank_share(), rank_margin()),
                    larger("batchnorm", {"none"}, rank_share(), rank_margin()),
                    equivalent("batchnorm", "layernorm", rank_share(), rank_margin())}));
  return list;
}

std::vector<Claim> claims_of_e3() {
  std::vector<Claim> list;
  for (const Flatness& flat : flatness_protocols()) {
    list.push_back(recall_claim("e3.flatness", flat.protocol,
                                "manual_l2 is as flat as layernorm and batchnorm",
                                {equivalent("manual_l2", "layernorm", flat.metric, flat.margin),
                                 equivalent("manual_l2", "batchnorm", flat.metric, flat.margin)}));
  }
  list.push_back(
      recall_claim("e3.isotropy", "published",
                   "manual_l2 is as isotropic as layernorm and batchnorm, and none is not",
                   {equivalent("manual_l2", "layernorm", rank_share(), rank_margin()),
                    equivalent("manual_l2", "batchnorm", rank_share(), rank_margin()),
                    larger("manual_l2", {"none"}, rank_share(), rank_margin())}));
  list.push_back(
      recall_claim("e3.stagnation", "published",
                   "manual_l2's training loss stagnates at a high value, the others' goes down",
                   {larger("manual_l2", {"layernorm", "batchnorm", "none"}, log_final_loss(),
                           stagnation_margin())}));
  return list;
}

// Experiment 4.

/// Effective rank of a block's output divided by the channels, under a protocol of the spectra.
double layer_rank_share(const RunResult& result, int layer, const std::string& protocol) {
  const std::string name = "layer" + std::to_string(layer) + "." + protocol;
  const auto spectrum = result.spectra.find(name);
  if (spectrum == result.spectra.end() || spectrum->second.empty()) {
    throw DataError("claims: spectrum is absent (" + name + "); need its C values in the row");
  }
  return metric_of(result, name + ".effective_rank") / static_cast<double>(spectrum->second.size());
}

constexpr int kFirst = 1, kMiddle = 3, kLast = 6;  // the layers that the paper shows

Metric rank_share_at(int layer, const std::string& protocol) {
  return {
      .name = "effective rank / C",
      .unit = "of full rank",
      .value = [=](const RunResult& result) { return layer_rank_share(result, layer, protocol); },
      .at = "layer " + std::to_string(layer)};
}

/// The lowest of all layers after the first: a spectrum that recovers at the end was not preserved.
Metric lowest_rank_share(const std::string& protocol) {
  const auto lowest = [=](const RunResult& result) {
    double least = layer_rank_share(result, kLast, protocol);
    for (int layer = kFirst + 1; layer < kLast; ++layer) {
      least = std::min(least, layer_rank_share(result, layer, protocol));
    }
    return least;
  };
  return {
      .name = "effective rank / C", .unit = "of full rank", .value = lowest, .at = "lowest layer"};
}

/// What is missing to full rank, so that the largest value belongs to the worse of two arms.
Metric lost_rank(const std::string& protocol) {
  return {.name = "1 - effective rank / C at layer " + std::to_string(kLast),
          .unit = "of full rank",
          .value = [=](const RunResult& result) {
            return 1 - layer_rank_share(result, kLast, protocol);
          }};
}

Metric accuracy(const std::string& which) {
  const std::string key = which + "_accuracy";
  return {.name = which == "training" ? "training accuracy, last epoch" : "held-out accuracy",
          .unit = "points",
          .value = [key](const RunResult& result) { return 100 * metric_of(result, key); }};
}

Margin stretch_margin() {
  return {
      .size = 0.05,
      .why =
          "a twentieth of the channels a stretch; two stretches make the tenth that 'collapsed' "
          "takes"};
}
Margin accuracy_margin() {
  return {.size = 1.0,
          .why = "one text in a hundred; another choice of 2,048 held-out texts moves it by 0.7"};
}

/// A claim on experiment 4, a family by itself under all its protocols.
Claim encoder_claim(const std::string& id, const std::string& protocol, const std::string& sentence,
                    std::vector<Part> parts) {
  return {.id = id,
          .experiment = "e4",
          .protocol = protocol,
          .sentence = sentence,
          .parts = std::move(parts),
          .study = "encoder",
          .task = "ag_news",
          .family = id};
}

std::vector<Part> cascade_parts(const std::string& protocol) {
  std::vector<Part> parts;
  for (const auto& [from, to] : {std::pair{kFirst, kMiddle}, {kMiddle, kLast}}) {
    Part part = larger("none", {"none"}, rank_share_at(from, protocol), stretch_margin());
    part.b_metric = rank_share_at(to, protocol);
    part.controls.clear();  // every arm of experiment 4 has the same learning rate
    parts.push_back(std::move(part));
  }
  return parts;
}

std::vector<Part> preserved_parts(const std::string& protocol) {
  std::vector<Part> parts;
  for (const char* arm : {"layernorm", "manual_l2"}) {
    parts.push_back({.relation = Relation::not_less,
                     .a = arm,
                     .b = {arm},
                     .metric = lowest_rank_share(protocol),
                     .margin = rank_margin(),
                     .controls = controls_of(arm, {}),
                     .b_metric = rank_share_at(kFirst, protocol)});
  }
  Part apart = larger("none", {"layernorm", "manual_l2"}, lost_rank(protocol), rank_margin());
  apart.controls = controls_of("manual_l2", {});
  parts.push_back(std::move(apart));
  return parts;
}

std::vector<Claim> claims_of_e4() {
  std::vector<Claim> list;
  const std::vector<std::string> spectra = {"published", "centred", "no_padding",
                                            "no_padding_centred"};
  for (const std::string& protocol : spectra) {
    list.push_back(encoder_claim("e4.cascade", protocol,
                                 "none's spectrum decays faster and faster from layer 1 to 3 to 6",
                                 cascade_parts(protocol)));
  }
  for (const std::string& protocol : spectra) {
    list.push_back(encoder_claim("e4.preserved", protocol,
                                 "layernorm's and manual_l2's spectra stay isotropic at all depths",
                                 preserved_parts(protocol)));
  }
  for (const char* which : {"training", "held_out"}) {
    Part below_none = larger("layernorm", {"none"}, accuracy(which), accuracy_margin());
    below_none.controls.clear();
    list.push_back(encoder_claim(
        "e4.ordering", which, "layernorm's accuracy is above manual_l2's and above none's",
        {larger("layernorm", {"manual_l2"}, accuracy(which), accuracy_margin()), below_none}));
  }
  return list;
}

}  // namespace

const std::vector<Claim>& claims() {
  static const std::vector<Claim> list = [] {
    std::vector<Claim> all = claims_of_e1();
    for (const auto& more : {claims_of_e2(), claims_of_e3(), claims_of_e4()}) {
      all.insert(all.end(), more.begin(), more.end());
    }
    return all;
  }();
  return list;
}

std::vector<Claim> claims_of(std::string_view study) {
  std::vector<Claim> list;
  std::copy_if(claims().begin(), claims().end(), std::back_inserter(list),
               [&](const Claim& claim) { return claim.study == study; });
  return list;
}

}  // namespace harness
