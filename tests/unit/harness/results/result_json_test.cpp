#include "harness/results/result_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "libnorm/core/error.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

namespace harness {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

using libnorm::DataError;
using libnorm::ValueError;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

TEST(ResultJson, EveryMemberComesBack) {
  RunResult result = sample_result("layernorm", std::numeric_limits<std::uint64_t>::max());
  result.task = "ag_news";
  result.diverged_at = 3;
  result.environment.device = "a GPU";
  result.cell = {{"rate", "1e-3"}, {"size", "2x128"}};
  result.spec = "arm=layernorm\n";
  result.measures = {{"held_out", 2}};
  const RunResult back = result_from_line(to_line(result), "row");
  EXPECT_EQ(back.task, result.task);
  EXPECT_EQ(back.data, result.data);
  EXPECT_EQ(back.profile, result.profile);
  EXPECT_EQ(back.arm, result.arm);
  EXPECT_EQ(back.cell, result.cell);
  EXPECT_EQ(back.spec, result.spec);
  EXPECT_EQ(back.measures, result.measures);
  EXPECT_EQ(back.seed, result.seed);
  EXPECT_EQ(back.steps, result.steps);
  EXPECT_EQ(back.diverged_at, result.diverged_at);
  EXPECT_EQ(back.spec_sha256, result.spec_sha256);
  EXPECT_EQ(back.weights_sha256, result.weights_sha256);
  EXPECT_EQ(back.losses_sha256, result.losses_sha256);
  EXPECT_EQ(back.final_loss, result.final_loss);
  EXPECT_EQ(back.metrics, result.metrics);
  EXPECT_EQ(back.curve_stride, result.curve_stride);
  EXPECT_EQ(back.loss_curve, result.loss_curve);
  EXPECT_EQ(back.singular_values, result.singular_values);
  ASSERT_EQ(back.slices.size(), 1u);
  EXPECT_EQ(back.slices.at("published").alpha, result.slices.at("published").alpha);
  EXPECT_EQ(back.slices.at("published").loss, result.slices.at("published").loss);
  EXPECT_EQ(back.epochs, result.epochs);
  EXPECT_EQ(back.spectra, result.spectra);
  EXPECT_EQ(back.held_out_correct, result.held_out_correct);
  EXPECT_EQ(back.kept, result.kept);
  EXPECT_EQ(back.seconds, result.seconds);
  EXPECT_EQ(back.environment.version, result.environment.version);
  EXPECT_EQ(back.environment.numerics, result.environment.numerics);
  EXPECT_EQ(back.environment.compiler, result.environment.compiler);
  EXPECT_EQ(back.environment.flags, result.environment.flags);
  EXPECT_EQ(back.environment.cpu, result.environment.cpu);
  EXPECT_EQ(back.environment.isa, result.environment.isa);
  EXPECT_EQ(back.environment.threads, result.environment.threads);
  EXPECT_EQ(back.environment.device, result.environment.device);
}

TEST(ResultJson, ResultsFromBeforeMeasuresHadVersionsAreOfTheFirst) {
  const auto measures_of = [](const RunResult& result) {
    json old = to_json(result);
    EXPECT_EQ(old.erase("measures"), 1u);
    return result_from_json(old, "row").measures;
  };
  using Versions = std::map<std::string, int>;
  RunResult result = sample_result("none", 0);
  EXPECT_EQ(measures_of(result), (Versions{{"slices", 1}, {"spectrum", 1}}));
  result.task = "topics";
  EXPECT_EQ(measures_of(result), (Versions{{"epochs", 1}, {"held_out", 1}, {"spectra", 1}}));
  result.held_out_correct.clear();
  EXPECT_EQ(measures_of(result), (Versions{{"epochs", 1}, {"spectra", 1}}));
  result.diverged_at = 3;
  EXPECT_EQ(measures_of(result), Versions{});
}

TEST(ResultJson, ResultsFromBeforeGpusWereMadeOnTheProcessor) {
  json old = to_json(sample_result("none", 0));
  EXPECT_EQ(old["environment"].erase("device"), 1u);
  EXPECT_EQ(result_from_json(old, "row").environment.device, "cpu");
}

TEST(ResultJson, DoublesComeBackBitForBit) {
  RunResult result = sample_result("none", 0);
  result.loss_curve = {0.1,  1.0 / 3.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308,
                       0.0,  -0.0,      1e22,   123456789012345678.0,    kInf,
                       -kInf};
  // A walk through bit patterns of all sizes; the multiplier is odd, so that none comes twice.
  for (std::uint64_t i = 1; i <= 20000; ++i) {
    const double value = std::bit_cast<double>(i * 0x9e3779b97f4a7c15u);
    if (!std::isnan(value)) result.loss_curve.push_back(value);
  }
  const RunResult back = result_from_line(to_line(result), "row");
  ASSERT_EQ(back.loss_curve.size(), result.loss_curve.size());
  for (std::size_t i = 0; i < result.loss_curve.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(back.loss_curve[i]),
              std::bit_cast<std::uint64_t>(result.loss_curve[i]))
        << result.loss_curve[i];
  }
}

