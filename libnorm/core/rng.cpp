#include "libnorm/core/rng.hpp"

#include <cmath>

#include <Random123/philox.h>

#include "libnorm/core/math.hpp"

namespace libnorm {
namespace {

double polynomial(double x, const double (&c)[8]) {
  double y = c[7];
  for (int i = 6; i >= 0; --i) y = __builtin_fma(y, x, c[i]);
  return y;
}

double inverse_normal(double p) {
  static constexpr double kCentralTop[8] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                                            1.9715909503065514427e3, 1.3731693765509461125e4,
                                            4.5921953931549871457e4, 6.7265770927008700853e4,
                                            3.3430575583588128105e4, 2.5090809287301226727e3};
  static constexpr double kCentralBottom[8] = {1.0,
                                               4.2313330701600911252e1,
                                               6.8718700749205790830e2,
                                               5.3941960214247511077e3,
                                               2.1213794301586595867e4,
                                               3.9307895800092710610e4,
                                               2.8729085735721942674e4,
                                               5.2264952788528545610e3};
  static constexpr double kMiddleTop[8] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                           5.76949722146069140550e0,  3.64784832476320460504e0,
                                           1.27045825245236838258e0,  2.41780725177450611770e-1,
                                           2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static constexpr double kMiddleBottom[8] = {1.0,
                                              2.05319162663775882187e0,
                                              1.67638483018380384940e0,
                                              6.89767334985100004550e-1,
                                              1.48103976427480074590e-1,
                                              1.51986665636164571966e-2,
                                              5.47593808499534494600e-4,
                                              1.05075007164441684324e-9};
  static constexpr double kTailTop[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                         1.78482653991729133580e0,  2.96560571828504891230e-1,
                                         2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                         2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static constexpr double kTailBottom[8] = {1.0,
                                            5.99832206555887937690e-1,
                                            1.36929880922735805310e-1,
                                            1.48753612908506148525e-2,
                                            7.86869131145613259100e-4,
                                            1.84631831751005468180e-5,
                                            1.42151175831644588870e-7,
                                            2.04426310338993978564e-15};
  const double q = p - 0.5;
  if (-0.425 <= q && q <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(r, kCentralTop) / polynomial(r, kCentralBottom);
  }
  const double r = __builtin_sqrt(-math::log(q < 0 ? p : 1.0 - p));
  const double z = r <= 5.0 ? polynomial(r - 1.6, kMiddleTop) / polynomial(r - 1.6, kMiddleBottom)
                            : polynomial(r - 5.0, kTailTop) / polynomial(r - 5.0, kTailBottom);
  return q < 0 ? -z : z;
}

}  // namespace

std::uint64_t Random::bits(std::uint64_t index) const {
  const r123::Philox4x32::ctr_type counter = {{static_cast<std::uint32_t>(index),
                                               static_cast<std::uint32_t>(index >> 32), stream_,
                                               purpose_}};
  const r123::Philox4x32::key_type key = {
      {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)}};
  const auto block = r123::Philox4x32{}(counter, key);
  return std::uint64_t{block[1]} << 32 | block[0];
}

double Random::uniform(std::uint64_t index) const {
  const std::uint64_t high52 = bits(index) >> 12;
  return (static_cast<double>(high52) + 0.5) * 0x1p-52;
}

double Random::normal(std::uint64_t index) const { return inverse_normal(uniform(index)); }

Index Random::below(std::uint64_t index, Index n) const {
  if (n < 1) {
    throw ValueError("Random::below: n must be positive (" + std::to_string(n) +
                     "); need at least 1");
  }
  __extension__ using Wide = unsigned __int128;
  return static_cast<Index>(Wide{bits(index)} * static_cast<std::uint64_t>(n) >> 64);
}

std::uint32_t stream_of(std::string_view name) {
  std::uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

}  // namespace libnorm
