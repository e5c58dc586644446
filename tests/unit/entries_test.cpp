#include <pthread.h>

#include <cfenv>
#include <csignal>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "libnorm/data/associative_recall.hpp"
#include "libnorm/data/topics.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"
#include "libnorm/metrics/activations/cka.hpp"
#include "libnorm/metrics/activations/intrinsic_dimension.hpp"
#include "libnorm/metrics/activations/neural_collapse.hpp"
#include "libnorm/metrics/activations/row_geometry.hpp"
#include "libnorm/metrics/activations/spectrum.hpp"
#include "libnorm/metrics/landscape/lanczos.hpp"
#include "libnorm/metrics/landscape/loss_surface.hpp"
#include "libnorm/metrics/landscape/objective.hpp"
#include "libnorm/metrics/landscape/sharpness.hpp"
#include "libnorm/metrics/landscape/spectral_density.hpp"
#include "libnorm/metrics/landscape/trace.hpp"
#include "libnorm/models/curvature.hpp"
#include "libnorm/ops/cross_entropy.hpp"
#include "libnorm/ops/gelu.hpp"
#include "libnorm/ops/gemm.hpp"
#include "libnorm/ops/rows.hpp"
#include "libnorm/optim/adam.hpp"
#include "tests/support/everywhere.hpp"
#include "tests/support/models.hpp"
#include "tests/support/norm_run.hpp"
#include "tests/support/rows.hpp"
#include "tests/support/sequences.hpp"

/// Every entry of the library where a program has made it hard: floating-point exceptions are
/// signals, or the stack is small. Widths are no multiple of the 32 lanes.
namespace libnorm::test {
namespace {

struct Entry {
  std::string name;
  std::function<void()> call;
};
using Entries = std::vector<Entry>;

/// Numbers of this size are what the library works with without an exception.
constexpr double kLarge = 9e14;

template <class T>
Padded<T> draw_times(double size, Index rows, Index cols, std::uint64_t seed) {
  Padded<T> m = draw<T>(rows, cols, seed);
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < cols; ++c) {
      T& x = m.view()(r, c);
      x = T(std::min(1.0, std::max(-1.0, double(x) / 4)) * size);
    }
  }
  return m;
}

template <class T>
void add_ops(Entries& entries, double size) {
  const std::string of =
      std::string(sizeof(T) == 4 ? " of floats to " : " of doubles to ") + std::to_string(size);
  entries.push_back({"gemm" + of, [=] {
                       const Padded<T> a = draw_times<T>(size, 150, 131, 1),
                                       b = draw<T>(131, 143, 2);
                       const Padded<T> b_turned = draw<T>(143, 150, 4), row = draw<T>(1, 131, 4);
                       const std::vector<T> bias = draw_vector<T>(143, 5);
                       Padded<T> c(150, 143), d(131, 143), e(1, 143);
                       gemm<T>(plain(a.view()), plain(b.view()), c.view(), bias.data());
                       gemm<T>(transposed(a.view()), transposed(b_turned.view()), d.view());
                       gemm<T>(plain(row.view()), plain(b.view()), e.view());
                     }});
  entries.push_back({"rows" + of, [=] {
                       const Padded<T> rows = draw_times<T>(size, 150, 43, 6),
                                       table = draw<T>(50, 43, 7);
                       const std::vector<T> scale = draw_vector<T>(43, 5);
                       std::vector<std::int32_t> index, distinct;
                       for (std::int32_t r = 0; r < 150; ++r) {
                         index.push_back(r % 50);
                         distinct.push_back(149 - r);
                       }
                       const GroupLists groups(index, 50);
                       Padded<T> out(150, 43), sums(50, 43), columns(1, 43);
                       gather_rows<T>(table.view(), index.data(), out.view());
                       scatter_rows<T>(rows.view(), distinct.data(), out.view(), Output::add);
                       add_rows<T>(rows.view(), out.view(), out.view());
                       add_scaled_rows<T>(rows.view(), rows.view(), scale.data(), 43, out.view());
                       copy_rows<T>(rows.view(), out.view());
                       zero_rows<T>(out.view());
                       sum_groups<T>(rows.view(), groups.view(), table.view(), sums.view());
                       sum_columns<T>(rows.view(), columns.view().data);
                     }});
  entries.push_back({"cross_entropy and gelu" + of, [=] {
                       const Padded<T> x = draw_times<T>(size, 35, 43, 14);
                       const std::vector<std::int32_t> targets(35, 3);
                       Padded<T> y(35, 43), slope(35, 43), d_logits(35, 43), losses(1, 35);
                       gelu<T>(x.view(), y.view(), slope.view());
                       gelu_backward<T>(x.view(), slope.view(), y.view());
                       cross_entropy<T>(x.view(), targets.data(), losses.view().data,
                                        d_logits.view());
                     }});
}

