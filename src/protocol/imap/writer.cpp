#include "protocol/imap/writer.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>

#include "base/text.h"
#include "protocol/imap/mailbox_name.h"

namespace angarium::protocol::imap {

using message::ImapForm;

namespace {

void append_two(std::string& out, int number, char pad) {
  out += number < 10 ? pad : static_cast<char>('0' + number / 10);
  out += static_cast<char>('0' + number % 10);
}

}  // namespace

void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, end);
}

void append_astring(std::string& out, std::string_view value, ImapForm form) {
  const bool atom = !value.empty() && value.size() < 128 && std::ranges::all_of(value, is_atom_char) &&
                    !equals_ignore_case(value, "NIL");
  if (atom) {
    out += value;
  } else {
    message::append_imap_string(out, value, form);
  }
}

void append_nstring(std::string& out, const std::string* value, ImapForm form) {
  if (value == nullptr) {
    out += "NIL";
  } else {
    message::append_imap_string(out, *value, form);
  }
}

void append_mailbox(std::string& out, std::string_view name, NameForm form) {
  if (form == NameForm::utf8) {
    append_astring(out, name, ImapForm::utf8);
  } else {
    append_astring(out, to_modified_utf7(name), ImapForm::ascii);
  }
}

void append_flags(std::string& out, Flags flags, bool& first) {
  for (std::size_t bit = 0; bit < std::size(kFlagNames); ++bit) {
    if ((flags >> bit & 1) == 0) continue;
    if (!first) out += ' ';
    first = false;
    out += kFlagNames[bit];
  }
}

void append_internal_date(std::string& out, const InternalDate& internal) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  // The grammar has four digits for the year.
  constexpr std::int64_t kFirst = -62'167'219'200;  // 0000-01-01
  constexpr std::int64_t kLast = 253'402'300'799;   // 9999-12-31
  constexpr int kZoneMax = 99 * 60 + 59;
  const auto zone = std::clamp(internal.zone_minutes, -kZoneMax, kZoneMax);
  const auto seconds = std::clamp(std::clamp(internal.seconds, kFirst, kLast) + zone * 60, kFirst, kLast);
  using namespace std::chrono;
  const auto moment = sys_seconds(std::chrono::seconds(seconds));
  const auto day = floor<days>(moment);
  const year_month_day date(day);
  const hh_mm_ss time(moment - day);
  out += '"';
  append_two(out, static_cast<int>(static_cast<unsigned>(date.day())), ' ');
  out += '-';
  out += kMonths.substr((static_cast<unsigned>(date.month()) - 1) * 3, 3);
  out += '-';
  const int year = static_cast<int>(date.year());
  append_two(out, year / 100, '0');
  append_two(out, year % 100, '0');
  out += ' ';
  append_two(out, static_cast<int>(time.hours().count()), '0');
  out += ':';
  append_two(out, static_cast<int>(time.minutes().count()), '0');
  out += ':';
  append_two(out, static_cast<int>(time.seconds().count()), '0');
  out += zone < 0 ? " -" : " +";
  append_two(out, std::abs(zone) / 60, '0');
  append_two(out, std::abs(zone) % 60, '0');
  out += '"';
}

void append_name_attributes(std::string& out, std::uint32_t attributes) {
  out += '(';
  bool first = true;
  for (std::size_t bit = 0; bit < std::size(kNameAttributes); ++bit) {
    if ((attributes >> bit & 1) == 0) continue;
    if (!first) out += ' ';
    first = false;
    out += kNameAttributes[bit];
  }
  out += ')';
}

void append_section(std::string& out, const Section& section) {
  bool first = true;
  for (const auto number : section.part) {
    if (!first) out += '.';
    first = false;
    append_number(out, number);
  }
  if (section.text == Section::Text::all) return;
  if (!first) out += '.';
  using Text = Section::Text;
  switch (section.text) {
    case Text::all: break;
    case Text::header: out += "HEADER"; break;
    case Text::text: out += "TEXT"; break;
    case Text::mime: out += "MIME"; break;
    case Text::header_fields:
    case Text::header_fields_not: {
      out += section.text == Text::header_fields ? "HEADER.FIELDS (" : "HEADER.FIELDS.NOT (";
      bool first_field = true;
      for (const auto& field : section.fields) {
        if (!first_field) out += ' ';
        first_field = false;
        append_astring(out, field, ImapForm::ascii);
      }
      out += ')';
    }
  }
}

std::string_view status_name(Status status) {
  switch (status) {
    case Status::ok: return "OK";
    case Status::no: return "NO";
    case Status::bad: break;
  }
  return "BAD";
}

void append_reply(std::string& out, std::string_view tag, const Reply& reply) {
  out += tag;
  out += ' ';
  out += status_name(reply.status);
  out += ' ';
  if (!reply.code.empty()) {
    out += '[';
    out += reply.code;
    out += "] ";
  }
  out += reply.text;
  out += "\r\n";
}

}  // namespace angarium::protocol::imap
