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

double Adam::share() const {
  if (steps <= warmup_steps) return double(steps) / warmup_steps;
  if (final_share == 1) return 1;
  const double done = double(steps - 1 - warmup_steps) / (last_step - warmup_steps);
  return final_share + (1 - final_share) * (1 + std::cos(std::acos(-1.0) * done)) / 2;
}

void Adam::step(std::vector<double>& weights, const std::vector<double>& gradient) {
  ++steps;
  double square = 0;
  for (double g : gradient) square += g * g;
  const double factor = clip_norm > 0 ? std::min(1.0, clip_norm / (std::sqrt(square) + 1e-6)) : 1.0;
  m.resize(weights.size(), 0.0);
  v.resize(weights.size(), 0.0);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double g = factor * gradient.at(i);
    m[i] = beta1 * m[i] + (1 - beta1) * g;
    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
    const double m_hat = m[i] / (1 - std::pow(beta1, steps));
    const double v_hat = v[i] / (1 - std::pow(beta2, steps));
    if (i < decaying) weights[i] *= 1 - rate * share() * weight_decay;
    weights[i] -= rate * share() * m_hat / (std::sqrt(v_hat) + epsilon);
  }
}

/// The norm whose numbers are named `which`; x itself where it is none of the model's.
Matrix Transformer::norm_named(const std::string& name, const std::string& which,
                               std::size_t group_count, const Matrix& x, std::size_t length,
                               Phase phase) {
  const auto numbers_of = [&](const std::string& number) {
    const auto found = parameters.find(which + number);
    return found == parameters.end() ? std::vector<double>() : found->second.data;
  };
  NormNumbers numbers;
  numbers.gain = numbers_of(".gain");
  numbers.bias = numbers_of(".bias");
  for (const std::string& shape : shapes) {
    for (double v : numbers_of("." + shape)) numbers.shape.push_back(v);
  }
  numbers.lengths.assign(x.rows / length, length);
  numbers.groups = group_count;
  const auto statistics = running.find(which);
  if (statistics != running.end()) numbers.running = &statistics->second;
  return oracle::norm(name, x, numbers, phase);
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
  const bool before = placement == "pre" || placement == "sandwich";
  std::vector<Matrix> outputs;
  for (std::size_t b = 0; b < blocks; ++b) {
    const std::string block = "blocks." + std::to_string(b) + ".";
    const auto get = [&](const std::string& name) -> const Matrix& {
      return parameters.at(block + name);
    };
    const auto normalize = [&](const std::string& which, const Matrix& sums) {
      return norm_named(norm, block + which, groups, sums, length, phase);
    };
    const auto residual = [&](const std::string& which, const Matrix& from, auto f) {
      Matrix branch = f(before ? normalize(which, from) : from);
      if (placement == "sandwich") branch = normalize(which + "_out", branch);
      branch = norm_named("none", block + which + "_scale", 1, branch, length, phase);
      Matrix skip = from;
      if (placement == "deep") {
        for (double& v : skip.data) v *= std::pow(2.0 * double(blocks), 0.25);
      }
      return before ? sum(skip, branch) : normalize(which, sum(skip, branch));
    };
    const auto queries_and_keys = [&](Matrix& qkv, const std::string& which, std::size_t begin) {
      if (query_key_norm.empty()) return;
      Matrix part(qkv.rows, x.cols);
      for (std::size_t r = 0; r < qkv.rows; ++r) {
        for (std::size_t c = 0; c < x.cols; ++c) part(r, c) = qkv(r, begin + c);
      }
      part = norm_named(query_key_norm, block + "attention." + which, heads, part, length, phase);
      for (std::size_t r = 0; r < qkv.rows; ++r) {
        for (std::size_t c = 0; c < x.cols; ++c) qkv(r, begin + c) = part(r, c);
      }
    };
    x = residual("norm1", x, [&](const Matrix& given) {
      Matrix qkv = linear(given, get("attention.in_proj.weight"), get("attention.in_proj.bias"));
      queries_and_keys(qkv, "query_norm", 0);
      queries_and_keys(qkv, "key_norm", x.cols);
      return linear(attention(qkv, lengths, ones, heads), get("attention.out_proj.weight"),
                    get("attention.out_proj.bias"));
    });
    x = residual("norm2", x, [&](const Matrix& given) {
      Matrix hidden = linear(given, get("ffn.linear1.weight"), get("ffn.linear1.bias"));
      for (double& h : hidden.data) h = gelu(h);
      return linear(hidden, get("ffn.linear2.weight"), get("ffn.linear2.bias"));
    });
    outputs.push_back(x);
  }
  return outputs;
}

Matrix Transformer::logits(const std::vector<std::int32_t>& ids, std::size_t length,
                           std::size_t prediction_position, Phase phase) {
  Matrix x = activations(ids, length, phase).back();
  if (placement == "pre" || placement == "sandwich") {
    x = norm_named(norm, "final_norm", groups, x, length, phase);
  }
  Matrix read(ids.size() / length, x.cols);
  for (std::size_t b = 0; b < read.rows; ++b) {
    for (std::size_t c = 0; c < x.cols; ++c) {
      read(b, c) = head_multiplier * x(b * length + prediction_position, c);
    }
  }
  return linear(read, parameters.at("head.weight"), parameters.at("head.bias"));
}

}  // namespace oracle
