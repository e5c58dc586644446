#include <cstdio>

#include "harness/studies/recall_run.hpp"

// Trains every arm of the smoke profile from seed 0 and prints the hash of its weights.
int main() {
  const auto& options = harness::find_recall_profile("smoke").options;
  for (const harness::RecallArm& arm : harness::recall_arms()) {
    harness::RecallRun run(options, arm, 0);
    while (!run.finished()) run.step();
    std::printf("%s %s\n", std::string(arm.name).c_str(),
                run.result("smoke").weights_sha256.c_str());
  }
}
