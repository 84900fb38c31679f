// A courier over a store that stops and runs again, and one that finds what the last process crashed over: nothing is
// lost, and nobody gets anything twice.
#include <stdlib.h>

#include <algorithm>
#include <filesystem>

#include "agent/courier.h"
#include "agent/transaction.h"
#include "io/memory_network.h"
#include "io/memory_resolver.h"
#include "store/volume_faulty.h"
#include "support/run.h"
#include "support/test.h"
#include "trace/keys.h"
#include "trace/record.h"

namespace angarium::agent {
namespace {

using namespace std::chrono_literals;

/// A host on a disk that fails when it is told to, and nobody else in the world.
class Alone {
 public:
  Alone() {
    configuration_.server.hostname = "mx.a.test";
    configuration_.store.reserve = 0;
    configuration_.auth.argon2_memory_kib = 64;
    configuration_.auth.argon2_passes = 1;
    Services::Ground ground{.volume = *store::open_faulty_volume(disk),
                            .store = {},
                            .clock = &loop.clock(),
                            .random = &random_,
                            .work = Services::Ground::Work::on_the_loop};
    ground.store.state = store::StateKind::sorted;
    ground.store.threads = store::Threads::none;
    ground.store.clock = &loop.clock();
    ground.store.segment_size = 128u << 10;
    ground.store.on_waiting = [this] { loop.post([this] { services->tablet().commit_waiting(); }); };
    services = *Services::open_on(std::move(ground), configuration_);
    REQUIRE(services->directory().add_domain("a.test"));
    REQUIRE(services->directory().add_account(
        {.address = "alice@a.test", .name = {}, .quota = {}, .credentials = {}},
        [&](const account::Account& one, store::Batch& batch) { services->mail().create_account(one.id, {}, batch); }));
    auto remote = std::make_shared<RemoteTerms>();
    remote->hostname = "mx.a.test";
    auto terms = std::make_shared<CourierTerms>();
    terms->remote = std::move(remote);
    terms->reports.hostname = "mx.a.test";
    courier_ = std::make_unique<Courier>(*services, place, *resolver_, [terms] { return terms; }, Courier::Rank::leads);
    services->on_queued([this] { courier_->ring(); });
    loop.spawn(courier_->run());
    loop.spawn(keep());
  }
  ~Alone() { loop.destroy_tasks(); }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;

  /// Puts a message for that recipient into the queue.
  queue::DeliveryId admit(const std::string& recipient, const std::string& destination) {
    queue::Entry entry;
    entry.id = queue::DeliveryId::make(random_);
    entry.sender = *envelope::parse_sender("<alice@a.test>");
    entry.arrived = loop.clock().wall();
    entry.expires = {entry.arrived.microseconds + Duration(24h).count()};
    std::vector<queue::Lot> lots;
    lots.push_back({.destination = destination, .recipients = {*envelope::parse_recipient("<" + recipient + ">")}});
    store::Batch batch;
    const std::size_t body = batch.body("Subject: s\r\n\r\nhello\r\n");
    queue::Change change = *services->queue().admit(entry, std::move(lots), body, batch);
    REQUIRE(services->tablet().commit_and_wait(std::move(batch)));
    change.done();
    return entry.id;
  }
  std::size_t inbox() {
    const auto account = services->directory().account("alice@a.test");
    const auto mail = *run(services->mail().account((*account)->id));
    return (*run(mail->view(mail->listing()->find("INBOX")->id)))->size();
  }
  std::vector<queue::Whole> listed() { return *run(services->queue().list(queue::DeliveryId(0), 10)); }
  std::size_t queued() { return listed().size(); }

