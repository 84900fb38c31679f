#include "message/address.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/text.h"
#include "message/encoded_word.h"
#include "message/vectors.h"
#include "support/test.h"

namespace angarium::message {
namespace {

/// "[group: ]name <route|local|domain> (comment); …" and the defects.
std::string shown(std::string_view value) {
  const AddressList list = parse_addresses(value);
  std::string result;
  std::size_t group = 0;
  for (std::size_t i = 0; i <= list.addresses.size(); ++i) {
    for (; group < list.groups.size() && list.groups[group].begin == i; ++group) {
      result += "{" + list.groups[group].name + ":" + std::to_string(list.groups[group].end - i) + "}";
    }
    if (i == list.addresses.size()) break;
    const Address& a = list.addresses[i];
    result += a.name + "<" + a.route + "|" + a.local_part + "|" + a.domain + ">";
    if (!a.comment.empty()) result += "(" + a.comment + ")";
  }
  if (list.defects != 0) result += "!" + std::to_string(list.defects);
  return result;
}

TEST_CASE("RFC 5322 3.4: addresses, names and groups") {
  CHECK(shown("a@b") == "<|a|b>");
  CHECK(shown("Joe Q. Public <john.q@example.com>") == "Joe Q. Public<|john.q|example.com>");
  CHECK(shown("<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <s@e.net>") ==
        "<|boss|nil.test>Giant; \"Big\" Box<|s|e.net>");
  CHECK(shown("A Group:Ed <c@a>,joe@w;, x@y") == "{A Group:2}Ed<|c|a><|joe|w><|x|y>");
  CHECK(shown("Undisclosed recipients:;") == "{Undisclosed recipients:0}");
  CHECK(shown("\"a b\"@c, \"\"@c") == "<|a b|c><||c>");
  CHECK(shown("a@[192.0.2.1], b@[IPv6:::1]") == "<|a|[192.0.2.1]><|b|[IPv6:::1]>");
  CHECK(shown("") == "");
  CHECK(shown("\xd1\x8e@\xd0\xb5.example") == "<|\xd1\x8e|\xd0\xb5.example>");
}

TEST_CASE("RFC 5322 3.2.2: comments and folds stand anywhere and are kept apart") {
  CHECK(shown("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>") ==
        "Pete<|pete|silly.test>(A nice ) chap his account his host)");
  CHECK(shown("(a(b)c)\r\n x@y\r\n (d)") == "<|x|y>(a(b)c d)");
  CHECK(shown("x@y (Joe =?utf-8?Q?=C3=A9?=)") == "<|x|y>(Joe \xc3\xa9)");
}

TEST_CASE("RFC 5322 4.4: blanks around dots and '@', routes, empty members") {
  CHECK(shown("jdoe @ test . example") == "<|jdoe|test.example>");
  CHECK(shown("Mary <@a.test,@b:mary@example.net>, , x@y,") == "Mary<@a.test,@b|mary|example.net><|x|y>");
  CHECK(shown("\"a\" . b . \"c\"@d") == "<|a.b.c|d>");
}

TEST_CASE("encoded words in names, also where they should not stand; the raw name stays") {
  CHECK(shown("=?utf-8?Q?a?= =?utf-8?Q?b?= <x@y>") == "ab<|x|y>");
  CHECK(shown("\"=?utf-8?Q?a?= b\" <x@y>") == "a b<|x|y>");
  CHECK(shown("=?utf-8?Q?Doe,_(John)?= <x@y>, z@w") == "Doe, (John)<|x|y><|z|w>");
  CHECK(shown("=?@=?utf-8?Q?a?=?f") == "<|=?|=?utf-8?Q?a?=?f>");
  CHECK(parse_addresses("=?utf-8?Q?a?=\r\n \"b\\\"c\" <x@y>").addresses[0].raw_name == "=?utf-8?Q?a?= b\"c");
}

TEST_CASE("RFC 5322 3.2.3: what looks like an encoded word may be an address, and is one where the grammar takes it") {
  CHECK(shown("=?utf88?Q?@a?=") == "<|=?utf88?Q?|a?=>");
  CHECK(shown("x@y, <=?a?Q?b@c?=>") == "<|x|y><|=?a?Q?b|c?=>");
  CHECK(shown("=?a?Q?b@c,d@e?=") == "<|=?a?Q?b|c><|d|e?=>");
  CHECK(shown("=?utf-8?Q?b@c?= <x@y>") == "b@c<|x|y>");
}

TEST_CASE("addresses of real mail that no grammar gives are read and marked") {
  CHECK(shown("a@b c@d") == "a@b<|c|d>!64");
  CHECK(shown("Joe <a@b> Jane <c@d>") == "Joe<|a|b>Jane<|c|d>!128");
  CHECK(shown("a@b; c@d") == "<|a|b><|c|d>!256");
  CHECK(shown("Joe joe@x.com") == "Joe<|joe|x.com>!64");
  CHECK(shown("root") == "<|root|>!16");
  CHECK(shown("Some Body") == "Some Body<||>!16");
  CHECK(shown("<root>") == "<|root|>!16");
  CHECK(shown("<>") == "<||>!32");
  CHECK(shown("Joe <a@b") == "Joe<|a|b>!4");
  CHECK(shown("Joe <a@b, c@d") == "Joe<|a|b><|c|d>!4");
  CHECK(shown("a..b.@docomo.example") == "<|a..b.|docomo.example>");
  CHECK(shown("Joe: a@b") == "{Joe:1}<|a|b>!8");
  CHECK(shown("\"Joe <a@b>") == "<|Joe <a@b>|>!18");
  CHECK(shown("a@b (x") == "<|a|b>(x)!1");
  CHECK(shown("@b") == "<||b>!32");
  CHECK(shown("a@") == "<|a|>!16");
  CHECK(shown("a@b@c") == "<|a@b|c>");
  CHECK(shown("mailto:x@y") == "{mailto:1}<|x|y>!8");
  CHECK(shown("a@b>") == "<|a|b>!64");
}

TEST_CASE("10000 addresses are read, one more is not") {
  std::string value;
  for (std::size_t i = 0; i < kAddressesMax; ++i) value += "a,";
  CHECK(parse_addresses(value).addresses.size() == kAddressesMax);
  CHECK((parse_addresses(value).defects & kTooManyAddresses) == 0);
  const AddressList list = parse_addresses(value + "a");
  CHECK(list.addresses.size() == kAddressesMax);
  CHECK((list.defects & kTooManyAddresses) != 0);
}

TEST_CASE("huge fields are read in one pass") {
  for (const char* piece :
       {"<", "(", "\"", "@", ":", "=?", "=?,", "[", "a <", "<a@b>", ".", "\\", "a b ", ";", "=?u?Q?,"}) {
    std::string value;
    while (value.size() < 500'000) value += piece;
    (void)parse_addresses(value);
    (void)check_addresses(value, AddressSyntax::address_list);
  }
}

TEST_CASE("addresses are the same without case, unless the local part shall mind it") {
  const Address a = parse_addresses("Joe@EXAMPLE.org").addresses[0];
  const Address b = parse_addresses("\"joe\"@example.org").addresses[0];
  CHECK(same_address(a, b));
  CHECK_FALSE(same_address(a, b, LocalCase::exact));
  CHECK(address_key("JOE",
                    "B\xc3\x9c"
                    "cher.example") == address_key("joe", "xn--bcher-kva.example"));
  CHECK(address_key("\xd0\xae", "b") == address_key("\xd1\x8e", "B"));
}

TEST_CASE("what is written reads back") {
  for (const char* name : {"", "Joe", "Joe Q. Public", "a \"b\" \\", "Andr\xc3\xa9", "x, y"}) {
    for (const char* local : {"joe", "a b", "a\"b\\", "\xd1\x8e"}) {
      const AddressList list = parse_addresses(format_address(name, local, "example.org"));
      REQUIRE(list.addresses.size() == 1);
      CHECK(list.addresses[0].name == name);
      CHECK(list.addresses[0].local_part == local);
      CHECK(list.addresses[0].domain == "example.org");
      CHECK(list.defects == 0);
      CHECK(list.addresses[0].spec() == format_address("", local, "example.org"));
    }
  }
}

std::string grade(std::string_view text, AddressSyntax syntax = AddressSyntax::address_list, Utf8 utf8 = Utf8::accept) {
  const auto conformance = check_addresses(text, syntax, utf8);
  if (!conformance) return "refused";
  return *conformance == Conformance::standard ? "standard" : "obsolete";
}

TEST_CASE("the strict grammar takes what RFC 5322 3.4 gives") {
  for (const char* text :
       {"a@b", "Joe <a@b>", "\"Joe Q. Public\" <a@b>, c@d", "G:;", "G: ;", "G:a@b,Joe <c@d>;", "G:;, a@b", " a@b ",
        "(x)Joe(y)<(z)a@b(c)>(d)", "<a@b>", "a@[x y]", "\"\"@b", "\"a\\ b\"@c", "\xd1\x8e@\xd0\xb5"}) {
    CHECK_MESSAGE(grade(text) == "standard", text);
  }
}

TEST_CASE("the strict grammar marks what RFC 5322 4.4 gives") {
  for (const char* text :
       {"Joe Q. Public <a@b>", "<@a,@b:c@d>", "<@a,,:c@d>", "a@b,", ",a@b", "a@b,,c@d", "G:,;", "a . b@c", "a@b . c",
        "\"a\".b@c", "G:;,,a@b", "(\x01)a@b", "\"\x01\"@b", "a@[\\x]", "\"\\\n\"@b"}) {
    CHECK_MESSAGE(grade(text) == "obsolete", text);
  }
}

TEST_CASE("the strict grammar refuses all else") {
  for (const char* text :
       {"",         ",",       " ",        "a",     "a@",      "@b",    "a@b c@d", "<a@b",   "a@b>",     "Joe <a@b> x",
        "G:",       "G:a@b",   "G:H:;;",   "a@b;",  "a..b@c",  ".a@b",  "a.@b",    "a@b.",   "a@b..c",   "\"a@b",
        "(a@b",     "a@[b",    "a\"b\"@c", "a b@c", ":;",      ".G:;",  "<>",      "Joe <>", "a@b\r\nc", "a\r@b",
        "\"\n\"@b", "a\x01@b", "<@a>",     "<@a:>", "=\xff@b", "a@b[c]"}) {
    CHECK_MESSAGE(grade(text) == "refused", text);
  }
  CHECK(grade("Joe <a@b>", AddressSyntax::addr_spec) == "refused");
  CHECK(grade("a@b,c@d", AddressSyntax::mailbox) == "refused");
  CHECK(grade("G:;", AddressSyntax::mailbox_list) == "refused");
  CHECK(grade("\xd1\x8e@b", AddressSyntax::addr_spec, Utf8::refuse) == "refused");
  CHECK(check_addresses("a@b x", AddressSyntax::addr_spec).error().text() == "at octet 4: nothing may follow here");
}

TEST_CASE("comments nested 64 deep are read, one deeper is refused") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '(') + std::string(depth, ')') + "a@b"; };
  CHECK(grade(nested(kCommentDepthMax)) == "standard");
  CHECK(grade(nested(kCommentDepthMax + 1)) == "refused");
}

