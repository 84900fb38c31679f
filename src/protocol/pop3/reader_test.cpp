#include "protocol/pop3/reader.h"

#include "base/text.h"
#include "protocol/pop3/body.h"
#include "protocol/pop3/state.h"
#include "protocol/pop3/writer.h"
#include "sasl/types.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::protocol::pop3;

TEST_CASE("RFC 2449 section 3: keywords have three or four letters or digits") {
  for (std::string_view good : {"TOP 1 2", "noop", "UTF8", "XTND a b", "STAT "})
    CHECK_MESSAGE(parse_command(good).has_value(), good);
  for (std::string_view bad : {"", " ", "a", "ab", "abcde", " STAT", "ST AT", "ST\tAT", "STAT\x01", "STAT\x7F",
                               "USER \xFF", "US\xC3\xA9R", "USER a\rb", "US-R"})
    CHECK_MESSAGE(parse_command(bad).error().is(kBadCommand), bad);
  CHECK(parse_command("STAT\0"sv).error().is(kBadCommand));
}

TEST_CASE("parameters are separated by one space; a password may hold any") {
  auto command = parse_command("TOP 12 34").value();
  CHECK(command.keyword == "TOP");
  CHECK(command.parameters.require_number().value() == 12);
  CHECK(!command.parameters.end());
  CHECK(command.parameters.require_count().value() == 34);
  CHECK(command.parameters.end().has_value());
  CHECK(!command.parameters.present());
  CHECK(!command.parameters.require());
  CHECK(parse_command("PASS  two  spaces ")->parameters.require_rest().value() == " two  spaces ");
  CHECK(!parse_command("PASS ")->parameters.require_rest());
  CHECK(!parse_command("PASS")->parameters.require_rest());
  CHECK(!parse_command("DELE  1")->parameters.require());
}

TEST_CASE("message numbers fit 32 bits and are not 0; counts may be 0") {
  auto number = [](std::string_view text) { return Parameters(text).require_number(); };
  CHECK(number(" 1").value() == 1);
  CHECK(number(" 4294967295").value() == 4294967295U);
  for (std::string_view bad : {" 0", " 4294967296", " -1", " +1", " 1x", " x", " ", ""})
    CHECK_MESSAGE(!number(bad), bad);
  CHECK(Parameters(" 0").require_count().value() == 0);
  CHECK(Parameters(" 18446744073709551615").require_count().has_value());
  CHECK(!Parameters(" 18446744073709551616").require_count());
}

TEST_CASE("every command of the table is found in any case, and is legal somewhere") {
  for (const Rule& rule : kRules) {
    CHECK(find_rule(to_lower(rule.keyword)) == &rule);
    CHECK(is_legal(rule.legal, State::authorization) + is_legal(rule.legal, State::transaction) >= 1);
    CHECK(!is_legal(rule.legal, State::update));
  }
  CHECK(find_rule("XTND") == nullptr);
}

TEST_CASE("status lines: indicator, response code, text") {
  auto status = parse_status("+OK").value();
  CHECK(status.kind == Status::Kind::ok);
  CHECK(status.text.empty());
  status = parse_status("-ERR [IN-USE] wait").value();
  CHECK(status.kind == Status::Kind::error);
  CHECK(status.code == Code::in_use);
  CHECK(status.text == "wait");
  CHECK(parse_status("-ERR [sys/temp]")->code == Code::sys_temp);
  CHECK(parse_status("-ERR [NEW/CODE] x")->text == "[NEW/CODE] x");
  CHECK(parse_status("-ERR [AUTH")->code == Code::none);
  CHECK(parse_status("+ QUJD")->text == "QUJD");
  CHECK(parse_status("+ ")->text.empty());
  CHECK(parse_status("+")->kind == Status::Kind::challenge);
  for (std::string_view bad : {"", "OK", "+OKAY", "-ERROR", "-ER", " +OK", "220 smtp", "* OK", "+OK\ttab"})
    CHECK_MESSAGE(parse_status(bad).error().is(kBadReply), bad);
}

