// For tests of what keeps boxes in place: a house with a caretaker, whose time is made.
#pragma once

#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/caretaker.h"
#include "agent/system_users.h"
#include "box/testing.h"
#include "io/memory.h"
#include "location/open_box.h"
#include "location/testing.h"
#include "store/volume_memory.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::agent {

/// A server with two accounts, of which one has a location.
class CaretakersHouse {
 public:
  explicit CaretakersHouse(location::testing::Processes::Work work = {}, location::Patience patience = {},
                           std::size_t slow_threads = 0)
      : processes(home.path(), std::move(work)),
        caretaker(*services, [this] { return rules; }, home.path(), 0, users(patience, slow_threads)) {
    REQUIRE(services->directory().add_domain("example.test"));
    for (const char* const address : {"anna@example.test", "bob@example.test"}) add(address);
    rules = std::make_shared<Caretaker::Rules>(
        Caretaker::Rules{{"anna@example.test", "maildir:" + home.path() + "/Maildir"}});
    box = {.form = location::Location::Form::maildir, .inbox = home.path() + "/Maildir", .folders = {}};
    REQUIRE(location::make_box(box, box.inbox));
    services->set_caretaker(caretaker);
    loop.spawn(run_caretaker());
    loop.settle();
  }
  ~CaretakersHouse() {
    caretaker.stop();
    loop.advance(std::chrono::seconds(5));
    loop.destroy_tasks();
    caretaker.end_work();
  }
  void add(const std::string& address, account::Origin origin = account::Origin::added) {
    account::Directory::NewAccount wanted{.address = address, .name = "", .quota = {}};
    wanted.origin = origin;
    const auto made = services->directory().add_account(wanted);
    REQUIRE(made);
    REQUIRE(run(services->mail().create_account(made->id, {})));
    ids.push_back(made->id);
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
  void put(const std::string& word) { put(word, box.inbox); }
  void put(const std::string& word, const std::string& path) {
    REQUIRE(location::add_message(
        box, path, {.octets = "Subject: " + word + "\r\n\r\n" + word + "\r\n", .received = WallTime::from_seconds(1)},
        {}));
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
  location::testing::Processes processes;
  /// Carl is a user of the host, at home here.
  Result<std::string> home_of_carl = home.path();
  /// Of these users the host does not say where they are at home until it is made to.
  std::set<std::string> silent;
  struct Asked {
    std::string user;
    HostUsersBoxes::HomeAnswer answer;
  };
  std::list<Asked> unanswered;
  std::map<std::string, int> asked;  ///< times
  Caretaker caretaker;
  bool ended = false;  ///< the caretaker
  location::Location box;
  std::vector<account::AccountId> ids;
  std::vector<std::uint64_t> told;  ///< of a move: messages brought

 private:
  io::Task<> run_caretaker() {
    co_await caretaker.run();
    ended = true;
  }
  HostUsersBoxes users(location::Patience patience, std::size_t slow_threads) {
    return {.ask_home =
                [this](const std::string& user, HostUsersBoxes::HomeAnswer answer) {
                  ++asked[user];
                  if (silent.contains(user))
                    unanswered.push_back({user, std::move(answer)});
                  else if (user == "carl")
                    answer(home_of_carl);
                  else if (user.starts_with("at-home"))
                    answer(home.path() + "/" + user);
                  else
                    answer(fail(location::kTrouble, user + " was asked for"));
                },
            .attend = processes.attend(),
            .patience = patience,
            .slow_threads = slow_threads};
  }
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

}  // namespace angarium::agent
