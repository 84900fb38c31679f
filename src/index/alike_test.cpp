// Index::find_alike: what the index says of messages that are near to a question is what a scan says.
#include <map>

#include "base/random.h"
#include "index/error.h"
#include "index/index.h"
#include "message/fuzzy.h"
#include "store/testing.h"
#include "store/testing_tablet.h"
#include "store/volume_memory.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::index;
using message::TextPlace;

namespace {

using Verdict = Found::Verdict;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  return *std::move(result);
}

struct House {
  House()
      : tablet(must(store::Tablet::open(must(store::open_memory_volume(disk)), {.state = store::StateKind::sorted,
                                                                                .threads = store::Threads::none,
                                                                                .segment_size = 1 << 20,
                                                                                .reserve = 0}))),
        index(*tablet, 5) {}
  EmailId keep(std::string octets) {
    mail[++last] = std::move(octets);
    return last;
  }
  void append() {
    Gatherer gathered;
    for (EmailId email = state.mark + 1; email <= last; ++email) {
      const message::Structure structure = message::parse_structure(mail.at(email));
      gathered.add(email, mail.at(email), &structure);
    }
    state = must(index.append(state, gathered, last, 1000));
  }
  [[nodiscard]] Alike ask(std::string_view value, Places places = kAllPlaces, std::string_view name = {}) const {
    return must(index.find_alike({value, places, name})).value();
  }

  std::shared_ptr<store::MemoryDisk> disk = std::make_shared<store::MemoryDisk>();
  std::unique_ptr<store::Tablet> tablet;
  Index index;
  State state;
  std::map<EmailId, std::string> mail;
  EmailId last = 0;
};

/// Words that are near to one another, and such as are not.
std::string text(SeededRandom& random, std::uint64_t words) {
  static constexpr const char* kWords[] = {"hello",  "helo",   "help",  "work",    "working", "works",  "word", "world",
                                           "search", "serach", "rfc90", "rfc9051", "Größe",   "grosse", "中文", "文字",
                                           "中",     "a",      "ab",    "x-mail",  "Привет",  "привт"};
  std::string made;
  for (std::uint64_t i = 0; i < words; ++i) made += std::string(kWords[random.below(std::size(kWords))]) + " ";
  return made;
}

std::string letter(SeededRandom& random) {
  const std::string head = "From: " + text(random, 1) + "\r\nX-Note: " + text(random, 1) + "\r\n";
  if (random.below(4) == 0)
    return head + "Content-Type: message/rfc822\r\n\r\nSubject: " + text(random, 2) + "\r\n\r\n" + text(random, 2);
  return head + "Subject: " + text(random, 3) + "\r\n\r\n" + text(random, random.below(8)) + "\r\n";
}

struct Asked {
  std::string value;
  message::TextPlaces places = message::kEveryPlace;
  std::string name;
};

std::size_t check(const House& house, const Asked& asked) {
  const auto alike = house.ask(asked.value, asked.places, asked.name);
  const message::FuzzySearch search(asked.places, asked.value, asked.name, alike.weights());
  std::size_t sure = 0;
  for (const auto& [email, octets] : house.mail) {
    const message::Structure structure = message::parse_structure(octets);
    const unsigned score = search.score(octets, &structure);
    CAPTURE(octets);
    CAPTURE(asked.value);
    CAPTURE(asked.places);
    switch (alike.of(email)) {
      case Verdict::look: continue;
      case Verdict::yes: CHECK(score == alike.score(email)); break;
      case Verdict::no: CHECK(score == 0); break;
    }
    ++sure;
  }
  return sure;
}

}  // namespace

TEST_CASE("RFC 6203: what the index says is near, and how near, is what a scan says") {
  std::size_t sure = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    SeededRandom random(seed);
    House house;
    for (int chunk = 0; chunk < 3; ++chunk) {
      for (int i = 0; i < 15; ++i) house.keep(letter(random));
      house.append();
    }
    house.keep(letter(random));
    for (int i = 0; i < 40; ++i) {
      Asked asked{.value = text(random, 1 + random.below(4)), .name = {}};
      const std::uint64_t place = random.below(5);
      if (place == 1) asked.places = place_bit(TextPlace::subject);
      if (place == 2) asked.places = place_bit(TextPlace::body);
      if (place == 3) {
        asked.places = place_bit(TextPlace::header);
        asked.name = "x-note";
      }
      sure += check(house, asked);
    }
  }
  CHECK(sure > 8000);
}

TEST_CASE("mail above the mark is looked into, and so is what the index does not know whole") {
  House house;
  const EmailId near = house.keep("Subject: hello\r\n\r\nx\r\n");
  const EmailId far = house.keep("Subject: other\r\n\r\nx\r\n");
  house.append();
  Gatherer gathered;
  gathered.add_unread(++house.last);
  house.state = must(house.index.append(house.state, gathered, house.last, 1));
  const auto alike = house.ask("helo");
  CHECK(alike.of(near) == Verdict::yes);
  CHECK(alike.of(far) == Verdict::no);
  CHECK(alike.of(house.last) == Verdict::look);
  CHECK(alike.of(house.last + 1) == Verdict::look);
}

TEST_CASE("a field of a name is looked at where the name is") {
  House house;
  const EmailId noted = house.keep("X-Note: hello\r\n\r\nx\r\n");
  const EmailId other = house.keep("X-Other: hello\r\n\r\nx\r\n");
  house.append();
  const auto alike = house.ask("helo", place_bit(TextPlace::header), "X-Note");
  CHECK(alike.of(noted) == Verdict::look);
  CHECK(alike.of(other) == Verdict::no);
}

TEST_CASE("rare words weigh more, and what has no words is not for the index") {
  House house;
  for (int i = 0; i < 20; ++i) house.keep("Subject: common\r\n\r\nx\r\n");
  house.keep("Subject: seldom\r\n\r\nx\r\n");
  house.append();
  const auto alike = house.ask("common seldom");
  REQUIRE(alike.weights().size() == 2);
  CHECK(alike.weights()[0] < alike.weights()[1]);
  CHECK(!must(house.index.find_alike({"...", kAllPlaces, {}})));
}

TEST_CASE("a dictionary of many blocks is looked through at its edges") {
  House house;
  for (int i = 0; i < 40; ++i) {
    std::string octets = "Subject: s\r\n\r\n";
    for (int n = 0; n < 500; ++n) octets += "w" + std::to_string((i * 500 + n) * 7919 % 1'000'003) + " ";
    house.keep(octets + "zebra" + std::string(static_cast<std::size_t>(i % 4), 's') + "\r\n");
  }
  house.append();
  for (int i = 0; i < 40; ++i) {
    for (const int n : {0, 1, 250, 499}) {
      const std::string word = "w" + std::to_string((i * 500 + n) * 7919 % 1'000'003);
      CAPTURE(word);
      CHECK(house.ask(word).of(static_cast<EmailId>(i) + 1) == Verdict::yes);
    }
    CHECK(house.ask("zebra").of(static_cast<EmailId>(i) + 1) == Verdict::yes);
  }
}
