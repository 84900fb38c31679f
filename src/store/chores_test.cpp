// Damage is reported and never served; sweeping, images, rebuilding and snapshots keep what lives.
#include <algorithm>
#include <atomic>
#include <stop_token>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/crc32c.h"
#include "store/format.h"
#include "store/log_segments.h"
#include "store/model.h"
#include "store/volume_faulty.h"
#include "store/volume_memory.h"
#include "support/test.h"

namespace angarium::store {
namespace {

using namespace angarium::store::testing;

class Fixture : public OnFaultyDisk {
 public:
  explicit Fixture(StateKind state = StateKind::sorted) : OnFaultyDisk(state) { options.body_segment_size = 100'000; }
  /// Random work; `contents` follows it.
  void work(int batches) {
    for (int i = 0; i < batches; ++i) {
      Plan plan = author_.plan(contents);
      plan.expectations.clear();
      if (i % 10 == 0) {
        auto writer = tablet->open_body();
        Change change{Change::Kind::put_body, author_.key('e'), "large", random.octets(70'000), {}};
        REQUIRE((*writer)->append(change.body).has_value());
        change.large = (*writer)->seal().value();
        plan.changes.push_back(change);
      }
      REQUIRE(tablet->commit_and_wait(plan.batch()).has_value());
      plan.apply(contents);
    }
  }
  void check() {
    auto is = read_all(*tablet);
    if (!is) FAIL(is.error().text());
    CHECK(*is == contents);
  }

  Contents contents;

 private:
  Author author_{random, 5000};
};

std::vector<std::string> state_files(const FaultyDisk& disk) {
  std::vector<std::string> names;
  for (const FileEntry& file : disk.files())
    if (file.name.starts_with("state/")) names.push_back(file.name);
  return names;
}

}  // namespace

TEST_CASE(
    "sweeping frees what is dead, moves what lives, and references stay valid; rebuilding gives the same contents") {
  for (StateKind kind : {StateKind::sorted, StateKind::rocksdb}) {
    Fixture f(kind);
    f.options.grace = std::chrono::hours(1);
    f.open();
    std::uint64_t freed = 0;
    std::uint64_t swept = 0;
    for (int round = 0; round < 6; ++round) {
      f.work(60);
      f.clock.advance(std::chrono::hours(2));
      auto report = f.tablet->sweep({.dead_share = 0.2});
      if (!report) FAIL(report.error().text());
      swept += report->segments_swept;
      freed += report->octets_freed;
      f.check();
      auto verified = f.tablet->verify();
      REQUIRE(verified.has_value());
      if (!verified->damage.empty()) FAIL(verified->damage.front());
      if (round == 3) REQUIRE(f.tablet->write_image().has_value());
      f.open();
      f.check();
    }
    CHECK(swept > 5);
    CHECK(freed > 500'000);
    f.tablet.reset();
    REQUIRE(f.rebuild().has_value());
    f.open();
    f.check();
  }
}

TEST_CASE("a body that died stays readable for the grace and is missing after it") {
  Fixture f;
  f.options.grace = std::chrono::hours(1);
  f.open();
  auto writer = f.tablet->open_body();
  REQUIRE((*writer)->append(std::string(150'000, 'x')).has_value());
  BodyRef ref = (*writer)->seal().value();
  writer->reset();
  std::string octets(150'000, '\0');
  f.tablet->commit_waiting();  // the full segment is sealed
  REQUIRE(f.tablet->sweep({}).has_value());
  CHECK(f.tablet->read_body(ref, 0, octets).has_value());  // younger than the grace: not even looked at
  f.clock.advance(std::chrono::minutes(61));
  CHECK(f.tablet->sweep({})->octets_waiting > 150'000);
  CHECK(f.tablet->read_body(ref, 0, octets).has_value());
  f.clock.jump(std::chrono::hours(-48));  // a clock set back neither ends the grace
  CHECK(f.tablet->sweep({})->octets_waiting > 150'000);
  CHECK(f.tablet->read_body(ref, 0, octets).has_value());
  f.clock.advance(std::chrono::minutes(61));  // nor makes it longer
  CHECK(f.tablet->sweep({})->octets_waiting == 0);
  CHECK(f.tablet->read_body(ref, 0, octets).error().is(kMissing));
}

TEST_CASE("an image lets sweeping drop old metadata, and a lost state begins with it") {
  Fixture f;
  f.options.grace = Duration(0);
  f.open();
  f.work(100);
  REQUIRE(f.tablet->write_image().has_value());
  f.work(20);
  f.clock.advance(std::chrono::seconds(1));
  REQUIRE(f.tablet->sweep({.dead_share = 0.01}).has_value());
  f.clock.advance(std::chrono::seconds(1));
  REQUIRE(f.tablet->sweep({.dead_share = 0.01}).has_value());
  f.check();
  f.tablet.reset();
  for (const std::string& name : state_files(*f.disk))
    REQUIRE(open_faulty_volume(f.disk).value()->remove(name).has_value());
  f.open();
  CHECK(f.tablet->stats().replayed < 60);
  f.check();
}

TEST_CASE("what is acknowledged while a sweep marks stays, however much of the log is rolled and sealed meanwhile") {
  Directory directory;
  ManualClock clock;
  SeededRandom random{7};
  struct Hook final : BodyRefs {
    void visit(std::string_view key, std::string_view value,
               const std::function<void(const BodyRef&)>& found) const override {
      if (auto work = std::exchange(once, nullptr)) work();
      refs.visit(key, value, found);
    }
    TailRefs refs;
    mutable std::function<void()> once;
  } hook;
  TabletOptions options;
  options.threads = Threads::none;
  options.segment_size = 64u << 10;
  options.reserve = 0;
  options.clock = &clock;
  options.random = &random;
  options.body_refs = &hook;
  auto tablet = Tablet::open(open_local_volume(directory.path()).value(), options).value();
  auto text = [](int i) { return std::string(10'000, static_cast<char>('a' + i % 26)); };
  auto put = [&](int i) {
    clock.advance(std::chrono::milliseconds(1));
    Batch batch;
    const std::size_t body = batch.body(text(i));
    batch.put_with_body("e" + std::to_string(i), std::string(BodyRef::kSize, '.'), body, 0);
    REQUIRE(tablet->commit_and_wait(std::move(batch)).has_value());
  };
  constexpr int kBodies = 60;
  for (int i = 0; i < kBodies / 2; ++i) put(i);
  clock.advance(std::chrono::hours(2));
  hook.once = [&] {
    for (int i = kBodies / 2; i < kBodies; ++i) put(i);
  };
  REQUIRE(tablet->sweep({}).has_value());
  clock.advance(std::chrono::hours(2));
  REQUIRE(tablet->sweep({}).has_value());
  for (int i = 0; i < kBodies; ++i) {
    auto ref = BodyRef::decode(**tablet->get("e" + std::to_string(i)));
    std::string octets(ref->length, '.');
    auto read = tablet->read_body(*ref, 0, octets);
    CAPTURE(i);
    REQUIRE(read.has_value());
    CHECK(octets == text(i));
  }
  CHECK(tablet->verify()->damage.empty());
}

TEST_CASE("deliveries beside one sweep after the other lose nothing") {
  Fixture f(StateKind::rocksdb);
  f.options.threads = Threads::own;
  f.options.random = &system_random();  // the fixture's is one thread's
  f.open();
  std::atomic<bool> done = false;
  std::string wrong;
  std::thread sweeper([&] {
    while (!done && wrong.empty())
      if (auto report = f.tablet->sweep({.dead_share = 0.2}); !report) wrong = report.error().text();
  });
  f.work(3000);
  done = true;
  sweeper.join();
  CHECK(wrong == "");
  f.check();
  f.options.threads = Threads::none;  // so is its clock, which is moved from here on
  f.options.random = &f.random;
  f.open();
  f.clock.advance(std::chrono::hours(2));
  REQUIRE(f.tablet->sweep({.dead_share = 0.2}).has_value());
  f.clock.advance(std::chrono::hours(2));
  REQUIRE(f.tablet->sweep({.dead_share = 0.2}).has_value());
  f.check();
  CHECK(f.tablet->verify()->damage.empty());
}

TEST_CASE("a body whose batch is still to come stays for the grace, whichever way the wall clock is set meanwhile") {
  for (int hours : {-48, 48}) {
    Fixture f;
    f.options.grace = std::chrono::hours(1);
    f.open();
    auto writer = f.tablet->open_body().value();
    const std::string text(150'000, 'x');  // fills its segment, so that it is sealed
    REQUIRE(writer->append(text).has_value());
    BodyRef ref = writer->seal().value();
    writer.reset();
    f.work(30);
    f.clock.jump(std::chrono::hours(hours));
    REQUIRE(f.tablet->sweep({.dead_share = 0.01}).has_value());
    Batch batch;
    auto encoded = ref.encode();
    batch.put("e-late", std::string(encoded.data(), encoded.size()));
    REQUIRE(f.tablet->commit_and_wait(std::move(batch)).has_value());
    for (int i = 0; i < 2; ++i) {
      f.clock.advance(std::chrono::hours(2));
      f.tablet->commit_waiting();
      REQUIRE(f.tablet->sweep({.dead_share = 0.01}).has_value());
    }
    std::string octets(text.size(), '.');
    CAPTURE(hours);
    CHECK(f.tablet->read_body(ref, 0, octets).has_value());
    CHECK((octets == text));
  }
}

TEST_CASE("a segment with a damaged beginning is not cut when it is rolled, and verify reads it meanwhile") {
  Fixture f;
  f.open();
  f.work(2);
  const std::string name = segment_name(1);
  REQUIRE(f.disk->flip(name, SegmentHeader::kSize + GroupHeader::kSize + 1, 2));
  bool once = true;
  auto report = f.tablet->verify([&](std::uint64_t, std::uint64_t) {
    if (std::exchange(once, false)) f.work(400);
  });
  REQUIRE(report.has_value());
  CHECK_FALSE(report->damage.empty());
  f.check();  // all bodies are still there
}

TEST_CASE("on a full disk changes without bodies go on, and with room again mail does") {
  Fixture f;
  f.options.segment_size = 1u << 20;
  f.open();
  f.work(20);
  std::uint64_t used = 0;
  for (const FileEntry& file : f.disk->files()) used += file.size;
  f.disk->set_capacity(used);
  // The rest of the segment is soon full, and there is no room for the next.
  int mails = 0;
  auto deliver = [&] {
    Batch mail;
    const std::size_t body = mail.body(std::string(100'000, 'x'));
    mail.put_with_body("e-mail" + std::to_string(mails), std::string(BodyRef::kSize, '.'), body, 0);
    return f.tablet->commit_and_wait(std::move(mail));
  };
  while (deliver()) REQUIRE(++mails < 100);
  auto change = [&](int i) {
    Batch batch;
    batch.put("k" + std::to_string(i % 20), std::string(5000, static_cast<char>('a' + i % 26)));
    return f.tablet->commit_and_wait(std::move(batch));
  };
  for (int i = 0; i < 100; ++i) {
    auto changed = change(i);
    CAPTURE(i);
    if (!changed) FAIL(changed.error().text());
  }
  // A group of both: the one with a body is refused alone.
  Waiter with;
  Waiter without;
  Batch mail;
  mail.body(std::string(200'000, 'x'));
  mail.put("k-with", "1");
  Batch gone;
  gone.erase("e-mail0");
  f.tablet->enqueue(std::move(mail), with);
  f.tablet->enqueue(std::move(gone), without);
  for (int i = 0; i < 20 && f.tablet->commit_waiting(); ++i) {
  }
  CHECK(without.result->has_value());
  CHECK(f.tablet->running());
  f.disk->set_capacity(UINT64_MAX);
  f.clock.advance(std::chrono::seconds(2));
  REQUIRE(change(1).has_value());
  CHECK(deliver().has_value());
  CHECK(f.tablet->verify()->damage.empty());
}

TEST_CASE("with a sweep a day, nothing deleted is in a segment 30 days later, however quiet the server is") {
  for (int deleted : {0, 1, 12, 24, 26, 40}) {
    Fixture f;
    f.options.grace = std::chrono::hours(1);
    f.options.segment_size = 64u << 20;  // nothing is ever full
    f.options.body_segment_size = 256u << 20;
    f.open();
    auto stored = [&](std::string_view what) {
      return std::ranges::any_of(f.disk->files(), [&](const FileEntry& file) {
        return file.name.starts_with("segment.") && f.disk->content(file.name).find(what) != std::string::npos;
      });
    };
    auto put = [&](const std::string& key, const std::string& name) {
      auto writer = f.tablet->open_body().value();
      REQUIRE(writer->append("large body of " + name + std::string(300'000, 'x')).has_value());
      const auto ref = writer->seal().value().encode();
      writer.reset();
      Batch batch;
      batch.put("e" + key + "1", std::string("subject of ") + name + std::string(ref.data(), ref.size()));
      const std::size_t body = batch.body("small body of " + name);
      batch.put_with_body("e" + key + "2", std::string(BodyRef::kSize, '.'), body, 0);
      REQUIRE(f.tablet->commit_and_wait(std::move(batch)).has_value());
    };
    put("k", "kept");
    put("d", "deleted");
    for (int day = 0; day <= deleted + 30; ++day) {
      if (day == deleted) {
        Batch batch;
        batch.erase_range("ed", "ee");
        REQUIRE(f.tablet->commit_and_wait(std::move(batch)).has_value());
      }
      f.clock.advance(std::chrono::hours(24));
      auto report = f.tablet->sweep({});
      if (!report) FAIL(report.error().text());
      f.clock.advance(std::chrono::minutes(61));
      f.tablet->commit_waiting();
    }
    CAPTURE(deleted);
    CHECK(!stored("of deleted"));
    CHECK(stored("large body of kept"));
    CHECK(stored("small body of kept"));
    CHECK(stored("subject of kept"));
    CHECK(f.tablet->verify()->damage.empty());
    REQUIRE(f.tablet->stats().swept.has_value());
    CHECK(f.clock.wall().microseconds - f.tablet->stats().swept->microseconds == 61 * 60'000'000LL);
  }
}

TEST_CASE("a sweep that is asked to stop ends, and leaves a store that the next one finishes") {
  Fixture f;
  f.options.grace = Duration(0);
  f.open();
  f.work(200);
  f.clock.advance(std::chrono::seconds(1));
  std::stop_source stop;
  SweepOptions options{.dead_share = 0.01, .stop = stop.get_token()};
  options.progress = [&](std::uint64_t done, std::uint64_t) {
    if (done == 2) stop.request_stop();
  };
  CHECK(f.tablet->sweep(options).error().is(kStopped));
  CHECK(!f.tablet->stats().swept.has_value());
  f.check();
  CHECK(f.tablet->verify()->damage.empty());
  f.open();
  CHECK(f.tablet->sweep({.dead_share = 0.01})->segments_swept > 0);
  f.check();
}

TEST_CASE("a snapshot is a store of its own, as of one moment, taken while batches go on") {
  TabletOptions options;
  options.segment_size = 1u << 20;
  TailRefs refs;
  AppendMerger merger;
  options.mergers['m'] = &merger;
  options.body_refs = &refs;
  Directory place;
  auto tablet = Tablet::open(open_local_volume(place.path() + "/store").value(), options).value();
  SeededRandom random(3);
  Author author(random, 50'000);
  Contents contents;
  std::vector<Contents> history{contents};
  auto commit = [&] {
    Plan plan = author.plan(contents);
    plan.expectations.clear();
    REQUIRE(tablet->commit_and_wait(plan.batch()).has_value());
    plan.apply(contents);
    history.push_back(contents);
  };
  for (int i = 0; i < 100; ++i) commit();
  std::size_t before = history.size() - 1;
  Result<> taken;
  std::thread beside([&] { taken = tablet->snapshot(place.path() + "/copy"); });
  for (int i = 0; i < 100; ++i) commit();
  beside.join();
  if (!taken) FAIL(taken.error().text());
  CHECK(tablet->snapshot(place.path() + "/copy").error().is(kUnsupported));  // it is not empty
  auto copy = Tablet::open(open_local_volume(place.path() + "/copy").value(), options).value();
  REQUIRE(copy->sequence() >= before);
  REQUIRE(copy->sequence() < history.size());
  CHECK(read_all(*copy).value() == history[copy->sequence()]);
  CHECK(copy->verify()->damage.empty());
}

TEST_CASE("every flipped bit of a record is found by verify, and reads give the right octets or an error") {
  Fixture f;
  f.open();
  f.work(40);
  f.tablet.reset();  // flushed
  std::string name = segment_name(1);
  std::uint64_t end = 0;
  for (const FileEntry& file : f.disk->files())
    if (file.name == name) end = file.size;
  std::string content = f.disk->content(name);
  end = content.find_last_not_of('\0') + 1;
  std::uint64_t found = 0;
  std::uint64_t flips = 0;
  std::uint64_t harmless = 0;
  for (std::uint64_t at = 0; at < end; at += 97) {
    ++flips;
    int bit = static_cast<int>(at % 8);
    REQUIRE(f.disk->flip(name, at, bit));
    auto opened = f.try_open();
    if (!opened) {
      CHECK(opened.error().is(kDamaged));
      ++found;
    } else {
      auto report = f.tablet->verify();
      REQUIRE(report.has_value());
      bool padding = content[at] == '\0';
      if (!report->damage.empty()) {
        ++found;
      } else {
        CHECK(padding);  // the only octets no checksum covers are the zeros between records
        ++harmless;
      }
      auto is = read_all(*f.tablet);
      if (is) {
        CHECK(*is == f.contents);
      } else {
        CHECK(is.error().is(kDamaged));
      }
      f.tablet.reset();
    }
    REQUIRE(f.disk->flip(name, at, bit));
  }
  MESSAGE(flips, " flips, ", found, " found, ", harmless, " in padding");
  CHECK(found + harmless == flips);
  CHECK(harmless * 20 < flips);
}

TEST_CASE("a broken group before the last one stops the opening: damage is no torn tail") {
  Fixture f;
  f.options.segment_size = 1u << 20;
  f.open();
  f.work(9);
  std::string content = f.disk->content(segment_name(1));
  f.power_loss();  // the state was never flushed: all of the log is replayed
  std::uint64_t second = content.find("AGRP", SegmentHeader::kSize + 4);
  REQUIRE(second != content.npos);
  for (std::uint64_t at :
       {std::uint64_t{SegmentHeader::kSize}, second, second + 8, second + 30, second + GroupHeader::kSize}) {
    REQUIRE(f.disk->flip(segment_name(1), at, 3));
    auto opened = f.try_open();
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().is(kDamaged));
    REQUIRE(f.disk->flip(segment_name(1), at, 3));
  }
  f.open();
  f.check();
}

TEST_CASE("a log cut at any octet opens with a prefix of what was written") {
  Fixture f;
  f.open();
  std::vector<Contents> history{{}};
  for (int i = 0; i < 3; ++i) {
    f.work(1);
    history.push_back(f.contents);
  }
  std::string name = segment_name(1);
  std::string content = f.disk->content(name);
  std::size_t end = content.find_last_not_of('\0') + 1;
  f.disk->crash();
  f.tablet.reset();
  for (std::size_t cut = SegmentHeader::kSize; cut < end; cut += cut < 2000 ? 1 : 41) {
    auto disk = std::make_shared<MemoryDisk>();
    for (const FileEntry& file : f.disk->files())
      if (!file.name.starts_with("state/"))
        disk->files[file.name] = std::make_shared<MemoryDisk::Content>(f.disk->content(file.name));
    std::string& octets = disk->files[name]->octets;
    std::fill(octets.begin() + static_cast<std::ptrdiff_t>(cut), octets.end(), '\0');
    auto opened = Tablet::open(open_memory_volume(disk).value(), f.options);
    if (!opened) FAIL("cut at " << cut << ": " << opened.error().text());
    REQUIRE((*opened)->sequence() < history.size());
    auto is = read_all(**opened);
    REQUIRE(is.has_value());
    CHECK(*is == history[(*opened)->sequence()]);
    Batch batch;
    batch.put("k", "goes on");
    CHECK((*opened)->commit_and_wait(std::move(batch)).has_value());
  }
}

TEST_CASE("a table that is damaged, missing or of another format is refused with its own error") {
  Fixture f;
  f.open();
  f.work(5);
  f.tablet.reset();
  std::string table = f.disk->content("table");
  auto with = [&](std::string text) {
    REQUIRE(open_faulty_volume(f.disk).value()->replace("table", text).has_value());
    auto opened = f.try_open();
    REQUIRE_FALSE(opened.has_value());
    return std::string(opened.error().kind().name);
  };
  for (std::size_t cut = 0; cut < table.size(); ++cut) CHECK(with(table.substr(0, cut)) == "store.damaged");
  std::string newer = table;
  newer.replace(0, 16, "angarium-store 3");
  CHECK(with(newer) == "store.damaged");  // a bit that was lost makes no other format
  newer.resize(newer.size() - 13);
  newer += fmt::format("crc {:08x}\n", crc32c(newer));
  CHECK(with(newer) == "store.format");
  std::string flipped = table;
  flipped[table.size() / 2] ^= 1;
  CHECK(with(flipped) == "store.damaged");
  REQUIRE(open_faulty_volume(f.disk).value()->remove("table").has_value());
  CHECK(f.try_open().error().is(kDamaged));
  REQUIRE(open_faulty_volume(f.disk).value()->replace("table", table).has_value());
  f.open();
  f.check();
  f.tablet.reset();
  REQUIRE(open_faulty_volume(f.disk).value()->remove(segment_name(1)).has_value());
  CHECK(f.try_open().error().is(kDamaged));
}

}  // namespace angarium::store