TEST(ResultJson, NonFiniteNumbersSurviveEverywhere) {
  RunResult result = sample_result("none", 0);
  result.final_loss = std::nan("");
  result.metrics["effective_rank"] = kInf;
  result.singular_values = {-kInf, std::nan("")};
  result.slices["published"].loss[1] = std::nan("");
  result.epochs["training_loss"][2] = std::nan("");
  result.spectra["layer3.published"][1] = kInf;
  result.seconds = kInf;
  const std::string line = to_line(result);
  EXPECT_THAT(line, HasSubstr("\"final_loss\":\"nan\""));
  const RunResult back = result_from_line(line, "row");
  EXPECT_TRUE(std::isnan(back.final_loss));
  EXPECT_EQ(back.metrics.at("effective_rank"), kInf);
  EXPECT_EQ(back.singular_values[0], -kInf);
  EXPECT_TRUE(std::isnan(back.singular_values[1]));
  EXPECT_TRUE(std::isnan(back.slices.at("published").loss[1]));
  EXPECT_TRUE(std::isnan(back.epochs.at("training_loss")[2]));
  EXPECT_EQ(back.spectra.at("layer3.published")[1], kInf);
  EXPECT_EQ(back.seconds, kInf);
  EXPECT_EQ(to_line(back), line);
}

TEST(ResultJson, ALineIsOneLine) {
  RunResult result = sample_result("none", 0);
  result.environment.cpu = "two\nlines";
  EXPECT_EQ(to_line(result).find('\n'), std::string::npos);
  EXPECT_EQ(result_from_line(to_line(result), "row").environment.cpu, "two\nlines");
}

TEST(ResultJson, EveryMissingKeyIsNamedWithItsSource) {
  const json whole = to_json(sample_result("none", 0));
  EXPECT_EQ(whole.size(), 23u);
  const std::set<std::string> may_lack = {
      "task", "data", "epochs", "spectra", "held_out_correct", "kept", "measures"};
  for (const auto& item : whole.items()) {
    const std::string& key = item.key();
    if (may_lack.count(key) > 0) continue;
    json cut = whole;
    cut.erase(item.key());
    EXPECT_THAT(message_of<DataError>([&] { result_from_json(cut, "row.json"); }),
                HasSubstr("row.json: the key " + item.key() + " is missing"));
  }
  json cut = whole;
  cut["environment"].erase("isa");
  EXPECT_THAT(message_of<DataError>([&] { result_from_json(cut, "row.json"); }),
              HasSubstr("row.json: environment: the key isa is missing"));
}

TEST(ResultJson, WhatIsEmptyIsLeftOutButForTheTask) {
  RunResult result = sample_result("none", 0);
  result.data.clear();
  result.epochs.clear();
  result.spectra.clear();
  result.held_out_correct.clear();
  result.kept.reset();
  const json value = to_json(result);
  EXPECT_EQ(value.size(), 18u);
  EXPECT_EQ(value["task"], "associative_recall");
  const RunResult back = result_from_json(value, "row.json");
  EXPECT_EQ(back.data, "");
  EXPECT_TRUE(back.epochs.empty());
  EXPECT_TRUE(back.spectra.empty());
  EXPECT_TRUE(back.held_out_correct.empty());
  EXPECT_EQ(back.kept, std::nullopt);
  // Golden's results, and those of old stores, are such results: reading and writing adds nothing.
  EXPECT_EQ(to_json(back), value);
}

TEST(ResultJson, HeldOutBitsLieHighestFirst) {
  RunResult result = sample_result("none", 0);
  EXPECT_EQ(to_json(result)["held_out_correct"], (json{{"count", 10}, {"hex", "9940"}}));
  for (const std::size_t count : {1, 7, 8, 9, 16, 7600}) {
    result.held_out_correct.assign(count, false);
    for (std::size_t i = 0; i < count; ++i) result.held_out_correct[i] = i * i % 7 < 3;
    EXPECT_EQ(result_from_line(to_line(result), "row").held_out_correct, result.held_out_correct)
        << count;
  }
  json value = to_json(sample_result("none", 0));
  for (const json& bad :
       {json{{"count", 10}, {"hex", "994"}}, json{{"count", 17}, {"hex", "9940"}},
        json{{"count", 10}, {"hex", "9960"}}, json{{"count", 10}, {"hex", "994A"}},
        json{{"count", 10}, {"hex", "99 0"}}, json{{"count", 4294967295u}, {"hex", ""}}}) {
    value["held_out_correct"] = bad;
    EXPECT_THAT(message_of<DataError>([&] { result_from_json(value, "row.json"); }),
                HasSubstr("row.json: held_out_correct: hex has a wrong value"))
        << bad;
  }
  for (const json& bad : {json{{"count", -1}, {"hex", ""}}, json{{"count", 10}}, json("9940"),
                          json{{"count", 10}, {"hex", "9940"}, {"order", 1}}}) {
    value["held_out_correct"] = bad;
    EXPECT_THROW(result_from_json(value, "row.json"), DataError) << bad;
  }
}

