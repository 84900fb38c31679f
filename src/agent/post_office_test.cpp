// What a reload changes in a server that runs. The sessions themselves: tests/trials/reload.py.
#include "agent/post_office.h"

#include <cstdio>
#include <filesystem>

#include "agent/terms.h"
#include "store/volume_memory.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::agent;

namespace {

/// A directory with a configuration file, removed at the end.
class Place {
 public:
  Place() {
    std::string name = (std::filesystem::temp_directory_path() / "angarium-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { std::filesystem::remove_all(path_); }

  void write(std::string_view name, std::string_view text) const {
    std::FILE* file = std::fopen((path_ + "/" + std::string(name)).c_str(), "w");
    REQUIRE(file != nullptr);
    CHECK(std::fwrite(text.data(), 1, text.size(), file) == text.size());
    CHECK(std::fclose(file) == 0);
  }
  void configure(std::string_view text) const { write("angarium.toml", text); }
  std::unique_ptr<PostOffice> open() const {
    const auto configuration = configuration::load(path_);
    REQUIRE_MESSAGE(configuration, configuration.error().text());
    auto doors = Doors::open(*configuration, {});
    REQUIRE_MESSAGE(doors, doors.error().text());
    auto office = PostOffice::open(*configuration, *std::move(doors));
    REQUIRE_MESSAGE(office, office.error().text());
    return *std::move(office);
  }

 private:
  std::string path_;
};

const std::string kFile =
    "[server]\nhostname = \"a.test\"\nloops = 1\n[auth]\nargon2_memory_kib = 8192\nargon2_passes = 1\n"
    "[store]\nreserve = \"1 MiB\"\n";

std::string left(const configuration::Reload& reload) {
  std::string names;
  for (const auto& key : reload.left) names += key.name + " ";
  return names;
}

}  // namespace

TEST_CASE("a reload compares the file with what is in use: what it took it does not name again, what it left it does") {
  const Place place;
  place.configure(kFile);
  const auto office = place.open();
  place.configure(kFile + "cache = \"1 MiB\"\n[smtp]\nerrors_max = 3\n");
  auto first = office->reload();
  REQUIRE(first);
  CHECK(first->changed == std::vector<std::string>{"smtp.errors_max"});
  CHECK(left(*first) == "store.cache ");
  auto second = office->reload();
  REQUIRE(second);
  CHECK(second->changed.empty());
  CHECK(left(*second) == "store.cache ");
  place.configure(kFile);
  auto third = office->reload();
  REQUIRE(third);
  CHECK(third->changed == std::vector<std::string>{"smtp.errors_max"});
  CHECK(left(*third).empty());
}

TEST_CASE("a bad file is told with its line and changes nothing") {
  const Place place;
  place.configure(kFile);
  const auto office = place.open();
  place.configure(kFile + "[smtp]\nerrors_max = 3\nrecipients_max = 1\n");
  const auto bad = office->reload();
  REQUIRE(!bad);
  CHECK(bad.error().text().find("angarium.toml:11: smtp.recipients_max is a number from 100") != std::string::npos);
  place.configure(kFile + "[smtp]\nerrors_max = 3\n");
  const auto good = office->reload();
  REQUIRE(good);
  CHECK(good->changed == std::vector<std::string>{"smtp.errors_max"});
}

TEST_CASE("terms say in every protocol's words what the configuration says, and hold all they point to") {
  configuration::Configuration c;
  c.store.reserve = 0;
  c.auth.argon2_memory_kib = 64;
  c.auth.argon2_passes = 1;
  const auto services = *Services::open_on(*store::open_memory_volume(std::make_shared<store::MemoryDisk>()),
                                           store::StateKind::sorted, c);
  Budget budget(1000);
  Rate rate(0);
  MaildropLocks locks;
  const Shared shared{*services, budget, rate, locks, nullptr};
  c.auth.mechanisms = {"A-MECHANISM-WITH-A-LONG-NAME"};
  c.auth.failure_delay = std::chrono::seconds(9);
  c.smtp.errors_max = 3;
  c.smtp.early_talk = configuration::EarlyTalk::refuse;
  c.imap.append_size_max = 70'000;
  c.limits.login_timeout = std::chrono::seconds(4);
  c.limits.send_timeout = std::chrono::seconds(5);
  c.limits.handshake_timeout = std::chrono::seconds(6);
  const auto terms = std::make_shared<const Terms>(c, nullptr, shared);
  c = {};
  REQUIRE(terms->pop3.options.mechanisms.size() == 1);
  CHECK(terms->pop3.options.mechanisms[0] == "A-MECHANISM-WITH-A-LONG-NAME");
  CHECK(terms->pop3.options.mechanisms[0].data() == terms->configuration.auth.mechanisms[0].data());
  CHECK(terms->pop3.options.failure_delay == std::chrono::seconds(9));
  CHECK(terms->pop3.options.login_timeout == std::chrono::seconds(4));
  CHECK(terms->imap.append_limit == 70'000);
  CHECK(terms->imap.send_timeout == std::chrono::seconds(5));
  CHECK(terms->mx.policy.early_talk == protocol::smtp::EarlyTalk::refuse);
  CHECK(terms->submission.policy.role == protocol::smtp::Role::submission);
  CHECK(terms->lmtp.policy.limits.errors == 3);
  REQUIRE(terms->tls.size() == all_services().size());
  for (const auto& options : terms->tls) CHECK(options->handshake_timeout == std::chrono::seconds(6));
}
