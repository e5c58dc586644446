#include "libnorm/metrics/landscape/trace.hpp"

#include "libnorm/core/vector_sums.hpp"
#include "libnorm/metrics/landscape/estimate.hpp"
#include "libnorm/metrics/landscape/orthonormal_rows.hpp"

namespace libnorm {
namespace {

/// z^T A z, and A z into `product`.
double form(const LinearOperator& a, std::span<const double> z, std::vector<double>& product) {
  a.apply(z, product);
  return dot<double>(z, product);
}

double sum_of(std::span<const double> x) {
  return dot<double>(x, std::vector<double>(x.size(), 1.0));
}

TraceEstimate begun(const LinearOperator& a, const TraceOptions& options, Index least,
                    const char* where) {
  if (options.products < least) {
    throw ValueError(std::string(where) + ": too few products (" +
                     std::to_string(options.products) + "); need at least " +
                     std::to_string(least));
  }
  TraceEstimate trace;
  trace.of = a.name();
  trace.dimension = a.dimension();
  return trace;
}

TraceEstimate exact(const LinearOperator& a, TraceEstimate trace) {
  std::vector<double> unit(static_cast<std::size_t>(a.dimension())), product = unit, diagonal;
  for (std::size_t i = 0; i < unit.size(); ++i) {
    unit[i] = 1;
    a.apply(unit, product);
    diagonal.push_back(product[i]);
    unit[i] = 0;
  }
  trace.value = sum_of(diagonal);
  trace.products = a.dimension();
  return trace;
}

}  // namespace

std::string_view trace_method_name(TraceMethod method) {
  switch (method) {
    case TraceMethod::hutchinson: return "hutchinson";
    case TraceMethod::hutch_plus_plus: return "hutch_plus_plus";
    case TraceMethod::exact: return "exact";
  }
  return "?";
}

TraceEstimate hutchinson_trace(const LinearOperator& a, const TraceOptions& options) {
  TraceEstimate trace = begun(a, options, 2, "hutchinson_trace");
  if (a.dimension() <= options.products) return exact(a, trace);
  std::vector<double> z(static_cast<std::size_t>(a.dimension())), product = z, samples;
  for (Index probe = 0; probe < options.products; ++probe) {
    rademacher_probe(options.seed, "curvature", probe, z);
    samples.push_back(form(a, z, product));
  }
  const MeanEstimate mean = mean_estimate(samples);
  trace.method = TraceMethod::hutchinson;
  trace.value = mean.value;
  trace.standard_error = mean.standard_error;
  trace.probes = trace.products = options.products;
  return trace;
}

TraceEstimate hutch_plus_plus_trace(const LinearOperator& a, const TraceOptions& options) {
  TraceEstimate trace = begun(a, options, 6, "hutch_plus_plus_trace");
  if (a.dimension() <= options.products) return exact(a, trace);
  const Index sketch = options.products / 3;
  OrthonormalRows range(a.dimension(), sketch);
  std::vector<double> z(static_cast<std::size_t>(a.dimension())), product = z, first, second;
  for (Index i = 0; i < sketch; ++i) {
    rademacher_probe(options.seed, "hutch++ sketch", i, z);
    a.apply(z, product);
    ++trace.products;
    const double before = length<double>(product);
    const double left = range.orthogonalize(product);
    // A column that lies in the others adds nothing: the range is smaller than the sketch.
    if (left > 1e-13 * before) range.append(product, left);
  }
  for (Index i = 0; i < range.size(); ++i) first.push_back(form(a, range.row(i), product));
  // Columns left out leave their products to the probes.
  const Index probes = options.products - trace.products - range.size();
  for (Index probe = 0; probe < probes; ++probe) {
    rademacher_probe(options.seed, "curvature", probe, z);
    range.orthogonalize(z);
    second.push_back(form(a, z, product));
  }
  const MeanEstimate mean = mean_estimate(second);
  trace.method = TraceMethod::hutch_plus_plus;
  trace.value = sum_of(first) + mean.value;
  trace.standard_error = mean.standard_error;
  trace.probes = probes;
  trace.products = options.products;
  return trace;
}

std::vector<MetricValue> values_of(const TraceEstimate& trace) {
  const std::string how = "of " + trace.of + " [" + std::to_string(trace.dimension) + "], " +
                          std::string(trace_method_name(trace.method));
  return {{"trace", "1", trace.value, how},
          {"trace_standard_error", "1", trace.standard_error, how},
          {"trace_probes", "probes", double(trace.probes), how},
          {"trace_products", "products", double(trace.products), how}};
}

}  // namespace libnorm