/// Control characters are written as U+2400 + n in isemail's vectors; entities as XML has them.
std::string isemail_text(std::string_view xml) {
  std::string result;
  while (!xml.empty()) {
    const auto entity = [&xml](std::string_view name) { return xml.starts_with(name); };
    if (xml.starts_with("\xe2\x90") && xml.size() > 2) {
      result += static_cast<char>(static_cast<unsigned char>(xml[2]) - 0x80);
      xml.remove_prefix(3);
    } else if (entity("&#x")) {
      const std::size_t end = xml.find(';');
      const unsigned code = static_cast<unsigned>(std::stoul(std::string(xml.substr(3, end - 3)), nullptr, 16));
      if (code >= 0x2400) {
        result += static_cast<char>(code - 0x2400);
      } else if (code < 0x80) {
        result += static_cast<char>(code);
      } else {
        result += static_cast<char>(0xC0 | code >> 6);
        result += static_cast<char>(0x80 | (code & 0x3F));
      }
      xml.remove_prefix(end + 1);
    } else if (entity("&amp;") || entity("&lt;") || entity("&gt;") || entity("&quot;")) {
      result += entity("&amp;") ? '&' : entity("&lt;") ? '<' : entity("&gt;") ? '>' : '"';
      xml.remove_prefix(xml.find(';') + 1);
    } else {
      result += xml[0];
      xml.remove_prefix(1);
    }
  }
  return result;
}

