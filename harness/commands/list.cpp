#include <fmt/format.h>

#include "harness/claims.hpp"
#include "harness/commands/command.hpp"
#include "harness/experiments/study.hpp"
#include "libnorm/metrics/spectrum.hpp"
#include "libnorm/norms/catalogue.hpp"

namespace harness {
namespace {

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

}  // namespace

Exit list_command(const std::vector<std::string>& words) {
  Arguments arguments("list",
                      "Names the experiments, arms, profiles, protocols, metrics and claims.");
  if (!arguments.parse(words)) return Exit::ok;
  fmt::print("Experiments\n");
  for (const Study* study : studies()) {
    for (const Experiment& e : study->experiments()) {
      fmt::print("  {:18} {}\n  {:18} arms {}; controls {}\n", e.id, e.description, "",
                 joined(e.arms), joined(e.controls));
    }
  }
  for (const Study* study : studies()) {
    const auto& experiments = study->experiments();
    fmt::print("\nArms of {} to {}\n", experiments.front().id, experiments.back().id);
    for (const ArmInfo& arm : study->arms()) {
      fmt::print("  {:18} {}\n  {:18} {}\n", arm.name, arm.description, "",
                 libnorm::find_norm(arm.norm).equation);
    }
    fmt::print("\nTheir profiles\n");
    for (const ProfileInfo& p : study->profiles())
      fmt::print("  {:18} {}\n", p.name, p.description);
    fmt::print("\nTheir protocols\n");
    for (const Protocol& p : study->protocols()) fmt::print("  {:18} {}\n", p.name, p.description);
  }
  fmt::print("\nNorms; each is an arm of every experiment\n");
  for (const libnorm::NamedNorm& norm : libnorm::named_norms()) {
    fmt::print("  {:18} {}\n", norm.name, norm.equation);
  }
  fmt::print(
      "\nStabilizers; an arm is one of them with what is learned: +gain, +bias, +gain+bias,\n"
      "+scalar_gain or nothing; +groups=N takes a row's channels in N groups\n");
  for (const libnorm::NamedStabilizer& s : libnorm::named_stabilizers()) {
    fmt::print("  {:22} {}\n", s.name, s.formula);
  }
  fmt::print(
      "\nBehind either, where it stands: @post (unless told), @pre, @sandwich, @deep; what a "
      "branch\n"
      "is multiplied by: @residual_scalar, @residual_channels; a norm of queries and keys: "
      "@qk:NORM.\n"
      "As in --arms rms+gain@pre@qk:rms+gain\n");
  fmt::print("\nMetrics\n");
  for (const libnorm::SpectralMetric& m : libnorm::spectral_metrics()) {
    fmt::print("  {:18} {} ({})\n", m.name, m.definition, m.unit);
  }
  fmt::print("  {:18} max - min of the loss along a slice (nats)\n", "slice_range");
  fmt::print("  {:18} max of the loss along a slice, mean over directions (nats)\n", "slice_max");
  fmt::print("\nClaims\n");
  for (const Claim& claim : claims()) {
    fmt::print("  {:18} [{}] {}\n", claim.id, claim.protocol, claim.sentence);
  }
  return Exit::ok;
}

}  // namespace harness