template <class T>
void add_attention(Entries& entries) {
  const std::string of = sizeof(T) == 4 ? " of floats" : " of doubles";
  entries.push_back({"attention" + of, [] {
                       const SequenceSet set({1, 43, 130, 7});
                       const Index c = 86, heads = 2, squares = set.squares() * heads;
                       const Padded<T> qkv = draw<T>(set.rows(), 3 * c, 9),
                                       d_out = draw<T>(set.rows(), c, 10);
                       Padded<T> out(set.rows(), c), d_qkv(set.rows(), 3 * c), p(1, squares),
                           d_p(1, squares);
                       attention<T>(qkv.view(), set.view(), heads, p.view().data, out.view());
                       attention_backward<T>(qkv.view(), set.view(), heads, p.view().data,
                                             d_out.view(), d_p.view().data, d_qkv.view());
                     }});
  entries.push_back({"prediction_attention" + of, [] {
                       const SequenceSet set({1, 43, 130, 7});
                       const Index c = 86, heads = 2, count = 4;
                       const auto gather = set.gather_map(50);
                       const GroupLists gathered_by(gather, 50);
                       const Padded<T> query = draw<T>(count, c, 11), kv = draw<T>(50, 2 * c, 12);
                       const Padded<T> d_out = draw<T>(count, c, 13);
                       Padded<T> out(count, c), d_query(count, c), d_kv(50, 2 * c);
                       Padded<T> p(heads, set.rows(), 0), d_score(heads, set.rows(), 0);
                       prediction_attention<T>(query.view(), kv.view(), gather.data(), set.view(),
                                               heads, p.view().data, out.view());
                       prediction_attention_backward<T>(
                           query.view(), kv.view(), gather.data(), gathered_by.view(), set.view(),
                           heads, p.view().data, d_out.view(), d_score.view().data, d_query.view(),
                           d_kv.view());
                     }});
}

/// Of zeros, of one number all over, and of numbers up to `size`.
template <class T>
void run_norm(const Norm& norm, double size) {
  constexpr Index kRows = 150, kCols = 45;
  for (const double factor : {0.0, 1.0, size}) {
    NormRun<T> run(norm, kRows, kCols);
    run.draw_counts();
    for (Index r = 0; r < kRows; ++r) {
      for (Index c = 0; c < kCols; ++c) {
        T& x = run.input.view()(r, c);
        x = T(std::min(1.0, std::max(-1.0, double(x) / 4)) * factor);
        if (factor == 0) run.branch.view()(r, c) = T(r % 2 == 0 ? 0 : 3);
      }
    }
    run.forward();
    run.backward();
    run.forward(Phase::evaluation);
  }
}

template <class T>
void add_norms(Entries& entries) {
  const std::string of = sizeof(T) == 4 ? " of floats" : " of doubles";
  for (const NormCase& c : norm_cases(45)) {
    entries.push_back({trace_of(c) + of, [norm = c.norm] { run_norm<T>(norm, kLarge); }});
  }
}

template <class T>
void add_models(Entries& entries) {
  const std::string of = sizeof(T) == 4 ? " of floats" : " of doubles";
  for (const std::string& text : model_texts()) {
    entries.push_back({"training " + text + of, [text] {
                         auto model = small_model<T>(text, {2, 2});
                         Adam<T> adam(model.size(), {});
                         for (const Path path : {Path::shortcut, Path::dense}) {
                           const Batch batch = samples()[2].batch(path);
                           model.loss_and_gradient(batch);
                           adam.step(model.weights_data(), model.gradient_data());
                           model.logits(batch);
                         }
                       }});
  }
}

