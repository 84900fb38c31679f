#include "trace/ledger.h"

#include <memory>
#include <string>
#include <vector>

#include "store/volume_memory.h"
#include "support/test.h"
#include "trace/index.h"
#include "trace/keys.h"

namespace angarium::trace {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kStart = 1'700'000'000 * kSecond;
const std::string kPeer("\xC0\0\2\7", 4);

class World {
 public:
  explicit World(LedgerOptions options = {}) : options_(options) { restart(); }
  /// What a sudden end leaves, and a new start.
  void restart() {
    ledger.reset();
    tablet.reset();
    open();
    // The clock is believed after a while.
    REQUIRE(tend_at(kStart - 2 * 3600 * kSecond));
  }

  /// The n-th message: one a second, from sN, to rN; the ids tell them apart.
  static Beginning message(std::uint64_t n, std::string& names) {
    names = "s" + std::to_string(n % 50) + "@far.example";
    Beginning beginning;
    beginning.id = DeliveryId(n * 0x9E3779B97F4A7C15U);
    beginning.at = {kStart + static_cast<std::int64_t>(n) * kSecond};
    beginning.peer = kPeer;
    beginning.sender = std::string_view(names);
    beginning.recipients = {{.address = std::string_view("bob@example.test")}};
    return beginning;
  }
  void accept(const std::vector<Beginning>& some) {
    store::Batch batch;
    std::string scratch;
    for (const Beginning& one : some) ledger->accept(one, scratch, batch);
    REQUIRE(tablet->commit_and_wait(std::move(batch)));
  }
  void accept(std::uint64_t from, std::uint64_t to) {
    store::Batch batch;
    std::string scratch;
    std::string name;
    for (std::uint64_t n = from; n < to; ++n) {
      ledger->accept(message(n, name), scratch, batch);
      if (n % 1000 == 999) REQUIRE(tablet->commit_and_wait(std::exchange(batch, {})));
    }
    if (!batch.empty()) REQUIRE(tablet->commit_and_wait(std::move(batch)));
  }
  std::vector<Story> find(const Question& question) {
    auto found = ledger->find(question);
    REQUIRE(found);
    return *std::move(found);
  }
  std::size_t keys(Lane lane, RecordKind kind) {
    std::size_t count = 0;
    const std::string prefix = kind_prefix(lane, kind);
    REQUIRE(tablet->scan(prefix, behind(prefix), {}, [&](std::string_view, std::string_view) {
      ++count;
      return store::Step::next;
    }));
    return count;
  }
  /// So much later that all of the n messages may be indexed.
  void tend(std::uint64_t n) { REQUIRE(tend_at(kStart + static_cast<std::int64_t>(n + 60) * kSecond)); }
  /// Both clocks go as they should.
  Result<> tend_at(std::int64_t now) { return ledger->tend({now}, moment_at(now)); }
  static Moment moment_at(std::int64_t now) { return Moment{} + Duration(now - kStart) + std::chrono::hours(24); }

  std::unique_ptr<store::Tablet> tablet;
  std::unique_ptr<Ledger> ledger;

