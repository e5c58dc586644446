#pragma once

#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "libnorm/core/error.hpp"

namespace libnorm::test {

/// One file of golden/reference; its layout stands in scripts/make_reference.py.
class ReferenceFile {
 public:
  /// Throws: DataError for a file that is missing, damaged or without cases.
  explicit ReferenceFile(const std::string& name) {
    const std::string path = std::string(LIBNORM_REFERENCE_DIR) + "/" + name + ".json";
    std::ifstream stream(path);
    if (!stream) {
      throw DataError("reference: file is missing (" + path + "); need the vectors of golden");
    }
    try {
      root_ = nlohmann::json::parse(stream);
    } catch (const nlohmann::json::exception& e) {
      throw DataError("reference: " + path + " is damaged (" + e.what() + "); need JSON");
    }
    if (!root_.contains("cases") || root_["cases"].empty()) {
      throw DataError("reference: " + path + " has no cases; need at least one");
    }
  }

  const nlohmann::json& cases() const { return root_["cases"]; }
  const nlohmann::json& shared() const { return root_["shared"]; }

 private:
  nlohmann::json root_;
};

/// An array {"shape", "data"} of the object, as numbers of type T.
template <class T>
std::vector<T> numbers(const nlohmann::json& object, const std::string& name) {
  return object.at(name).at("data").get<std::vector<T>>();
}

inline Index extent(const nlohmann::json& object, const std::string& name, std::size_t axis) {
  return object.at(name).at("shape").at(axis).get<Index>();
}

inline double number(const nlohmann::json& object, const std::string& name) {
  return object.at(name).at("data").at(0).get<double>();
}

}  // namespace libnorm::test
