#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/results/spec.hpp"
#include "harness/studies/study_numbers.hpp"
#include "harness/studies/training_options.hpp"
#include "libnorm/data/corpus.hpp"

namespace harness {

/// Which texts an encoder is trained on: all rows of the file, the committed subset of it, or texts
/// made by `topics`.
enum class Texts { official, subset, topics };

/// Every number of Experiment 4, with the paper's values.
struct EncoderOptions : TrainingOptions {
  Texts texts = Texts::official;
  /// How many rows to take, and how many test rows, from the first on; 0: all.
  Index rows = 0;
  Index test_rows = 0;
  Index epochs = 15;
  /// Texts are cut and padded to this many tokens.
  Index length = 128;
  /// For generated texts; others have their tokenizer's.
  Index vocabulary = 30522;

  EncoderOptions() {
    batch = 256;
    heads = 4;
    blocks = 6;
    learning_rate = 2e-4;
  }

  bool operator==(const EncoderOptions&) const = default;
};

/// How the positions behind a text are used: they take part in attention and in the spectra, as
/// published, or they do not exist.
enum class PaddingUse { attended, left_out };

/// A model to train.
struct EncoderArm {
  std::string_view name;
  std::string_view norm;
  PaddingUse padding = PaddingUse::attended;
  std::string_view description;
};
const std::vector<EncoderArm>& encoder_arms();
/// Throws: ValueError for an unknown name, with the known ones.
const EncoderArm& find_encoder_arm(std::string_view name);

using EncoderProfile = Profile<EncoderOptions>;
const std::vector<EncoderProfile>& encoder_profiles();
const std::vector<Number<EncoderOptions>>& encoder_numbers();

/// The tasks of its runs: AG News, or generated texts in its place.
inline constexpr std::string_view kNewsTask = "ag_news", kGeneratedTask = "topics";

/// World, Sports, Business, Sci/Tech; generated texts have as many classes.
inline constexpr Index kTextClasses = 4;

/// Tokenized texts to train and to test on, and what they are.
struct EncoderData {
  /// kNewsTask or kGeneratedTask.
  std::string task;
  /// A description, with rows and checksums.
  std::string description;
  /// For the spec: official, subset, topics, or unknown_<first 16 digits of a sha256>.
  std::string train_name, test_name;
  Index vocabulary = 0;
  libnorm::Corpus train, test;
};

/// How many texts are generated in place of a data set's: as many as were asked for, or else as
/// many as the data set has.
/// @{
Index generated_rows(const EncoderOptions& options);
Index generated_test_rows(const EncoderOptions& options);
/// @}

/// Everything that decides the bits of one run.
Spec encoder_spec(const EncoderOptions& options, const EncoderArm& arm, std::uint64_t seed,
                  const EncoderData& data);

libnorm::TransformerOptions model_options(const EncoderOptions& options, const EncoderArm& arm,
                                          const EncoderData& data);

/// The matrices whose spectra are taken, of every block's output over one shuffled batch: all
/// positions or only those of text, as they are or minus their mean. These are names of protocols
/// too.
inline constexpr std::string_view kSpectrumVariants[] = {"published", "centred", "no_padding",
                                                         "no_padding_centred"};

/// Throws: ValueError for numbers outside their domain.
void check(const EncoderOptions& options);

}  // namespace harness
