#include "libnorm/metrics/landscape/lanczos.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "libnorm/core/domain.hpp"
#include "libnorm/core/vector_sums.hpp"
#include "libnorm/metrics/decompositions.hpp"
#include "libnorm/metrics/landscape/estimate.hpp"
#include "libnorm/metrics/landscape/orthonormal_rows.hpp"

namespace libnorm {
namespace {

/// Of the norm: what is left below it is rounding, and the space ends.
constexpr double kBreakdown = 1e-13;

/// Larger for what is nearer to the end.
double rank_of(double value, End end) {
  if (end == End::smallest) return -value;
  return end == End::largest ? value : std::abs(value);
}

std::vector<Index> order_of(std::span<const double> values, End end) {
  std::vector<Index> order(values.size());
  std::iota(order.begin(), order.end(), Index(0));
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
    return rank_of(values[std::size_t(a)], end) > rank_of(values[std::size_t(b)], end);
  });
  return order;
}

LanczosOptions checked(const LinearOperator& a, LanczosOptions options) {
  const Index n = a.dimension();
  const Index count = std::min(options.count, n);
  const bool basis_fits = options.basis == 0 || options.basis >= n || options.basis > count;
  if (count < 1 || options.products < 1 || !(0 < options.tolerance && options.tolerance < 1) ||
      !basis_fits || options.basis < 0) {
    throw ValueError("extreme_eigenvalues: options outside their domain (count " +
                     std::to_string(options.count) + ", products " +
                     std::to_string(options.products) + ", tolerance " +
                     number_text(options.tolerance) + ", basis " + std::to_string(options.basis) +
                     "); need count, products >= 1, 0 < tolerance < 1, and basis 0 or > count");
  }
  options.count = count;
  options.basis = std::min(n, options.basis == 0 ? 80 + 2 * count : options.basis);
  return options;
}

class Lanczos {
 public:
  Lanczos(const LinearOperator& a, End end, const LanczosOptions& options)
      : a_(a),
        end_(end),
        options_(checked(a, options)),
        rows_(a.dimension(), options_.basis + 1),
        projected_(std::size_t((options_.basis + 1) * (options_.basis + 1)), 0.0) {}

  Eigenvalues run() {
    add_start();
    while (products_ < options_.products) {
      step();
      const bool full = done_ == a_.dimension();
      const bool due = ended_ || full || done_ == options_.basis || done_ >= next_look_;
      if (!due) continue;
      solve();
      next_look_ = done_ + 1 + done_ / 8;
      const State state = full ? State::found : look();
      if (state == State::found) break;
      if (state == State::unconfirmed) {
        restart(options_.count, Remainder::dropped);
        add_start();
      } else if (ended_) {
        add_start();
      } else if (done_ == options_.basis) {
        restart(options_.count + (options_.basis - options_.count) / 3, Remainder::kept);
      }
    }
    return result();
  }

 private:
  enum class State { searching, unconfirmed, found };
  enum class Remainder { dropped, kept };

  Index n() const { return a_.dimension(); }
  /// A vector of n zeros.
  std::vector<double> vector() const { return std::vector<double>(static_cast<std::size_t>(n())); }
  MatrixView<double> projected() {
    return {projected_.data(), options_.basis + 1, options_.basis + 1};
  }
  double ritz(Index i) const { return solved_.values[std::size_t(order_[std::size_t(i)])]; }
  std::span<const double> ritz_vector(Index i) const {
    const std::size_t size = solved_.values.size();
    return {solved_.vectors.data() + std::size_t(order_[std::size_t(i)]) * size, size};
  }

  /// How row `done_` couples to a Ritz vector: its size is ||A v - l v|| as the projection knows
  /// it.
  double coupling(Index i) {
    return dot<double>({projected().row(done_), std::size_t(done_)}, ritz_vector(i));
  }
  double remainder(Index i) { return std::abs(coupling(i)); }

