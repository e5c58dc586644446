#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "harness/results/golden_manifest.hpp"
#include "harness/results/golden_names.hpp"
#include "harness/results/result_json.hpp"
#include "harness/results/result_members.hpp"
#include "harness/results/spec.hpp"
#include "tests/unit/harness/results/golden_folder.hpp"

/// What format 2 has room for, and the way to it.

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using libnorm::ValueError;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

/// A run that no profile has.
RunResult custom_result(std::uint64_t seed, double rate) {
  const Spec spec = Spec().set("arm", "rms+gain@pre").set("seed", seed).set("rate", rate);
  RunResult result = sample_result("rms+gain@pre", seed);
  result.profile = "custom";
  result.spec = spec.canonical();
  result.spec_sha256 = spec.sha256();
  return result;
}

RunResult cell_result(const std::string& size, std::uint64_t seed) {
  RunResult result = sample_result("unit_sphere+gain", seed);
  result.profile = "factorial";
  result.cell = {{"placement", "pre"}, {"rate", "1e-3"}, {"size", size}};
  return result;
}

TEST(GoldenNames, AnyBytesBecomeAPortableNameAndComeBack) {
  EXPECT_EQ(encode_name("unit_sphere+gain@pre"), "unit_sphere%2bgain%40pre");
  EXPECT_EQ(encode_name("1x128"), "1x128");
  EXPECT_EQ(encode_name("Aux."), "%41ux%2e");
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all += char(byte);
  EXPECT_EQ(encode_name(all).find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_%"),
            std::string::npos);
  EXPECT_EQ(decode_name(encode_name(all)), all);
}

TEST(GoldenNames, ANameHasOneSpelling) {
  for (const char* part : {"", "A", "%", "%4", "%4g", "%2B", "%61", "a.b", "..", "a/b", "a b"}) {
    EXPECT_EQ(decode_name(part), std::nullopt) << part;
  }
}

TEST(GoldenNames, TellPlacesOfCellsAndCustomRunsApart) {
  EXPECT_EQ(golden_file_of(sample_result("none", 1)), "associative_recall/smoke/none.jsonl");
  EXPECT_EQ(golden_file_of(cell_result("2x128", 1)),
            "associative_recall/factorial/unit_sphere%2bgain/"
            "placement=pre,rate=1e%2d3,size=2x128.jsonl");
  const RunResult result = custom_result(1, 0.5);
  EXPECT_EQ(golden_file_of(result), "associative_recall/custom/rms%2bgain%40pre/spec=" +
                                        sha256_hex("arm=rms+gain@pre\nrate=0.5\n").substr(0, 16) +
                                        ".jsonl");
  EXPECT_EQ(golden_file_of(result), golden_file_of(custom_result(2, 0.5))) << "seeds share a file";
  EXPECT_NE(golden_file_of(result), golden_file_of(custom_result(1, 0.25)));
  for (const RunResult& each : {result, cell_result("2x128", 1), sample_result("none", 1)}) {
    EXPECT_TRUE(is_file_of_results(golden_file_of(each)));
  }
}

TEST(GoldenManifest, SaysSeedsBriefly) {
  EXPECT_EQ(seeds_text({}), "");
  EXPECT_EQ(seeds_text({3}), "3");
  EXPECT_EQ(seeds_text({0, 1, 2, 5, 7, 8}), "0..2,5,7..8");
}

TEST_F(GoldenFolder, HoldsCellsCustomRunsAndPartialSetsOfSeeds) {
  const std::vector<RunResult> results = {custom_result(0, 0.5),     custom_result(4, 0.5),
                                          custom_result(0, 0.25),    cell_result("1x128", 2),
                                          cell_result("2x128", 2),   cell_result("2x128", 3),
                                          sample_result("a+b@c", 6), sample_result("none", 1)};
  bless(path(), results, json::array(), "e1", "sets");
  const Golden golden = load_golden(path());
  ASSERT_EQ(golden.results.size(), results.size());
  for (const RunResult& result : results) {
    const RunResult* found = golden.find(result);
    ASSERT_NE(found, nullptr) << golden_file_of(result);
    EXPECT_EQ(to_line(*found), to_line(result));
  }
  EXPECT_EQ(golden.find(custom_result(4, 0.25)), nullptr);
  EXPECT_EQ(golden.find(cell_result("1x128", 3)), nullptr);
  EXPECT_EQ(golden.find("associative_recall", "factorial", "unit_sphere+gain", 2), nullptr)
      << "a run without a cell is another one";
  const std::string manifest = read_file(path() / "manifest.json");
  const json listed = parse_json(*unseal("manifest", manifest), "manifest");
  EXPECT_EQ(listed["format"], 2);
  EXPECT_EQ(listed["files"][golden_file_of(custom_result(0, 0.5))]["seeds"], "0,4");
  EXPECT_EQ(listed["files"][golden_file_of(cell_result("2x128", 2))]["seeds"], "2..3");
}

