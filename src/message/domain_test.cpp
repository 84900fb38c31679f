#include "message/domain.h"

#include "support/test.h"

namespace angarium::message {
namespace {

TEST_CASE("RFC 5321 4.1.2: a domain is labels of letters, digits and inner hyphens") {
  for (const char* domain : {"a", "example.org", "3com.com", "a-b.c--d.e", "1.2.3.4", "xn--bcher-kva.example"}) {
    CHECK_MESSAGE(valid_domain(domain), domain);
  }
  for (const char* domain :
       {"", ".", "a.", ".a", "a..b", "-a", "a-", "a_b", "a b", "a/b", "[1.2.3.4]", "b\xc3\xbc.de"}) {
    CHECK_MESSAGE(!valid_domain(domain), domain);
  }
}

TEST_CASE("a label has at most 63 octets and a domain at most 255") {
  CHECK(valid_domain(std::string(63, 'a')));
  CHECK_FALSE(valid_domain(std::string(64, 'a')));
  std::string domain(63, 'a');
  for (int i = 0; i < 3; ++i) domain += "." + std::string(63, 'a');
  CHECK(domain.size() == kDomainMax);
  CHECK(valid_domain(domain));
  domain[1] = '.';
  CHECK(valid_domain(domain));
  CHECK_FALSE(valid_domain("a" + domain));
}

TEST_CASE("RFC 6531 3.3: U-labels are part of a domain only where UTF-8 is accepted, and only if IDNA takes them") {
  CHECK(
      valid_domain("b\xc3\xbc"
                   "cher.example",
                   Utf8::accept));
  CHECK(valid_domain("\xe4\xbe\x8b\xe5\xad\x90.\xe5\xb9\xbf\xe5\x91\x8a", Utf8::accept));
  CHECK_FALSE(
      valid_domain("b\xfc"
                   "cher.example",
                   Utf8::accept));
  CHECK_FALSE(valid_domain("\xc3\xbc..example", Utf8::accept));
  CHECK_FALSE(valid_domain("\xe2\x80\x8b.example", Utf8::accept));  // zero width space
}

TEST_CASE("A-labels and U-labels turn into each other") {
  CHECK(*domain_to_ascii("B\xc3\x9c"
                         "CHER.Example") == "xn--bcher-kva.example");
  CHECK(domain_to_unicode("XN--bcher-KVA.example") ==
        "b\xc3\xbc"
        "cher.example");
  CHECK(*domain_to_ascii("fa\xc3\x9f.de") == "xn--fa-hia.de");  // not transitional
  CHECK(domain_to_unicode("xn--\x01.xn--bcher-kva") ==
        "xn--\x01.b\xc3\xbc"
        "cher");
  CHECK(*domain_to_ascii("[IPv6:FE80::1]") == "[ipv6:fe80::1]");
  CHECK_FALSE(domain_to_ascii("\xff"));
  CHECK_FALSE(domain_to_ascii(std::string("\xc3\xbc\0", 3)));
  std::string many;
  for (int i = 0; i < 600; ++i) many += "\xc3\xbc";
  CHECK_FALSE(domain_to_ascii(many));
}

TEST_CASE("domains compare without case, dot at the end or form of label") {
  CHECK(same_domain("Example.ORG", "example.org."));
  CHECK(
      same_domain("b\xc3\xbc"
                  "cher.example",
                  "XN--BCHER-KVA.example"));
  CHECK_FALSE(same_domain("example.org", "example.com"));
  CHECK_FALSE(same_domain("\xff", "\xfe"));
}

TEST_CASE("RFC 5321 4.1.3: address literals") {
  const auto four = parse_address_literal("[192.0.2.001]");
  REQUIRE(four);
  CHECK(four->kind == AddressLiteral::Kind::ipv4);
  CHECK(format_address_literal(*four) == "[192.0.2.1]");
  const auto six = parse_address_literal("[ipv6:2001:DB8:0:0::1]");
  REQUIRE(six);
  CHECK(six->kind == AddressLiteral::Kind::ipv6);
  CHECK(format_address_literal(*six) == "[IPv6:2001:db8::1]");
  CHECK(format_address_literal(*parse_address_literal("[IPv6:::ffff:192.0.2.1]")) == "[IPv6:::ffff:192.0.2.1]");
  CHECK(parse_address_literal("[IPv6:::]"));
  const auto general = parse_address_literal("[x-tag:some@thing]");
  REQUIRE(general);
  CHECK(general->kind == AddressLiteral::Kind::general);
  CHECK(general->tag == "x-tag");
  CHECK(format_address_literal(*general) == "[x-tag:some@thing]");
  for (std::string_view text : {"",
                                "[]",
                                "[1.2.3]",
                                "[1.2.3.4.5]",
                                "[1.2.3.256]",
                                "[1.2.3.0004]",
                                "[1.2.3.]",
                                "[1.2..3]",
                                "[IPv6:1::2::3]",
                                "[IPv6:1:2:3:4:5:6:7]",
                                "[IPv6:12345::]",
                                "[IPv6:]",
                                "[IPv6:fe80::1%eth0]",
                                "[:x]",
                                "[tag:]",
                                "[tag-:x]",
                                "[tag:a b]",
                                "[tag:a[b]",
                                "1.2.3.4",
                                "[1.2.3.4",
                                "[IPv6:1::2:]",
                                "[+1.2.3.4]",
                                "[ 1.2.3.4]"}) {
    CHECK_MESSAGE(!parse_address_literal(text), text);
  }
}

TEST_CASE("a domain's key is its own key, and what is no domain never has the key of one") {
  CHECK(domain_key("Example.ORG.") == "example.org");
  CHECK(domain_key("example.org..") == "example.org..");
  CHECK(domain_key("b\xC3\xBC"
                   "cher.example\xE3\x80\x82") == "xn--bcher-kva.example");
  for (std::string_view domain : {"a.", "a..", "..", ".", "v\x90.", "v\x90..", "b\xC3\xBC.\xE3\x80\x82", "A.B"})
    CHECK_MESSAGE(domain_key(domain_key(domain)) == domain_key(domain), domain);
}

TEST_CASE("RFC 5891 §5.4: what does not lead back to the same A-labels is shown as it is") {
  CHECK(domain_to_unicode("xn--a.example") == "xn--a.example");
  CHECK(domain_to_unicode("xn--a.xn--bcher-kva.example") ==
        "xn--a.b\xC3\xBC"
        "cher.example");
}

}  // namespace
}  // namespace angarium::message