  /// A random vector at right angles to all rows.
  void add_start() {
    std::vector<double> w = vector();
    normal_probe(options_.seed, "lanczos", starts_++, w);
    const double left = rows_.orthogonalize(w);
    rows_.append(w, left);
  }

  /// Row `done_` is multiplied by A; what is new of the product becomes the next row.
  void step() {
    std::vector<double> w = vector(), along(static_cast<std::size_t>(rows_.size()));
    a_.apply(rows_.row(done_), w);
    ++products_;
    norm_ = std::max(norm_, length<double>(w));
    const double left = rows_.orthogonalize(w, along);
    projected()(done_, done_) = along.back();
    ++done_;
    ended_ = done_ == n() || left <= kBreakdown * norm_;
    if (ended_) return;
    rows_.append(w, left);
    projected()(done_, done_ - 1) = projected()(done_ - 1, done_) = left;
  }

  void solve() {
    solved_ = eigen::eigensystem_of(projected().row_range(0, done_).col_range(0, done_),
                                    eigen::Vectors::kept);
    if (solved_.values.empty()) {
      throw ValueError("extreme_eigenvalues: Eigen found no eigenvalues of the projected matrix (" +
                       shape_text(done_, done_) + "); need finite numbers of one scale");
    }
    order_ = order_of(solved_.values, end_);
    norm_ = std::max(norm_, std::abs(ritz(0)));
  }

  State look() {
    const Index count = options_.count;
    const double small = options_.tolerance * norm_;
    if (done_ < count) return State::searching;
    for (Index i = 0; i < count; ++i) {
      if (remainder(i) > small) return State::searching;
    }
    if (count == 1) return State::found;
    std::vector<double> outermost;
    for (Index i = 0; i < count; ++i) outermost.push_back(ritz(i));
    const bool same =
        std::equal(outermost.begin(), outermost.end(), seen_.begin(), seen_.end(),
                   [small](double x, double y) { return std::abs(x - y) <= 2 * small; });
    seen_ = outermost;
    if (!same) return State::unconfirmed;
    const double gap = rank_of(ritz(count - 1), end_) - rank_of(ritz(count), end_);
    const bool settled = remainder(count) <= std::max(small, gap / 10);
    return settled ? State::found : State::searching;
  }

  /// The first `keep` Ritz vectors become the rows.
  void restart(Index keep, Remainder remainder_is) {
    const bool kept = remainder_is == Remainder::kept;
    const Index mixed = keep + (kept ? 1 : 0);
    std::vector<double> memory(std::size_t(mixed * rows_.size()), 0.0), couplings;
    const MatrixView<double> mix(memory.data(), mixed, rows_.size());
    for (Index i = 0; i < keep; ++i) {
      std::copy_n(ritz_vector(i).data(), done_, mix.row(i));
      couplings.push_back(kept ? coupling(i) : 0.0);
    }
    if (kept) mix(keep, done_) = 1;
    rows_.combine(mix);
    std::fill(projected_.begin(), projected_.end(), 0.0);
    for (Index i = 0; i < keep; ++i) {
      projected()(i, i) = ritz(i);
      projected()(keep, i) = projected()(i, keep) = couplings[std::size_t(i)];
    }
    done_ = keep;
    next_look_ = keep + 1;
    ++restarts_;
  }

