#include <algorithm>
#include <memory>

#include "harness/charts/arm_curves.hpp"
#include "harness/results/environment.hpp"
#include "harness/runs/checkpoint.hpp"
#include "harness/runs/model_run.hpp"
#include "harness/studies/encoder_study.hpp"
#include "harness/studies/recall_study.hpp"
#include "harness/studies/study_numbers.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"
#include "libnorm/metrics/activations/spectrum.hpp"

// A third study beside the project's two, which only the test tree knows: one class, and one line
// in a catalogue of its own. Its task is to tell which of two tokens a sequence has more of.

namespace harness {
namespace {

constexpr std::string_view kTask = "majority";

struct MajorityOptions : TrainingOptions {
  Index steps = 40;
  Index length = 9;

  MajorityOptions() {
    batch = 16;
    channels = 8;
    hidden = 16;
    learning_rate = 1e-3;
  }
  bool operator==(const MajorityOptions&) const = default;
};

const std::vector<Number<MajorityOptions>>& numbers_of_majority() {
  static const auto list = with_shared_numbers<MajorityOptions>({
      {"steps", "training steps", &MajorityOptions::steps},
      {"length", "tokens of a sequence; odd", &MajorityOptions::length},
  });
  return list;
}

const std::vector<ArmInfo>& arms_of_majority() {
  static const std::vector<ArmInfo> list = {
      {"layernorm", "layernorm", "LayerNorm with gain and bias"},
      {"none", "none", "no normalization"},
  };
  return list;
}

Spec majority_spec(const MajorityOptions& options, std::string_view norm, std::uint64_t seed) {
  Spec spec;
  spec.set("task", kTask);
  spec.set("numerics", std::string_view(kNumerics));
  spec.set("arm", norm);
  spec.set("norm", norm);
  spec.set("seed", seed);
  add_execution_keys(spec, options);
  for (const auto& number : numbers_of_majority()) number.tell(spec, options);
  return spec;
}

class MajorityRun final : public ModelRun {
 public:
  MajorityRun(const MajorityOptions& options, const std::string& norm, std::uint64_t seed)
      : ModelRun(model_options(options, norm, 2, 2), adam_options(options, options.steps),
                 options.steps, seed),
        options_(options),
        norm_(norm) {}

  void step() override {
    draw(libnorm::Purpose::training_batch, std::uint32_t(steps_done()));
    if (add_gradient(batch_)) update();
  }

  std::vector<std::byte> state() const override {
    std::vector<std::byte> out;
    append(out, std::vector<std::int64_t>{steps_done()});
    append_losses(out);
    append_model(out);
    return out;
  }

  void restore(std::span<const std::byte> state) override {
    std::vector<std::int64_t> done(1);
    take(state, done);
    take_losses(state, done[0]);
    take_model(state);
  }

  RunResult result(std::string_view profile) override {
    RunResult result = trained_result(profile, norm_, majority_spec(options_, norm_, seed()));
    result.task = kTask;
    if (diverged()) return result;
    draw(libnorm::Purpose::probe_batch, 0);
    result.singular_values =
        libnorm::singular_values<float>(model().activations(batch_, 0), batch_.counts.data());
    for (const libnorm::MetricValue& m : libnorm::values_of(result.singular_values)) {
      result.metrics[m.name] = m.value;
    }
    return result;
  }

  void measure(const std::vector<std::string>&, RunResult&) override {
    throw libnorm::ValueError("majority: has no measure that could be made again");
  }

 private:
  void draw(libnorm::Purpose purpose, std::uint32_t index) {
    const libnorm::Random random(seed(), purpose, index);
    std::vector<std::int32_t> ids(std::size_t(options_.batch * options_.length)), targets;
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = std::int32_t(random.bits(i) & 1);
    for (auto at = ids.begin(); at != ids.end(); at += options_.length) {
      targets.push_back(2 * std::count(at, at + options_.length, 1) > options_.length);
    }
    batch_.assign(ids, options_.batch, options_.length, 0, targets, 2, options_.path);
  }

  MajorityOptions options_;
  std::string norm_;
  libnorm::Batch batch_;
};

class MajorityStudy final : public Study {
 public:
  std::string_view name() const override { return "majority"; }
  std::string_view claim_profile() const override { return "smoke"; }
  const std::vector<ArmInfo>& arms() const override { return arms_of_majority(); }

