#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "harness/data/datasets.hpp"
#include "harness/studies/encoder_options.hpp"

namespace harness {

/// The texts of Experiment 4: AG News where it is, else texts generated from the seed of each run.
class EncoderCorpora {
 public:
  /// folder: what --data says, if it was given.
  /// Throws: DataError for data that is there and not sound, or not what the texts ask for; without
  /// any data there is no error, the texts are generated.
  EncoderCorpora(const EncoderOptions& options, const std::optional<std::filesystem::path>& folder,
                 Trust trust, const std::filesystem::path& cache);

  std::shared_ptr<const EncoderData> of_seed(std::uint64_t seed) const;
  /// What of_seed has, without texts that would have to be generated: names, and how many.
  EncoderData names() const;
  Index train_rows() const;

  /// Whether golden can have results of it.
  bool is_known() const;

  /// Names and vocabulary, without the texts, that a profile's known data of a task has.
  static EncoderData expected(const EncoderOptions& options, std::string_view task);

 private:
  EncoderOptions options_;
  /// The texts of all seeds; null where each has its own.
  std::shared_ptr<const EncoderData> shared_;
};

}  // namespace harness
