#include "location/boxes.h"

#include <sys/stat.h>

#include <cerrno>

namespace angarium::location {

Result<std::vector<Found>> BoxesHere::find(const Location& location) {
  TRY(check_owner(location));
  return find_boxes(location);
}

Result<bool> BoxesHere::is_missing(const Location&, const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) != 0 && errno == ENOENT;
}

}  // namespace angarium::location
