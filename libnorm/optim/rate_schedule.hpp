#pragma once

#include "libnorm/core/types.hpp"

namespace libnorm {

/// The learning rate of each step as a share of the full rate: linear warm-up, then a cosine. The
/// defaults keep it constant.
///
/// Source: Goyal et al. 2017 (arXiv:1706.02677, 2.2) for the warm-up; Loshchilov, Hutter 2017
/// (arXiv:1608.03983, equation 5) for the cosine, without restarts.
struct RateSchedule {
  /// Steps of the warm-up; 0: none.
  Index warmup_steps = 0;
  /// Steps of the whole training, at whose end the cosine is at its lowest. Only a cosine needs it.
  Index steps = 0;
  /// What the cosine ends at; 1: the rate is constant after the warm-up.
  double final_share = 1;

  /// The share of step t = 1, 2, ..., with W = warmup_steps, S = steps, f = final_share:
  ///
  ///     t <= W      t / W
  ///     W < t <= S  f + (1 - f) (1 + cos(pi (t - 1 - W) / (S - W))) / 2
  ///     else        f
  ///
  /// So the first step is not lost to the warm-up, and the last has a rate where f is 0. The cosine
  /// is computed from + * / and fma alone, for the same bits on every machine.
  double share(Index t) const;
};

}  // namespace libnorm
