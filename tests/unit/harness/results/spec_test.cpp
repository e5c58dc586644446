#include "harness/results/spec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

#include "harness/base/sha256.hpp"
#include "libnorm/core/error.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using libnorm::ValueError;
using testing::HasSubstr;

Spec sample() {
  return Spec()
      .set("task", "associative_recall")
      .set("norm", "standardize_rows+affine")
      .set("seed", std::numeric_limits<std::uint64_t>::max())
      .set("steps", 4000)
      .set("epsilon", 1e-8)
      .set("beta1", 0.9);
}

TEST(Spec, WritesSortedLinesAndShortestNumbers) {
  EXPECT_EQ(sample().canonical(),
            "beta1=0.9\nepsilon=1e-08\nnorm=standardize_rows+affine\nseed=18446744073709551615\n"
            "steps=4000\ntask=associative_recall\n");
}

TEST(Spec, HashIsOfTheCanonicalTextAndBlindToTheOrderOfSetting) {
  const Spec a = Spec().set("b", 1).set("a", 2);
  const Spec b = Spec().set("a", 2).set("b", 3).set("b", 1);
  EXPECT_EQ(a.sha256(), sha256_hex("a=2\nb=1\n"));
  EXPECT_EQ(a.sha256(), b.sha256());
  EXPECT_EQ(a, b);
  EXPECT_NE(a.sha256(), Spec().set("a", 2).set("b", 2).sha256());
}

TEST(Spec, ComesBackFromItsText) {
  const Spec spec = Spec::parse(sample().canonical(), "spec.txt", sample());
  EXPECT_EQ(spec, sample());
  EXPECT_EQ(spec.text("norm"), "standardize_rows+affine");
  EXPECT_EQ(spec.integer("steps"), 4000);
  EXPECT_EQ(spec.unsigned_integer("seed"), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(spec.number("epsilon"), 1e-8);
  EXPECT_EQ(Spec::parse("b=2\na=x=y\n", "t").text("a"), "x=y");
}

TEST(Spec, OfTheTimeWhenMeasuresWerePartOfItIsTheSameRun) {
  const std::string old_text = "arm=none\nmeasures=1\nnorm=none\n";
  const Spec spec = Spec().set("norm", "none").set("arm", "none");
  EXPECT_EQ(spec.old_canonical(), old_text);
  EXPECT_EQ(spec.old_sha256(), sha256_hex(old_text));
  EXPECT_EQ(Spec::parse(old_text, "spec.txt"), spec);
  EXPECT_EQ(Spec::parse(old_text, "spec.txt", spec), spec);
  EXPECT_TRUE(spec.has_hash(spec.sha256()));
  EXPECT_TRUE(spec.has_hash(sha256_hex(old_text)));
  EXPECT_FALSE(spec.has_hash(sha256_hex("arm=none\nmeasures=2\nnorm=none\n")));
  EXPECT_FALSE(spec.has_hash(Spec(spec).set("arm", "sphere").old_sha256()));
  EXPECT_THROW(Spec(spec).set("measures", 2), ValueError);
  EXPECT_EQ(spec.canonical_without("norm"), "arm=none\n");
}

TEST(Spec, NumbersRoundTripExactly) {
  for (const double value :
       {0.1, 1.0 / 3.0, 5e-324, 1.7976931348623157e308, -0.0, 123456789.123456789}) {
    const double back = Spec().set("x", value).number("x");
    EXPECT_EQ(back, value);
    EXPECT_EQ(std::signbit(back), std::signbit(value));
  }
}

TEST(Spec, NamesTheLineThatIsMalformed) {
  const auto parse = [](const char* text) {
    return message_of<DataError>([&] { Spec::parse(text, "spec.txt"); });
  };
  EXPECT_THAT(parse("a=1\nnothing\n"), HasSubstr("spec.txt: line 2: malformed (nothing)"));
  EXPECT_THAT(parse("a=1\n\nb=2\n"), HasSubstr("line 2: malformed ()"));
  EXPECT_THAT(parse("A=1\n"), HasSubstr("line 1: malformed (A=1)"));
  EXPECT_THAT(parse("a=\n"), HasSubstr("line 1: malformed (a=)"));
  EXPECT_THAT(parse("a= 1\n"), HasSubstr("line 1: malformed"));
  EXPECT_THAT(parse("a=1\r\n"), HasSubstr("line 1: malformed"));
  EXPECT_THAT(parse("a=1\nb=2\na=1\n"), HasSubstr("line 3: the key a came before"));
  EXPECT_THAT(parse("a=1\nb=2"), HasSubstr("line 2: is cut short (b=2)"));
}

TEST(Spec, NamesUnknownAndMissingKeys) {
  const Spec like = Spec().set("arm", "none").set("steps", 1);
  const auto parse = [&](const char* text) {
    return message_of<DataError>([&] { Spec::parse(text, "spec.txt", like); });
  };
  EXPECT_THAT(parse("arm=none\nstep=1\n"),
              HasSubstr("spec.txt: line 2: unknown key (step); need one of arm, steps"));
  EXPECT_THAT(parse("arm=none\n"), HasSubstr("spec.txt: the key steps is missing"));
}

TEST(Spec, RefusesWhatItCouldNotReadBack) {
  Spec spec;
  EXPECT_THROW(spec.set("", 1), ValueError);
  EXPECT_THROW(spec.set("1a", 1), ValueError);
  EXPECT_THROW(spec.set("a b", 1), ValueError);
  EXPECT_THROW(spec.set("a", ""), ValueError);
  EXPECT_THROW(spec.set("a", "x\ny"), ValueError);
  EXPECT_THROW(spec.set("a", " x"), ValueError);
  EXPECT_THROW(spec.set("a", std::numeric_limits<double>::quiet_NaN()), ValueError);
  EXPECT_THROW(spec.set("a", std::numeric_limits<double>::infinity()), ValueError);
  EXPECT_EQ(spec, Spec());
}

TEST(Spec, GettersWantTheWholeValueAndTheKey) {
  const Spec spec =
      Spec().set("steps", "40x").set("big", "18446744073709551615").set("rate", "inf");
  EXPECT_THAT(message_of<ValueError>([&] { spec.integer("steps"); }),
              HasSubstr("steps is not an integer (40x)"));
  EXPECT_THROW(spec.number("steps"), ValueError);
  EXPECT_THROW(spec.integer("big"), ValueError);
  EXPECT_THROW(spec.number("rate"), ValueError);
  EXPECT_THROW(Spec().set("a", -1).unsigned_integer("a"), ValueError);
  EXPECT_THAT(message_of<ValueError>([&] { spec.text("arm"); }), HasSubstr("no value for arm"));
}

template <class T>
concept CanSet = requires(Spec spec, T value) {
  spec.set("a", value);
};
static_assert(CanSet<int> && CanSet<std::uint64_t> && CanSet<double> && CanSet<const char*>);
static_assert(!CanSet<bool>);

}  // namespace
}  // namespace harness