std::string element(std::string_view test, std::string_view name) {
  const std::string open = "<" + std::string(name) + ">";
  const std::size_t begin = test.find(open);
  if (begin == std::string_view::npos) return {};
  const std::size_t end = test.find("</", begin);
  return std::string(test.substr(begin + open.size(), end - begin - open.size()));
}

TEST_CASE("isemail's vectors") {
  const std::string xml = angarium::test::read_file(angarium::test::tests_path("vectors/address/isemail/tests.xml"));
  int count = 0;
  for (std::size_t at = xml.find("<test id="); at != std::string::npos; at = xml.find("<test id=", at + 1)) {
    const std::string_view test = std::string_view(xml).substr(at, xml.find("</test>", at) - at);
    const std::string address = isemail_text(element(test, "address"));
    const std::string category = element(test, "category");
    const std::string diagnosis = element(test, "diagnosis");
    CAPTURE(address);
    CAPTURE(diagnosis);
    ++count;
    const std::string got = grade(address, AddressSyntax::addr_spec, Utf8::refuse);
    // RFC 5322 §3.4.1: the domain is a dot-atom, in which hyphens stand anywhere; that a host name does not begin or
    // end with one is RFC 5321 §4.1.2, which the envelope judges.
    const bool hyphen = diagnosis == "ISEMAIL_ERR_DOMAINHYPHENSTART" || diagnosis == "ISEMAIL_ERR_DOMAINHYPHENEND";
    if (category == "ISEMAIL_ERR" && !hyphen) {
      CHECK(got == "refused");
    } else if (category == "ISEMAIL_DEPREC" && diagnosis != "ISEMAIL_DEPREC_CFWS_NEAR_AT" &&
               diagnosis != "ISEMAIL_RFC5321_IPV6DEPRECATED") {
      CHECK(got == "obsolete");
    } else {
      // RFC 5322 §3.4.1 only advises against CFWS near the '@', so those are standard, or obsolete for other reasons.
      CHECK(got != "refused");
    }
    if (diagnosis == "ISEMAIL_VALID" || category == "ISEMAIL_RFC5321") CHECK(got == "standard");
  }
  CHECK(count == 164);
}

