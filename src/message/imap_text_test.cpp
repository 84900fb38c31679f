#include "message/imap_text.h"

#include "base/text.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

std::string envelope(std::string_view header, ImapForm form = ImapForm::utf8) {
  return envelope_text(parse_structure(header), header, form);
}
std::string body(std::string_view message, BodyForm body_form = BodyForm::structure, ImapForm form = ImapForm::utf8) {
  return body_text(parse_structure(message), message, body_form, form);
}
/// The parameters of a body whose Content-Type is application/x.
std::string parameters(std::string_view text, ImapForm form = ImapForm::utf8) {
  const std::string all = body("Content-Type: application/x;" + std::string(text) + "\r\n\r\n", BodyForm::body, form);
  constexpr std::string_view kBefore = R"~(("application" "x" )~";
  constexpr std::string_view kAfter = R"~( NIL NIL "7BIT" 0))~";
  REQUIRE(all.starts_with(kBefore));
  REQUIRE(all.ends_with(kAfter));
  return all.substr(kBefore.size(), all.size() - kBefore.size() - kAfter.size());
}

}  // namespace

TEST_CASE("RFC 9051 §8: the envelope and body of the sample connection") {
  constexpr std::string_view kMessage =
      "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\nFrom: Terry Gray <gray@cac.washington.edu>\r\n"
      "Subject: IMAP4rev2 WG mtg summary and minutes\r\nTo: imap@cac.washington.edu\r\n"
      "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\nMessage-Id: "
      "<B27397-0100000@cac.washington.edu>\r\n"
      "MIME-Version: 1.0\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\nx\r\n";
  CHECK(envelope(kMessage) ==
        R"~(("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" )~"
        R"~((("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) )~"
        R"~((("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) )~"
        R"~(((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL )~"
        R"~("<B27397-0100000@cac.washington.edu>"))~");
  CHECK(to_upper(body(kMessage, BodyForm::body)) == R"~(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3 1))~");
}

TEST_CASE("an empty header has an envelope of NIL, present and empty fields are empty strings") {
  CHECK(envelope("") == "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
  CHECK(envelope("Date:\r\nSubject: \r\nIn-Reply-To:\r\nMessage-ID:\r\nFrom:\r\nTo: \r\n\r\n") ==
        R"~(("" "" NIL NIL NIL NIL NIL NIL "" ""))~");
}

TEST_CASE("sender and reply-to are from when absent or empty, and only then") {
  CHECK(envelope("From: a@b\r\nSender: \r\nReply-To: r@s\r\n\r\n") ==
        R"~((NIL NIL ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) ((NIL NIL "r" "s")) NIL NIL NIL NIL NIL))~");
}

TEST_CASE("groups begin with their name and end with NIL") {
  CHECK(
      envelope("To: u:;, A: a@b, c@d;, e@f, B:;\r\n\r\n") ==
      R"~((NIL NIL NIL NIL NIL ((NIL NIL "u" NIL)(NIL NIL NIL NIL)(NIL NIL "A" NIL)(NIL NIL "a" "b")(NIL NIL "c" "d"))~"
      R"~((NIL NIL NIL NIL)(NIL NIL "e" "f")(NIL NIL "B" NIL)(NIL NIL NIL NIL)) NIL NIL NIL NIL))~");
  CHECK(
      envelope("To: A: a@b; B: c@d;\r\n\r\n") ==
      R"~((NIL NIL NIL NIL NIL ((NIL NIL "A" NIL)(NIL NIL "a" "b")(NIL NIL NIL NIL)(NIL NIL "B" NIL)(NIL NIL "c" "d"))~"
      R"~((NIL NIL NIL NIL)) NIL NIL NIL NIL))~");
}

TEST_CASE("quoting and routes leave the address, encoded words stay") {
  CHECK(
      envelope("To: \"J. \\\"X\\\" Doe\" <@r1,@r2:\"a b\"@c>, =?utf-8?q?=C3=A9?= <e@f>\r\n\r\n") ==
      R"~((NIL NIL NIL NIL NIL (("J. \"X\" Doe" "@r1,@r2" "a b" "c")("=?utf-8?q?=C3=A9?=" NIL "e" "f")) NIL NIL NIL NIL))~");
}

TEST_CASE("an address without host does not look like a group") {
  CHECK(envelope("To: joe\r\n\r\n") ==
        R"~((NIL NIL NIL NIL NIL ((NIL NIL "joe" ".MISSING-HOST-NAME.")) NIL NIL NIL NIL))~");
}

