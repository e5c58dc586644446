#include "libnorm/models/weights_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "libnorm/data/safetensors.hpp"
#include "libnorm/data/safetensors_writer.hpp"
#include "tests/support/models.hpp"
#include "tests/support/read_by_python.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

namespace libnorm::test {
namespace {

using harness::message_of;
using harness::ScratchFolder;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class WeightsFile : public testing::Test {
 protected:
  std::filesystem::path path() const { return folder_.path() / "some.safetensors"; }

  /// What a load into another model says that fails; the model is as before.
  template <class T>
  std::string refusal(const std::string& norm = "batchnorm") const {
    auto model = trained<T>(norm, 2);
    const auto weights = model.weights(), running = model.running_values();
    const std::string message = message_of<DataError>([&] { load_weights(model, path()); });
    EXPECT_EQ(model.weights(), weights);
    EXPECT_EQ(model.running_values(), running);
    EXPECT_THAT(message, AllOf(HasSubstr(path().string()), HasSubstr("; need ")));
    return message;
  }

  template <class T>
  static Transformer<T> trained(const std::string& norm, std::uint64_t seed) {
    auto model = small_model<T>(norm, {2, 2}, seed);
    model.loss_and_gradient(samples()[0].batch(Path::shortcut));
    return model;
  }

  /// The tensors of a model, to be changed and written.
  template <class T>
  static std::vector<NamedTensor<T>> tensors_of(const Transformer<T>& model) {
    std::vector<NamedTensor<T>> tensors;
    for (const Parameter& p : model.parameters().all()) {
      tensors.push_back({p.name, {p.rows, p.cols}, model.weights().data() + p.offset});
    }
    for (const Parameter& p : model.running().all()) {
      tensors.push_back({p.name, {p.rows, p.cols}, model.running_values().data() + p.offset});
    }
    return tensors;
  }

 private:
  ScratchFolder folder_;
};

template <class T>
void expect_same(const Transformer<T>& a, const Transformer<T>& b) {
  EXPECT_EQ(a.weights(), b.weights());
  EXPECT_EQ(a.running_values(), b.running_values());
}

TEST_F(WeightsFile, GivesBackWhatItTook) {
  for (const std::string& name : model_texts()) {
    const auto floats = trained<float>(name, 1);
    save_weights(floats, path());
    auto other = trained<float>(name, 2);
    const float* memory = other.weights().data();
    load_weights(other, path());
    expect_same(floats, other);
    EXPECT_EQ(other.weights().data(), memory);
    // A float's numbers are a double's too.
    auto wide = trained<double>(name, 2);
    load_weights(wide, path());
    EXPECT_TRUE(std::equal(wide.weights().begin(), wide.weights().end(), floats.weights().begin()));

    const auto doubles = trained<double>(name, 1);
    save_weights(doubles, path());
    load_weights(wide, path());
    expect_same(doubles, wide);
  }
}

TEST_F(WeightsFile, HasNamesAndShapesAsPyTorchWould) {
  save_weights(trained<float>("batchnorm", 1), path());
  const SafetensorsFile file(path());
  EXPECT_THAT(file.find("embedding.weight")->shape, ElementsAre(13, 10));
  EXPECT_THAT(file.find("blocks.1.attention.in_proj.weight")->shape, ElementsAre(30, 10));
  EXPECT_THAT(file.find("head.bias")->shape, ElementsAre(11));
  EXPECT_THAT(file.find("blocks.0.norm1.running_var")->shape, ElementsAre(10));
  EXPECT_EQ(file.find("head.bias")->dtype, "F32");
  EXPECT_EQ(file.metadata().at("format"), "pt");
}

template <class T>
void expect_same_by_python(const Transformer<T>& model, const std::filesystem::path& path) {
  save_weights(model, path);
  std::vector<std::string> lines;
  print_tensors("", model.parameters(), model.weights(), lines);
  print_tensors("", model.running(), model.running_values(), lines);
  EXPECT_EQ(read_by_python(path), joined(lines));
}

TEST_F(WeightsFile, IsReadByAReaderThatIsNotOurs) {
  expect_same_by_python(trained<float>("batchnorm", 1), path());
  expect_same_by_python(trained<double>("layernorm", 1), path());
}

TEST_F(WeightsFile, TakesMoreNumbersForEachWeightAndMetadata) {
  const auto model = trained<float>("batchnorm", 1);
  std::vector<float> first(model.weights().size()), second = first;
  for (std::size_t i = 0; i < first.size(); ++i) {
    first[i] = float(i);
    second[i] = -float(i) / 3;
  }
  const std::vector<PerWeight<const float>> more = {{"first.", first}, {"second.", second}};
  save_weights<float>(model, path(), more, {{"steps", "7"}});
  EXPECT_THAT(SafetensorsFile(path()).find("first.embedding.weight")->shape, ElementsAre(13, 10));
  // Without a place for them they are tensors that the model does not have.
  EXPECT_THAT(refusal<float>(), HasSubstr("unknown 54: 'first."));

  auto other = trained<float>("batchnorm", 2);
  std::vector<float> first_read(first.size()), second_read(first.size());
  const std::vector<PerWeight<float>> places = {{"first.", first_read}, {"second.", second_read}};
  const Metadata about = load_weights<float>(other, path(), places);
  EXPECT_EQ(about, (Metadata{{"format", "pt"}, {"steps", "7"}}));
  expect_same(model, other);
  EXPECT_EQ(first_read, first);
  EXPECT_EQ(second_read, second);

  // A file without them is not read in part.
  save_weights(trained<float>("batchnorm", 3), path());
  EXPECT_THAT(message_of<DataError>([&] { load_weights<float>(other, path(), places); }),
              HasSubstr("missing 54: first."));
  expect_same(model, other);
  EXPECT_EQ(first_read, first);
  first.pop_back();
  const std::vector<PerWeight<const float>> few = {{"first.", first}};
  EXPECT_THAT(message_of<ShapeError>([&] { save_weights<float>(model, path(), few); }),
              HasSubstr("first.: another size than the weights"));
}

TEST_F(WeightsFile, TakesASingleRowAsAMatrixToo) {
  const auto model = trained<float>("batchnorm", 1);
  write_safetensors<float>(path(), tensors_of(model));
  auto other = trained<float>("batchnorm", 2);
  load_weights(other, path());
  expect_same(model, other);
}

TEST_F(WeightsFile, SaysWhatIsMissingUnknownAndOfAnotherShape) {
  const auto model = trained<float>("batchnorm", 1);
  auto tensors = tensors_of(model);
  tensors[0].shape = {10, 13};
  tensors[1].name = "what";
  tensors.pop_back();
  write_safetensors<float>(path(), tensors);
  EXPECT_EQ(refusal<float>(),
            "weights_file: " + path().string() +
                ": other tensors than the model's (missing 2: blocks.0.attention.in_proj.weight, "
                "blocks.1.norm2.running_var; unknown 1: 'what'; of another shape 1: "
                "embedding.weight [10, 13] for [13, 10]); need its 35, in F32, BF16 or F16");
}

TEST_F(WeightsFile, NamesTheFirstFew) {
  save_weights(trained<float>("batchnorm", 1), path());
  EXPECT_THAT(refusal<float>("layernorm"),
              AllOf(HasSubstr("(unknown 8: 'blocks.0.norm1.running_mean', "), HasSubstr(", ...)"),
                    Not(HasSubstr("missing"))));
  save_weights(trained<float>("none", 1), path());
  EXPECT_THAT(refusal<float>(), HasSubstr("missing 16: "));
}

TEST_F(WeightsFile, RefusesNumbersThatItWouldRound) {
  save_weights(trained<double>("batchnorm", 1), path());
  EXPECT_THAT(refusal<float>(), HasSubstr("(of a dtype that it cannot hold 35: embedding.weight "
                                          "F64, "));
}

TEST_F(WeightsFile, ChangesNothingIfTheFileIsDamagedOrAbsent) {
  EXPECT_THAT(refusal<float>(), HasSubstr("cannot open"));
  save_weights(trained<float>("batchnorm", 1), path());
  std::filesystem::resize_file(path(), std::filesystem::file_size(path()) - 1);
  EXPECT_THAT(refusal<float>(), HasSubstr("is cut short"));
}

}  // namespace
}  // namespace libnorm::test
