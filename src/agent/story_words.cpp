#include "agent/story_words.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "io/address.h"
#include "message/status.h"

namespace angarium::agent {
namespace {

using trace::Beginning;
using trace::Code;
using trace::Course;
using trace::Door;
using trace::Event;
using trace::Fate;
using trace::Refusal;
using trace::Step;
using trace::Text;

/// Recipients whose failure is explained one by one.
constexpr std::size_t kAdviceMax = 5;

std::string shown(const Text& text) {
  return escape_controls(text.octets, kWordsTold) + (text.whole.has_value() ? "..." : "");
}

std::string span_words(std::uint64_t milliseconds) {
  if (milliseconds < 10'000) return std::to_string(milliseconds) + " ms";
  const std::uint64_t seconds = milliseconds / 1000;
  if (seconds < 120) return std::to_string(seconds) + " s";
  return seconds < 7200 ? std::to_string(seconds / 60) + " min" : std::to_string(seconds / 3600) + " h";
}

bool is(const Code& code, unsigned subject, unsigned detail) {
  return code.subject == subject && code.detail == detail;
}

std::string who_came(const Beginning& beginning) {
  std::string words;
  const bool fetched = beginning.door == Door::pop3 || beginning.door == Door::imap;
  if (beginning.door == Door::drop)
    return std::string(beginning.refusal ? "came" : "accepted") + " from user " + shown(beginning.login) +
           " of this host (sendmail)";
  if (!beginning.helo.octets.empty()) words = shown(beginning.helo) + " ";
  words += beginning.peer.empty() ? "this host" : "[" + peer_words(beginning.peer) + "]";
  words += beginning.tls.empty() ? ", without TLS" : ", " + escape_controls(beginning.tls);
  if (fetched)
    return "fetched by " + std::string(beginning.door == Door::pop3 ? "POP3" : "IMAP") + " from " + words + ", box " +
           shown(beginning.login);
  if (!beginning.login.octets.empty()) words += ", logged in as " + shown(beginning.login);
  return (beginning.refusal ? "came by " : "accepted by ") + std::string(door_word(beginning.door)) + " from " + words;
}

std::string wishes_words(const trace::Wishes& wishes) {
  std::string words;
  const auto add = [&](bool holds, const std::string& wish) {
    if (holds) words += (words.empty() ? "" : ", ") + wish;
  };
  const auto flag = [&](std::uint8_t bit) { return (wishes.flags & bit) != 0; };
  add(flag(trace::kWishHeaders), "headers only in reports");
  add(flag(trace::kWishFull), "the whole message in reports");
  add(flag(trace::kWishUtf8), "SMTPUTF8");
  add(flag(trace::kWishBinary), "binary");
  add(flag(trace::kWishRequireTls), "only over TLS");
  add(wishes.priority != 0, "priority " + std::to_string(wishes.priority));
  add(wishes.held_until != 0, "held back until " + to_rfc3339({wishes.held_until}));
  add(wishes.deliver_by != 0, "within " + std::to_string(wishes.deliver_by) + " s");
  return words;
}

std::string notify_words(std::uint8_t notify) {
  if (notify == 0) return "";
  std::string words;
  constexpr std::array<std::pair<std::uint8_t, std::string_view>, 4> kBits = {{{trace::kNotifyNever, "never"},
                                                                               {trace::kNotifySuccess, "success"},
                                                                               {trace::kNotifyFailure, "failure"},
                                                                               {trace::kNotifyDelay, "delay"}}};
  for (const auto& [bit, word] : kBits)
    if ((notify & bit) != 0) words += (words.empty() ? "" : ", ") + std::string(word);
  return "; reports wanted: " + words;
}

std::string recipient_words(const trace::Recipient& recipient) {
  std::string words = "to " + address_words(recipient.address) + ": ";
  switch (recipient.course) {
    case Course::refused: words += "refused, " + code_words(recipient.code); break;
    case Course::here: words += "delivered here"; break;
    case Course::elsewhere: words += "into the queue"; break;
    case Course::onward: return "  it leads to " + address_words(recipient.address) + ": into the queue";
    case Course::discarded: words += "thrown away"; break;
    case Course::failed: words += "cannot be sent on, its sender is told"; break;
    case Course::dropped: words += "let in, but the message did not come"; break;
  }
  return words + notify_words(recipient.notify);
}

std::string refusal_words(const Beginning& beginning) {
  const Refusal& refusal = *beginning.refusal;
  if (refusal.further > 0)
    return "and " + std::to_string(refusal.further) + " more refusals within " + span_words(refusal.over_ms) +
           ", the last one " + code_words(refusal.code);
  if (refusal.step == Step::lost) return "the connection ended before the message was whole";
  std::string words =
      refusal.step == Step::connection ? "turned away" : "refused at " + std::string(step_word(refusal.step));
  words += ": " + code_words(refusal.code);
  if (!refusal.words.octets.empty()) words += ": " + shown(refusal.words);
  return words;
}

std::string fate_words(const Fate& fate) {
  std::string words = address_words(fate.address) + ": ";
  switch (fate.kind) {
    case Fate::Kind::owed: words += "not yet"; break;
    case Fate::Kind::failed: words += "failed for good"; break;
    case Fate::Kind::expired: words += "given up, its time is over"; break;
    case Fate::Kind::delivered: words += "delivered here"; break;
    case Fate::Kind::relayed: words += "taken (by a server that will not report success)"; break;
    case Fate::Kind::handed_on: words += "taken"; break;
    case Fate::Kind::discarded: words += "thrown away"; break;
    case Fate::Kind::expanded: words += "sent on to where the address leads"; break;
  }
  if (!fate.words.octets.empty()) {
    words += ": " + shown(fate.words);
  } else if (!fate.status.octets.empty()) {
    words += ": " + shown(fate.status);
  }
  return words;
}

/// Where the message came from.
std::string origin_words(const Beginning& beginning) {
  const bool of_another = beginning.report_of != trace::DeliveryId();
  const std::string of = of_another ? beginning.report_of.text() : "";
  if (beginning.door == Door::here)
    return of_another ? "made here, a report about the message " + of : "made here, for the postmaster";
  if (beginning.door == Door::onward) return "sent on from the message " + of;
  return who_came(beginning);
}

/// Sender, size, name and what else was asked for.
std::string content_words(const Beginning& beginning) {
  std::string words;
  const auto add = [&](const std::string& more) { words += (words.empty() ? "" : ", ") + more; };
  if (beginning.has_sender) add("from " + address_words(beginning.sender));
  if (beginning.octets > 0) add(std::to_string(beginning.octets) + " octets");
  const bool named = !beginning.message_id.octets.empty() || beginning.message_id.whole;
  if (named) add("Message-ID <" + shown(beginning.message_id) + ">");
  // Less is nothing to wonder at.
  if (!beginning.refusal && beginning.took_ms >= 1000) add("taken in " + span_words(beginning.took_ms));
  if (const std::string wishes = wishes_words(beginning.wishes); !wishes.empty()) add("asked for: " + wishes);
  return words;
}

std::string report_words(const Event& event) {
  if (event.fates.empty()) return "the postmaster is told of it, " + shown(event.text) + ": message " + event.id.text();
  const bool delay = std::ranges::all_of(event.fates, [](const Fate& one) { return one.kind == Fate::Kind::owed; });
  std::string words = delay ? "a notice of the delay" : "a report";
  if (event.fates.size() == 1) words += " about " + address_words(event.fates.front().address);
  return words + " goes to " + shown(event.text) + ": message " + event.id.text();
}

/// A word of a command that a person may copy into a shell; the address is a stranger's.
std::string shell_word(const std::string& text) {
  const bool plain = !text.empty() && !text.starts_with('-') && std::ranges::all_of(text, [](char c) {
    return is_alnum(c) || std::string_view("@._+-").contains(c);
  });
  if (plain) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

/// What may be done about a refusal of this code.
std::string advice_for(const Code& code, const std::string& told) {
  const std::string address = shell_word(told);
  if (code.reply == 530) return "the client must log in first, over TLS: see the listeners submission and submissions";
  if (is(code, 1, 1))
    return "if " + told + " should exist: angarium account add " + address + ", or angarium alias add " + address +
           " TARGET";
  if (is(code, 7, 1) && code.reply == 550)
    return "relaying is for users who log in (submission), for smtp.relay_networks and smtp.relay_domains; if the "
           "domain "
           "is to be served here: angarium domain add";
  if (is(code, 7, 1) && code.reply == 553)
    return "a user sends as own addresses only: angarium alias add gives another one";
  if (is(code, 7, 1) && code.reply == 450) return "how many messages an address may send: smtp.messages_per_minute";
  if (is(code, 2, 2)) return "more room: angarium account set " + address + " --quota '5 GiB'";
  if (is(code, 2, 1) && code.reply == 550) return "to enable it: angarium account set " + address + " --status enabled";
  if (is(code, 3, 4)) return "how large messages may be: smtp.message_size_max";
  if (is(code, 3, 1))
    return "the disk is nearly full, or memory is: angarium status, store.reserve, limits.memory_percent";
  return "";
}

}  // namespace

std::string status_of(const Code& code) {
  if (code.status == 0) return "";
  return std::to_string(code.status) + "." + std::to_string(code.subject) + "." + std::to_string(code.detail);
}

std::string code_words(const Code& code) {
  std::string words = code.reply == 0 ? "" : std::to_string(code.reply) + " ";
  if (code.status == 0) return words.empty() ? "no code" : words.substr(0, words.size() - 1);
  const message::StatusCode status{code.status, code.subject, code.detail};
  return words + status_of(code) + " (" + std::string(message::status_name(status)) + ")";
}

std::string address_words(const Text& text) {
  if (text.octets.empty() && text.whole) return "one more, whose name was not kept";
  return text.octets.empty() ? "<>" : shown(text);
}

std::string peer_words(std::string_view octets) {
  if (octets.size() == 4) {
    std::array<std::uint8_t, 4> bytes{};
    std::ranges::transform(octets, bytes.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
    return io::IpAddress::v4(bytes).text();
  }
  if (octets.size() != 16) return "this host";
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::transform(octets, bytes.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
  return io::IpAddress::v6(bytes).text();
}

std::string_view door_word(Door door) {
  constexpr std::array<std::string_view, 8> kWords = {"smtp", "submission", "lmtp", "drop",
                                                      "here", "onward",     "pop3", "imap"};
  return kWords[static_cast<std::size_t>(door)];
}
std::string_view course_word(Course course) {
  constexpr std::array<std::string_view, 7> kWords = {"refused", "here",    "queue", "discarded",
                                                      "failed",  "dropped", "onward"};
  return kWords[static_cast<std::size_t>(course)];
}
std::string_view step_word(Step step) {
  constexpr std::array<std::string_view, 5> kWords = {"connection", "MAIL", "RCPT", "DATA", "lost"};
  return kWords[static_cast<std::size_t>(step)];
}
std::string_view fate_word(Fate::Kind kind) {
  constexpr std::array<std::string_view, 8> kWords = {"deferred", "failed",    "expired",   "delivered",
                                                      "relayed",  "handed on", "discarded", "expanded"};
  return kWords[static_cast<std::size_t>(kind)];
}
std::string_view event_word(Event::Kind kind) {
  constexpr std::array<std::string_view, 8> kWords = {"attempt", "report",  "held",    "released",
                                                      "removed", "retried", "sent on", "set aside"};
  return kWords[static_cast<std::size_t>(kind)];
}

std::vector<Said> tell(const Beginning& beginning, const std::vector<std::vector<std::string>>& places) {
  std::vector<Said> said;
  const auto say = [&](std::string words) { said.push_back({beginning.at, std::move(words)}); };
  say(origin_words(beginning));
  if (std::string words = content_words(beginning); !words.empty()) say(std::move(words));
  // The reason of the last refusal belongs to the recipient that was refused with it.
  std::size_t explained = beginning.recipients.size();
  if (const auto& refusal = beginning.refusal; refusal && refusal->step == Step::rcpt && refusal->further == 0)
    for (std::size_t i = 0; i < beginning.recipients.size(); ++i)
      if (beginning.recipients[i].course == Course::refused && beginning.recipients[i].code == refusal->code)
        explained = i;
  for (std::size_t i = 0; i < beginning.recipients.size(); ++i) {
    std::string words = recipient_words(beginning.recipients[i]);
    if (i == explained && !beginning.refusal->words.octets.empty()) words += ": " + shown(beginning.refusal->words);
    say(std::move(words));
    if (i < places.size())
      for (const std::string& place : places[i]) say("  " + place);
  }
  if (beginning.further_recipients > 0)
    say("to " + std::to_string(beginning.further_recipients) + " further recipients, too many to be written down");
  if (beginning.refusal && explained == beginning.recipients.size()) say(refusal_words(beginning));
  return said;
}

std::vector<Said> tell(const Event& event, const std::vector<std::vector<std::string>>& places) {
  std::vector<Said> said;
  const auto say = [&](std::string words) { said.push_back({event.at, std::move(words)}); };
  switch (event.kind) {
    case Event::Kind::attempt: {
      std::string words = event.number == 0 ? "the time is over" : "attempt " + std::to_string(event.number);
      if (!event.text.octets.empty()) words += " at " + shown(event.text);
      if (!event.text.octets.empty()) words += event.tls.empty() ? ", without TLS" : ", " + escape_controls(event.tls);
      if (event.took_ms > 0) words += ", " + span_words(event.took_ms);
      if (event.fates.size() == 1) words += ": " + fate_words(event.fates.front());
      say(std::move(words));
      for (std::size_t i = 0; i < event.fates.size(); ++i) {
        if (event.fates.size() > 1) say("  " + fate_words(event.fates[i]));
        if (i < places.size())
          for (const std::string& place : places[i]) say("  " + place);
      }
      break;
    }
    case Event::Kind::report: say(report_words(event)); break;
    case Event::Kind::held: say("held by the operator"); break;
    case Event::Kind::released: say("released by the operator"); break;
    case Event::Kind::removed: say("removed from the queue by the operator"); break;
    case Event::Kind::retried: say("the operator has it tried again"); break;
    case Event::Kind::sent_on: say("goes on for " + shown(event.text) + " as the message " + event.id.text()); break;
    case Event::Kind::set_aside:
      say("set aside: the server crashed " + std::to_string(event.number) +
          " times in a row while it sent this message");
      break;
  }
  return said;
}

bool ended_alike(const Event& one, const Event& other) {
  const auto attempt = [](const Event& event) { return event.kind == Event::Kind::attempt && event.number != 0; };
  // Not by the words: many servers put a number of their own into them.
  return attempt(one) && attempt(other) && one.text == other.text &&
         std::ranges::equal(one.fates, other.fates, [](const Fate& a, const Fate& b) {
           return a.kind == b.kind && a.address == b.address && a.status == b.status;
         });
}

std::vector<std::string> advice(const Beginning& beginning) {
  std::vector<std::string> lines;
  const auto add = [&](std::string line) {
    if (!line.empty() && std::ranges::find(lines, line) == lines.end()) lines.push_back(std::move(line));
  };
  for (const trace::Recipient& recipient : beginning.recipients)
    if (recipient.course == Course::refused) add(advice_for(recipient.code, address_words(recipient.address)));
  if (!beginning.refusal) return lines;
  const Refusal& refusal = *beginning.refusal;
  if (refusal.step == Step::connection && refusal.code.reply == 421)
    add("how many connections there may be: limits.connections_max, limits.connections_per_address");
  if (refusal.step == Step::connection && refusal.code.reply == 554)
    add("clients that talk too early: smtp.early_talk");
  if (refusal.step != Step::connection && refusal.step != Step::rcpt)
    add(advice_for(refusal.code, address_words(beginning.sender)));
  return lines;
}

std::vector<std::string> advice(const std::vector<Standing>& standings) {
  std::vector<std::string> lines;
  for (const Standing& one : standings) {
    const auto status = one.kind == Standing::Kind::failed ? message::parse_status(one.status) : std::nullopt;
    if (!status) continue;
    lines.push_back(one.address + ": " + std::string(message::status_meaning(*status, message::Language::english)) +
                    " " + std::string(message::status_advice(*status, message::Language::english)));
    if (lines.size() == kAdviceMax) break;
  }
  return lines;
}

}  // namespace angarium::agent
