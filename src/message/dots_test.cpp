#include "message/dots.h"

#include <string>
#include <vector>

#include "base/random.h"
#include "base/text.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

struct Read {
  std::string message;
  std::string rest;
  bool ended = false;
  LineScanner seen;
};

void take_all(DotReader& reader, std::string_view octets, Read& read) {
  while (!octets.empty() && !reader.ended()) read.message += reader.take(octets);
  read.rest += octets;
}

Read read_dots(std::string_view data, std::size_t cut = 0) {
  Read read;
  DotReader reader;
  take_all(reader, data.substr(0, cut), read);
  take_all(reader, data.substr(cut), read);
  read.ended = reader.ended();
  read.seen = reader.seen();
  return read;
}

std::string write_dots(std::string_view message, std::size_t cut = 0) {
  std::string result;
  DotWriter writer;
  for (std::string_view part : {message.substr(0, cut), message.substr(cut)})
    while (!part.empty()) result += writer.take(part);
  return result += writer.finish();
}

std::string normalize(std::string_view text, std::size_t cut = 0) {
  std::string result;
  LineEndNormalizer normalizer;
  for (std::string_view part : {text.substr(0, cut), text.substr(cut)})
    while (!part.empty()) result += normalizer.take(part);
  return result += normalizer.finish();
}

/// The plain meaning of the scanner, octet by octet.
struct Plain {
  std::uint64_t bare_cr = 0, bare_lf = 0, lines = 0, nul = 0, high = 0, longest = 0;
  explicit Plain(std::string_view text) {
    std::size_t start = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool before_lf = i + 1 < text.size() && text[i + 1] == '\n';
      const bool after_cr = i > 0 && text[i - 1] == '\r';
      if (text[i] == '\r' && !before_lf) ++bare_cr;
      if (text[i] == '\0') ++nul;
      if (static_cast<unsigned char>(text[i]) > 127) ++high;
      if (text[i] != '\n') continue;
      ++lines;
      if (!after_cr) ++bare_lf;
      longest = std::max<std::uint64_t>(longest, i - start - (after_cr ? 1 : 0));
      start = i + 1;
    }
    longest = std::max<std::uint64_t>(longest, text.size() - start - (text.ends_with('\r') ? 1 : 0));
  }
  bool same(const LineScanner& s) const {
    return bare_cr == s.bare_cr() && bare_lf == s.bare_lf() && lines == s.lines() && nul == s.nul() &&
           high == s.eight_bit() && longest == s.longest_line();
  }
};

std::string random_text(SeededRandom& random, std::size_t size) {
  static constexpr std::string_view kPieces[] = {
      "\r\n",
      "\r",
      "\n",
      ".",
      "..",
      "\r\n.",
      "\r\n.\r\n",
      "\r\n..\r\n",
      "a",
      "\xC3\xA9",
      "line of text that is a little longer than sixty-four octets, to cross blocks"};
  std::string text;
  while (text.size() < size) {
    const auto which = random.below(std::size(kPieces) + 1);
    if (which == std::size(kPieces))
      text += '\0';
    else
      text += kPieces[which];
  }
  return text;
}

}  // namespace

TEST_CASE("RFC 5321 §4.1.1.4: the data end with CR LF . CR LF, the first CR LF belongs to the message") {
  const Read read = read_dots("a\r\nb\r\n.\r\nQUIT\r\n");
  CHECK(read.ended);
  CHECK(read.message == "a\r\nb\r\n");
  CHECK(read.rest == "QUIT\r\n");
}

TEST_CASE("an empty message is a single dot on the first line") {
  const Read read = read_dots(".\r\nX");
  CHECK(read.ended);
  CHECK(read.message.empty());
  CHECK(read.rest == "X");
}

TEST_CASE("RFC 5321 §4.5.2: a first dot goes when other octets follow on the line") {
  CHECK(read_dots("..\r\n.\r\n").message == ".\r\n");
  CHECK(read_dots(".a\r\n.\r\n").message == "a\r\n");
  CHECK(read_dots("...\r\n..a.\r\n.\r\n").message == "..\r\n.a.\r\n");
}

TEST_CASE("nothing but CR LF . CR LF ends the data: no smuggling by bare CR or LF") {
  for (std::string_view trick :
       {"a\n.\n"sv, "a\n.\r\n"sv, "a\r\n.\n"sv, "a\r.\r"sv, "a\r\n.\r"sv, "a\r.\r\n"sv, "a\r\n.\r\r\n"sv,
        "a\r\n..\r\n"sv, "a\r\n.\0\r\n"sv, "a\n\r.\r\n"sv, "a\r\n. \r\n"sv, "a\r\r\n.\r\r\n"sv}) {
    const Read read = read_dots(trick);
    CHECK_FALSE(read.ended);
    const Read after = read_dots(std::string(trick) + "MAIL FROM:<x@y>\r\n.\r\n");
    CHECK(after.ended);
    CHECK(after.message.find("MAIL FROM") != std::string::npos);
  }
  CHECK(read_dots("a\r\n.\r\r\n.\r\n").message == "a\r\n\r\r\n");
}