std::vector<std::string> flanker_lines(std::string_view file) {
  const std::string text =
      angarium::test::read_file(angarium::test::tests_path("vectors/address/flanker/" + std::string(file)));
  std::vector<std::string> result;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = take_until(rest, '\n');
    const bool comment = line.starts_with('#') && line.find('@') == std::string_view::npos;
    if (line.starts_with("# ") || line.starts_with("#first") || comment) {
      // Addresses behind '#' are those that flanker does not read; we do, so those of the valid file are tested too.
      const bool unread = file == "mailbox_valid.txt" && line.find('@') != std::string_view::npos &&
                          line.find("  # ") != std::string_view::npos;
      if (!unread) continue;
      line.remove_prefix(2);
    }
    if (const std::size_t note = line.find("   # "); note != std::string_view::npos) line = line.substr(0, note);
    while (line.ends_with(' ') && file != "abridged_localpart_valid.txt") line.remove_suffix(1);
    if (!line.empty() && line.find_first_not_of(' ') != std::string_view::npos) result.emplace_back(line);
  }
  return result;
}

TEST_CASE("flanker's valid mailboxes and local parts") {
  int count = 0;
  for (const std::string& line : flanker_lines("mailbox_valid.txt")) {
    CHECK_MESSAGE(grade(line, AddressSyntax::mailbox) != "refused", line);
    const AddressList list = parse_addresses(line);
    CHECK_MESSAGE((list.addresses.size() == 1 && list.defects == 0), line);
    ++count;
  }
  for (const std::string& line : flanker_lines("abridged_localpart_valid.txt")) {
    CHECK_MESSAGE(grade(line + "@b", AddressSyntax::addr_spec) != "refused", line);
    ++count;
  }
  CHECK(count > 250);
}

