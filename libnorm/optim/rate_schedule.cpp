#include "libnorm/optim/rate_schedule.hpp"

namespace libnorm {
namespace {

/// sin(pi x / 2) for 0 <= x <= 1: the sine's series up to the 21st power, whose next term is below
/// 2e-18.
double sine_of_quarter_turns(double x) {
  constexpr double kHalfPi = 0x1.921fb54442d18p+0;
  const double u = kHalfPi * x, square = u * u;
  // -1^k / (2 k + 1)!
  double factors[11] = {1};
  for (int k = 1; k <= 10; ++k) factors[k] = factors[k - 1] / double(-2 * k * (2 * k + 1));
  double sum = factors[10];
  for (int k = 9; k >= 0; --k) sum = __builtin_fma(sum, square, factors[k]);
  return u * sum;
}

}  // namespace

double RateSchedule::share(Index t) const {
  if (t <= warmup_steps) return double(t) / double(warmup_steps);
  if (final_share == 1) return 1;
  if (t > steps) return final_share;
  // (1 + cos(pi i / n)) / 2 is the square of sin(pi (n - i) / (2 n)).
  const Index n = steps - warmup_steps, i = t - 1 - warmup_steps;
  const double sine = sine_of_quarter_turns(double(n - i) / double(n));
  return __builtin_fma(1 - final_share, sine * sine, final_share);
}

}  // namespace libnorm
