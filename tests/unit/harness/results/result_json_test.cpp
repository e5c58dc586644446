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

using libnorm::DataError;
using libnorm::ValueError;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

TEST(ResultJson, EveryMemberComesBack) {
  RunResult row = sample_row("layernorm", std::numeric_limits<std::uint64_t>::max());
  row.task = "ag_news";
  row.diverged_at = 3;
  row.environment.device = "a GPU";
  row.cell = {{"rate", "1e-3"}, {"size", "2x128"}};
  row.spec = "arm=layernorm\n";
  row.measures = {{"held_out", 2}};
  const RunResult back = row_from_line(to_line(row), "row");
  EXPECT_EQ(back.task, row.task);
  EXPECT_EQ(back.data, row.data);
  EXPECT_EQ(back.profile, row.profile);
  EXPECT_EQ(back.arm, row.arm);
  EXPECT_EQ(back.cell, row.cell);
  EXPECT_EQ(back.spec, row.spec);
  EXPECT_EQ(back.measures, row.measures);
  EXPECT_EQ(back.seed, row.seed);
  EXPECT_EQ(back.steps, row.steps);
  EXPECT_EQ(back.diverged_at, row.diverged_at);
  EXPECT_EQ(back.spec_sha256, row.spec_sha256);
  EXPECT_EQ(back.weights_sha256, row.weights_sha256);
  EXPECT_EQ(back.losses_sha256, row.losses_sha256);
  EXPECT_EQ(back.final_loss, row.final_loss);
  EXPECT_EQ(back.metrics, row.metrics);
  EXPECT_EQ(back.curve_stride, row.curve_stride);
  EXPECT_EQ(back.loss_curve, row.loss_curve);
  EXPECT_EQ(back.singular_values, row.singular_values);
  ASSERT_EQ(back.slices.size(), 1u);
  EXPECT_EQ(back.slices.at("published").alpha, row.slices.at("published").alpha);
  EXPECT_EQ(back.slices.at("published").loss, row.slices.at("published").loss);
  EXPECT_EQ(back.epochs, row.epochs);
  EXPECT_EQ(back.spectra, row.spectra);
  EXPECT_EQ(back.held_out_correct, row.held_out_correct);
  EXPECT_EQ(back.kept, row.kept);
  EXPECT_EQ(back.seconds, row.seconds);
  EXPECT_EQ(back.environment.version, row.environment.version);
  EXPECT_EQ(back.environment.numerics, row.environment.numerics);
  EXPECT_EQ(back.environment.compiler, row.environment.compiler);
  EXPECT_EQ(back.environment.flags, row.environment.flags);
  EXPECT_EQ(back.environment.cpu, row.environment.cpu);
  EXPECT_EQ(back.environment.isa, row.environment.isa);
  EXPECT_EQ(back.environment.threads, row.environment.threads);
  EXPECT_EQ(back.environment.device, row.environment.device);
}

TEST(ResultJson, RowsFromBeforeMeasuresHadVersionsAreOfTheFirst) {
  const auto measures_of = [](const RunResult& row) {
    json old = to_json(row);
    EXPECT_EQ(old.erase("measures"), 1u);
    return row_from_json(old, "row").measures;
  };
  using Versions = std::map<std::string, int>;
  RunResult row = sample_row("none", 0);
  EXPECT_EQ(measures_of(row), (Versions{{"slices", 1}, {"spectrum", 1}}));
  row.task = "topics";
  EXPECT_EQ(measures_of(row), (Versions{{"epochs", 1}, {"held_out", 1}, {"spectra", 1}}));
  row.held_out_correct.clear();
  EXPECT_EQ(measures_of(row), (Versions{{"epochs", 1}, {"spectra", 1}}));
  row.diverged_at = 3;
  EXPECT_EQ(measures_of(row), Versions{});
}

TEST(ResultJson, RowsFromBeforeGpusWereMadeOnTheProcessor) {
  json old = to_json(sample_row("none", 0));
  EXPECT_EQ(old["environment"].erase("device"), 1u);
  EXPECT_EQ(row_from_json(old, "row").environment.device, "cpu");
}

