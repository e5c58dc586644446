#include <cmath>

#include <memory>
#include <numeric>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "libnorm/norms/catalogue.hpp"
#include "libnorm/python/results.hpp"
#include "libnorm/python/rows.hpp"

namespace libnorm::python {
namespace {

/// A norm and the text that it was parsed from.
struct TextNorm {
  std::string text;
  Norm norm;
};

/// Gradients of a backward pass; empty where the norm has no such numbers.
template <class T>
struct Gradients {
  std::vector<T> input, gain, bias, shape;
  Index rows, channels;
};

/// What a forward pass was given, besides its rows.
struct NormInput {
  nb::handle gain, bias, shape, weights, lengths, running_mean, running_variance;
  bool evaluation;
};

/// Numbers of a norm: those given, or its first values.
template <class T>
std::vector<T> numbers_or(const char* where, const char* what, nb::handle given, Index size,
                          double first) {
  if (given.is_none()) return std::vector<T>(std::size_t(size), T(first));
  const std::vector<double> numbers = doubles_of(where, given);
  if (Index(numbers.size()) != size) {
    throw ShapeError(std::string(where) + ": " + what + " has another size (" +
                     std::to_string(numbers.size()) + "); need " + std::to_string(size));
  }
  return {numbers.begin(), numbers.end()};
}

/// A forward pass with what its backward pass needs.
template <class T>
class Pass {
 public:
  Pass(const TextNorm& norm, Rows rows, const NormInput& input)
      : norm_(norm.norm), rows_(std::move(rows)) {
    const char* where = "Norm.forward";
    rows_.view([&](const auto& view) {
      if constexpr (std::is_same_v<decltype(view.data), const T*>) arrays_.input = view;
    });
    const Index n = arrays_.input.rows, c = arrays_.input.cols;
    norm_.checked_groups(c);
    count_ = weights_of(where, input.weights, n);
    arrays_.count = data_of(count_);
    arrays_.positions = count_ ? Index(std::accumulate(count_->begin(), count_->end(), 0.0)) : n;
    take_instances(input.lengths, n);
    const double unit = norm_.gain_unit == GainUnit::one ? 1 : std::sqrt(double(c));
    if (has_gain(norm_.affine)) {
      gain_ = numbers_or<T>(where, "gain", input.gain, gain_size(norm_.affine, c),
                            norm_.initial_gain * unit);
      arrays_.gain = gain_.data();
    } else if (!input.gain.is_none()) {
      throw ValueError(std::string(where) + ": a gain, which this norm has not (" + norm.text +
                       "); need none");
    }
    if (has_bias(norm_.affine)) {
      bias_ = numbers_or<T>(where, "bias", input.bias, c, 0);
      arrays_.bias = bias_.data();
    } else if (!input.bias.is_none()) {
      throw ValueError(std::string(where) + ": a bias, which this norm has not (" + norm.text +
                       "); need none");
    }
    take_shape(where, input.shape, c);
    take_running(where, input, c);
    const auto size = std::size_t(n * c);
    output_.resize(size);
    stabilized_.resize(norm_.affine == Affine::none ? 0 : size);
    arrays_.output = {output_.data(), n, c};
    arrays_.stabilized =
        stabilized_.empty() ? arrays_.output : MatrixView<T>(stabilized_.data(), n, c);
    if (norm_.family() == Family::pointwise) {
      saved_.resize(size);
      arrays_.saved = {saved_.data(), n, c};
    }
    scale_.resize(std::size_t(norm_scale_size(norm_, n, c, arrays_.instances)));
    arrays_.scale = scale_.data();
    phase_ = input.evaluation ? Phase::evaluation : Phase::training;
  }
  // The arrays point into it.
  Pass(const Pass&) = delete;

  void run() { norm_forward<T>(norm_, phase_, arrays_); }

  Gradients<T> backward(nb::handle d_output) const {
    if (phase_ == Phase::evaluation) {
      throw ValueError("NormPass.backward: after a pass in evaluation; need one in training");
    }
    const Rows rows("NormPass.backward", d_output);
    const Index n = arrays_.input.rows, c = arrays_.input.cols;
    if (rows.rows() != n || rows.cols() != c || rows.format() != rows_.format()) {
      throw ShapeError("NormPass.backward: d_output does not fit (" +
                       std::string(name_of(rows.format())) + " " +
                       shape_text(rows.rows(), rows.cols()) + "); need " +
                       std::string(name_of(rows_.format())) + " " + shape_text(n, c));
    }
    Gradients<T> g{std::vector<T>(output_.size()),
                   std::vector<T>(gain_.size()),
                   std::vector<T>(bias_.size()),
                   std::vector<T>(shape_.size()),
                   n,
                   c};
    NormGradients<T> to;
    if (!g.gain.empty()) to.gain = g.gain.data();
    if (!g.bias.empty()) to.bias = g.bias.data();
    if (!g.shape.empty()) to.shape = g.shape.data();
    nb::gil_scoped_release release;
    rows.view([&](const auto& view) {
      if constexpr (std::is_same_v<decltype(view.data), const T*>) {
        norm_backward<T>(norm_, arrays_, view, MatrixView<T>(g.input.data(), n, c), to);
      }
    });
    return g;
  }

