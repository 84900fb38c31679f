#include "message/search_text.h"

#include <vector>

#include "base/text.h"
#include "support/test.h"

using namespace angarium::message;

namespace {

constexpr std::string_view kMessage =
    "From: Anna <anna@example.org>\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nX-Mailer: Pigeon\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n<p class=\"tag\">caf\xE9 &amp; <b>cr</b>oissant</p>\r\n"
    "--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''M%C3%A4rz.pdf\r\n\r\n"
    "octets\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nenclosed\r\n--b--\r\n";

bool found(TextPlaces places, std::string_view value, std::string_view name = {}) {
  const Structure structure = parse_structure(kMessage);
  return TextSearch(places, value, name).found_in(kMessage, &structure);
}

}  // namespace

TEST_CASE(
    "RFC 9051 6.4.4: BODY finds text and enclosed headers, TEXT header fields with their names and MIME fields, too") {
  constexpr TextPlaces kBody = place_bit(TextPlace::body);
  for (const std::string_view value : {"CAFÉ & croissant", "subject: inner", "enclosed"}) {
    CAPTURE(value);
    CHECK(found(kBody, value));
    CHECK(found(kEveryPlace, value));
  }
  for (const std::string_view value :
       {"subject: grüße", "x-mailer: pigeon", "application/pdf", "märz.pdf", "content-disposition"}) {
    CAPTURE(value);
    CHECK(!found(kBody, value));
    CHECK(found(kEveryPlace, value));
  }
}

TEST_CASE("a text is found in ASCII as it stands just as in its folded copy") {
  const std::string letter =
      "Subject: Pigeons\r\n\r\nThe quick brown fox jumps over the lazy dog, and on it went for as long as it "
      "could.\r\n";
  const std::string accented = letter + "caf\xC3\xA9\r\n";
  // As short as is looked for directly, and longer.
  for (const std::size_t size : {1, 5, 63, 64, 65, 70}) {
    for (std::size_t at = 20; at + size < letter.size(); at += 7) {
      const std::string wanted = letter.substr(at, size);
      for (const auto& text : {letter, accented}) {
        const Structure structure = parse_structure(text);
        for (const Collation collation : {Collation::unicode_casemap, Collation::ascii_casemap})
          CHECK(TextSearch(kEveryPlace, angarium::to_lower(wanted), {}, collation).found_in(text, &structure));
        CHECK(TextSearch(kEveryPlace, wanted, {}, Collation::octet).found_in(text, &structure));
        CHECK(!TextSearch(kEveryPlace, angarium::to_upper(wanted) + "Q", {}, Collation::octet)
                   .found_in(text, &structure));
        CHECK(!TextSearch(kEveryPlace, wanted + "\xC3\xA9").found_in(text, &structure));
      }
    }
  }
  const Structure structure = parse_structure(letter);
  CHECK(!TextSearch(kEveryPlace, "THE QUICK", {}, Collation::octet).found_in(letter, &structure));
  CHECK(!TextSearch(kEveryPlace, "").found_in("", nullptr));
  // RFC 5051: KELVIN SIGN is K, and the ligature stays small letters, which no folded ASCII has.
  CHECK(TextSearch(kEveryPlace, "quic\xE2\x84\xAA").found_in(letter, &structure));
  CHECK(!TextSearch(kEveryPlace, "\xC7\x86").found_in("Subject: dz\r\n", nullptr));
}

TEST_CASE("HTML is looked at as its text, and attachments not at all") {
  for (const std::string_view value : {"<p", "class", "&amp;", "octets"}) {
    CAPTURE(value);
    CHECK(!found(kEveryPlace, value));
  }
}

TEST_CASE("reports about mail are looked into, as texts are") {
  const std::string report =
      "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nSorry\r\n--b\r\n"
      "Content-Type: message/delivery-status\r\nContent-Transfer-Encoding: base64\r\n\r\n"
      "RmluYWwtUmVjaXBpZW50OiByZmM4MjI7IGtpbG9AZXhhbXBsZS5jb20NCg==\r\n--b--\r\n";
  const Structure structure = parse_structure(report);
  CHECK(TextSearch(place_bit(TextPlace::body), "kilo@example.com").found_in(report, &structure));
  CHECK(!TextSearch(place_bit(TextPlace::body), "RmluYWwt").found_in(report, &structure));
  CHECK(texts_end(report, structure) >= report.find("\r\n--b--"));
  // A message that is encoded is no text: what is attached to it would be found in base64.
  std::string encoded = report;
  encoded.replace(encoded.find("message/delivery-status"), std::string_view("message/delivery-status").size(),
                  "message/rfc822");
  const Structure other = parse_structure(encoded);
  CHECK(!TextSearch(place_bit(TextPlace::body), "kilo@example.com").found_in(encoded, &other));
}