TEST_CASE("a dot after a bare LF or bare CR is text and stays") {
  CHECK(read_dots("a\n..\r\n.\r\n").message == "a\n..\r\n");
  CHECK(read_dots("a\r..\r\n.\r\n").message == "a\r..\r\n");
  CHECK(write_dots("a\n.b\r\n") == "a\n.b\r\n.\r\n");
}

TEST_CASE("after a stuffed dot the next dot is text") {
  CHECK(read_dots("a\r\n..\r\n..\r\n.\r\n").message == "a\r\n.\r\n.\r\n");
  CHECK(read_dots("....\r\n.\r\n").message == "...\r\n");
}

TEST_CASE("the writer doubles dots at line starts and ends every message with a line end") {
  CHECK(write_dots("") == ".\r\n");
  CHECK(write_dots(".") == "..\r\n.\r\n");
  CHECK(write_dots(".\r\n..\r\na.b\r\n") == "..\r\n...\r\na.b\r\n.\r\n");
  CHECK(write_dots("no end") == "no end\r\n.\r\n");
  CHECK(write_dots("bare\n") == "bare\n\r\n.\r\n");
}

TEST_CASE("the writer hands on large views of the message") {
  std::string message;
  for (int i = 0; i < 1000; ++i) message += "a line of a plain message. It has dots. But none first\r\n";
  std::string_view rest = message;
  DotWriter writer;
  CHECK(writer.take(rest).data() == message.data());
  CHECK(rest.empty());
  std::string_view data = message;
  DotReader reader;
  CHECK(reader.take(data).size() == message.size());
}

TEST_CASE("what is written is read back, whatever the octets and the cuts") {
  SeededRandom random(42);
  for (int round = 0; round < 300; ++round) {
    const std::string message = random_text(random, random.below(200)) + "\r\n";
    const std::string data = write_dots(message);
    for (std::size_t cut = 0; cut <= message.size(); ++cut) CHECK(write_dots(message, cut) == data);
    for (std::size_t cut = 0; cut <= data.size(); ++cut) {
      const Read read = read_dots(data + "REST", cut);
      CHECK(read.ended);
      CHECK(read.message == message);
      CHECK(read.rest == "REST");
      CHECK(Plain(message).same(read.seen));
    }
  }
}

TEST_CASE("data fed octet by octet give the same message") {
  SeededRandom random(7);
  for (int round = 0; round < 300; ++round) {
    const std::string data = random_text(random, 300);
    const Read whole = read_dots(data);
    Read read;
    DotReader reader;
    for (char c : data) take_all(reader, {&c, 1}, read);
    CHECK(read.message == whole.message);
    CHECK(read.rest == whole.rest);
    CHECK(reader.ended() == whole.ended);
    CHECK(Plain(read.message).same(reader.seen()));
  }
}

TEST_CASE("the scanner reports bare CR, bare LF, NUL, 8-bit octets, lines and the longest line") {
  LineScanner lines;
  CHECK(lines.at_line_start());
  lines.feed("ab\r\n\rc\n\xFF\0\r\n"sv);
  CHECK(lines.octets() == 11);
  CHECK(lines.lines() == 3);
  CHECK(lines.bare_cr() == 1);
  CHECK(lines.bare_lf() == 1);
  CHECK(lines.nul() == 1);
  CHECK(lines.eight_bit() == 1);
  CHECK(lines.longest_line() == 2);
  CHECK(lines.at_line_start());
  CHECK_FALSE(lines.clean_line_ends());
  lines.feed("unfinished\r");
  CHECK(lines.longest_line() == 10);
  CHECK(lines.bare_cr() == 2);
  lines.feed("\n");
  CHECK(lines.bare_cr() == 1);
}

TEST_CASE("the longest line is right at each length around the block size") {
  for (std::size_t length = 0; length < 400; ++length) {
    LineScanner lines;
    const std::string text = "x\r\n" + std::string(length, 'y') + "\r\nzz\r\n";
    lines.feed(text);
    CHECK(lines.longest_line() == std::max<std::size_t>(length, 2));
  }
}

TEST_CASE("the scanner agrees with its plain meaning at every cut") {
  SeededRandom random(3);
  for (int round = 0; round < 200; ++round) {
    const std::string text = random_text(random, random.below(300));
    const Plain plain(text);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      LineScanner lines;
      lines.feed(std::string_view(text).substr(0, cut));
      lines.feed(std::string_view(text).substr(cut));
      CHECK(plain.same(lines));
    }
  }
}

TEST_CASE("line ends are made CR LF, at every cut") {
  CHECK(normalize("a\nb\rc\r\nd") == "a\r\nb\r\nc\r\nd");
  CHECK(normalize("\r\r\n\n") == "\r\n\r\n\r\n");
  CHECK(normalize("a\r") == "a\r\n");
  CHECK(normalize("") == "");
  SeededRandom random(5);
  for (int round = 0; round < 200; ++round) {
    const std::string text = random_text(random, random.below(200));
    const std::string whole = normalize(text);
    LineScanner lines;
    lines.feed(whole);
    CHECK(lines.clean_line_ends());
    CHECK(normalize(whole) == whole);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) CHECK(normalize(text, cut) == whole);
  }
}