  const std::vector<T>& output() const { return output_; }
  const std::vector<T>& stabilized() const { return stabilized_.empty() ? output_ : stabilized_; }
  const std::vector<T>& running_mean() const { return running_mean_; }
  const std::vector<T>& running_variance() const { return running_variance_; }
  Index rows() const { return arrays_.input.rows; }
  Index channels() const { return arrays_.input.cols; }

 private:
  void take_instances(nb::handle lengths, Index rows) {
    if (norm_.family() != Family::instance) return;
    first_ = {0};
    if (lengths.is_none()) {
      first_.push_back(rows);
    } else {
      for (const std::int64_t length : integers_of("Norm.forward", lengths)) {
        if (length < 1) {
          throw ValueError("Norm.forward: a sequence of no rows (" + std::to_string(length) +
                           "); need 1 or more");
        }
        first_.push_back(first_.back() + length);
      }
    }
    if (first_.back() != rows) {
      throw ShapeError("Norm.forward: lengths of sequences do not fit (" +
                       std::to_string(first_.back()) + " rows); need " + std::to_string(rows));
    }
    arrays_.first = first_.data();
    arrays_.instances = Index(first_.size()) - 1;
  }
  void take_shape(const char* where, nb::handle given, Index channels) {
    const auto parameters = norm_.stabilizer_parameters(channels);
    if (parameters.empty()) return;
    shape_ = numbers_or<T>(where, "shape", given, Index(parameters.size()), 0);
    for (std::size_t i = 0; given.is_none() && i < shape_.size(); ++i) {
      shape_[i] = T(parameters[i].initial);
    }
    arrays_.shape = shape_.data();
  }
  void take_running(const char* where, const NormInput& input, Index channels) {
    if (!norm_.has_running()) return;
    // In training without statistics none are updated.
    if (!input.evaluation && input.running_variance.is_none()) return;
    running_variance_ =
        numbers_or<T>(where, "running_variance", input.running_variance, channels, 1);
    arrays_.running_variance = running_variance_.data();
    if (!norm_.has_running_mean()) return;
    running_mean_ = numbers_or<T>(where, "running_mean", input.running_mean, channels, 0);
    arrays_.running_mean = running_mean_.data();
  }