  const std::vector<Experiment>& experiments() const override {
    static const std::vector<Experiment> list = {{.id = "e5",
                                                  .figure = 5,
                                                  .arms = {"layernorm", "none"},
                                                  .controls = {},
                                                  .protocols = {"counted"},
                                                  .description = "which token there is more of"}};
    return list;
  }
  const std::vector<Protocol>& protocols() const override {
    static const std::vector<Protocol> list = {{"counted", "as it is"}};
    return list;
  }
  const std::vector<ProfileInfo>& profiles() const override {
    static const std::vector<ProfileInfo> list = {{"smoke", "a tiny model: less than a second"}};
    return list;
  }
  const std::vector<NumberInfo>& numbers() const override {
    static const auto list = summaries_of(numbers_of_majority());
    return list;
  }
  const std::vector<Task>& tasks() const override {
    static const std::vector<Task> list = {{.name = kTask}};
    return list;
  }
  const std::vector<GoldenSeeds>& golden_seeds() const override {
    static const std::vector<GoldenSeeds> list = {
        {.task = kTask, .profile = "smoke", .seeds = 5, .protocol = "counted"}};
    return list;
  }
  std::vector<Column> columns(std::string_view) const override {
    return {{"effective_rank", "eff. rank"}};
  }

  std::vector<Claim> claims() const override {
    return {{.id = "e5.counts",
             .experiment = "e5",
             .sentence = "layernorm counts better",
             .source = "this test",
             .parts = {{.a = {{"none"}}, .b = {{"layernorm"}}}},
             .controls = {},
             .definitions = {{.name = "counted",
                              .metric = Metric("final_loss"),
                              .margin = {.size = 1e-3, .unit = "nats", .why = "a thousandth shows"},
                              .axis = "",
                              .source = "the last 100 steps",
                              .beside = ""}},
             .landmarks = {},
             .study = "majority",
             .task = std::string(kTask),
             .family = "e5",
             .sha256 = ""}};
  }

  BenchPlan bench() const override {
    return {.profile = "smoke", .products = {{"majority ffn 1", 144, 16, 8, false, true}}};
  }
  StudyTexts texts() const override {
    return {.data = "Counts tokens that it draws itself.",
            .kept = "state, 16 kB a run",
            .figures = "",
            .caveats = "<li>Counting is no reasoning.</li>\n"};
  }

  std::vector<Figure> figures(const std::vector<RunResult>& results,
                              const FigureSpec& spec) const override {
    const ArmCurves arms(results, spec.arms);
    Chart chart;
    chart.name = figure_name(spec);
    chart.about = "Which token there is more of.";
    chart.panels = {
        arms.loss_panel("(a) Training loss"),
        arms.spectrum_panel("(b) Spectrum", "singular values",
                            [](const RunResult& result) { return result.singular_values; })};
    chart.panels[1].y = fit_axis(chart.panels[1].curves, ScaleChoice::log, 5);
    chart.key = arms.key();
    chart.notes = arms.notes("A diverged run is left out.");
    return {{.chart = chart, .aspect = "", .caption = "loss and spectrum", .alt = "Two panels."}};
  }

  std::vector<PlannedRun> plan(const Request& request) const override {
    find_named(profiles(), &ProfileInfo::name, request.profile, "profile");
    const MajorityOptions options = with_numbers(MajorityOptions(), numbers_of_majority(), request);
    const bool custom = !(options == MajorityOptions());
    std::vector<PlannedRun> runs;
    for (const std::uint64_t seed : request.seeds) {
      for (const std::string& arm : request.arms) {
        runs.push_back({.task = std::string(kTask),
                        .profile = custom ? "custom" : request.profile,
                        .arm = arm,
                        .seed = seed,
                        .steps = options.steps,
                        .spec = majority_spec(options, arm, seed),
                        .make = [=] { return std::make_unique<MajorityRun>(options, arm, seed); },
                        .gemm = options.gemm});
      }
    }
    return runs;
  }

  std::optional<Spec> spec_of(const RunResult& result) const override {
    if (result.profile != "smoke") return std::nullopt;
    return majority_spec(MajorityOptions(), result.arm, result.seed);
  }
};

}  // namespace

std::span<const Study* const> studies() {
  static const MajorityStudy majority;
  static const Study* const kStudies[] = {
      &recall_study(),
      &encoder_study(),
      &majority,
  };
  return kStudies;
}

}  // namespace harness