TEST(ResultJson, DoublesComeBackBitForBit) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  RunResult row = sample_row("none", 0);
  row.loss_curve = {0.1,       1.0 / 3.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308,
                    0.0,       -0.0,      1e22,   123456789012345678.0,    kInfinity,
                    -kInfinity};
  // A walk through bit patterns of all sizes; the multiplier is odd, so that none comes twice.
  for (std::uint64_t i = 1; i <= 20000; ++i) {
    const double value = std::bit_cast<double>(i * 0x9e3779b97f4a7c15u);
    if (!std::isnan(value)) row.loss_curve.push_back(value);
  }
  const RunResult back = row_from_line(to_line(row), "row");
  ASSERT_EQ(back.loss_curve.size(), row.loss_curve.size());
  for (std::size_t i = 0; i < row.loss_curve.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(back.loss_curve[i]),
              std::bit_cast<std::uint64_t>(row.loss_curve[i]))
        << row.loss_curve[i];
  }
}

TEST(ResultJson, NonFiniteNumbersSurviveEverywhere) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  RunResult row = sample_row("none", 0);
  row.final_loss = std::nan("");
  row.metrics["effective_rank"] = kInfinity;
  row.singular_values = {-kInfinity, std::nan("")};
  row.slices["published"].loss[1] = std::nan("");
  row.epochs["training_loss"][2] = std::nan("");
  row.spectra["layer3.published"][1] = kInfinity;
  row.seconds = kInfinity;
  const std::string line = to_line(row);
  EXPECT_THAT(line, HasSubstr("\"final_loss\":\"nan\""));
  const RunResult back = row_from_line(line, "row");
  EXPECT_TRUE(std::isnan(back.final_loss));
  EXPECT_EQ(back.metrics.at("effective_rank"), kInfinity);
  EXPECT_EQ(back.singular_values[0], -kInfinity);
  EXPECT_TRUE(std::isnan(back.singular_values[1]));
  EXPECT_TRUE(std::isnan(back.slices.at("published").loss[1]));
  EXPECT_TRUE(std::isnan(back.epochs.at("training_loss")[2]));
  EXPECT_EQ(back.spectra.at("layer3.published")[1], kInfinity);
  EXPECT_EQ(back.seconds, kInfinity);
  EXPECT_EQ(to_line(back), line);
}

TEST(ResultJson, ALineIsOneLine) {
  RunResult row = sample_row("none", 0);
  row.environment.cpu = "two\nlines";
  EXPECT_EQ(to_line(row).find('\n'), std::string::npos);
  EXPECT_EQ(row_from_line(to_line(row), "row").environment.cpu, "two\nlines");
}

TEST(ResultJson, EveryMissingKeyIsNamedWithItsSource) {
  const json whole = to_json(sample_row("none", 0));
  EXPECT_EQ(whole.size(), 23u);
  const std::set<std::string> may_lack = {
      "task", "data", "epochs", "spectra", "held_out_correct", "kept", "measures"};
  for (const auto& item : whole.items()) {
    const std::string& key = item.key();
    if (may_lack.count(key) > 0) continue;
    json cut = whole;
    cut.erase(item.key());
    EXPECT_THAT(message_of<DataError>([&] { row_from_json(cut, "row.json"); }),
                HasSubstr("row.json: the key " + item.key() + " is missing"));
  }
  json cut = whole;
  cut["environment"].erase("isa");
  EXPECT_THAT(message_of<DataError>([&] { row_from_json(cut, "row.json"); }),
              HasSubstr("row.json: environment: the key isa is missing"));
}

TEST(ResultJson, WhatIsEmptyIsLeftOutButForTheTask) {
  RunResult row = sample_row("none", 0);
  row.data.clear();
  row.epochs.clear();
  row.spectra.clear();
  row.held_out_correct.clear();
  row.kept.reset();
  const json value = to_json(row);
  EXPECT_EQ(value.size(), 18u);
  EXPECT_EQ(value["task"], "associative_recall");
  const RunResult back = row_from_json(value, "row.json");
  EXPECT_EQ(back.data, "");
  EXPECT_TRUE(back.epochs.empty());
  EXPECT_TRUE(back.spectra.empty());
  EXPECT_TRUE(back.held_out_correct.empty());
  EXPECT_EQ(back.kept, std::nullopt);
  // Golden's rows, and those of old stores, are such rows: reading and writing adds nothing.
  EXPECT_EQ(to_json(back), value);
}

