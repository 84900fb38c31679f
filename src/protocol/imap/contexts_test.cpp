// Contexts under random changes: what a client makes of ADDTO and REMOVEFROM is what it would find anew (RFC 5267
// §4.3).
#include "protocol/imap/contexts.h"

#include <algorithm>
#include <random>

#include "base/text.h"
#include "protocol/imap/test_line.h"

using namespace angarium;
using namespace angarium::protocol::imap;
using testing::Line;

namespace {

/// A client's result of one searching command.
struct Found {
  std::string tag;
  bool ordered = false;  ///< places count
  std::vector<std::uint32_t> numbers;

  void apply(std::string_view pairs, bool adds) {
    Parser parser(pairs);
    REQUIRE(parser.require('('));
    do {
      const auto place = *parser.number();
      REQUIRE(parser.space());
      std::vector<std::uint32_t> set;
      for (const auto& range : parser.sequence_set()->ranges) {
        for (auto n = range.first; n <= range.last; ++n) set.push_back(n);
      }
      REQUIRE((place != 0) == ordered);
      if (adds) {
        REQUIRE(place <= numbers.size() + 1);
        numbers.insert(place == 0 ? numbers.end() : numbers.begin() + place - 1, set.begin(), set.end());
      } else if (place == 0) {
        for (const auto n : set) REQUIRE(std::erase(numbers, n) == 1);
      } else {
        REQUIRE(place - 1 + set.size() <= numbers.size());
        REQUIRE(std::equal(set.begin(), set.end(), numbers.begin() + place - 1));
        numbers.erase(numbers.begin() + place - 1,
                      numbers.begin() + place - 1 + static_cast<std::ptrdiff_t>(set.size()));
      }
    } while (parser.present(' '));
    REQUIRE(parser.present(')'));
    if (!ordered) std::ranges::sort(numbers);
    if (!parser.at_end()) next(parser.rest());
  }
  void next(std::string_view items) {
    if (items.starts_with(" ADDTO ")) apply(items.substr(7), true);
    if (items.starts_with(" REMOVEFROM ")) apply(items.substr(12), false);
  }
};

struct Client {
  Line line;
  Found flagged{.tag = "f"};                  // by UID
  Found numbered{.tag = "n"};                 // by number
  Found sorted{.tag = "s", .ordered = true};  // by UID
  Found placed{.tag = "p", .ordered = true};  // by number

  void hear(std::string_view all) {
    while (!all.empty()) {
      const auto end = all.find("\r\n");
      const auto told = all.substr(0, end);
      all.remove_prefix(end + 2);
      for (auto* result : {&flagged, &numbered, &sorted, &placed}) {
        const auto head = "* ESEARCH (TAG \"" + result->tag + "\")";
        if (!told.starts_with(head)) continue;
        const auto rest = told.substr(head.size());
        result->next(rest.starts_with(" UID") ? rest.substr(4) : rest);
      }
      if (told.starts_with("* ") && told.ends_with(" EXPUNGE")) {
        const auto gone = *Parser(told.substr(2)).number();
        for (auto* result : {&numbered, &placed}) {
          for (auto& number : result->numbers) {
            // RFC 5267 §4.3.4: what is expunged has been removed before.
            REQUIRE(number != gone);
            if (number > gone) --number;
          }
        }
      }
      REQUIRE_FALSE(told.contains("NOUPDATE"));
    }
  }
  void say(const std::string& command) {
    line.send(command + "\r\n");
    hear(line.take());
  }
  std::vector<std::uint32_t> found(const std::string& command) {
    line.send("q " + command + "\r\n");
    const auto all = line.take();
    hear(all);
    std::vector<std::uint32_t> numbers;
    const auto at = all.find(command.contains("SORT") ? "* SORT" : "* SEARCH");
    Parser parser(std::string_view(all).substr(at + (command.contains("SORT") ? 6 : 8)));
    while (parser.present(' ')) numbers.push_back(*parser.number());
    return numbers;
  }
};

}  // namespace