 private:
  void open() {
    tablet = *store::Tablet::open(*store::open_memory_volume(disk_),
                                  {.state = store::StateKind::sorted, .threads = store::Threads::none, .reserve = 0});
    ledger = std::make_unique<Ledger>(*tablet, options_);
  }
  LedgerOptions options_;
  std::shared_ptr<store::MemoryDisk> disk_ = std::make_shared<store::MemoryDisk>();
};

Beginning refusal(std::uint64_t n, std::string_view peer = kPeer) {
  Beginning beginning;
  beginning.id = DeliveryId(n);
  beginning.at = {kStart + static_cast<std::int64_t>(n) * kSecond};
  beginning.peer = peer;
  beginning.sender = std::string_view("spammer@far.example");
  beginning.recipients = {{.address = std::string_view("nobody@example.test"), .course = Course::refused}};
  beginning.refusal = Refusal{.step = Step::rcpt, .code = {550, 5, 1, 1}, .words = std::string_view("no")};
  return beginning;
}

TEST_CASE(
    "a story under a time that the index has passed is found by all its names, also after a start, and goes in time") {
  World world({.keep = std::chrono::hours(24)});
  world.accept(0, kBlockRecords + 100);
  world.tend(kBlockRecords + 100);
  REQUIRE(world.keys(Lane::accepted, RecordKind::block) == 1);
  Beginning late;
  late.id = DeliveryId(4711);
  late.at = {kStart + 50 * kSecond + 1};
  late.peer = kPeer;
  late.sender = std::string_view("late@far.example");
  late.recipients = {{.address = std::string_view("anna@example.test")}};
  late.message_id = std::string_view("a@far.example");
  world.accept(std::vector{late});
  for (const bool restarted : {false, true}) {
    CAPTURE(restarted);
    if (restarted) world.restart();
    CHECK(world.find({.id = late.id}).size() == 1);
    CHECK(world.find({.address = "anna@example.test"}).size() == 1);
    CHECK(world.find({.message_id = "a@far.example"}).size() == 1);
    // Among as many as are asked for, the newest are told.
    CHECK(world.find({.address = "bob@example.test", .limit = 3}).front().at.microseconds >
          kStart + static_cast<std::int64_t>(kBlockRecords) * kSecond);
  }
  REQUIRE(world.tend_at(kStart + 30 * 3600 * kSecond));
  CHECK(world.find({.id = late.id}).empty());
  CHECK(world.keys(Lane::accepted, RecordKind::late) == 0);
}

TEST_CASE("two stories of one moment with one name are told once each") {
  World world;
  std::string name;
  std::vector<Beginning> twins{World::message(7, name), World::message(7, name)};
  twins[1].id = DeliveryId(1);
  world.accept(twins);
  CHECK(world.find({.address = "s7@far.example"}).size() == 2);
  world.accept(8, kBlockRecords + 100);
  world.tend(kBlockRecords + 100);
  REQUIRE(world.keys(Lane::accepted, RecordKind::block) == 1);
  const auto found = world.find({.address = "s7@far.example", .limit = 100'000});
  std::size_t then = 0;
  for (const Story& one : found) then += one.at == twins[0].at ? 1 : 0;
  CHECK(then == 2);
}

TEST_CASE("a block that cannot be read hides nothing and stops nothing") {
  World world({.keep = std::chrono::hours(24)});
  world.accept(0, kBlockRecords + 100);
  world.tend(kBlockRecords + 100);
  store::Batch batch;
  batch.put(block_key(Lane::accepted, {kStart}), "\x07?");
  REQUIRE(world.tablet->commit_and_wait(std::move(batch)));
  world.restart();
  std::string name;
  CHECK(world.find({.id = World::message(12, name).id}).size() == 1);
  world.tend(kBlockRecords + 200);
  CHECK(world.find({.id = World::message(12, name).id}).size() == 1);
  CHECK(world.tend_at(kStart + 60 * 3600 * kSecond));
  CHECK(world.keys(Lane::accepted, RecordKind::story) == 0);
  CHECK(world.keys(Lane::accepted, RecordKind::block) == 0);
}

TEST_CASE("events that come after the index was made count for what all stories may take") {
  World world({.octets_max = 6'000'000});
  world.accept(0, 2 * kBlockRecords + 100);
  world.tend(2 * kBlockRecords + 100);
  REQUIRE(world.keys(Lane::accepted, RecordKind::block) == 2);
  std::string name;
  const Beginning first = World::message(3, name);
  const std::string words(200, 'w');
  for (int i = 0; i < 30; ++i) {
    store::Batch batch;
    for (int j = 0; j < 1000; ++j) {
      Event event{.at = {first.at.microseconds + 1000 * i + j}};
      event.text = std::string_view(words);
      Ledger::happened(first.at, first.id, event, batch);
    }
    REQUIRE(world.tablet->commit_and_wait(std::move(batch)));
  }
  for (std::uint64_t minutes = 1; minutes < 4; ++minutes) world.tend(2 * kBlockRecords + 100 + 61 * minutes);
  CHECK(world.find({.id = first.id}).empty());
  CHECK(world.find({.id = World::message(2 * kBlockRecords + 50, name).id}).size() == 1);
}

TEST_CASE("limits: octets of refusals that wait") {
  World world;
  std::string long_name(39, 'x');
  Beginning refused;
  refused.peer = kPeer;
  refused.recipients.assign(1000, {.address = std::string_view(long_name)});
  std::size_t noted = 0;
  for (std::uint64_t n = 1; n <= kRefusalsWaitingMax; ++n) {
    std::string peer = kPeer;
    peer[2] = static_cast<char>(n / 200);
    peer[3] = static_cast<char>(n % 200);
    refused.peer = peer;
    refused.id = DeliveryId(n);
    refused.at = {kStart + static_cast<std::int64_t>(n)};
    if (n <= kRefusingPeersMax) world.ledger->refuse(refused), ++noted;
  }
  REQUIRE(world.ledger->write_refusals());
  // The others are counted: each peer has a record of one kind or the other.
  CHECK(world.keys(Lane::refused, RecordKind::story) == noted);
  std::size_t octets = 0;
  const std::string prefix = kind_prefix(Lane::refused, RecordKind::story);
  REQUIRE(world.tablet->scan(prefix, behind(prefix), {}, [&](std::string_view, std::string_view value) {
    octets += value.size();
    return store::Step::next;
  }));
  CHECK(octets < kRefusalsOctetsMax + 200'000);
  CHECK(octets > kRefusalsOctetsMax / 2);
}

}  // namespace

TEST_CASE(
    "a story is found by its id, sender, recipient, login, Message-ID and peer, with what happened later in order") {
  World world;
  Beginning one;
  one.id = DeliveryId(7);
  one.at = {kStart};
  one.peer = kPeer;
  one.login = std::string_view("carol@example.test");
  one.sender = std::string_view("sales@example.test");
  one.message_id = std::string_view("1@example.test");
  one.recipients = {{.address = std::string_view("bob@far.example"), .course = Course::elsewhere}};
  std::string name;
  world.accept({one, World::message(1, name)});
  store::Batch batch;
  Event attempt{.kind = Event::Kind::attempt, .at = {kStart + 9}, .number = 1};
  Event report{.kind = Event::Kind::report, .at = {kStart + 5}, .id = DeliveryId(8)};
  Ledger::happened(one.at, one.id, attempt, batch);
  Ledger::happened(one.at, one.id, report, batch);
  REQUIRE(world.tablet->commit_and_wait(std::move(batch)));
  const std::vector<Question> questions = {{.id = DeliveryId(7)},
                                           {.address = "Sales@Example.Test"},
                                           {.address = "bob@far.example"},
                                           {.address = "carol@example.test"},
                                           {.message_id = "1@example.test"},
                                           {.address = "bob@far.example", .peer = kPeer}};
  for (const Question& question : questions) {
    const auto found = world.find(question);
    REQUIRE(found.size() == 1);
    CHECK(found[0].id == DeliveryId(7));
    REQUIRE(found[0].events.size() == 2);
    CHECK(found[0].events[0].at == WallTime{kStart + 5});
    CHECK(decode_event(found[0].events[1].at, found[0].events[1].octets)->kind == Event::Kind::attempt);
  }
  CHECK(world.find({.peer = kPeer}).size() == 2);
  CHECK(world.find({}).front().id == World::message(1, name).id);
  CHECK(world.find({.since = WallTime{kStart + 1}}).size() == 1);
  CHECK(world.find({.limit = 1}).size() == 1);
  CHECK(world.find({.address = "nobody@far.example"}).empty());
  CHECK(world.find({.id = DeliveryId(9)}).empty());
  CHECK(world.find({.address = "bob@far.example", .peer = "\1\2\3\4"}).empty());
}

TEST_CASE("the index tells the same as a look through everything, also after a restart") {
  World world;
  constexpr std::uint64_t kAll = 2 * kBlockRecords + 500;
  world.accept(0, kAll);
  std::string name;
  std::vector<Question> questions = {
      {.address = "s7@far.example", .limit = 5000},
      {.address = "s7@far.example", .limit = 3},
      {.address = "s7@far.example", .since = WallTime{kStart + 20'000 * kSecond}, .limit = 5000},
      {.address = "bob@example.test", .limit = 2000},
      {.peer = kPeer, .limit = 10}};
  for (const std::uint64_t n : {std::uint64_t{0}, kBlockRecords - 1, kBlockRecords, 2 * kBlockRecords - 1, kAll - 1})
    questions.push_back({.id = World::message(n, name).id});
  const auto ids = [&](const Question& question) {
    std::vector<DeliveryId> found;
    for (const Story& story : world.find(question)) found.push_back(story.id);
    return found;
  };
  std::vector<std::vector<DeliveryId>> before;
  for (const Question& question : questions) before.push_back(ids(question));
  CHECK(before[0].size() == (kAll - 7 + 49) / 50);
  CHECK(before[5].size() == 1);
  world.tend(kAll);
  CHECK(world.keys(Lane::accepted, RecordKind::block) == 2);
  CHECK(world.keys(Lane::accepted, RecordKind::index) > kIndexParts);
  for (std::size_t i = 0; i < questions.size(); ++i) CHECK(ids(questions[i]) == before[i]);
  world.restart();
  world.accept(kAll, kAll + kBlockRecords);
  world.tend(kAll + kBlockRecords);
  CHECK(world.keys(Lane::accepted, RecordKind::block) == 3);
  for (std::size_t i = 5; i < questions.size(); ++i) CHECK(ids(questions[i]) == before[i]);
}

TEST_CASE("what is younger than the lag is not indexed yet, and nothing of one moment is torn apart") {
  World world;
  world.accept(0, kBlockRecords);
  REQUIRE(world.tend_at(kStart + static_cast<std::int64_t>(kBlockRecords) * kSecond));
  CHECK(world.keys(Lane::accepted, RecordKind::block) == 0);
  // The last moment of the block has three more.
  std::vector<Beginning> more;
  std::string name;
  for (int i = 0; i < 3; ++i) {
    more.push_back(World::message(kBlockRecords - 1, name));
    more.back().id = DeliveryId(static_cast<std::uint64_t>(1000 + i));
  }
  world.accept(more);
  world.accept(kBlockRecords, kBlockRecords + 5);
  world.tend(kBlockRecords + 5);
  CHECK(world.keys(Lane::accepted, RecordKind::block) == 1);
  for (int i = 0; i < 3; ++i) CHECK(world.find({.id = DeliveryId(static_cast<std::uint64_t>(1000 + i))}).size() == 1);
  const std::string prefix = kind_prefix(Lane::accepted, RecordKind::block);
  REQUIRE(world.tablet->scan(prefix, behind(prefix), {}, [&](std::string_view key, std::string_view value) {
    const Block block = *decode_block(*block_in(key), value);
    CHECK(block.records == kBlockRecords + 3);
    CHECK(block.to == WallTime{more[0].at.microseconds + 1});
    return store::Step::next;
  }));
}

TEST_CASE("stories go when their time is over, and their index with them") {
  World world({.keep = std::chrono::hours(6)});
  world.accept(0, kBlockRecords + 100);  // four and a half hours
  world.tend(kBlockRecords + 100);
  CHECK(world.keys(Lane::accepted, RecordKind::block) == 1);
  const std::size_t all = world.keys(Lane::accepted, RecordKind::story);
  // The first minute is over, but a step is a forty-eighth.
  REQUIRE(world.tend_at(kStart + (6 * 3600 + 60) * kSecond));
  CHECK(world.keys(Lane::accepted, RecordKind::story) == all);
  REQUIRE(world.tend_at(kStart + 8 * 3600 * kSecond));
  CHECK(world.keys(Lane::accepted, RecordKind::story) == all - 2 * 3600);
  REQUIRE(world.tend_at(kStart + 48 * 3600 * kSecond));
  CHECK(world.keys(Lane::accepted, RecordKind::story) == 0);
  CHECK(world.keys(Lane::accepted, RecordKind::block) == 0);
  CHECK(world.keys(Lane::accepted, RecordKind::index) == 0);
}

TEST_CASE("a clock that is far ahead for a while, or at the start, takes no stories; one that stays is believed") {
  for (const bool restarted : {false, true}) {
    CAPTURE(restarted);
    World world({.keep = std::chrono::hours(6)});
    world.accept(0, 100);
    world.tend(100);
    const std::int64_t now = kStart + 200 * kSecond;
    const std::int64_t ahead = now + 10'000 * 3600 * kSecond;
    if (restarted) world.ledger = std::make_unique<Ledger>(*world.tablet, LedgerOptions{.keep = std::chrono::hours(6)});
    for (const std::int64_t minutes : {0, 30, 59}) {
      const std::int64_t passed = minutes * 60 * kSecond;
      REQUIRE(world.ledger->tend({ahead + passed}, World::moment_at(now + passed)));
      CHECK(world.keys(Lane::accepted, RecordKind::story) == 100);
    }
    // Set right, and wrong again: the hour begins anew.
    REQUIRE(world.tend_at(now + 3590 * kSecond));
    REQUIRE(world.ledger->tend({ahead + 3595 * kSecond}, World::moment_at(now + 3595 * kSecond)));
    REQUIRE(world.ledger->tend({ahead + 7190 * kSecond}, World::moment_at(now + 7190 * kSecond)));
    CHECK(world.keys(Lane::accepted, RecordKind::story) == 100);
    REQUIRE(world.ledger->tend({ahead + 7200 * kSecond}, World::moment_at(now + 7200 * kSecond)));
    CHECK(world.keys(Lane::accepted, RecordKind::story) == 0);
  }
}

TEST_CASE("stories go before their time where they take more than their share of the disk") {
  World world({.octets_max = 3'000'000});
  world.accept(0, 3 * kBlockRecords);
  world.tend(3 * kBlockRecords);
  // A block has about 2 MB: of three the latest stays.
  CHECK(world.keys(Lane::accepted, RecordKind::block) == 1);
  CHECK(world.keys(Lane::accepted, RecordKind::story) == kBlockRecords);
}

TEST_CASE("refusals are written when it is time, and lost by a sudden end before it") {
  World world;
  world.ledger->refuse(refusal(1));
  CHECK(world.find({.id = DeliveryId(1)}).empty());
  world.restart();
  REQUIRE(world.ledger->write_refusals());
  CHECK(world.find({.id = DeliveryId(1)}).empty());
  world.ledger->refuse(refusal(2));
  REQUIRE(world.ledger->write_refusals());
  const auto found = world.find({.address = "nobody@example.test"});
  REQUIRE(found.size() == 1);
  CHECK(found[0].lane == Lane::refused);
  CHECK(decode_beginning(found[0].id, found[0].at, found[0].octets)->refusal->words.octets == "no");
}

TEST_CASE("who is refused again and again is counted, with the first attempts in full") {
  World world;
  for (std::uint64_t n = 1; n <= kRefusalsOfOne + 5; ++n) world.ledger->refuse(refusal(n));
  world.ledger->refuse(refusal(100, "\1\2\3\4"));
  REQUIRE(world.ledger->write_refusals());
  CHECK(world.keys(Lane::refused, RecordKind::story) == kRefusalsOfOne + 2);
  const auto found = world.find({.id = DeliveryId(kRefusalsOfOne + 5)});
  REQUIRE(found.size() == 1);
  const auto summary = decode_beginning(found[0].id, found[0].at, found[0].octets);
  REQUIRE(summary);
  CHECK(summary->refusal->further == 5);
  CHECK(summary->refusal->over_ms == 4000);
  CHECK(summary->peer == kPeer);
  // Neighbours of an IPv6 network are one.
  World other;
  for (std::uint64_t n = 0; n < 20; ++n)
    other.ledger->refuse(
        refusal(n, std::string("\x20\1\x0d\xb8\0\0\0\1", 8) + std::string(7, '\0') + static_cast<char>(n)));
  REQUIRE(other.ledger->write_refusals());
  CHECK(other.keys(Lane::refused, RecordKind::story) == kRefusalsOfOne + 1);
}

TEST_CASE("refusals take no more memory and disk than they may, however many peers there are") {
  World world;
  for (std::uint64_t n = 0; n < kRefusingPeersMax + 50; ++n) {
    std::string peer(4, '\0');
    for (int i = 0; i < 4; ++i) peer[static_cast<std::size_t>(i)] = static_cast<char>(n >> (8 * i));
    for (std::uint64_t i = 0; i < 3; ++i) world.ledger->refuse(refusal(10 * n + i, peer));
  }
  REQUIRE(world.ledger->write_refusals());
  CHECK(world.keys(Lane::refused, RecordKind::story) <= kRefusalsWaitingMax + kRefusingPeersMax);
  CHECK(world.keys(Lane::refused, RecordKind::story) >= kRefusalsWaitingMax);
}

TEST_CASE("a damaged record hides no other, and is found by its id still") {
  World world;
  world.accept(0, 3);
  std::string name;
  const Beginning broken = World::message(1, name);
  store::Batch batch;
  batch.put(story_key(Lane::accepted, broken.at, broken.id), "?");
  REQUIRE(world.tablet->commit_and_wait(std::move(batch)));
  CHECK(world.find({.address = "bob@example.test"}).size() == 2);
  CHECK(world.find({.id = broken.id}).size() == 1);
  CHECK_FALSE(decode_beginning(broken.id, broken.at, "?"));
}

TEST_CASE("a block cut short is refused, at every octet") {
  const Block block{.from = {5}, .to = {70'000'000}, .records = 16'384, .octets = 3'000'000};
  const std::string octets = encode(block);
  CHECK(*decode_block({5}, octets) == block);
  for (std::size_t cut = 0; cut < octets.size(); ++cut) CHECK_FALSE(decode_block({5}, octets.substr(0, cut)));
}

}  // namespace angarium::trace
