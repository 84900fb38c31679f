#include "message/dsn_words.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "message/encoded_word.h"
#include "message/header.h"

namespace angarium::message {
namespace {

using ByAction = std::array<std::string_view, kDsnActions>;

struct Words {
  std::string_view tag;
  ByAction subject;
  std::string_view system_at;     // before the name of the mail system
  ByAction opening;               // what happened, a paragraph
  std::string_view about;         // before the subject of the message
  std::string_view arrived;       // before the date it came
  std::string_view wanted_by;     // before the time by which it was to be delivered
  std::string_view addressed_to;  // before the address the sender used
  std::string_view status;        // before the code
  std::string_view remote_said;   // before the remote's name
  std::string_view said;          // when there is none
  std::string_view trying_until;  // before a date
  std::string_view advice;        // before what to do
  std::string_view more;          // before the number of recipients not told of
  std::string_view has_message;
  std::string_view has_header;
};

// A language is a pair here, for the sender and for the postmaster, and a column in status.cpp.
constexpr Words kEnglish{
    .tag = "en",
    .subject = {"Your message was not delivered", "Your message is delayed", "Your message was delivered",
                "Your message was passed on", "Your message went to a list"},
    .system_at = "This is the mail system at ",
    .opening = {"Your message could not be delivered to the recipients named here, and it will not be tried again.",
                "Your message could not be delivered yet. You need not send it again: the mail system goes on trying, "
                "and tells you if it has to give up.",
                "Your message was delivered, as you asked to be told.",
                "Your message was passed on to a mail system that sends no reports of delivery. You may hear nothing "
                "more of it.",
                "Your message was delivered to an address that passes it on to several others. You will hear nothing "
                "of those."},
    .about = "Subject of your message: ",
    .arrived = "It came here: ",
    .wanted_by = "You wanted it delivered by: ",
    .addressed_to = "You wrote to: ",
    .status = "Status code: ",
    .remote_said = "The words of the mail server ",
    .said = "The words of the mail system:",
    .trying_until = "The mail system tries until: ",
    .advice = "What you can do: ",
    .more = "More recipients, told of in the report for machines: ",
    .has_message = "Your message comes back with this report.",
    .has_header = "The header of your message comes back with this report."};
constexpr Words english_for_postmaster() {
  Words words = kEnglish;
  words.subject[static_cast<std::size_t>(DsnAction::failed)] = "A message without a sender was not delivered";
  words.opening[static_cast<std::size_t>(DsnAction::failed)] =
      "A message that names no sender to return it to, mostly a report of a mail system, could not be delivered to the "
      "recipients named here. It will not be tried again, and nobody but you is told.";
  words.about = "Subject of the message: ";
  words.has_message = "The message comes with this report.";
  words.has_header = "The header of the message comes with this report.";
  return words;
}
constexpr std::array<std::array<Words, 2>, kLanguages> kWords{{{kEnglish, english_for_postmaster()}}};

const Words& words_of(Language language, ReportReader reader = ReportReader::sender) {
  return kWords[static_cast<std::size_t>(language)][static_cast<std::size_t>(reader)];
}

/// Characters of a line of the text; quoted words have less.
constexpr std::size_t kWidth = 72;
/// Lines of a reply that are quoted; a server may send any number.
constexpr std::size_t kQuotedLinesMax = 20;
/// Octets of the original's Subject that are shown.
constexpr std::size_t kSubjectMax = 200;

/// Octets of the character the text begins with: 0 when it is no UTF-8.
std::size_t character_size(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return size <= text.size() && valid_utf8(text.substr(0, size)) ? size : 0;
}

/// U+0080-U+009F, and marks that turn the direction of text, hide in it or end its line.
bool hides(std::string_view character) {
  if (character.size() == 2) return character[0] == '\xC2' && static_cast<unsigned char>(character[1]) < 0xA0;
  if (character.size() != 3) return false;
  if (character == "\xEF\xBB\xBF") return true;
  const auto last = static_cast<unsigned char>(character[2]);
  if (character.starts_with("\xE2\x80"))
    return (last >= 0x8B && last <= 0x8F) || (last >= 0xA8 && last <= 0xAE);  // U+200B-200F, U+2028-202E
  return character.starts_with("\xE2\x81") && last >= 0xA0 && last <= 0xAF;   // U+2060-206F
}

/// Appends the text in lines that begin with `indent`, broken at blanks, or anywhere when a word is longer than a line.
void append_wrapped(std::string& out, std::string_view indent, std::string_view text) {
  const std::size_t room = kWidth - indent.size();
  while (!(text = trim(text)).empty()) {
    std::size_t end = text.size();
    if (end > room) {
      end = text.substr(0, room + 1).rfind(' ');
      if (end == std::string_view::npos) {
        end = std::min(text.find(' '), text.size());
        end = std::min(end, kLineMax - kWidth);
        while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
      }
    }
    out.append(indent).append(text.substr(0, end)).append("\r\n");
    text.remove_prefix(end);
  }
}

/// The lines of what somebody said, quoted.
void append_quoted(std::string& out, std::string_view text) {
  text = text.substr(0, kReportTextMax);
  for (std::size_t lines = 0; !text.empty(); ++lines) {
    if (lines == kQuotedLinesMax) return append_wrapped(out, "    > ", "...");
    const std::string_view line = take_until(text, '\n');
    append_wrapped(
        out, "    > ",
        visible_text(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line, kReportTextMax, Utf8::accept));
  }
}

void append_recipient(std::string& out, const RecipientReport& recipient, Language language, ReportReader reader) {
  const Words& words = words_of(language, reader);
  const auto visible = [](std::string_view text) { return visible_text(text, kReportTextMax, Utf8::accept); };
  append_wrapped(out, "", "<" + visible(recipient.final_recipient.text) + ">");
  const auto& original = recipient.original_recipient;
  if (original && original->text != recipient.final_recipient.text)
    append_wrapped(out, "    ", std::string(words.addressed_to) + "<" + visible(original->text) + ">");
  const StatusCode status = reported_status(recipient);
  const bool bad = recipient.action == DsnAction::failed || recipient.action == DsnAction::delayed;
  const bool worded = recipient.diagnostic && !trim(recipient.diagnostic->text).empty();
  if (bad) {
    // Words of ours say why where the code does not: nothing is unknown then.
    if (status.subject != 0 || !worded || recipient.remote_mta)
      append_wrapped(out, "    ", status_meaning(status, language));
    append_wrapped(out, "    ", std::string(words.status) + status.text());
  }
  if (worded) {
    append_wrapped(out, "    ",
                   recipient.remote_mta ? std::string(words.remote_said) + visible(recipient.remote_mta->text) + ":"
                                        : std::string(words.said));
    append_quoted(out, recipient.diagnostic->text);
  }
  if (recipient.action == DsnAction::delayed && recipient.will_retry_until)
    append_wrapped(out, "    ", std::string(words.trying_until) + format_date(*recipient.will_retry_until));
  if (recipient.action == DsnAction::failed && reader == ReportReader::sender)
    append_wrapped(out, "    ", std::string(words.advice) + std::string(status_advice(status, language)));
  out += "\r\n";
}

}  // namespace

std::string_view language_tag(Language language) { return words_of(language).tag; }

std::string dsn_subject(const DeliveryReport& report, Language language, ReportReader reader) {
  DsnAction worst = DsnAction::expanded;
  for (const RecipientReport& recipient : report.recipients) worst = std::min(worst, recipient.action.value_or(worst));
  return std::string(words_of(language, reader).subject[static_cast<std::size_t>(worst)]);
}

std::string dsn_text(const DeliveryReport& report, std::string_view original_header, Attached attached,
                     Language language, ReportReader reader) {
  const Words& words = words_of(language, reader);
  std::string out;
  append_wrapped(
      out, "",
      std::string(words.system_at) + visible_text(report.reporting_mta.text, kReportTextMax, Utf8::accept) + ".");
  out += "\r\n";
  if (const auto subject = Header(original_header).find("Subject"))
    append_wrapped(out, "",
                   std::string(words.about) +
                       visible_text(decode_text(subject->value.substr(0, kReportTextMax)), kSubjectMax, Utf8::accept));
  if (report.arrival) append_wrapped(out, "", std::string(words.arrived) + format_date(*report.arrival));
  if (report.deliver_by) append_wrapped(out, "", std::string(words.wanted_by) + format_date(*report.deliver_by));
  if (!out.ends_with("\r\n\r\n")) out += "\r\n";
  std::size_t told = 0;
  for (std::size_t action = 0; action < kDsnActions; ++action) {
    bool opened = false;
    for (const RecipientReport& recipient : report.recipients) {
      if (recipient.action != static_cast<DsnAction>(action) || told == kTextRecipientsMax) continue;
      if (!opened) {
        append_wrapped(out, "", words.opening[action]);
        out += "\r\n";
      }
      opened = true;
      append_recipient(out, recipient, language, reader);
      ++told;
    }
  }
  if (told < report.recipients.size())
    append_wrapped(out, "", fmt::format("{}{}", words.more, report.recipients.size() - told));
  if (attached == Attached::message) append_wrapped(out, "", words.has_message);
  if (attached == Attached::header) append_wrapped(out, "", words.has_header);
  return out;
}

StatusCode reported_status(const RecipientReport& recipient) {
  const DsnAction action = recipient.action.value_or(DsnAction::failed);
  // RFC 3463 §2, RFC 3464 §2.3.3: a recipient may fail in the end of what was temporary all the time.
  const unsigned right = action == DsnAction::failed ? 5 : action == DsnAction::delayed ? 4 : 2;
  const bool agrees = recipient.status && (recipient.status->class_code == right ||
                                           (action == DsnAction::failed && recipient.status->class_code == 4));
  return agrees ? *recipient.status : StatusCode{static_cast<std::uint16_t>(right), 0, 0};
}

std::string visible_text(std::string_view text, std::size_t max, Utf8 utf8) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    const std::string_view character = text.substr(0, size == 0 ? 1 : size);
    const std::size_t before = out.size();
    if (text.starts_with("\r\n")) {
      text.remove_prefix(1);
      continue;
    }
    if (is_space(text[0])) {
      out += ' ';
    } else if (size == 0 || is_control(text[0]) || (size > 1 && (utf8 == Utf8::refuse || hides(character)))) {
      for (const char c : character)
        fmt::format_to(std::back_inserter(out), "\\x{:02X}", static_cast<unsigned char>(c));
    } else {
      out += character;
    }
    if (out.size() > max) {
      out.resize(before);
      return out += "...";
    }
    text.remove_prefix(character.size());
  }
  return out;
}

}  // namespace angarium::message