TEST_CASE("RFC 5267 §4.3: ADDTO and REMOVEFROM lead a client to what a new search finds") {
  for (const unsigned seed : {1U, 2U, 3U}) {
    std::mt19937 random(seed);
    Client client;
    client.line.send(
        "a LOGIN fred secret\r\nb SELECT INBOX\r\n"
        "f UID SEARCH RETURN (UPDATE) FLAGGED\r\nn SEARCH RETURN (UPDATE) UNSEEN\r\n"
        "s UID SORT RETURN (UPDATE) (SUBJECT) UTF-8 UNDELETED\r\np SORT RETURN (UPDATE) (REVERSE SIZE) UTF-8 "
        "UNSEEN\r\n");
    client.line.take();
    client.flagged.numbers = client.found("UID SEARCH FLAGGED");
    client.numbered.numbers = client.found("SEARCH UNSEEN");
    client.sorted.numbers = client.found("UID SORT (SUBJECT) UTF-8 UNDELETED");
    client.placed.numbers = client.found("SORT (REVERSE SIZE) UTF-8 UNSEEN");
    constexpr const char* kFlags[] = {"\\Flagged", "\\Seen", "\\Deleted"};
    for (int step = 0; step < 300; ++step) {
      const auto messages = client.line.fred->find("INBOX")->view->size();
      const auto number = std::to_string(messages == 0 ? 1 : random() % messages + 1);
      switch (random() % 5) {
        case 0:
          MemoryStore::deliver(*client.line.fred, "INBOX",
                               "Subject: " + std::to_string(random() % 9) + "\r\n\r\n" + std::string(random() % 9, 'x'),
                               {.system = static_cast<Flags>(random() % 8), .keywords = {}});
          break;
        case 1: client.say("c STORE " + number + " +FLAGS (" + kFlags[random() % 3] + ")"); break;
        case 2: client.say("c STORE 1:" + number + " -FLAGS.SILENT (" + kFlags[random() % 3] + ")"); break;
        case 3:
          if (random() % 3 == 0) client.say("c EXPUNGE");
          break;
        default: client.say("c FETCH 1:" + number + " FLAGS"); break;
      }
      client.say("d NOOP");
      CAPTURE(step);
      REQUIRE(client.flagged.numbers == client.found("UID SEARCH FLAGGED"));
      REQUIRE(client.numbered.numbers == client.found("SEARCH UNSEEN"));
      REQUIRE(client.sorted.numbers == client.found("UID SORT (SUBJECT) UTF-8 UNDELETED"));
      REQUIRE(client.placed.numbers == client.found("SORT (REVERSE SIZE) UTF-8 UNSEEN"));
    }
  }
}

TEST_CASE("RFC 5267 §4.3.1: contexts are as many as kContextsMax, and one more is answered without updates") {
  Line line;
  line.send("a LOGIN fred secret\r\nb SELECT INBOX\r\n");
  line.take();
  for (std::size_t i = 0; i < kContextsMax; ++i) {
    line.send("t" + std::to_string(i) + " SEARCH RETURN (UPDATE COUNT) ALL\r\n");
    CHECK_FALSE(line.take().contains("NOUPDATE"));
  }
  line.send("more SEARCH RETURN (UPDATE COUNT) ALL\r\n");
  CHECK(
      line.take() ==
      "* ESEARCH (TAG \"more\") COUNT 3\r\n* NO [NOUPDATE \"more\"] Too many contexts\r\nmore OK SEARCH completed\r\n");
  // The tag of a refused context is not in use.
  line.send("more SEARCH RETURN (UPDATE COUNT) ALL\r\nc CANCELUPDATE \"t3\"\r\nmore SEARCH RETURN (UPDATE) ALL\r\n");
  CHECK(line.take().ends_with("c OK No further updates\r\n* ESEARCH (TAG \"more\")\r\nmore OK SEARCH completed\r\n"));
}

TEST_CASE("RFC 5267 §4.3: what depends on the time is looked at anew with every change") {
  Line line;
  line.send("l LOGIN fred secret\r\n");
  line.loop.advance(std::chrono::seconds(100));
  line.fred->now = line.loop.clock().wall();
  MemoryStore::deliver(*line.fred, "INBOX", "Subject: now\r\n\r\n");
  line.send("b SELECT INBOX\r\nc UID SEARCH RETURN (UPDATE ALL) YOUNGER 60\r\n");
  CHECK(line.take().ends_with("* ESEARCH (TAG \"c\") UID ALL 4\r\nc OK SEARCH completed\r\n"));
  line.loop.advance(std::chrono::seconds(61));
  line.send("d STORE 1 +FLAGS.SILENT (\\Flagged)\r\n");
  CHECK(line.take() == "* ESEARCH (TAG \"c\") UID REMOVEFROM (0 4)\r\nd OK STORE completed\r\n");
}

TEST_CASE("RFC 5267 §4.3.1: a context that cannot be kept up to date ends by NOUPDATE, the session goes on") {
  Line line;
  line.send("a LOGIN fred secret\r\nb SELECT INBOX\r\n");
  line.take();
  std::string subject = "Subject: " + std::string(900, 'x');
  std::vector<Entry> entries;
  const auto email = line.fred->keep(subject + "\r\n\r\n");
  for (std::uint32_t uid = 1; uid <= 9000; ++uid)
    entries.push_back({.email = email->id, .modseq = 1, .size = 920, .uid = uid});
  line.fred->find("INBOX")->publish(entries, 9001, ++line.fred->modseq, {});
  line.send("n NOOP\r\n");
  line.take();
  line.send("c UID SORT RETURN (UPDATE COUNT) (SUBJECT) UTF-8 ALL\r\n");
  CHECK(line.take().ends_with(
      "* ESEARCH (TAG \"c\") UID COUNT 9000\r\n"
      "* NO [NOUPDATE \"c\"] Too many messages to keep them in order\r\nc OK SORT completed\r\n"));
  // By number or UID nothing but ranges is held.
  line.send("d UID SEARCH RETURN (UPDATE COUNT) ALL\r\n");
  CHECK(line.take() == "* ESEARCH (TAG \"d\") UID COUNT 9000\r\nd OK SEARCH completed\r\n");
}
