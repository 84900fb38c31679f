#include "io/dns_message.h"

#include "io/dns_test_message.h"
#include "support/test.h"

namespace angarium::io {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using dns_test::wire_answer;
using dns_test::wire_mx;
using dns_test::wire_name;
using dns_test::wire_number;
using dns_test::wire_record;
using dns_test::wire_soa;
using dns_test::WireAnswer;

std::string one(RecordType type, std::string_view data) {
  return wire_answer(
      {.name = "a.example", .type = type, .answers = 1, .answer = wire_record("a.example", type, 60, data)});
}
/// A pointer of RFC 1035 §4.1.4.
std::string pointer(unsigned to) { return wire_number(0xC000U | to, 2); }
constexpr unsigned kQuestion = 12;

TEST_CASE("each type is read from its form on the wire") {
  CHECK(read_answer(one(RecordType::a, "\xC0\x00\x02\x01"sv), RecordType::a).records ==
        std::vector<Record>{*IpAddress::parse("192.0.2.1")});
  CHECK(read_answer(one(RecordType::aaaa, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"sv), RecordType::aaaa).records ==
        std::vector<Record>{*IpAddress::parse("2001:db8::1")});
  CHECK(read_answer(one(RecordType::mx, wire_mx(300, "mx.example")), RecordType::mx).records ==
        std::vector<Record>{MxRecord{300, "mx.example"}});
  CHECK(read_answer(one(RecordType::mx, wire_mx(0, ".")), RecordType::mx).records ==
        std::vector<Record>{MxRecord{0, "."}});
  CHECK(read_answer(one(RecordType::ptr, wire_name("host.example")), RecordType::ptr).records ==
        std::vector<Record>{NameRecord{"host.example"}});
  CHECK(read_answer(one(RecordType::cname, wire_name("b.example")), RecordType::cname).records ==
        std::vector<Record>{NameRecord{"b.example"}});
  CHECK(read_answer(one(RecordType::txt, "\3v=s\0\2pf"sv), RecordType::txt).records ==
        std::vector<Record>{TextRecord{"v=spf"}});
  CHECK(read_answer(one(RecordType::tlsa, "\3\1\2\xFF\0"sv), RecordType::tlsa).records ==
        std::vector<Record>{TlsaRecord{3, 1, 2, std::string("\xFF\0", 2)}});
  CHECK(read_answer(one(RecordType::srv, "\0\1\0\2\2\x4B"s + wire_name("mail.example")), RecordType::srv).records ==
        std::vector<Record>{SrvRecord{1, 2, 587, "mail.example"}});
}

TEST_CASE("data that is shorter or longer than its type is malformed") {
  for (const auto& message :
       {one(RecordType::a, "\1\2\3"), one(RecordType::a, "\1\2\3\4\5"), one(RecordType::aaaa, "\1\2\3\4")})
    for (const auto type : {RecordType::a, RecordType::aaaa}) {
      const auto answer = read_answer(message, type);
      CHECK((answer.trouble == Trouble::malformed || answer.outcome == Outcome::no_data));
      CHECK(answer.records.empty());
    }
  CHECK(read_answer(one(RecordType::mx, wire_mx(1, "mx.example") + "x"), RecordType::mx).trouble == Trouble::malformed);
  CHECK(read_answer(one(RecordType::mx, "\1"), RecordType::mx).trouble == Trouble::malformed);
  CHECK(read_answer(one(RecordType::txt, "\5abc"), RecordType::txt).trouble == Trouble::malformed);
  CHECK(read_answer(one(RecordType::tlsa, "\1\2"), RecordType::tlsa).trouble == Trouble::malformed);
  CHECK(read_answer(one(RecordType::srv, "\1\2\3\4\5"), RecordType::srv).trouble == Trouble::malformed);
}

TEST_CASE("outcomes: records, no data, no such name, and codes that say nothing (RFC 2308 §2)") {
  CHECK(read_answer(one(RecordType::a, "\1\2\3\4"), RecordType::a).outcome == Outcome::records);
  CHECK(read_answer(one(RecordType::a, "\1\2\3\4"), RecordType::a).ttl == 60s);
  const WireAnswer none{.name = "a.example", .authorities = 1, .authority = wire_soa("example", 900, 300)};
  CHECK(read_answer(wire_answer(none), RecordType::a).outcome == Outcome::no_data);
  CHECK(read_answer(wire_answer(none), RecordType::a).ttl == 300s);  // RFC 2308 §5: the lesser
  auto absent = none;
  absent.code = 3;
  absent.authority = wire_soa("example", 100, 300);
  CHECK(read_answer(wire_answer(absent), RecordType::a).outcome == Outcome::no_name);
  CHECK(read_answer(wire_answer(absent), RecordType::a).ttl == 100s);
  for (unsigned code = 1; code < 16; ++code) {
    if (code == 3) continue;
    const auto answer = read_answer(wire_answer({.code = code, .name = "a.example"}), RecordType::a);
    CHECK(answer.trouble == Trouble::server_failure);
    CHECK(answer.temporary());
  }
}

TEST_CASE("the chain of aliases is followed in any order and only from the question on (RFC 1034 §3.6.2)") {
  const auto message =
      wire_answer({.name = "WWW.example",
                   .answers = 5,
                   .answer = wire_record("c.example", RecordType::a, 500, "\1\2\3\4") +
                             wire_record("b.example", RecordType::cname, 50, wire_name("c.example")) +
                             wire_record("www.EXAMPLE", RecordType::cname, 70, wire_name("B.example")) +
                             wire_record("other.example", RecordType::a, 1, "\5\5\5\5") +
                             wire_record("x.example", RecordType::cname, 1, wire_name("y.example"))});
  const auto answer = read_answer(message, RecordType::a);
  CHECK(answer.aliases == std::vector<std::string>{"B.example", "c.example"});
  CHECK(answer.records == std::vector<Record>{*IpAddress::parse("1.2.3.4")});
  CHECK(answer.ttl == 50s);
  const auto alias = read_answer(message, RecordType::cname);
  CHECK(alias.records == std::vector<Record>{NameRecord{"B.example"}});
}

std::string chain(unsigned links) {
  WireAnswer parts{.name = "n0.example", .answers = links + 1};
  for (unsigned i = 0; i < links; ++i)
    parts.answer += wire_record("n" + std::to_string(i) + ".example", RecordType::cname, 60,
                                wire_name("n" + std::to_string(i + 1) + ".example"));
  parts.answer += wire_record("n" + std::to_string(links) + ".example", RecordType::a, 60, "\1\2\3\4");
  return wire_answer(parts);
}

TEST_CASE("a chain of 16 aliases is followed, one of 17 and a circle are server failures") {
  CHECK(read_answer(chain(kAliasesMax), RecordType::a).outcome == Outcome::records);
  CHECK(read_answer(chain(kAliasesMax + 1), RecordType::a).trouble == Trouble::server_failure);
  const auto circle = wire_answer({.name = "a.example",
                                   .answers = 2,
                                   .answer = wire_record("a.example", RecordType::cname, 60, wire_name("b.example")) +
                                             wire_record("b.example", RecordType::cname, 60, wire_name("a.example"))});
  CHECK(read_answer(circle, RecordType::a).trouble == Trouble::server_failure);
}

TEST_CASE("256 records are kept, what is beyond is left out") {
  for (const unsigned count : {256U, 257U}) {
    WireAnswer parts{.name = "a.example", .answers = count};
    for (unsigned i = 0; i < count; ++i) parts.answer += wire_record("a.example", RecordType::a, 60, wire_number(i, 4));
    CHECK(read_answer(wire_answer(parts), RecordType::a).records.size() == 256);
  }
}

TEST_CASE("compressed names are read; a pointer at itself, forward, in a circle or into the header is malformed") {
  auto with_name = [](std::string_view name) {
    return wire_answer({.name = "a.example",
                        .type = RecordType::mx,
                        .answers = 1,
                        .answer = wire_record("a.example", RecordType::mx, 60, wire_number(1, 2) + std::string(name))});
  };
  const auto good = read_answer(with_name("\2mx" + pointer(kQuestion + 2)), RecordType::mx);
  CHECK(good.records == std::vector<Record>{MxRecord{1, "mx.example"}});
  const auto data = static_cast<unsigned>(with_name("").size());
  for (const unsigned to : {data, data + 1, data + 40, 0U, 11U, 0x3FFFU})
    CHECK_MESSAGE(read_answer(with_name(pointer(to)), RecordType::mx).trouble == Trouble::malformed, to);
  CHECK(read_answer(with_name("\1x" + pointer(data)), RecordType::mx).trouble == Trouble::malformed);
  CHECK(read_answer(with_name("\xC0"), RecordType::mx).trouble == Trouble::malformed);
  CHECK(read_answer(with_name("\x40"
                              "a"s +
                              '\0'),
                    RecordType::mx)
            .trouble == Trouble::malformed);  // §4.1.4: reserved
}

TEST_CASE("a name of 255 octets on the wire is read, one of 256 is malformed (RFC 1035 §2.3.4)") {
  const std::string label(63, 'a');
  const auto longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  CHECK(wire_name(longest).size() == 255);
  CHECK(read_answer(one(RecordType::ptr, wire_name(longest)), RecordType::ptr).records ==
        std::vector<Record>{NameRecord{longest}});
  CHECK(read_answer(one(RecordType::ptr, wire_name(longest + "b")), RecordType::ptr).trouble == Trouble::malformed);
}

TEST_CASE("odd octets of names are escaped so that no name can pass for another") {
  const auto answer = read_answer(one(RecordType::ptr, "\3a.b\4\\\0 \xFF\1c\0"sv), RecordType::ptr);
  CHECK(answer.records == std::vector<Record>{NameRecord{"a\\046b.\\092\\000\\032\\255.c"}});
  CHECK(!check_name(std::get<NameRecord>(answer.records.at(0)).name));
}

TEST_CASE("an answer cut at any octet is malformed, never read beyond") {
  const auto whole = chain(3);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::string part(whole, 0, length);  // a copy: the sanitizer sees its end
    CHECK(read_answer(part, RecordType::a).trouble == Trouble::malformed);
  }
  CHECK(read_answer(whole, RecordType::a).outcome == Outcome::records);
}

TEST_CASE("what is no whole answer to one question is malformed") {
  auto message = one(RecordType::a, "\1\2\3\4");
  auto changed = [&](std::size_t at, char value) {
    auto copy = message;
    copy[at] = value;
    return read_answer(copy, RecordType::a);
  };
  CHECK(changed(2, 0).trouble == Trouble::malformed);                        // a question
  CHECK(changed(2, static_cast<char>(0x83)).trouble == Trouble::malformed);  // cut
  CHECK(changed(5, 0).trouble == Trouble::malformed);                        // no question
  CHECK(changed(5, 2).trouble == Trouble::malformed);                        // two
  CHECK(changed(7, 2).trouble == Trouble::malformed);                        // more records than there are
}

TEST_CASE("records of another class do not count; a TTL with the highest bit is 0 (RFC 2181 §8)") {
  auto record = wire_record("a.example", RecordType::a, 60, "\1\2\3\4");
  record[wire_name("a.example").size() + 3] = 3;
  CHECK(read_answer(wire_answer({.name = "a.example", .answers = 1, .answer = record}), RecordType::a).outcome ==
        Outcome::no_data);
  const auto message = wire_answer(
      {.name = "a.example", .answers = 1, .answer = wire_record("a.example", RecordType::a, 0x80000000U, "\1\2\3\4")});
  CHECK(read_answer(message, RecordType::a).ttl == 0s);
  CHECK(read_answer(message, RecordType::a).outcome == Outcome::records);
}

}  // namespace
}  // namespace angarium::io
