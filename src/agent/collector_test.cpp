// What is put into the drop folder comes in once, whatever happens between.
#include "agent/collector.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "drop/options.h"
#include "io/memory.h"
#include "support/run.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::agent;

namespace {

class House {
 public:
  House() {
    std::string name = (std::filesystem::temp_directory_path() / "angarium-test-XXXXXX").string();
    directory = mkdtemp(name.data());
    folder = directory + "/drop";
    mkdir(folder.c_str(), 0700);
    chmod(folder.c_str(), drop::kFolderMode);
    configuration::Configuration c;
    c.directory = directory;
    c.server.hostname = "mail.example.test";
    c.auth.argon2_memory_kib = 64;
    c.auth.argon2_passes = 1;
    c.store.reserve = 0;
    c.smtp.message_size_max = 100'000;
    auto opened = Services::open(c);
    REQUIRE(opened);
    services = *std::move(opened);
    terms = std::make_shared<const Terms>(c, nullptr, Shared{*services, budget, rate, locks, nullptr});
    collector.emplace(*services, [this] { return terms; }, folder);
    REQUIRE(services->directory().add_domain("example.test"));
    auto credentials = account::make_credentials("secret", services->password_cost(), system_random());
    REQUIRE(credentials);
    auto account = services->directory().add_account(
        {.address = "alice@example.test", .name = "", .quota = {}, .credentials = *std::move(credentials)});
    REQUIRE(account);
    alice = account->id;
    REQUIRE(test::sync_wait(loop, services->mail().create_account(alice, {})));
  }
  ~House() {
    collector.reset();
    terms.reset();
    services.reset();
    std::filesystem::remove_all(directory);
  }

  std::string hand_in(std::string_view message = "Subject: x\r\n\r\nbody\r\n") const {
    const drop::Note note{.sender = "bob", .name = "Bob", .recipients = {"alice", "alice@example.test"}};
    auto writer = drop::Writer::create(folder, note, system_random());
    REQUIRE(writer);
    REQUIRE(writer->append(message));
    return writer->finish().value();
  }
  control::Reply take(const std::string& name, unsigned uid = 0) {
    return test::sync_wait(loop, collector->take_for(name, {.uid = uid}));
  }
  std::uint64_t count() {
    auto mail = test::sync_wait(loop, services->mail().account(alice));
    return (*mail)->quota().messages;
  }
  [[nodiscard]] bool there(const std::string& name) const { return std::filesystem::exists(folder + "/" + name); }
  bool marked(const std::string& name) { return services->tablet().get(kDropKeyOctet + name).value().has_value(); }

  io::SimulatedLoop loop;
  std::string directory;
  std::string folder;
  Budget budget{64U << 20};
  Rate rate{0};
  MaildropLocks locks;
  std::unique_ptr<Services> services;
  std::shared_ptr<const Terms> terms;
  std::optional<Collector> collector;
  account::AccountId alice = 0;
};

}  // namespace

TEST_CASE("a file is taken in, then removed, and the store keeps nothing of it but the mail") {
  House house;
  const std::string name = house.hand_in();
  CHECK(house.take(name).exit_code == 0);
  CHECK(house.count() == 1);
  CHECK_FALSE(house.there(name));
  CHECK_FALSE(house.marked(name));
  CHECK(house.take(name).exit_code == 0);
  CHECK(house.count() == 1);
}

TEST_CASE("a file whose mark is in the store was taken before the server ended: it is removed and not taken again") {
  House house;
  const std::string name = house.hand_in();
  store::Batch batch;
  batch.put(kDropKeyOctet + name, "0");
  REQUIRE(house.services->tablet().commit_and_wait(std::move(batch)));
  CHECK(house.take(name).exit_code == 0);
  CHECK(house.count() == 0);
  CHECK_FALSE(house.there(name));
  CHECK_FALSE(house.marked(name));
}

TEST_CASE("without its mark the same file is another message: it is the mark that tells") {
  House house;
  const std::string name = house.hand_in();
  const std::string kept = house.directory + "/kept";
  std::filesystem::copy_file(house.folder + "/" + name, kept);
  CHECK(house.take(name).exit_code == 0);
  std::filesystem::copy_file(kept, house.folder + "/" + name);
  CHECK(house.take(name).exit_code == 0);
  CHECK(house.count() == 2);
}

TEST_CASE("only the user who put a file there, root and the server may have it taken") {
  House house;
  const std::string name = house.hand_in();
  CHECK(house.take(name, geteuid() + 1).exit_code == drop::kExitUnavailable);
  CHECK(house.there(name));
  CHECK(house.count() == 0);
  CHECK(house.take(name, geteuid()).exit_code == 0);
  CHECK(house.count() == 1);
}

TEST_CASE("what can never be taken is set aside, and its sender hears why") {
  House house;
  const std::string large = house.hand_in("A: b\r\n\r\n" + std::string(100'000 - 7, 'x'));
  CHECK(house.take(large).exit_code == drop::kExitData);
  const std::string fits = house.hand_in("A: b\r\n\r\n" + std::string(100'000 - 8, 'x'));
  CHECK(house.take(fits).exit_code == 0);
  const std::string cut = house.hand_in();
  std::filesystem::resize_file(house.folder + "/" + cut, 100);
  CHECK(house.take(cut).exit_code == drop::kExitData);
  const std::string changed = house.hand_in();
  std::fstream(house.folder + "/" + changed, std::ios::in | std::ios::out | std::ios::binary).seekp(-3, std::ios::end)
      << 'X';
  CHECK(house.take(changed).exit_code == drop::kExitData);
  CHECK(house.count() == 1);
  for (const std::string& name : {large, cut, changed}) {
    CHECK_FALSE(house.there(name));
    CHECK(house.there("bad/" + name));
  }
}

TEST_CASE("an address is told apart: a mailbox here, another server's, nobody") {
  House house;
  const auto verify = [&](std::string address) {
    return test::sync_wait(house.loop, house.collector->verify(std::move(address)));
  };
  CHECK(verify("alice").result.starts_with("{\"kind\":\"accounts\",\"accounts\":[\"alice@"));
  CHECK(verify("carl@far.example").result.starts_with("{\"kind\":\"not-local\""));
  CHECK(verify("nemo").exit_code == drop::kExitNoUser);
  CHECK(verify("a b").exit_code == drop::kExitNoUser);
}