TEST(ResultJson, WhatIsKeptIsWeightsOrAState) {
  RunResult result = sample_result("none", 0);
  result.kept->what = Keep::weights;
  EXPECT_EQ(to_json(result)["kept"]["what"], "weights");
  EXPECT_EQ(result_from_line(to_line(result), "row").kept, result.kept);
  json value = to_json(result);
  value["kept"]["what"] = "none";
  EXPECT_THAT(
      message_of<DataError>([&] { result_from_json(value, "row.json"); }),
      HasSubstr("row.json: kept: what has a wrong value (\"none\"); need weights or state"));
  result.kept->sha256 = "../../x";
  EXPECT_THROW(to_line(result), ValueError);
}

TEST(ResultJson, AResultWithoutATaskIsOfTheOneThatThereWasFirst) {
  RunResult result = sample_result("none", 0);
  result.task = "ag_news";
  json value = to_json(result);
  EXPECT_EQ(result_from_json(value, "row.json").task, "ag_news");
  value.erase("task");
  EXPECT_EQ(result_from_json(value, "row.json").task, "associative_recall");
}

TEST(ResultJson, EpochsOfUnequalLengthsAreRefusedBothWays) {
  json value = to_json(sample_result("none", 0));
  value["epochs"]["training_loss"].push_back(1);
  const auto named = HasSubstr(
      "epochs: layer3.no_padding.condition_number and training_loss differ in length (3 and 4)");
  EXPECT_THAT(message_of<DataError>([&] { result_from_json(value, "row.json"); }),
              AllOf(HasSubstr("row.json: "), named));
  RunResult result = sample_result("none", 0);
  result.epochs["training_loss"].push_back(1);
  EXPECT_THAT(message_of<ValueError>([&] { to_line(result); }), named);
  value = to_json(sample_result("none", 0));
  value["spectra"]["layer3.published"].push_back(1);  // matrices may be of any shape
  EXPECT_NO_THROW(result_from_json(value, "row.json"));
}

TEST(ResultJson, UnknownKeysAreNamed) {
  json more = to_json(sample_result("none", 0));
  more["accuracy"] = 1;
  EXPECT_THAT(message_of<DataError>([&] { result_from_json(more, "row.json"); }),
              HasSubstr("row.json: unknown key (accuracy)"));
  more.erase("accuracy");
  more["slices"]["published"]["beta"] = 1;
  EXPECT_THAT(message_of<DataError>([&] { result_from_json(more, "row.json"); }),
              HasSubstr("row.json: slices.published: unknown key (beta)"));
}

TEST(ResultJson, WrongTypesAreNamed) {
  const json whole = to_json(sample_result("none", 0));
  const auto refuse = [&](const char* pointer, const json& value) {
    json wrong = whole;
    wrong[json::json_pointer(pointer)] = value;
    return message_of<DataError>([&] { result_from_json(wrong, "row.json"); });
  };
  EXPECT_THAT(refuse("/seed", -1), HasSubstr("row.json: seed has a wrong value (-1)"));
  EXPECT_THAT(refuse("/seed", 1.5), HasSubstr("seed has a wrong value (1.5)"));
  EXPECT_THAT(refuse("/steps", 9223372036854775808u), HasSubstr("steps has a wrong value"));
  EXPECT_THAT(refuse("/environment/threads", 3000000000u), HasSubstr("environment: threads"));
  EXPECT_THAT(refuse("/arm", 3), HasSubstr("arm has a wrong value (3); need a string"));
  EXPECT_THAT(refuse("/final_loss", nullptr), HasSubstr("final_loss has a wrong value (null)"));
  EXPECT_THAT(refuse("/final_loss", "NaN"), HasSubstr("final_loss has a wrong value (\"NaN\")"));
  EXPECT_THAT(refuse("/loss_curve/1", "x"), HasSubstr("loss_curve[1] has a wrong value"));
  EXPECT_THAT(refuse("/metrics", json::array()), HasSubstr("metrics has a wrong value"));
  EXPECT_THAT(refuse("/slices/published/loss", json::array({1})), HasSubstr("differ in length"));
  EXPECT_THAT(refuse("/task", 3), HasSubstr("task has a wrong value (3); need a string"));
  EXPECT_THAT(refuse("/data", nullptr), HasSubstr("data has a wrong value (null)"));
  EXPECT_THAT(refuse("/epochs", 3), HasSubstr("epochs has a wrong value (3); need an object"));
  EXPECT_THAT(refuse("/epochs/training_loss/1", "x"),
              HasSubstr("epochs.training_loss[1] has a wrong value"));
  EXPECT_THAT(refuse("/spectra", json::array()), HasSubstr("spectra has a wrong value ([])"));
  EXPECT_THAT(refuse("/spectra/layer3.published", 1),
              HasSubstr("spectra.layer3.published has a wrong value (1); need a list"));
  EXPECT_THAT(refuse("/weights_sha256", "abc"), HasSubstr("weights_sha256 has a wrong value"));
}