TEST_CASE("RFC 5322 section 2.2.3: a phrase is found across a fold, be it before a blank or a tab") {
  const std::string_view header = "Subject: one\r\n two\r\n\tthree four\tfive\r\n\r\n";
  for (const TextPlaces places : {kEveryPlace, place_bit(TextPlace::subject)}) {
    CHECK(TextSearch(places, "one two three four").found_in(header, nullptr));
    // A tab within a line is what it is.
    CHECK(TextSearch(places, "four\tfive").found_in(header, nullptr));
    CHECK(!TextSearch(places, "four five").found_in(header, nullptr));
  }
}

TEST_CASE("a key of one field looks at values alone, whatever the case of its name") {
  CHECK(found(place_bit(TextPlace::from), "anna@"));
  CHECK(!found(place_bit(TextPlace::from), "from"));
  CHECK(!found(place_bit(TextPlace::to), "anna"));
  CHECK(found(place_bit(place_of_field("x-mailer")), "pig", "x-MAILER"));
  CHECK(!found(place_bit(place_of_field("x-other")), "pig", "x-other"));
  // An empty text is found in any field of that name.
  CHECK(found(place_bit(TextPlace::header), "", "X-Mailer"));
  CHECK(!found(place_bit(TextPlace::header), "", "X-Other"));
}

TEST_CASE("without a structure the header alone is looked at") {
  CHECK(TextSearch(kEveryPlace, "pigeon").found_in(kMessage, nullptr));
  CHECK(!TextSearch(kEveryPlace, "enclosed").found_in(kMessage, nullptr));
}

TEST_CASE("what texts need of the octets is told by any beginning of them, and is enough to find all") {
  const std::string attached =
      "Subject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n"
      "--b\r\n\r\ntext\r\n--b\r\nContent-Type: application/pdf; name=x.pdf\r\n\r\n" +
      std::string(500, 'p') + "\r\n";
  const auto needed = [](const std::string& message) {
    const Structure structure = parse_structure(message);
    const std::uint64_t end = texts_end(message, structure);
    for (std::size_t first = 0; first < message.size(); ++first) {
      // As who reads on until it is enough.
      std::uint64_t known = first;
      for (std::uint64_t wanted = 0;
           (wanted = texts_end(std::string_view(message).substr(0, known), structure)) > known;)
        known = wanted;
      if (known != std::max<std::uint64_t>(first, end)) FAIL(first);
    }
    return end;
  };
  const std::string tail = attached + "--b--\r\nepilogue\r\n";
  CHECK(needed(tail) == tail.find("ppp"));
  const std::string image = attached + "--b\r\nContent-Type: image/png; name=last.png\r\n\r\nPNG\r\n--b--\r\n";
  CHECK(needed(image) == image.find("PNG"));
  const std::string more = attached + "--b\r\nContent-Type: text/html\r\n\r\n<p>footer</p>\r\n--b--\r\n";
  CHECK(needed(more) == more.find("\r\n--b--"));
  CHECK(needed(std::string(kMessage)) == kMessage.find("\r\n--b--"));
  for (const std::string& message : {tail, image, more}) {
    const Structure structure = parse_structure(message);
    const std::string beginning = message.substr(0, texts_end(message, structure));
    for (const std::string_view value : {"text", "x.pdf", "last.png", "footer", "preamble", "PNG\r\n", "ppp"})
      CHECK(TextSearch(kEveryPlace, value).found_in(beginning, &structure) ==
            TextSearch(kEveryPlace, value).found_in(message, &structure));
  }
}

TEST_CASE("a text that is ended at a limit is told apart from one that just fits") {
  struct Seen final : TextVisitor {
    bool field(TextPlace, const Field&) override { return false; }
    bool text(TextPlace, std::string_view utf8, Extent extent) override {
      texts.emplace_back(utf8.size(), extent);
      return false;
    }
    std::vector<std::pair<std::size_t, Extent>> texts;
  };
  const auto visit = [](std::size_t size, bool html, std::size_t max) {
    const std::string message = "Content-Type: text/" + std::string(html ? "html" : "plain") + "\r\n\r\n" +
                                (html ? "<!--" : "") + std::string(size - (html ? 7 : 0), 'x') + (html ? "-->" : "");
    const Structure structure = parse_structure(message);
    Seen seen;
    CHECK(!visit_texts(message, &structure, kEveryPlace, seen, max));
    REQUIRE(seen.texts.size() == 1);
    return seen.texts[0].second;
  };
  CHECK(visit(100, false, 200) == TextVisitor::Extent::whole);
  CHECK(visit(300, false, 200) == TextVisitor::Extent::partial);
  CHECK(visit(100, true, 200) == TextVisitor::Extent::whole);
  // Though little is left of it.
  CHECK(visit(300, true, 200) == TextVisitor::Extent::partial);
}