  Norm norm_;
  Rows rows_;
  Phase phase_ = Phase::training;
  std::optional<std::vector<float>> count_;
  std::vector<Index> first_;
  std::vector<T> gain_, bias_, shape_, running_mean_, running_variance_;
  std::vector<T> output_, stabilized_, saved_, scale_;
  NormArrays<T> arrays_;
};

using AnyPass = std::variant<std::unique_ptr<Pass<float>>, std::unique_ptr<Pass<double>>>;

/// Holds a pass of either type.
struct HeldPass {
  AnyPass pass;
};
struct HeldGradients {
  std::variant<Gradients<float>, Gradients<double>> numbers;
};

template <class T>
std::unique_ptr<Pass<T>> run_pass(const TextNorm& norm, Rows rows, const NormInput& input) {
  auto pass = std::make_unique<Pass<T>>(norm, std::move(rows), input);
  nb::gil_scoped_release release;
  pass->run();
  return pass;
}

HeldPass forward(const TextNorm& norm, nb::handle x, nb::handle gain, nb::handle bias,
                 nb::handle shape, nb::handle weights, nb::handle lengths, nb::handle running_mean,
                 nb::handle running_variance, bool evaluation) {
  Rows rows("Norm.forward", x);
  const NormInput input{gain,      bias, shape, weights, lengths, running_mean, running_variance,
                        evaluation};
  if (rows.format() == NumberFormat::float64) {
    return {run_pass<double>(norm, std::move(rows), input)};
  }
  return {run_pass<float>(norm, std::move(rows), input)};
}

/// Shows an array of a pass: [N, C], or [size] where it is a vector.
template <class Member>
nb::object show(nb::pointer_and_handle<HeldPass> held, Member member, bool is_matrix) {
  return std::visit(
      [&](const auto& pass) -> nb::object {
        const auto& numbers = ((*pass).*member(*pass))();
        if (!is_matrix) return nb::cast(shown_array(numbers.data(), {numbers.size()}, held.h));
        return nb::cast(shown_array(
            numbers.data(), {std::size_t(pass->rows()), std::size_t(pass->channels())}, held.h));
      },
      held.p->pass);
}

template <class Member>
nb::object show_gradient(nb::pointer_and_handle<HeldGradients> held, Member member,
                         bool is_matrix) {
  return std::visit(
      [&](const auto& g) -> nb::object {
        const auto& numbers = g.*member(g);
        if (is_matrix) {
          return nb::cast(
              shown_array(numbers.data(), {std::size_t(g.rows), std::size_t(g.channels)}, held.h));
        }
        if (numbers.empty()) return nb::none();
        return nb::cast(shown_array(numbers.data(), {numbers.size()}, held.h));
      },
      held.p->numbers);
}

#define LIBNORM_MEMBER(name) [](const auto& of) { return &std::decay_t<decltype(of)>::name; }

void bind_pass(nb::module_& m) {
  const auto gradient = [](auto member, bool is_matrix) {
    return [member, is_matrix](nb::pointer_and_handle<HeldGradients> g) {
      return show_gradient(g, member, is_matrix);
    };
  };
  nb::class_<HeldGradients>(m, "NormGradients",
                            "Gradients of a norm's backward pass; None where it has no such "
                            "numbers.")
      .def_prop_ro("input", gradient(LIBNORM_MEMBER(input), true), "[N, C]")
      .def_prop_ro("gain", gradient(LIBNORM_MEMBER(gain), false), "[C], a scalar gain [1].")
      .def_prop_ro("bias", gradient(LIBNORM_MEMBER(bias), false), "[C]")
      .def_prop_ro("shape", gradient(LIBNORM_MEMBER(shape), false), "Of stabilizer parameters.");
  const auto array = [](auto member, bool is_matrix) {
    return [member, is_matrix](nb::pointer_and_handle<HeldPass> p) {
      return show(p, member, is_matrix);
    };
  };
  nb::class_<HeldPass>(m, "NormPass",
                       "A norm's forward pass. It shows x where it lies: do not change x before "
                       "backward().")
      .def_prop_ro("output", array(LIBNORM_MEMBER(output), true), "[N, C]")
      .def_prop_ro("stabilized", array(LIBNORM_MEMBER(stabilized), true),
                   "[N, C], before the affine part.")
      .def_prop_ro("running_mean", array(LIBNORM_MEMBER(running_mean), false),
                   "[C] after the pass; empty where there is none.")
      .def_prop_ro("running_variance", array(LIBNORM_MEMBER(running_variance), false),
                   "[C] after the pass; empty where there is none.")
      .def(
          "backward",
          [](const HeldPass& p, nb::handle d_output) {
            return std::visit(
                [&](const auto& pass) { return HeldGradients{pass->backward(d_output)}; }, p.pass);
          },
          nb::arg("d_output"), nb::sig("def backward(self, d_output: typing.Any) -> NormGradients"),
          "Gradients from d_output [N, C] of x's type. Raises: ValueError after a pass in "
          "evaluation.");
}

}  // namespace

void bind_norms(nb::module_& m) {
  bind_pass(m);
  nb::class_<TextNorm>(m, "Norm", "A stabilizer and an affine part.")
      .def_ro("text", &TextNorm::text, "What it was parsed from.")
      .def("__repr__", [](const TextNorm& n) { return "norm('" + n.text + "')"; })
      .def("forward", &forward, nb::arg("x").none(), nb::arg("gain") = nb::none(),
           nb::arg("bias") = nb::none(), nb::arg("shape") = nb::none(),
           nb::arg("weights") = nb::none(), nb::arg("lengths") = nb::none(),
           nb::arg("running_mean") = nb::none(), nb::arg("running_variance") = nb::none(),
           nb::arg("evaluation") = false,
           nb::sig("def forward(self, x: typing.Any, gain: typing.Any | None = None, bias: "
                   "typing.Any | None = None, shape: typing.Any | None = None, weights: typing.Any "
                   "| None = None, lengths: typing.Any | None = None, running_mean: typing.Any | "
                   "None = None, running_variance: typing.Any | None = None, evaluation: bool = "
                   "False) -> NormPass"),
           "affine(stabilizer(x)), x [..., C] of float32 or float64, rows of adjacent numbers. "
           "gain, bias and shape (the\nstabilizer parameters) have their first values if None. "
           "weights [N]: how many positions a row stands for.\nlengths: rows of each sequence, for "
           "norms of instances; one sequence if None. running_mean and running_variance\n[C]: read "
           "in evaluation, updated copies in training. Formula and source: norms().");
  m.def(
      "norm",
      [](const std::string& text) {
        return TextNorm{text, parse_norm(text)};
      },
      nb::arg("text"),
      "A norm by its text: a published name (`layernorm`), or a stabilizer and its affine part "
      "(`rms+gain`).\nRaises: ValueError for an unknown or unexpected word.");
  m.def(
      "norms",
      [] {
        nb::dict all;
        for (const NamedNorm& named : named_norms()) all[nb::cast(named.name)] = named.equation;
        for (const NamedStabilizer& named : named_stabilizers()) {
          all[nb::cast(named.name)] = named.formula;
        }
        return all;
      },
      nb::sig("def norms() -> dict[str, str]"),
      "All published norms and stabilizers by their names, with their formulas.");
}

}  // namespace libnorm::python
