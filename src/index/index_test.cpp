#include "index/index.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "base/random.h"
#include "index/error.h"
#include "index/keys.h"
#include "message/search_text.h"
#include "message/structure.h"
#include "store/testing.h"
#include "store/testing_tablet.h"
#include "store/volume_memory.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::index;

namespace {

constexpr AccountId kAccount = 5;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// A tablet in memory, and mail that is indexed as it is told.
struct House {
  House() { open(); }
  void open() {
    index.reset();
    tablet.reset();
    tablet = must(store::Tablet::open(
        must(store::open_memory_volume(disk)),
        {.state = store::StateKind::sorted, .threads = store::Threads::none, .segment_size = 1 << 20, .reserve = 0}));
    index.emplace(*tablet, kAccount);
    state = must(index->state());
  }
  EmailId keep(std::string octets) {
    mail[++last] = std::move(octets);
    return last;
  }
  void gather(Gatherer& into, EmailId email) const {
    const message::Structure structure = message::parse_structure(mail.at(email));
    into.add(email, mail.at(email), &structure);
  }
  /// All that is not indexed yet, as one chunk.
  void append() {
    Gatherer gathered;
    for (EmailId email = state.mark + 1; email <= last; ++email)
      if (mail.contains(email)) gather(gathered, email);
    state = must(index->append(state, gathered, last, 1000));
  }
  [[nodiscard]] Alive alive() const {
    return [this](std::span<const EmailId> emails) -> Result<std::vector<bool>> {
      std::vector<bool> there;
      for (const EmailId email : emails) there.push_back(mail.contains(email));
      return there;
    };
  }
  void merge(Neighbours which) { state = must(index->merge(state, which, alive(), 2000)); }
  [[nodiscard]] std::size_t keys() const {
    std::size_t count = 0;
    (void)tablet->scan("i", "j", {}, [&](std::string_view, std::string_view) {
      ++count;
      return store::Step::next;
    });
    return count;
  }
  Found::Verdict ask(EmailId email, std::string_view value, Places places = kAllPlaces, std::string_view name = {}) {
    return must(index->find({value, places, name})).value().of(email);
  }

  std::shared_ptr<store::MemoryDisk> disk = std::make_shared<store::MemoryDisk>();
  std::unique_ptr<store::Tablet> tablet;
  std::optional<Index> index;
  State state;
  std::map<EmailId, std::string> mail;
  EmailId last = 0;
};

using Verdict = Found::Verdict;
constexpr Places bit(message::TextPlace place) { return message::place_bit(place); }

/// Random mail and questions of few letters in several scripts, so that they often nearly meet.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : random_(seed) {}
  std::uint64_t below(std::uint64_t limit) { return random_.below(limit); }
  std::string text(std::size_t parts) {
    static constexpr const char* kParts[] = {"a",   "b",     "A", "ab", "é", "e\xCC\x81", "ß",  "中", "文",      "か",
                                             "が",  "ก",     "1", "12", " ", " ",         " ",  ".",  "-",       "@",
                                             "<b>", "&amp;", "x", "я",  "ﬁ", "ff",        ": ", "한", "\xC2\xAD"};
    std::string made;
    for (std::size_t i = 0; i < parts; ++i) made += kParts[below(std::size(kParts))];
    return made;
  }
  std::string message() {
    std::string made = "From: " + text(3) + "\r\nSubject: " + text(5) + "\r\nX-A-" + (below(2) == 0 ? "b" : "c") +
                       ": " + text(2) + "\r\n";
    if (below(8) == 0) made += "To: " + std::string(below(300), 'a') + text(60) + "\r\n";
    switch (below(4)) {
      case 0: return made + "\r\n" + text(12) + "\r\n";
      case 1: return made + "Content-Type: text/html; charset=utf-8\r\n\r\n<p>" + text(12) + "</p>\r\n";
      case 2:
        return made + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Description: " + text(3) +
               "\r\n\r\n" + text(6) + "\r\n--b\r\nContent-Type: image/png; name=\"" + "ab.png\"\r\n" +
               "Content-Disposition: attachment; filename*=utf-8''%E4%B8%AD%E6%96%87a.png\r\n\r\nab\r\n--b--\r\n";
      default: return made + "Content-Type: message/rfc822\r\n\r\nSubject: " + text(4) + "\r\n\r\n" + text(5) + "\r\n";
    }
  }

