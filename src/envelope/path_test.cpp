#include "envelope/path.h"

#include "envelope/envelope.h"
#include "support/test.h"

namespace angarium::envelope {
namespace {

constexpr PathOptions kUtf8{.utf8 = Utf8::accept};
constexpr PathOptions kTolerant{.grammar = PathOptions::Grammar::tolerant};

std::string forward(std::string_view text, const PathOptions& options = {}) {
  const auto path = parse_forward_path(text, options);
  return path ? path->text() : std::string(path.error().kind().name);
}
std::string reverse(std::string_view text, const PathOptions& options = {}) {
  const auto path = parse_reverse_path(text, options);
  return path ? path->text() : std::string(path.error().kind().name);
}

TEST_CASE("RFC 5321 4.1.2: paths are read and written back") {
  for (const char* text :
       {"<a@b>", "<a.b+c=d@example.org>", "<!#$%&'*+-/=?^_`{|}~@x.y>", "<\"a b\"@c>", "<\"a\\\"b\\\\c\"@d>", "<\"\"@c>",
        "<\"a@b>\"@c>", "<\".a\"@c>", "<a@[192.0.2.1]>", "<a@[IPv6:2001:db8::1]>", "<a@[x-tag:b]>", "<a@1.2.3.4>"}) {
    CHECK(forward(text) == text);
    CHECK(reverse(text) == text);
  }
}

TEST_CASE("RFC 5321 4.1.2: what the grammar does not give is refused") {
  for (std::string_view text : {"",
                                "<",
                                ">",
                                "a@b",
                                "<a@b",
                                "a@b>",
                                "<@b>",
                                "<a@>",
                                "<a>",
                                "<a b@c>",
                                "<.a@b>",
                                "<a.@b>",
                                "<a..b@c>",
                                "<a@b@c>",
                                "<a@b.>",
                                "<a@b_c>",
                                "<a@-b>",
                                "<a@b-.c>",
                                "<a@[1.2.3]>",
                                "<a@[1.2.3.4>",
                                "<\"a@b>",
                                "<\"a\"b@c>",
                                "<\"a\\\"@b>",
                                "<\"a\x01\"@b>",
                                "<\"a\x7f\"@b>",
                                "<a\x01@b>",
                                "<a(c)@b>",
                                "< a@b>",
                                "<a@b >",
                                "<a @b>",
                                "<a@b>x",
                                " <a@b>",
                                "<<a@b>>",
                                "<a@b\r\n>",
                                "<a,b@c>",
                                "<\"a\\\xc3\xa9\"@b>"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_forward_path(text, kUtf8));
    CHECK_FALSE(parse_reverse_path(text, kUtf8));
  }
  CHECK(reverse(std::string_view("<a\0@b>", 6)) == "envelope.bad-path");
}

TEST_CASE("RFC 5321 4.5.5: only the reverse-path may be null") {
  CHECK(parse_reverse_path("<>")->null());
  CHECK(reverse("<>") == "<>");
  CHECK(forward("<>") == "envelope.bad-path");
}

TEST_CASE("RFC 5321 4.5.1: only the forward-path may be postmaster without a domain, in any case") {
  CHECK(parse_forward_path("<PostMaster>")->postmaster_here());
  CHECK(forward("<PostMaster>") == "<PostMaster>");
  CHECK_FALSE(parse_forward_path("<postmaster@b>")->postmaster_here());
  CHECK(forward("<postmasters>") == "envelope.bad-path");
  CHECK(reverse("<postmaster>") == "envelope.bad-path");
}

TEST_CASE("RFC 5321 4.1.1.3: a source route is checked, accepted and forgotten") {
  CHECK(forward("<@a,@b.example:c@d>") == "<c@d>");
  CHECK(reverse("<@a:\"x:y\"@d>") == "<\"x:y\"@d>");
  for (const char* text :
       {"<@a>", "<@a:>", "<@a,b:c@d>", "<@a,:c@d>", "<@:c@d>", "<@a b:c@d>", "<a:c@d>", "<@a;c@d>"}) {
    CHECK_MESSAGE(forward(text) == "envelope.bad-path", text);
  }
}

TEST_CASE("RFC 5321 4.1.2: all quoted forms of a local part are the same mailbox, the least quoted is written") {
  const Mailbox plain{"joe", "b"};
  for (const char* text : {"\"joe\"@b", "\"j\\oe\"@b", "\"\\j\\o\\e\"@b"}) CHECK(parse_mailbox(text) == plain);
  CHECK(forward("<\"joe\"@b>") == "<joe@b>");
  CHECK(parse_mailbox("\"Joe\\,Smith\"@b")->local_part == "Joe,Smith");
  CHECK(quote_local_part("a b\"\\") == "\"a b\\\"\\\\\"");
}

TEST_CASE("RFC 6531 3.3: UTF-8 in both halves, only where it is accepted and well formed") {
  CHECK(forward("<\xd1\x8e@\xd0\xb5.example>") == "envelope.utf8-not-allowed");
  CHECK(forward("<\xd1\x8e@\xd0\xb5.example>", kUtf8) == "<\xd1\x8e@\xd0\xb5.example>");
  CHECK(forward("<\"\xd1\x8e x\"@b>", kUtf8) == "<\"\xd1\x8e x\"@b>");
  CHECK(forward("<\xff@b>", kUtf8) == "envelope.bad-path");
  CHECK(forward("<a@\xff>", kUtf8) == "envelope.bad-path");
  CHECK(parse_forward_path("<\xd1\x8e@b>", kUtf8)->mailbox.needs_utf8());
  CHECK_FALSE(parse_forward_path("<a@xn--e1a.example>", kUtf8)->mailbox.needs_utf8());
}

TEST_CASE("RFC 5321 4.5.3.1: local parts of 64, domains of 255 and paths of 256 octets are accepted") {
  const std::string label(63, 'd');
  const std::string domain = label + "." + label + "." + label + "." + label;
  CHECK(parse_mailbox(std::string(kLocalPartStandard, 'l') + "@" + domain));
  CHECK(parse_forward_path("<l@" + domain.substr(0, kPathStandard - 4) + ">"));
}

TEST_CASE("local part, domain and path have a limit each") {
  CHECK(parse_mailbox(std::string(255, 'l') + "@b"));
  CHECK(parse_mailbox(std::string(256, 'l') + "@b").error().is(kPathTooLong));
  CHECK(parse_mailbox("l@b", {.local_part_max = 1}));
  CHECK(parse_mailbox("ll@b", {.local_part_max = 1}).error().is(kPathTooLong));
  // The quoting does not count.
  CHECK(parse_mailbox("\"\\l\"@b", {.local_part_max = 1}));
  const std::string label(63, 'd');
  const std::string domain = label + "." + label + "." + label + "." + label;
  CHECK(parse_mailbox("l@" + domain));
  CHECK(parse_mailbox("l@d" + domain).error().is(kPathTooLong));
  std::string route = "<";
  while (route.size() < 1024 - 10) route += route.size() == 1 ? "@a" : ",@a";
  route += ":b@";
  route += std::string(1024 - route.size() - 1, 'c') + ">";
  CHECK(route.size() == 1024);
  CHECK(forward(route).starts_with("<b@c"));
  route.insert(route.size() - 1, "c");
  CHECK(forward(route) == "envelope.path-too-long");
}

TEST_CASE("tolerant: blanks, missing brackets, underscores and a last dot of the domain") {
  CHECK(forward(" <a@b> ", kTolerant) == "<a@b>");
  CHECK(forward("a@b", kTolerant) == "<a@b>");
  CHECK(forward("<a@b_c.example.>", kTolerant) == "<a@b_c.example>");
  CHECK(reverse("<>", kTolerant) == "<>");
  CHECK(forward("postmaster", kTolerant) == "<postmaster>");
  for (const char* text : {"", " ", "<a@b", "a@b>", "<a@b..>", "<a@.>", "< a@b>", "a b@c", "<a@b>>"}) {
    CHECK_MESSAGE(forward(text, kTolerant) == "envelope.bad-path", text);
  }
}

TEST_CASE("the path is cut from its parameters outside of quotes") {
  const auto cut = [](std::string_view text, const PathOptions& options = {}) {
    const std::string path(take_path(text, options));
    return path + "|" + std::string(text);
  };
  CHECK(cut("<a@b> SIZE=1 X") == "<a@b>|SIZE=1 X");
  CHECK(cut("<\"a> b\"@c>  SIZE=1") == "<\"a> b\"@c>|SIZE=1");
  CHECK(cut("<\"a\\\"> b\"@c> SIZE=1") == "<\"a\\\"> b\"@c>|SIZE=1");
  CHECK(cut("<a@b>SIZE=1 X") == "<a@b>SIZE=1|X");
  CHECK(cut("<>") == "<>|");
  CHECK(cut("") == "|");
  CHECK(cut("<\"a@b> SIZE=1") == "<\"a@b> SIZE=1|");
  CHECK(cut("  a@b SIZE=1", kTolerant) == "a@b|SIZE=1");
}

TEST_CASE("MAIL and RCPT: path and parameters together") {
  const auto sender = parse_sender("<a@b> SIZE=5 BODY=8BITMIME");
  REQUIRE(sender);
  CHECK(sender->path.text() == "<a@b>");
  CHECK(sender->parameters.size == 5);
  CHECK(parse_sender("<a@b>SIZE=5").error().is(kBadPath));
  CHECK(parse_sender("<a@b> SIZE=x").error().is(kBadParameter));
  const auto recipient = parse_recipient("<c@d> NOTIFY=NEVER");
  REQUIRE(recipient);
  CHECK(recipient->parameters.notify->never);
}

TEST_CASE("RFC 6531 3.5: an address with UTF-8 needs the parameter SMTPUTF8") {
  CHECK(parse_sender("<\xd1\x8e@b>", kUtf8).error().is(kUtf8NotAllowed));
  CHECK(parse_sender("<\xd1\x8e@b> SMTPUTF8", kUtf8));
  CHECK(parse_sender("<\xd1\x8e@b> SMTPUTF8").error().is(kUtf8NotAllowed));
  CHECK(parse_recipient("<\xd1\x8e@b>").error().is(kUtf8NotAllowed));
  Envelope envelope{*parse_sender("<> SMTPUTF8"), {*parse_recipient("<a@b>")}};
  CHECK_FALSE(needs_utf8(envelope));
  envelope.recipients.push_back(*parse_recipient("<\xd1\x8e@b>", kUtf8));
  CHECK(needs_utf8(envelope));
}

TEST_CASE("a missing domain is filled in only where there is one to fill in, and nowhere else") {
  PathOptions options;
  options.default_domain = "here.test";
  CHECK(parse_mailbox("anna", options).value().text() == "anna@here.test");
  CHECK(parse_reverse_path("<anna>", options).value().text() == "<anna@here.test>");
  CHECK(parse_forward_path("<\"a b\">", options).value().text() == "<\"a b\"@here.test>");
  CHECK(parse_forward_path("<postmaster>", options).value().postmaster_here());
  CHECK(parse_reverse_path("<>", options).value().null());
  CHECK(parse_mailbox("anna@there.test", options).value().domain == "there.test");
  for (const char* wrong : {"", "a b", "anna@", "\"anna", "a@b@c"})
    CHECK_MESSAGE(!parse_mailbox(wrong, options), wrong);
  options.default_domain = "";
  CHECK(parse_mailbox("anna", options).value().domain.empty());
  CHECK(!parse_mailbox("anna", {}));
}

TEST_CASE("paths cut at every octet are refused or read, never more") {
  const std::string text = "<@a,@b.c:\"d\\\"e> f\".g@[IPv6:2001:db8::1]> SIZE=1 ENVID=+2B";
  for (std::size_t i = 0; i <= text.size(); ++i) {
    (void)parse_sender(text.substr(0, i), kUtf8);
    (void)parse_recipient(text.substr(i), kTolerant);
  }
}

}  // namespace
}  // namespace angarium::envelope
