#include <algorithm>
#include <stdexcept>

#include "tests/oracle/number.hpp"
#include "tests/oracle/oracle.hpp"

namespace oracle {
namespace {

/// The numbers that a stabilizer takes together; see Over.
using Numbers = std::vector<Number>;

Number sum(const Numbers& x) {
  Number total;
  for (const Number& v : x) total = total + v;
  return total;
}

Number sum_of_squares(const Numbers& x) {
  Number total;
  for (const Number& v : x) total = total + v * v;
  return total;
}

void identity(Numbers&, const NormNumbers&) {}

void unit_sphere(Numbers& x, const NormNumbers& numbers) {
  const Number length = std::max(sqrt(sum_of_squares(x)), Number(numbers.floor));
  for (Number& v : x) v = v / length;
}

void root_sphere(Numbers& x, const NormNumbers& numbers) {
  unit_sphere(x, numbers);
  for (Number& v : x) v = v * sqrt(Number(double(x.size())));
}

void rms(Numbers& x, const NormNumbers& numbers) {
  const Number square = sum_of_squares(x) / double(x.size()), small = numbers.epsilon;
  const Number size = numbers.epsilon_is_outside ? sqrt(square) + small : sqrt(square + small);
  for (Number& v : x) v = v / size;
}

void centre(Numbers& x, const NormNumbers&) {
  const Number mean = sum(x) / double(x.size());
  for (Number& v : x) v = v - mean;
}

void standardize(Numbers& x, const NormNumbers& numbers) {
  centre(x, numbers);
  rms(x, numbers);
}

void tanh_of_numbers(Numbers& x, const NormNumbers& numbers) {
  for (Number& v : x) v = tanh(numbers.shape.at(0) * v);
}

void erf_of_numbers(Numbers& x, const NormNumbers& numbers) {
  for (Number& v : x) v = erf(numbers.shape.at(0) * v + numbers.shape.at(1));
}

void isru_of_numbers(Numbers& x, const NormNumbers& numbers) {
  const Number root = sqrt(Number(double(x.size())));
  for (Number& v : x) v = root * v / sqrt(numbers.shape.at(0) + v * v);
}

/// What a formula is given: a row, or each group of its channels; each channel; or, of each
/// sequence, each group of channels. Those of columns keep running statistics, with a mean or
/// without.
enum class Over { row, column, column_without_mean, sequence };

struct Formula {
  Over over;
  void (*apply)(Numbers& x, const NormNumbers& numbers);
};

/// By the names of the library's catalogue. A function of single numbers is one of rows too.
const std::map<std::string, Formula>& formulas() {
  static const std::map<std::string, Formula> all = {
      {"identity", {Over::row, &identity}},
      {"unit_sphere", {Over::row, &unit_sphere}},
      {"root_sphere", {Over::row, &root_sphere}},
      {"rms", {Over::row, &rms}},
      {"standardize", {Over::row, &standardize}},
      {"centre", {Over::row, &centre}},
      {"standardize_columns", {Over::column, &standardize}},
      {"power_columns", {Over::column_without_mean, &rms}},
      {"standardize_instances", {Over::sequence, &standardize}},
      {"tanh", {Over::row, &tanh_of_numbers}},
      {"erf", {Over::row, &erf_of_numbers}},
      {"isru", {Over::row, &isru_of_numbers}},
  };
  return all;
}

const Formula& formula_of(const std::string& stabilizer) {
  const auto found = formulas().find(stabilizer);
  if (found != formulas().end()) return found->second;
  throw std::logic_error(
      "oracle: `" + stabilizer +
      "` has no formula; write it in tests/oracle/norms.cpp: of a stabilizer a function of the "
      "numbers that it takes together, named in formulas(), and of a published norm its stabilizer "
      "in published_norms()");
}

/// z of the numbers at rows [first, end) and channels [begin, stop).
void apply_to(Matrix& x, std::size_t first, std::size_t end, std::size_t begin, std::size_t stop,
              const Formula& formula, const NormNumbers& numbers) {
  Numbers together;
  for (std::size_t r = first; r < end; ++r) {
    for (std::size_t c = begin; c < stop; ++c) together.emplace_back(x(r, c));
  }
  formula.apply(together, numbers);
  std::size_t i = 0;
  for (std::size_t r = first; r < end; ++r) {
    for (std::size_t c = begin; c < stop; ++c) x(r, c) = double(together[i++].value);
  }
}

void stabilize_rows(Matrix& x, const std::vector<std::size_t>& lengths, const Formula& formula,
                    const NormNumbers& numbers) {
  const std::size_t width = x.cols / numbers.groups;
  std::size_t first = 0;
  for (std::size_t length : lengths) {
    for (std::size_t begin = 0; begin < x.cols; begin += width) {
      apply_to(x, first, first + length, begin, begin + width, formula, numbers);
    }
    first += length;
  }
}

/// The mean (0 where the formula takes none off) and the mean squared distance from it.
Running statistics_of(const Matrix& x, bool centred) {
  const double n = double(x.rows);
  Running batch{std::vector<double>(x.cols, 0.0), std::vector<double>(x.cols, 0.0)};
  for (std::size_t c = 0; c < x.cols; ++c) {
    for (std::size_t r = 0; r < x.rows && centred; ++r) batch.mean[c] += x(r, c) / n;
    for (std::size_t r = 0; r < x.rows; ++r) {
      batch.variance[c] += (x(r, c) - batch.mean[c]) * (x(r, c) - batch.mean[c]) / n;
    }
  }
  return batch;
}

void stabilize_columns(Matrix& x, Phase phase, const Formula& formula, const NormNumbers& numbers) {
  const bool centred = formula.over == Over::column;
  Running* running = numbers.running;
  const double n = double(x.rows);
  if (phase == Phase::evaluation) {
    for (std::size_t r = 0; r < x.rows; ++r) {
      for (std::size_t c = 0; c < x.cols; ++c) {
        const double mean = centred ? running->mean.at(c) : 0;
        x(r, c) = (x(r, c) - mean) / std::sqrt(running->variance.at(c) + numbers.epsilon);
      }
    }
    return;
  }
  const Running batch = statistics_of(x, centred);
  for (std::size_t c = 0; c < x.cols; ++c) {
    apply_to(x, 0, x.rows, c, c + 1, formula, numbers);
    if (running == nullptr) continue;
    const double unbiased = centred ? n / (n - 1) : 1;
    if (centred) running->mean.at(c) = 0.9 * running->mean.at(c) + 0.1 * batch.mean[c];
    running->variance.at(c) = 0.9 * running->variance.at(c) + 0.1 * batch.variance[c] * unbiased;
  }
}

}  // namespace

const std::map<std::string, std::string>& published_norms() {
  static const std::map<std::string, std::string> all = {
      {"layernorm", "standardize"},
      {"batchnorm", "standardize_columns"},
      {"manual_l2", "unit_sphere"},
      {"sphere", "root_sphere"},
      {"none", "identity"},
      {"rmsnorm", "rms"},
      {"scalenorm", "unit_sphere"},
      {"groupnorm", "standardize_instances"},
      {"powernorm", "power_columns"},
      {"instancenorm", "standardize_instances"},
      {"dyt", "tanh"},
      {"derf", "erf"},
      {"dyisru", "isru"},
  };
  return all;
}

std::string stabilizer_of(const std::string& name) {
  const auto found = published_norms().find(name);
  return found == published_norms().end() ? name : found->second;
}

Stabilized stabilize(const std::string& stabilizer, const std::vector<double>& x,
                     const std::vector<std::size_t>& places, const NormNumbers& numbers) {
  const Formula& formula = formula_of(stabilizer);
  Stabilized result;
  const auto along = [&](std::size_t place) {
    Numbers together(x.begin(), x.end());
    if (place < x.size()) together[place].slope = 1;
    formula.apply(together, numbers);
    return together;
  };
  for (const Number& v : along(x.size())) result.z.push_back(v.value);
  for (std::size_t place : places) {
    result.slopes.emplace_back();
    for (const Number& v : along(place)) result.slopes.back().push_back(v.slope);
  }
  return result;
}

Matrix norm(const std::string& name, const Matrix& x, const NormNumbers& given, Phase phase) {
  Matrix y = x;
  NormNumbers numbers = given;
  if (name == "scalenorm") numbers.floor = 1e-5;
  const Formula& formula = formula_of(stabilizer_of(name));
  switch (formula.over) {
    case Over::row: stabilize_rows(y, std::vector<std::size_t>(y.rows, 1), formula, numbers); break;
    case Over::sequence: stabilize_rows(y, numbers.lengths, formula, numbers); break;
    case Over::column:
    case Over::column_without_mean: stabilize_columns(y, phase, formula, numbers);
  }
  const auto number = [](const std::vector<double>& v, std::size_t c) {
    return v.at(v.size() == 1 ? 0 : c);
  };
  for (std::size_t r = 0; r < y.rows; ++r) {
    for (std::size_t c = 0; c < y.cols; ++c) {
      if (!numbers.gain.empty()) y(r, c) *= number(numbers.gain, c);
      if (!numbers.bias.empty()) y(r, c) += number(numbers.bias, c);
    }
  }
  return y;
}

}  // namespace oracle