void add_curvature(Entries& entries) {
  for (const std::string& text : model_texts()) {
    entries.push_back({"curvature of " + text, [text] {
                         Curvature f(small_model<double>(text, {1, 1}),
                                     samples()[0].batch(Path::shortcut),
                                     {"head.weight", "head.bias"});
                         const std::vector<double>& w = f.weights();
                         const std::vector<double> v(w.size(), 0.01);
                         std::vector<double> product(w.size());
                         f.hessian_vector_product(w, v, product);
                         f.gauss_newton_product(w, v, product);
                       }});
  }
}

/// sum of (1 + i) w_i^2 / 2, less w_0.
struct Bowl {
  Index dimension() const { return 37; }
  double loss(std::span<const double> w) const {
    double sum = -w[0];
    for (std::size_t i = 0; i < w.size(); ++i) sum += double(1 + i) * w[i] * w[i] / 2;
    return sum;
  }
  void gradient(std::span<const double> w, std::span<double> g) const {
    for (std::size_t i = 0; i < w.size(); ++i) g[i] = double(1 + i) * w[i] - (i == 0 ? 1 : 0);
  }
  void hessian_vector_product(std::span<const double>, std::span<const double> v,
                              std::span<double> hv) const {
    for (std::size_t i = 0; i < v.size(); ++i) hv[i] = double(1 + i) * v[i];
  }
};

void add_sharpness(Entries& entries) {
  entries.push_back({"sharpness", [] {
                       Bowl bowl;
                       const std::vector<double> w(37, 0.1);
                       const std::vector<IndexRange> ranges = {{0, 10}, {10, 27}};
                       const LinearOperator h = hessian(bowl, w);
                       for (const End end : {End::largest, End::smallest, End::largest_magnitude}) {
                         LanczosOptions options;
                         options.count = 3;
                         options.basis = 9;
                         options.vectors = Eigenvectors::kept;
                         extreme_eigenvalues(h, end, options);
                       }
                       values_of(spectral_density(h));
                       const SpectralDensity density = spectral_density(h);
                       density_curve(density, density_grid(density, 50, 1.0), 1.0);
                       hutchinson_trace(h);
                       hutch_plus_plus_trace(h);
                       std::vector<double> product(37);
                       differenced_hessian(bowl, w).apply(w, product);
                       const Ball ball = adaptive_ball(w, 0.05);
                       first_order_sharpness(bowl, w, ball);
                       worst_case_sharpness(bowl, w, ball);
                       average_case_sharpness(bowl, w, ball);
                       scale_invariant_sharpness(bowl, w, ranges);
                       spherical_sharpness(bowl, w, ranges);
                       const std::vector<double> alpha = even_grid(-1, 1, 5);
                       loss_surface(bowl, w, w, std::vector<double>(37, 0.3), alpha, alpha);
                     }});
}

/// Of few rows there may be nothing to say, which is an error and no exception of arithmetic.
void attempt(Index rows, const std::function<void()>& f) {
  try {
    f();
  } catch (const Error&) {
    if (rows > 50) throw;
  }
}

/// Spectra of both paths, of fewer rows than channels, of a constant channel, of one row.
template <class T>
void add_metrics(Entries& entries, double size) {
  const std::string of =
      std::string(sizeof(T) == 4 ? " of floats to " : " of doubles to ") + std::to_string(size);
  struct Shape {
    Index rows, cols;
  };
  for (const Shape s : {Shape{900, 24}, {900, 131}, {9, 24}, {1, 24}, {70, 1}}) {
    const auto rows = [=] {
      auto x = draw_times<T>(size, s.rows, s.cols, 30);
      for (Index r = 0; r < s.rows; ++r) x.view()(r, s.cols / 2) = T(0);
      return x;
    };
    const std::string shape = of + " " + shape_text(s.rows, s.cols);
    entries.push_back({"spectra" + shape, [=] {
                         for (const bool constant : {false, true}) {
                           const Padded<T> drawn = draw_times<T>(size, s.rows, s.cols, 31),
                                           with_zeros = rows();
                           const auto x = (constant ? with_zeros : drawn).view();
                           const std::vector<float> counts(std::size_t(s.rows), 2.0f);
                           libnorm::values_of(std::span<const double>(singular_values(x)));
                           RowFactor factor(s.cols);
                           factor.add(x, counts.data());
                           factor.merge(factor);
                           for (const Centring centring : {Centring::none, Centring::mean}) {
                             values_of(activation_spectrum(x, centring, counts.data()));
                             values_of(activation_spectrum(factor, centring));
                           }
                         }
                       }});
    entries.push_back(
        {"row metrics" + shape, [=] {
           const Padded<T> x = rows(), y = draw_times<T>(size, s.rows, 7, 32);
           attempt(s.rows, [&] { row_metrics<T>(x.view()); });
           attempt(s.rows, [&] { mean_cosine<T>(x.view()); });
           attempt(s.rows, [&] { linear_cka<T>(x.view(), y.view()); });
           attempt(s.rows, [&] { debiased_linear_cka<T>(x.view(), y.view()); });
           attempt(s.rows, [&] {
             if (size < 1e3) partition_isotropy<T>(x.view());
           });
           if (s.rows > 50) {
             const Neighbours near = nearest_neighbours<T>(y.view(), 5);
             two_nn_dimension(near);
             likelihood_dimension(near, Averaging::estimates);
             likelihood_dimension(near, Averaging::inverses);
           }
           if (s.rows > 5) {
             std::vector<std::int32_t> labels;
             for (Index r = 0; r < s.rows; ++r) labels.push_back(std::int32_t(r % 3));
             const Padded<T> head = draw<T>(3, s.cols, 33);
             const std::vector<T> bias = draw_vector<T>(3, 34);
             values_of(neural_collapse<T>(x.view(), labels.data(), 3, head.view(), bias.data()));
           }
         }});
  }
}

