// angarium keys: what becomes of a rotation of all accounts that is cut short.
#include "agent/keyring_verbs.h"

#include <boost/json.hpp>
#include <map>

#include "agent/queue_verbs.h"
#include "keyring/test_folder.h"
#include "mailbox/content.h"
#include "store/keys.h"
#include "store/volume_memory.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using KeyIds = std::map<mailbox::AccountId, std::vector<keyring::KeyId>>;

constexpr std::size_t kAccounts = 5;

class House {
 public:
  House() {
    configuration_.store.reserve = 0;
    configuration_.store.encryption = true;
    configuration_.auth.argon2_memory_kib = 64;
    configuration_.auth.argon2_passes = 1;
    configuration_.directory = folder.path;
    open();
    REQUIRE(services->directory().add_domain("example.test"));
    for (std::size_t i = 0; i < kAccounts; ++i) {
      const auto made = services->directory().add_account(
          {.address = std::to_string(i) + "@example.test", .name = "", .quota = {}, .credentials = {}});
      REQUIRE(made);
      REQUIRE(run(services->mail().create_account(made->id, {})));
      accounts.push_back(made->id);
      deliver(made->id);
    }
  }

  template <class T>
  T run(io::Task<T> task) {
    return test::settled(loop, std::move(task));
  }
  void deliver(mailbox::AccountId to) {
    mailbox::Delivery delivery;
    delivery.content = *mailbox::make_sealed_content("Subject: x\r\n\r\ntext\r\n");
    delivery.recipients.push_back({.account = to, .prepended = "Return-Path: <a@b>\r\n"});
    const auto results = run(services->mail().deliver(std::move(delivery)));
    REQUIRE(results);
    REQUIRE((*results)[0]);
  }
  Result<std::string> ask(
      const std::vector<std::pair<std::string, std::string>>& arguments,
      const control::Tell& tell = [](control::Progress) {}) {
    return run(keyring_verb(*services, {.verb = "keys.rotate", .arguments = arguments}, tell));
  }
  json::object rotate_all(const control::Tell& tell = [](control::Progress) {}) {
    const auto answer = ask({{"accounts", "true"}}, tell);
    REQUIRE(answer);
    return json::parse(*answer).as_object();
  }
  KeyIds ids() {
    KeyIds found;
    for (const mailbox::AccountId id : accounts) found[id] = *keyring::Keys::ids(services->tablet(), id);
    return found;
  }
  /// The disk as a kill leaves it now.
  void note_disk() {
    noted_ = std::make_shared<store::MemoryDisk>();
    const std::lock_guard lock(disk_->mutex);
    for (const auto& [name, content] : disk_->files)
      noted_->files[name] = std::make_shared<store::MemoryDisk::Content>(*content);
  }
  /// A start from what was noted.
  void restart() {
    services.reset();
    disk_ = noted_;
    open();
  }
  /// All rotated up to the so many-th account, and then killed.
  void rotate_and_be_killed_at(std::uint64_t done) {
    rotate_all([&](control::Progress progress) {
      CHECK(progress.all == kAccounts);
      if (progress.done == done) note_disk();
    });
    restart();
  }

  io::SimulatedLoop loop;
  keyring::test::KeyFolder folder;
  std::unique_ptr<Services> services;
  std::vector<mailbox::AccountId> accounts;

 private:
  void open() {
    services =
        *Services::open_on(*store::open_memory_volume(disk_), store::StateKind::sorted, configuration_, loop.clock());
  }
  configuration::Configuration configuration_;
  std::shared_ptr<store::MemoryDisk> disk_ = std::make_shared<store::MemoryDisk>();
  std::shared_ptr<store::MemoryDisk> noted_;
};

}  // namespace

TEST_CASE("keys rotate --accounts: each account has one new key, and the progress ends with all of them") {
  House house;
  const KeyIds before = house.ids();
  control::Progress last;
  const json::object done = house.rotate_all([&](control::Progress progress) {
    CHECK(progress.done == last.done + 1);
    last = progress;
  });
  CHECK(last.done == kAccounts);
  CHECK(done.at("accounts").to_number<std::size_t>() == kAccounts);
  CHECK(done.at("erased").to_number<std::size_t>() == kAccounts);
  CHECK(!done.contains("note"));
  for (const auto& [account, ids] : house.ids()) {
    CHECK(ids.size() == 1);
    CHECK(ids != before.at(account));
  }
  // Nothing of it is left: the next one begins with the first again.
  CHECK(!*house.services->tablet().get(std::string(1, kRotationOctet)));
  CHECK(!house.rotate_all().contains("note"));
  CHECK(house.ask({{"accounts", "true"}, {"address", "0@example.test"}}).error().is(kUsageError));
  CHECK(house.ask({{"accounts", "true"}, {"queue", "true"}}).error().is(kUsageError));
}