 private:
  SeededRandom random_;
};

struct Asked {
  std::string value;
  message::TextPlaces places = 0;
  std::string name;
  [[nodiscard]] Places index_places() const { return places == message::kEveryPlace ? kAllPlaces : places; }
};

Asked question(Chance& chance) {
  using message::TextPlace;
  Asked asked{.value = chance.text(1 + chance.below(4)), .places = message::kEveryPlace, .name = {}};
  switch (chance.below(6)) {
    case 0: asked.places = bit(TextPlace::subject); break;
    case 1: asked.places = bit(TextPlace::from); break;
    case 2: asked.places = bit(TextPlace::body); break;
    case 3:
      asked.places = bit(TextPlace::header);
      asked.name = chance.below(2) == 0 ? "x-a-b" : "X-A-C";
      break;
    default: break;
  }
  if (chance.below(12) == 0) asked.value = std::string(chance.below(150), 'a') + asked.value;
  return asked;
}

void check_answer(const House& house, const Asked& asked, std::size_t& sure, std::size_t& none) {
  const auto found = must(house.index->find({asked.value, asked.index_places(), asked.name}));
  if (!found) return;
  const message::TextSearch search(asked.places, asked.value, asked.name);
  for (const auto& [email, octets] : house.mail) {
    const message::Structure structure = message::parse_structure(octets);
    const Verdict verdict = found->of(email);
    sure += verdict == Verdict::yes ? 1 : 0;
    none += verdict == Verdict::no ? 1 : 0;
    if (verdict == Verdict::look) continue;
    const bool there = search.found_in(octets, &structure);
    if (there == (verdict == Verdict::yes)) continue;
    CAPTURE(octets);
    CAPTURE(asked.value);
    CAPTURE(asked.places);
    CHECK(there == (verdict == Verdict::yes));
  }
}

}  // namespace

TEST_CASE("RFC 9051 6.4.4: what the index says of random messages is what a scan says, whatever is asked") {
  std::size_t sure = 0;
  std::size_t none = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    House house;
    for (int round = 0; round < 6; ++round) {
      for (std::uint64_t i = chance.below(12); i != 0; --i) house.keep(chance.message());
      if (chance.below(3) == 0 && house.last != 0) house.mail.erase(1 + chance.below(house.last));
      if (chance.below(4) != 0) house.append();
      const std::size_t chunks = house.state.chunks.size();
      if (chunks > 1 && chance.below(2) == 0) {
        const std::size_t begin = chance.below(chunks);
        house.merge({begin, begin + 1 + chance.below(chunks - begin)});
      }
    }
    for (int i = 0; i < 150; ++i) check_answer(house, question(chance), sure, none);
  }
  // The index says something.
  CHECK(sure > 2000);
  CHECK(none > 20'000);
}

