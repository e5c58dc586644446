#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

/// What the library computes, written again as plainly as possible: loops over double, libm's
/// functions, a row for each position, no shortcut. It shares no code with the library.
namespace oracle {

struct Matrix {
  std::size_t rows = 0, cols = 0;
  std::vector<double> data;

  Matrix() = default;
  Matrix(std::size_t r, std::size_t c) : rows(r), cols(c), data(r * c, 0.0) {}
  template <class T>
  Matrix(std::size_t r, std::size_t c, const std::vector<T>& values)
      : rows(r), cols(c), data(values.begin(), values.end()) {}

  double& operator()(std::size_t r, std::size_t c) { return data.at(r * cols + c); }
  double operator()(std::size_t r, std::size_t c) const { return data.at(r * cols + c); }
};

Matrix transposed(const Matrix& a);
Matrix product(const Matrix& a, const Matrix& b);
Matrix sum(const Matrix& a, const Matrix& b);
/// x W^T + b.
Matrix linear(const Matrix& x, const Matrix& weight, const Matrix& bias);
std::vector<double> column_sums(const Matrix& a);

double gelu(double x);
double gelu_slope(double x);

/// Self-attention within consecutive runs of rows of the given lengths; qkv [R, 3C]. A row j
/// counts `counts[j]` times as a key.
Matrix attention(const Matrix& qkv, const std::vector<std::size_t>& lengths,
                 const std::vector<double>& counts, std::size_t heads);

/// Running statistics of a norm over positions; powernorm has no mean.
struct Running {
  std::vector<double> mean, variance;
};

enum class Phase { training, evaluation };

/// What a norm is given beside its rows.
struct NormNumbers {
  /// Empty where the affine part has none; one number, or one a channel.
  std::vector<double> gain, bias;
  /// alpha; alpha and shift; or beta.
  std::vector<double> shape;
  /// Rows of each sequence, and groups of channels, for norms of instances.
  std::vector<std::size_t> lengths;
  std::size_t groups = 1;
  /// Updated in training unless null.
  Running* running = nullptr;
  /// The stabilizers' own, as published; sqrt(m + epsilon), or sqrt(m) + epsilon.
  double epsilon = 1e-5;
  bool epsilon_is_outside = false;
  double floor = 1e-9;
};

/// A norm or a stabilizer by its name in the library's catalogue, with what `numbers` has of it.
/// Throws: std::logic_error, which says what to write where, for a name without a formula.
Matrix norm(const std::string& name, const Matrix& x, const NormNumbers& numbers, Phase phase);

/// The stabilizer of each published norm; and that of a name, which is itself where it is none of
/// these.
const std::map<std::string, std::string>& published_norms();
std::string stabilizer_of(const std::string& name);

/// What a stabilizer makes of the numbers that it takes together, and its derivatives.
struct Stabilized {
  std::vector<long double> z;
  /// slopes[k][i]: dz[i] / dx[places[k]]
  std::vector<std::vector<long double>> slopes;
};
/// Throws: as norm.
Stabilized stabilize(const std::string& stabilizer, const std::vector<double>& x,
                     const std::vector<std::size_t>& places, const NormNumbers& numbers);

double cross_entropy(const Matrix& logits, const std::vector<std::int32_t>& targets,
                     Matrix* d_logits = nullptr);

struct Adam {
  double rate, beta1, beta2, epsilon;
  std::vector<double> m, v;
  int steps = 0;
  /// Decoupled weight decay, of the first so many weights.
  double weight_decay = 0;
  std::size_t decaying = 0;
  /// Of the gradient; 0 for none.
  double clip_norm = 0;
  /// Linear warm-up, and a cosine up to the last step, if it ends below 1.
  int warmup_steps = 0, last_step = 0;
  double final_share = 1;

  double share() const;
  void step(std::vector<double>& weights, const std::vector<double>& gradient);
};

/// The transformer; parameters and running statistics by the project's names. Norms on branches,
/// residual scales, norms of queries and keys and the last norm are there where their numbers are.
struct Transformer {
  std::string norm;
  /// post, pre, sandwich or deep.
  std::string placement = "post";
  /// Of queries and keys; empty for none.
  std::string query_key_norm;
  /// Names of the numbers that shape the norm's stabilizer.
  std::vector<std::string> shapes;
  std::size_t groups = 1;
  std::size_t heads = 1, blocks = 1;
  double head_multiplier = 1;
  std::map<std::string, Matrix> parameters;
  /// By the norm's name, as in `blocks.0.norm1`.
  std::map<std::string, Running> running;

  /// [B T, C] of every block for `ids`, sequences of `length`.
  std::vector<Matrix> activations(const std::vector<std::int32_t>& ids, std::size_t length,
                                  Phase phase);
  Matrix norm_named(const std::string& name, const std::string& which, std::size_t group_count,
                    const Matrix& x, std::size_t length, Phase phase);
  Matrix logits(const std::vector<std::int32_t>& ids, std::size_t length,
                std::size_t prediction_position, Phase phase);
};

}  // namespace oracle