TEST_CASE("RFC 3501 9: message/global encloses a message only for who may have UTF-8") {
  const std::string message = "Content-Type: message/global\r\n\r\nSubject: in\r\n\r\nx\r\n";
  CHECK(body(message, BodyForm::body, ImapForm::ascii) == R"~(("message" "global" NIL NIL NIL "7BIT" 18))~");
  CHECK(body(message, BodyForm::structure, ImapForm::ascii) ==
        R"~(("message" "global" NIL NIL NIL "7BIT" 18 NIL NIL NIL NIL))~");
  CHECK(body(message, BodyForm::body, ImapForm::utf8) ==
        R"~(("message" "global" NIL NIL NIL "7BIT" 18 (NIL "in" NIL NIL NIL NIL NIL NIL NIL NIL) )~"
        R"~(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3 1) 3))~");
}

TEST_CASE("strings are quoted where they can be, unfolded, else literals") {
  CHECK(envelope("Subject: a\r\n \"b\\\"\r\n\r\n") == R"~((NIL "a \"b\\\"" NIL NIL NIL NIL NIL NIL NIL NIL))~");
  std::string out;
  append_imap_string(out, std::string(kQuotedMax, 'x'), ImapForm::ascii);
  CHECK(out.starts_with('"'));
  out.clear();
  append_imap_string(out, std::string(kQuotedMax + 1, 'x'), ImapForm::ascii);
  CHECK(out.starts_with("{1001}\r\nx"));
  out.clear();
  append_imap_string(out, "a\0b"sv, ImapForm::ascii);
  CHECK(out == "\"ab\"");
  out.clear();
  append_imap_string(out, "a\rb", ImapForm::ascii);
  CHECK(out == "{3}\r\na\rb");
  // RFC 9051 §4.3: only what is UTF-8 may be quoted as such.
  out.clear();
  append_imap_string(out, "\xC3", ImapForm::utf8);
  CHECK(out == "{1}\r\n\xC3");
}

TEST_CASE("UTF-8 headers: quoted UTF-8 for those who may get it, RFC 6858 for others") {
  constexpr std::string_view kHeader = "Subject: é\r\nFrom: É <e@ex.test>\r\nTo: é@x.test\r\nCc: a@bücher.test\r\n\r\n";
  CHECK(envelope(kHeader) ==
        "(NIL \"é\" ((\"É\" NIL \"e\" \"ex.test\")) ((\"É\" NIL \"e\" \"ex.test\")) ((\"É\" NIL \"e\" \"ex.test\")) "
        "((NIL NIL \"é\" \"x.test\")) ((NIL NIL \"a\" \"bücher.test\")) NIL NIL NIL)");
  const std::string ascii = envelope(kHeader, ImapForm::ascii);
  CHECK(all_ascii(ascii));
  CHECK(ascii.find('{') == std::string::npos);
  CHECK(ascii.find("\"invalid\" \"internationalized-address.invalid\"") != std::string::npos);
  CHECK(ascii.find(R"~((NIL NIL "a" "xn--bcher-kva.test"))~") != std::string::npos);
  CHECK(envelope("Subject: \xE9\r\n\r\n", ImapForm::ascii) == "(NIL {1}\r\n\xE9 NIL NIL NIL NIL NIL NIL NIL NIL)");
  CHECK(envelope("Subject: \xE9\r\n\r\n", ImapForm::utf8) == "(NIL {1}\r\n\xE9 NIL NIL NIL NIL NIL NIL NIL NIL)");
}

TEST_CASE("RFC 9051 §7.5.2: a text and a base64 attachment") {
  const std::string message =
      "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\npreamble\r\n--b\r\n\r\none\r\ntwo\r\n\r\n"
      "--b\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME=\"cc.diff\"\r\n"
      "Content-ID: <960723163407.20117h@cac.washington.edu>\r\nContent-Description: Compiler diff\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n\r\n--b--\r\n";
  CHECK(
      body(message, BodyForm::body, ImapForm::ascii) ==
      R"~((("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 10 2)("TEXT" "PLAIN" ("CHARSET" "US-ASCII" "NAME" "cc.diff") )~"
      R"~("<960723163407.20117h@cac.washington.edu>" "Compiler diff" "BASE64" 6 1) "mixed"))~");
  CHECK(
      body(message, BodyForm::structure, ImapForm::ascii) ==
      R"~((("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 10 2 NIL NIL NIL NIL)("TEXT" "PLAIN" ("CHARSET" "US-ASCII" "NAME" "cc.diff") )~"
      R"~("<960723163407.20117h@cac.washington.edu>" "Compiler diff" "BASE64" 6 1 NIL NIL NIL NIL) "mixed" ("boundary" "b") NIL NIL NIL))~");
}

