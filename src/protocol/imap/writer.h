// What servers and clients write: numbers, strings, names, flags, dates, appended to a buffer without detours.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "message/imap_text.h"
#include "protocol/imap/error.h"
#include "protocol/imap/parser.h"
#include "protocol/imap/types.h"

namespace angarium::protocol::imap {

void append_number(std::string& out, std::uint64_t number);
/// astring: an atom when it can be.
void append_astring(std::string& out, std::string_view value, message::ImapForm form);
/// NIL for nothing.
void append_nstring(std::string& out, const std::string* value, message::ImapForm form);
/// A mailbox name given in UTF-8.
void append_mailbox(std::string& out, std::string_view name, NameForm form);
/// "\Seen \Answered" without parentheses, each after a blank except the first; `first` tells and is told.
void append_flags(std::string& out, Flags flags, bool& first);
/// "17-Jul-1996 02:44:25 -0700" in quotes, day blank-padded (RFC 9051 §9, date-time). Years 0-9999.
void append_internal_date(std::string& out, const InternalDate& internal);
/// "(\HasNoChildren \Sent)"
void append_name_attributes(std::string& out, std::uint32_t attributes);
/// "HEADER.FIELDS (From To)" as between the brackets.
void append_section(std::string& out, const Section& section);
/// "TAG OK [CODE] text CRLF"; "*" as tag for untagged ones.
void append_reply(std::string& out, std::string_view tag, const Reply& reply);
std::string_view status_name(Status status);

}  // namespace angarium::protocol::imap
