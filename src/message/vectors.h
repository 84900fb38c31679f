// Only for this room's tests: foreign vectors written as JSON, an array of {"header": octets, "expected": any}.
#pragma once

#include <string>
#include <string_view>

#include "message/header.h"
#include "support/test.h"

namespace angarium::message::test {

/// The JSON text of a file of vectors.
inline std::string read_vectors(std::string_view name) {
  return angarium::test::read_file(angarium::test::tests_path("vectors/address/" + std::string(name)));
}

/// The value of a vector's field, as the field layer gives it: what does not belong to the field any more is cut off.
inline std::string field_value(std::string_view header) {
  const std::string octets = "X:" + std::string(header);
  return std::string(HeaderReader(octets).next()->value);
}

}  // namespace angarium::message::test
