#include "agent/queue_verbs.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <map>
#include <set>

#include "agent/attempt_story.h"
#include "agent/queue_shown.h"
#include "agent/queued_message.h"
#include "base/log.h"
#include "base/text.h"
#include "io/loop.h"

namespace angarium::agent {
namespace {

namespace json = boost::json;
using control::Request;
using envelope::DeliveryId;
using Answer = Result<json::value>;

constexpr ErrorKind kHeld{"agent.held", Fault::user, Lasting::permanent};
constexpr ErrorKind kNotAlone{"agent.not-alone", Fault::user, Lasting::permanent};

/// Octets of a header that are looked at, and those of a line that are shown.
constexpr std::uint64_t kHeaderMax = 64 * 1024;
constexpr std::size_t kLineShown = 1000;
/// Consignments that one queue.wake changes before it asks to be called again.
constexpr std::size_t kWokenAtOnce = 1000;

struct Work {
  Services& services;
  ReportTerms terms;
  Request request;
};

WallTime now() { return io::Loop::current().clock().wall(); }

Result<DeliveryId> id_in(const Request& request, std::string_view name) {
  const std::string_view text = request.get(name);
  const auto id = DeliveryId::parse(text);
  if (!id)
    return fail(kUsageError, "'" + escape_controls(text, 100) +
                                 "' is no id of a message: twelve letters and digits, as in the reply to the message; "
                                 "angarium queue list shows them");
  return *id;
}

// --- queue.list, queue.show -----------------------------------------------------------------------------------------

bool contains_ignore_case(std::string_view text, std::string_view part) {
  return to_lower(text).find(to_lower(part)) != std::string::npos;
}

/// Of a consignment's recipients: some are asked for, or none but those.
enum class Fits : std::uint8_t { some, all };

/// Whether destination and recipient are as asked for.
bool is_for(const queue::Consignment& consignment, const Request& request, Fits recipients) {
  if (request.has("destination") && !equals_ignore_case(consignment.destination, request.get("destination")))
    return false;
  const std::string_view recipient = request.get("recipient");
  if (recipient.empty()) return true;
  const auto asked_for = [&](const queue::Addressee& one) {
    return contains_ignore_case(one.recipient.path.mailbox.text(), recipient);
  };
  return recipients == Fits::all ? std::ranges::all_of(consignment.addressees, asked_for)
                                 : std::ranges::any_of(consignment.addressees, asked_for);
}

/// Whether destination, state and recipient are as asked for.
bool fits(const queue::Whole::Part& part, const Backoffs& backoffs, const Request& request, Fits recipients) {
  const std::string_view state = request.get("state");
  const std::string_view is = state_of(part, backoffs.of(part.consignment.destination));
  if (state == "held" && is != "held" && is != "set aside") return false;
  if (state == "deferred" && is != "deferred") return false;
  return is_for(part.consignment, request, recipients);
}

/// Whether it may fit when the attempt that is under way is over.
bool may_fit_soon(const queue::Whole::Part& part, const Request& request) {
  if (!part.in_hand || !is_for(part.consignment, request, Fits::all)) return false;
  return request.get("state") != "held" || part.consignment.hold != queue::Hold::none;
}

/// Everything that was asked for holds for one and the same consignment.
bool wanted(const queue::Whole& whole, const Backoffs& backoffs, const Request& request) {
  return contains_ignore_case(whole.entry->sender.path.text(), request.get("sender")) &&
         std::ranges::any_of(whole.parts,
                             [&](const queue::Whole::Part& part) { return fits(part, backoffs, request, Fits::some); });
}

Result<DeliveryId> first_of(const Request& request) {
  return request.has("from") ? id_in(request, "from") : DeliveryId(0);
}

/// The id to go on from, or null behind the last.
json::value behind(DeliveryId last) {
  const DeliveryId next(last.bits() + 1);
  return next == DeliveryId(0) ? json::value() : json::value(next.text());
}

// queue.list
io::Task<Answer> queue_list(Work work) {
  const std::string_view state = work.request.get("state");
  if (!state.empty() && state != "held" && state != "deferred")
    co_return fail(kUsageError, "the state is held or deferred");
  const DeliveryId from = CO_TRY(first_of(work.request));
  queue::Queue& queue = work.services.queue();
  const auto page = CO_TRY(co_await queue.list(from, kQueuePage));
  Backoffs backoffs(queue);
  json::array messages;
  for (const queue::Whole& whole : page) {
    CO_TRY(co_await backoffs.read(whole));
    if (wanted(whole, backoffs, work.request))
      messages.push_back(show(whole, backoffs, work.services.sites(), Shown::listed));
  }
  co_return json::object{{"messages", std::move(messages)},
                         {"next", page.empty() ? json::value() : behind(page.back().entry->id)}};
}

/// Lines of the header, the trace fields of the way here first.
json::array header_lines(std::string_view octets) {
  json::array lines;
  while (!octets.empty()) {
    const std::size_t end = std::min(octets.find('\n'), octets.size());
    std::string_view line = octets.substr(0, end);
    octets.remove_prefix(std::min(end + 1, octets.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) break;
    lines.push_back(json::string(escape_controls(line, kLineShown)));
  }
  return lines;
}

/// kNotQueued, also for what is on its way out.
io::Task<Result<queue::Whole>> find(Services& services, DeliveryId id) {
  auto whole = co_await services.queue().find(id);
  const bool gone = whole ? whole->parts.empty() : whole.error().is(queue::kNotQueued);
  if (gone)
    co_return fail(queue::kNotQueued, "no message " + id.text() +
                                          " is in the queue: it was sent, returned or removed, or never came; angarium "
                                          "queue list shows what waits");
  co_return whole;
}

// queue.show id
io::Task<Answer> queue_show(Work work) {
  const DeliveryId id = CO_TRY(id_in(work.request, "id"));
  const queue::Whole whole = CO_TRY(co_await find(work.services, id));
  Backoffs backoffs(work.services.queue());
  CO_TRY(co_await backoffs.read(whole));
  json::object shown = show(whole, backoffs, work.services.sites(), Shown::whole);
  const queue::Entry& entry = *whole.entry;
  shown["smtputf8"] = entry.sender.parameters.smtputf8;
  shown["envelope_id"] = escape_controls(entry.sender.parameters.envelope_id.value_or(""));
  auto octets = co_await read_body(work.services, whole.entry, kHeaderMax);
  shown["header"] = octets ? json::value(header_lines(entry.prepended + *octets)) : json::value();
  if (!octets) shown["damage"] = octets.error().text();
  co_return shown;
}

// --- what changes something -----------------------------------------------------------------------------------------

/// Jobs in hand, which go back unless something was written of them.
class Claimed {
 public:
  explicit Claimed(queue::Queue& queue) : queue_(queue) {}
  Claimed(const Claimed&) = delete;
  Claimed& operator=(const Claimed&) = delete;
  ~Claimed() {
    for (const queue::Job& job : jobs_) queue_.put_back(job);
  }
  /// False: it goes back at once.
  void take(std::vector<queue::Job> jobs, const std::function<bool(const queue::Job&)>& keep) {
    for (queue::Job& job : jobs) {
      if (keep(job))
        jobs_.push_back(std::move(job));
      else
        queue_.put_back(job);
    }
  }
  [[nodiscard]] const std::vector<queue::Job>& jobs() const { return jobs_; }

  /// After kStopped nobody knows what is in the store: the queue looks itself.
  io::Task<Result<>> commit(store::Tablet& tablet, store::Batch batch, std::vector<queue::Change> changes) {
    auto outcome = co_await queue::commit(tablet, std::move(batch));
    if (outcome) {
      for (queue::Change& change : changes) change.done();
    } else if (!outcome.error().is(store::kStopped)) {
      for (queue::Change& change : changes) change.refused();
      co_return outcome;
    }
    jobs_.clear();
    co_return outcome;
  }

 private:
  queue::Queue& queue_;
  std::vector<queue::Job> jobs_;
};

Result<> under_way(DeliveryId id) {
  return fail(queue::kUnderWay, "the message " + id.text() +
                                    " is being sent at this moment; ask again when the attempt is over: angarium queue "
                                    "show " +
                                    id.text());
}

/// All of the message that fits what was asked for, or nothing of it. kNotAlone, kNotQueued, kUnderWay.
io::Task<Result<>> claim_fitting(Work& work, DeliveryId id, Claimed& claimed) {
  queue::Queue& queue = work.services.queue();
  const queue::Whole whole = CO_TRY(co_await find(work.services, id));
  Backoffs backoffs(queue);
  CO_TRY(co_await backoffs.read(whole));
  std::set<std::pair<std::string, std::uint16_t>> fitting;
  for (const queue::Whole::Part& part : whole.parts)
    if (fits(part, backoffs, work.request, Fits::all))
      fitting.emplace(part.consignment.destination, part.consignment.place.part);
  if (fitting.empty() &&
      std::ranges::any_of(whole.parts, [&](const auto& part) { return may_fit_soon(part, work.request); }))
    co_return under_way(id);
  if (fitting.empty())
    co_return fail(kNotAlone,
                   "the message " + id.text() +
                       " has others among its recipients there, or waits otherwise by now: name it by its id "
                       "alone, which takes all of it");
  const auto is_fitting = [&](const queue::Consignment& one) {
    return fitting.contains({one.destination, one.place.part});
  };
  claimed.take(CO_TRY(co_await queue.claim(id)), [&](const queue::Job& job) { return is_fitting(job.consignment); });
  const queue::Whole left = CO_TRY(co_await find(work.services, id));
  const auto there =
      std::ranges::count_if(left.parts, [&](const queue::Whole::Part& part) { return is_fitting(part.consignment); });
  if (claimed.jobs().empty() || static_cast<std::size_t>(there) > claimed.jobs().size()) co_return under_way(id);
  co_return Result<>();
}

/// Adds that the destination may be tried, unless it may already, or has failed since.
void end_backoff(Services& services, const std::string& destination, const Backoffs& backoffs, WallTime since,
                 store::Batch& batch, std::vector<queue::Change>& changes) {
  const queue::Backoff* const backoff = backoffs.of(destination);
  if (backoff != nullptr && backoff->trouble.at > since) return;
  services.sites().end_pauses(destination);
  if (backoff != nullptr) changes.push_back(services.queue().retry(destination, batch));
}

void make_due(queue::Queue& queue, const Claimed& claimed, store::Batch& batch, std::vector<queue::Change>& changes) {
  for (const queue::Job& job : claimed.jobs())
    changes.push_back(queue.settle(job, job.consignment.addressees, now(), batch, queue::Queue::Attempt::not_made));
}

// queue.retry id
io::Task<Answer> queue_retry(Work work) {
  const DeliveryId id = CO_TRY(id_in(work.request, "id"));
  queue::Queue& queue = work.services.queue();
  const queue::Whole whole = CO_TRY(co_await find(work.services, id));
  Backoffs backoffs(queue);
  CO_TRY(co_await backoffs.read(whole));
  Claimed claimed(queue);
  std::size_t held = 0;
  claimed.take(CO_TRY(co_await queue.claim(id)), [&](const queue::Job& job) {
    held += job.consignment.hold == queue::Hold::none ? 0 : 1;
    return job.consignment.hold == queue::Hold::none;
  });
  if (held > 0 && claimed.jobs().empty())
    co_return fail(kHeld, "the message " + id.text() + " is held: angarium queue release " + id.text());
  const std::size_t due = claimed.jobs().size();
  store::Batch batch;
  std::vector<queue::Change> changes;
  make_due(queue, claimed, batch, changes);
  std::string before;
  for (const queue::Job& job : claimed.jobs()) {
    if (job.consignment.destination != std::exchange(before, job.consignment.destination))
      end_backoff(work.services, job.consignment.destination, backoffs, now(), batch, changes);
  }
  if (due > 0) put_operation(*whole.entry, trace::Event::Kind::retried, now(), batch);
  if (!changes.empty()) CO_TRY(co_await claimed.commit(work.services.tablet(), std::move(batch), std::move(changes)));
  co_return json::object{{"id", id.text()},
                         {"due", due},
                         {"held", held},
                         {"under_way", whole.parts.size() - std::min(whole.parts.size(), due + held)}};
}

/// Consignments that wait for their time, of this destination or any.
bool waits(const queue::Consignment& consignment, const Request& request) {
  return consignment.hold == queue::Hold::none &&
         (!request.has("destination") || equals_ignore_case(consignment.destination, request.get("destination")));
}

// queue.wake [destination] [from] [since]
io::Task<Answer> queue_wake(Work work) {
  const DeliveryId from = CO_TRY(first_of(work.request));
  const std::uint64_t began = static_cast<std::uint64_t>(now().microseconds);
  const auto since =
      parse_number<std::uint64_t>(work.request.has("since") ? work.request.get("since") : std::to_string(began));
  if (!since) co_return fail(kUsageError, "'since' is no time");
  const WallTime start{static_cast<std::int64_t>(*since)};
  queue::Queue& queue = work.services.queue();
  Claimed claimed(queue);
  Backoffs backoffs(queue);
  std::map<std::string, std::size_t> destinations;
  std::uint64_t messages = 0;
  json::value next;
  for (const queue::Whole& whole : CO_TRY(co_await queue.list(from, kQueuePage))) {
    next = behind(whole.entry->id);
    const auto matches = [&](const queue::Whole::Part& part) { return waits(part.consignment, work.request); };
    if (!std::ranges::any_of(whole.parts, matches)) continue;
    ++messages;
    CO_TRY(co_await backoffs.read(whole));
    bool late = false;
    for (const queue::Whole::Part& part : whole.parts) {
      if (!matches(part)) continue;
      ++destinations[part.consignment.destination];
      late = late || (!part.in_hand && part.consignment.place.due > now().microseconds);
    }
    if (!late) continue;
    auto jobs = co_await queue.claim(whole.entry->id);
    if (!jobs && jobs.error().is(queue::kNotQueued)) continue;
    claimed.take(CO_TRY(std::move(jobs)), [&](const queue::Job& job) {
      return waits(job.consignment, work.request) && job.consignment.place.due > now().microseconds;
    });
    if (claimed.jobs().size() >= kWokenAtOnce) break;
  }
  store::Batch batch;
  std::vector<queue::Change> changes;
  make_due(queue, claimed, batch, changes);
  for (const auto& [destination, count] : destinations)
    end_backoff(work.services, destination, backoffs, start, batch, changes);
  if (!changes.empty()) CO_TRY(co_await claimed.commit(work.services.tablet(), std::move(batch), std::move(changes)));
  co_return json::object{{"messages", messages}, {"next", next}, {"since", std::to_string(*since)}};
}

/// Holds, or releases, what is not so already.
io::Task<Answer> set_hold(Work work, queue::Hold hold) {
  const DeliveryId id = CO_TRY(id_in(work.request, "id"));
  queue::Queue& queue = work.services.queue();
  Claimed claimed(queue);
  CO_TRY(co_await claim_fitting(work, id, claimed));
  store::Batch batch;
  std::vector<queue::Change> changes;
  for (const queue::Job& job : claimed.jobs()) changes.push_back(queue.hold(job, hold, batch));
  const bool was = std::ranges::all_of(claimed.jobs(), [&](const queue::Job& job) {
    return hold == queue::Hold::none ? job.consignment.hold == hold : job.consignment.hold != queue::Hold::none;
  });
  put_operation(*claimed.jobs().front().entry,
                hold == queue::Hold::none ? trace::Event::Kind::released : trace::Event::Kind::held, now(), batch);
  if (was)
    for (queue::Change& change : changes) change.refused();
  if (!was) CO_TRY(co_await claimed.commit(work.services.tablet(), std::move(batch), std::move(changes)));
  co_return json::object{{"id", id.text()}, {"held", hold != queue::Hold::none}, {"changed", !was}};
}

// queue.hold id [destination] [recipient] [state] [listed]
io::Task<Answer> queue_hold(Work work) { return set_hold(std::move(work), queue::Hold::by_operator); }
// queue.release id [destination] [recipient] [state] [listed]
io::Task<Answer> queue_release(Work work) { return set_hold(std::move(work), queue::Hold::none); }

// queue.remove id [bounce] [destination] [recipient] [state] [listed]
io::Task<Answer> queue_remove(Work work) {
  const DeliveryId id = CO_TRY(id_in(work.request, "id"));
  queue::Queue& queue = work.services.queue();
  Claimed claimed(queue);
  CO_TRY(co_await claim_fitting(work, id, claimed));
  const queue::EntryPtr entry = claimed.jobs().front().entry;
  std::vector<Reported> recipients;
  for (const queue::Job& job : claimed.jobs()) {
    for (const queue::Addressee& addressee : job.consignment.addressees)
      recipients.push_back({.addressee = addressee,
                            .fate = {.kind = Fate::Kind::failed,
                                     .trouble = {.status = "5.0.0",
                                                 .diagnostic = "removed from the queue by the operator of this host",
                                                 .remote = {},
                                                 .at = now()}}});
  }
  const std::size_t count = recipients.size();
  store::Batch batch;
  std::vector<queue::Change> changes = queue.remove(claimed.jobs(), batch);
  put_operation(*entry, trace::Event::Kind::removed, now(), batch);
  bool told = false;
  if (work.request.has("bounce")) {
    auto report = co_await tell_sender(work.services, work.terms, entry, std::move(recipients), batch);
    if (!report) {
      for (queue::Change& change : changes) change.refused();
      co_return std::unexpected(std::move(report).error());
    }
    told = report->has_value();
    if (told) changes.push_back(**std::move(report));
  }
  CO_TRY(co_await claimed.commit(work.services.tablet(), std::move(batch), std::move(changes)));
  log::notice("mta", "removed by the operator", {{"id", id.text()}, {"sender", entry->sender.path.text()}});
  co_return json::object{{"id", id.text()}, {"recipients", count}, {"sender_told", told}};
}

struct Verb {
  std::string_view name;
  io::Task<Answer> (*run)(Work);
};
constexpr std::array<Verb, 7> kVerbs = {{{"queue.list", queue_list},
                                         {"queue.show", queue_show},
                                         {"queue.retry", queue_retry},
                                         {"queue.wake", queue_wake},
                                         {"queue.hold", queue_hold},
                                         {"queue.release", queue_release},
                                         {"queue.remove", queue_remove}}};

}  // namespace

io::Task<Result<std::string>> queue_verb(Services& services, ReportTerms terms, Request request) {
  for (const Verb& verb : kVerbs) {
    if (verb.name != request.verb) continue;
    const bool listed = request.has("listed");
    const std::string id(request.get("id"));
    auto answer = co_await verb.run(Work{services, std::move(terms), std::move(request)});
    if (!answer && listed && answer.error().is(queue::kNotQueued))
      co_return json::serialize(json::object{{"id", id}, {"gone", true}});
    co_return json::serialize(CO_TRY(std::move(answer)));
  }
  co_return fail(kUsageError, "the server does not know '" + escape_controls(request.verb) + "'");
}

}  // namespace angarium::agent
