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

template <class T>
void check(const Transformer<T>& model, const SafetensorsFile& file, const std::string& name) {
  Faults missing("missing"), unknown("unknown"), shapes("of another shape");
  Faults dtypes("of a dtype that it cannot hold");
  std::vector<std::string> names;
  for (const ParameterList* list : {&model.parameters(), &model.running()}) {
    for (const Parameter& p : list->all()) {
      names.push_back(p.name);
      const StoredTensor* tensor = file.find(p.name);
      if (!tensor) {
        missing.add(p.name);
      } else if (!fits(p, tensor->shape)) {
        shapes.add(p.name + " " + text_of(tensor->shape) + " for " + text_of(shape_of(p)));
      } else if (!tensor->format() || !holds<T>(*tensor->format())) {
        dtypes.add(p.name + " " + tensor->dtype);
      }
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
  throw DataError("weights_file: " + name + ": other tensors than the model's (" + faults +
                  "); need its " + std::to_string(names.size()) + ", in " +
                  (holds<T>(NumberFormat::float64) ? "F64, " : "") + "F32, BF16 or F16");
}

template <class T>
std::vector<T> values_of(const ParameterList& list, const SafetensorsFile& file) {
  std::vector<T> values(std::size_t(list.size()));
  for (const Parameter& p : list.all()) {
    file.rows(p.name).read(0, MatrixView<T>(values.data() + p.offset, p.rows, p.cols));
  }
  return values;
}

}  // namespace

template <class T>
void save_weights(const Transformer<T>& model, const std::filesystem::path& path) {
  std::vector<NamedTensor<T>> tensors;
  const auto add = [&](const ParameterList& list, const std::vector<T>& values) {
    for (const Parameter& p : list.all()) {
      tensors.push_back({p.name, shape_of(p), values.data() + p.offset});
    }
  };
  add(model.parameters(), model.weights());
  add(model.running(), model.running_values());
  // What PyTorch's own tools write there, and some of them ask for.
  write_safetensors<T>(path, tensors, {{"format", "pt"}});
}

template <class T>
void load_weights(Transformer<T>& model, const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  check(model, file, path.string());
  const std::vector<T> weights = values_of<T>(model.parameters(), file);
  const std::vector<T> running = values_of<T>(model.running(), file);
  // Into the memory that is there: views of it stay good.
  std::copy(weights.begin(), weights.end(), model.weights().begin());
  std::copy(running.begin(), running.end(), model.running_values().begin());
}

template void save_weights<float>(const Transformer<float>&, const std::filesystem::path&);
template void save_weights<double>(const Transformer<double>&, const std::filesystem::path&);
template void load_weights<float>(Transformer<float>&, const std::filesystem::path&);
template void load_weights<double>(Transformer<double>&, const std::filesystem::path&);

}  // namespace libnorm
