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

std::string shown(const Text& text) {
  return escape_controls(text.octets, kWordsTold) + (text.whole.has_value() ? "..." : "");
}

std::string span_words(std::uint64_t milliseconds) {
  if (milliseconds < 10'000) return std::to_string(milliseconds) + " ms";
  const std::uint64_t seconds = milliseconds / 1000;
  if (seconds < 120) return std::to_string(seconds) + " s";
  return seconds < 7200 ? std::to_string(seconds / 60) + " min" : std::to_string(seconds / 3600) + " h";
}

std::string in_status(const Code& code) {
  return std::to_string(code.status) + "." + std::to_string(code.subject) + "." + std::to_string(code.detail);
}

bool is(const Code& code, unsigned subject, unsigned detail) {
  return code.subject == subject && code.detail == detail;
}

std::string who_came(const Beginning& beginning) {
  std::string words;
  if (beginning.door == Door::drop) return "from user " + shown(beginning.login) + " of this host (sendmail)";
  if (!beginning.helo.octets.empty()) words = shown(beginning.helo) + " ";
  words += beginning.peer.empty() ? "this host" : "[" + peer_words(beginning.peer) + "]";
  words += beginning.tls.empty() ? ", without TLS" : ", " + escape_controls(beginning.tls);
  if (!beginning.login.octets.empty()) words += ", logged in as " + shown(beginning.login);
  return "by " + std::string(door_word(beginning.door)) + " from " + words;
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
    case Fate::Kind::relayed: words += "taken (by a server without DSN)"; break;
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

/// What may be done about a refusal of this code.
std::string advice_for(const Code& code, const std::string& address) {
  if (code.reply == 530) return "the client must log in first, over TLS: see the listeners submission and submissions";
  if (is(code, 1, 1))
    return "if " + address + " should exist: angarium account add " + address + ", or angarium alias add " + address +
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

std::string code_words(const Code& code) {
  std::string words = code.reply == 0 ? "" : std::to_string(code.reply) + " ";
  if (code.status == 0) return words.empty() ? "no code" : words.substr(0, words.size() - 1);
  const message::StatusCode status{code.status, code.subject, code.detail};
  return words + in_status(code) + " (" + std::string(message::status_name(status)) + ")";
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
  constexpr std::array<std::string_view, 6> kWords = {"smtp", "submission", "lmtp", "drop", "here", "onward"};
  return kWords[static_cast<std::size_t>(door)];
}
std::string_view course_word(Course course) {
  constexpr std::array<std::string_view, 6> kWords = {"refused", "here", "queue", "discarded", "failed", "dropped"};
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
  constexpr std::array<std::string_view, 7> kWords = {"attempt", "report",  "held",   "released",
                                                      "removed", "retried", "sent on"};
  return kWords[static_cast<std::size_t>(kind)];
}

std::vector<Said> tell(const Beginning& beginning) {
  std::vector<Said> said;
  const auto say = [&](std::string words) { said.push_back({beginning.at, std::move(words)}); };
  const bool of_another = beginning.report_of != trace::DeliveryId();
  if (beginning.door == Door::here) {
    say(of_another ? "made here, a report about the message " + beginning.report_of.text()
                   : "made here, for the postmaster");
  } else if (beginning.door == Door::onward) {
    say("sent on from the message " + beginning.report_of.text());
  } else {
    say((beginning.refusal ? "came " : "accepted ") + who_came(beginning));
  }
  if (beginning.has_sender) {
    std::string words = "from " + address_words(beginning.sender);
    if (beginning.octets > 0) words += ", " + std::to_string(beginning.octets) + " octets";
    const bool named = !beginning.message_id.octets.empty() || beginning.message_id.whole;
    if (named) words += ", Message-ID <" + shown(beginning.message_id) + ">";
    if (!beginning.refusal && beginning.door < Door::here) words += ", taken in " + span_words(beginning.took_ms);
    if (const std::string wishes = wishes_words(beginning.wishes); !wishes.empty()) words += "; asked for: " + wishes;
    say(std::move(words));
  }
  for (const trace::Recipient& recipient : beginning.recipients) say(recipient_words(recipient));
  if (beginning.refusal) say(refusal_words(beginning));
  return said;
}

std::vector<Said> tell(const Event& event) {
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
      if (event.fates.size() > 1)
        for (const Fate& fate : event.fates) say("  " + fate_words(fate));
      break;
    }
    case Event::Kind::report: {
      const bool delay = std::ranges::all_of(event.fates, [](const Fate& one) { return one.kind == Fate::Kind::owed; });
      say(std::string(delay ? "a notice of the delay" : "a report") + " goes to " + shown(event.text) + " (" +
          event.id.text() + ")");
      break;
    }
    case Event::Kind::held: say("held by the operator"); break;
    case Event::Kind::released: say("released by the operator"); break;
    case Event::Kind::removed: say("removed from the queue by the operator"); break;
    case Event::Kind::retried: say("the operator has it tried again"); break;
    case Event::Kind::sent_on: say("goes on for " + shown(event.text) + " as " + event.id.text()); break;
  }
  return said;
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

std::vector<std::string> advice(const Event& last) {
  for (const Fate& fate : last.fates) {
    if (fate.kind != Fate::Kind::failed && fate.kind != Fate::Kind::expired) continue;
    const auto status = message::parse_status(fate.status.octets);
    if (status)
      return {std::string(message::status_meaning(*status, message::Language::english)) + " " +
              std::string(message::status_advice(*status, message::Language::english))};
  }
  return {};
}

}  // namespace angarium::agent
