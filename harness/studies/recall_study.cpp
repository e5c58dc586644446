#include "harness/studies/recall_study.hpp"

#include <algorithm>

#include "harness/runs/run_memory.hpp"
#include "harness/studies/recall_charts.hpp"
#include "harness/studies/recall_measures.hpp"
#include "harness/studies/recall_options.hpp"
#include "harness/studies/recall_run.hpp"

namespace harness {
namespace {

constexpr std::string_view kCaveats =
    R"html(<li><strong>Two learning rates in Experiments 1 to 3.</strong> As published, <code>none</code> learns with 5e-4 and all
other arms with 1e-4. <code>none_matched</code> is <code>none</code> with 1e-4.</li>
<li><strong>manual_l2 changes three things at once:</strong> no centring, no gain and bias, and
radius 1 where layernorm has &radic;C. Radius 1 bounds the logits, so a high loss may be temperature
rather than missing expression. <code>sphere</code> has radius &radic;C and no gain and bias.</li>
<li><strong>Raw sharpness depends on the scale of the weights</strong>
(<a href="https://arxiv.org/abs/1703.04933">Dinh et al. 2017</a>), and an arm with a lower loss has a
flatter slice in absolute terms. The filter-normalized slice
(<a href="https://arxiv.org/abs/1712.09913">Li et al. 2018</a>) takes the scale out.</li>
<li><strong>Accumulated slice.</strong> In Experiments 2 and 3 the published program adds each step
to the weights without taking the last one off: what is drawn against &alpha; is a walk along the
direction to &minus;5.13 and back. The protocol <code>accumulated</code> repeats that walk;
<code>published</code> is what the paper describes.</li>
<li><strong>Spectra are not centred.</strong> They mix the mean direction into anisotropy, and
layernorm&rsquo;s last singular value is near zero by construction.</li>
<li><strong>The task of Experiments 1 to 3 is a copy.</strong> The answer to every sequence is its own last token, so
nothing has to be recalled, and the task has no low-rank structure.</li>
)html";

double bytes_of(const RecallOptions& o) {
  const bool dense = o.path == libnorm::Path::dense;
  const double positions = double(o.rank) + 1;
  return bytes_of_training({model_options(o, recall_arms().front()), double(o.batch), positions,
                            dense ? positions : double(o.rank), o.path, double(o.steps)});
}

/// `rows` is batch x positions.
std::vector<Product> products() {
  const Index c = 128, h = 512, keys = 400, vocabulary = 402, b = 128, rows = 128 * 41;
  return {
      {"table: queries, keys, values", keys, 3 * c, c, false, true},
      {"ffn 1, prediction rows", b, h, c, false, true},
      {"ffn 2, prediction rows", b, c, h, false, true},
      {"ffn 1 gradient, prediction rows", h, c, b, true, false},
      {"head", b, vocabulary, c, false, true},
      {"ffn 1, all rows", rows, h, c, false, true},
      {"ffn 2, all rows", rows, c, h, false, true},
      {"ffn 1 input gradient, all rows", rows, c, h, false, false},
      {"ffn 1 gradient, all rows", h, c, rows, true, false},
  };
}

/// For the first batch of the paper's scale.
std::vector<CurvatureCase> curvatures() {
  const RecallOptions paper;
  libnorm::Batch batch;
  paper.task().draw(0, libnorm::Purpose::training_batch, 0, paper.path, batch);
  std::vector<CurvatureCase> cases;
  for (const char* name : {"layernorm", "batchnorm", "none"}) {
    const RecallArm& arm = find_recall_arm(name);
    cases.push_back({arm.name, model_options(paper, arm), batch});
  }
  return cases;
}

class RecallStudy final : public Study {
 public:
  std::string_view name() const override { return "recall"; }
  std::vector<Claim> claims() const override { return claims_of(name()); }
  std::string_view claim_profile() const override { return "paper"; }

  const std::vector<Experiment>& experiments() const override {
    static const std::vector<Experiment> list = {
        {.id = "e1",
         .figure = 1,
         .arms = {"layernorm", "none"},
         .controls = {"none_matched"},
         .protocols = {"published", "filter_normalized"},
         .description = "LayerNorm against no normalization (Figure 1)"},
        {.id = "e2",
         .figure = 2,
         .arms = {"layernorm", "batchnorm", "none"},
         .controls = {"none_matched"},
         .protocols = {"published", "accumulated", "filter_normalized"},
         .description = "BatchNorm beside them (Figure 2)"},
        {.id = "e3",
         .figure = 3,
         .arms = {"layernorm", "batchnorm", "manual_l2", "none"},
         .controls = {"sphere", "none_matched"},
         .protocols = {"published", "accumulated", "filter_normalized"},
         .description = "the sphere without an affine part beside them (Figure 3)"},
    };
    return list;
  }

