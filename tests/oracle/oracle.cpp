#include "tests/oracle/oracle.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace oracle {

Matrix transposed(const Matrix& a) {
  Matrix t(a.cols, a.rows);
  for (std::size_t r = 0; r < a.rows; ++r) {
    for (std::size_t c = 0; c < a.cols; ++c) t(c, r) = a(r, c);
  }
  return t;
}

Matrix product(const Matrix& a, const Matrix& b) {
  if (a.cols != b.rows) throw std::logic_error("oracle::product: sizes differ");
  Matrix y(a.rows, b.cols);
  for (std::size_t i = 0; i < a.rows; ++i) {
    for (std::size_t j = 0; j < b.cols; ++j) {
      for (std::size_t k = 0; k < a.cols; ++k) y(i, j) += a(i, k) * b(k, j);
    }
  }
  return y;
}

Matrix sum(const Matrix& a, const Matrix& b) {
  Matrix y = a;
  for (std::size_t i = 0; i < y.data.size(); ++i) y.data[i] += b.data.at(i);
  return y;
}

Matrix linear(const Matrix& x, const Matrix& weight, const Matrix& bias) {
  Matrix y = product(x, transposed(weight));
  for (std::size_t r = 0; r < y.rows; ++r) {
    for (std::size_t c = 0; c < y.cols; ++c) y(r, c) += bias.data.at(c);
  }
  return y;
}

std::vector<double> column_sums(const Matrix& a) {
  std::vector<double> sums(a.cols, 0.0);
  for (std::size_t r = 0; r < a.rows; ++r) {
    for (std::size_t c = 0; c < a.cols; ++c) sums[c] += a(r, c);
  }
  return sums;
}

namespace {

/// In long double, for the rounding of x / sqrt(2) alone costs the tail 20 last places.
long double normal_cdf(long double x) { return std::erfc(-x / std::sqrt(2.0L)) / 2; }

}  // namespace

double gelu(double x) { return double(x * normal_cdf(x)); }

double gelu_slope(double x) {
  const long double z = x, pi = std::acos(-1.0L);
  return double(normal_cdf(z) + z * std::exp(-z * z / 2) / std::sqrt(2 * pi));
}

namespace {

/// One query row i of one head over the keys of its sequence, rows first .. end-1.
void attend_row(const Matrix& qkv, const std::vector<double>& counts, std::size_t first,
                std::size_t end, std::size_t i, std::size_t begin, std::size_t width, Matrix& out) {
  const std::size_t channels = out.cols;
  std::vector<double> share;
  double top = -INFINITY, total = 0;
  for (std::size_t j = first; j < end; ++j) {
    double score = 0;
    for (std::size_t c = begin; c < begin + width; ++c) score += qkv(i, c) * qkv(j, channels + c);
    share.push_back(score / std::sqrt(double(width)));
    top = std::max(top, share.back());
  }
  for (std::size_t j = first; j < end; ++j) {
    double& s = share[j - first];
    s = counts.at(j) * std::exp(s - top);
    total += s;
  }
  for (std::size_t j = first; j < end; ++j) {
    for (std::size_t c = begin; c < begin + width; ++c) {
      out(i, c) += share[j - first] / total * qkv(j, 2 * channels + c);
    }
  }
}

}  // namespace

Matrix attention(const Matrix& qkv, const std::vector<std::size_t>& lengths,
                 const std::vector<double>& counts, std::size_t heads) {
  Matrix out(qkv.rows, qkv.cols / 3);
  const std::size_t width = out.cols / heads;
  std::size_t first = 0;
  for (std::size_t length : lengths) {
    for (std::size_t h = 0; h < heads; ++h) {
      for (std::size_t i = first; i < first + length; ++i) {
        attend_row(qkv, counts, first, first + length, i, h * width, width, out);
      }
    }
    first += length;
  }
  return out;
}

namespace {

void standardize_rows(Matrix& x) {
  for (std::size_t r = 0; r < x.rows; ++r) {
    double mean = 0, variance = 0;
    for (std::size_t c = 0; c < x.cols; ++c) mean += x(r, c) / double(x.cols);
    for (std::size_t c = 0; c < x.cols; ++c) {
      variance += (x(r, c) - mean) * (x(r, c) - mean) / double(x.cols);
    }
    for (std::size_t c = 0; c < x.cols; ++c) {
      x(r, c) = (x(r, c) - mean) / std::sqrt(variance + 1e-5);
    }
  }
}

void standardize_columns(Matrix& x, Phase phase, Running* running) {
  const double n = double(x.rows);
  for (std::size_t c = 0; c < x.cols; ++c) {
    double mean = 0, variance = 0;
    for (std::size_t r = 0; r < x.rows; ++r) mean += x(r, c) / n;
    for (std::size_t r = 0; r < x.rows; ++r) variance += (x(r, c) - mean) * (x(r, c) - mean) / n;
    if (phase == Phase::evaluation) {
      mean = running->mean.at(c);
      variance = running->variance.at(c);
    } else if (running != nullptr) {
      running->mean.at(c) = 0.9 * running->mean.at(c) + 0.1 * mean;
      running->variance.at(c) = 0.9 * running->variance.at(c) + 0.1 * variance * n / (n - 1);
    }
    for (std::size_t r = 0; r < x.rows; ++r) {
      x(r, c) = (x(r, c) - mean) / std::sqrt(variance + 1e-5);
    }
  }
}

void to_sphere(Matrix& x, double radius) {
  for (std::size_t r = 0; r < x.rows; ++r) {
    double squares = 0;
    for (std::size_t c = 0; c < x.cols; ++c) squares += x(r, c) * x(r, c);
    const double length = std::max(std::sqrt(squares), 1e-9);
    for (std::size_t c = 0; c < x.cols; ++c) x(r, c) *= radius / length;
  }
}

}  // namespace

