// The part of a delivery report that people read, from one table of words a language, and texts made fit to be shown.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "message/dsn.h"

namespace angarium::message {

/// The language's tag (RFC 5646) for Content-Language.
std::string_view language_tag(Language language);
/// The Subject: what happened, the worst first.
std::string dsn_subject(const DeliveryReport& report, Language language, ReportReader reader = ReportReader::sender);

/// What comes back with the report.
enum class Attached : std::uint8_t { nothing, header, message };
/// The text, in lines of about 72 characters with CR LF; words of others are quoted with ">", without controls.
/// `original_header` gives the subject of the message.
std::string dsn_text(const DeliveryReport& report, std::string_view original_header, Attached attached,
                     Language language, ReportReader reader = ReportReader::sender);

/// The status that is reported: the recipient's when its class agrees with the action, else N.0.0 (RFC 3461 §6.3 (g)).
StatusCode reported_status(const RecipientReport& recipient);

/// A text of somebody else in one line: line ends as a blank, controls, what is no UTF-8, and characters that turn or
/// hide text as "\xHH" octets; with Utf8::refuse all octets above 127 so. Cut at `max` octets with "...".
std::string visible_text(std::string_view text, std::size_t max, Utf8 utf8);

}  // namespace angarium::message