  const std::vector<ArmInfo>& arms() const override {
    static const auto list = summaries_of<ArmInfo>(recall_arms());
    return list;
  }

  const std::vector<Protocol>& protocols() const override {
    static const std::vector<Protocol> list = {
        {"published", "loss along one direction of norm 1, alpha in [-0.5, 0.5]"},
        {"accumulated",
         "the same, with displacements never taken off, as the notebooks of e2 and e3 do"},
        {"filter_normalized",
         "loss along 10 filter-normalized directions (Li et al. 2018), alpha in [-1, 1]"},
    };
    return list;
  }

  std::vector<Column> columns(std::string_view protocol) const override {
    const bool is_rise = protocol == "filter_normalized";
    return {{"effective_rank", "eff. rank"},
            {(is_rise ? "slice_max." : "slice_range.") + std::string(protocol), "sharpness"}};
  }

  const std::vector<ProfileInfo>& profiles() const override {
    static const auto list = summaries_of<ProfileInfo>(recall_profiles());
    return list;
  }

  const std::vector<NumberInfo>& numbers() const override {
    static const auto list = summaries_of(recall_numbers());
    return list;
  }

  const std::vector<Task>& tasks() const override {
    static const std::vector<Task> list = {{.name = kRecallTask}, {.name = kLookupTask}};
    return list;
  }

  const std::vector<GoldenSeeds>& golden_seeds() const override {
    static const std::vector<GoldenSeeds> list = {
        {.task = kRecallTask, .profile = "smoke", .seeds = 2},
        {.task = kRecallTask, .profile = "paper", .seeds = 10},
    };
    return list;
  }

  /// README's picture.
  std::vector<GoldenFigure> golden_figures() const override { return {{"e1", "published"}}; }

  BenchPlan bench() const override {
    return {.profile = "paper", .products = products(), .curvatures = curvatures()};
  }

  StudyTexts texts() const override {
    return {.data = "",
            .kept = "state, 3.6 MB a run (weights 1.2)",
            .figures = "",
            .caveats = kCaveats};
  }

  std::vector<Figure> figures(const std::vector<RunResult>& results,
                              const FigureSpec& spec) const override {
    return recall_figures(results, spec);
  }

  std::vector<PlannedRun> plan(const Request& request) const override {
    const RecallOptions& own = find_recall_profile(request.profile).options;
    RecallOptions options = with_numbers(own, recall_numbers(), request);
    const bool is_lookup = options.task().kind == libnorm::RecallKind::lookup;
    if (is_lookup && !request.numbers.contains("rank")) {
      options.rank = std::min(options.rank, options.entities);
    }
    options.task().check();  // Its products are counted, the others' memory is a double.
    const double bytes = checked_bytes(own, recall_numbers(), request, bytes_of);
    check(options);
    std::string profile = "custom";
    for (const RecallProfile& p : recall_profiles()) {
      if (p.options == options) profile = p.name;
    }
    std::vector<PlannedRun> runs;
    for (const std::uint64_t seed : request.seeds) {
      for (const std::string& name : request.arms) {
        runs.push_back(planned(options, profile, find_recall_arm(name), seed, bytes));
      }
    }
    return runs;
  }

  const std::vector<Measure>& measures() const override { return recall_measures(); }

  std::optional<Spec> spec_of(const RunResult& result) const override {
    if (result.task != kRecallTask || !has_arm(result.arm)) return std::nullopt;
    for (const RecallProfile& profile : recall_profiles()) {
      if (profile.name != result.profile) continue;
      return recall_spec(profile.options, find_recall_arm(result.arm), result.seed);
    }
    return std::nullopt;
  }

  PlannedAgain plan_again(const std::vector<RunResult>& results, const Request&) const override {
    return plan_each(results, [](const RunResult& result) {
      Spec spec = Spec::parse(result.spec, "result: spec");
      spec.set("learning_rate_none", spec.number("learning_rate"));
      const RecallOptions options = with_numbers(RecallOptions{}, recall_numbers(), spec);
      check(options);
      return planned(options, result.profile, find_recall_arm(result.arm), result.seed,
                     bytes_of(options));
    });
  }

 private:
  static PlannedRun planned(const RecallOptions& options, const std::string& profile,
                            const RecallArm& arm, std::uint64_t seed, double bytes) {
    return {std::string(kRecallTasks[options.kind]),
            profile,
            std::string(arm.name),
            seed,
            options.steps,
            RunSize::small,
            recall_spec(options, arm, seed),
            [=] { return std::make_unique<RecallRun>(options, arm, seed); },
            options.gemm,
            bytes};
  }
};

}  // namespace

const Study& recall_study() {
  static const RecallStudy study;
  return study;
}

}  // namespace harness
