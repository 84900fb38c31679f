#include "mailbox/view.h"

#include <map>

#include "base/random.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;

namespace {

NewEntry message(Uid uid, Modseq modseq = 1, SystemFlags flags = 0) {
  NewEntry added;
  added.entry.uid = uid;
  added.entry.email = uid;
  added.entry.modseq = modseq;
  added.entry.flag_bits = flags;
  added.entry.size = 10;
  return added;
}

View view_of(Draft& draft, Modseq modseq = 1) {
  return View({.mailbox = 1, .uid_validity = 1, .uid_next = kUidMax, .highest_modseq = modseq}, draft.share(),
              std::make_shared<const KeywordTable>());
}

Delta adding(std::vector<Uid> uids) {
  Delta delta;
  for (const Uid uid : uids) delta.added.push_back(message(uid));
  return delta;
}

}  // namespace

TEST_CASE("a view without messages answers as one") {
  Draft draft;
  const View view = view_of(draft);
  CHECK(view.empty());
  CHECK(!view.find(1));
  CHECK(!view.sequence_of(1));
  CHECK(view.lower_bound(1) == 1);
  CHECK(view.first_unseen() == 0);
  view.for_each(UidSet::all(), [](std::uint32_t, const Entry&) { FAIL("no message"); });
}

TEST_CASE("sequence numbers count over block borders and UIDs are found by search") {
  Draft draft;
  draft.apply(adding({1, 255, 256, 257, 1000, 100'000, kUidMax}));
  const View view = view_of(draft);
  REQUIRE(view.size() == 7);
  CHECK(view.at(1).uid == 1);
  CHECK(view.at(3).uid == 256);
  CHECK(view.at(7).uid == kUidMax);
  CHECK(view.sequence_of(256) == 3);
  CHECK(!view.sequence_of(258));
  CHECK(view.lower_bound(258) == 5);
  CHECK(view.lower_bound(kUidMax) == 7);
  CHECK(view.uids().text() == "1,255:257,1000,100000,4294967295");
  std::string seen;
  view.for_each({{256, 1000}, {kUidMax, kUidMax}}, [&](std::uint32_t sequence, const Entry& entry) {
    seen += std::to_string(sequence) + "=" + std::to_string(entry.uid) + " ";
  });
  CHECK(seen == "3=256 4=257 5=1000 7=4294967295 ");
  seen.clear();
  view.for_each(2, 4, [&](std::uint32_t sequence, const Entry&) { seen += std::to_string(sequence) + " "; });
  CHECK(seen == "2 3 4 ");
}

TEST_CASE("a view stays as it was whatever happens to the draft") {
  Draft draft;
  draft.apply(adding({1, 2, 3, 300}));
  const View before = view_of(draft);
  Delta delta;
  delta.change = {.mode = FlagMode::add, .system = kSeen};
  delta.changed = {{2, 300}};
  delta.removed = {{1, 1}};
  delta.added = {message(301)};
  delta.modseq = 2;
  draft.apply(delta);
  CHECK(before.size() == 4);
  CHECK(!before.find(2)->has(kSeen));
  const View after = view_of(draft, 2);
  CHECK(after.uids().text() == "2:3,300:301");
  CHECK(after.find(300)->has(kSeen));
  CHECK(after.first_unseen() == 4);
  const ViewDifference what = difference(before, after);
  CHECK(what.expunged.text() == "1");
  CHECK(what.changed.text() == "2:3,300");
  CHECK(what.appeared.text() == "301");
  CHECK(difference(after, after).empty());
  std::string since;
  after.for_each_since(1, [&](std::uint32_t sequence, const Entry&) { since += std::to_string(sequence) + " "; });
  CHECK(since == "1 2 3 ");
}

TEST_CASE("forked drafts go their own ways") {
  Draft draft;
  draft.apply(adding({1, 2, 3}));
  Draft fork = draft.fork();
  Delta delta;
  delta.removed = {{1, 2}};
  fork.apply(delta);
  CHECK(view_of(fork).uids().text() == "3");
  CHECK(view_of(draft).uids().text() == "1:3");
  draft.apply(adding({4}));
  CHECK(view_of(fork).uids().text() == "3");
}

TEST_CASE("random changes: the draft, its views and their differences agree with a map") {
  SeededRandom random(3);
  Draft draft;
  std::map<Uid, std::pair<SystemFlags, Modseq>> model;
  Uid next = 1;
  View before = view_of(draft);
  auto model_before = model;
  for (Modseq modseq = 2; modseq < 400; ++modseq) {
    Delta delta;
    delta.modseq = modseq;
    const Uid first = 1 + static_cast<Uid>(random.below(next));
    const UidRange range{first, first + static_cast<Uid>(random.below(40))};
    const auto flags = static_cast<SystemFlags>(random.below(32));
    switch (random.below(3)) {
      case 0:
        for (std::uint64_t i = random.below(60); i > 0; --i) {
          delta.added.push_back(message(next, modseq, flags));
          model[next] = {flags, modseq};
          next += 1 + static_cast<Uid>(random.below(5) == 0 ? random.below(600) : 0);
        }
        break;
      case 1:
        delta.change = {.mode = FlagMode::replace, .system = flags};
        delta.changed.add(range);
        for (auto at = model.lower_bound(range.first); at != model.end() && at->first <= range.last; ++at)
          if (at->second.first != flags) at->second = {flags, modseq};
        break;
      default: delta.removed.add(range); model.erase(model.lower_bound(range.first), model.upper_bound(range.last));
    }
    draft.apply(delta);
    // Doing it again changes nothing: loading relies on that.
    CHECK(draft.apply(delta) == Tally{});
    if (random.below(3) != 0) continue;
    const View now = view_of(draft, modseq);
    REQUIRE(now.size() == model.size());
    std::uint32_t sequence = 0;
    std::int64_t unseen = 0;
    for (const auto& [uid, state] : model) {
      const Entry& entry = now.at(++sequence);
      CHECK(entry.uid == uid);
      CHECK(entry.flags() == state.first);
      CHECK(entry.modseq == state.second);
      CHECK(now.sequence_of(uid) == sequence);
      unseen += !entry.has(kSeen);
    }
    CHECK(now.tally().unseen == unseen);
    CHECK(draft.tally() == now.tally());
    const ViewDifference what = difference(before, now);
    UidSet expunged;
    UidSet appeared;
    UidSet changed;
    for (const auto& [uid, state] : model_before)
      if (!model.contains(uid)) expunged.add(uid);
    for (const auto& [uid, state] : model) {
      if (!model_before.contains(uid))
        appeared.add(uid);
      else if (model_before[uid].second != state.second)
        changed.add(uid);
    }
    CHECK(what.expunged == expunged);
    CHECK(what.appeared == appeared);
    CHECK(what.changed == changed);
    before = now;
    model_before = model;
  }
}
