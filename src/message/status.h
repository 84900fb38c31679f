// Enhanced status codes (RFC 3463, the registry of RFC 5248): read, written, named, and told in plain words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace angarium::message {

/// class.subject.detail (RFC 3463 §2).
struct StatusCode {
  std::uint16_t class_code = 5;  ///< 2 success, 4 may pass, 5 will not pass
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;

  /// "5.1.1": no leading zeros (RFC 3464 §2.3.4).
  [[nodiscard]] std::string text() const;
  friend bool operator==(const StatusCode&, const StatusCode&) = default;
};

/// The code that the text begins with, behind blanks or a '#'. What follows it may be anything but more of a number:
/// "5.1.1 (bad mailbox)". Nothing when there is none, or one whose class is not 2, 4 or 5 or whose numbers have more
/// than three digits.
std::optional<StatusCode> parse_status(std::string_view text);
/// The status an SMTP reply tells: its enhanced code when its class agrees with the reply code, else "N.0.0" (RFC 3461
/// §6.3 (g)). Nothing when the text is no reply of class 2, 4 or 5.
std::optional<StatusCode> status_of_reply(std::string_view reply);

/// Languages that reports are written in. Another one is a column in the tables of status.cpp and dsn_words.cpp.
enum class Language : std::uint8_t { english };
inline constexpr std::size_t kLanguages = 1;

/// The registry's name of the code's subject and detail, "Bad destination mailbox address"; of an unknown detail that
/// of its subject, of an unknown subject that of X.0.0.
std::string_view status_name(StatusCode code);
/// One sentence for people: what went wrong.
std::string_view status_meaning(StatusCode code, Language language);
/// One or two sentences for people: what the sender of a message that failed so can do.
std::string_view status_advice(StatusCode code, Language language);

}  // namespace angarium::message
