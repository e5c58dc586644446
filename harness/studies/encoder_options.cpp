#include "harness/studies/encoder_options.hpp"

#include <limits>

#include <fmt/format.h>

#include "harness/results/environment.hpp"

namespace harness {
namespace {

/// Covers widths that are no multiple of the lanes, a smaller last batch, and texts that are cut.
EncoderOptions encoder_smoke() {
  EncoderOptions o;
  o.texts = Texts::topics;
  o.rows = 150;
  o.test_rows = 70;
  o.epochs = 3;
  o.batch = 32;
  o.length = 48;
  o.channels = 40;
  o.hidden = 100;
  o.heads = 2;
  o.blocks = 6;
  o.vocabulary = 700;
  return o;
}

/// A few minutes for all arms. It tests on a part of the test split, since testing would otherwise
/// take as long as training.
EncoderOptions quick() {
  EncoderOptions o;
  o.texts = Texts::subset;
  o.rows = 4096;
  o.test_rows = 2048;
  o.epochs = 10;
  return o;
}

EncoderOptions subset() {
  EncoderOptions o;
  o.texts = Texts::subset;
  return o;
}

}  // namespace

const std::vector<EncoderProfile>& encoder_profiles() {
  static const std::vector<EncoderProfile> profiles = {
      {"smoke", "a small model on generated texts: seconds", encoder_smoke()},
      {"quick", "the paper's model on 4,096 rows of AG News, 10 epochs: minutes", quick()},
      {"subset", "47,598 rows of AG News, 15 epochs: half an hour an arm", subset()},
      {"paper", "the paper's scale: 120,000 rows, 15 epochs: over an hour an arm",
       EncoderOptions{}},
  };
  return profiles;
}

const std::vector<Number<EncoderOptions>>& encoder_numbers() {
  using O = EncoderOptions;
  static const auto list = with_shared_numbers<EncoderOptions>({
      {"rows", "the first so many texts; 0: all", &O::rows},
      {"test-rows", "the first so many test texts; 0: all", &O::test_rows},
      {"epochs", "passes over the texts", &O::epochs},
      {"length", "tokens that texts are cut and padded to", &O::length},
      {"vocabulary", "tokens of generated texts", &O::vocabulary},
  });
  return list;
}

const std::vector<EncoderArm>& encoder_arms() {
  static const std::vector<EncoderArm> arms = {
      {"layernorm", "layernorm", PaddingUse::attended, "LayerNorm with gain and bias"},
      {"manual_l2", "manual_l2", PaddingUse::attended, "the sphere of radius 1, no gain, no bias"},
      {"none", "none", PaddingUse::attended, "no normalization"},
      {"sphere", "sphere", PaddingUse::attended,
       "control: the sphere of radius sqrt(C), no gain, no bias"},
      {"layernorm_masked", "layernorm", PaddingUse::left_out, "LayerNorm, padding left out"},
      {"manual_l2_masked", "manual_l2", PaddingUse::left_out, "radius 1, padding left out"},
      {"none_masked", "none", PaddingUse::left_out, "no normalization, padding left out"},
      {"sphere_masked", "sphere", PaddingUse::left_out, "radius sqrt(C), padding left out"},
  };
  return arms;
}

const EncoderArm& find_encoder_arm(std::string_view name) {
  return find_or_make_arm<EncoderArm>(encoder_arms(), name, [](std::string_view text) {
    return EncoderArm{text, text, PaddingUse::attended, "a custom normalization"};
  });
}

Index generated_rows(const EncoderOptions& options) {
  if (options.rows > 0) return options.rows;
  return options.texts == Texts::official ? 120000 : 47598;
}

Index generated_test_rows(const EncoderOptions& options) {
  return options.test_rows > 0 ? options.test_rows : 7600;
}

Spec encoder_spec(const EncoderOptions& options, const EncoderArm& arm, std::uint64_t seed,
                  const EncoderData& data) {
  Spec spec;
  spec.set("task", data.task);
  spec.set("numerics", std::string_view(kNumerics));
  spec.set("arm", arm.name);
  spec.set("norm", arm.norm);
  spec.set("padding",
           std::string_view(arm.padding == PaddingUse::attended ? "attended" : "left_out"));
  spec.set("seed", seed);
  add_execution_keys(spec, options);
  spec.set("train", data.train_name);
  spec.set("test", data.test_name);
  for (const Number<EncoderOptions>& number : encoder_numbers()) number.tell(spec, options);
  // For generated texts, `all` is a number that differs among profiles.
  if (data.task == kGeneratedTask) {
    spec.set("rows", generated_rows(options));
    spec.set("test_rows", generated_test_rows(options));
  }
  // The vocabulary of the texts, which may differ from the one asked for.
  spec.set("vocabulary", data.vocabulary);
  return spec;
}

libnorm::TransformerOptions model_options(const EncoderOptions& options, const EncoderArm& arm,
                                          const EncoderData& data) {
  return model_options(options, arm.norm, data.vocabulary, kTextClasses);
}

void check(const EncoderOptions& options) {
  constexpr Index kMost = Index{1} << 20;
  const auto within = [&](std::string_view name, Index value, Index least) {
    if (value >= least && value <= kMost) return;
    throw libnorm::ValueError(
        fmt::format("{}: outside its range ({}); need {} .. {}", name, value, least, kMost));
  };
  within("rows", options.rows, 0);
  within("test-rows", options.test_rows, 0);
  within("epochs", options.epochs, 0);
  within("batch", options.batch, 1);
  within("length", options.length, 2);
  within("vocabulary", options.vocabulary, 1);
  constexpr Index kMostPositions = std::numeric_limits<std::int32_t>::max();
  if (options.batch * options.length > kMostPositions) {
    throw libnorm::ValueError(
        fmt::format("batch: more positions than can be counted ({} of length {}); need batch x "
                    "length within 2^31",
                    options.batch, options.length));
  }
  EncoderData data;
  data.vocabulary = options.vocabulary;
  model_options(options, encoder_arms().front(), data).check();
  adam_options(options, 0).check<float>(adam_names("learning-rate"));
}

}  // namespace harness