  Eigenvalues result() {
    solve();
    Eigenvalues found;
    const Index count = std::min(options_.count, done_);
    std::vector<double> values, residuals, vectors, product = vector();
    for (Index i = 0; i < count; ++i) {
      std::vector<double> v = vector();
      add_combination(ritz_vector(i), rows_.rows().row_range(0, done_), v);
      scale<double>(v, 1 / length<double>(v));
      a_.apply(v, product);
      ++products_;
      values.push_back(dot<double>(v, product));
      add_scaled(-values.back(), v, product);
      residuals.push_back(length<double>(product));
      norm_ = std::max(norm_, std::abs(values.back()));
      if (options_.vectors == Eigenvectors::kept) vectors.insert(vectors.end(), v.begin(), v.end());
    }
    found.converged = count == options_.count;
    // Rounding may have changed the order of values that are alike.
    for (const Index i : order_of(values, end_)) {
      found.values.push_back(values[std::size_t(i)]);
      found.residuals.push_back(residuals[std::size_t(i)]);
      found.converged = found.converged && found.residuals.back() <= options_.tolerance * norm_;
      if (vectors.empty()) continue;
      const auto v = vectors.begin() + i * n();
      found.vectors.insert(found.vectors.end(), v, v + n());
    }
    found.of = a_.name();
    found.end = end_;
    found.dimension = n();
    found.norm = norm_;
    found.tolerance = options_.tolerance;
    found.products = products_;
    found.restarts = restarts_;
    return found;
  }

  const LinearOperator& a_;
  End end_;
  LanczosOptions options_;
  OrthonormalRows rows_;
  /// V A V^T of the rows that are done; row `done_` couples them to the one that is not.
  std::vector<double> projected_;
  eigen::Eigensystem solved_;
  /// Ritz values from the end inwards.
  std::vector<Index> order_;
  /// The outermost when the last start vector came in.
  std::vector<double> seen_;
  double norm_ = 0;
  bool ended_ = false;
  Index done_ = 0, next_look_ = 1, products_ = 0, restarts_ = 0, starts_ = 0;
};

}  // namespace

std::string_view end_name(End end) {
  switch (end) {
    case End::largest: return "largest";
    case End::smallest: return "smallest";
    case End::largest_magnitude: return "largest_magnitude";
  }
  return "?";
}

Eigenvalues extreme_eigenvalues(const LinearOperator& a, End end, const LanczosOptions& options) {
  return Lanczos(a, end, options).run();
}

std::vector<MetricValue> values_of(const Eigenvalues& found) {
  std::vector<MetricValue> values;
  const std::string name = std::string(end_name(found.end)) + "_eigenvalue";
  const std::string of = "of " + found.of + " [" + std::to_string(found.dimension) + "]";
  for (std::size_t i = 0; i < found.values.size(); ++i) {
    const std::string each = found.values.size() == 1 ? name : name + "_" + std::to_string(i + 1);
    values.push_back({each, "1", found.values[i], of});
    values.push_back({each + "_residual", "1", found.residuals[i], "||A v - l v||, ||v|| = 1"});
  }
  values.push_back({name + "_products", "products", double(found.products), of});
  values.push_back({name + "_restarts", "restarts", double(found.restarts), of});
  values.push_back({name + "_converged", "1", found.converged ? 1.0 : 0.0,
                    "residuals at most " + number_text(found.tolerance) + " of the norm " +
                        number_text(found.norm)});
  return values;
}

Tridiagonal tridiagonalize(const LinearOperator& a, std::span<const double> start, Index steps) {
  const double size = length(start);
  if (steps < 1 || !(size > 0) || !std::isfinite(size)) {
    throw ValueError("tridiagonalize: no steps, or no start (" + std::to_string(steps) +
                     " steps, ||start|| = " + number_text(size) +
                     "); need at least one, and a length above 0 that is finite");
  }
  const Index most = std::min(steps, a.dimension());
  OrthonormalRows rows(a.dimension(), most);
  rows.append(start, size);
  Tridiagonal t;
  std::vector<double> w(start.size());
  double norm = 0;
  while (true) {
    std::vector<double> along(std::size_t(rows.size()));
    a.apply(rows.row(rows.size() - 1), w);
    ++t.products;
    norm = std::max(norm, length<double>(w));
    const double left = rows.orthogonalize(w, along);
    t.diagonal.push_back(along.back());
    if (rows.size() == most || left <= kBreakdown * norm) return t;
    t.beside.push_back(left);
    rows.append(w, left);
  }
}

}  // namespace libnorm
