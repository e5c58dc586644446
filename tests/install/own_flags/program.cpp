// What the headers promise to have the same bits, as the flags of a program compile it, and what a
// program makes of their numbers itself.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>

#include "libnorm/core/dual_pack.hpp"
#include "libnorm/core/math.hpp"

namespace {

using Dual = libnorm::Dual<double>;
namespace math = libnorm::math;

class Hash {
 public:
  template <class T>
  void take(T x) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &x, sizeof x);
    hash_ = (hash_ ^ bits) * 1099511628211ull;
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 14695981039346656037ull;
};

template <class T>
void take_functions(T x, T u, Hash& hash) {
  hash.take(math::exp(100 * x));
  hash.take(math::log(u));
  hash.take(math::erf(x));
  hash.take(math::tanh(x));
  hash.take(math::gelu(x).value);
  hash.take(math::gelu(x).slope);
}

/// As a mechanism of one's own might.
void take_own(const Dual& x, const Dual& y, Hash& hash) {
  const Dual length = square_root(x * x + y * y + Dual(1e-5));
  const Dual z = x / length - y * y * x + math::log(length);
  hash.take(z.value);
  hash.take(z.tangent);
}

}  // namespace

int main() {
  std::mt19937_64 draw(31);
  Hash functions, own;
  for (int i = 0; i < 200000; ++i) {
    const double u = double(draw() >> 11) * 0x1p-53, x = (u - 0.5) * 12;
    take_functions(x, u + 1e-3, functions);
    functions.take(math::gaussian(x).cdf);
    functions.take(math::gaussian(x).pdf);
    take_functions(float(x), float(u) + 1e-3f, functions);
    take_own({x, u}, {u, 1}, own);
  }
  std::printf("functions %016llx\nown %016llx\n",
              static_cast<unsigned long long>(functions.value()),
              static_cast<unsigned long long>(own.value()));
}
