// Reading the JSON answers of verbs: what is not there is empty. Texts of others in them are escaped already.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace angarium::program {

inline std::string text(const boost::json::object& object, std::string_view name) {
  const boost::json::value* const value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}
inline std::int64_t number(const boost::json::object& object, std::string_view name) {
  const boost::json::value* const value = object.if_contains(name);
  return value != nullptr && value->is_number() ? value->to_number<std::int64_t>() : 0;
}
inline const boost::json::array& elements(const boost::json::object& object, std::string_view name) {
  static const boost::json::array none;
  const boost::json::value* const value = object.if_contains(name);
  return value != nullptr && value->is_array() ? value->get_array() : none;
}
inline const boost::json::object* part(const boost::json::object& object, std::string_view name) {
  const boost::json::value* const value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}
inline Result<boost::json::object> object_in(const std::string& answer) {
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(answer, error);
  if (!value.is_object()) return fail(kBroken, "the server's answer is none");
  return std::move(value.get_object());
}

}  // namespace angarium::program
