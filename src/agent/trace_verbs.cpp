#include "agent/trace_verbs.h"

#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "agent/queue_verbs.h"
#include "agent/story_words.h"
#include "base/text.h"
#include "io/address.h"
#include "io/loop.h"

namespace angarium::agent {
namespace {

namespace json = boost::json;
using trace::Beginning;
using trace::DeliveryId;
using trace::Event;
using trace::Ledger;
using trace::Story;

/// Places whose present state is looked up for one answer, since a look may go through all mailboxes of an account;
/// the others are told as they were.
constexpr std::size_t kPlacesLookedUp = 20;
/// Of recipients at attempts, for one story: those of the first attempts, and the rest of the last ones.
constexpr std::size_t kFatesTold = 3000;
constexpr std::size_t kFirstFatesTold = 1000;
/// An answer that has grown to this takes no further story: one line of the control protocol may have 16 MiB.
constexpr std::size_t kAnswerMax = std::size_t{6} << 20;
/// So many attempts more that ended alike are told in one line.
constexpr std::size_t kAlikeTold = 3;

/// Where copies lie now.
struct Lying {
  std::vector<std::vector<std::string>> words;  ///< of each recipient
  json::array places;
};

std::string without_brackets(std::string_view text) {
  if (text.starts_with('<') && text.ends_with('>')) text = text.substr(1, text.size() - 2);
  return std::string(text);
}

Result<trace::Question> question_of(const control::Request& request) {
  trace::Question question;
  const std::string_view what = request.get("what");
  question.limit = kStoriesShown;
  if (request.has("limit")) {
    const auto limit = parse_number<std::uint64_t>(request.get("limit"));
    if (!limit || *limit == 0 || *limit > kStoriesMax)
      return fail(kUsageError, "the limit is from 1 to " + std::to_string(kStoriesMax));
    question.limit = static_cast<std::size_t>(*limit);
  }
  if (request.has("since")) {
    const auto since = parse_number<std::uint64_t>(request.get("since"));
    if (!since) return fail(kUsageError, "'since' is no time");
    question.since = WallTime{static_cast<std::int64_t>(*since)};
  }
  if (what == "last") return question;
  if (const auto id = DeliveryId::parse(what)) {
    question.id = id;
  } else if (const auto address = io::IpAddress::parse(what)) {
    question.peer = address->octets();
  } else if (what.contains('@')) {
    question.address = without_brackets(what);
  } else {
    return fail(kUsageError,
                "'" + escape_controls(what, 100) +
                    "' is no id (twelve letters and digits, as in the reply to the message), no address, no "
                    "Message-ID, and no host's address; angarium trace last shows the latest");
  }
  return question;
}

/// An address and a Message-ID look alike.
Result<std::vector<Story>> find(Ledger& ledger, trace::Question question) {
  // What was refused a moment ago is told, too.
  TRY(ledger.write_refusals());
  auto found = TRY(ledger.find(question));
  if (!found.empty() || question.address.empty()) return found;
  question.message_id = std::exchange(question.address, "");
  return ledger.find(question);
}

// --- facts ----------------------------------------------------------------------------------------------------------

std::string status_of(const trace::Code& code) {
  if (code.status == 0) return "";
  return std::to_string(code.status) + "." + std::to_string(code.subject) + "." + std::to_string(code.detail);
}

std::string shown(const trace::Text& text) { return escape_controls(text.octets, kWordsTold); }

json::object show(const trace::Recipient& recipient) {
  json::object shown_one{{"address", shown(recipient.address)}, {"course", course_word(recipient.course)}};
  if (recipient.code.reply != 0) {
    shown_one["code"] = recipient.code.reply;
    shown_one["status"] = status_of(recipient.code);
  }
  return shown_one;
}

json::object show(const Beginning& beginning) {
  json::object shown_one{{"door", door_word(beginning.door)},
                         {"peer", beginning.peer.empty() ? "" : peer_words(beginning.peer)},
                         {"helo", shown(beginning.helo)},
                         {"tls", escape_controls(beginning.tls)},
                         {"login", shown(beginning.login)},
                         {"sender", beginning.has_sender ? json::value(shown(beginning.sender)) : json::value()},
                         {"octets", beginning.octets},
                         {"took_ms", beginning.took_ms},
                         {"message_id", shown(beginning.message_id)}};
  if (beginning.report_of != trace::DeliveryId())
    shown_one[beginning.door == trace::Door::onward ? "sent_on_from" : "report_of"] = beginning.report_of.text();
  json::array recipients;
  for (const trace::Recipient& recipient : beginning.recipients) recipients.push_back(show(recipient));
  shown_one["recipients"] = std::move(recipients);
  if (beginning.further_recipients > 0) shown_one["further_recipients"] = beginning.further_recipients;
  if (const auto& refusal = beginning.refusal)
    shown_one["refusal"] = json::object{{"step", step_word(refusal->step)},
                                        {"code", refusal->code.reply},
                                        {"status", status_of(refusal->code)},
                                        {"words", shown(refusal->words)},
                                        {"further", refusal->further}};
  return shown_one;
}

json::object show(const Event& event) {
  json::object shown_one{{"at", to_rfc3339(event.at)}, {"kind", event_word(event.kind)}};
  if (event.kind == Event::Kind::attempt) {
    shown_one["number"] = event.number;
    shown_one["host"] = shown(event.text);
    shown_one["tls"] = escape_controls(event.tls);
    shown_one["took_ms"] = event.took_ms;
  }
  if (event.kind == Event::Kind::report) {
    shown_one["report"] = event.id.text();
    shown_one["to"] = shown(event.text);
  }
  if (event.kind == Event::Kind::sent_on) {
    shown_one["as"] = event.id.text();
    shown_one["for"] = shown(event.text);
  }
  json::array fates;
  for (const trace::Fate& fate : event.fates)
    fates.push_back(json::object{{"address", shown(fate.address)},
                                 {"outcome", fate_word(fate.kind)},
                                 {"status", shown(fate.status)},
                                 {"words", shown(fate.words)}});
  shown_one["recipients"] = std::move(fates);
  return shown_one;
}

// --- where it is now ------------------------------------------------------------------------------------------------

/// The account's address: mostly the recipient's leads to it; behind aliases of the host it is looked for.
io::Task<std::string> account_name(Services& services, std::uint64_t id, std::string address) {
  auto name = co_await io::run(
      services.pool(), [&directory = services.directory(), id, address]() -> Result<std::optional<std::string>> {
        const std::size_t at = address.rfind('@');
        if (at != std::string::npos)
          for (const account::Destination& one :
               TRY(directory.resolve(address.substr(0, at), address.substr(at + 1)))->accounts)
            if (one.id == id) return one.address;
        for (const account::Account& one : TRY(directory.accounts()))
          if (one.id == id) return one.address;
        return std::nullopt;
      });
  co_return name && *name ? **std::move(name) : "account " + std::to_string(id);
}

/// "in INBOX of bob@example.test, UID 7"; also where it was moved to.
io::Task<std::string> whereabouts(Services& services, trace::Place place, std::string name) {
  const auto mail = co_await services.mail().account(place.account);
  if (!mail)
    co_return mail.error().is(mailbox::kNoMailbox) ? name + " is gone" : "not known now: " + mail.error().text();
  const auto words = [&](const mailbox::MailboxInfo& box, mailbox::Uid uid) {
    return "in " + escape_controls(box.name) + " of " + name + ", UID " + std::to_string(uid);
  };
  const mailbox::ListingPtr listing = (*mail)->listing();
  for (const mailbox::MailboxInfo& box : listing->mailboxes) {
    if (box.id != place.mailbox) continue;
    const auto view = co_await (*mail)->view(box.id);
    const mailbox::Entry* const entry = view ? (*view)->find(place.uid) : nullptr;
    if (entry != nullptr && entry->email == place.email) co_return words(box, place.uid);
  }
  for (const mailbox::MailboxInfo& box : listing->mailboxes) {
    const auto view = co_await (*mail)->view(box.id);
    if (!view) continue;
    std::optional<mailbox::Uid> uid;
    (*view)->for_each([&](std::uint32_t, const mailbox::Entry& entry) {
      if (entry.email == place.email) uid = entry.uid;
    });
    if (uid) co_return "moved: " + words(box, *uid);
  }
  co_return "no longer in any mailbox of " + name;
}

/// Looks where the copies of `places` lie; `addresses`: of whom they are; `looks`: how many may be looked for still.
io::Task<> look(Services& services, const std::vector<trace::Place>& places, const std::vector<std::string>& addresses,
                std::size_t& looks, Lying& lying) {
  lying.words.assign(addresses.size(), {});
  for (const trace::Place& place : places) {
    const bool known = place.recipient < addresses.size();
    const std::string name =
        escape_controls(co_await account_name(services, place.account, known ? addresses[place.recipient] : ""));
    std::string now;
    if (looks > 0) {
      --looks;
      now = co_await whereabouts(services, place, name);
    }
    if (known)
      lying.words[place.recipient].push_back(now.empty() ? "to " + name + ", UID " + std::to_string(place.uid) : now);
    lying.places.push_back(json::object{{"account", place.account},
                                        {"name", name},
                                        {"mailbox", place.mailbox},
                                        {"uid", place.uid},
                                        {"email", place.email},
                                        {"now", now}});
  }
}

/// "in 5 min, at 2026-11-22T16:14:17Z".
std::string moment_words(WallTime at, WallTime now) {
  const std::int64_t seconds = (at.microseconds - now.microseconds) / 1'000'000;
  std::string text = to_rfc3339(at);
  text.erase(text.find('.'), text.size() - text.find('.') - 1);
  if (seconds < 120) return "in " + std::to_string(std::max<std::int64_t>(seconds, 0)) + " s, at " + text;
  if (seconds < 7200) return "in " + std::to_string(seconds / 60) + " min, at " + text;
  if (seconds < 172'800) return "in " + std::to_string(seconds / 3600) + " h, at " + text;
  return "in " + std::to_string(seconds / 86'400) + " days, at " + text;
}

/// What of it waits in the queue, if anything.
io::Task<json::value> queued(Services& services, DeliveryId id, std::vector<Said>& said,
                             std::vector<std::string>& advice) {
  const auto whole = co_await services.queue().find(id);
  if (!whole || whole->parts.empty()) co_return json::value();
  const WallTime now = io::Loop::current().clock().wall();
  json::array parts;
  bool held = false;
  for (const queue::Whole::Part& part : whole->parts) {
    const queue::Consignment& consignment = part.consignment;
    const auto backoff = co_await services.queue().find_backoff(consignment.destination);
    WallTime next{consignment.place.due};
    if (backoff && *backoff) next = std::max(next, (*backoff)->next);
    const bool is_held = consignment.hold != queue::Hold::none;
    held = held || is_held;
    std::string words = "waits in the queue for " + escape_controls(consignment.destination) + ": ";
    if (part.in_hand) {
      words += "an attempt is under way";
    } else if (is_held) {
      words += "held";
    } else {
      words += next > now ? "the next attempt is " + moment_words(next, now) : "due now";
    }
    const bool unreached = !part.in_hand && backoff && *backoff && (*backoff)->next > now;
    if (unreached)
      words +=
          ", since the destination was not reached: " + escape_controls((*backoff)->trouble.diagnostic, kWordsTold);
    said.push_back({now, words});
    parts.push_back(json::object{{"destination", escape_controls(consignment.destination)},
                                 {"state", part.in_hand ? "under way"
                                           : is_held    ? "held"
                                           : next > now ? "deferred"
                                                        : "due"},
                                 {"next_attempt", to_rfc3339(next)},
                                 {"attempts", consignment.attempts},
                                 {"recipients", consignment.addressees.size()}});
  }
  if (whole->entry->expires > now) said.push_back({now, "it is given up " + moment_words(whole->entry->expires, now)});
  advice.push_back(held ? "to let it go: angarium queue release " + id.text()
                        : "to try at once: angarium queue retry " + id.text() +
                              "; more about it: angarium queue show " + id.text());
  co_return parts;
}

// --- one story ------------------------------------------------------------------------------------------------------

std::string_view outcome_of(const Story& story, const Beginning& beginning) {
  if (beginning.door == trace::Door::onward) return "sent on";
  if (story.lane == trace::Lane::accepted) return beginning.door == trace::Door::here ? "report" : "accepted";
  return beginning.refusal && beginning.refusal->step == trace::Step::connection ? "turned away" : "refused";
}

template <class Some>
std::vector<std::string> addresses_of(const Some& all) {
  std::vector<std::string> addresses;
  for (const auto& one : all) addresses.emplace_back(one.address.octets);
  return addresses;
}

/// Events that were read; the others are told of in words.
struct Events {
  std::vector<Event> all;
  std::vector<Said> damaged;
};
Events events_of(const Story& story) {
  Events events;
  for (const Story::Later& later : story.events) {
    auto event = trace::decode_event(later.at, later.octets);
    if (event) {
      events.all.push_back(*std::move(event));
    } else {
      events.damaged.push_back({later.at, event.error().text()});
    }
  }
  return events;
}

/// Takes out of the middle what would make the story too long.
void shorten(std::vector<Event>& events, std::vector<Said>& said) {
  std::size_t fates = 0;
  for (const Event& event : events) fates += event.fates.size();
  if (fates <= kFatesTold) return;
  std::size_t begin = 0;
  std::size_t kept = 0;
  while (kept < kFirstFatesTold) kept += events[begin++].fates.size();
  std::size_t end = begin;
  for (std::size_t left = fates - kept; end + 1 < events.size() && left > kFatesTold - kFirstFatesTold; ++end)
    left -= events[end].fates.size();
  if (begin == end) return;
  said.push_back({events[begin].at, std::to_string(end - begin) + " events until " + to_rfc3339(events[end - 1].at) +
                                        " are left out here"});
  events.erase(events.begin() + static_cast<std::ptrdiff_t>(begin), events.begin() + static_cast<std::ptrdiff_t>(end));
}

/// A row of attempts that ended alike is told by its first and its last one.
io::Task<> tell_events(Services& services, const std::vector<Event>& events, std::size_t& looks,
                       std::vector<Said>& said, json::array& places) {
  for (std::size_t i = 0; i < events.size(); ++i) {
    const Event& event = events[i];
    std::size_t last = i;
    while (last + 1 < events.size() && ended_alike(event, events[last + 1])) ++last;
    Lying lying;
    co_await look(services, event.places, addresses_of(event.fates), looks, lying);
    for (Said& one : tell(event, lying.words)) said.push_back(std::move(one));
    for (json::value& place : lying.places) places.push_back(std::move(place));
    if (last < i + kAlikeTold) continue;
    said.push_back({events[last - 1].at, "attempts " + std::to_string(events[i + 1].number) + " to " +
                                             std::to_string(events[last - 1].number) + " ended in the same way"});
    i = last - 1;
  }
}

void show_standings(const std::vector<Standing>& standings, json::object& shown_one) {
  json::array& recipients = shown_one["recipients"].as_array();
  for (std::size_t i = 0; i < standings.size() && i < recipients.size(); ++i) {
    json::object& recipient = recipients[i].as_object();
    recipient["now"] = standing_word(standings[i].kind);
    if (!standings[i].words.empty()) recipient["words"] = standings[i].words;
  }
  shown_one["summary"] = summary(standings);
}

io::Task<json::object> show_story(Services& services, const Story& story, std::size_t& looks) {
  json::object shown_one{{"id", story.id.text()}, {"at", to_rfc3339(story.at)}};
  const auto beginning = trace::decode_beginning(story.id, story.at, story.octets);
  if (!beginning) {
    shown_one["outcome"] = "damaged";
    shown_one["story"] = json::array{json::object{{"at", to_rfc3339(story.at)}, {"words", beginning.error().text()}}};
    co_return shown_one;
  }
  shown_one["outcome"] = outcome_of(story, *beginning);
  for (auto& [name, value] : show(*beginning)) shown_one[name] = std::move(value);
  Lying lying;
  co_await look(services, beginning->places, addresses_of(beginning->recipients), looks, lying);
  std::vector<Said> said = tell(*beginning, lying.words);
  Events events = events_of(story);
  std::vector<Event> told = events.all;
  shorten(told, events.damaged);
  co_await tell_events(services, told, looks, said, lying.places);
  said.insert(said.end(), events.damaged.begin(), events.damaged.end());
  std::vector<std::string> lines = advice(*beginning);
  std::vector<std::string> of_queue;
  shown_one["queue"] =
      story.lane == trace::Lane::accepted ? co_await queued(services, story.id, said, of_queue) : json::value();
  const auto stands = standings(*beginning, events.all, shown_one["queue"].is_null() ? InQueue::no : InQueue::yes);
  show_standings(stands, shown_one);
  for (std::string& line : advice(stands)) lines.push_back(std::move(line));
  lines.insert(lines.end(), of_queue.begin(), of_queue.end());
  json::array all;
  for (const Event& event : told) all.push_back(show(event));
  shown_one["events"] = std::move(all);
  shown_one["places"] = std::move(lying.places);
  json::array words;
  for (const Said& one : said)
    words.push_back(
        json::object{{"at", to_rfc3339(one.at)}, {"microseconds", one.at.microseconds}, {"words", one.words}});
  shown_one["story"] = std::move(words);
  shown_one["advice"] = json::value_from(lines);
  co_return shown_one;
}

}  // namespace

io::Task<Result<std::string>> trace_verb(Services& services, control::Request request) {
  if (request.verb != "trace.find")
    co_return fail(kUsageError, "the server does not know '" + escape_controls(request.verb) + "'");
  const auto question = CO_TRY(question_of(request));
  const auto found = CO_TRY(
      co_await io::run(services.pool(), [&ledger = services.ledger(), question] { return find(ledger, question); }));
  std::string stories;
  std::size_t looks = kPlacesLookedUp;
  std::size_t left_off = found.size();
  for (const Story& story : found) {
    if (stories.size() > kAnswerMax) break;
    stories += (stories.empty() ? "" : ",") + json::serialize(co_await show_story(services, story, looks));
    --left_off;
  }
  co_return R"({"stories":[)" + stories + R"(],"left_off":)" + std::to_string(left_off) + "}";
}

}  // namespace angarium::agent
