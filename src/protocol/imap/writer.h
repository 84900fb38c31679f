// What servers and clients write: numbers, strings, names, flags, dates, appended to a buffer without detours.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocol/imap/error.h"
#include "protocol/imap/parser.h"
#include "protocol/imap/types.h"

namespace angarium::protocol::imap {

/// What quoted strings may hold.
enum class StringForm {
  ascii,  ///< RFC 3501: octets above 127 only in literals
  utf8,   ///< RFC 9051 §4.3, RFC 6855 §3
};

void append_number(std::string& out, std::uint64_t number);
/// string: quoted when it can be, otherwise a literal.
void append_string(std::string& out, std::string_view value, StringForm form);
/// astring: an atom when it can be.
void append_astring(std::string& out, std::string_view value, StringForm form);
/// NIL for nothing.
void append_nstring(std::string& out, const std::string* value, StringForm form);
/// A mailbox name given in UTF-8.
void append_mailbox(std::string& out, std::string_view name, NameForm form);
/// "\Seen \Answered" without parentheses, each after a blank except the first; `first` tells and is told.
void append_flags(std::string& out, Flags flags, bool& first);
/// "17-Jul-1996 02:44:25 +0000" in quotes, day blank-padded (RFC 9051 §9, date-time). Seconds since 1970; years 0-9999.
void append_internal_date(std::string& out, std::int64_t seconds);
/// "(\HasNoChildren \Sent)"
void append_name_attributes(std::string& out, std::uint32_t attributes);
/// "HEADER.FIELDS (From To)" as between the brackets.
void append_section(std::string& out, const Section& section);
/// "TAG OK [CODE] text CRLF"; "*" as tag for untagged ones.
void append_reply(std::string& out, std::string_view tag, const Reply& reply);
std::string_view status_name(Status status);

}  // namespace angarium::protocol::imap
