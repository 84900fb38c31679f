#include "agent/caretaker.h"

#include "agent/maildrop.h"
#include "agent/settings.h"
#include "box/testing.h"
#include "io/memory.h"
#include "location/open_box.h"
#include "store/volume_memory.h"
#include "support/run.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::agent;

namespace {

/// A server with two accounts, of which one has a location.
class House {
 public:
  House() {
    REQUIRE(services->directory().add_domain("example.test"));
    for (const char* const address : {"anna@example.test", "bob@example.test"}) {
      const auto made = services->directory().add_account({.address = address, .name = "", .quota = {}});
      REQUIRE(made);
      REQUIRE(run(services->mail().create_account(made->id, {})));
      ids.push_back(made->id);
    }
    rules = std::make_shared<Caretaker::Rules>(
        Caretaker::Rules{{"anna@example.test", "maildir:" + home.path() + "/Maildir"}});
    box = {.form = location::Location::Form::maildir, .inbox = home.path() + "/Maildir", .folders = {}};
    REQUIRE(location::make_box(box, box.inbox));
    services->set_caretaker(caretaker);
    loop.spawn(caretaker.run());
    loop.settle();
  }
  ~House() {
    caretaker.stop();
    loop.advance(std::chrono::seconds(5));
    loop.destroy_tasks();
    caretaker.end_work();
  }
  template <class T>
  T run(io::Task<T> task) {
    return test::settled(loop, std::move(task));
  }
  /// With time passing until it ends.
  template <class T>
  T wait_for(io::Task<T> task) {
    std::optional<T> result;
    loop.spawn(test::detail::keep_value(std::move(task), result));
    for (int i = 0; i < 600 && !result; ++i) loop.advance(std::chrono::milliseconds(100));
    REQUIRE(result);
    return *std::move(result);
  }
  void put(const std::string& word) {
    REQUIRE(location::add_message(
        box, box.inbox,
        {.octets = "Subject: " + word + "\r\n\r\n" + word + "\r\n", .received = WallTime::from_seconds(1)}, {}));
  }
  std::uint64_t messages(std::size_t account) {
    auto mail = run(services->mail().account(ids[account])).value();
    return mail->status(mail->listing()->find(mailbox::kInbox)->id).value().messages;
  }

  box::testing::Home home;
  io::SimulatedLoop loop{1, WallTime::from_seconds(1'700'000'000), io::Answers::by_tasks};
  SeededRandom random{1};
  std::unique_ptr<Services> services = open();
  std::shared_ptr<const Caretaker::Rules> rules = std::make_shared<Caretaker::Rules>();
  Caretaker caretaker{*services, [this] { return rules; }, home.path(), 0};
  location::Location box;
  std::vector<account::AccountId> ids;

 private:
  std::unique_ptr<Services> open() {
    configuration::Configuration c;
    c.store.reserve = 0;
    Services::Ground ground{.volume = *store::open_memory_volume(std::make_shared<store::MemoryDisk>()),
                            .store = {},
                            .clock = &loop.clock(),
                            .random = &random,
                            .work = Services::Ground::Work::on_the_loop};
    ground.store.state = store::StateKind::sorted;
    ground.store.threads = store::Threads::none;
    ground.store.clock = &loop.clock();
    ground.store.on_waiting = [this] { loop.post([this] { services->tablet().commit_waiting(); }); };
    return *Services::open_on(std::move(ground), c);
  }
};

}  // namespace

TEST_CASE("who opens an account finds what came into its box before") {
  House house;
  house.loop.advance(std::chrono::seconds(2));
  house.put("a");
  const auto attendance = house.wait_for(house.caretaker.attend(house.ids[0]));
  CHECK(house.messages(0) == 1);
  CHECK(house.messages(1) == 0);
}

TEST_CASE("an account without a location is opened at once") {
  House house;
  house.loop.advance(std::chrono::seconds(2));
  (void)house.run(house.caretaker.attend(house.ids[1]));
}

TEST_CASE("a POP3 session shows what came into the box") {
  House house;
  house.loop.advance(std::chrono::seconds(2));
  house.put("a");
  MaildropLocks locks;
  Pop3Desk desk{*house.services, locks, {}};
  Pop3Authenticator authenticator(desk, *io::Endpoint::parse("192.0.2.7:4711"));
  auto opened =
      house.wait_for(authenticator.open({.identity = {.authentication_id = "anna@example.test"}, .mechanism = "USER"}));
  REQUIRE(opened);
  CHECK((*opened)->count() == 1);
}

TEST_CASE("boxes are looked at every other second while somebody reads, and seldom else") {
  House house;
  house.loop.advance(std::chrono::seconds(2));
  house.put("a");
  house.loop.advance(std::chrono::seconds(10));
  CHECK(house.messages(0) == 0);
  house.loop.advance(kLookSeldom);
  CHECK(house.messages(0) == 1);
  const auto attendance = house.wait_for(house.caretaker.attend(house.ids[0]));
  house.put("b");
  house.loop.advance(kLookOften + std::chrono::seconds(1));
  CHECK(house.messages(0) == 2);
}

TEST_CASE("what changes here goes to the box at once") {
  House house;
  house.loop.advance(std::chrono::seconds(2));
  mailbox::Delivery delivery;
  delivery.content = mailbox::make_content("Subject: a\r\n\r\na\r\n");
  delivery.recipients.push_back({.account = house.ids[0], .prepended = "Return-Path: <b@b.test>\r\n", .targets = {{}}});
  REQUIRE((*house.run(house.services->mail().deliver(std::move(delivery))))[0]);
  house.loop.advance(std::chrono::seconds(1));
  const auto box = box::open_box(house.box.inbox, {}, box::Access::read_only).value();
  REQUIRE(box->size() == 1);
  CHECK(box->read(0, 1000).value() == "Return-Path: <b@b.test>\r\nSubject: a\r\n\r\na\r\n");
}

TEST_CASE("a line that is taken out or changed counts from then on") {
  House house;
  house.loop.advance(std::chrono::seconds(2));
  house.rules = std::make_shared<Caretaker::Rules>();
  house.loop.advance(std::chrono::seconds(2));
  house.put("a");
  (void)house.run(house.caretaker.attend(house.ids[0]));
  house.loop.advance(std::chrono::minutes(2));
  CHECK(house.messages(0) == 0);
  house.rules = std::make_shared<Caretaker::Rules>(
      Caretaker::Rules{{"*", "maildir:" + house.home.path() + "/Maildir"}, {"bob@example.test", "store"}});
  house.loop.advance(std::chrono::seconds(3));
  CHECK(house.messages(0) == 1);
  CHECK(house.messages(1) == 0);
}

TEST_CASE(
    "who opens an account whose boxes cannot be reached waits no longer than is bearable, and sees what is here") {
  House house;
  house.put("a");
  house.loop.advance(std::chrono::seconds(3));
  (void)house.wait_for(house.caretaker.attend(house.ids[0]));
  std::filesystem::remove_all(house.box.inbox);
  const Moment before = house.loop.now();
  (void)house.wait_for(house.caretaker.attend(house.ids[0]));
  CHECK(house.loop.now() - before <= kOpeningWait + std::chrono::seconds(1));
  CHECK(house.messages(0) == 1);
}