TEST(ResultJson, RefusesTextThatIsNoResult) {
  EXPECT_THAT(message_of<DataError>([] { result_from_line("{\"arm\":", "row.json"); }),
              HasSubstr("row.json: is not JSON"));
  EXPECT_THROW(result_from_line("[]", "row.json"), DataError);
  EXPECT_THROW(result_from_line("", "row.json"), DataError);
}

TEST(ResultJson, NestsNoDeeperThanItsReadersCallThemselves) {
  const std::string line = to_line(sample_result("none", 0));
  for (const char* brackets : {"[]", "{}"}) {
    std::string deep;
    for (int i = 0; i < 100000; ++i) deep += brackets[0] == '[' ? "[" : "{\"a\":";
    const std::string open = deep;
    deep += "1" + std::string(100000, brackets[1]);
    for (const std::string& value : {deep, open}) {
      const auto named = HasSubstr("row.json: nests too deep");
      EXPECT_THAT(message_of<DataError>([&] { parse_json(value, "row.json"); }), named);
      const std::string member = "{\"arm\":" + value + "," + line.substr(line.find(',') + 1);
      EXPECT_THAT(message_of<DataError>([&] { result_from_line(member, "row.json"); }), named);
    }
  }
  std::string value = std::string(32, '[') + std::string(32, ']');
  EXPECT_NO_THROW(parse_json(value, "a"));
  EXPECT_THROW(parse_json("[" + value + "]", "a"), DataError);
}

TEST(ResultJson, AKeyThatComesTwiceIsRefused) {
  const std::string line = to_line(sample_result("none", 0));
  EXPECT_THAT(message_of<DataError>(
                  [&] { result_from_line("{\"arm\":\"x\"," + line.substr(1), "row.json"); }),
              HasSubstr("row.json: duplicate key arm"));
  EXPECT_THROW(parse_json("[{\"a\":{\"b\":1,\"c\":[],\"b\":2}}]", "a"), DataError);
  EXPECT_THROW(parse_json("{\"a\":1,\"\\u0061\":2}", "a"), DataError);
  EXPECT_NO_THROW(parse_json("[{\"a\":{\"a\":1},\"b\":{\"a\":1}},{\"a\":[{\"a\":2}]}]", "a"));
}

TEST(ResultJson, NamesAreNames) {
  const json whole = to_json(sample_result("none", 0));
  for (const std::string name :
       {"", "../../../x", "a/b", ".hidden", "two\nlines", "\x1b]0;title\x07", "<script>", "a b",
        "'", "caf\xc3\xa9", "$(x)", "`x`", "a\"b", "a\\b", "%s", std::string(201, 'n').c_str()}) {
    for (const char* key : {"task", "profile", "arm"}) {
      json value = whole;
      value[key] = name;
      EXPECT_THAT(message_of<DataError>([&] { result_from_json(value, "result"); }),
                  AllOf(HasSubstr("result: " + std::string(key)), HasSubstr("need a name")));
    }
    for (const char* member : {"metrics", "slices", "epochs", "spectra"}) {
      json value = whole;
      value[member][name] = value[member].begin().value();
      EXPECT_THAT(message_of<DataError>([&] { result_from_json(value, "result"); }),
                  AllOf(HasSubstr("result: " + std::string(member)), HasSubstr("need a name")));
    }
    RunResult result = sample_result("none", 0);
    result.spectra[name] = {1};
    EXPECT_THROW(to_line(result), ValueError);
  }
  for (const char* arm : {"rms+gain@pre@qk:rms+gain", "group+groups=4", "none_masked"}) {
    EXPECT_EQ(result_from_line(to_line(sample_result(arm, 0)), "row").arm, arm);
  }
}

TEST(ResultJson, RefusesToWriteWhatItCouldNotRead) {
  RunResult result = sample_result("none", 0);
  result.environment.cpu = "\xff";
  EXPECT_THROW(to_line(result), ValueError);
  result = sample_result("none", 0);
  result.losses_sha256.clear();
  EXPECT_THROW(to_line(result), ValueError);
}

}  // namespace
}  // namespace harness
