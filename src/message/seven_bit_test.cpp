#include "message/seven_bit.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "message/downgrade.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

/// Gives a few octets at a time.
class Pieces final : public MessageReader {
 public:
  Pieces(std::string_view octets, std::size_t most) : whole_(octets), most_(most) {}
  Result<std::string_view> read(std::uint64_t at, std::size_t most) override {
    most_read = std::max(most_read, most);
    return whole_.read(at, std::min(most, most_));
  }
  std::size_t most_read = 0;

 private:
  MessageInString whole_;
  std::size_t most_;
};

struct Made {
  std::string octets;
  std::vector<std::uint32_t> left;
  std::size_t largest = 0;
};

Made make(MessageReader& reader, BareLineEnds bare = BareLineEnds::encode) {
  auto writer = SevenBitWriter::make(reader, bare);
  REQUIRE(writer);
  Made made;
  std::string piece;
  while (*writer->next(piece)) {
    made.largest = std::max(made.largest, piece.size());
    made.octets += piece;
    piece.clear();
  }
  made.left = writer->left();
  return made;
}

Made make(std::string_view message) {
  MessageInString reader(message);
  return make(reader);
}

std::string decoded(std::string_view message, std::size_t part = 0) {
  const Structure s = parse_structure(message);
  return decode_transfer(s.parts.at(part).encoding, s.parts.at(part).body().of(message));
}

}  // namespace

TEST_CASE("every sample comes out the same however it is cut, and again after a rewind") {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(test::tests_path("vectors/mime"))) {
    if (entry.path().extension() != ".eml" && entry.path().extension() != ".msg") continue;
    CAPTURE(entry.path().string());
    const std::string message = test::read_file(entry.path());
    const std::string whole = make(message).octets;
    for (const std::size_t most : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
      if (message.size() > 40'000 && most == 1) continue;
      Pieces reader(message, most);
      CHECK(make(reader).octets == whole);
    }
    MessageInString reader(message);
    auto writer = SevenBitWriter::make(reader);
    std::string octets;
    (void)*writer->next(octets);
    octets.clear();
    writer->rewind();
    while (*writer->next(octets)) {
    }
    CHECK(octets == whole);
  }
}

TEST_CASE("memory does not grow with the octets") {
  std::string message = "MIME-Version: 1.0\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n";
  message.append(5'000'000, '\xE9');
  Pieces reader(message, 1 << 20);
  const Made made = make(reader);
  CHECK(reader.most_read <= SevenBitWriter::kPiece);
  CHECK(made.largest <= 2 * SevenBitWriter::kPiece);
  CHECK(decoded(made.octets) == std::string(5'000'000, '\xE9'));
}

TEST_CASE("RFC 5321 2.3.8: a CR or LF that stands alone is encoded where that is asked for") {
  const std::string message = "Content-Type: application/x\r\n\r\na\nb\rc\r\n";
  CHECK(decoded(make(message).octets) == "a\nb\rc\r\n");
  CHECK(make(message).octets.find("base64") != std::string::npos);
  MessageInString reader(message);
  CHECK(make(reader, BareLineEnds::pass).octets == message);
  CHECK(make("Subject: x\r\n\r\na\nb\r\n").octets ==
        "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\na=0Ab\r\n");
}

TEST_CASE("parts that are empty, with headers or without, keep their places") {
  const std::string message =
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
      "--b\r\n--b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n--b\r\n\r\ncaf\xE9 au lait\r\n--b--\r\n";
  const std::string made = make(message).octets;
  CHECK(seven_bit_clean(made));
  const Structure s = parse_structure(made);
  REQUIRE(s.parts.size() == 5);
  CHECK(decoded(made, 4) == "caf\xE9 au lait");
}

TEST_CASE("RFC 2045 6.4: a multipart and a message have no coding but the identities") {
  const std::string message =
      "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--b\r\nContent-Type: "
      "message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: in\r\n\r\ncaf\xE9 noir\r\n--b--\r\n";
  const std::string made = make(message).octets;
  const Structure s = parse_structure(made);
  REQUIRE(s.parts.size() == 3);
  CHECK(s.parts[0].encoding == Encoding::seven_bit);
  CHECK(s.parts[1].encoding == Encoding::seven_bit);
  CHECK(s.parts[2].encoding == Encoding::quoted_printable);
}

TEST_CASE(
    "RFC 2045 6.4: octets in a coding that is not known stay as they are, and keep the message from a 7-bit hop") {
  const std::string header =
      "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: x-secret\r\n\r\n";
  const Made made = make(header + "gr\xFC\xDF\r\n");
  CHECK(made.octets == header + "gr\xFC\xDF\r\n");
  CHECK(made.left == std::vector<std::uint32_t>{0});
  const Made clean = make(header + "some words\r\n");
  CHECK(clean.octets == header + "some words\r\n");
  CHECK(clean.left.empty());
  // The other parts are converted as ever.
  const Made parts = make(
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: "
      "yenc\r\n\r\n\xFF\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xC3\xBC\r\n--b--\r\n");
  CHECK(parts.left == std::vector<std::uint32_t>{1});
  CHECK(parts.octets.find("yenc\r\n\r\n\xFF\r\n") != std::string::npos);
  CHECK(decoded(parts.octets, 2) == "\xC3\xBC");
}

TEST_CASE("the header of a part at the limit is rewritten, one octet more leaves the part as it is") {
  const std::string begin = "Content-Type: text/plain\r\nX: ";
  const std::string end = "\r\n\r\n";
  const std::size_t most = SevenBitWriter::kHeaderMax - begin.size() - end.size();
  for (const std::size_t extra : {std::size_t{0}, std::size_t{1}}) {
    const std::string message = begin + std::string(most + extra, 'x') + end + "caf\xE9\r\n";
    const Made made = make(message);
    CHECK(made.left.size() == extra);
    CHECK((made.octets == message) == (extra == 1));
  }
}

TEST_CASE("what was not divided is not encoded as if it were one part") {
  std::string deep;
  for (std::size_t i = 0; i <= kDepthMax; ++i) deep += "Content-Type: message/rfc822\r\n\r\n";
  CHECK(make(deep + "Subject: x\r\n\r\ncaf\xE9\r\n").left.size() == 1);
  std::string many = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (std::size_t i = 0; i <= kPartsMax; ++i) many += "--b\r\n\r\n\r\n";
  CHECK(make(many + "--b\r\n\r\ncaf\xE9\r\n--b--\r\n").left.size() == 1);
}

TEST_CASE("a reader that fails is the writer's error") {
  struct Failing final : MessageReader {
    Result<std::string_view> read(std::uint64_t at, std::size_t most) override {
      if (reads++ == fail_at) return fail(kBroken, "no");
      return whole.read(at, most);
    }
    MessageInString whole{"Content-Type: text/plain\r\n\r\ncaf\xE9\r\n"};
    std::size_t reads = 0;
    std::size_t fail_at = 0;
  };
  for (std::size_t at = 0; at < 100; ++at) {
    Failing reader;
    reader.fail_at = at;
    auto writer = SevenBitWriter::make(reader);
    std::string out;
    Result<bool> more = true;
    if (!writer) more = std::unexpected(writer.error());
    while (more && *more) more = writer->next(out);
    if (more) {
      CHECK(at > 5);
      return;
    }
  }
  FAIL("it never ended");
}
