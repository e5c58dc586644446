#include <algorithm>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "libnorm/models/curvature.hpp"
#include "tests/reference/reference_file.hpp"
#include "tests/reference/reference_model.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/models.hpp"
#include "tests/tolerances.hpp"

/// Every mechanism against PyTorch, which has it from the papers' equations.
namespace libnorm::test {
namespace {

using Json = nlohmann::json;

template <class T>
class MechanismsReference : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(MechanismsReference, Numbers);

/// One case, with what all cases share.
struct Case {
  Case(const Json& file_shared, const Json& c)
      : settings(c.at("settings")),
        outputs(c.at("outputs")),
        arm(settings.at("arm").get<std::string>()),
        shared(file_shared) {
    shared.update(c.at("inputs"));
  }

  Batch batch(Path path) const {
    const Index length = extent(shared, "ids", 1);
    const Sample sample{"reference", length, length - 1, numbers<std::int32_t>(shared, "ids"),
                        numbers<std::int32_t>(shared, "targets")};
    return sample.batch(path, extent(shared, "embedding.weight", 0));
  }

  const Json& settings;
  const Json& outputs;
  std::string arm;
  Json shared;
};

std::vector<Case> cases_of(const ReferenceFile& file) {
  std::vector<Case> cases;
  for (const Json& c : file.cases()) cases.emplace_back(file.shared(), c);
  return cases;
}

/// A matrix as the products of its rows with the file's vector of that length, another tensor as it
/// is.
std::vector<double> reduced(const Json& shared, const Parameter& p,
                            const std::vector<double>& tensor) {
  if (!p.is_matrix()) return tensor;
  const auto probe = numbers<double>(shared, "probe." + std::to_string(p.cols));
  std::vector<double> products;
  for (auto row = tensor.begin(); row != tensor.end(); row += p.cols) {
    products.push_back(std::inner_product(row, row + p.cols, probe.begin(), 0.0));
  }
  return products;
}

/// What a part's error is held against: its largest number, or that of the whole vector, and at
/// least 1, where the part is the rounding noise of 0 or one number, a sum of many that cancel.
double scale_of(const std::vector<double>& part, double whole) {
  const double largest = largest_size(part), size = std::max(1.0, whole);
  return largest < 1e-12 * size || part.size() == 1 ? size : largest;
}

/// A flat vector over the weights against the outputs `kind`.PARAMETER, part by part: queries, keys
/// and values of an in-projection's bias have sizes of their own.
void expect_flat(const std::string& kind, const Case& c, const ParameterList& list,
                 const std::vector<double>& flat, double tolerance) {
  ASSERT_EQ(Index(flat.size()), list.size());
  double whole = 0;
  for (const Parameter& p : list.all()) {
    whole = std::max(whole, largest_size(numbers<double>(c.outputs, kind + "." + p.name)));
  }
  for (const Parameter& p : list.all()) {
    const std::string name = kind + "." + p.name;
    const auto expected = numbers<double>(c.outputs, name);
    const auto actual = reduced(c.shared, p, slice(flat, p.offset, p.size()));
    ASSERT_EQ(expected.size(), actual.size()) << name;
    const Index thirds = p.name.find("in_proj.bias") != p.name.npos ? 3 : 1;
    const Index size = Index(expected.size()) / thirds;
    for (Index first = 0; first < Index(expected.size()); first += size) {
      const auto want = slice(expected, first, size);
      EXPECT_TRUE(within(name + " from " + std::to_string(first), want, slice(actual, first, size),
                         tolerance, scale_of(want, whole)));
    }
  }
}

template <class T>
void expect_running(const Transformer<T>& model, const Json& outputs) {
  for (const Parameter& p : model.running().all()) {
    EXPECT_TRUE(close(p.name, numbers<double>(outputs, p.name),
                      slice(model.running_values(), p.offset, p.size()),
                      tolerance<T>(kMechanismValue)));
  }
}

template <class T>
void expect_passes(const Case& c, Path path) {
  auto model = model_of<T>(c.shared, c.settings);
  const Batch batch = c.batch(path);
  const double value = tolerance<T>(kMechanismValue), loss = model.loss_and_gradient(batch);
  EXPECT_NEAR(loss, number(c.outputs, "loss"), value * loss);
  const auto logits = numbers<double>(c.outputs, "logits");
  EXPECT_TRUE(close("logits", logits, values_of(model.last_logits()), value));
  expect_flat("grad", c, model.parameters(), widened(model.gradient()),
              tolerance<T>(kModelGradient));
  expect_running(model, c.outputs);
  const bool has_running = model.running().size() > 0;
  EXPECT_EQ(has_running, c.outputs.contains("eval_logits"));
  EXPECT_TRUE(close("eval_logits", has_running ? numbers<double>(c.outputs, "eval_logits") : logits,
                    values_of(model.logits(batch)), value));
}

TYPED_TEST(MechanismsReference, ForwardAndGradients) {
  const ReferenceFile file("mechanisms");
  for (const Case& c : cases_of(file)) {
    for (Path path : {Path::shortcut, Path::dense}) {
      SCOPED_TRACE(c.arm + (path == Path::dense ? " dense" : " shortcut"));
      expect_passes<TypeParam>(c, path);
    }
  }
}

void expect_products(const Case& c, Path path) {
  const auto model = model_of<double>(c.shared, c.settings);
  Curvature curvature(model, c.batch(path));
  std::vector<double> v, product(std::size_t(curvature.dimension()));
  for (const Parameter& p : model.parameters().all()) {
    const auto part = numbers<double>(c.shared, "direction." + p.name);
    v.insert(v.end(), part.begin(), part.end());
  }
  const double few = tolerance<double>(kModelCurvature);
  curvature.hessian_vector_product(curvature.weights(), v, product);
  expect_flat("hessian", c, model.parameters(), product, few);
  if (!c.outputs.contains("gauss_newton.head.bias")) return;
  curvature.gauss_newton_product(curvature.weights(), v, product);
  expect_flat("gauss_newton", c, model.parameters(), product, few);
}

TEST(MechanismsCurvature, ProductsWithHessianAndGaussNewtonMatrix) {
  const ReferenceFile file("mechanisms");
  Index gauss_newton = 0;
  for (const Case& c : cases_of(file)) {
    gauss_newton += c.outputs.contains("gauss_newton.head.bias");
    for (Path path : {Path::shortcut, Path::dense}) {
      SCOPED_TRACE(c.arm + (path == Path::dense ? " dense" : " shortcut"));
      expect_products(c, path);
    }
  }
  EXPECT_EQ(gauss_newton, 2);
}

/// A published norm without a reference is a failure. A stabilizer that is in no published norm may
/// wait for one: then the test says that it was not checked.
TEST(MechanismsFile, HasEveryMechanism) {
  const ReferenceFile file("mechanisms");
  std::set<std::string> arms, names;
  std::set<Affine> affine;
  for (const Case& c : cases_of(file)) {
    arms.insert(c.arm);
    names.insert(oracle_name(c.arm));
    affine.insert(parse_normalization(c.arm).norm.affine);
  }
  std::set<std::string> missing;
  for (const NamedStabilizer& stabilizer : named_stabilizers()) {
    const std::string name(stabilizer.name);
    if (!names.contains(name)) missing.insert(name);
  }
  for (const std::string& text : model_texts()) {
    EXPECT_TRUE(arms.contains(text) || missing.contains(oracle_name(text)))
        << text << ": no case in mechanisms.json";
  }
  for (const NamedNorm& norm : named_norms()) {
    EXPECT_TRUE(names.contains(std::string(norm.name))) << norm.name << ": no case of its own";
  }
  EXPECT_EQ(affine.size(), 5u) << "none, scalar_gain, gain, bias, gain and bias";
  if (!missing.empty()) {
    GTEST_SKIP() << "not checked: there is no PyTorch reference yet of "
                 << testing::PrintToString(missing)
                 << "; write it in scripts/torch_mechanisms.py, and run "
                    "scripts/make_reference.py mechanisms";
  }
}

}  // namespace
}  // namespace libnorm::test
