// The session's numbering against a model: whatever other sessions do, numbers are those the client was told of.
#include "protocol/imap/selected.h"

#include <random>

#include "io/memory.h"
#include "protocol/imap/testing.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::protocol::imap;

namespace {

template <class T>
T wait(io::SimulatedLoop& loop, io::Task<Result<T>> task) {
  std::optional<Result<T>> result;
  loop.spawn([](io::Task<Result<T>> inner, std::optional<Result<T>>& out) -> io::Task<> {
    out.emplace(co_await std::move(inner));
  }(std::move(task), result));
  loop.settle();
  REQUIRE(result.has_value());
  REQUIRE(result->has_value());
  return **std::move(result);
}

struct Box {
  io::SimulatedLoop loop;
  std::shared_ptr<MemoryStore> store = testing::make_store();
  std::shared_ptr<MemoryAccountState> fred = store->find("fred");
  std::shared_ptr<Account> account;
  io::Event changed;

  Box() {
    const auto ends = wire::memory_connections();
    MemoryAuthenticator authenticator(*store, *ends.server, MemoryAuthenticator::Plaintext::always);
    account = wait(loop, authenticator.open({.authentication_id = "fred", .authorization_id = {}}, "LOGIN"));
  }
  std::shared_ptr<Mailbox> open() { return wait(loop, account->select("INBOX", Access::read_write)); }
};

}  // namespace

TEST_CASE("RFC 9051 §7.5.1: numbers are those of the client's model under random changes by others") {
  std::mt19937 random(3);
  Box box;
  auto mailbox = box.open();
  auto other = box.open();
  Selected selected(mailbox, mailbox->view(), box.changed);
  std::vector<std::uint32_t> model = {1, 2, 3};  // UIDs as the client counts them
  for (int step = 0; step < 400; ++step) {
    switch (random() % 4) {
      case 0: MemoryStore::deliver(*box.fred, "INBOX", "a\r\n\r\nb"); break;
      case 1: {
        const auto uid = static_cast<std::uint32_t>(random() % (other->view()->uid_next()) + 1);
        StoreRequest request;
        request.uids.add(uid);
        request.flags.system = kDeleted;
        wait(box.loop, other->store(std::move(request)));
        wait(box.loop, other->expunge(std::nullopt));
        break;
      }
      case 2: {
        bool alive = true;
        selected.adopt(alive);
        CHECK(alive);
        std::vector<Entry> now(selected.view().size());
        selected.view().read(0, now);
        for (const auto& entry : now) {
          if (entry.uid > (model.empty() ? 0 : model.back())) model.push_back(entry.uid);
        }
        break;
      }
      default: {
        const auto told = selected.take_ghosts();
        for (auto ghost = told.rbegin(); ghost != told.rend(); ++ghost) {
          REQUIRE(ghost->sequence <= model.size());
          CHECK(model[ghost->sequence - 1] == ghost->entry.uid);
          model.erase(model.begin() + ghost->sequence - 1);
        }
      }
    }
    REQUIRE(selected.exists() == model.size());
    std::vector<std::uint32_t> seen;
    if (!model.empty()) {
      Cursor cursor(selected, *selected.resolve({.ranges = {{1, 0}}}, Addressing::sequence));
      for (auto batch = cursor.next(); !batch.empty(); batch = cursor.next()) {
        for (const auto& target : batch) {
          CHECK(target.sequence == seen.size() + 1);
          seen.push_back(target.entry.uid);
          if (!target.ghost) CHECK(selected.find(target.entry.uid)->sequence == target.sequence);
        }
      }
    }
    CHECK(seen == model);
    // By UID, from a place in the middle.
    const auto from = static_cast<std::uint32_t>(random() % 50 + 1);
    std::vector<std::uint32_t> by_uid;
    Cursor cursor(selected, {NumberSet({{from, from + 30}, {from + 40, UINT32_MAX}}), Addressing::uid});
    for (auto batch = cursor.next(); !batch.empty(); batch = cursor.next()) {
      for (const auto& target : batch) {
        by_uid.push_back(target.entry.uid);
        CHECK(model[target.sequence - 1] == target.entry.uid);
      }
    }
    std::vector<std::uint32_t> expected;
    for (auto uid : model) {
      if ((uid >= from && uid <= from + 30) || uid >= from + 40) expected.push_back(uid);
    }
    CHECK(by_uid == expected);
  }
}

TEST_CASE("RFC 3501 §2.3.2: \\Recent belongs to the first read-write session only") {
  Box box;
  auto first = box.open();
  Selected one(first, first->view(), box.changed);
  auto second = box.open();
  Selected two(second, second->view(), box.changed);
  CHECK(one.recent().text() == "1:3");
  CHECK(two.recent().empty());
  MemoryStore::deliver(*box.fred, "INBOX", "a\r\n\r\nb");
  bool alive = true;
  CHECK(two.adopt(alive).arrived);
  CHECK(one.adopt(alive).arrived);
  CHECK(two.recent().text() == "4");
  CHECK(one.recent().text() == "1:3");
}
