#include "harness/studies/flatness_measures.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>

#include "libnorm/core/error.hpp"
#include "libnorm/metrics/landscape/lanczos.hpp"
#include "libnorm/metrics/landscape/objective.hpp"
#include "libnorm/metrics/landscape/sharpness.hpp"
#include "libnorm/metrics/landscape/trace.hpp"
#include "libnorm/models/curvature.hpp"

namespace harness {
namespace {

using libnorm::Curvature;
using libnorm::End;
using libnorm::Index;
using libnorm::LinearOperator;
using libnorm::Parameter;

constexpr Index kEigenvalues = 5, kTraceProducts = 60, kAscentSteps = 20;
constexpr double kTolerance = 1e-6, kAdaptiveRadius = 0.5;

/// P^-1/2 H P^-1/2.
LinearOperator preconditioned(const LinearOperator& h, const CurvatureInput& of) {
  double power = 1;
  for (Index i = 0; i < of.steps; ++i) power *= of.adam.beta2;
  std::vector<double> root;
  for (const float v : of.second_moment) {
    root.push_back(1 / std::sqrt(std::sqrt(double(v) / (1 - power)) + of.adam.epsilon));
  }
  return {"preconditioned Hessian", h.dimension(),
          [h, root = std::move(root)](std::span<const double> in, std::span<double> out) {
            std::vector<double> scaled(in.begin(), in.end());
            for (std::size_t i = 0; i < scaled.size(); ++i) scaled[i] *= root[i];
            h.apply(scaled, out);
            for (std::size_t i = 0; i < scaled.size(); ++i) out[i] *= root[i];
          }};
}

/// Multiplies a part of the weights, and of the moments by the inverse square.
struct WeightScaler {
  const libnorm::ParameterList& parameters;
  std::vector<float>& weights;
  std::vector<float>& second_moment;

  void scale(const std::string& name, Index first_row, Index rows, float factor) const {
    const Parameter& p = parameters.find(name);
    // A vector is one row, of which a part is a range of columns.
    const Index width = p.rows == 1 ? 1 : p.cols;
    const Index begin = p.offset + first_row * width, end = begin + rows * width;
    for (Index i = begin; i < end; ++i) {
      weights[std::size_t(i)] *= factor;
      second_moment[std::size_t(i)] /= factor * factor;
    }
  }
  void scale_all(const std::string& name, float factor) const {
    const Parameter& p = parameters.find(name);
    scale(name, 0, p.rows == 1 ? p.cols : p.rows, factor);
  }
};

bool ends_with_norm(const std::string& name) {
  const auto end = name.rfind('.');
  const std::string last = name.substr(end + 1);
  return name.find("norm") != std::string::npos && (last == "gain" || last == "bias");
}

/// The norm before the head: behind the last block's ffn, or by itself.
std::string last_norm(const libnorm::Transformer<float>& model) {
  const auto& all = model.parameters().all();
  const auto has = [&](const std::string& name) {
    return std::ranges::find(all, name, &Parameter::name) != all.end();
  };
  const std::string own = "final_norm.";
  const std::string behind = "blocks." + std::to_string(model.options().blocks - 1) + ".norm2.";
  const bool is_post = model.options().normalization.placement == libnorm::Placement::post;
  for (const std::string& norm : {own, behind}) {
    if ((norm == own || is_post) && has(norm + "gain")) return norm;
  }
  return "";
}

}  // namespace

std::map<std::string, double> curvature_numbers(const CurvatureInput& of) {
  Curvature f(of.model, of.batch);
  const LinearOperator h = libnorm::hessian(f, f.weights());
  std::map<std::string, double> numbers;
  const auto top = libnorm::extreme_eigenvalues(h, End::largest,
                                                {.count = kEigenvalues, .tolerance = kTolerance});
  for (std::size_t i = 0; i < top.values.size(); ++i) {
    numbers["lambda_" + std::to_string(i + 1)] = top.values[i];
  }
  numbers["residual"] = *std::ranges::max_element(top.residuals);
  const auto low = libnorm::extreme_eigenvalues(h, End::smallest, {.tolerance = kTolerance});
  numbers["lambda_lowest"] = low.values.front();
  const auto trace = libnorm::hutchinson_trace(h, {.products = kTraceProducts});
  numbers["trace"] = trace.value;
  numbers["trace_error"] = trace.standard_error;
  bool converged = top.converged && low.converged;
  if (of.steps > 0) {
    const auto adam = libnorm::extreme_eigenvalues(preconditioned(h, of), End::largest,
                                                   {.tolerance = kTolerance});
    numbers["adam_lambda"] = adam.values.front();
    const double edge = (2 + 2 * of.adam.beta1) / ((1 - of.adam.beta1) * of.adam.rate(of.steps));
    numbers["adam_edge"] = adam.values.front() / edge;
    converged = converged && adam.converged;
  }
  const auto worst = libnorm::worst_case_sharpness(
      f, f.weights(), libnorm::adaptive_ball(f.weights(), kAdaptiveRadius, 0),
      {.iterations = kAscentSteps});
  numbers["adaptive_worst_case"] = worst.value;
  numbers["adaptive_gap"] = worst.gap;
  numbers["converged"] = converged ? 1 : 0;
  return numbers;
}

std::string_view rescaling_name(Rescaling rescaling) {
  switch (rescaling) {
    case Rescaling::values_outputs: return "values_outputs";
    case Rescaling::queries_keys: return "queries_keys";
    case Rescaling::gain_head: return "gain_head";
  }
  return "?";
}

bool rescale(Rescaling rescaling, float factor, const libnorm::Transformer<float>& model,
             std::vector<float>& weights, std::vector<float>& second_moment) {
  const WeightScaler by{model.parameters(), weights, second_moment};
  const Index c = model.options().channels;
  if (rescaling == Rescaling::gain_head) {
    const std::string norm = last_norm(model);
    if (norm.empty()) return false;
    by.scale_all(norm + "gain", factor);
    const auto& all = model.parameters().all();
    if (std::ranges::find(all, norm + "bias", &Parameter::name) != all.end()) {
      by.scale_all(norm + "bias", factor);
    }
    by.scale_all("head.weight", 1 / factor);
    return true;
  }
  for (Index b = 0; b < model.options().blocks; ++b) {
    const std::string attention = "blocks." + std::to_string(b) + ".attention.";
    const auto scale_part = [&](Index part, float by_factor) {
      by.scale(attention + "in_proj.weight", part * c, c, by_factor);
      by.scale(attention + "in_proj.bias", part * c, c, by_factor);
    };
    if (rescaling == Rescaling::queries_keys) {
      scale_part(0, factor);
      scale_part(1, 1 / factor);
    } else {
      scale_part(2, factor);
      by.scale_all(attention + "out_proj.weight", 1 / factor);
    }
  }
  return true;
}

std::vector<Parameter> affine_parameters(const libnorm::Transformer<float>& model) {
  std::vector<Parameter> affine;
  for (const Parameter& p : model.parameters().all()) {
    if (ends_with_norm(p.name)) affine.push_back(p);
  }
  return affine;
}

}  // namespace harness
