// UIDBATCHES on a mailbox of several batches: RFC 10022.
#include <string>
#include <utility>
#include <vector>

#include "protocol/imap/memory_mailbox.h"
#include "protocol/imap/parser.h"
#include "protocol/imap/test_line.h"

using namespace angarium;
using namespace angarium::protocol::imap;
using testing::Line;

namespace {

/// INBOX with so many messages, whose UIDs have gaps.
void fill(Line& line, std::uint32_t messages) {
  std::vector<Entry> entries;
  std::uint32_t uid = 7;
  for (std::uint32_t i = 0; i < messages; ++i) {
    entries.push_back({.email = 1, .modseq = 1, .uid = uid});
    uid += 1 + i % 3;
  }
  line.fred->find("INBOX")->publish(std::move(entries), uid + 10, ++line.fred->modseq, {});
  line.send("a LOGIN fred secret\r\nb SELECT INBOX\r\n");
  line.take();
}

using Ranges = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

Ranges batches(Line& line, const std::string& arguments) {
  line.send("c UIDBATCHES " + arguments + "\r\n");
  const auto told = line.take();
  const std::string head = "* UIDBATCHES (TAG \"c\")";
  REQUIRE(told.starts_with(head));
  CHECK(told.ends_with("\r\nc OK UIDBATCHES completed\r\n"));
  Parser parser(std::string_view(told).substr(head.size()));
  Ranges ranges;
  while (parser.present(' ') || parser.present(',')) {
    const auto high = *parser.nz_number();
    REQUIRE(parser.present(':'));
    ranges.emplace_back(high, *parser.nz_number());
  }
  return ranges;
}

std::size_t count(Line& line, std::pair<std::uint32_t, std::uint32_t> range) {
  const auto view = line.fred->find("INBOX")->view;
  return view->lower_bound(range.first + 1) - view->lower_bound(range.second);
}

}  // namespace

TEST_CASE("RFC 10022 §3.1: batches have the size asked for, from the newest down, and part the mailbox") {
  for (const std::uint32_t messages : {499U, 500U, 501U, 1000U, 1501U, 2000U}) {
    CAPTURE(messages);
    Line line;
    fill(line, messages);
    const auto ranges = batches(line, "500");
    REQUIRE(ranges.size() == (messages + 499) / 500);
    std::size_t seen = 0;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      // Never more than asked for; only the last has the rest.
      CHECK(count(line, ranges[i]) == (i + 1 < ranges.size() ? 500 : messages - 500 * i));
      seen += count(line, ranges[i]);
      if (i > 0) CHECK(ranges[i].first == ranges[i - 1].second - 1);
    }
    CHECK(seen == messages);
    CHECK(ranges.back().second == 1);
  }
}

TEST_CASE("RFC 10022 §3.1.5: a range of batches is those of all that it names, as far as they are there") {
  Line line;
  fill(line, 1750);
  const auto all = batches(line, "500");
  REQUIRE(all.size() == 4);
  CHECK(batches(line, "500 1:4") == all);
  CHECK(batches(line, "500 2:3") == Ranges(all.begin() + 1, all.begin() + 3));
  CHECK(batches(line, "500 4:9") == Ranges(all.begin() + 3, all.end()));
  CHECK(batches(line, "500 5:9").empty());
  CHECK(batches(line, "500 4294967295:4294967295").empty());
}

TEST_CASE("RFC 10022 §3.3, §3.4: batches work with UIDONLY and are not saved") {
  Line line;
  fill(line, 600);
  line.send("d UID SEARCH RETURN (SAVE) UID 7\r\ne ENABLE UIDONLY\r\n");
  line.take();
  CHECK(batches(line, "500").size() == 2);
  line.send("f UID FETCH $ UID\r\n");
  CHECK(line.take() == "* 7 UIDFETCH (UID 7)\r\nf OK FETCH completed\r\n");
}
