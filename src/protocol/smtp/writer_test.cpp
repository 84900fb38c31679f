#include "protocol/smtp/writer.h"

#include "base/text.h"
#include "protocol/smtp/reader.h"
#include "protocol/smtp/state.h"
#include "support/test.h"

namespace angarium::protocol::smtp {
namespace {

std::string written(const ReplyView& reply, ReplyCharset charset = ReplyCharset::ascii) {
  std::string out;
  write_reply(out, reply, charset);
  return out;
}

TEST_CASE("every line of a reply bears the code and the enhanced code") {
  CHECK(written({250, {2, 1, 5}, "OK"}) == "250 2.1.5 OK\r\n");
  CHECK(written({551, {5, 7, 1}, "one\ntwo\nthree"}) == "551-5.7.1 one\r\n551-5.7.1 two\r\n551 5.7.1 three\r\n");
  CHECK(written({354, {}, "Go"}) == "354 Go\r\n");
  CHECK(written({334, {}, ""}) == "334 \r\n");
  CHECK(written({250, {2, 999, 999}, "x"}) == "250 2.999.999 x\r\n");
}

TEST_CASE("a reply line has at most 512 octets: longer text is folded at spaces") {
  const std::string words = std::string(400, 'a') + " " + std::string(300, 'b') + " " + std::string(700, 'c');
  const std::string out = written({250, {2, 0, 0}, words});
  std::string_view rest = out;
  std::string together;
  while (!rest.empty()) {
    const std::size_t end = rest.find("\r\n");
    REQUIRE(end != std::string_view::npos);
    CHECK(end + 2 <= kReplyLineOctets);
    CHECK(rest[3] == (end + 2 == rest.size() ? ' ' : '-'));
    together += rest.substr(10, end - 10);
    rest.remove_prefix(end + 2);
  }
  CHECK(together == words);
  const std::string at(kReplyLineOctets - 6, 'a');
  CHECK(written({250, {}, at}) == "250 " + at + "\r\n");
  CHECK(written({250, {}, at + "b"}) == "250-" + at + "\r\n250 b\r\n");
}

TEST_CASE("octets that may not stand in a reply are replaced, so that no text can add a line") {
  CHECK(written({550, {}, "a\r\nb\x7f\x01\tc\xff"}) == "550-a?\r\n550 b??\tc?\r\n");
  CHECK(written({550, {}, "gr\xc3\xbc\xc3\x9f"}) == "550 gr????\r\n");
  CHECK(written({550, {}, "gr\xc3\xbc\xc3\x9f"}, ReplyCharset::utf8) == "550 gr\xc3\xbc\xc3\x9f\r\n");
  CHECK(written({550, {}, "gr\xc3"}, ReplyCharset::utf8) == "550 gr?\r\n");
}

TEST_CASE("what the writer writes the reader reads") {
  for (const std::string text : {"", "x", "one\ntwo", "one\n\nthree", "2.1.5 not a code of ours"}) {
    for (const EnhancedCode enhanced : {EnhancedCode{}, EnhancedCode{2, 1, 5}}) {
      if (!enhanced.present() && text.starts_with("2.")) continue;
      const std::string out = written({250, enhanced, text});
      std::string_view input = out;
      ReplyReader reader;
      while (!input.empty()) {
        std::string_view line = take_until(input, '\n');
        REQUIRE(line.ends_with('\r'));
        line.remove_suffix(1);
        const bool last = reader.line(line).value() == ReplyReader::Progress::done;
        CHECK(last == input.empty());
      }
      const Reply reply = reader.take();
      CHECK(reply.code == 250);
      CHECK(reply.enhanced == enhanced);
      CHECK(reply.text == text);
    }
  }
}

TEST_CASE("errors become replies by fault and lasting, and our own faults are not told") {
  constexpr ErrorKind kUserForever{"t.a", Fault::user, Lasting::permanent};
  constexpr ErrorKind kUserNow{"t.b", Fault::user, Lasting::temporary};
  constexpr ErrorKind kDisk{"t.c", Fault::dependency, Lasting::temporary};
  CHECK(written(reply_for(Error(kUserForever, "no relaying"))) == "550 5.7.1 no relaying\r\n");
  CHECK(written(reply_for(Error(kUserNow, "later"))) == "450 4.7.1 later\r\n");
  CHECK(written(reply_for(Error(kDisk, "disk"))) ==
        "451 4.3.0 Requested action aborted: a resource is not available, try again later\r\n");
  CHECK(written(reply_for(Error(kBroken, "secret"))).find("secret") == std::string::npos);
  CHECK(reply_for(Error(kBroken, "secret")).transient());
}

TEST_CASE("verbs are known without regard to case, and only whole") {
  CHECK(verb_of("EHLO") == Verb::ehlo);
  CHECK(verb_of("sTaRtTlS") == Verb::starttls);
  CHECK(verb_of("EHL") == Verb::unknown);
  CHECK(verb_of("EHLOO") == Verb::unknown);
  CHECK(verb_of("") == Verb::unknown);
  CHECK(verb_of("STARTTLSS") == Verb::unknown);
  CHECK(verb_of("EH\0O") == Verb::unknown);
  for (const Rule& rule : kRules) CHECK(verb_of(rule.name) == rule.verb);
  CHECK(is_foreign("get"));
  CHECK(!is_foreign("GETX"));
}

}  // namespace
}  // namespace angarium::protocol::smtp