TEST_CASE("words of headers, of texts, of HTML and of the names of attachments are found, each where it is") {
  House house;
  const EmailId email = house.keep(
      "From: Anna Müller <anna@example.org>\r\nTo: bob@example.net\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= from "
      "Lyon\r\n"
      "X-Mailer: Pigeon\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
      "--b\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n<p title=\"hidden\">caf\xE9 <b>cr</b>oissant</p>\r\n"
      "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n5pCc57Si5byV5pOO\r\n"
      "--b\r\nContent-Type: application/pdf\r\n"
      "Content-Disposition: attachment; filename*=utf-8''Rechnung%20M%C3%A4rz.pdf\r\n\r\nsecret\r\n--b--\r\n");
  const EmailId other = house.keep("Subject: nothing\r\n\r\nnothing\r\n");
  house.append();
  using message::TextPlace;
  for (const std::string_view word : {"müller", "MÜLLER", "ller", "grüße", "lyon", "pigeon", "mailer", "café",
                                      "croissant", "oissan", "索引", "擎", "rechnung", "märz"}) {
    CAPTURE(word);
    CHECK(house.ask(email, word) == Verdict::yes);
    CHECK(house.ask(other, word) == Verdict::no);
  }
  for (const std::string_view word : {"hidden", "secret", "5pCc57Si5byV5pOO", "mailers"}) {
    CAPTURE(word);
    CHECK(house.ask(email, word) == Verdict::no);
  }
  CHECK(house.ask(email, "anna", bit(TextPlace::from)) == Verdict::yes);
  CHECK(house.ask(email, "anna", bit(TextPlace::to)) == Verdict::no);
  CHECK(house.ask(email, "lyon", bit(TextPlace::subject)) == Verdict::yes);
  CHECK(house.ask(email, "from", bit(TextPlace::from)) == Verdict::no);
  CHECK(house.ask(email, "rechnung", bit(TextPlace::body)) == Verdict::no);
  CHECK(house.ask(email, "café croi", bit(TextPlace::body)) == Verdict::look);
  CHECK(house.ask(email, "café lyon", bit(TextPlace::body)) == Verdict::no);
  CHECK(house.ask(email, "pig", bit(TextPlace::header), "X-Mailer") == Verdict::look);
  CHECK(house.ask(email, "", bit(TextPlace::header), "X-Mailer") == Verdict::look);
  CHECK(house.ask(email, "", bit(TextPlace::header), "X-Mail") == Verdict::no);
  CHECK(!must(house.index->find({" . ", kAllPlaces, {}})));
}

TEST_CASE("mail above the mark is always looked into, and so is what was too long to be indexed whole") {
  House house;
  const EmailId small = house.keep("Subject: s\r\n\r\nword\r\n");
  std::string text;
  while (text.size() <= kTextMax) text += "filler of many octets and no end at all, again and again\r\n";
  const EmailId large = house.keep("Subject: l\r\n\r\nbegin\r\n" + text + "lastword\r\n");
  const EmailId html =
      house.keep("Subject: l\r\nContent-Type: text/html\r\n\r\n<p>begin</p><!--\r\n" + text + "--><p>lastword</p>\r\n");
  house.append();
  const EmailId late = house.keep("Subject: late\r\n\r\nword\r\n");
  CHECK(house.ask(small, "word") == Verdict::yes);
  CHECK(house.ask(small, "lastword") == Verdict::no);
  CHECK(house.ask(large, "lastword") == Verdict::look);
  CHECK(house.ask(html, "lastword") == Verdict::look);
  CHECK(house.ask(large, "begin") == Verdict::look);
  CHECK(house.ask(late, "nothing like it") == Verdict::look);
  Gatherer gathered;
  gathered.add_unread(late);
  house.state = must(house.index->append(house.state, gathered, late, 0));
  CHECK(house.ask(late, "nothing") == Verdict::look);
}

TEST_CASE("a text that just fits is indexed whole") {
  House house;
  std::string text;
  const std::string head = "Subject: s\r\n\r\n";
  while (text.size() + 200 < kTextMax) text += "filler of many octets and no end at all, again and again\r\n";
  const EmailId email = house.keep(head + text + "lastword\r\n");
  house.append();
  CHECK(house.ask(email, "lastword") == Verdict::yes);
}

