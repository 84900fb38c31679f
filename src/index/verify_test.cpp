#include "index/verify.h"

#include "index/index.h"
#include "index/keys.h"
#include "message/structure.h"
#include "store/testing.h"
#include "store/testing_tablet.h"
#include "store/volume_memory.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::index;

namespace {

constexpr AccountId kAccount = 5;

/// An index of three messages in two chunks.
struct House {
  House() {
    auto volume = store::open_memory_volume(std::make_shared<store::MemoryDisk>());
    REQUIRE(volume);
    auto opened = store::Tablet::open(
        *std::move(volume),
        {.state = store::StateKind::sorted, .threads = store::Threads::none, .segment_size = 1 << 20, .reserve = 0});
    REQUIRE(opened);
    tablet = *std::move(opened);
    append({1, 2});
    append({3});
  }
  void append(const std::vector<EmailId>& emails) {
    Gatherer gathered;
    for (const EmailId email : emails) {
      const std::string octets = "Subject: word" + std::to_string(email) + "\r\n\r\nsome text\r\n";
      const message::Structure structure = message::parse_structure(octets);
      gathered.add(email, octets, &structure);
    }
    Index index(*tablet, kAccount);
    auto after = index.append(*index.state(), gathered, emails.back(), 1000);
    REQUIRE(after);
    state = *std::move(after);
  }
  void put(const std::string& key, std::string value) {
    store::Batch batch;
    batch.put(key, std::move(value));
    REQUIRE(tablet->commit_and_wait(std::move(batch)));
  }
  void erase(const std::string& key) {
    store::Batch batch;
    batch.erase_range(key, key + '\0');
    REQUIRE(tablet->commit_and_wait(std::move(batch)));
  }
  [[nodiscard]] std::string get(const std::string& key) const { return **tablet->get(key); }
  void put_state() { put(record_key(RecordKind::state, kAccount), state.encode()); }
  [[nodiscard]] std::string finding() const {
    const auto lines = verify_indexes(*tablet);
    REQUIRE(lines);
    CHECK(lines->size() <= 1);
    return lines->empty() ? "" : lines->front();
  }
  /// The first record of that kind in the first chunk.
  [[nodiscard]] std::string first_key(RecordKind kind) const {
    const std::string prefix = chunk_key(kind, kAccount, state.chunks.front().id);
    std::string found;
    REQUIRE(
        tablet->scan(prefix, store::after_prefix(prefix), {.limit = 1}, [&](std::string_view key, std::string_view) {
          found = key;
          return store::Step::stop;
        }));
    return found;
  }

  std::unique_ptr<store::Tablet> tablet;
  State state;
};

}  // namespace

TEST_CASE("an index as it was made has no fault, and neither has one that was merged, nor none at all") {
  House house;
  CHECK(house.finding().empty());
  Index index(*house.tablet, kAccount);
  const Alive alive = [](std::span<const EmailId> emails) -> Result<std::vector<bool>> {
    return std::vector<bool>(emails.size(), true);
  };
  REQUIRE(index.merge(house.state, {0, 2}, alive, 2000));
  CHECK(house.finding().empty());
  store::Batch batch;
  Index::erase(kAccount, batch);
  REQUIRE(house.tablet->commit_and_wait(std::move(batch)));
  CHECK(house.finding().empty());
}

TEST_CASE("every damage of an index is found, and what is to be typed is told") {
  const std::vector<std::pair<const char*, std::function<void(House&)>>> damages = {
      {"state", [](House& h) { h.put(record_key(RecordKind::state, kAccount), "\xFFstate"); }},
      {"documents gone", [](House& h) { h.erase(h.first_key(RecordKind::documents)); }},
      {"other documents",
       [](House& h) { h.put(h.first_key(RecordKind::documents), encode_documents(std::vector<Document>{{1, true}})); }},
      {"count", [](House& h) { (++h.state.chunks.front().documents, h.put_state()); }},
      {"first", [](House& h) { (++h.state.chunks.front().first, h.put_state()); }},
      {"size", [](House& h) { (++h.state.chunks.front().octets, h.put_state()); }},
      {"mark", [](House& h) { (--h.state.mark, h.put_state()); }},
      {"number", [](House& h) { (--h.state.next_chunk, h.put_state()); }},
      {"order", [](House& h) { (std::swap(h.state.chunks[0], h.state.chunks[1]), h.put_state()); }},
      {"words gone", [](House& h) { h.erase(h.first_key(RecordKind::words)); }},
      {"postings gone", [](House& h) { h.erase(h.first_key(RecordKind::postings)); }},
      {"words",
       [](House& h) {
         const std::string key = h.first_key(RecordKind::words);
         std::string words = h.get(key);
         std::swap(words[1], words[words.size() / 2]);
         h.put(key, words);
       }},
      {"a term less",
       [](House& h) {
         const std::string key = h.first_key(RecordKind::words);
         const std::string words = h.get(key);
         h.put(key, words.substr(0, words.rfind('\n', words.size() - 2) + 1));
       }},
      {"postings", [](House& h) { h.put(h.first_key(RecordKind::postings), "\x05\x01"); }},
      {"lists", [](House& h) {
         const std::string key = h.first_key(RecordKind::postings);
         std::string lists = h.get(key);
         lists.back() = '\xFF';
         h.put(key, lists);
       }}};
  for (const auto& [name, damage] : damages) {
    CAPTURE(name);
    House house;
    damage(house);
    const std::string said = house.finding();
    CHECK(said.starts_with("index of account 5: "));
    CHECK(said.contains("angarium index rebuild"));
  }
}
