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
  /// The first so many rows, and test rows; 0: all that there are.
  Index rows = 0;
  Index test_rows = 0;
  Index epochs = 15;
  /// Texts are cut and padded to it.
  Index length = 128;
  /// Of generated texts; that of others is their tokenizer's.
  Index vocabulary = 30522;

  EncoderOptions() {
    batch = 256;
    heads = 4;
    blocks = 6;
    learning_rate = 2e-4;
  }

  bool operator==(const EncoderOptions&) const = default;
};

/// What becomes of the positions behind a text: they take part in attention and in the spectra, as
/// published, or there are none.
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

/// What its runs are trained on: AG News, or generated texts in its place.
inline constexpr std::string_view kNewsTask = "ag_news", kGeneratedTask = "topics";

/// World, Sports, Business, Sci/Tech; generated texts have as many classes.
inline constexpr Index kTextClasses = 4;

/// Tokenized texts to train and to test on, and what they are.
struct EncoderData {
  /// kNewsTask or kGeneratedTask.
  std::string task;
  /// In words, with rows and checksums, for people.
  std::string description;
  /// For the spec: official, subset, topics, or unknown_<first 16 digits of a sha256>.
  std::string train_name, test_name;
  Index vocabulary = 0;
  libnorm::Corpus train, test;
};

/// How many texts are generated in the place of a data set's: those asked for, or as many as it
/// has.
/// @{
Index generated_rows(const EncoderOptions& options);
Index generated_test_rows(const EncoderOptions& options);
/// @}

/// All that decides the bits of one run.
Spec encoder_spec(const EncoderOptions& options, const EncoderArm& arm, std::uint64_t seed,
                  const EncoderData& data);

libnorm::TransformerOptions model_options(const EncoderOptions& options, const EncoderArm& arm,
                                          const EncoderData& data);

/// The matrices whose spectra are taken, of every block's output over one shuffled batch: all
/// positions, or those that hold text; as they are, or less their mean. Names of protocols too.
inline constexpr std::string_view kSpectrumVariants[] = {"published", "centred", "no_padding",
                                                         "no_padding_centred"};

/// Throws: ValueError for numbers outside their domain.
void check(const EncoderOptions& options);

}  // namespace harness
