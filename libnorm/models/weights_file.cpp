#include "libnorm/models/weights_file.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "libnorm/data/safetensors.hpp"
#include "libnorm/data/safetensors_writer.hpp"

namespace libnorm {
namespace {

using Shape = std::vector<Index>;

Shape shape_of(const Parameter& p) { return p.rows == 1 ? Shape{p.cols} : Shape{p.rows, p.cols}; }

bool fits(const Parameter& p, const Shape& shape) {
  return shape == shape_of(p) || shape == Shape{p.rows, p.cols};
}

std::string text_of(const Shape& shape) {
  std::string text;
  for (const Index extent : shape) text += (text.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + text + "]";
}

/// Things of a kind that are wrong; a message names the first few.
class Faults {
 public:
  explicit Faults(std::string kind) : kind_(std::move(kind)) {}

  void add(const std::string& fault) {
    constexpr Index kMost = 3;
    if (count_++ < kMost) first_ += (first_.empty() ? "" : ", ") + fault;
  }
  void append_to(std::string& text) const {
    if (count_ == 0) return;
    text += (text.empty() ? "" : "; ") + kind_ + " " + std::to_string(count_) + ": " + first_ +
            (count_ > 3 ? ", ..." : "");
  }

 private:
  std::string kind_, first_;
  Index count_ = 0;
};

/// Whether the model's own precision holds every number of the format.
template <class T>
bool holds(NumberFormat format) {
  return format != NumberFormat::float64 || sizeof(T) == sizeof(double);
}

/// A tensor of the file, and where its numbers lie in memory.
template <class T>
struct Place {
  std::string name;
  const Parameter& parameter;
  T* values;
};

/// T may be const, as the model is then.
template <class T, class Model>
std::vector<Place<T>> places_of(Model& model, std::span<const PerWeight<T>> more) {
  std::vector<Place<T>> places;
  const auto add = [&](const std::string& prefix, const ParameterList& list, T* values) {
    for (const Parameter& p : list.all()) {
      places.push_back({prefix + p.name, p, values + p.offset});
    }
  };
  add("", model.parameters(), model.weights().data());
  add("", model.running(), model.running_values().data());
  for (const PerWeight<T>& each : more) {
    if (Index(each.values.size()) != model.size()) {
      throw ShapeError("weights_file: " + each.prefix + ": another size than the weights (" +
                       std::to_string(each.values.size()) + "); need " +
                       std::to_string(model.size()));
    }
    add(each.prefix, model.parameters(), each.values.data());
  }
  return places;
}

template <class T>
void check(const std::vector<Place<T>>& places, const SafetensorsFile& file,
           const std::string& path) {
  Faults missing("missing"), unknown("unknown"), shapes("of another shape");
  Faults dtypes("of a dtype that it cannot hold");
  std::vector<std::string> names;
  for (const auto& [name, parameter, values] : places) {
    names.push_back(name);
    const StoredTensor* tensor = file.find(name);
    if (!tensor) {
      missing.add(name);
    } else if (!fits(parameter, tensor->shape)) {
      shapes.add(name + " " + text_of(tensor->shape) + " for " + text_of(shape_of(parameter)));
    } else if (!tensor->format() || !holds<T>(*tensor->format())) {
      dtypes.add(name + " " + tensor->dtype);
    }
  }
  std::sort(names.begin(), names.end());
  for (const StoredTensor& tensor : file.tensors()) {
    if (!std::binary_search(names.begin(), names.end(), tensor.name)) {
      unknown.add(shown(tensor.name));
    }
  }
  std::string faults;
  for (const Faults* kind : {&missing, &unknown, &shapes, &dtypes}) kind->append_to(faults);
  if (faults.empty()) return;
  throw DataError("weights_file: " + path + ": other tensors than the model's (" + faults +
                  "); need its " + std::to_string(names.size()) + ", in " +
                  (holds<T>(NumberFormat::float64) ? "F64, " : "") + "F32, BF16 or F16");
}

}  // namespace

template <class T>
void save_weights(const Transformer<T>& model, const std::filesystem::path& path,
                  std::span<const PerWeight<const std::type_identity_t<T>>> more,
                  const Metadata& about) {
  std::vector<NamedTensor<T>> tensors;
  for (const auto& [name, parameter, values] : places_of(model, more)) {
    tensors.push_back({name, shape_of(parameter), values});
  }
  // What PyTorch's own tools write there, and some of them ask for.
  Metadata metadata = about;
  metadata["format"] = "pt";
  write_safetensors<T>(path, tensors, metadata);
}

template <class T>
Metadata load_weights(Transformer<T>& model, const std::filesystem::path& path,
                      std::span<const PerWeight<std::type_identity_t<T>>> more) {
  const SafetensorsFile file(path);
  const std::vector<Place<T>> places = places_of(model, more);
  check(places, file, path.string());
  std::vector<std::vector<T>> read;
  for (const auto& [name, parameter, values] : places) {
    auto& numbers = read.emplace_back(std::size_t(parameter.size()));
    file.rows(name).read(0, MatrixView<T>(numbers.data(), parameter.rows, parameter.cols));
  }
  // Into the memory that is there, when all is read: views of it stay good.
  for (std::size_t i = 0; i < places.size(); ++i) {
    std::copy(read[i].begin(), read[i].end(), places[i].values);
  }
  return file.metadata();
}

template void save_weights<float>(const Transformer<float>&, const std::filesystem::path&,
                                  std::span<const PerWeight<const float>>, const Metadata&);
template void save_weights<double>(const Transformer<double>&, const std::filesystem::path&,
                                   std::span<const PerWeight<const double>>, const Metadata&);
template Metadata load_weights<float>(Transformer<float>&, const std::filesystem::path&,
                                      std::span<const PerWeight<float>>);
template Metadata load_weights<double>(Transformer<double>&, const std::filesystem::path&,
                                       std::span<const PerWeight<double>>);

}  // namespace libnorm