TEST_CASE("extension data: md5, disposition, language, location") {
  CHECK(
      body("Content-Type: image/png\r\nContent-MD5: Q2hlY2s=\r\nContent-Disposition: inline; filename=x.png; size=3\r\n"
           "Content-Language: de, en-GB (comment)\r\nContent-Location: http://x.test/\r\n  a b\r\n\r\nxyz") ==
      R"~(("image" "png" NIL NIL NIL "7BIT" 3 "Q2hlY2s=" ("inline" ("filename" "x.png" "size" "3")) ("de" "en-GB") "http://x.test/ab"))~");
  CHECK(body("Content-Type: image/png\r\nContent-Disposition: attachment\r\nContent-Language: de\r\n\r\n") ==
        R"~(("image" "png" NIL NIL NIL "7BIT" 0 NIL ("attachment" NIL) "de" NIL))~");
}

TEST_CASE("an enclosed message brings its envelope, body and lines") {
  CHECK(
      body("Content-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Type: text/html\r\n\r\nx\r\ny\r\n",
           BodyForm::body) ==
      R"~(("message" "rfc822" NIL NIL NIL "7BIT" 46 (NIL "in" NIL NIL NIL NIL NIL NIL NIL NIL) ("text" "html" NIL NIL NIL "7BIT" 6 2) 5))~");
  CHECK(
      body("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n", BodyForm::body) ==
      R"~(("message" "rfc822" NIL NIL NIL "BASE64" 6 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 0 0) 1))~");
  CHECK(body("Content-Type: message/partial; id=x\r\n\r\nab", BodyForm::body) ==
        R"~(("message" "partial" ("id" "x") NIL NIL "7BIT" 2))~");
}

TEST_CASE("a multipart without parts shows its body as one text") {
  CHECK(body("Content-Type: multipart/alternative\r\n\r\nab\r\n", BodyForm::body) ==
        R"~((("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 4 1) "alternative"))~");
}

TEST_CASE("text/plain has the default charset, other types have none") {
  CHECK(body("Content-Type: text/plain; format=flowed\r\n\r\n", BodyForm::body) ==
        R"~(("text" "plain" ("format" "flowed" "CHARSET" "US-ASCII") NIL NIL "7BIT" 0 0))~");
  CHECK(body("Content-Type: text/html\r\n\r\n", BodyForm::body) == R"~(("text" "html" NIL NIL NIL "7BIT" 0 0))~");
  CHECK(body("Content-Type: junk\r\n\r\n", BodyForm::body) ==
        R"~(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 0 0))~");
}

TEST_CASE("RFC 2231 parameters: joined and decoded for IMAP4rev2, as they stand for others") {
  constexpr std::string_view kSections =
      " name*0=long; name*1=\" name\"; title*0*=us-ascii'en'a%20; title*1=b; x*=utf-8''%C3%A9";
  CHECK(parameters(kSections) == "(\"name\" \"long name\" \"title*\" \"a b\" \"x*\" \"é\")");
  CHECK(parameters(kSections, ImapForm::ascii) ==
        R"~(("name*0" "long" "name*1" " name" "title*0*" "us-ascii'en'a%20" "title*1" "b" "x*" "utf-8''%C3%A9"))~");
  CHECK(parameters(" name=\"é.txt\"", ImapForm::ascii) == R"~(("name*" "utf-8''%C3%A9.txt"))~");
  CHECK(parameters(" name=\"é.txt\"") == "(\"name\" \"é.txt\")");
  CHECK(parameters("") == "NIL");
}

TEST_CASE("codings are told as they are written") {
  CHECK(body("Content-Transfer-Encoding: X-UUE\r\n\r\n", BodyForm::body).find("\"X-UUE\" 0 0") != std::string::npos);
  CHECK(body("Content-Transfer-Encoding: unknown (c)\r\n\r\n", BodyForm::body).find("\"UNKNOWN\" 0 0") !=
        std::string::npos);
  CHECK(body("Content-Transfer-Encoding:\r\n\r\n", BodyForm::body).find("\"7BIT\" 0 0") != std::string::npos);
}
