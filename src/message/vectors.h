// Only for this room's tests: foreign vectors written as JSON, an array of {"header": octets, "expected": any}.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "message/header.h"
#include "support/test.h"

namespace angarium::message::test {

inline boost::json::array read_vectors(std::string_view name) {
  const std::string text =
      angarium::test::read_file(angarium::test::tests_path("vectors/address/" + std::string(name)));
  return boost::json::parse(text).as_array();
}

/// The value of the vector's field, as the field layer gives it: what does not belong to the field any more is cut off.
inline std::string field_value(const boost::json::value& vector) {
  const std::string octets = "X:" + std::string(vector.at("header").as_string());
  return std::string(HeaderReader(octets).next()->value);
}

}  // namespace angarium::message::test
