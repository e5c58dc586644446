#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "harness/data/datasets.hpp"
#include "harness/studies/encoder_options.hpp"

namespace harness {

/// The texts of Experiment 4: AG News if it is there, else texts generated from the seed of each
/// run.
class EncoderCorpora {
 public:
  /// folder: the value of --data, if it was given.
  /// Throws: DataError for data that is damaged, or not what the options ask for. Missing data is
  /// no error: texts are generated.
  EncoderCorpora(const EncoderOptions& options, const std::optional<std::filesystem::path>& folder,
                 Trust trust, const std::filesystem::path& cache);

  std::shared_ptr<const EncoderData> of_seed(std::uint64_t seed) const;
  /// What of_seed gives, without generating texts: names, and how many texts there are.
  EncoderData names() const;
  Index train_rows() const;

  /// Whether golden can have results on this data.
  bool is_known() const;

  /// Names and vocabulary, without the texts, of a profile's known data for a task.
  static EncoderData expected(const EncoderOptions& options, std::string_view task);

 private:
  EncoderOptions options_;
  /// The texts of all seeds; null if each seed has its own.
  std::shared_ptr<const EncoderData> shared_;
};

}  // namespace harness