TEST(ResultJson, HeldOutBitsLieHighestFirst) {
  RunResult row = sample_row("none", 0);
  EXPECT_EQ(to_json(row)["held_out_correct"], (json{{"count", 10}, {"hex", "9940"}}));
  for (const std::size_t count : {1, 7, 8, 9, 16, 7600}) {
    row.held_out_correct.assign(count, false);
    for (std::size_t i = 0; i < count; ++i) row.held_out_correct[i] = i * i % 7 < 3;
    EXPECT_EQ(row_from_line(to_line(row), "row").held_out_correct, row.held_out_correct) << count;
  }
  json value = to_json(sample_row("none", 0));
  for (const json& bad :
       {json{{"count", 10}, {"hex", "994"}}, json{{"count", 17}, {"hex", "9940"}},
        json{{"count", 10}, {"hex", "9960"}}, json{{"count", 10}, {"hex", "994A"}},
        json{{"count", 10}, {"hex", "99 0"}}, json{{"count", 4294967295u}, {"hex", ""}}}) {
    value["held_out_correct"] = bad;
    EXPECT_THAT(message_of<DataError>([&] { row_from_json(value, "row.json"); }),
                HasSubstr("row.json: held_out_correct: hex has a wrong value"))
        << bad;
  }
  for (const json& bad : {json{{"count", -1}, {"hex", ""}}, json{{"count", 10}}, json("9940"),
                          json{{"count", 10}, {"hex", "9940"}, {"order", 1}}}) {
    value["held_out_correct"] = bad;
    EXPECT_THROW(row_from_json(value, "row.json"), DataError) << bad;
  }
}

TEST(ResultJson, WhatIsKeptIsWeightsOrAState) {
  RunResult row = sample_row("none", 0);
  row.kept->what = Keep::weights;
  EXPECT_EQ(to_json(row)["kept"]["what"], "weights");
  EXPECT_EQ(row_from_line(to_line(row), "row").kept, row.kept);
  json value = to_json(row);
  value["kept"]["what"] = "none";
  EXPECT_THAT(
      message_of<DataError>([&] { row_from_json(value, "row.json"); }),
      HasSubstr("row.json: kept: what has a wrong value (\"none\"); need weights or state"));
  row.kept->sha256 = "../../x";
  EXPECT_THROW(to_line(row), ValueError);
}

TEST(ResultJson, ARowWithoutATaskIsOfTheOneThatThereWasFirst) {
  RunResult row = sample_row("none", 0);
  row.task = "ag_news";
  json value = to_json(row);
  EXPECT_EQ(row_from_json(value, "row.json").task, "ag_news");
  value.erase("task");
  EXPECT_EQ(row_from_json(value, "row.json").task, "associative_recall");
}

TEST(ResultJson, EpochsOfUnequalLengthsAreRefusedBothWays) {
  json value = to_json(sample_row("none", 0));
  value["epochs"]["training_loss"].push_back(1);
  const auto named = HasSubstr(
      "epochs: layer3.no_padding.condition_number and training_loss differ in length (3 and 4)");
  EXPECT_THAT(message_of<DataError>([&] { row_from_json(value, "row.json"); }),
              AllOf(HasSubstr("row.json: "), named));
  RunResult row = sample_row("none", 0);
  row.epochs["training_loss"].push_back(1);
  EXPECT_THAT(message_of<ValueError>([&] { to_line(row); }), named);
  value = to_json(sample_row("none", 0));
  value["spectra"]["layer3.published"].push_back(1);  // matrices may be of any shape
  EXPECT_NO_THROW(row_from_json(value, "row.json"));
}

TEST(ResultJson, UnknownKeysAreNamed) {
  json more = to_json(sample_row("none", 0));
  more["accuracy"] = 1;
  EXPECT_THAT(message_of<DataError>([&] { row_from_json(more, "row.json"); }),
              HasSubstr("row.json: unknown key (accuracy)"));
  more.erase("accuracy");
  more["slices"]["published"]["beta"] = 1;
  EXPECT_THAT(message_of<DataError>([&] { row_from_json(more, "row.json"); }),
              HasSubstr("row.json: slices.published: unknown key (beta)"));
}

