// Mailboxes of one account in the hands of another (RFC 4314), over a store in memory: who is found, whom lists mean,
// and what operators do with them.
#include <boost/json.hpp>

#include "agent/acl_verbs.h"
#include "agent/imap_neighbours.h"
#include "agent/queue_verbs.h"
#include "mailbox/limits.h"
#include "protocol/imap/error.h"
#include "protocol/imap/sharing.h"
#include "store/volume_memory.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

namespace imap = protocol::imap;
namespace json = boost::json;

class House {
 public:
  House() {
    configuration::Configuration configuration;
    configuration.store.reserve = 0;
    configuration.auth.argon2_memory_kib = 64;
    configuration.auth.argon2_passes = 1;
    auto volume = store::open_memory_volume(std::make_shared<store::MemoryDisk>());
    services = *Services::open_on(*std::move(volume), store::StateKind::sorted, configuration, loop.clock());
    owners = std::make_unique<Owners>(services->directory(), services->pool());
    REQUIRE(services->directory().add_domain("example.test"));
    anna = add("anna@example.test");
    bob = add("bob@example.test");
  }

  template <class T>
  T run(io::Task<T> task) {
    return test::settled(loop, std::move(task));
  }
  account::Account add(const std::string& address) {
    auto made = services->directory().add_account({.address = address, .name = "", .quota = {}, .credentials = {}},
                                                  [&](const account::Account& account, store::Batch& batch) {
                                                    services->mail().create_account(account.id, {}, batch);
                                                  });
    REQUIRE(made);
    return *made;
  }
  /// As somebody who has logged in.
  std::shared_ptr<imap::Account> open(const account::Account& user, std::optional<account::AccountId> shown = {}) {
    auto mail = run(services->mail().account(user.id));
    REQUIRE(mail);
    return std::make_shared<imap::SharingAccount>(
        std::make_shared<ImapAccount>(*services, budget, 1000, user.address, user.address, *std::move(mail)),
        std::make_unique<ImapNeighbours>(*services, budget, *owners, 1000, user, shown));
  }
  Result<std::string> verb(const std::string& name, std::vector<std::pair<std::string, std::string>> arguments) {
    return run(acl_verb(*services, {.verb = name, .arguments = std::move(arguments)}));
  }
  void grant(const account::Account& owner, const std::string& mailbox, const std::string& who,
             const std::string& what) {
    REQUIRE(verb("acl.set", {{"address", owner.address}, {"mailbox", mailbox}, {"identifier", who}, {"rights", what}}));
  }
  /// The names of others that a user sees.
  std::vector<std::string> seen(imap::Account& account) {
    std::vector<std::string> names;
    auto rows = run(account.list());
    REQUIRE(rows);
    for (const imap::NameRow& row : *rows)
      if (row.name.starts_with("Other Users/") || row.name.starts_with("Public/")) names.push_back(row.name);
    return names;
  }

