#pragma once

#include "harness/studies/recall_run.hpp"

// A run of associative recall that takes milliseconds.

inline harness::RecallOptions small_recall() {
  harness::RecallOptions o = harness::find_recall_profile("smoke").options;
  o.steps = 12;
  return o;
}

inline harness::RunResult train_recall(harness::RecallRun& run) {
  while (!run.finished()) run.step();
  return run.result("custom");
}