TEST_CASE("flanker's invalid mailboxes and local parts") {
  // What flanker refuses and the RFC gives:
  const std::string_view kGivenByTheRfc[] = {
      "\"foo\"(yay)@(hoopla)[1.2.3.4]",  // RFC 5322 §3.2.2: CFWS around a quoted string and a domain literal
      "test@xn--example.com",            // RFC 5322 §3.4.1: a dot-atom
      "partially.\"quoted\"@sld.com",    // RFC 5322 §4.4: obs-local-part is words with dots between
      "first.\"\".last@iana.org",        // the same, and "" is a word (§3.2.4)
      "foo@[\\1.2.3.4]",                 // RFC 5322 §4.4: obs-dtext is a quoted pair
  };
  int count = 0;
  for (const std::string& line : flanker_lines("mailbox_invalid.txt")) {
    const bool given = std::ranges::find(kGivenByTheRfc, line) != std::end(kGivenByTheRfc);
    // RFC 5321 §4.5.3.1 limits lengths in the envelope, the header's grammar does not; and "aaa@.123" has no such
    // excuse.
    const bool too_long = line.size() > 320;
    CHECK_MESSAGE((grade(line, AddressSyntax::mailbox) == "refused") == !(given || too_long), line);
    ++count;
  }
  for (const std::string& line : flanker_lines("abridged_localpart_invalid.txt")) {
    // Given with a domain already, of one label, which RFC 5322 §3.4.1 does not mind.
    if (line == "abc@def" || line == "test@test") continue;
    // RFC 5322 §4.4: obs-local-part is words with dots between, and "" is a word.
    const bool obsolete = line == "first.\"\".last" || line == "partially.\"quoted\"";
    CHECK_MESSAGE((grade(line + "@b", AddressSyntax::addr_spec) == "refused") == !obsolete, line);
    ++count;
  }
  CHECK(count > 90);
}

/// What mail-parser makes of a name and its comments.
std::string name_with_comment(const std::string& name, const std::string& comment) {
  if (name.empty()) return comment;
  return comment.empty() ? name : name + " (" + comment + ")";
}
std::string text_of(const boost::json::value& value) {
  return value.is_null() ? std::string() : std::string(value.as_string());
}

TEST_CASE("mail-parser's address vectors") {
  const boost::json::value vectors = boost::json::parse(test::read_vectors("mail-parser/address.json"));
  for (const auto& vector : vectors.as_array()) {
    const std::string value = test::field_value(vector.at("header").as_string());
    CAPTURE(value);
    // RFC 5322 §3.2.1: a backslash quotes one character, here the blank of the fold, so ")" ends the comment.
    if (value.starts_with("Pete(A nice \n \\\n )")) continue;
    const AddressList list = parse_addresses(value);
    std::size_t at = 0;
    const auto compare = [&](const boost::json::array& expected) {
      for (const auto& wanted : expected) {
        // A comment alone is no address (RFC 5322 §3.4: a group-list may be CFWS).
        if (wanted.at("address").is_null()) continue;
        REQUIRE(at < list.addresses.size());
        const Address& got = list.addresses[at++];
        std::string spec = got.domain.empty() ? got.local_part : got.local_part + "@" + got.domain;
        if (!got.route.empty()) spec = got.route + ":" + spec;
        // CFWS around '@' and dots is no part of the address (RFC 5322 §3.2.2).
        std::string wanted_spec = text_of(wanted.at("address"));
        std::erase(wanted_spec, ' ');
        CHECK(spec == wanted_spec);
        CHECK(name_with_comment(got.name, got.comment) == text_of(wanted.at("name")));
      }
    };
    if (vector.at("expected").as_object().contains("List")) {
      compare(vector.at("expected").at("List").as_array());
      CHECK(list.groups.empty());
    } else {
      std::size_t group = 0;
      for (const auto& wanted : vector.at("expected").at("Group").as_array()) {
        const std::size_t begin = at;
        compare(wanted.at("addresses").as_array());
        if (wanted.at("name").is_null()) continue;
        REQUIRE(group < list.groups.size());
        const AddressGroup& got = list.groups[group++];
        CHECK(got.begin == begin);
        CHECK(got.end == at);
        CHECK(name_with_comment(got.name, got.comment).starts_with(text_of(wanted.at("name")).substr(0, 7)));
      }
      CHECK(group == list.groups.size());
    }
    CHECK(at == list.addresses.size());
  }
}

TEST_CASE("a list of addresses cut at any octet is read") {
  const std::string_view text = "G:\"a\\\"b\" <@x,@y:c.\"d\"@[1.2.3.4]> (c\\)(d)), =?utf-8?Q?e,?= f@g;\r\n , h @ i . j";
  for (std::size_t i = 0; i <= text.size(); ++i) {
    for (const auto part : {text.substr(0, i), text.substr(i)}) {
      for (const Address& address : parse_addresses(part).addresses) CHECK(valid_utf8(address.name));
      (void)check_addresses(part, AddressSyntax::address_list);
    }
  }
}

}  // namespace
}  // namespace angarium::message
