#include "delivery/outcome.h"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

#include "base/text.h"

namespace angarium::delivery {

std::unexpected<Outcome> fail(message::StatusCode status, std::string words) {
  return std::unexpected(Outcome{.status = status, .words = std::move(words)});
}

std::unexpected<Outcome> fail_system(int code, std::string_view what, std::string_view place) {
  message::StatusCode status = kSystemTrouble;
  switch (code) {
    case ENOSPC: status = kSystemFull; break;
    case EDQUOT:
    case EFBIG: status = kMailboxFull; break;  // RLIMIT_FSIZE is a quota of a kind
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG: status = kWronglyConfigured; break;
    default: break;
  }
  return fail(status,
              fmt::format("cannot {} {}: {}", what, escape_controls(place), std::generic_category().message(code)));
}

}  // namespace angarium::delivery
