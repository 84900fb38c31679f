#include "message/binary_parts.h"

#include <fmt/format.h>

#include "message/content.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

constexpr std::string_view kBinary = "Content-Transfer-Encoding: binary\r\n";
constexpr std::string_view kBase64 = "Content-Transfer-Encoding: base64\r\n";
constexpr std::string_view kEightBit = "Content-Transfer-Encoding: 8bit\r\n";

Result<std::string> rewritten(std::string_view message, std::size_t step = std::string_view::npos) {
  BinaryPartsWriter writer;
  std::string out;
  for (std::size_t at = 0; at < message.size(); at += std::min(step, message.size()))
    TRY(writer.feed(message.substr(at, step), out));
  TRY(writer.finish(out));
  return out;
}

/// Rewritten whole, octet by octet and cut once at every place: all must be the same.
std::string rewritten_in_all_cuts(std::string_view message) {
  const std::string whole = rewritten(message).value();
  CHECK(rewritten(message, 1).value() == whole);
  for (std::size_t cut = 0; cut <= message.size(); ++cut) {
    BinaryPartsWriter writer;
    std::string out;
    REQUIRE(writer.feed(message.substr(0, cut), out));
    REQUIRE(writer.feed(message.substr(cut), out));
    REQUIRE(writer.finish(out));
    REQUIRE(out == whole);
  }
  return whole;
}

/// All octets, and what looks like line ends, empty lines and boundaries.
std::string every_octet() {
  std::string octets;
  for (int c = 0; c < 256; ++c) octets += static_cast<char>(c);
  return octets + "\r\r\n\n\n\r\n\r\n--\r\n--o\n-\r--outer\r\n--\r\n" + std::string(1200, '\0') + "\r";
}

std::string base64(std::string_view octets) {
  Base64Encoder encoder;
  std::string out;
  encoder.feed(octets, out);
  encoder.finish(out);
  return out;
}

std::string part_octets(std::string_view message, std::size_t index) {
  return decoded_content(parse_structure(message).parts.at(index), message);
}

std::string mixed(std::string_view fields, std::string_view rest) {
  return fmt::format("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=outer\r\n{}\r\n{}", fields, rest);
}

}  // namespace

TEST_CASE("RFC 3030 §3: a part in binary coding becomes base64, whose decoding gives the octets that came") {
  const std::string octets = every_octet();
  const std::string message = mixed(
      kBinary, fmt::format("preamble \r\n--outer\r\n\r\ntext\r\n--outer\r\nContent-Type: application/x\r\n{}X-After: "
                           "yes\r\n\r\n{}\r\n--outer--\r\nepilogue",
                           kBinary, octets));
  const std::string out = rewritten_in_all_cuts(message);
  CHECK(out == mixed(kEightBit, fmt::format("preamble \r\n--outer\r\n\r\ntext\r\n--outer\r\nContent-Type: "
                                            "application/x\r\n{}X-After: yes\r\n\r\n{}--outer--\r\nepilogue",
                                            kBase64, base64(octets))));
  CHECK(part_octets(out, 2) == octets);
}

TEST_CASE("A message that is one binary part keeps its last line end within the coding") {
  for (const std::string& octets : {std::string("a\nb"), std::string("a\r\n"), std::string("a\n\r"), every_octet()}) {
    const std::string head = "Subject: x\r\nContent-Type: application/octet-stream\r\n";
    const std::string out = rewritten_in_all_cuts(head + std::string(kBinary) + "\r\n" + octets);
    CHECK(out == head + std::string(kBase64) + "\r\n" + base64(octets));
    CHECK(part_octets(out, 0) == octets);
  }
}

TEST_CASE("Binary octets of every length up to three coded lines come back, also where a coded line is just full") {
  for (std::size_t size = 0; size <= 172; ++size) {
    const std::string octets = every_octet().substr(0, size);
    const std::string message =
        mixed("", fmt::format("--outer\r\n{0}\r\n{1}\r\n--outer\r\n{0}\r\n{1}\n--outer--\r\n", kBinary, octets));
    const std::string out = rewritten(message).value();
    CHECK(part_octets(out, 1) == octets);
    // A CR before a delimiter's bare LF is its line end's.
    if (!octets.ends_with('\r')) CHECK(part_octets(out, 2) == octets);
  }
}

TEST_CASE("RFC 2045 §6.4: multiparts and enclosed messages are not encoded but called 8bit; their parts are") {
  const std::string octets("\0\n\r", 3);
  const std::string inner = fmt::format(
      "Subject: in\r\nContent-Type: multipart/mixed; boundary=\"in ner\"\r\n{}\r\n"
      "--in ner\r\n{}\r\n{}\r\n--in ner--\r\n",
      kBinary, kBinary, octets);
  const std::string message =
      mixed("", fmt::format("--outer\r\nContent-Type: message/rfc822\r\n{}\r\n{}\r\n--outer--\r\n", kBinary, inner));
  const std::string out = rewritten_in_all_cuts(message);
  CHECK(out == mixed("", fmt::format("--outer\r\nContent-Type: message/rfc822\r\n{0}\r\nSubject: in\r\nContent-Type: "
                                     "multipart/mixed; boundary=\"in ner\"\r\n{0}\r\n--in ner\r\n{1}\r\n{2}--in "
                                     "ner--\r\n\r\n--outer--\r\n",
                                     kEightBit, kBase64, base64(octets))));
}