Entries all_entries() {
  Entries entries;
  for (const double size : {1.0, kLarge}) {
    add_ops<float>(entries, size);
    add_ops<double>(entries, size);
    add_metrics<float>(entries, size);
    add_metrics<double>(entries, size);
  }
  add_attention<float>(entries);
  add_attention<double>(entries);
  add_norms<float>(entries);
  add_norms<double>(entries);
  add_models<float>(entries);
  add_models<double>(entries);
  add_curvature(entries);
  add_sharpness(entries);
  entries.push_back({"data", [] {
                       Batch batch;
                       AssociativeRecall{}.draw(0, Purpose::training_batch, 0, Path::shortcut,
                                                batch);
                       Topics{}.draw(0, 0, 50);
                     }});
  return entries;
}

#if defined(__GLIBC__)
const char* entry_at_work = "";

void report_signal(int) {
  for (const char* text : {"raised a floating-point exception: ", entry_at_work, "\n"}) {
    if (write(STDERR_FILENO, text, std::strlen(text)) < 0) break;
  }
  _exit(1);
}

TEST(Entries, RaiseNoFloatingPointException) {
  const auto before = std::signal(SIGFPE, report_signal);
  for_each_isa([] {
    for (const Entry& entry : all_entries()) {
      entry_at_work = entry.name.c_str();
      with_threads(1, [&] {
        std::feclearexcept(FE_ALL_EXCEPT);
        feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
        entry.call();
        fedisableexcept(FE_ALL_EXCEPT);
      });
    }
  });
  std::signal(SIGFPE, before);
}
#endif

/// Bytes of stack that a call takes, the thread's own included.
std::size_t stack_of(const std::function<void()>& call) {
  constexpr std::size_t kSize = std::size_t(2) << 20;
  constexpr unsigned char kUntouched = 0xa5;
  static std::vector<unsigned char> memory(kSize);
  std::fill(memory.begin(), memory.end(), kUntouched);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, memory.data(), memory.size());
  pthread_t thread;
  const auto run = [](void* f) -> void* {
    (*static_cast<const std::function<void()>*>(f))();
    return nullptr;
  };
  if (pthread_create(&thread, &attributes, run, const_cast<std::function<void()>*>(&call)) != 0) {
    throw BackendError("pthread_create failed");
  }
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  const auto touched = std::find_if(memory.begin(), memory.end(),
                                    [](unsigned char byte) { return byte != kUntouched; });
  return std::size_t(memory.end() - touched);
}

TEST(Entries, TakeLessThan128KiBOfStack) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers make stack frames larger";
#endif
  constexpr std::size_t kSmallest = std::size_t(128) << 10, kSpare = std::size_t(16) << 10;
  for_each_isa([] {
    for (const Entry& entry : all_entries()) {
      EXPECT_LE(stack_of(entry.call), kSmallest - kSpare) << entry.name;
    }
  });
}

}  // namespace
}  // namespace libnorm::test
