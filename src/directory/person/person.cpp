#include "directory/person/person.h"

namespace angarium::directory {

Asked asked_for(std::string_view address) {
  const std::size_t at = address.rfind('@');
  Asked asked{.address = std::string(address), .user = std::string(address.substr(0, at)), .domain = {}};
  if (at != std::string_view::npos) asked.domain = address.substr(at + 1);
  return asked;
}

}  // namespace angarium::directory
