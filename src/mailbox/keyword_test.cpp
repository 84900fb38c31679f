// Keywords of a mailbox: how many there may be, and what becomes of those that nobody uses.
#include "mailbox/limits.h"
#include "mailbox/test_world.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;
using namespace angarium::mailbox::test;

namespace {

std::vector<std::string> many(std::size_t count, const std::string& stem = "k") {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(stem + std::to_string(i));
  return names;
}

std::size_t named(const View& view) {
  const auto& names = view.keywords().names();
  return names.size() - static_cast<std::size_t>(std::count(names.begin(), names.end(), ""));
}

std::string keywords_of(const View& view, std::uint32_t sequence) {
  std::string all;
  view.keywords_of(view.at(sequence)).for_each([&](std::uint16_t i) { all += view.keywords().name(i) + " "; });
  return all;
}

void unload(Ready& world) {
  world.loop.advance(std::chrono::minutes(11));
  world.must(world.store->tidy());
  REQUIRE(!world.mail->view_now(world.inbox));
}

}  // namespace

TEST_CASE("RFC 9051 6.4.6: a STORE that is refused or that meets no message makes no keyword") {
  Ready world;
  world.deliver(kAlice, text(1));
  auto store = [&](UidSet uids, std::vector<std::string> names) {
    return world.run(world.mail->change_flags(world.inbox, std::move(uids), flags(FlagMode::add, 0, std::move(names))));
  };
  CHECK(store({{1, 1}}, many(kKeywordsMax + 1)).error().is(kTooMany));
  CHECK(store({{1, 1}}, {"good", "no atom"}).error().is(kBadKeyword));
  CHECK(store({{7, 9}}, {"nobody"}));
  CHECK(world
            .run(world.mail->append(world.inbox, {{make_content(text(2)), {0, {"first"}}, {}},
                                                  {make_content(text(3)), {0, {"no atom"}}, {}}}))
            .error()
            .is(kBadKeyword));
  CHECK(named(*world.view(world.inbox)) == 0);
  CHECK(store({{1, 1}}, many(kKeywordsMax)));
  CHECK(named(*world.view(world.inbox)) == kKeywordsMax);
}

TEST_CASE("RFC 9051 6.3.12: whether a message may come with its flags is known before it is sent") {
  Ready world;
  world.deliver(kAlice, text(1));
  CHECK(world.mail->may_flag(world.inbox, {kSeen, {"$Work"}}));
  CHECK(world.mail->may_flag(world.inbox, {0, {"no atom"}}).error().is(kBadKeyword));
  CHECK(world.mail->may_flag(99, {}).error().is(kNoMailbox));
  CHECK(named(*world.view(world.inbox)) == 0);
  world.must(world.mail->change_flags(world.inbox, {{1, 1}}, flags(FlagMode::add, 0, many(kKeywordsMax))));
  CHECK(world.mail->may_flag(world.inbox, {0, {"K7"}}));
  CHECK(world.mail->may_flag(world.inbox, {0, {"more"}}).error().is(kTooMany));
  CHECK(!world.view(world.inbox)->keywords().vacancy());
}

TEST_CASE("keywords that no message has any more make room for others, and those in use keep their meaning") {
  Ready world;
  world.deliver(kAlice, text(1));
  world.deliver(kAlice, text(2));
  auto store = [&](Uid uid, FlagMode mode, std::vector<std::string> names) {
    return world.run(world.mail->change_flags(world.inbox, {{uid, uid}}, flags(mode, 0, std::move(names)))).has_value();
  };
  REQUIRE(store(1, FlagMode::add, many(kKeywordsMax)));
  REQUIRE(store(1, FlagMode::replace, {"k3", "k64", "k511"}));
  CHECK(!store(2, FlagMode::add, {"more"}));
  unload(world);
  CHECK(named(*world.view(world.inbox)) == 3);
  CHECK(store(2, FlagMode::add, {"more", "k511", "k9"}));
  for (int life = 0; life < 3; ++life) {
    const ViewPtr view = world.view(world.inbox);
    CHECK(keywords_of(*view, 1) == "k3 k64 k511 ");
    CHECK(keywords_of(*view, 2) == "more k9 k511 ");
    CHECK(view->keywords().find("more") == std::optional<std::uint16_t>(0));
    world.again();
  }
  // "k9" is kept at two places; only the one in use counts.
  CHECK(store(1, FlagMode::add, {"k9"}));
  CHECK(keywords_of(*world.view(world.inbox), 1) == "k9 k3 k64 k511 ");
  CHECK(verify_mail(*world.tablet)->damage.empty());
}

TEST_CASE("a keyword that is on its way keeps its place while its mailbox is loaded") {
  Ready world;
  world.deliver(kAlice, text(1));
  world.must(world.mail->change_flags(world.inbox, {{1, 1}}, flags(FlagMode::add, 0, many(kKeywordsMax))));
  world.must(world.mail->change_flags(world.inbox, {{1, 1}}, flags(FlagMode::replace, 0)));
  unload(world);
  // Not durable yet when the mailbox is read.
  world.loop.spawn([](AccountMail& mail, MailboxId inbox) -> io::Task<> {
    CHECK(co_await mail.append(inbox, {{make_content(text(2)), {0, {"k300"}}, {}}}));
  }(*world.mail, world.inbox));
  const ViewPtr loaded = world.view(world.inbox);
  const ViewPtr view = world.view(world.inbox);
  REQUIRE(view->size() == 2);
  CHECK(keywords_of(*view, 2) == "k300 ");
  CHECK(verify_mail(*world.tablet)->damage.empty());
}
