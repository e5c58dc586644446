#pragma once

#include <cstdint>

#include "harness/studies/encoder_data.hpp"
#include "harness/studies/encoder_options.hpp"

namespace harness {

/// The texts that a seed of Experiment 4's profile `smoke` is trained and tested on.
inline auto smoke_texts(std::uint64_t seed) {
  return EncoderCorpora(encoder_profiles().front().options, {}, Trust::known, {}).of_seed(seed);
}

}  // namespace harness
