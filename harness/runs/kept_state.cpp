#include "harness/runs/kept_state.hpp"

#include <charconv>
#include <cstdint>
#include <vector>

#include "harness/base/sha256.hpp"
#include "harness/runs/checkpoint.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/models/weights_file.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using libnorm::Index;

/// In bytes. Experiments 1 to 3 take 3.6 MB at the paper's scale, Experiment 4 takes 61 MB.
constexpr Index kLargestState = 16'000'000;
constexpr const char* kFirst = "adam.first.";
constexpr const char* kSecond = "adam.second.";
constexpr const char* kSteps = "adam.steps";

/// The number of steps that Adam made. Throws: DataError if the file does not say, or says more
/// than the result.
Index steps_of(const libnorm::Metadata& about, const std::filesystem::path& file,
               const RunResult& result) {
  const auto found = about.find(kSteps);
  const std::string text = found == about.end() ? "" : found->second;
  Index steps = -1;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), steps);
  if (parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size() && 0 <= steps &&
      steps <= result.steps) {
    return steps;
  }
  throw DataError("kept state: " + file.string() + ": no sound " + kSteps + " in its metadata (" +
                  text.substr(0, 40) + "); need 0 .. " + std::to_string(result.steps));
}

}  // namespace

std::string weights_sha256(const libnorm::Transformer<float>& model) {
  Sha256 hash;
  hash.update(bytes_of(model.weights()));
  hash.update(bytes_of(model.running_values()));
  return hash.hex();
}

Keep default_keep(const libnorm::Transformer<float>& model) {
  const Index state = (3 * model.size() + model.running().size()) * Index(sizeof(float));
  return state <= kLargestState ? Keep::state : Keep::weights;
}

void write_kept(const std::filesystem::path& file, Keep what,
                const libnorm::Transformer<float>& model, const libnorm::Adam<float>& adam) {
  if (what == Keep::none) throw libnorm::ValueError("kept state: none; need weights or state");
  if (what == Keep::weights) return libnorm::save_weights(model, file);
  const std::vector<libnorm::PerWeight<const float>> moments = {{kFirst, adam.first_moment()},
                                                                {kSecond, adam.second_moment()}};
  libnorm::save_weights<float>(model, file, moments, {{kSteps, std::to_string(adam.steps())}});
}

void load_kept(const std::filesystem::path& file, const RunResult& result,
               libnorm::Transformer<float>& model, libnorm::Adam<float>* adam) {
  const bool has_state = result.kept && result.kept->what == Keep::state;
  if (adam != nullptr && !has_state) {
    throw DataError("kept state: " + file.string() +
                    " has weights alone; need a run made with --keep state");
  }
  if (has_state) {
    std::vector<float> unused(adam == nullptr ? std::size_t(model.size()) : 0);
    const std::vector<libnorm::PerWeight<float>> moments = {
        {kFirst, adam == nullptr ? unused : adam->first_moment()},
        {kSecond, adam == nullptr ? unused : adam->second_moment()}};
    const auto about = libnorm::load_weights<float>(model, file, moments);
    const Index steps = steps_of(about, file, result);
    if (adam != nullptr) adam->set_steps(steps);
  } else {
    libnorm::load_weights(model, file);
  }
  const std::string hash = weights_sha256(model);
  if (hash != result.weights_sha256) {
    throw DataError("kept state: " + file.string() + ": other weights than the result's (sha256 " +
                    hash + "); need " + result.weights_sha256);
  }
}

}  // namespace harness
