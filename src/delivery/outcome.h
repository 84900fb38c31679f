// What became of one delivery.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "message/status.h"

namespace angarium::delivery {

/// Every delivery ends in one of three ways, told by the class of its status (RFC 3463 §2): 2 the message lies where it
/// should and will still after a power cut, or the command took it; 4 nothing was delivered, but may be later; 5 it
/// will not be.
struct Outcome {
  message::StatusCode status;
  /// For the log and the report: what went wrong, without control characters; where it lies, when it was delivered.
  std::string words;

  [[nodiscard]] bool delivered() const { return status.class_code == 2; }
  [[nodiscard]] bool temporary() const { return status.class_code == 4; }
};

/// RFC 3463 §3.1: 2.0.0 has no words of its own.
inline constexpr message::StatusCode kDelivered{.class_code = 2, .subject = 0, .detail = 0};
/// RFC 3463 §3.4: the host's state, its room, its configuration.
inline constexpr message::StatusCode kSystemTrouble{.class_code = 4, .subject = 3, .detail = 0};
inline constexpr message::StatusCode kSystemFull{.class_code = 4, .subject = 3, .detail = 1};
inline constexpr message::StatusCode kWronglyConfigured{.class_code = 4, .subject = 3, .detail = 5};
/// RFC 3463 §3.3: the mailbox's state, its room.
inline constexpr message::StatusCode kMailboxTrouble{.class_code = 4, .subject = 2, .detail = 0};
inline constexpr message::StatusCode kMailboxFull{.class_code = 4, .subject = 2, .detail = 2};

/// A value, or the outcome that ends the delivery.
template <class T = void>
using Step = std::expected<T, Outcome>;

std::unexpected<Outcome> fail(message::StatusCode status, std::string words);
/// "cannot WHAT PLACE: the system's words", with the status that errno `code` has: no room, a quota, rights, trouble.
std::unexpected<Outcome> fail_system(int code, std::string_view what, std::string_view place);

}  // namespace angarium::delivery
