#include "mailbox/verify.h"

#include <functional>

#include "mailbox/test_world.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;
using namespace angarium::mailbox::test;
using namespace std::string_literals;

namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

TEST_CASE("verify finds what does not agree, kind by kind") {
  const std::string alice = std::string(7, '\0') + '\x01';
  const std::string inbox = "\0\0\0\x01"s;
  auto find_after = [&](const std::function<void(Ready&, store::Batch&)>& break_it) {
    Ready world;
    world.deliver(kAlice, text(1));
    world.deliver(kAlice, "Message-ID: <2@test>\r\nIn-Reply-To: <1@test>\r\nSubject: number 1\r\n\r\nbody\r\n");
    world.must(world.mail->change_flags(world.inbox, {{1, 1}}, flags(FlagMode::add, kSeen)));
    world.must(world.mail->copy(world.inbox, {{1, 1}}, world.id("Archive")));
    world.must(world.mail->expunge(world.id("Archive"), {{1, 1}}, ExpungeOnly::any));
    CHECK(verify_mail(*world.tablet)->damage.empty());
    store::Batch batch;
    break_it(world, batch);
    REQUIRE(world.tablet->commit_and_wait(std::move(batch)));
    const auto damage = verify_mail(*world.tablet)->damage;
    return damage.empty() ? std::string() : damage.front();
  };
  auto first_key = [](Ready& world, const std::string& prefix) {
    std::string found;
    REQUIRE(world.tablet->scan(prefix, prefix + "\xFF", {}, [&](std::string_view key, std::string_view) {
      found = key;
      return store::Step::stop;
    }));
    REQUIRE(!found.empty());
    return found;
  };
  auto erase_first = [&](const std::string& prefix) {
    return [&, prefix](Ready& world, store::Batch& batch) { batch.erase(first_key(world, prefix)); };
  };
  CHECK(contains(find_after(erase_first("mC" + alice + inbox)), "UIDNEXT"));
  CHECK(contains(find_after(erase_first("mE" + alice)), "missing"));
  CHECK(contains(find_after(erase_first("mT" + alice)), "not listed in its thread"));
  CHECK(contains(find_after(erase_first("mH" + alice)), "leads nowhere"));
  CHECK(contains(find_after([&](Ready&, store::Batch& batch) { batch.put("mT" + alice + alice + alice, {}); }),
                 "not listed in its thread"));
  CHECK(contains(find_after([&](Ready&, store::Batch& batch) {
                   batch.put("mT" + alice + alice + std::string(7, '\0') + '\x09', {});
                 }),
                 "is not there"));
  CHECK(contains(find_after([&](Ready&, store::Batch& batch) { batch.put("mH" + alice + "12345678", "\x01\x01"); }),
                 "message-id"));
  auto change_at = [&](Modseq modseq) { return "mL" + alice + std::string(7, '\0') + static_cast<char>(modseq); };
  auto without = [&](Modseq modseq) {
    return find_after([&, modseq](Ready& world, store::Batch& batch) {
      REQUIRE(*world.tablet->get(change_at(modseq)));
      batch.erase(change_at(modseq));
    });
  };
  // MODSEQ 2 and 3 are the deliveries, 4 the flags, 5 the copy, 6 its expunge.
  CHECK(contains(without(3), "does not know it"));
  CHECK(contains(without(4), "another MODSEQ"));
  CHECK(contains(without(6), "knows of no expunge"));
  CHECK(contains(find_after([&](Ready& world, store::Batch& batch) {
                   batch.put(change_at(4), **world.tablet->get(change_at(6)));
                 }),
                 "another MODSEQ"));
  CHECK(contains(find_after([&](Ready& world, store::Batch& batch) {
                   batch.put(change_at(9), **world.tablet->get(change_at(6)));
                 }),
                 "above the account's"));
  CHECK(contains(find_after([&](Ready&, store::Batch& batch) { batch.put(change_at(4), "\x01\x09"); }), "damaged"));
}
