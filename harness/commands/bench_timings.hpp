#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "harness/runs/training_run.hpp"
#include "harness/studies/study.hpp"

// What `bench` measures. A time is the smallest of a few rounds, so that other processes disturb it
// least. A share of the peak is the median of as many: each round looks at the peak for as long as
// the work takes, just before it, so that what slows both for a while leaves their ratio.

namespace harness {

/// GFLOP/s of fused multiply-adds on registers alone, looked at for so many seconds.
using PeakLook = std::function<double(double seconds)>;

/// A training step or a product.
struct StepTime {
  std::string experiment, arm;
  Index batch = 0;
  double ms = 0, gflop = 0, peak_fraction = 0;
  /// GB that have to be moved at least: each factor of a product read once and the product written
  /// once. 0 of a step, where it is not known.
  double gbyte = 0;
  double gflops() const { return gflop / ms * 1e3; }
  double gbytes_a_second() const { return gbyte / ms * 1e3; }
};

/// A product with a curvature matrix of an arm, in double, and how many gradients take as long.
struct CurvatureTime {
  std::string arm;
  double ms = 0, gradients = 0;
};

/// Where a training step's time goes.
struct StepProfile {
  std::string experiment, arm;
  double ms = 0;
  /// The step's exact operations as a share of what the peak allows in its time.
  double peak_fraction = 0;
  /// Shares of the threads' time by kind of work; `waiting` is what no kind took: threads without
  /// work, and what is done between launches.
  std::map<std::string, double> shares;
  /// The share of its time that each thread worked, most first: how evenly the work is split.
  std::vector<double> busy;
};

/// Profiles steps on so many threads of the processor, whose peak was looked at just before.
StepProfile profile_step(const std::string& experiment, const PlannedRun& planned, int threads,
                         double peak);

StepTime time_step(const std::string& experiment, const PlannedRun& planned, const PeakLook& peak);
StepTime time_product(const Product& product, const PeakLook& peak);
/// Times for the Hessian and for the Gauss-Newton matrix.
std::vector<CurvatureTime> time_curvature(const CurvatureCase& of);

/// The processor's, on so many threads at once: two of them may share a core.
double measured_peak(int threads, double seconds);

/// GB/s read and written while so many threads copy 64 MB each, the fastest of five times.
double measured_bandwidth(int threads);

}  // namespace harness