TEST_F(GoldenFolder, BlessingACellReplacesItAloneAndKeepsTheRest) {
  bless(path(), {cell_result("1x128", 2), cell_result("2x128", 2)}, {}, "f1", "both");
  RunResult changed = cell_result("2x128", 2);
  changed.final_loss = 0.75;
  bless(path(), {changed}, {}, "f1", "one");
  const Golden golden = load_golden(path());
  ASSERT_EQ(golden.results.size(), 2u);
  EXPECT_EQ(golden.find(cell_result("1x128", 2))->final_loss, 0.1);
  EXPECT_EQ(golden.find(cell_result("2x128", 2))->final_loss, 0.75);
}

TEST_F(GoldenFolder, SaysItsSizeAndStaysBelowFortyMegabytes) {
  const std::uintmax_t bytes = bless(path(), {sample_result("none", 1)}, {}, "e1", "small");
  const auto size_of = [&](const char* file) { return fs::file_size(path() / file); };
  EXPECT_EQ(bytes, size_of("verdicts.json") + size_of("associative_recall/smoke/none.jsonl"));
  EXPECT_EQ(load_golden(path()).bytes, bytes);
  const std::string manifest = read_file(path() / "manifest.json");
  EXPECT_EQ(parse_json(*unseal("manifest", manifest), "manifest")["bytes"], bytes);
  RunResult large = sample_result("none", 2);
  large.data.assign(40'000'000, 'x');
  EXPECT_THAT(message_of<DataError>([&] { bless(path(), {large}, {}, "e1", "large"); }),
              AllOf(HasSubstr("golden is too large (4"), HasSubstr("need at most 40000000")));
  EXPECT_EQ(load_golden(path()).results.size(), 1u);
}

TEST_F(GoldenFolder, WhatTheManifestSaysOfAFileIsHeldAgainstIt) {
  bless(path(), {sample_result("none", 1), sample_result("none", 2)}, {}, "e1", "why");
  const std::string text = read_file(path() / "manifest.json");
  const json whole = parse_json(*unseal("manifest", text), "manifest");
  const auto load_with = [&](const auto& change) {
    json manifest = whole;
    change(manifest);
    scribble("manifest.json", seal("manifest", manifest.dump(2)));
    return load_message();
  };
  const char* file = "associative_recall/smoke/none.jsonl";
  EXPECT_THAT(load_with([&](json& m) { m["files"][file]["seeds"] = "1..3"; }),
              HasSubstr("has the seeds 1..2 where the manifest says 1..3"));
  EXPECT_THAT(load_with([&](json& m) { m["bytes"] = 7; }), HasSubstr("not the sum"));
  EXPECT_THAT(load_with([&](json& m) {
                m["files"][file]["bytes"] = m["files"][file]["bytes"].get<int>() + 1;
                m["bytes"] = m["bytes"].get<int>() + 1;
              }),
              AllOf(HasSubstr(file), HasSubstr(" bytes, the manifest says ")));
  EXPECT_THAT(load_with([&](json& m) {
                m["bytes"] = m["files"][file]["bytes"];
                m["files"].erase("verdicts.json");
              }),
              HasSubstr("does not list verdicts.json"));
  EXPECT_THAT(load_with([&](json& m) { m["format"] = 3; }),
              HasSubstr("of a format that this version does not read (3; it reads 1 and 2)"));
  EXPECT_THAT(load_with([&](json& m) { m["format"] = "2"; }), HasSubstr("does not read"));
  EXPECT_THAT(load_with([&](json& m) { m["sets"] = 1; }), HasSubstr("unknown key (sets)"));
}

