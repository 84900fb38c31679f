#include "message/content.h"

#include "base/text.h"
#include "message/html_text.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

std::string text_of(std::string_view message, std::size_t max = 1 << 20) {
  const Structure s = parse_structure(message);
  return part_text(s, s.root(), message, max);
}
std::string preview_of(std::string_view message) { return preview(parse_structure(message), message); }
std::string plain(std::string_view body) {
  return "Content-Type: text/plain; charset=utf-8\r\n\r\n" + std::string(body);
}

}  // namespace

TEST_CASE("text comes as UTF-8 whatever its charset and coding") {
  CHECK(text_of("Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: "
                "quoted-printable\r\n\r\n=E9=\r\nt=E9") == "été");
  CHECK(text_of("Content-Type: text/plain; charset=\"UTF-8\"\r\nContent-Transfer-Encoding: base64\r\n\r\nw6k=") == "é");
  CHECK(text_of("Content-Type: text/plain; charset=koi8-r\r\n\r\n\xC1") == "а");
  CHECK(text_of("\r\nplain") == "plain");
}

TEST_CASE("text that is its own UTF-8 is the message's octets, any other is a copy") {
  const auto view = [](std::string_view message, std::size_t max = 100) {
    const Structure s = parse_structure(message);
    std::string room = "of before";
    const std::string_view text = part_text(s, s.root(), message, max, room);
    CHECK(text == part_text(s, s.root(), message, max));
    return std::pair(std::string(text),
                     text.data() >= message.data() && text.data() <= message.data() + message.size());
  };
  CHECK(view("Content-Type: text/plain; charset=iso-8859-1\r\n\r\nplain\r\n") ==
        std::pair<std::string, bool>("plain\r\n", true));
  CHECK(view("Subject: x\r\n\r\nplain and longer", 5) == std::pair<std::string, bool>("plain", true));
  CHECK(view("Subject: x\r\n\r\nplain caf\xC3\xA9", 5) == std::pair<std::string, bool>("plain", true));
  CHECK(view("Subject: x\r\n\r\ncaf\xC3\xA9") == std::pair<std::string, bool>("caf\xC3\xA9", false));
  CHECK(view("Content-Type: text/plain; charset=iso-8859-1\r\n\r\ncaf\xE9") ==
        std::pair<std::string, bool>("caf\xC3\xA9", false));
  CHECK(view("Content-Type: text/plain; charset=utf-7\r\n\r\n+AGE-") == std::pair<std::string, bool>("a", false));
  CHECK(view("Content-Transfer-Encoding: quoted-printable\r\n\r\n=61") == std::pair<std::string, bool>("a", false));
}

TEST_CASE("HTML without a charset parameter is read by its meta element") {
  CHECK(text_of("Content-Type: text/html\r\n\r\n<meta charset='windows-1251'>\xE0") ==
        "<meta charset='windows-1251'>а");
}

TEST_CASE("text is cut between characters") {
  CHECK(text_of(plain("aéb"), 2) == "a");
  CHECK(text_of(plain("aéb"), 3) == "aé");
  CHECK(text_of(plain(std::string(50'000, 'x')), 20'000).size() == 20'000);
}

TEST_CASE("a preview is one line of at most kPreviewMax characters") {
  CHECK(preview_of(plain("  Hello,\r\n\r\n\tworld\r\n")) == "Hello, world");
  CHECK(preview_of(plain("")) == "");
  std::string text;
  for (std::size_t i = 0; i < kPreviewMax; ++i) text += "é";
  CHECK(preview_of(plain(text)) == text);
  CHECK(preview_of(plain(text + "é")) == text);
}

TEST_CASE("a preview passes over quotations, who wrote them, and the signature") {
  CHECK(preview_of(plain("On Monday, X wrote:\r\n> old\r\n> text\r\n\r\nNew text.\r\n-- \r\nName\r\n")) == "New text.");
  CHECK(preview_of(plain("Answer.\r\n\r\nX wrote:\r\n\r\n> old\r\n")) == "Answer.");
  CHECK(preview_of(plain("> only\r\n> quoted\r\n")) == "> only > quoted");
}

TEST_CASE("a preview takes plain text before HTML, and no attachment") {
  const std::string alternative =
      "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n"
      "--b\r\n\r\nplain\r\n--b--\r\n";
  CHECK(preview_of(alternative) == "plain");
  CHECK(
      preview_of("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment\r\n\r\nno\r\n"
                 "--b\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n--b\r\n\r\nlist footer\r\n--b--") == "Hello");
  CHECK(preview_of("Content-Type: image/png\r\n\r\nxxxx") == "");
  CHECK(preview_of("Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ninside\r\n") == "inside");
}

TEST_CASE("HTML gives its words") {
  CHECK(html_to_text("<html><head><title>no</title><style>p{}</style></head><body><p>One<br>two</p></body>", 100) ==
        "\nOne\ntwo\n");
  CHECK(html_to_text("a<!-- <b>no</b> -->b<script>if (a<b) x();</script>c", 100) == "abc");
  CHECK(html_to_text("<a title=\"x > y\" href='a>b'>link</a>", 100) == "link");
  CHECK(html_to_text("1 &lt; 2 &amp;&nbsp;3 &#233;&#x20AC;&unknown; & x &#0;", 100) ==
        "1 < 2 & 3 é€&unknown; & x \xEF\xBF\xBD");
  CHECK(html_to_text("a < b <3 <", 100) == "a < b <3 <");
  CHECK(html_to_text("own<blockquote>quoted<blockquote>x</blockquote></blockquote>own", 100, HtmlQuotes::skip) ==
        "own\nown");
  CHECK(html_to_text("<style>never ended", 100) == "");
  CHECK(html_to_text("<TD>a<tH>b</Table>c<STYLE>x</style>d<blockquotes>e<tdx>f<Article>g", 100) == " a b\ncdef\ng");
  CHECK(html_to_text("a<b title=\"never ended>b", 100) == "a");
  CHECK(html_to_text("a<b title='x'y='>'>c<i t=\">", 100) == "ac");
  CHECK(html_to_text("a<b", 100) == "a");
  CHECK(html_to_text(std::string(1000, 'x'), 100).size() == 100);
  // A limit inside of a character lets the whole of it through.
  CHECK(html_to_text("x€€", 2) == "x€");
  CHECK(html_to_text("x€€", 4) == "x€");
  CHECK(html_to_text("x€€", 5) == "x€€");
}

TEST_CASE("hostile HTML costs linear time") {
  std::string html;
  for (int i = 0; i < 200'000; ++i) html += "<style></";
  CHECK(html_to_text(html, 1000).empty());
  html.clear();
  for (int i = 0; i < 200'000; ++i) html += "<a b=\"";
  CHECK(html_to_text(html, 1000).empty());
}
