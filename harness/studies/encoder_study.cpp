#include "harness/studies/encoder_study.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "harness/runs/run_memory.hpp"
#include "harness/studies/encoder_charts.hpp"
#include "harness/studies/encoder_data.hpp"
#include "harness/studies/encoder_measures.hpp"
#include "harness/studies/encoder_options.hpp"
#include "harness/studies/encoder_run.hpp"

namespace harness {
namespace {

constexpr std::string_view kCaveats =
    R"html(<li><strong>Experiment 4: how much was trained.</strong> Each verdict says on which rows and for how
long. On 4,096 texts a model of this size can learn them by heart; what it does on 120,000
may differ.</li>
<li><strong>Experiment 4: padding.</strong> Texts fill less than half of the 128 positions, and with
no positions and no mask every [PAD] of a text has the same activation: over half of the rows of a
published spectrum repeat one vector a text, which alone makes it look collapsed, in every arm. The
protocols <code>no_padding</code> leave these rows out; they do not undo that [PAD] takes part in
attention, and so mixes into every other row. <code>masked</code> trains without.</li>
<li><strong>Experiment 4: accuracy is that of training</strong> in the paper, counted while the last
epoch runs. <code>held_out</code> is counted after it, on texts of the test split.</li>
<li><strong>Experiment 4: the radius.</strong> Six blocks of <code>manual_l2</code> keep activations at
length 1 where layernorm&rsquo;s have &radic;C; an accuracy below layernorm&rsquo;s is a sign of
missing expression only as far as <code>sphere</code> shares it.</li>
)html";

/// A lower bound of a run's memory, on texts that are read or generated.
double bytes_of(const EncoderOptions& o, bool generated) {
  EncoderData data;
  data.vocabulary = o.vocabulary;
  const double texts = o.rows > 0 ? double(o.rows) : o.texts == Texts::official ? 120000 : 47598;
  const double length = double(o.length), sequences = std::min(double(o.batch), texts);
  // Texts fill two fifths of their padded length while that grows with them. Half of their tokens
  // or more are distinct.
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

/// `rows` is the number of distinct tokens in a batch of AG News.
std::vector<Product> products() {
  const Index c = 128, h = 512, rows = 10957;
  return {
      {"e4 queries, keys, values", rows, 3 * c, c, false, true},
      {"e4 ffn 1", rows, h, c, false, true},
      {"e4 ffn 2", rows, c, h, false, true},
      {"e4 ffn 1 input gradient", rows, c, h, false, false},
      {"e4 ffn 1 gradient", h, c, rows, true, false},
  };
}

class EncoderStudy final : public Study {
 public:
  std::string_view name() const override { return "encoder"; }
  std::vector<Claim> claims() const override { return claims_of(name()); }
  std::string_view claim_profile() const override { return "quick"; }

  const std::vector<Experiment>& experiments() const override {
    static const std::vector<Experiment> list = {
        {.id = "e4",
         .figure = 4,
         .arms = {"layernorm", "manual_l2", "none"},
         .controls = {"sphere"},
         .protocols = {std::begin(kSpectrumVariants), std::end(kSpectrumVariants)},
         .description = "six blocks on AG News, layer by layer (Figure 4)",
         .trainings = {{"masked",
                        {"layernorm_masked", "manual_l2_masked", "none_masked", "sphere_masked"}}}},
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

  const std::vector<Task>& tasks() const override {
    static const std::vector<Task> list = {
        {.name = kNewsTask},
        {.name = kGeneratedTask, .stand_in = "generated corpus topics, not AG News"},
    };
    return list;
  }

  const std::vector<GoldenSeeds>& golden_seeds() const override {
    static const std::vector<GoldenSeeds> list = {
        {.task = kGeneratedTask, .profile = "smoke", .seeds = 2},
        {.task = kGeneratedTask, .profile = "smoke", .seeds = 2, .protocol = "masked"},
        {.task = kGeneratedTask, .profile = "quick", .seeds = 1},
        {.task = kNewsTask, .profile = "quick", .seeds = 8},
        {.task = kNewsTask, .profile = "subset", .seeds = 1},
    };
    return list;
  }

  /// A step takes as long on the subset as on all texts, and nearly as long on generated ones.
  BenchPlan bench() const override { return {.profile = "subset", .products = products()}; }

  StudyTexts texts() const override {
    return {.data = "Reads AG News, or trains on generated texts where it is missing, and says so.",
            .kept = "weights, 20 MB a run (state 61)",
            .figures = "spectral metrics against depth",
            .caveats = kCaveats};
  }

  std::vector<Figure> figures(const std::vector<RunResult>& results,
                              const FigureSpec& spec) const override {
    return encoder_figures(results, spec);
  }

  std::vector<PlannedRun> plan(const Request& request) const override;
  const std::vector<Measure>& measures() const override { return encoder_measures(); }
  std::optional<Spec> spec_of(const RunResult& result) const override;
  PlannedAgain plan_again(const std::vector<RunResult>& results,
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

std::optional<Spec> EncoderStudy::spec_of(const RunResult& result) const {
  if (!has_arm(result.arm)) return std::nullopt;
  for (const Profile<EncoderOptions>& profile : encoder_profiles()) {
    if (profile.name != result.profile) continue;
    const EncoderData expected = EncoderCorpora::expected(profile.options, result.task);
    return encoder_spec(profile.options, find_encoder_arm(result.arm), result.seed, expected);
  }
  return std::nullopt;
}

/// The options that a run was made with.
EncoderOptions options_of(const Spec& spec) {
  EncoderOptions options;
  const std::string& train = spec.text("train");
  if (train == "topics") options.texts = Texts::topics;
  if (train == "subset") options.texts = Texts::subset;
  return with_numbers(options, encoder_numbers(), spec);
}

/// Only the options that its texts depend on.
EncoderOptions texts_of(const EncoderOptions& options, const RunResult& result) {
  EncoderOptions texts;
  texts.texts = options.texts;
  texts.rows = options.rows;
  texts.test_rows = options.test_rows;
  texts.length = options.length;
  texts.vocabulary = options.vocabulary;
  // There are as many generated texts as texts of AG News that they replace. The number of steps
  // tells whether that was all of AG News.
  const Index whole = 120000;
  const Index steps = options.epochs * ((whole + options.batch - 1) / options.batch);
  if (texts.texts == Texts::topics && texts.rows == 0 && result.steps == steps) texts.rows = whole;
  return texts;
}

PlannedAgain EncoderStudy::plan_again(const std::vector<RunResult>& results,
                                      const Request& request) const {
  // Read once for all runs that share them.
  std::vector<std::pair<EncoderOptions, std::shared_ptr<const EncoderCorpora>>> read;
  const auto corpora_of = [&](const EncoderOptions& texts) {
    for (const auto& [of, corpora] : read) {
      if (of == texts) return corpora;
    }
    read.emplace_back(
        texts, std::make_shared<EncoderCorpora>(texts, request.data, request.trust, request.cache));
    return read.back().second;
  };
  return plan_each(results, [&](const RunResult& result) {
    const Spec spec = Spec::parse(result.spec, "result: spec");
    const EncoderOptions options = options_of(spec);
    check(options);
    const auto corpora = corpora_of(texts_of(options, result));
    const EncoderData names = corpora->names();
    if (names.task != result.task || names.train_name != spec.text("train") ||
        names.test_name != spec.text("test")) {
      throw libnorm::DataError(fmt::format(
          "run {:.16} ({} seed {}): the texts that it was trained on are not here ({}, {}; there "
          "are {}, {}); need them where --data or LIBNORM_DATA says",
          result.spec_sha256, result.arm, result.seed, result.task, spec.text("train"), names.task,
          names.train_name));
    }
    return planned(options, result.profile, find_encoder_arm(result.arm), result.seed, corpora,
                   bytes_of(options, result.task == "topics"));
  });
}

}  // namespace

const Study& encoder_study() {
  static const EncoderStudy study;
  return study;
}

}  // namespace harness
