#include <fmt/format.h>

#include "harness/base/output.hpp"
#include "harness/commands/command.hpp"
#include "harness/commands/usage.hpp"
#include "harness/studies/study.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"
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
  print_out("Experiments\n");
  for (const Study* study : studies()) {
    for (const Experiment& e : study->experiments()) {
      print_out("  {:18} {}\n  {:18} arms {}{}{}\n", e.id, e.description, "", joined(e.arms),
                e.controls.empty() ? "" : "; controls ", joined(e.controls));
    }
  }
  for (const Study* study : studies()) {
    print_out("\nArms of {}\n", experiments_of(*study));
    for (const ArmInfo& arm : study->arms()) {
      print_out("  {:18} {}\n  {:18} {}\n", arm.name, arm.description, "",
                libnorm::find_norm(arm.norm).equation);
    }
    print_out("\nTheir profiles\n");
    for (const ProfileInfo& p : study->profiles()) print_out("  {:18} {}\n", p.name, p.description);
    print_out("\nTheir numbers, as options of run and plan\n");
    for (const NumberInfo& n : study->numbers()) print_out("  {:18} {}\n", n.name, n.help);
    print_out("\nTheir protocols\n");
    for (const Protocol& p : study->protocols()) print_out("  {:18} {}\n", p.name, p.description);
  }
  print_out("\nNorms; each is an arm of every experiment\n");
  for (const libnorm::NamedNorm& norm : libnorm::named_norms()) {
    print_out("  {:18} {}\n", norm.name, norm.equation);
  }
  print_out(
      "\nStabilizers; an arm is one of them with what is learned: +gain, +bias, +gain+bias,\n"
      "+scalar_gain or nothing; +groups=N takes a row's channels in N groups; an alias in\n"
      "brackets is another name of the same arm\n");
  for (const libnorm::NamedStabilizer& s : libnorm::named_stabilizers()) {
    const std::string alias = s.alias.empty() ? "" : fmt::format(" ({})", s.alias);
    print_out("  {:22} {}\n", fmt::format("{}{}", s.name, alias), s.formula);
  }
  print_out(
      "\nAfter either, the placement: @post (default), @pre, @sandwich, @deep; a learned factor "
      "of\n"
      "the branch: @residual_scalar or @residual_channels; a norm of queries and keys: @qk:NORM.\n"
      "As in --arms rms+gain@pre@qk:rms+gain\n");
  print_out("\nMetrics; s are the singular values of activations, l = s^2 / rows\n");
  for (const libnorm::ActivationMetric& m : libnorm::activation_metrics()) {
    print_out("  {:22} {} ({})\n", m.name, m.definition, m.unit);
  }
  print_out("  {:22} max - min of the loss along a slice (nats)\n", "slice_range");
  print_out("  {:22} max of the loss along a slice, mean over directions (nats)\n", "slice_max");
  print_out("\nClaims\n");
  for (const Study* study : studies()) {
    for (const Claim& claim : study->claims()) {
      print_out("  {:18} {}\n", claim.id, claim.sentence);
      for (const Definition& d : claim.definitions) {
        print_out("  {:18} [{}] {} ({})\n", "", d.name, d.metric.text(), d.margin.unit);
      }
    }
  }
  return Exit::ok;
}

}  // namespace harness
