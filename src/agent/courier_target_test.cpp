// Files and commands: whose turn it is, and what is left of them when the server ends.
#include <algorithm>
#include <condition_variable>
#include <latch>
#include <mutex>

#include "agent/test_outbound.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

using namespace std::chrono_literals;

/// Long beyond what a busy machine takes.
constexpr auto kHung = 60s;

struct House {
  Outbound world;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> asked;  // under the mutex: "anna pipe:1"

  void deliver_by(std::function<delivery::Outcome(const cage::Deliver&)> deliver) {
    auto terms = std::make_shared<CourierTerms>(*world.terms);
    terms->deliver_as = [this, deliver](const cage::Deliver& request, delivery::Octets&) {
      {
        const std::lock_guard lock(mutex);
        asked.push_back(request.name + " " + request.target);
      }
      changed.notify_all();
      return deliver(request);
    };
    world.terms = std::move(terms);
  }
  /// Whether this is true of what was asked for, within reason.
  bool wait(const std::function<bool()>& holds) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kHung, holds);
  }
  std::size_t of(std::string_view name) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(asked, [&](const std::string& one) { return one.starts_with(name); }));
  }
  struct Message {
    std::string destination;
    std::vector<std::string> recipients{"<anna@a.test>"};
  };
  /// All at once: the loop does not go on before.
  void put(const std::vector<Message>& messages) {
    store::Batch batch;
    std::vector<queue::Change> changes;
    for (const Message& message : messages) {
      const std::string octets = "Subject: s\r\n\r\nhello\r\n";
      queue::Lot lot{.destination = message.destination, .recipients = {}};
      for (const std::string& one : message.recipients) lot.recipients.push_back(*envelope::parse_recipient(one));
      const std::size_t body = batch.body(octets);
      auto change = world.services->queue().admit(Outbound::entry(world.loop, octets), {std::move(lot)}, body, batch);
      REQUIRE(change);
      changes.push_back(*std::move(change));
    }
    REQUIRE(world.run(queue::commit(world.services->tablet(), std::move(batch))));
    for (queue::Change& change : changes) change.done();
  }
  std::vector<queue::Consignment> waiting() {
    std::vector<queue::Consignment> all;
    for (const queue::Whole& whole : *world.run(world.services->queue().list(queue::DeliveryId(0), 100)))
      for (const queue::Whole::Part& part : whole.parts) all.push_back(part.consignment);
    return all;
  }
};

delivery::Outcome delivered() { return {.status = delivery::kDelivered, .words = "there"}; }

}  // namespace

TEST_CASE("slow commands of one user hold up no other's, however many there are") {
  House house;
  std::atomic<bool> held_up{false};
  house.deliver_by([&](const cage::Deliver& request) {
    if (request.name == "anna" && !house.wait([&] { return house.of("bob") > 0; })) held_up = true;
    return delivered();
  });
  std::vector<House::Message> all;
  for (std::size_t i = 0; i < kTargetThreads + 4; ++i) all.push_back({"target user=anna pipe:" + std::to_string(i)});
  all.push_back({"target user=bob pipe:x", {"<bob@a.test>"}});
  house.put(all);
  house.world.loop.advance(10s);
  CHECK(!held_up);
  CHECK(house.of("anna") == kTargetThreads + 4);
  CHECK(house.waiting().empty());
}

TEST_CASE("when the server ends between two recipients, what was delivered is written down and the rest waits") {
  House house;
  house.deliver_by([&](const cage::Deliver&) {
    house.world.stop();
    return delivered();
  });
  house.put({{"target user=anna pipe:x", {"<anna@a.test>", "<anna+1@a.test>", "<anna+2@a.test>"}}});
  house.world.loop.advance(1s);
  CHECK(house.asked.size() == 1);
  const auto left = house.waiting();
  REQUIRE(left.size() == 1);
  REQUIRE(left[0].addressees.size() == 2);
  CHECK(left[0].addressees[0].recipient.path.mailbox.local_part == "anna+1");
  CHECK(!left[0].addressees[0].trouble);
  CHECK(left[0].place.due <= house.world.loop.clock().wall().microseconds);
}

TEST_CASE("deliveries that wait for a thread when the server ends are not made, and stay as they were") {
  House house;
  std::latch both(kTargetShare);
  house.deliver_by([&](const cage::Deliver&) {
    both.arrive_and_wait();
    house.world.stop();
    // Before this thread takes the next one: the loop may be slow to hear of the end.
    house.world.services->targets().stop();
    return delivered();
  });
  std::vector<House::Message> all;
  for (std::size_t i = 0; i <= kTargetShare; ++i) all.push_back({"target user=anna pipe:" + std::to_string(i)});
  house.put(all);
  house.world.loop.advance(1s);
  CHECK(house.asked.size() == kTargetShare);
  const auto left = house.waiting();
  REQUIRE(left.size() == 1);
  CHECK(left[0].attempts == 0);
  CHECK(left[0].addressees.size() == 1);
}

TEST_CASE("who ends waits for those that deliver until the outcome is written down") {
  House house;
  Targets& targets = house.world.services->targets();
  std::atomic<bool> idle{true};
  house.deliver_by([&](const cage::Deliver&) {
    idle = targets.wait(Duration(0));
    return delivered();
  });
  CHECK(targets.wait(Duration(0)));
  house.put({{"target user=anna pipe:x"}});
  house.world.loop.advance(1s);
  CHECK(!idle);
  CHECK(targets.wait(Duration(0)));
}

}  // namespace angarium::agent
