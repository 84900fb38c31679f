#include "mua/display.h"

#include <array>

#include "base/text.h"
#include "message/address.h"
#include "message/attachment.h"
#include "message/content.h"
#include "message/date.h"
#include "message/encoded_word.h"
#include "message/header.h"
#include "message/html_text.h"
#include "message/structure.h"
#include "mua/screen.h"

namespace angarium::mua {
namespace {

using message::Part;
using message::PartKind;
using message::Structure;

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::size_t kAuthorColumns = 18;

std::string two(int number) { return (number < 10 ? "0" : "") + std::to_string(number); }

std::string left(std::string text, std::size_t wide) {
  return text.size() < wide ? std::string(wide - text.size(), ' ') + text : text;
}

char state_letter(const Entry& entry) {
  if ((entry.flags & message::kBoxFlagged) != 0) return 'F';
  if ((entry.flags & message::kBoxAnswered) != 0) return 'A';
  if ((entry.flags & message::kBoxSeen) != 0) return ' ';
  return (entry.flags & message::kBoxOld) != 0 ? 'U' : 'N';
}

class Shower {
 public:
  Shower(std::string_view message, const Settings& settings)
      : message_(message), settings_(settings), structure_(message::parse_structure(message)) {}

  std::string show(Fields fields) {
    header(structure_.root(), fields);
    part(0);
    return std::move(out_);
  }

 private:
  void header(const Part& of, Fields fields) {
    if (fields == Fields::none) return;
    for (const message::Field& field : message::Header(of.header().of(message_))) {
      if (!field.well_formed() || (fields == Fields::chosen && !settings_.shows(field.name))) continue;
      out_ += visible(field.name) + ": " + visible(message::decode_text(field.value)) + "\n";
    }
    out_ += "\n";
  }

  [[nodiscard]] std::vector<std::uint32_t> children(const Part& of) const {
    std::vector<std::uint32_t> found;
    for (std::uint32_t i = of.first_child; i != message::kNoPart; i = structure_.parts[i].next_sibling)
      found.push_back(i);
    return found;
  }

  /// Recursion ends with message::kDepthMax.
  void part(std::uint32_t number) {
    const Part& of = structure_.parts[number];
    if (of.kind == PartKind::message) {
      out_ += "[an enclosed message]\n";
      for (const std::uint32_t child : children(of)) {
        header(structure_.parts[child], Fields::chosen);
        part(child);
      }
    } else if (of.kind == PartKind::multipart) {
      const auto all = children(of);
      if (structure_.is_type(of, message_, "multipart", "alternative") && !all.empty()) return part(preferred(all));
      for (const std::uint32_t child : all) part(child);
    } else {
      leaf(number, of);
    }
  }

  [[nodiscard]] std::uint32_t preferred(const std::vector<std::uint32_t>& all) const {
    for (const std::uint32_t child : all)
      if (structure_.is_type(structure_.parts[child], message_, "text", "plain")) return child;
    return all.front();
  }

  void leaf(std::uint32_t number, const Part& of) {
    const bool text = structure_.is_type(of, message_, "text");
    const bool attached =
        starts_with_ignore_case(trim(of.field(message::PartField::disposition).of(message_)), "attachment");
    if (!text || (attached && number != 0)) {
      const std::string name = visible(message::part_file_name(of, message_));
      out_ += "[" + visible(structure_.type(of, message_) + "/" + structure_.subtype(of, message_)) +
              (name.empty() ? "" : " \"" + name + "\"") + ", " + std::to_string(of.body().size) + " octets]\n";
      return;
    }
    std::string content = message::part_text(structure_, of, message_, kShownMax);
    if (structure_.is_type(of, message_, "text", "html")) content = message::html_to_text(content, kShownMax);
    out_ += visible_text(content);
    if (!out_.empty() && !out_.ends_with('\n')) out_ += '\n';
  }

  std::string_view message_;
  const Settings& settings_;
  Structure structure_;
  std::string out_;
};

}  // namespace

std::string field_text(std::string_view header, std::string_view name) {
  const auto field = message::Header(header).find(name);
  return field ? message::decode_text(field->value) : std::string();
}

std::string author(std::string_view header) {
  for (const std::string_view name : {"From", "Sender", "Return-Path"}) {
    const auto field = message::Header(header).find(name);
    if (!field) continue;
    const auto addresses = message::parse_addresses(field->value).addresses;
    if (addresses.empty()) continue;
    const std::string& shown = addresses.front().display();
    return visible(shown.empty() ? addresses.front().spec() : shown);
  }
  return "";
}

namespace {

std::optional<message::DateTime> date_of(std::string_view header) {
  const auto field = message::Header(header).find("Date");
  return field ? message::parse_date(field->value) : std::nullopt;
}

std::string short_form(const message::DateTime& here) {
  return std::string(kMonths[static_cast<std::size_t>(here.day.month - 1)]) + " " +
         left(std::to_string(here.day.day), 2) + " " + two(here.hour) + ":" + two(here.minute);
}

std::string short_date(const Came& came, int zone_minutes) {
  if (!came.date) return std::string(12, ' ');
  return short_form(came.date->zone_unknown ? *came.date : message::DateTime::at(came.date->instant(), zone_minutes));
}

}  // namespace

std::string short_date(std::string_view header, int zone_minutes) {
  const auto date = date_of(header);
  return date ? short_form(message::DateTime::at(date->instant(), zone_minutes)) : std::string(12, ' ');
}

bool needs_envelope(std::string_view header) { return author(header).empty() || !date_of(header); }

std::string list_line(std::size_t number, const Entry& entry, std::string_view header, const Came& came, char mark,
                      std::size_t columns, int zone_minutes) {
  std::string from = author(header);
  if (from.empty()) from = visible(came.sender);
  const std::string date = date_of(header) ? short_date(header, zone_minutes) : short_date(came, zone_minutes);
  const std::string lines = entry.lines == 0 ? "" : std::to_string(entry.lines);
  std::string line = std::string(1, mark) + state_letter(entry) + left(std::to_string(number + 1), 4) + " " +
                     fit(from, kAuthorColumns) + " " + date + " " + left(lines, 4) + "/" +
                     fit(std::to_string(entry.octets), 6) + " ";
  line += visible(field_text(header, "Subject"));
  line = fit(line, std::max<std::size_t>(columns, 40));
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string show(std::string_view message, const Settings& settings, Fields fields) {
  return Shower(message, settings).show(fields);
}

bool is_shown_whole(std::string_view message) {
  const Structure structure = message::parse_structure(message);
  const Part& of = structure.parts.front();
  if (structure.parts.size() != 1 || !structure.is_type(of, message, "text", "plain")) return false;
  // One octet more than is shown would be there.
  return message::part_text(structure, of, message, kShownMax + 1).size() <= kShownMax;
}

std::vector<Detached> detach(std::string_view message) {
  const Structure structure = message::parse_structure(message);
  std::vector<Detached> found;
  for (const message::Attachment& attachment : message::find_attachments(structure, message)) {
    if (attachment.uu_size != 0) continue;
    const Part& part = structure.parts[attachment.part];
    Detached one{.name = attachment.name, .type = attachment.type, .octets = message::decoded_content(part, message)};
    while (one.name.starts_with('.')) one.name.erase(0, 1);
    if (one.name.empty()) one.name = "part" + std::to_string(found.size() + 1);
    found.push_back(std::move(one));
  }
  return found;
}

}  // namespace angarium::mua
