// JSON objects of others, read within bounds; only for this room's .cpp files.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string_view>

namespace angarium::token {

/// Deeper ones are no claims.
inline constexpr std::size_t kJsonDepthMax = 8;

/// Of a name that stands there twice the last counts (RFC 7515 §4).
inline std::optional<boost::json::object> parse_object(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kJsonDepthMax;
  boost::system::error_code error;
  boost::json::value value = boost::json::parse({text.data(), text.size()}, error, {}, options);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

/// Empty where there is no text of this name.
inline std::string_view text_of(const boost::json::object& object, std::string_view name) {
  const boost::json::value* const value = object.if_contains({name.data(), name.size()});
  if (value == nullptr || !value->is_string()) return {};
  const boost::json::string& text = value->get_string();
  return {text.data(), text.size()};
}

}  // namespace angarium::token