TEST_CASE("merged chunks say what they said apart, without what is gone, and leave nothing behind") {
  House house;
  for (int i = 0; i < 40; ++i) {
    house.keep("Subject: number " + std::to_string(i) + "\r\n\r\ncommon only" + std::to_string(i) + "\r\n");
    if (i % 5 == 4) house.append();
  }
  REQUIRE(house.state.chunks.size() == 8);
  const auto due = due_to_merge(house.state);
  REQUIRE(due);
  CHECK(due->begin == 0);
  CHECK(due->end == 8);
  house.mail.erase(3);
  house.merge(*due);
  CHECK(house.state.chunks.size() == 1);
  CHECK(house.state.documents() == 39);
  CHECK(house.state.mark == 40);
  for (EmailId email = 1; email <= 40; ++email) {
    const std::string only = "only" + std::to_string(email - 1) + " ";
    CHECK(house.ask(email, "common") == (email == 3 ? Verdict::no : Verdict::yes));
    CHECK(house.ask(email, only) == (email == 3 ? Verdict::no : Verdict::look));
  }
  CHECK(house.keys() == 4);  // state, documents, one block of words and of postings
  for (EmailId email = 1; email <= 40; ++email) house.mail.erase(email);
  house.merge({0, 1});
  CHECK(house.state.chunks.empty());
  CHECK(house.keys() == 1);
  store::Batch batch;
  Index::erase(kAccount, batch);
  must(house.tablet->commit_and_wait(std::move(batch)));
  CHECK(house.keys() == 0);
}

TEST_CASE("a chunk of many blocks is found in at its edges and across them") {
  House house;
  for (int i = 0; i < 40; ++i) {
    std::string text = "Subject: s\r\n\r\n";
    for (int n = 0; n < 500; ++n) text += "w" + std::to_string((i * 500 + n) * 7919 % 1'000'003) + " ";
    house.keep(text + "\r\n");
    if (i % 10 == 9) house.append();
  }
  house.merge({0, house.state.chunks.size()});
  CHECK(house.keys() > 6);
  for (int i = 0; i < 40; ++i) {
    for (const int n : {0, 1, 250, 499}) {
      const std::string word = "w" + std::to_string((i * 500 + n) * 7919 % 1'000'003);
      CAPTURE(word);
      const auto found = must(house.index->find({" " + word + " ", kAllPlaces, {}}));
      for (EmailId email = 1; email <= 40; ++email)
        CHECK((found->of(email) == Verdict::look) == (email == static_cast<EmailId>(i) + 1));
    }
  }
  CHECK(house.ask(1, "w0") == Verdict::yes);
}

