#include "mailbox/presentation.h"

#include "base/random.h"
#include "base/text.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;

namespace {
struct Shown {
  std::string octets;
  Presentation presentation;
};
Shown show(std::initializer_list<std::string_view> chunks) {
  Presenter presenter;
  std::string scratch;
  Shown result;
  for (const std::string_view chunk : chunks) result.octets += presenter.feed(chunk, scratch);
  result.octets += presenter.finish(scratch);
  result.presentation = presenter.presentation();
  return result;
}
}  // namespace

TEST_CASE("NUL is shown as 0x80, bare LF as CRLF, bare CR as a blank, and nothing else changes") {
  struct Sample {
    std::string_view stored;
    std::string_view shown;
  };
  for (const auto& [stored, shown] :
       {Sample{"", ""}, Sample{"a\r\nb\r\n", "a\r\nb\r\n"}, Sample{"a\nb", "a\r\nb"}, Sample{"a\rb", "a b"},
        Sample{"a\r\r\nb", "a \r\nb"}, Sample{"\r", " "}, Sample{"\n\r", "\r\n "},
        Sample{"a\0b"sv,
               "a\x80"
               "b"},
        Sample{"\xFF\x80\r\n", "\xFF\x80\r\n"}, Sample{"\r\r\r\n\n\0\r"sv, "  \r\n\r\n\x80 "}}) {
    const Shown whole = show({stored});
    CHECK(whole.octets == shown);
    CHECK(whole.presentation.size() == shown.size());
    CHECK(whole.presentation.stored_size() == stored.size());
    CHECK(whole.presentation.identity() == (stored == shown));
    for (std::size_t cut = 0; cut <= stored.size(); ++cut) {
      const Shown halves = show({stored.substr(0, cut), stored.substr(cut)});
      CHECK(halves.octets == shown);
      CHECK(halves.presentation.identity() == (stored == shown));
      CHECK(halves.presentation.size() == shown.size());
    }
  }
}

TEST_CASE("showing again from any mark gives the same octets") {
  SeededRandom random(9);
  std::string stored;
  while (stored.size() < 400'000) {
    stored += std::string(random.below(300), 'x');
    stored += std::array{"\r\n"sv, "\n"sv, "\r"sv, "\0"sv, "\r\r\n"sv}[random.below(5)];
  }
  Presenter presenter;
  std::string scratch;
  std::string shown;
  for (std::size_t at = 0; at < stored.size();) {
    const std::size_t size = 1 + random.below(20'000);
    shown += presenter.feed(std::string_view(stored).substr(at, size), scratch);
    at += size;
  }
  shown += presenter.finish(scratch);
  auto read = Presentation::decode(presenter.presentation().encode());
  REQUIRE(read);
  CHECK(read->size() == shown.size());
  CHECK(read->stored_size() == stored.size());
  std::uint64_t marks = 0;
  std::uint64_t before = 0;
  for (std::uint64_t at = 0; at < shown.size(); at += 9973) {
    const auto mark = read->mark_before(at);
    REQUIRE(mark.shown <= at);
    CHECK(at - mark.shown < 2 * Presentation::kMarkDistance);
    if (mark.shown != before) ++marks;
    before = mark.shown;
    Presenter again;
    std::string rest;
    rest += again.feed(std::string_view(stored).substr(static_cast<std::size_t>(mark.stored)), scratch);
    rest += again.finish(scratch);
    CHECK(rest == shown.substr(static_cast<std::size_t>(mark.shown)));
  }
  CHECK(marks >= 4);
  const std::string encoded = presenter.presentation().encode();
  for (std::size_t cut = 1; cut < encoded.size(); ++cut) {
    auto part = Presentation::decode(encoded.substr(0, cut));
    if (part) CHECK(part->size() == shown.size());
  }
}
