// What a customer fetches: its connection has turned round, and all that waits for its domains goes over it (RFC 2645
// §5.3).
#include <set>

#include "agent/courier_round.h"
#include "base/log.h"
#include "io/loop.h"
#include "message/domain.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;

/// Consignments that are looked at together.
constexpr std::size_t kPage = 100;
/// Of one destination in one session; the customer fetches the others by its next.
constexpr std::size_t kFetchedMax = 10'000;
/// How often is waited for what somebody has in hand at this moment: it finds out that it has to wait for its customer.
constexpr int kPatience = 20;
constexpr Duration kInHand = std::chrono::milliseconds(100);

/// RFC 4865 §4.2: its sender wants it held back until then, and nobody has tried it.
bool is_held_back(const queue::Consignment& consignment, WallTime now) {
  return consignment.place.due > now.microseconds && consignment.attempts == 0;
}

/// What it calls itself in its greeting (RFC 5321 §4.2), or its address.
std::string name_of(const smtp::Client& client, const io::Endpoint& peer) {
  const std::string_view greeting = client.greeting().text;
  const std::string_view word = greeting.substr(0, greeting.find_first_of(" \n"));
  if (message::valid_domain(word)) return std::string(word);
  return peer.is_ip() ? "[" + peer.address().text() + "]" : "localhost";
}

}  // namespace

struct Courier::Fetching {
  const std::string& destination;
  std::set<std::pair<std::uint64_t, std::uint16_t>> tried;  ///< entries and parts: each once in a session
  [[nodiscard]] bool is_new(const queue::Place& place) const {
    return !tried.contains({place.entry.bits(), place.part});
  }
};

io::Task<> Courier::serve_customer(std::vector<std::string> destinations, wire::Connection& connection) {
  if (stopping_) co_return;
  ++tasks_;
  auto met = co_await meet_customer(connection);
  if (met) {
    Session session = *std::move(met);
    for (const std::string& destination : destinations)
      if (session && !stopping_) co_await hand_over(destination, session);
    if (session) {
      co_await session->client->quit();
      close(*session);
    }
  } else {
    log::info("mta", "a customer does not greet",
              {{"client", connection.peer().text()}, {"error", met.error().text()}});
  }
  --tasks_;
}

io::Task<Result<RemoteSession>> Courier::meet_customer(wire::Connection& connection) {
  const auto terms = terms_();
  RemoteSession session{.site = {}, .host = {}, .name = {}, .key = {}, .customers = true};
  session.connection = std::shared_ptr<wire::Connection>(std::shared_ptr<void>(), &connection);
  session.client = std::make_unique<smtp::Client>(
      connection, smtp::ClientOptions{.name = terms->remote->hostname, .times = terms->remote->times});
  if (const wire::TlsInfo* const tls = connection.tls()) session.tls = tls->version + " " + tls->cipher;
  CO_TRY(co_await session.client->open());
  session.name = name_of(*session.client, connection.peer());
  session.host =
      connection.peer().is_ip() ? session.name + " [" + connection.peer().address().text() + "]" : session.name;
  room_.occupy();
  note_opened();
  co_return session;
}

/// As long as there is something that was not tried in this session, and what came in meanwhile.
io::Task<> Courier::hand_over(const std::string& destination, Session& session) {
  Fetching fetching{.destination = destination, .tried = {}};
  int patience = kPatience;
  while (session && !stopping_ && fetching.tried.size() < kFetchedMax) {
    const auto places = co_await services_.queue().waiting(destination, kPage + fetching.tried.size());
    if (!places) {
      log::warning("mta", "the queue cannot be read", {{"error", places.error().text()}});
      co_return;
    }
    std::size_t tried = 0;
    bool others = false;
    for (const queue::Place& place : *places) {
      if (!session || stopping_) co_return;
      if (!fetching.is_new(place)) continue;
      tried += co_await hand_over(fetching, place.entry, session);
      others |= fetching.is_new(place);
    }
    if (tried > 0) continue;
    if (!others || patience-- == 0) co_return;
    co_await io::Loop::current().sleep_for(kInHand);
  }
}

/// What of the entry waits for the destination.
io::Task<std::size_t> Courier::hand_over(Fetching& fetching, queue::DeliveryId id, Session& session) {
  queue::Queue& queue = services_.queue();
  auto claimed = co_await queue.claim(id);
  if (!claimed) co_return 0;  // it is gone, or the store cannot be read now
  std::vector<queue::Job> jobs;
  for (queue::Job& job : *claimed) {
    const bool here = job.consignment.destination == fetching.destination && fetching.is_new(job.consignment.place) &&
                      job.consignment.hold == queue::Hold::none;
    if (here) fetching.tried.emplace(id.bits(), job.consignment.place.part);
    if (here && !is_held_back(job.consignment, now())) {
      jobs.push_back(std::move(job));
    } else {
      queue.put_back(job);
    }
  }
  for (const queue::Job& job : jobs) {
    // While the store has stopped what came of an attempt could not be written down, and the mail would go out twice.
    if (!session || stopping_ || !services_.tablet().running()) {
      queue.put_back(job);
      continue;
    }
    const queue::InHand::Mark marked = mark(job);
    // The connection is over: it is fetched by the next.
    if (co_await attempt(job, session)) queue.put_back(job);
  }
  co_return jobs.size();
}

}  // namespace angarium::agent