TEST(ResultJson, WrongTypesAreNamed) {
  const json whole = to_json(sample_row("none", 0));
  const auto refuse = [&](const char* pointer, const json& value) {
    json wrong = whole;
    wrong[json::json_pointer(pointer)] = value;
    return message_of<DataError>([&] { row_from_json(wrong, "row.json"); });
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

TEST(ResultJson, RefusesTextThatIsNoRow) {
  EXPECT_THAT(message_of<DataError>([] { row_from_line("{\"arm\":", "row.json"); }),
              HasSubstr("row.json: is not JSON"));
  EXPECT_THROW(row_from_line("[]", "row.json"), DataError);
  EXPECT_THROW(row_from_line("", "row.json"), DataError);
}

TEST(ResultJson, NestsNoDeeperThanItsReadersCallThemselves) {
  const std::string line = to_line(sample_row("none", 0));
  for (const char* brackets : {"[]", "{}"}) {
    std::string deep;
    for (int i = 0; i < 100000; ++i) deep += brackets[0] == '[' ? "[" : "{\"a\":";
    const std::string open = deep;
    deep += "1" + std::string(100000, brackets[1]);
    for (const std::string& value : {deep, open}) {
      const auto named = HasSubstr("row.json: nests too deep");
      EXPECT_THAT(message_of<DataError>([&] { parse_json(value, "row.json"); }), named);
      const std::string member = "{\"arm\":" + value + "," + line.substr(line.find(',') + 1);
      EXPECT_THAT(message_of<DataError>([&] { row_from_line(member, "row.json"); }), named);
    }
  }
  std::string value = std::string(32, '[') + std::string(32, ']');
  EXPECT_NO_THROW(parse_json(value, "a"));
  EXPECT_THROW(parse_json("[" + value + "]", "a"), DataError);
}

TEST(ResultJson, AKeyThatComesTwiceIsRefused) {
  const std::string line = to_line(sample_row("none", 0));
  EXPECT_THAT(
      message_of<DataError>([&] { row_from_line("{\"arm\":\"x\"," + line.substr(1), "row.json"); }),
      HasSubstr("row.json: duplicate key arm"));
  EXPECT_THROW(parse_json("[{\"a\":{\"b\":1,\"c\":[],\"b\":2}}]", "a"), DataError);
  EXPECT_THROW(parse_json("{\"a\":1,\"\\u0061\":2}", "a"), DataError);
  EXPECT_NO_THROW(parse_json("[{\"a\":{\"a\":1},\"b\":{\"a\":1}},{\"a\":[{\"a\":2}]}]", "a"));
}

TEST(ResultJson, NamesAreNames) {
  const json whole = to_json(sample_row("none", 0));
  for (const std::string name :
       {"", "../../../x", "a/b", ".hidden", "two\nlines", "\x1b]0;title\x07", "<script>", "a b",
        "'", "caf\xc3\xa9", "$(x)", "`x`", "a\"b", "a\\b", "%s", std::string(201, 'n').c_str()}) {
    for (const char* key : {"task", "profile", "arm"}) {
      json value = whole;
      value[key] = name;
      EXPECT_THAT(message_of<DataError>([&] { row_from_json(value, "row"); }),
                  AllOf(HasSubstr("row: " + std::string(key)), HasSubstr("need a name")));
    }
    for (const char* member : {"metrics", "slices", "epochs", "spectra"}) {
      json value = whole;
      value[member][name] = value[member].begin().value();
      EXPECT_THAT(message_of<DataError>([&] { row_from_json(value, "row"); }),
                  AllOf(HasSubstr("row: " + std::string(member)), HasSubstr("need a name")));
    }
    RunResult row = sample_row("none", 0);
    row.spectra[name] = {1};
    EXPECT_THROW(to_line(row), ValueError);
  }
  for (const char* arm : {"rms+gain@pre@qk:rms+gain", "group+groups=4", "none_masked"}) {
    EXPECT_EQ(row_from_line(to_line(sample_row(arm, 0)), "row").arm, arm);
  }
}

TEST(ResultJson, RefusesToWriteWhatItCouldNotRead) {
  RunResult row = sample_row("none", 0);
  row.environment.cpu = "\xff";
  EXPECT_THROW(to_line(row), ValueError);
  row = sample_row("none", 0);
  row.losses_sha256.clear();
  EXPECT_THROW(to_line(row), ValueError);
}

}  // namespace
}  // namespace harness
