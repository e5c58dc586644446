#include "libnorm/norms/catalogue.hpp"

#include <charconv>

namespace libnorm {
namespace {

template <class T>
const T* find(const std::vector<T>& list, std::string_view name) {
  for (const T& item : list) {
    if (item.name == name) return &item;
  }
  return nullptr;
}

template <class T>
std::string names_of(const std::vector<T>& list) {
  std::string names;
  for (const T& item : list) {
    names += names.empty() ? "" : ", ";
    names += item.name;
  }
  return names;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t end = text.find(separator);
    words.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return words;
    text.remove_prefix(end + 1);
  }
}

Index parse_groups(std::string_view number, std::string_view text) {
  Index groups = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), groups);
  if (error != std::errc() || end != number.data() + number.size() || groups < 1) {
    throw ValueError("norm: impossible number of groups (" + std::string(number) + " in `" +
                     std::string(text) + "`); need 1 or more, as in groups=8");
  }
  return groups;
}

/// The affine part of its words, each at most once.
Affine affine_of(bool scalar_gain, bool gain, bool bias, std::string_view text) {
  if (scalar_gain && (gain || bias)) {
    throw ValueError("norm: scalar_gain stands alone (`" + std::string(text) +
                     "`); need scalar_gain, gain, bias or gain+bias");
  }
  if (scalar_gain) return Affine::scalar_gain;
  if (gain) return bias ? Affine::gain_and_bias : Affine::gain;
  return bias ? Affine::bias : Affine::none;
}

}  // namespace

const std::vector<NamedNorm>& named_norms() {
  static const std::vector<NamedNorm> norms = {
      {"layernorm",
       {StandardizeRows{}, Affine::gain_and_bias},
       "gain (x - mean) / sqrt(var + 1e-5) + bias, over channels"},
      {"batchnorm",
       {StandardizeColumns{}, Affine::gain_and_bias},
       "gain (x - mean) / sqrt(var + 1e-5) + bias, over batch and positions"},
      {"manual_l2", {Sphere{Sphere::Radius::one}, Affine::none}, "x / max(||x||, 1e-9)"},
      {"sphere",
       {Sphere{Sphere::Radius::sqrt_channels}, Affine::none},
       "sqrt(C) x / max(||x||, 1e-9)"},
      {"none", {Identity{}, Affine::none}, "x"},
      {"rmsnorm", {Rms{}, Affine::gain}, "gain x / sqrt(mean x^2 + 1e-5), over channels"},
      {"scalenorm",
       {Sphere{Sphere::Radius::one, 1e-5}, Affine::scalar_gain, 1, 1, GainUnit::sqrt_channels},
       "g x / max(||x||, 1e-5), one g for all channels, at first sqrt(C)"},
      {"groupnorm",
       {StandardizeInstances{}, Affine::gain_and_bias, 32},
       "gain (x - mean) / sqrt(var + 1e-5) + bias, over a sequence's positions and one of 32 "
       "groups of channels"},
      {"instancenorm",
       {StandardizeInstances{}, Affine::none, 0},
       "(x - mean) / sqrt(var + 1e-5), over a sequence's positions"},
      {"powernorm",
       {PowerColumns{}, Affine::gain_and_bias},
       "gain x / sqrt(mean x^2 + 1e-5) + bias, over batch and positions (PN-V)"},
      {"dyt", {DynamicTanh{}, Affine::gain_and_bias}, "gain tanh(alpha x) + bias"},
      {"derf", {DynamicErf{}, Affine::gain_and_bias}, "gain erf(alpha x + s) + bias"},
      {"dyisru",
       {DynamicIsru{}, Affine::gain_and_bias},
       "gain sqrt(C) x / sqrt(beta + x^2) + bias"},
  };
  return norms;
}

const NamedNorm& find_norm(std::string_view name) {
  if (const NamedNorm* norm = find(named_norms(), name)) return *norm;
  throw ValueError("norm: unknown name (" + std::string(name) + "); use one of " +
                   names_of(named_norms()));
}

const std::vector<NamedStabilizer>& named_stabilizers() {
  static const std::vector<NamedStabilizer> stabilizers = {
      {"identity", Identity{}, "x"},
      {"unit_sphere", Sphere{Sphere::Radius::one}, "x / max(||x||, 1e-9)", "l2"},
      {"root_sphere", Sphere{Sphere::Radius::sqrt_channels}, "sqrt(C) x / max(||x||, 1e-9)",
       "l2_sqrt"},
      {"rms", Rms{}, "x / sqrt(mean x^2 + 1e-5), over channels"},
      {"standardize", StandardizeRows{}, "(x - mean) / sqrt(var + 1e-5), over channels"},
      {"centre", CentreRows{}, "x - mean, over channels", "mean_center"},
      {"standardize_columns", StandardizeColumns{},
       "(x - mean) / sqrt(var + 1e-5), over batch and positions"},
      {"power_columns", PowerColumns{}, "x / sqrt(mean x^2 + 1e-5), over batch and positions"},
      {"standardize_instances", StandardizeInstances{},
       "(x - mean) / sqrt(var + 1e-5), over a sequence's positions and a group's channels"},
      {"tanh", DynamicTanh{}, "tanh(alpha x)"},
      {"erf", DynamicErf{}, "erf(alpha x + shift)"},
      {"isru", DynamicIsru{}, "sqrt(C) x / sqrt(beta + x^2)"},
  };
  return stabilizers;
}

std::string canonical_norm(std::string_view text) {
  const std::string_view first = text.substr(0, text.find('+'));
  for (const NamedStabilizer& s : named_stabilizers()) {
    if (s.alias.empty() || s.alias != first) continue;
    return std::string(s.name) + std::string(text.substr(first.size()));
  }
  return std::string(text);
}

Norm parse_norm(std::string_view text) {
  const std::string canonical = canonical_norm(text);
  const std::vector<std::string_view> words = split(canonical, '+');
  Norm norm;
  bool takes_affine = true, scalar_gain = false, gain = false, bias = false;
  if (const NamedNorm* named = find(named_norms(), words[0])) {
    norm = named->norm;
    takes_affine = false;
  } else if (const NamedStabilizer* s = find(named_stabilizers(), words[0])) {
    norm.stabilizer = s->stabilizer;
  } else {
    throw ValueError("norm: unknown name (" + std::string(words[0]) + "); use a norm, one of " +
                     names_of(named_norms()) + ", or a stabilizer, one of " +
                     names_of(named_stabilizers()) + ", with +gain, +bias or +scalar_gain");
  }
  for (std::size_t i = 1; i < words.size(); ++i) {
    constexpr std::string_view kGroups = "groups=";
    bool* part = words[i] == "gain"          ? &gain
                 : words[i] == "bias"        ? &bias
                 : words[i] == "scalar_gain" ? &scalar_gain
                                             : nullptr;
    if (words[i].starts_with(kGroups)) {
      norm.groups = parse_groups(words[i].substr(kGroups.size()), text);
    } else if (part != nullptr && takes_affine && !*part) {
      *part = true;
    } else {
      throw ValueError("norm: unexpected token '" + std::string(words[i]) + "' (in `" +
                       std::string(text) +
                       "`); need gain, bias or scalar_gain once each behind a stabilizer, or "
                       "groups=N");
    }
  }
  if (takes_affine) norm.affine = affine_of(scalar_gain, gain, bias, text);
  return norm;
}

}  // namespace libnorm
