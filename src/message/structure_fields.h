// What the structure parser must understand of Content-Type while it passes by. Everything else about parameters is the
// business of whoever reads the field later.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace angarium::message {

/// A Content-Type value as far as it steers the parser. Places count from the value's beginning.
struct MediaType {
  bool valid = false;  ///< type "/" subtype were there (RFC 2045 §5.1)
  std::size_t type_at = 0;
  std::size_t type_size = 0;
  std::size_t subtype_at = 0;
  std::size_t subtype_size = 0;
};
MediaType parse_media_type(std::string_view value);

/// Walks over the parameters of a raw, still folded Content-Type or Content-Disposition value, as they stand: RFC 2231
/// sections come one by one under their own names. Lenient: what is no parameter is passed over.
class ParameterReader {
 public:
  explicit ParameterReader(std::string_view value);
  /// The next parameter, its value without quotes and folds. False when there is none left.
  bool next(std::string_view& name, std::string& value);

 private:
  std::string_view value_;
  std::size_t at_ = 0;
};

/// The value of the boundary parameter of a raw, still folded Content-Type value, or empty. Read leniently: unquoted
/// values may hold "=", "/" and the like; RFC 2231 §3 continuations and §4 escapes are put together.
std::string boundary_parameter(std::string_view value);

}  // namespace angarium::message
