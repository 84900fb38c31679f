#include "protocol/imap/refusal.h"

#include <string>
#include <utility>

#include "base/text.h"
#include "protocol/imap/client.h"

namespace angarium::protocol::imap {
namespace {

/// Codes of RFC 5530 that promise something of a later try.
bool says_later(std::string_view code) {
  return code == "UNAVAILABLE" || code == "INUSE" || code == "LIMIT" || code == "SERVERBUG" || code == "EXPUNGEISSUED";
}

}  // namespace

Error refusal(const StatusResponse& response) {
  auto words = escape_controls((response.code.empty() ? "" : "[" + response.code + "] ") + response.text);
  switch (response.kind) {
    case StatusResponse::Kind::no: return {says_later(response.code) ? kServerBusy : kServerRefused, std::move(words)};
    case StatusResponse::Kind::bye: return {kServerBye, std::move(words)};
    case StatusResponse::Kind::bad: return {response.tag == "*" ? kServerBroke : kServerBad, std::move(words)};
    default: return {kServerBroke, std::move(words)};
  }
}

}  // namespace angarium::protocol::imap