TEST_F(GoldenFolder, ACustomResultWithoutItsSpecIsRefused) {
  RunResult result = custom_result(1, 0.5);
  result.spec = Spec().set("arm", "other").canonical();
  bless(path(), {custom_result(2, 0.5)}, {}, "e1", "why");
  EXPECT_THAT(message_of<ValueError>([&] { bless(path(), {result}, {}, "e1", "why"); }),
              HasSubstr("has a spec that is not that of its spec_sha256"));
  result.spec.clear();
  EXPECT_THAT(message_of<ValueError>([&] { bless(path(), {result}, {}, "e1", "why"); }),
              HasSubstr("has no spec"));
  RunResult named = cell_result("1x128", 1);
  named.cell["spec"] = "x";
  EXPECT_THAT(message_of<ValueError>([&] { bless(path(), {named}, {}, "e1", "why"); }),
              HasSubstr("has a factor spec"));
  EXPECT_EQ(load_golden(path()).results.size(), 1u);
}

/// A golden of format 1 with specs of the time when measures were part of them.
class FirstFormat : public GoldenFolder {
 protected:
  FirstFormat() {
    fs::create_directories(path() / "associative_recall/smoke");
    scribble("associative_recall/smoke/none.jsonl", line(1) + line(2));
    scribble("verdicts.json", json({{"e1", 1.5}}).dump(2) + "\n");
    forge_manifest(path(), {"associative_recall/smoke/none.jsonl"});
  }
  static Spec spec(std::uint64_t seed) { return Spec().set("arm", "none").set("seed", seed); }
  static std::string line(std::uint64_t seed) {
    RunResult result = sample_result("none", seed);
    result.spec_sha256 = spec(seed).old_sha256();
    result.metrics["minus_zero"] = -0.0;
    result.metrics["nothing"] = std::numeric_limits<double>::quiet_NaN();
    json value = to_json(result);
    value.erase("measures");
    return value.dump() + "\n";
  }
  Migration migrate() const {
    return migrate_golden(
        path(), [](const RunResult& result) { return spec(result.seed).sha256(); },
        "another format");
  }
};

TEST_F(FirstFormat, BecomesTheSecondWithTheSameNumbers) {
  const Golden before = load_golden(path());
  EXPECT_EQ(before.results[0].spec_sha256, spec(1).old_sha256());
  const Migration done = migrate();
  EXPECT_EQ(done.from, 1);
  EXPECT_EQ(done.results, 2u);
  EXPECT_EQ(done.hashes, 2u);
  // 2 losses and seconds, 4 metrics, 2 + 3 of curves, 2 x 3 of slices, 9 of epochs, 5 of spectra.
  EXPECT_EQ(done.numbers, 2u * (2 + 4 + 5 + 6 + 9 + 5));
  const Golden after = load_golden(path());
  EXPECT_EQ(after.format, 2);
  EXPECT_EQ(after.bytes, done.bytes);
  EXPECT_EQ(after.verdicts, before.verdicts);
  EXPECT_EQ(after.blessings.back().because, "another format");
  ASSERT_EQ(after.results.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    RunResult expected = before.results[i];
    expected.spec_sha256 = spec(expected.seed).sha256();
    EXPECT_EQ(compare_members(expected, after.results[i]).difference, "");
    EXPECT_EQ(to_line(expected), to_line(after.results[i]));
  }
  EXPECT_THAT(message_of<DataError>([&] { migrate(); }), HasSubstr("of format 2 already"));
}

TEST_F(FirstFormat, StaysWhereItsNumbersWouldNotComeBack) {
  const std::string before = read_file(path() / "manifest.json");
  EXPECT_THROW(migrate_golden(
                   path(), [](const RunResult&) { return "no hash"; }, "why"),
               ValueError);
  EXPECT_THROW(migrate_golden(
                   path(), [](const RunResult& result) { return result.spec_sha256; }, " "),
               ValueError);
  scribble("associative_recall/smoke/none.jsonl", line(1));
  EXPECT_THROW(migrate(), DataError) << "damage is not migrated";
  EXPECT_EQ(read_file(path() / "manifest.json"), before);
}

TEST(ResultMembers, ANumberThatIsInOneAloneCounts) {
  RunResult result, more;
  more.metrics["slice_max"] = 1;
  EXPECT_EQ(compare_members(result, more).difference, "metrics.slice_max is in one alone");
  EXPECT_EQ(compare_members(more, result).difference, "metrics.slice_max is in one alone");
}