  io::SimulatedLoop loop{1, WallTime::from_seconds(1'700'000'000), io::Answers::by_tasks};
  io::MemoryNetwork network{loop, 1, {.latency = 5ms}};
  io::MemoryNetwork::Host& place = network.add_host("mx.a.test", {*io::IpAddress::parse("192.0.2.1")});
  io::MemoryNetwork::Host& other = network.add_host("mx.b.test", {*io::IpAddress::parse("192.0.2.2")});
  std::shared_ptr<store::FaultyDisk> disk = std::make_shared<store::FaultyDisk>(1);
  std::unique_ptr<Services> services;

 private:
  template <class T>
  T run(io::Task<T> task) {
    return test::settled(loop, std::move(task));
  }
  /// The store mends itself.
  io::Task<> keep() {
    while (true) {
      co_await loop.sleep_for(1s);
      services->tablet().commit_waiting();
    }
  }

  configuration::Configuration configuration_;
  SeededRandom random_{7};
  std::unique_ptr<io::MemoryResolver> resolver_ =
      *io::MemoryResolver::make(loop, "b.test MX 10 mx.b.test\nmx.b.test A 192.0.2.2\n");
  std::unique_ptr<Courier> courier_;
};

/// A process that crashes while it has these in hand. Its mapping is not given back.
void crash_over(const std::string& file, const std::vector<queue::DeliveryId>& ids) {
  struct Process {
    std::unique_ptr<queue::InHand> in_hand;
    std::vector<queue::InHand::Mark> marks;
  };
  static auto& ended = *new std::vector<Process>;
  Process process{.in_hand = *queue::InHand::open(file), .marks = {}};
  for (const queue::DeliveryId id : ids) {
    const auto& suspects = process.in_hand->suspects();
    const auto known = std::ranges::find_if(suspects, [&](const auto& one) { return one.id == id; });
    process.marks.push_back(known == suspects.end() ? process.in_hand->mark(id) : process.in_hand->mark(*known));
  }
  process.in_hand->crashing();
  ended.push_back(std::move(process));
}

}  // namespace

TEST_CASE("a message in hand at one crash is tried alone, at two in a row set aside, and the postmaster is told") {
  std::string folder = (std::filesystem::temp_directory_path() / "angarium-suspects-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const std::string file = folder + "/in-hand";
  Alone a;
  const auto guilty = a.admit("alice@a.test", "a.test");
  const auto innocent = a.admit("alice@a.test", "a.test");
  const auto gone = queue::DeliveryId(12345);
  crash_over(file, {guilty, innocent, gone});
  crash_over(file, {guilty});
  a.services->keep_in_hand(*queue::InHand::open(file));
  REQUIRE(a.services->in_hand()->suspects().size() == 3);
  a.loop.advance(2min);
  // The innocent one, and what the postmaster is told.
  CHECK(a.inbox() == 2);
  const auto left = a.listed();
  REQUIRE(left.size() == 1);
  CHECK(left[0].entry->id == guilty);
  CHECK(left[0].parts[0].consignment.hold == queue::Hold::set_aside);
  CHECK(!left[0].parts[0].in_hand);
  CHECK(queue::InHand::open(file).value()->suspects().empty());
  std::filesystem::remove_all(folder);
  // Its story tells of it, and of who was told; what the postmaster reads has a story that names it.
  std::uint32_t crashes = 0;
  std::string told;
  bool named = false;
  const std::string stories = trace::kind_prefix(trace::Lane::accepted, trace::RecordKind::story);
  REQUIRE(
      a.services->tablet().scan(stories, trace::behind(stories), {}, [&](std::string_view key, std::string_view value) {
        const auto place = trace::story_in(key);
        if (place && !place->event) {
          const auto made = trace::decode_beginning(place->id, place->began, value);
          named = named || (made && made->door == trace::Door::here && made->report_of == guilty);
        } else if (place && place->id == guilty) {
          const auto event = trace::decode_event(*place->event, value);
          REQUIRE(event);
          if (event->kind == trace::Event::Kind::set_aside) crashes = event->number;
          if (event->kind == trace::Event::Kind::report) told = event->text.octets;
        }
        return store::Step::next;
      }));
  CHECK(crashes == 2);
  CHECK(told == "postmaster@a.test");
  CHECK(named);
}

TEST_CASE("a message that could not be set aside, for the store stopped, is still suspected by the next process") {
  std::string folder = (std::filesystem::temp_directory_path() / "angarium-suspects-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const std::string file = folder + "/in-hand";
  Alone a;
  const auto guilty = a.admit("alice@a.test", "a.test");
  crash_over(file, {guilty});
  crash_over(file, {guilty});
  a.services->keep_in_hand(*queue::InHand::open(file));
  a.disk->arm({.fail_sync_at = 1, .syncs_failing = 1'000'000});
  a.loop.advance(10s);
  CHECK(!a.services->tablet().running());
  const auto next = queue::InHand::open(file);
  REQUIRE(next.value()->suspects().size() == 1);
  CHECK(next.value()->suspects()[0].id == guilty);
  CHECK(next.value()->suspects()[0].crashes == 2);
  std::filesystem::remove_all(folder);
}

TEST_CASE(
    "a suspect whose server hangs holds up the others for seconds, and none is out of reach for longer than minutes") {
  std::string folder = (std::filesystem::temp_directory_path() / "angarium-suspects-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const std::string file = folder + "/in-hand";
  Alone a;
  std::vector<std::unique_ptr<io::Stream>> kept;
  a.other.listen(io::Endpoint(a.other.addresses().front(), 25),
                 [&](std::unique_ptr<io::Stream> stream) { kept.push_back(std::move(stream)); });
  std::vector<queue::DeliveryId> ids;
  ids.push_back(a.admit("bob@b.test", "b.test"));
  ids.push_back(a.admit("alice@a.test", "a.test"));
  for (int i = 0; i < 60; ++i) ids.push_back(a.admit("bob@b.test", "b.test"));
  crash_over(file, ids);
  a.services->keep_in_hand(*queue::InHand::open(file));
  a.loop.advance(12min);
  CHECK(a.inbox() == 1);
  for (const queue::Whole& whole : a.listed()) CHECK(!whole.parts[0].in_hand);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a delivery from the queue over which the store stops is made once, when the store runs again") {
  for (const std::uint64_t failing : {2u, 3u, 6u}) {
    CAPTURE(failing);
    Alone a;
    a.admit("alice@a.test", "a.test");
    // Two in a row stop it.
    a.disk->arm({.fail_sync_at = 1, .syncs_failing = failing});
    a.loop.advance(500ms);
    CHECK(!a.services->tablet().running());
    CHECK(a.inbox() == 0);
    a.loop.advance(10min);
    CHECK(a.services->tablet().running());
    CHECK(a.inbox() == 1);
    CHECK(a.queued() == 0);
  }
}

TEST_CASE("nothing is sent while what comes of it could not be written down") {
  Alone a;
  a.disk->arm({.fail_sync_at = 3, .syncs_failing = 1'000'000});
  a.admit("x@b.test", "b.test");
  a.admit("y@b.test", "b.test");
  store::Batch batch;
  batch.put("x", "y");
  CHECK(a.services->tablet().commit_and_wait(std::move(batch)).error().is(store::kStopped));
  a.loop.advance(10min);
  CHECK(!a.services->tablet().running());
  CHECK(a.network.attempts() == 0);
  CHECK(a.queued() == 2);
  a.disk->arm({});
  a.loop.advance(3min);
  CHECK(a.services->tablet().running());
  CHECK(a.network.attempts() > 0);
}

TEST_CASE("RFC 1985 5.1: ETRN is 458 while the store takes nothing, and starts the queue once it does") {
  Alone world;
  world.other.set_state(io::MemoryNetwork::Host::State::stopped);
  world.admit("bob@b.test", "b.test");
  world.loop.advance(10s);
  Budget budget(64 << 20);
  Rate rate(0);
  const SmtpDesk desk{.services = *world.services,
                      .budget = budget,
                      .rate = rate,
                      .policy = {},
                      .relay_domains = RelayDomains({"b.test"}),
                      .etrn_networks = {*io::Prefix::parse("192.0.2.0/24")}};
  protocol::smtp::Peer peer;
  peer.remote = io::Endpoint(world.other.addresses().front(), 40'000);
  SmtpSession session(desk, peer.remote);
  const auto ask = [&] {
    std::string said;
    world.loop.spawn([](SmtpSession& here, const protocol::smtp::Peer& there, std::string& out) -> io::Task<> {
      CHECK(co_await here.connected(there));
      const auto reply = co_await here.etrn("b.test");
      out = std::to_string(reply->code) + " " + reply->text;
    }(session, peer, said));
    for (int i = 0; i < 1000 && said.empty(); ++i) world.loop.advance(10ms);
    return said;
  };
  world.disk->arm({.fail_sync_at = 1, .syncs_failing = 1000});
  CHECK(ask() == "458 Unable to queue messages for node b.test");
  world.disk->arm({});
  world.loop.advance(5min);
  CHECK(ask() == "253 OK, 1 pending messages for node b.test started");
}

}  // namespace angarium::agent
