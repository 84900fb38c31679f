#include "message/attachment.h"

#include <fmt/format.h>

#include "support/test.h"

using namespace angarium::message;

namespace {

std::string list(std::string_view message) {
  std::string text;
  for (const Attachment& each : find_attachments(parse_structure(message), message))
    text += fmt::format("{}:{}:{}:{}{}{} ", each.part, each.name, each.type, each.size, each.is_inline ? ":inline" : "",
                        each.uu_size != 0 ? ":uu" : "");
  return text;
}

std::string mixed(std::string_view part) {
  return "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n" + std::string(part) +
         "\r\n--b--\r\n";
}

}  // namespace

TEST_CASE("attachments are parts that are no text, or are called so, or have a name") {
  CHECK(list(mixed("Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA")) ==
        "2:a.pdf:application/pdf:3 ");
  CHECK(list(mixed("Content-Disposition: attachment\r\n\r\nxyz")) == "2::text/plain:3 ");
  CHECK(list(mixed("Content-Type: text/plain; name=readme\r\n\r\nxyz")) == "2:readme:text/plain:3 ");
  CHECK(list(mixed("Content-Type: image/png\r\nContent-ID: <x@y>\r\n\r\nxyz")) == "2::image/png:3:inline ");
  CHECK(list(mixed("\r\nmore text")) == "");
}

TEST_CASE("an enclosed message is one attachment, its parts are its own") {
  CHECK(list(mixed("Content-Type: message/rfc822\r\n\r\nContent-Type: image/png\r\n\r\nx")) == "2::message/rfc822:28 ");
}

TEST_CASE("file names are decoded, and a stranger's path is none of ours") {
  CHECK(list(mixed("Content-Disposition: attachment; filename*=utf-8''%C3%A9.txt; filename=e.txt\r\n\r\n")) ==
        "2:é.txt:text/plain:0 ");
  CHECK(list(mixed("Content-Disposition: attachment; filename=\"../../etc/passwd\"\r\n\r\n")) ==
        "2:passwd:text/plain:0 ");
  CHECK(list(mixed("Content-Disposition: attachment; filename=\"C:\\\\x\\\\..\"\r\n\r\n")) == "2::text/plain:0 ");
}

TEST_CASE("a file name is UTF-8 without what a terminal obeys or turns the direction of text") {
  const auto named = [](std::string_view encoded) {
    return list(mixed("Content-Disposition: attachment; filename*=utf-8''" + std::string(encoded) + "\r\n\r\n"));
  };
  CHECK(named("a%1B%7F%C2%80b%C2%9F%C2%A0c") ==
        "2:ab\xC2\xA0"
        "c:text/plain:0 ");
  CHECK(named("a%E2%80%8D%E2%80%8E%E2%80%8Fb") ==
        "2:a\xE2\x80\x8D"
        "b:text/plain:0 ");
  CHECK(named("a%E2%80%A9%E2%80%AA%E2%80%AE%E2%80%AFb") ==
        "2:a\xE2\x80\xA9\xE2\x80\xAF"
        "b:text/plain:0 ");
  CHECK(named("a%E2%81%A5%E2%81%A6%E2%81%A9%E2%81%AAb") ==
        "2:a\xE2\x81\xA5\xE2\x81\xAA"
        "b:text/plain:0 ");
  CHECK(named("%F0%9F%98%80.%E2%80%AEexe") == "2:\xF0\x9F\x98\x80.exe:text/plain:0 ");
  CHECK(list("Subject: x\r\n\r\nhello\r\nbegin 644 c\x9B\xC3"
             "at\xE2\x80\r\n#0V%T\r\n`\r\nend\r\n") == "0:cat:application/octet-stream:3:uu ");
}

TEST_CASE("uuencoded blocks of plain text are attachments") {
  CHECK(list("Subject: x\r\n\r\nhello\r\nbegin 644 cat.bin\r\n#0V%T\r\n`\r\nend\r\nbye\r\n") ==
        "0:cat.bin:application/octet-stream:3:uu ");
}

TEST_CASE("the size of a quoted-printable attachment is that of its octets") {
  CHECK(
      list(mixed("Content-Type: application/x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=41=42=\r\n=43")) ==
      "2::application/x:3 ");
}
