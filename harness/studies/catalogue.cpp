#include "harness/studies/encoder_study.hpp"
#include "harness/studies/recall_study.hpp"

namespace harness {

std::span<const Study* const> studies() {
  static const Study* const kStudies[] = {
      &recall_study(),
      &encoder_study(),
  };
  return kStudies;
}

}  // namespace harness