TEST_CASE("each message is written anew a few times only, and chunks stay few") {
  State state;
  std::uint64_t written = 0;
  for (std::uint32_t message = 0; message < 300'000; message += 64) {
    state.chunks.push_back({.id = state.next_chunk++, .documents = 64});
    written += 64;
    while (const auto due = due_to_merge(state)) {
      std::uint32_t sum = 0;
      for (std::size_t i = due->begin; i < due->end; ++i) sum += state.chunks[i].documents;
      CHECK(sum <= kDocumentsMax);
      state.chunks.erase(state.chunks.begin() + static_cast<std::ptrdiff_t>(due->begin),
                         state.chunks.begin() + static_cast<std::ptrdiff_t>(due->end));
      state.chunks.insert(state.chunks.begin() + static_cast<std::ptrdiff_t>(due->begin),
                          {.id = state.next_chunk++, .documents = sum});
      written += sum;
    }
    CHECK(state.chunks.size() < 9 + 3 * 7 + 1);
  }
  CHECK(written < 300'000 * 5);
}

TEST_CASE("two writers: the second is told and changes nothing") {
  House house;
  house.keep("Subject: s\r\n\r\nword\r\n");
  const State before = house.state;
  house.append();
  Gatherer gathered;
  house.gather(gathered, 1);
  CHECK(house.index->append(before, gathered, 1, 0).error().is(kChanged));
  CHECK(must(house.index->state()) == house.state);
  CHECK(house.ask(1, "word") == Verdict::yes);
}

TEST_CASE("work that is asked to stop leaves the index as it was") {
  House house;
  house.keep("Subject: s\r\n\r\nfirst\r\n");
  house.append();
  std::stop_source stop;
  Index index(*house.tablet, kAccount, stop.get_token());
  stop.request_stop();
  CHECK(index.merge(house.state, {0, 1}, house.alive(), 0).error().is(kEnded));
  CHECK(must(house.index->state()) == house.state);
  CHECK(house.ask(1, "first") == Verdict::yes);
}

TEST_CASE("a batch that is refused leaves the index as it was, and what comes next is whole") {
  for (int refused = 0; refused < 2; ++refused) {
    House house;
    house.keep("Subject: s\r\n\r\nfirst\r\n");
    house.append();
    house.keep("Subject: s\r\n\r\nsecond\r\n");
    // The chunk's batch, then the state's.
    struct Refusing final : store::testing::PassingTablet {
      using PassingTablet::PassingTablet;
      void enqueue(store::Batch batch, store::Completion& completion) override {
        if (count-- == 0) return completion.completed(fail(store::kStoreFull, "full"));
        PassingTablet::enqueue(std::move(batch), completion);
      }
      int count = 0;
    } tablet(*house.tablet);
    tablet.count = refused;
    Index index(tablet, kAccount);
    Gatherer gathered;
    house.gather(gathered, 2);
    CHECK(index.append(house.state, gathered, 2, 0).error().is(store::kStoreFull));
    CHECK(must(house.index->state()) == house.state);
    CHECK(house.ask(1, "first") == Verdict::yes);
    CHECK(house.ask(2, "second") == Verdict::look);
    house.append();
    CHECK(house.ask(1, "second") == Verdict::no);
    CHECK(house.ask(2, "second") == Verdict::yes);
    CHECK(house.keys() == 7);
  }
}

TEST_CASE("a crash behind any batch neither loses nor doubles a message") {
  // Copies the disk behind each batch.
  struct Watched final : store::testing::PassingTablet {
    Watched(store::Tablet& inner, std::shared_ptr<store::MemoryDisk> watched)
        : PassingTablet(inner), disk(std::move(watched)) {}
    bool commit_waiting() override {
      const bool committed = PassingTablet::commit_waiting();
      auto copy = std::make_shared<store::MemoryDisk>();
      const std::lock_guard lock(disk->mutex);
      for (const auto& [name, content] : disk->files)
        copy->files[name] = std::make_shared<store::MemoryDisk::Content>(*content);
      copies.push_back(std::move(copy));
      return committed;
    }
    std::shared_ptr<store::MemoryDisk> disk;
    std::vector<std::shared_ptr<store::MemoryDisk>> copies;
  };
  House house;
  Watched watched(*house.tablet, house.disk);
  Index index(watched, kAccount);
  State state;
  // Terms for several batches a chunk.
  for (int i = 0; i < 3; ++i) {
    std::string text = "Subject: s\r\n\r\ncommon only" + std::to_string(i) + " ";
    for (int n = 0; n < 40'000; ++n) text += "fillerfillerfiller" + std::to_string(n * 3 + i) + " ";
    Gatherer gathered;
    house.gather(gathered, house.keep(text + "\r\n"));
    state = must(index.append(state, gathered, house.last, 0));
    if (i == 1) state = must(index.merge(state, {0, state.chunks.size()}, house.alive(), 0));
  }
  CHECK(watched.copies.size() > 8);
  for (const auto& copy : watched.copies) {
    House after;
    after.disk = copy;
    after.mail = house.mail;
    after.last = house.last;
    after.open();
    CHECK(after.state.documents() == after.state.mark);
    if (after.state.mark < after.last) after.append();
    CHECK(after.state.documents() == 3);
    after.merge({0, after.state.chunks.size()});
    const auto common = must(after.index->find({"common", kAllPlaces, {}}));
    for (EmailId email = 1; email <= 3; ++email) {
      const auto only = must(after.index->find({"only" + std::to_string(email - 1), kAllPlaces, {}}));
      CHECK(common->of(email) == Verdict::yes);
      for (EmailId other = 1; other <= 3; ++other)
        CHECK(only->of(other) == (other == email ? Verdict::yes : Verdict::no));
    }
    // Nothing of a chunk that never was.
    std::set<std::string> chunks;
    (void)after.tablet->scan("i", "j", {}, [&](std::string_view key, std::string_view) {
      if (key[1] != static_cast<char>(RecordKind::state)) chunks.insert(std::string(key.substr(2, kAfterChunk - 2)));
      return store::Step::next;
    });
    CHECK(chunks.size() <= 2);
  }
}

TEST_CASE("words of mail that is gone leave the index in time") {
  House house;
  house.keep("Subject: s\r\n\r\nfirst\r\n");
  house.append();
  house.keep("Subject: s\r\n\r\nsecond\r\n");
  house.append();
  CHECK(!must(house.index->freshen(house.state, house.alive(), 1000, 5000)));
  // Nobody is gone: that is noted, chunk by chunk.
  auto fresh = must(house.index->freshen(house.state, house.alive(), 1001, 5000));
  REQUIRE(fresh);
  CHECK(fresh->chunks[0].written == 5000);
  CHECK(fresh->chunks[1].written == 1000);
  house.state = *fresh;
  house.mail.erase(2);
  fresh = must(house.index->freshen(house.state, house.alive(), 1001, 5000));
  REQUIRE(fresh);
  CHECK(fresh->chunks.size() == 1);
  house.state = *fresh;
  CHECK(!must(house.index->freshen(house.state, house.alive(), 1001, 5000)));
  // A time in the future is one of a clock that was wrong.
  fresh = must(house.index->freshen(house.state, house.alive(), 1001, 4000));
  REQUIRE(fresh);
  CHECK(fresh->chunks[0].written == 4000);
}

TEST_CASE("damaged records are told, never taken for an answer") {
  House house;
  house.keep("Subject: s\r\n\r\nword\r\n");
  house.append();
  const auto spoil = [&](RecordKind kind, std::string_view value) {
    std::string key;
    (void)house.tablet->scan(record_key(kind, kAccount), store::after_prefix(record_key(kind, kAccount)), {},
                             [&](std::string_view at, std::string_view) {
                               key = at;
                               return store::Step::stop;
                             });
    store::Batch batch;
    value.empty() ? batch.erase(key) : batch.put(key, value);
    must(house.tablet->commit_and_wait(std::move(batch)));
    return house.index->find({"word", kAllPlaces, {}});
  };
  CHECK(spoil(RecordKind::postings, "\x7F").error().is(kDamaged));
  CHECK(spoil(RecordKind::postings, "").error().is(kDamaged));
  CHECK(spoil(RecordKind::documents, "\x05").error().is(kDamaged));
  CHECK(spoil(RecordKind::documents, "").error().is(kDamaged));
  CHECK(spoil(RecordKind::state, "\x02").error().is(kDamaged));
}

TEST_CASE("postings come back as they were, by gaps and by bits") {
  for (const std::size_t documents : {std::size_t{1}, std::size_t{9}, std::size_t{1000}, kDocumentsMax}) {
    for (const std::uint32_t step : {1u, 2u, 7u, 100u}) {
      std::vector<Posting> postings;
      for (std::uint32_t d = 0; d < documents; d += step)
        for (unsigned place = d % 3; place < kPlaces; place += 4) postings.push_back(posting(d, place));
      std::string octets;
      encode_postings(octets, postings, documents);
      std::vector<Posting> again;
      CHECK(decode_postings(octets, documents, kAllPlaces, [&](Posting p) { again.push_back(p); }));
      std::ranges::sort(again);
      CHECK(again == postings);
      // Cut anywhere they are damaged, and nothing outside is told.
      for (std::size_t cut = 0; cut < std::min<std::size_t>(octets.size(), 50); ++cut)
        CHECK(!decode_postings(std::string_view(octets).substr(0, cut), documents, kAllPlaces,
                               [&](Posting p) { CHECK(document_of(p) < documents); }));
    }
  }
}
