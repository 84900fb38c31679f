#include "agent/queue_shown.h"

#include <algorithm>
#include <boost/json.hpp>

#include "agent/queue_verbs.h"
#include "base/text.h"
#include "io/loop.h"
#include "queue/read.h"

namespace angarium::agent {
namespace {

namespace json = boost::json;

/// Octets of a server's words that are shown.
constexpr std::size_t kWordsListed = 256;
constexpr std::size_t kWordsShown = 1024;

WallTime now() { return io::Loop::current().clock().wall(); }

struct Depth {
  std::size_t recipients;
  std::size_t words;
};
constexpr Depth kListed{kListedRecipients, kWordsListed};
constexpr Depth kWhole{kShownRecipients, kWordsShown};

json::object show(const queue::Trouble& trouble, const Depth& depth) {
  return {{"status", escape_controls(trouble.status)},
          {"words", escape_controls(trouble.diagnostic, depth.words)},
          {"host", escape_controls(trouble.remote)},
          {"at", to_rfc3339(trouble.at)}};
}

WallTime next_attempt(const queue::Consignment& consignment, const queue::Backoff* backoff) {
  const WallTime due{consignment.place.due};
  return backoff == nullptr ? due : std::max(due, backoff->next);
}

json::object show(const queue::Addressee& addressee, const Depth& depth) {
  json::object shown{{"address", escape_controls(addressee.recipient.path.mailbox.text())}};
  if (const auto& original = addressee.recipient.parameters.original)
    shown["original"] = escape_controls(original->type + ";" + original->address);
  shown["trouble"] = addressee.trouble ? json::value(show(*addressee.trouble, depth)) : json::value();
  return shown;
}

/// `site`: of its hosts, as far as it is known. `left`: recipients that may still be shown.
json::object show(const queue::Whole::Part& part, const queue::Backoff* backoff, const std::string& site,
                  const Depth& depth, std::size_t& left) {
  const queue::Consignment& consignment = part.consignment;
  const std::string_view state = state_of(part, backoff);
  json::object shown{{"destination", escape_controls(consignment.destination)},
                     {"site", escape_controls(site)},
                     {"state", state},
                     {"attempts", consignment.attempts},
                     {"priority", 9 - static_cast<int>(consignment.rank)}};
  const bool timed = state == "deferred" || state == "due";
  const WallTime next = next_attempt(consignment, backoff);
  shown["next_attempt"] = timed ? json::value(to_rfc3339(next)) : json::value();
  shown["next_in_seconds"] =
      timed ? json::value(std::max<std::int64_t>(0, next.seconds() - now().seconds())) : json::value();
  shown["back_off"] = nullptr;
  if (backoff != nullptr)
    shown["back_off"] = json::object{{"failures", backoff->failures},
                                     {"since", to_rfc3339(backoff->since)},
                                     {"next", to_rfc3339(backoff->next)},
                                     {"trouble", show(backoff->trouble, depth)}};
  json::array recipients;
  for (const queue::Addressee& addressee : consignment.addressees) {
    if (left == 0) break;
    --left;
    recipients.push_back(show(addressee, depth));
  }
  shown["recipients"] = std::move(recipients);
  return shown;
}

std::string_view word(queue::Origin origin) {
  return origin == queue::Origin::accepted ? "accepted"
         : origin == queue::Origin::report ? "report"
                                           : "postmaster report";
}

std::size_t recipients_of(const queue::Whole& whole) {
  std::size_t count = 0;
  for (const queue::Whole::Part& part : whole.parts) count += part.consignment.addressees.size();
  return count;
}

}  // namespace

io::Task<Result<>> Backoffs::read(const queue::Whole& whole) {
  for (const queue::Whole::Part& part : whole.parts) {
    const std::string& name = part.consignment.destination;
    if (known_.contains(name)) continue;
    auto found = co_await queue_.find_backoff(name);
    // A damaged record is made anew by the next attempt.
    if (!found && found.error().is(queue::kDamagedRecord)) found = std::optional<queue::Backoff>();
    known_[name] = CO_TRY(std::move(found));
  }
  co_return Result<>();
}

const queue::Backoff* Backoffs::of(const std::string& destination) const {
  const auto at = known_.find(destination);
  return at != known_.end() && at->second && queue::lasts(*at->second, now()) ? &*at->second : nullptr;
}

std::string_view state_of(const queue::Whole::Part& part, const queue::Backoff* backoff) {
  if (part.in_hand) return "under way";
  if (part.consignment.hold == queue::Hold::by_operator) return "held";
  if (part.consignment.hold == queue::Hold::set_aside) return "set aside";
  return next_attempt(part.consignment, backoff) > now() ? "deferred" : "due";
}

json::object show(const queue::Whole& whole, const Backoffs& backoffs, Sites& sites, Shown depth_of) {
  const Depth& depth = depth_of == Shown::listed ? kListed : kWhole;
  const queue::Entry& entry = *whole.entry;
  json::object shown{{"id", entry.id.text()},
                     {"arrived", to_rfc3339(entry.arrived)},
                     {"age_seconds", std::max<std::int64_t>(0, now().seconds() - entry.arrived.seconds())},
                     {"expires", to_rfc3339(entry.expires)},
                     {"octets", entry.octets()},
                     {"sender", escape_controls(entry.sender.path.text())},
                     {"submitter", escape_controls(entry.submitter)},
                     {"received_from", escape_controls(entry.received_from)},
                     {"origin", word(entry.origin)},
                     {"recipients", recipients_of(whole)}};
  std::size_t left = depth.recipients;
  json::array destinations;
  for (const queue::Whole::Part& part : whole.parts) {
    if (left == 0) break;
    const std::string& destination = part.consignment.destination;
    destinations.push_back(show(part, backoffs.of(destination), sites.site_of(destination), depth, left));
  }
  shown["destinations"] = std::move(destinations);
  return shown;
}

}  // namespace angarium::agent
