#include "message/search_text.h"

#include <vector>

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

TEST_CASE("HTML is looked at as its text, and attachments not at all") {
  for (const std::string_view value : {"<p", "class", "&amp;", "octets"}) {
    CAPTURE(value);
    CHECK(!found(kEveryPlace, value));
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

TEST_CASE("a text that is ended at a limit is told apart from one that just fits") {
  struct Seen final : TextVisitor {
    bool field(TextPlace, const Field&) override { return false; }
    bool text(TextPlace, const std::string& utf8, Extent extent) override {
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