  io::SimulatedLoop loop;
  std::unique_ptr<Services> services;
  std::unique_ptr<Owners> owners;
  Budget budget{64 << 20};
  account::Account anna;
  account::Account bob;
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("RFC 4314 3.1: an operator grants, adds, denies and takes away; what is asked for wrongly changes nothing") {
  House house;
  const std::pair<std::string, std::string> address = {"address", "anna@example.test"};
  const std::pair<std::string, std::string> inbox = {"mailbox", "INBOX"};
  const auto set = [&](const std::string& who, const std::string& rights) {
    return house.verb("acl.set", {address, inbox, {"identifier", who}, {"rights", rights}});
  };
  CHECK(house.verb("acl.list", {address}) == "[]");
  CHECK(*set("bob", "lr") == R"([{"mailbox":"INBOX","identifier":"bob@example.test","rights":"lr"}])");
  CHECK(*set("bob@example.test", "+sd") ==
        R"([{"mailbox":"INBOX","identifier":"bob@example.test","rights":"lrsted"}])");
  CHECK(*set("BOB@EXAMPLE.TEST", "-tes") == R"([{"mailbox":"INBOX","identifier":"bob@example.test","rights":"lr"}])");
  CHECK(set("anyone", "l"));
  CHECK(set("-bob", "w"));
  const std::string all = R"([{"mailbox":"INBOX","identifier":"anyone","rights":"l"},)"
                          R"({"mailbox":"INBOX","identifier":"bob@example.test","rights":"lr"},)"
                          R"({"mailbox":"INBOX","identifier":"-bob@example.test","rights":"w"}])";
  CHECK(*house.verb("acl.list", {address}) == all);
  CHECK(*house.verb("acl.list", {address, inbox}) == all);
  CHECK(*house.verb("acl.list", {address, {"mailbox", "Sent"}}) == "[]");
  CHECK(set("bob", "lq").error().is(kUsageError));
  CHECK(set("nobody", "l").error().is(kNobody));
  CHECK(set("group:staff", "l").error().is(kNobody));
  CHECK(set("not an@address@at all", "l").error().is(kNobody));
  CHECK(set("anna", "l").error().is(kUsageError));
  CHECK(house.verb("acl.list", {{"address", "nobody@example.test"}}).error().is(account::kUnknown));
  CHECK(house.verb("acl.list", {address, {"mailbox", "none"}}).error().is(mailbox::kNoMailbox));
  CHECK(house.verb("acl.other", {address, inbox}).error().is(kUsageError));
  CHECK(*house.verb("acl.list", {address}) == all);
  CHECK(house.verb("acl.remove", {address, inbox, {"identifier", "anyone"}}));
  CHECK(house.verb("acl.remove", {address, inbox, {"identifier", "-bob@example.test"}}));
  CHECK(*house.verb("acl.remove", {address, inbox, {"identifier", "bob"}}) == "[]");
}

TEST_CASE("a line of who is gone can be taken away, and is not granted anew") {
  House house;
  house.grant(house.anna, "INBOX", "bob", "lr");
  store::Batch batch;
  REQUIRE(house.services->directory().prepare_removal("bob@example.test", batch));
  REQUIRE(house.run(house.services->mail().remove_account(house.bob.id, std::move(batch))));
  house.services->directory().forget();
  const auto annas = house.open(house.anna);
  CHECK(
      house.run(annas->set_access("INBOX", {.identifier = "bob", .rights = imap::kRightRead}, imap::AccessChange::add))
          .error()
          .is(imap::kCannot));
  CHECK(house.run(annas->set_access("INBOX", {.identifier = "bob@example.test"}, imap::AccessChange::replace)));
  CHECK(house.run(annas->access("INBOX"))->size() == 1);
}

TEST_CASE("what a disabled account shares is there, what a removed one shared is not; a later account is found, too") {
  House house;
  house.grant(house.anna, "INBOX", "bob", "lr");
  const auto bobs = house.open(house.bob);
  CHECK(house.seen(*bobs) == Names{"Other Users/anna@example.test/INBOX"});
  REQUIRE(house.services->directory().change_account(
      "anna@example.test", [](account::Account& a) { a.status = account::Status::disabled; }));
  CHECK(house.seen(*bobs) == Names{"Other Users/anna@example.test/INBOX"});
  const account::Account later = house.add("later@example.test");
  house.grant(later, "Sent", "anyone", "l");
  CHECK(house.seen(*bobs) == Names{"Other Users/anna@example.test/INBOX", "Other Users/later@example.test/Sent"});
  const auto selected = house.run(bobs->select("Other Users/anna@example.test/INBOX", imap::Access::read_write));
  REQUIRE(selected);
  CHECK((*selected)->facts().access == imap::Access::read_only);
  store::Batch batch;
  REQUIRE(house.services->directory().prepare_removal("anna@example.test", batch));
  REQUIRE(house.run(house.services->mail().remove_account(house.anna.id, std::move(batch))));
  CHECK(house.seen(*bobs) == Names{"Other Users/later@example.test/Sent"});
  CHECK(house.run(bobs->status("Other Users/anna@example.test/INBOX")).error().is(imap::kNonExistent));
}

TEST_CASE("RFC 2342: public mailboxes are those of one account; to itself they are its own") {
  House house;
  const account::Account club = house.add("club@example.test");
  house.grant(club, "INBOX", "anyone", "lr");
  CHECK(house.seen(*house.open(house.bob, club.id)) == Names{"Public/INBOX"});
  CHECK(house.seen(*house.open(house.bob)) == Names{"Other Users/club@example.test/INBOX"});
  CHECK(house.seen(*house.open(club, club.id)).empty());
  CHECK(house.open(house.bob, club.id)->namespaces().shared.size() == 1);
  CHECK(house.open(house.bob)->namespaces().shared.empty());
}

TEST_CASE("RFC 4505: to guests nothing is shared, not even with anyone, and they share nothing") {
  House house;
  house.grant(house.anna, "INBOX", "anyone", "lr");
  auto mail = house.run(house.services->mail().account(house.bob.id));
  REQUIRE(mail);
  imap::SharingAccount guest_account(
      std::make_shared<ImapAccount>(*house.services, house.budget, 1000, house.bob.address, house.bob.address,
                                    *std::move(mail), GuestRules{{"INBOX"}}),
      nullptr);
  CHECK(house.run(guest_account.list())->size() == 1);
  CHECK(*house.run(guest_account.rights("INBOX")) == kGuestRights);
  CHECK(house.run(guest_account.rights("Sent")).error().is(imap::kNonExistent));
  CHECK(house.run(guest_account.access("INBOX")).error().is(imap::kNoPermission));
  CHECK(house
            .run(guest_account.set_access("INBOX", {.identifier = "anyone", .rights = imap::kAllRights},
                                          imap::AccessChange::add))
            .error()
            .is(imap::kNoPermission));
  CHECK(guest_account.namespaces().others.empty());
  CHECK(house.run(guest_account.status("Other Users/anna@example.test/INBOX")).error().is(imap::kNonExistent));
}

TEST_CASE("COPY to another owner is charged there, and beyond one batch it is a limit") {
  House house;
  house.grant(house.anna, "INBOX", "bob", "lrswite");
  const auto bobs = house.open(house.bob);
  const std::string theirs = "Other Users/anna@example.test/INBOX";
  auto append = house.run(bobs->append("INBOX"));
  REQUIRE(append);
  for (int i = 0; i < 2; ++i) {
    REQUIRE(house.run((*append)->begin({.flags = {}, .internal_date = std::nullopt, .size = 4})));
    REQUIRE((*append)->write("a\r\n\r").await_ready());
  }
  REQUIRE(house.run((*append)->commit()));
  auto inbox = *house.run(bobs->select("INBOX", imap::Access::read_write));
  imap::NumberSet both;
  both.add(imap::Range{1, 2});
  auto annas = *house.run(house.services->mail().account(house.anna.id));
  REQUIRE(house.run(annas->set_quota({.octets = 0, .messages = 1})));
  CHECK(house.run(inbox->copy(both, theirs, imap::CopyMode::copy)).error().is(imap::kOverQuota));
  CHECK(house.run(inbox->copy(both, theirs, imap::CopyMode::move)).error().is(imap::kOverQuota));
  CHECK(inbox->view()->size() == 2);
  REQUIRE(house.run(annas->set_quota({})));
  const auto moved = house.run(inbox->copy(both, theirs, imap::CopyMode::move));
  REQUIRE(moved);
  CHECK(moved->to.text() == "1:2");
  CHECK(inbox->view()->size() == 0);
  CHECK(annas->quota().messages == 2);
  CHECK(imap_error(Error(mailbox::kTooMany, "too many")).is(imap::kLimit));
}

TEST_CASE("an account that cannot be read hides none of the others; who names it is told") {
  /// With one more, whose records are damaged.
  class Broken final : public imap::Neighbours {
   public:
    Broken(std::unique_ptr<imap::Neighbours> others, std::shared_ptr<imap::Account> account)
        : others_(std::move(others)),
          broken_{.prefix = "Other Users/a@example.test/", .key = "a9", .account = account} {}
    [[nodiscard]] bool has_public() const override { return false; }
    [[nodiscard]] std::string own_key() const override { return "a0"; }
    io::Task<Result<std::vector<imap::Neighbour>>> all() override {
      auto all = CO_TRY(co_await others_->all());
      all.insert(all.begin(), broken_);
      co_return all;
    }
    [[nodiscard]] std::string_view prefix_of(std::string_view name) const override { return others_->prefix_of(name); }
    io::Task<Result<std::optional<imap::Neighbour>>> find(std::string prefix) override {
      if (prefix == broken_.prefix) co_return broken_;
      co_return co_await others_->find(std::move(prefix));
    }
    io::Task<Result<std::string>> identifier(std::string written) override { co_return written; }

   private:
    std::unique_ptr<imap::Neighbours> others_;
    imap::Neighbour broken_;
  };
  /// Whose every list fails.
  class Damaged final : public imap::Neighbours {
   public:
    [[nodiscard]] bool has_public() const override { return false; }
    [[nodiscard]] std::string own_key() const override { return "a0"; }
    io::Task<Result<std::vector<imap::Neighbour>>> all() override {
      co_return fail(mailbox::kDamaged, "a record is damaged");
    }
    [[nodiscard]] std::string_view prefix_of(std::string_view) const override { return {}; }
    io::Task<Result<std::optional<imap::Neighbour>>> find(std::string) override { co_return std::nullopt; }
    io::Task<Result<std::string>> identifier(std::string written) override { co_return written; }
  };
  House house;
  house.grant(house.anna, "INBOX", "bob", "lr");
  const auto own = [&](const account::Account& user) {
    auto mail = house.run(house.services->mail().account(user.id));
    REQUIRE(mail);
    return std::make_shared<ImapAccount>(*house.services, house.budget, 1000, user.address, user.address,
                                         *std::move(mail));
  };
  const auto damaged = std::make_shared<imap::SharingAccount>(own(house.bob), std::make_unique<Damaged>());
  const auto bobs = std::make_shared<imap::SharingAccount>(
      own(house.bob),
      std::make_unique<Broken>(
          std::make_unique<ImapNeighbours>(*house.services, house.budget, *house.owners, 1000, house.bob, std::nullopt),
          damaged));
  CHECK(house.seen(*bobs) == Names{"Other Users/anna@example.test/INBOX"});
  CHECK(house.run(bobs->status("Other Users/anna@example.test/INBOX")));
  CHECK(house.run(bobs->status("Other Users/a@example.test/INBOX")).error().is(mailbox::kDamaged));
}

TEST_CASE("who grants to a user comes before who grants to anyone; names have their prefix by their form") {
  House house;
  house.grant(house.anna, "INBOX", "anyone", "lr");
  const account::Account later = house.add("x/y@example.test");
  house.grant(later, "INBOX", "bob", "lr");
  const auto bobs = house.open(house.bob);
  CHECK(house.seen(*bobs) == Names{"Other Users/x/y@example.test/INBOX", "Other Users/anna@example.test/INBOX"});
  CHECK(house.run(bobs->status("Other Users/x/y@example.test/inbox")));
  CHECK(house.run(bobs->status("Other Users/bob@example.test/INBOX")).error().is(imap::kNonExistent));
  for (const char* const name : {"Other Users/x/INBOX", "Other Users/x/y@example.test", "Other Users/x@y/INBOX",
                                 "Other Users/ANNA@example.test/INBOX", "Other Users/@/INBOX", "Other Users/INBOX"})
    CHECK(house.run(bobs->status(name)).error().is(imap::kNonExistent));
  // The public account has that one name.
  const auto shown = house.open(house.bob, house.anna.id);
  CHECK(house.run(shown->status("Public/inbox")));
  CHECK(house.run(shown->status("Other Users/anna@example.test/INBOX")).error().is(imap::kNonExistent));
}

TEST_CASE("Public is a name as any other where nothing is public, and what one has there stays one's own") {
  House house;
  const account::Account club = house.add("club@example.test");
  house.grant(club, "INBOX", "anyone", "lr");
  const auto alone = house.open(house.bob);
  CHECK(house.run(alone->create("Public/Plans", 0)));
  const auto shown = house.open(house.bob, club.id);
  CHECK(house.run(shown->status("Public/Plans")));
  CHECK(house.run(shown->create("Public/Plans/Next", 0)));
  CHECK(house.run(alone->status("Public/Plans/Next")));
  CHECK(house.run(shown->create("Public/More", 0)).error().is(imap::kNoPermission));
  CHECK(house.run(shown->status("Public/INBOX")));
}

TEST_CASE("RFC 8508: what is replaced in a mailbox whose name is another owner's by now, is gone") {
  House house;
  house.grant(house.anna, "INBOX", "bob", "lrswite");
  const auto bobs = house.open(house.bob);
  const std::string theirs = "Other Users/anna@example.test/INBOX";
  for (const char* const id : {"", "F1", "F1-a9999"})
    CHECK(house.run(bobs->replace(theirs, {.name = theirs, .mailbox = id, .uid = 1})).error().is(imap::kExpungeIssued));
}

TEST_CASE("RFC 4314: who may read no more while a mailbox is selected, reads no more of it") {
  House house;
  house.grant(house.anna, "INBOX", "bob", "lr");
  const auto bobs = house.open(house.bob);
  const auto inbox = *house.run(bobs->select("Other Users/anna@example.test/INBOX", imap::Access::read_write));
  CHECK(house.run(inbox->match({}, {.value = "x"})));
  house.grant(house.anna, "INBOX", "bob", "l");
  CHECK(house.run(inbox->match({}, {.value = "x"})).error().is(imap::kNoPermission));
  auto read = inbox->read({}, message::ImapForm::utf8, 0, 1);
  REQUIRE(read.await_ready());
  CHECK(read.await_resume().error().is(imap::kNoPermission));
  auto texts = inbox->texts({}, imap::kFetchEnvelope, message::ImapForm::utf8);
  REQUIRE(texts.await_ready());
  CHECK(texts.await_resume().error().is(imap::kNoPermission));
}

}  // namespace angarium::agent
