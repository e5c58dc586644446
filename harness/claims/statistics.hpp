#pragma once

#include <vector>

#include "libnorm/core/error.hpp"

// The statistics of verdicts. They use std::math: a verdict is compared as a word and its numbers
// to six digits, so no golden bit depends on a function here.
//
// d is always the paired differences A - B, one per seed, in any order. Every function throws
// ValueError where its answer is not defined (too few seeds, a number that is not finite, a
// parameter outside its domain); none returns NaN.

namespace harness {

using libnorm::Index;

struct Interval {
  double low = 0;
  double high = 0;
};

enum class Direction { greater, less, two_sided };

/// Mean of d. Throws: ValueError if d is empty.
double mean(const std::vector<double>& d);

/// sqrt(sum (d - mean)^2 / (n - 1)). Throws: ValueError if n < 2.
double standard_deviation(const std::vector<double>& d);

/// Regularized incomplete beta function I_x(a, b), a > 0, b > 0, 0 <= x <= 1.
/// Source: Lentz's evaluation of its continued fraction (DLMF 8.17.22); relative error about 1e-13.
double incomplete_beta(double a, double b, double x);

/// The x with I_x(a, b) = p, by bisection.
double beta_quantile(double p, double a, double b);

/// P(T <= t) for Student's t with `degrees` > 0 degrees of freedom.
double t_cdf(double t, double degrees);

/// The t with t_cdf(t, degrees) = p, 0 < p < 1, by bisection.
double t_quantile(double p, double degrees);

/// Exact sign-flip p: the share of the 2^n sign patterns of d whose sum is at least as extreme as
/// the one observed. Sums equal up to rounding (1e-12 of sum |d|) count as extreme, so ties and
/// zeros only raise p. Exact when d is symmetric about 0 under the hypothesis of no difference.
/// The smallest value is 2^-n (two-sided: 2^(1-n)); all d = 0 gives 1.
/// Throws: ValueError unless 1 <= n <= 20.
double sign_flip_p(const std::vector<double>& d, Direction direction);

/// p of "the mean lies within (-margin, margin)": two one-sided sign-flip tests, of d + margin
/// above 0 and of d - margin below 0, the larger of the two. Source: Schuirmann 1987, with
/// sign flips in place of t so that one kind of test serves all verdicts.
/// Throws: ValueError unless margin > 0 and 1 <= n <= 20.
double equivalence_p(const std::vector<double>& d, double margin);

/// p of "the mean lies outside [-margin, margin]": the smaller of the sign-flip tests of d - margin
/// above 0 and of d + margin below 0. Source: the minimum-effect test (Murphy, Myors 1999). It is
/// not doubled: the far side adds to the error only where the noise is wider than the margin, so
/// whoever uses it must also ask that the interval lies beyond the margin.
double beyond_p(const std::vector<double>& d, double margin);

/// Holm's step-down adjustment, in the order given: sorted upwards, max over j <= i of
/// min(1, (m - j) p_j), j from 0. Throws: ValueError if a p is outside [0, 1].
std::vector<double> holm(const std::vector<double>& p);

/// Student's interval of the mean of d: mean +- t_(n-1) sd / sqrt(n).
/// Its limits: exact only for normal differences; with n near 10 and skewed differences its
/// coverage falls a few percent short. A bootstrap is no remedy: at n = 10 it is too narrow.
/// All d equal gives an interval of width 0, which says that the seeds did not vary, not that
/// the mean is certain. Throws: ValueError if n < 2 or level outside (0, 1).
Interval mean_interval(const std::vector<double>& d, double level = 0.95);

/// Cohen's d_z = mean / sd times Hedges' exact correction
/// J = Gamma(m / 2) / (sqrt(m / 2) Gamma((m - 1) / 2)), m = n - 1, which takes off the bias of few
/// seeds. Throws: ValueError if n < 3 or d does not vary (sd below 1e-12 of the largest |d|).
double standardized_effect(const std::vector<double>& d);

struct Superiority {
  /// Share of seeds on which A > B, a tie counting one half.
  double probability = 0;
  Interval interval;
};

/// P(A > B) for one more seed, from paired wins, with the interval of Clopper and Pearson (1934).
/// Pairs are compared within a seed, as the seeds are what was drawn; comparing every A with every
/// B would reuse each run n times and has no exact interval. The low end counts ties as losses
/// and the high end counts them as wins. 10 of 10 gives [0.69, 1], 9 of 10 [0.55, 1.00],
/// 8 of 10 [0.44, 0.97]. Throws: ValueError if d is empty.
Superiority superiority(const std::vector<double>& d, double level = 0.95);

}  // namespace harness
