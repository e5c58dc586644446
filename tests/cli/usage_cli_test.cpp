#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string>

#include "tests/cli/process.hpp"

namespace {

using cli::run;
using testing::HasSubstr;
namespace fs = std::filesystem;

struct Mistake {
  const char* arguments;
  const char* sentence;
};

/// A command line as a test's name: run_e1_store_s_heads_0.
std::string words_of(const std::string& arguments) {
  std::string name;
  for (const char c : arguments) {
    const bool is_letter = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (is_letter) name += c;
    if (!is_letter && !name.empty() && name.back() != '_') name += '_';
  }
  return name;
}

class MistakeTest : public testing::TestWithParam<Mistake> {};

TEST_P(MistakeTest, EndsWithTwoAndOneClearSentence) {
  const cli::Scratch scratch;
  const auto outcome = run(scratch.path(), GetParam().arguments);
  EXPECT_EQ(outcome.code, 2) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr(GetParam().sentence));
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_FALSE(fs::exists(scratch / "s")) << "a mistake must leave nothing behind";
}

INSTANTIATE_TEST_SUITE_P(
    Usage, MistakeTest,
    testing::Values(
        Mistake{"frobnicate", "unknown command (frobnicate)"},
        Mistake{"run", "no experiment given"},
        Mistake{"report --paper p --output q", "--paper writes none; use one of them"},
        Mistake{"report --compare a", "--compare: 1 folder given; need two stores"},
        Mistake{"report --compare a b c", "--compare: 3 folders given; need two stores"},
        Mistake{"report --compare a b --store s",
                "--compare names both studies itself; --store cannot be combined with it"},
        Mistake{"run e9 --store s", "experiment: unknown name (e9); use one of e1, e2, e3"},
        Mistake{"run e1 --store s --arms layernrom", "arm: unknown name (layernrom)"},
        Mistake{"run e1 --store s --arms rms+gian", "norm: unexpected token 'gian' (in"},
        Mistake{"run e1 --store s --arms rms+gain@front", "unexpected token '@front' (in"},
        Mistake{"run e1 --store s --arms layernorm,layernorm",
                "--arms: duplicate item (layernorm)"},
        Mistake{"run e1 --store s --arms layernorm,,none", "an empty item"},
        Mistake{"run e1 --store s --protocol wandering", "protocol: unknown name (wandering)"},
        Mistake{"run e1 --store s --profile tiny", "profile: unknown name (tiny)"},
        Mistake{"run e1 --store s --frob 3", "unrecognised option '--frob'"},
        Mistake{"run e1 --store s --step 3", "unrecognised option '--step'"},
        Mistake{"run e1 --store s --heads 0", "need positive numbers"},
        Mistake{"run e1 --store s --heads 3", "channels divisible by heads"},
        Mistake{"run e1 --store s --steps -1", "steps: negative (-1); need 0 or more"},
        Mistake{"run e4 --profile smoke --store s --epochs -1", "epochs: outside its range (-1)"},
        Mistake{"run e1 --store s --initial-std -1",
                "initial_std is outside its domain (-1); need a standard deviation > 0"},
        Mistake{"run e4 --profile smoke --store s --head-multiplier 0",
                "head_multiplier is outside its domain (0); need finite multiplier > 0"},
        Mistake{"run e1 --store s --weight-decay -1",
                "--weight-decay is outside its domain (-1); need 0 <= decay < 1 / rate"},
        Mistake{"run e4 --profile smoke --store s --weight-decay 5000",
                "--weight-decay is outside its domain (5000); need 0 <= decay < 1 / rate"},
        Mistake{"run e1 --store s --clip-norm nan",
                "--clip-norm is outside its domain (nan); need finite norm > 0 as a float, or 0"},
        Mistake{"run e1 --store s --warmup-steps -5",
                "--warmup-steps is outside its domain (-5); need 0 or more steps"},
        Mistake{"run e1 --store s --cosine-to 1.5",
                "--cosine-to is outside its domain (1.5); need a share of the rate, 0 .. 1"},
        Mistake{"run e1 --store s --task copy",
                "--task: unknown word (copy); need associative_recall or lookup"},
        Mistake{"run e1 --store s --task lookup --rank 21", "numbers and rank <= entities\n"},
        Mistake{"run e4 --profile smoke --store s --task lookup", "--task: e4 has no such number"},
        Mistake{"run e1 --store s --steps 1.5", "--steps"},
        Mistake{"run e1 --store s --rank 401", "rank <= entities x attributes"},
        Mistake{"run e1 --store s --learning-rate -1", "need finite rate > 0"},
        Mistake{"run e1 --store s --learning-rate nan", "need finite rate > 0"},
        Mistake{"run e1 --store s --learning-rate inf", "need finite rate > 0"},
        Mistake{"run e1 --store s --beta1 1", "0 <= beta < 1"},
        Mistake{"run e1 --store s --learning-rate 1e-46",
                "--learning-rate is outside its domain (1e-46); need finite rate > 0 as a float"},
        Mistake{"run e1 --store s --learning-rate-none 1e39", "--learning-rate-none is outside"},
        Mistake{"run e1 --store s --beta2 0.99999999", "--beta2 is outside its domain (0.99999999"},
        Mistake{"run e4 --profile smoke --store s --epsilon 1e-46",
                "--epsilon is outside its domain (1e-46); need finite epsilon > 0 as a float"},
        Mistake{"run e1 --store s --seeds 0", "no such seeds"},
        Mistake{"run e1 --store s --seeds 5..2", "no such seeds"},
        Mistake{"run e1 --store s --seeds a", "not a whole number (a)"},
        Mistake{"run e1 --store s --seeds 0,00", "a seed is given twice (0)"},
        Mistake{"run e1 --store s --seeds 2,1,01", "a seed is given twice (1)"},
        Mistake{"run e1 --store s --threads 0", "need 1 .. 1024"},
        Mistake{"run e1 --store s --device gpu", "need cpu, cuda or auto"},
        Mistake{"run e1 --store s --gemm fast", "need exact or cublas"},
        Mistake{"run e1 --store s --gemm cublas", "give --device cuda too"},
        Mistake{"run e1 --store s --config missing.cfg", "cannot read the file (missing.cfg)"},
        Mistake{"run e1 --store s --config .",
                "cannot read the file (.): file: cannot read . (it is "},
        Mistake{"run e1 --store s --config /dev/null", "need a regular file"},
        Mistake{"run e1 --store s --config /proc/self/mem", "Input/output error"},
        Mistake{"bless all --store s", "no reason given"},
        Mistake{"verify --claim e7.flatness", "unknown claim (e7.flatness)"},
        Mistake{"verify --results elsewhere", "unknown source (elsewhere)"},
        Mistake{"verify --check --results golden",
                "--check: cannot be combined with --results golden"},
        // Under its old name.
        Mistake{"verify --rows=elsewhere", "--results: unknown source (elsewhere)"},
        Mistake{"figures --rows elsewhere", "--results: unknown source (elsewhere)"},
        Mistake{"run e1 --store s --keep all", "--keep: unknown word (all); need weights, state"},
        Mistake{"gc --store s --old-runs", "--old-runs: needs --remove too"},
        Mistake{"bench --profile --against x", "--profile: measures this build on the processor"},
        Mistake{"bench --rounds 3", "--rounds: needs --against too"},
        Mistake{"bench --against x --rounds 0", "--rounds: must be positive (0)"},
        Mistake{"bench --against x --experiment e1 --arms batchnorm",
                "--arms: not in the figures of e1 (batchnorm)"},
        Mistake{"show --store s --json --csv", "--csv: cannot be combined with --json"},
        Mistake{"run e1 --store s --arms unit_sphere+gain,l2+gain",
                "--arms: duplicate arm (l2+gain is unit_sphere+gain)"}),
    [](const auto& mistake) { return words_of(mistake.param.arguments); });

}  // namespace