TEST_CASE("killed after any account, keys rotate --accounts goes on with the next one, and says so") {
  for (std::uint64_t at = 1; at < kAccounts; ++at) {
    CAPTURE(at);
    House house;
    house.rotate_and_be_killed_at(at);
    const KeyIds before = house.ids();
    std::uint64_t first = 0;
    const json::object done = house.rotate_all([&](control::Progress progress) {
      if (first == 0) first = progress.done;
      CHECK(progress.all == kAccounts);
    });
    CHECK(first == at + 1);
    CHECK(done.at("accounts").to_number<std::size_t>() == kAccounts);
    CHECK(done.at("sealed").to_number<std::size_t>() == kAccounts);
    CHECK(done.contains("note"));
    const KeyIds after = house.ids();
    for (std::size_t i = 0; i < kAccounts; ++i) {
      CAPTURE(i);
      CHECK((after.at(house.accounts[i]) == before.at(house.accounts[i])) == (i < at));
      CHECK(after.at(house.accounts[i]).size() == 1);
    }
    CHECK(!house.rotate_all().contains("note"));
  }
}

TEST_CASE("one account that is rotated meanwhile moves no mark") {
  House house;
  house.rotate_and_be_killed_at(2);
  REQUIRE(house.ask({{"address", "4@example.test"}}));
  CHECK(house.rotate_all().contains("note"));
}

TEST_CASE("a rotation that was begun long ago, or whose mark cannot be read, is not gone on with") {
  for (const bool damaged : {false, true}) {
    CAPTURE(damaged);
    for (const Duration wait : {kRotationGoesOn - 1h, kRotationGoesOn + 0s}) {
      House house;
      house.rotate_and_be_killed_at(3);
      const KeyIds before = house.ids();
      house.loop.advance(wait);
      store::Batch batch;
      batch.put(std::string(1, kRotationOctet), "?");
      if (damaged) REQUIRE(house.services->tablet().commit_and_wait(std::move(batch)));
      const bool goes_on = !damaged && wait < kRotationGoesOn;
      CHECK(house.rotate_all().contains("note") == goes_on);
      CHECK((house.ids().at(house.accounts[0]) == before.at(house.accounts[0])) == goes_on);
    }
  }
}

TEST_CASE("keys of accounts that were not rotated are told at the end; after a kill these are tried again") {
  House house;
  const mailbox::AccountId hurt = house.accounts[1];
  const std::string at = store::KeyWriter().u8(keyring::kKeyOctet).u64(hurt).u64(house.ids().at(hurt)[0]).key();
  const auto put = [&](std::string value) {
    store::Batch batch;
    batch.put(at, std::move(value));
    REQUIRE(house.services->tablet().commit_and_wait(std::move(batch)));
    // As nobody has it in memory.
    house.note_disk();
    house.restart();
  };
  const std::string sound = **house.services->tablet().get(at);
  put("damaged");
  const auto all = house.ask({{"accounts", "true"}}, [&](control::Progress progress) {
    if (progress.done == 3) house.note_disk();
  });
  CHECK(all.error().text().find("4 of 5") != std::string::npos);
  house.restart();
  const KeyIds before = house.ids();
  put(sound);
  const json::object rest = house.rotate_all();
  CHECK(rest.at("accounts").to_number<std::size_t>() == kAccounts);
  CHECK(rest.contains("note"));
  const KeyIds after = house.ids();
  CHECK(after.at(house.accounts[0]) == before.at(house.accounts[0]));
  CHECK(after.at(hurt) != before.at(hurt));
}

TEST_CASE("one rotation of all accounts at a time: another is told to wait, and neither hurts the mark of the first") {
  House house;
  const auto ask = [&house](std::optional<Result<std::string>>& to) -> io::Task<> {
    to.emplace(co_await keyring_verb(*house.services, {.verb = "keys.rotate", .arguments = {{"accounts", "true"}}},
                                     [](control::Progress) {}));
  };
  std::optional<Result<std::string>> first;
  std::optional<Result<std::string>> second;
  house.loop.spawn(ask(first));
  house.loop.spawn(ask(second));
  house.loop.settle();
  REQUIRE(second);
  CHECK(second->error().is(keyring::kRotationWaits));
  CHECK(second->error().text().find("all accounts") != std::string::npos);
  REQUIRE(first);
  REQUIRE(*first);
  CHECK(json::parse(**first).at("accounts").to_number<std::size_t>() == kAccounts);
  CHECK(!house.rotate_all().contains("note"));
}

TEST_CASE("keys rotate --queue: a queue without a key has nothing to rotate") {
  House house;
  CHECK(house.ask({{"queue", "true"}}).error().text().find("no key yet") != std::string::npos);
  house.run(house.services->body_keys().seal(keyring::Key::make()));
  const json::object done = json::parse(*house.ask({{"queue", "true"}})).as_object();
  CHECK(done.at("erased") == 1);
  CHECK(done.at("kept") == 0);
  CHECK(done.at("note") == "");
}

}  // namespace angarium::agent