TEST(ResultMembers, EveryMemberCounts) {
  const RunResult result = cell_result("2x128", 3);
  EXPECT_EQ(compare_members(result, result).difference, "");
  const auto differs = [&](const auto& change) {
    RunResult other = result;
    change(other);
    return compare_members(result, other).difference;
  };
  EXPECT_EQ(differs([](RunResult& r) { r.final_loss += 1e-17 + 2e-17; }),
            "final_loss is 0.10000000000000003, was 0.1");
  EXPECT_THAT(differs([](RunResult& r) { r.task = "x"; }), HasSubstr("task"));
  EXPECT_THAT(differs([](RunResult& r) { r.data = "x"; }), HasSubstr("data"));
  EXPECT_THAT(differs([](RunResult& r) { r.profile = "x"; }), HasSubstr("profile"));
  EXPECT_THAT(differs([](RunResult& r) { r.arm = "x"; }), HasSubstr("arm"));
  EXPECT_THAT(differs([](RunResult& r) { r.cell["size"] = "x"; }), HasSubstr("cell.size"));
  EXPECT_THAT(differs([](RunResult& r) { r.seed = 4; }), HasSubstr("seed"));
  EXPECT_THAT(differs([](RunResult& r) { r.steps = 5; }), HasSubstr("steps"));
  EXPECT_THAT(differs([](RunResult& r) { r.diverged_at = 0; }), HasSubstr("diverged_at"));
  EXPECT_THAT(differs([](RunResult& r) { r.spec_sha256 = "x"; }), HasSubstr("spec_sha256"));
  EXPECT_THAT(differs([](RunResult& r) { r.spec = "x"; }), HasSubstr("spec is"));
  EXPECT_THAT(differs([](RunResult& r) { r.weights_sha256 = "x"; }), HasSubstr("weights_sha256"));
  EXPECT_THAT(differs([](RunResult& r) { r.losses_sha256 = "x"; }), HasSubstr("losses_sha256"));
  EXPECT_THAT(differs([](RunResult& r) { r.measures["slices"] = 2; }),
              HasSubstr("measures.slices"));
  EXPECT_THAT(differs([](RunResult& r) { r.metrics["effective_rank"] = 1; }), HasSubstr("metrics"));
  EXPECT_THAT(differs([](RunResult& r) { r.metrics.clear(); }), HasSubstr("metrics"));
  EXPECT_EQ(differs([](RunResult& r) {
              auto renamed = r.metrics.extract("effective_rank");
              renamed.key() = "rank";
              r.metrics.insert(std::move(renamed));
            }),
            "metrics.effective_rank is metrics.rank");
  EXPECT_THAT(differs([](RunResult& r) { r.curve_stride = 3; }), HasSubstr("curve_stride"));
  EXPECT_THAT(differs([](RunResult& r) { r.loss_curve[1] = 0; }), HasSubstr("loss_curve"));
  EXPECT_THAT(differs([](RunResult& r) { r.loss_curve.pop_back(); }), HasSubstr("loss_curve"));
  EXPECT_THAT(differs([](RunResult& r) { r.singular_values[2] = -0.007; }),
              HasSubstr("singular_values"));
  EXPECT_THAT(differs([](RunResult& r) { r.slices["published"].alpha[1] = -0.0; }),
              HasSubstr("slices.published.alpha is -0, was 0"));
  EXPECT_THAT(differs([](RunResult& r) { r.slices["published"].loss[2] = 0; }),
              HasSubstr("slices.published.loss"));
  EXPECT_THAT(differs([](RunResult& r) { r.epochs["training_loss"][0] = 0; }), HasSubstr("epochs"));
  EXPECT_THAT(differs([](RunResult& r) { r.spectra["layer3.published"][0] = 0; }),
              HasSubstr("spectra"));
  EXPECT_THAT(differs([](RunResult& r) { r.held_out_correct.flip(); }),
              HasSubstr("held_out_correct"));
  EXPECT_THAT(differs([](RunResult& r) { r.kept.reset(); }), HasSubstr("kept"));
  EXPECT_THAT(differs([](RunResult& r) { r.kept->what = Keep::weights; }), HasSubstr("kept.what"));
  EXPECT_THAT(differs([](RunResult& r) { r.kept->sha256 = "x"; }), HasSubstr("kept.sha256"));
  EXPECT_THAT(differs([](RunResult& r) { r.seconds = 0; }), HasSubstr("seconds"));
  for (std::string Environment::*member :
       {&Environment::version, &Environment::numerics, &Environment::compiler, &Environment::flags,
        &Environment::cpu, &Environment::isa, &Environment::device}) {
    EXPECT_THAT(differs([&](RunResult& r) { r.environment.*member = "x"; }),
                HasSubstr("environment"));
  }
  EXPECT_THAT(differs([](RunResult& r) { r.environment.threads = 9; }),
              HasSubstr("environment.threads"));
}

}  // namespace
}  // namespace harness
