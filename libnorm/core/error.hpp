#pragma once

#include <stdexcept>
#include <string>

#include "libnorm/core/types.hpp"

namespace libnorm {

/// The base of all the library's errors. The text reads
/// `where: what is wrong (what arrived); what would be right`.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Extents that do not fit each other.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// A number or name outside its domain.
class ValueError : public Error {
 public:
  using Error::Error;
};

/// A file or stored record that is missing, damaged or not what it says.
class DataError : public Error {
 public:
  using Error::Error;
};

/// A machine that cannot do what was asked of it.
class BackendError : public Error {
 public:
  using Error::Error;
};

}  // namespace libnorm