Matrix norm(const std::string& name, const Matrix& x, const Matrix* gain, const Matrix* bias,
            Phase phase, Running* running) {
  Matrix y = x;
  if (name == "layernorm") {
    standardize_rows(y);
  } else if (name == "batchnorm") {
    standardize_columns(y, phase, running);
  } else if (name == "manual_l2") {
    to_sphere(y, 1.0);
  } else if (name == "sphere") {
    to_sphere(y, std::sqrt(double(x.cols)));
  } else if (name != "none") {
    throw std::logic_error("oracle::norm: no oracle for " + name);
  }
  if (gain != nullptr) {
    for (std::size_t r = 0; r < y.rows; ++r) {
      for (std::size_t c = 0; c < y.cols; ++c) {
        y(r, c) = gain->data.at(c) * y(r, c) + bias->data.at(c);
      }
    }
  }
  return y;
}

double cross_entropy(const Matrix& logits, const std::vector<std::int32_t>& targets,
                     Matrix* d_logits) {
  double loss = 0;
  if (d_logits != nullptr) *d_logits = Matrix(logits.rows, logits.cols);
  for (std::size_t b = 0; b < logits.rows; ++b) {
    double top = -INFINITY, total = 0;
    for (std::size_t v = 0; v < logits.cols; ++v) top = std::max(top, logits(b, v));
    for (std::size_t v = 0; v < logits.cols; ++v) total += std::exp(logits(b, v) - top);
    const std::size_t target = std::size_t(targets.at(b));
    loss += (std::log(total) + top - logits(b, target)) / double(logits.rows);
    if (d_logits == nullptr) continue;
    for (std::size_t v = 0; v < logits.cols; ++v) {
      const double p = std::exp(logits(b, v) - top) / total;
      (*d_logits)(b, v) = (p - (v == target ? 1.0 : 0.0)) / double(logits.rows);
    }
  }
  return loss;
}

void Adam::step(std::vector<double>& weights, const std::vector<double>& gradient) {
  ++steps;
  m.resize(weights.size(), 0.0);
  v.resize(weights.size(), 0.0);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double g = gradient.at(i);
    m[i] = beta1 * m[i] + (1 - beta1) * g;
    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
    const double m_hat = m[i] / (1 - std::pow(beta1, steps));
    const double v_hat = v[i] / (1 - std::pow(beta2, steps));
    weights[i] -= rate * m_hat / (std::sqrt(v_hat) + epsilon);
  }
}

std::vector<Matrix> Transformer::activations(const std::vector<std::int32_t>& ids,
                                             std::size_t length, Phase phase) {
  const Matrix& embedding = parameters.at("embedding.weight");
  Matrix x(ids.size(), embedding.cols);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    for (std::size_t c = 0; c < x.cols; ++c) x(i, c) = embedding(std::size_t(ids[i]), c);
  }
  const std::vector<std::size_t> lengths(ids.size() / length, length);
  const std::vector<double> ones(ids.size(), 1.0);
  std::vector<Matrix> outputs;
  for (std::size_t b = 0; b < blocks; ++b) {
    const std::string block = "blocks." + std::to_string(b) + ".";
    const auto get = [&](const std::string& name) -> const Matrix& {
      return parameters.at(block + name);
    };
    const auto normalize = [&](const std::string& which, const Matrix& sums) {
      const bool affine = parameters.count(block + which + ".gain") > 0;
      const auto statistics = running.find(block + which);
      return oracle::norm(norm, sums, affine ? &get(which + ".gain") : nullptr,
                          affine ? &get(which + ".bias") : nullptr, phase,
                          statistics == running.end() ? nullptr : &statistics->second);
    };
    const Matrix qkv = linear(x, get("attention.in_proj.weight"), get("attention.in_proj.bias"));
    const Matrix attended =
        linear(attention(qkv, lengths, ones, heads), get("attention.out_proj.weight"),
               get("attention.out_proj.bias"));
    x = normalize("norm1", sum(x, attended));
    Matrix hidden = linear(x, get("ffn.linear1.weight"), get("ffn.linear1.bias"));
    for (double& h : hidden.data) h = gelu(h);
    x = normalize("norm2",
                  sum(x, linear(hidden, get("ffn.linear2.weight"), get("ffn.linear2.bias"))));
    outputs.push_back(x);
  }
  return outputs;
}

Matrix Transformer::logits(const std::vector<std::int32_t>& ids, std::size_t length,
                           std::size_t readout, Phase phase) {
  const Matrix x = activations(ids, length, phase).back();
  Matrix read(ids.size() / length, x.cols);
  for (std::size_t b = 0; b < read.rows; ++b) {
    for (std::size_t c = 0; c < x.cols; ++c) read(b, c) = x(b * length + readout, c);
  }
  return linear(read, parameters.at("head.weight"), parameters.at("head.bias"));
}

}  // namespace oracle
