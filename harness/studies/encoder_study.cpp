#include "harness/studies/encoder_study.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "harness/results/environment.hpp"
#include "harness/runs/run_memory.hpp"
#include "harness/studies/encoder_data.hpp"
#include "harness/studies/encoder_measures.hpp"
#include "harness/studies/encoder_run.hpp"
#include "harness/studies/study_numbers.hpp"

namespace harness {
namespace {

/// Widths that are no multiple of the lanes, a last batch that is smaller, texts that are cut.
EncoderOptions smoke() {
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

/// A few minutes for all arms. Tested on a part of the test split, or testing would take as long
/// as training.
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

const std::vector<Profile<EncoderOptions>>& encoder_profiles() {
  static const std::vector<Profile<EncoderOptions>> profiles = {
      {"smoke", "a small model on generated texts: seconds", smoke()},
      {"quick", "the paper's model on 4,096 rows of AG News, 10 epochs: minutes", quick()},
      {"subset", "47,598 rows of AG News, 15 epochs: half an hour an arm", subset()},
      {"paper", "the paper's scale: 120,000 rows, 15 epochs: over an hour an arm",
       EncoderOptions{}},
  };
  return profiles;
}

const std::vector<Number<EncoderOptions>>& encoder_numbers() {
  using O = EncoderOptions;
  static const std::vector<Number<EncoderOptions>> list = {
      {"rows", "the first so many texts; 0: all", &O::rows},
      {"test-rows", "the first so many test texts; 0: all", &O::test_rows},
      {"epochs", "passes over the texts", &O::epochs},
      {"batch", "sequences in a batch", &O::batch},
      {"length", "tokens that texts are cut and padded to", &O::length},
      {"vocabulary", "tokens of generated texts", &O::vocabulary},
      {"channels", "width of the model", &O::channels},
      {"hidden", "width of the ffn", &O::hidden},
      {"heads", "attention heads; they divide the channels", &O::heads},
      {"blocks", "transformer blocks", &O::blocks},
      {"learning-rate", "Adam's learning rate", &O::learning_rate},
      {"beta1", "Adam's decay of the first moment", &O::beta1},
      {"beta2", "Adam's decay of the second moment", &O::beta2},
      {"epsilon", "Adam's epsilon", &O::epsilon},
  };
  return list;
}

/// What a run takes at least, on texts that are read or generated.
double bytes_of(const EncoderOptions& o, bool generated) {
  EncoderData data;
  data.vocabulary = o.vocabulary;
  const double texts = o.rows > 0 ? double(o.rows) : o.texts == Texts::official ? 120000 : 47598;
  const double length = double(o.length), sequences = std::min(double(o.batch), texts);
  // Texts fill two fifths of what they are padded to, where it grows with them; half of it or more
  // is distinct tokens.
  const double longest = generated ? length : std::min(length, 128.0);
  const double rows = o.path == libnorm::Path::dense ? length : 0.2 * longest;
  const double steps = double(o.epochs) * std::ceil(texts / std::max(1.0, double(o.batch)));
  const double tokens = (texts + double(o.test_rows)) * 0.4 * longest;
  const double spectra = double(o.epochs) * double(o.blocks) * double(o.channels) *
                         double(std::size(kSpectrumVariants)) * 8;
  return bytes_of_training({model_options(o, encoder_arms().front(), data), sequences, length, rows,
                            o.path, steps}) +
         tokens * 4 + spectra;
}

class EncoderStudy final : public Study {
 public:
  std::string_view name() const override { return "encoder"; }
  std::string_view claim_profile() const override { return "quick"; }
  std::size_t claim_seeds() const override { return 8; }

  const std::vector<Experiment>& experiments() const override {
    static const std::vector<Experiment> list = {
        {"e4",
         4,
         {"layernorm", "manual_l2", "none"},
         {"sphere"},
         {kSpectrumVariants, kSpectrumVariants + std::size(kSpectrumVariants)},
         "six blocks on AG News, layer by layer (Figure 4)",
         {{"masked", {"layernorm_masked", "manual_l2_masked", "none_masked", "sphere_masked"}}}},
    };
    return list;
  }

  const std::vector<ArmInfo>& arms() const override {
    static const auto list = summaries_of<ArmInfo>(encoder_arms());
    return list;
  }

  const std::vector<Protocol>& protocols() const override {
    static const std::vector<Protocol> list = {
        {"published", "spectra of all positions of a batch, padding included, as they are"},
        {"centred", "the same, less their mean"},
        {"no_padding", "spectra of the positions that hold text"},
        {"no_padding_centred", "the same, less their mean"},
        {"masked", "trained with the padding left out, by arms of its own"},
    };
    return list;
  }

  std::vector<Column> columns(std::string_view protocol) const override {
    const std::string variant(protocol == "masked" ? "no_padding" : protocol);
    std::vector<Column> list = {{"training_accuracy", "training"},
                                {"held_out_accuracy", "held-out"}};
    for (const char* layer : {"1", "3", "6"}) {
      list.push_back({std::string("layer") + layer + "." + variant + ".effective_rank",
                      std::string("rank ") + layer});
    }
    return list;
  }

  const std::vector<ProfileInfo>& profiles() const override {
    static const auto list = summaries_of<ProfileInfo>(encoder_profiles());
    return list;
  }

  const std::vector<NumberInfo>& numbers() const override {
    static const auto list = summaries_of(encoder_numbers());
    return list;
  }

  std::vector<PlannedRun> plan(const Request& request) const override;
  const std::vector<Measure>& measures() const override { return encoder_measures(); }
  std::optional<Spec> spec_of(const RunResult& row) const override;
  PlannedAgain plan_again(const std::vector<RunResult>& rows,
                          const Request& request) const override;
};

/// A step of many rows keeps all threads busy, and takes much memory.
RunSize size_of(const EncoderOptions& options) {
  return options.batch * options.channels < 8192 ? RunSize::small : RunSize::large;
}

Index steps_of(const EncoderOptions& options, const EncoderCorpora& corpora) {
  return options.epochs * ((corpora.train_rows() + options.batch - 1) / options.batch);
}

PlannedRun planned(const EncoderOptions& options, const std::string& profile, const EncoderArm& arm,
                   std::uint64_t seed, const std::shared_ptr<const EncoderCorpora>& corpora,
                   double bytes) {
  const EncoderData names = corpora->names();
  return {names.task,
          profile,
          std::string(arm.name),
          seed,
          steps_of(options, *corpora),
          size_of(options),
          encoder_spec(options, arm, seed, names),
          [=] { return std::make_unique<EncoderRun>(options, arm, seed, corpora->of_seed(seed)); },
          options.gemm,
          bytes};
}

std::vector<PlannedRun> EncoderStudy::plan(const Request& request) const {
  const Profile<EncoderOptions>& profile =
      find_named(encoder_profiles(), &Profile<EncoderOptions>::name, request.profile, "profile");
  const EncoderOptions options = with_numbers(profile.options, encoder_numbers(), request);
  const bool generated = options.texts == Texts::topics ||
                         !find_data(request.data ? request.data->string() : "").has_value();
  const double bytes =
      checked_bytes(profile.options, encoder_numbers(), request,
                    [&](const EncoderOptions& o) { return bytes_of(o, generated); });
  check(options);
  const auto corpora =
      std::make_shared<EncoderCorpora>(options, request.data, request.trust, request.cache);
  const bool custom = !(options == profile.options) || !corpora->is_known();
  std::vector<PlannedRun> runs;
  for (const std::uint64_t seed : request.seeds) {
    for (const std::string& name : request.arms) {
      runs.push_back(planned(options, custom ? "custom" : std::string(profile.name),
                             find_encoder_arm(name), seed, corpora, bytes));
    }
  }
  return runs;
}

std::optional<Spec> EncoderStudy::spec_of(const RunResult& row) const {
  if (!has_arm(row.arm)) return std::nullopt;
  for (const Profile<EncoderOptions>& profile : encoder_profiles()) {
    if (profile.name != row.profile) continue;
    const EncoderData expected = EncoderCorpora::expected(profile.options, row.task);
    return encoder_spec(profile.options, find_encoder_arm(row.arm), row.seed, expected);
  }
  return std::nullopt;
}

/// The options that a run was made by.
EncoderOptions options_of(const Spec& spec) {
  EncoderOptions options;
  const std::string& train = spec.text("train");
  if (train == "topics") options.texts = Texts::topics;
  if (train == "subset") options.texts = Texts::subset;
  return with_numbers(options, encoder_numbers(), spec);
}

/// Of these, what its texts depend on.
EncoderOptions texts_of(const EncoderOptions& options, const RunResult& row) {
  EncoderOptions texts;
  texts.texts = options.texts;
  texts.rows = options.rows;
  texts.test_rows = options.test_rows;
  texts.length = options.length;
  texts.vocabulary = options.vocabulary;
  // In the place of all of AG News stand as many generated texts; which all, the steps tell.
  const Index whole = 120000;
  const Index steps = options.epochs * ((whole + options.batch - 1) / options.batch);
  if (texts.texts == Texts::topics && texts.rows == 0 && row.steps == steps) texts.rows = whole;
  return texts;
}

PlannedAgain EncoderStudy::plan_again(const std::vector<RunResult>& rows,
                                      const Request& request) const {
  // Read once for all the runs that share them.
  std::vector<std::pair<EncoderOptions, std::shared_ptr<const EncoderCorpora>>> read;
  const auto corpora_of = [&](const EncoderOptions& texts) {
    for (const auto& [of, corpora] : read) {
      if (of == texts) return corpora;
    }
    read.emplace_back(
        texts, std::make_shared<EncoderCorpora>(texts, request.data, request.trust, request.cache));
    return read.back().second;
  };
  return plan_each(rows, [&](const RunResult& row) {
    const Spec spec = Spec::parse(row.spec, "row: spec");
    const EncoderOptions options = options_of(spec);
    check(options);
    const auto corpora = corpora_of(texts_of(options, row));
    const EncoderData names = corpora->names();
    if (names.task != row.task || names.train_name != spec.text("train") ||
        names.test_name != spec.text("test")) {
      throw libnorm::DataError(fmt::format(
          "run {:.16} ({} seed {}): the texts that it was trained on are not here ({}, {}; there "
          "are {}, {}); need them where --data or LIBNORM_DATA says",
          row.spec_sha256, row.arm, row.seed, row.task, spec.text("train"), names.task,
          names.train_name));
    }
    return planned(options, row.profile, find_encoder_arm(row.arm), row.seed, corpora,
                   bytes_of(options, row.task == "topics"));
  });
}

}  // namespace

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
    return EncoderArm{text, text, PaddingUse::attended, "a normalization of one's own"};
  });
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
  // That of the texts, which may be another than was asked for.
  spec.set("vocabulary", data.vocabulary);
  return spec;
}

libnorm::TransformerOptions model_options(const EncoderOptions& options, const EncoderArm& arm,
                                          const EncoderData& data) {
  libnorm::TransformerOptions m;
  m.vocabulary = data.vocabulary;
  m.outputs = kTextClasses;
  m.channels = options.channels;
  m.hidden = options.hidden;
  m.heads = options.heads;
  m.blocks = options.blocks;
  m.normalization = libnorm::parse_normalization(arm.norm);
  return m;
}

libnorm::AdamOptions adam_options(const EncoderOptions& options) {
  return {options.learning_rate, options.beta1, options.beta2, options.epsilon};
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
  within("epochs", options.epochs, 1);
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
  adam_options(options).check<float>(adam_names("learning-rate"));
}

const Study& encoder_study() {
  static const EncoderStudy study;
  return study;
}

}  // namespace harness