TEST_CASE("What is not called binary stays octet for octet, whatever it holds") {
  for (const std::string& message :
       {""s, "\r\n"s, "no header\n\0 text\r"s + every_octet(), "Subject: x\r\n\r\n" + every_octet(),
        "Content-Transfer-Encoding: 8bit\r\n" + std::string(kBinary) + "\r\n" + every_octet(),
        "Content-Transfer-Encoding: base64\n\nAAAA\n"s,
        mixed(kEightBit, "--outer\r\nContent-Transfer-Encoding: x-binary\r\n\r\n" + every_octet() + "\r\n--outer--")})
    CHECK(rewritten_in_all_cuts(message) == message);
}

TEST_CASE("The coding's field is changed however it is written, and nothing else of the header") {
  const auto out = [](std::string_view header) { return rewritten_in_all_cuts(std::string(header) + "\r\nA"); };
  CHECK(out("content-transfer-encoding:BINARY\r\n") == "content-transfer-encoding: base64\r\n\r\nQQ==\r\n");
  CHECK(out("Content-Transfer-Encoding :\r\n (why)\r\n binary ; x\nX: binary\r\n") ==
        "Content-Transfer-Encoding : base64\nX: binary\r\n\r\nQQ==\r\n");
  // The first of two counts.
  CHECK(out(std::string(kBinary) + "Content-Transfer-Encoding: 8bit\r\n") ==
        std::string(kBase64) + "Content-Transfer-Encoding: 8bit\r\n\r\nQQ==\r\n");
}

TEST_CASE("A part that ends within its header, or without octets, is only called otherwise") {
  CHECK(rewritten_in_all_cuts(kBinary) == kBase64);
  CHECK(rewritten_in_all_cuts("Content-Transfer-Encoding: binary") == "Content-Transfer-Encoding: base64");
  for (std::string_view end : {"--outer--", "\r\n--outer--", "\r\n\r\n--outer--", "\n--outer--\n"}) {
    const std::string message = mixed("", fmt::format("--outer\r\n{}{}", kBinary, end));
    CHECK(rewritten_in_all_cuts(message) == mixed("", fmt::format("--outer\r\n{}{}", kBase64, end)));
  }
}

TEST_CASE("The delimiter of an outer multipart ends a binary part of an inner one") {
  const std::string message =
      mixed("", fmt::format("--outer\r\nContent-Type: multipart/mixed; boundary=outer-2\r\n\r\n--outer-2\r\n{}\r\nA\r\n"
                            "--outer\r\n\r\nB\0C\r\n--outer--\r\n"sv,
                            kBinary));
  const std::string out = rewritten_in_all_cuts(message);
  CHECK(part_octets(out, 2) == "A");
  CHECK(part_octets(out, 3) == "B\0C"s);
}

TEST_CASE("A line of binary octets that begins as a delimiter does is held no longer than it may be one") {
  BinaryPartsWriter writer;
  std::string out;
  REQUIRE(writer.feed(mixed("", fmt::format("--outer\r\n{}\r\n", kBinary)), out));
  const std::size_t before = out.size();
  REQUIRE(writer.feed("--oute", out));
  CHECK(out.size() == before);
  const std::string run(1 << 20, 'r' + 1);
  REQUIRE(writer.feed(run, out));
  CHECK(out.size() > before + run.size());
}

TEST_CASE("A part's header may have kPartHeaderMax octets and no more") {
  const auto message = [](std::size_t header) {
    std::string text = "Subject: ";
    while (text.size() + kBinary.size() + 4 < header)
      text += std::string(std::min<std::size_t>(header - text.size() - kBinary.size() - 4, 998), 'x');
    return text + "\r\n" + std::string(kBinary) + "\r\n" + std::string(1, '\0');
  };
  const auto good = rewritten(message(kPartHeaderMax));
  REQUIRE(good);
  CHECK(good->ends_with("\r\n\r\nAA==\r\n"));
  for (const std::size_t step : {std::size_t{1000}, std::string::npos}) {
    const auto bad = rewritten(message(kPartHeaderMax + 1), step);
    REQUIRE(!bad);
    CHECK(bad.error().is(kNotRewritable));
  }
}

TEST_CASE("A message of fewer than kPartsMax parts is rewritten, one of more refused") {
  const auto message = [](std::size_t parts) {
    std::string rest;
    for (std::size_t i = 1; i < parts; ++i) rest += "--outer\r\n" + std::string(kBinary) + "\r\n\n\r\n";
    return mixed("", rest + "--outer--\r\n");
  };
  CHECK(rewritten(message(kPartsMax - 1)));
  const auto bad = rewritten(message(kPartsMax));
  REQUIRE(!bad);
  CHECK(bad.error().is(kNotRewritable));
}
