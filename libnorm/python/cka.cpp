#include "libnorm/metrics/activations/cka.hpp"

#include <mutex>
#include <type_traits>

#include "libnorm/python/results.hpp"
#include "libnorm/python/rows.hpp"

namespace libnorm::python {
namespace {

/// Calls f with both as views. Throws: nb::type_error unless their numbers are of one type.
template <class F>
auto both(const char* where, const Rows& x, const Rows& y, F f) {
  if (x.format() != y.format()) {
    throw nb::type_error((std::string(where) + ": x and y have numbers of two types (" +
                          std::string(name_of(x.format())) + ", " +
                          std::string(name_of(y.format())) + "); need one")
                             .c_str());
  }
  return x.view([&](const auto& left) {
    using View = std::decay_t<decltype(left)>;
    return y.view([&](const auto& right) {
      if constexpr (std::is_same_v<View, std::decay_t<decltype(right)>>) {
        return f(left, right);
      } else {
        // Not reached: the formats are the same.
        return decltype(f(left, left))();
      }
    });
  });
}

double cka(nb::handle x, nb::handle y, bool debiased, nb::handle weights) {
  const Rows left("cka", x), right("cka", y);
  const auto count = weights_of("cka", weights, left.rows());
  if (debiased && count) {
    throw ValueError(
        "cka: weights with debiased=True (a repeated row would form a pair with itself); need one "
        "of them");
  }
  nb::gil_scoped_release release;
  return both("cka", left, right, [&](const auto& a, const auto& b) {
    return debiased ? debiased_linear_cka(a, b) : linear_cka(a, b, data_of(count));
  });
}

class CkaAccumulator {
 public:
  void add(nb::handle x, nb::handle y) {
    const Rows left("CkaAccumulator.add", x), right("CkaAccumulator.add", y);
    nb::gil_scoped_release release;
    const std::scoped_lock lock(mutex_);
    both("CkaAccumulator.add", left, right, [&](const auto& a, const auto& b) {
      sums_.add(a, b);
      return 0;
    });
  }
  double value() const { return sums_.value(); }
  Index batches() const { return sums_.batches(); }

 private:
  std::mutex mutex_;
  MinibatchCka sums_;
};

}  // namespace

void bind_cka(nb::module_& m) {
  m.def(
      "cka", &cka, nb::arg("x").none(), nb::arg("y").none(), nb::arg("debiased") = false,
      nb::arg("weights") = nb::none(),
      nb::sig("def cka(x: typing.Any, y: typing.Any, debiased: bool = False, weights: typing.Any "
              "| None = None) -> float"),
      "Linear centred kernel alignment of two sets of features of the same rows, x [..., C] and "
      "y [..., D] of one\ntype, float32 or float64, rows of adjacent numbers: 1 if y is x rotated "
      "and scaled; 0 if all rows of one are\nequal. debiased: with the unbiased estimators of "
      "HSIC, near 0 for independent features, and possibly below.\nRaises: ShapeError unless the "
      "rows are as many. Source: Kornblith et al. 2019; Song et al. 2012.");
  nb::class_<CkaAccumulator>(
      m, "CkaAccumulator",
      "Minibatch CKA: debiased linear CKA of features that come a batch at a time, in three "
      "numbers of memory.\nSource: Nguyen, Raghu, Kornblith 2021.")
      .def(nb::init<>())
      .def("add", &CkaAccumulator::add, nb::arg("x").none(), nb::arg("y").none(),
           nb::sig("def add(self, x: typing.Any, y: typing.Any) -> None"),
           "Adds a batch of four rows or more. x and y as of cka().")
      .def_prop_ro("value", &CkaAccumulator::value, "0 if no batch was added.")
      .def_prop_ro("batches", &CkaAccumulator::batches, "Batches so far.");
}

}  // namespace libnorm::python