TEST_CASE("lines of listings") {
  CHECK(parse_listing("12 345 more").value().number == 12);
  CHECK(parse_listing("12 345 more").value().rest == "345 more");
  CHECK(parse_size("345 more").value() == 345);
  for (std::string_view bad : {"", "1", "1 ", "0 1", "x 1", "-1 1", " 1 1"}) CHECK_MESSAGE(!parse_listing(bad), bad);
  CHECK(!parse_size("12a"));
  CHECK(parse_unique_id(std::string(kUniqueIdMax, 'u')).has_value());
  CHECK(!parse_unique_id(std::string(kUniqueIdMax + 1, 'u')));
  for (std::string_view bad : {"", "a b", "a\x7F", "\xC3\xA9"}) CHECK_MESSAGE(!parse_unique_id(bad), bad);
}

TEST_CASE("RFC 1939 section 7: the timestamp of a greeting is a msg-id") {
  CHECK(find_timestamp("POP3 server ready <1896.697170952@dbc.mtview.ca.us>") == "<1896.697170952@dbc.mtview.ca.us>");
  CHECK(find_timestamp("<a@b> and <c@d>") == "<a@b>");
  for (std::string_view none : {"", "ready", "<no at>", "<noat>", "<open@", "><", "<a b@c>", "<\xC3\xA9@x>"})
    CHECK_MESSAGE(find_timestamp(none).empty(), none);
}

TEST_CASE("capabilities: keyword and parameters, within 512 octets") {
  const auto capability = parse_capability("sasl PLAIN  LOGIN").value();
  CHECK(capability.keyword == "SASL");
  CHECK(capability.parameters == std::vector<std::string>{"PLAIN", "LOGIN"});
  CHECK(!parse_capability(""));
  CHECK(!parse_capability(" X"));
  CHECK(parse_capability(std::string(510, 'X')).has_value());
  CHECK(!parse_capability(std::string(511, 'X')));
}

TEST_CASE("a response line never has more than 512 octets, and no controls") {
  for (std::string_view unit : {"x"sv, "\x01"sv, "\xC2\x85"sv, "\xF0\x9F\xA6\x8A"sv}) {
    std::string text;
    while (text.size() < 2000) text += unit;
    std::string line;
    write_error(line, Code::login_delay, text);
    CHECK(line.size() <= kResponseLineMax);
    CHECK(line.find('\x01') == std::string::npos);
  }
  std::string line;
  write_error(line, Code::none, "a\r\n+OK b");
  CHECK(line == "-ERR a\\x0d\\x0a+OK b\r\n");
}

TEST_CASE("errors of others are not told in their words") {
  const Refusal ours = refusal_for(Error(kBroken, "/var/lib/secret"));
  CHECK(ours.code == Code::sys_perm);
  CHECK(ours.text.find("secret") == std::string::npos);
  CHECK(refusal_for(Error(sasl::kUnavailable, "ldap://10.0.0.1")).code == Code::sys_temp);
  CHECK(refusal_for(Error(sasl::kBadCredentials, "no such user")).text ==
        refusal_for(Error(sasl::kBadCredentials, "wrong password")).text);
  CHECK(refusal_for(Error(sasl::kChannelBinding, "x")).code == Code::none);
  for (const Code code : {Code::in_use, Code::login_delay, Code::sys_temp, Code::sys_perm, Code::auth, Code::utf8})
    CHECK(code_of(to_text(code)) == code);
}

TEST_CASE("RFC 1939 section 7: TOP gives the header, the empty line and so many lines, however the message is cut") {
  const std::string message = "A: 1\r\nB: 2\r\n\r\none\r\n\r\nthree\r\n";
  auto top = [](std::string_view text, std::uint64_t lines, std::size_t cut) {
    TopCutter cutter(lines);
    std::string result(cutter.take(text.substr(0, cut)));
    if (!cutter.ended()) result += cutter.take(text.substr(cut));
    return result;
  };
  for (std::size_t cut = 0; cut <= message.size(); ++cut) {
    CHECK(top(message, 0, cut) == "A: 1\r\nB: 2\r\n\r\n");
    CHECK(top(message, 1, cut) == "A: 1\r\nB: 2\r\n\r\none\r\n");
    CHECK(top(message, 2, cut) == "A: 1\r\nB: 2\r\n\r\none\r\n\r\n");
    CHECK(top(message, 3, cut) == message);
    CHECK(top(message, 9, cut) == message);
  }
  CHECK(top("\r\nbody\r\nmore\r\n", 1, 1) == "\r\nbody\r\n");
  CHECK(top("A: no body\r\n", 5, 3) == "A: no body\r\n");
}
