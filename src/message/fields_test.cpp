#include "message/fields.h"

#include <algorithm>
#include <boost/json.hpp>

#include "message/header.h"
#include "message/trace_fields.h"
#include "message/vectors.h"
#include "support/test.h"

namespace angarium::message {
namespace {

using Strings = std::vector<std::string>;

TEST_CASE("fields are known by name without regard to case") {
  CHECK(known_field("SUBJECT")->name == "Subject");
  CHECK(known_field("mime-version")->syntax == FieldSyntax::word);
  CHECK(known_field("resent-to")->syntax == FieldSyntax::addresses);
  CHECK_FALSE(known_field("Received")->once);
  CHECK(known_field("From")->once);
  CHECK(known_field("Archived-At") != nullptr);
  CHECK(known_field("X-Original-To") != nullptr);
  for (const char* name : {"", "X-Any", "Subjec", "Subjects", "zzz", "A"}) CHECK(known_field(name) == nullptr);
}

TEST_CASE("RFC 5322 3.6.4: identifiers stand in angle brackets, blanks and comments are none of them") {
  CHECK(parse_message_ids(" <a@b> (c) <d @ e(f) . g>\r\n <\"h\"@[i]>") == Strings{"a@b", "d@e.g", "\"h\"@[i]"});
  CHECK(parse_message_ids("Your message of Monday <a@b>") == Strings{"a@b"});  // §4.5.4: phrases in In-Reply-To
  CHECK(parse_message_ids("a@b (c) d@e") == Strings{"a@b", "d@e"});
  CHECK(parse_message_ids("<a@b <c@d>") == Strings{"a@b", "c@d"});
  CHECK(parse_message_ids("<a@b") == Strings{"a@b"});
  CHECK(parse_message_ids("<>") == Strings{});
  CHECK(parse_message_ids("") == Strings{});
  std::string many;
  for (std::size_t i = 0; i <= kMessageIdsMax; ++i) many += "<a>";
  CHECK(parse_message_ids(many).size() == kMessageIdsMax);
}

TEST_CASE("mail-parser's vectors of identifiers") {
  const boost::json::value vectors = boost::json::parse(test::read_vectors("mail-parser/id.json"));
  for (const auto& vector : vectors.as_array()) {
    Strings expected;
    if (!vector.at("expected").is_null()) {
      for (const auto& id : vector.at("expected").as_array()) expected.emplace_back(id.as_string());
    }
    // RFC 5322 §4.5.4: CFWS in an obsolete msg-id is no part of it.
    if (expected.size() == 1 && expected[0].starts_with("1234   @")) expected[0] = "1234@local.machine.example";
    CHECK(parse_message_ids(test::field_value(vector.at("header").as_string())) == expected);
  }
}

TEST_CASE("RFC 5322 3.6.5: keywords are phrases between commas") {
  CHECK(parse_phrases("a b, \"c, d\", (x) e (y), , =?utf-8?Q?=C3=A9?=") == Strings{"a b", "c, d", "e", "\xc3\xa9"});
  const boost::json::value vectors = boost::json::parse(test::read_vectors("mail-parser/list.json"));
  for (const auto& vector : vectors.as_array()) {
    Strings expected;
    for (const auto& item : vector.at("expected").as_array()) expected.emplace_back(item.as_string());
    CHECK(parse_phrases(test::field_value(vector.at("header").as_string())) == expected);
  }
}

TEST_CASE("words, versions, languages and locations lose their comments and folds") {
  CHECK(without_cfws(" 1.(produced by x)0 ") == "1.0");
  CHECK(without_cfws("base64 (yes)\r\n") == "base64");
  CHECK(parse_words("en, (c) de-AT,, fr") == Strings{"en", "de-AT", "fr"});
  CHECK(parse_uri(" http://a.example/very/\r\n long(1) (comment)") == "http://a.example/very/long(1)");
  CHECK(parse_uri("=?utf-8?Q?file=20x?=") == "filex");
  CHECK(parse_uri("<http://x>") == "http://x");
}

TEST_CASE("RFC 2369 2: list fields hold URLs in brackets, with comments, in order; NO for no posting") {
  const ListUrls urls = parse_urls("(join) <mailto:l@h?body=sub%20list>,\r\n <http://h/\r\n x> (web)");
  CHECK(urls.urls == Strings{"mailto:l@h?body=sub%20list", "http://h/x"});
  CHECK_FALSE(urls.no);
  CHECK(parse_urls("NO (posting not allowed)").no);
  CHECK_FALSE(parse_urls("NOT").no);
  CHECK(parse_urls("<unclosed").urls == Strings{"unclosed"});
  CHECK(parse_urls("").urls.empty());
}

TEST_CASE("RFC 2919 3: a list has an identifier and perhaps a description") {
  CHECK(parse_list_id("List Header =?utf-8?Q?=C3=A9?= <list-header.nisto.com>")->description == "List Header \xc3\xa9");
  CHECK(parse_list_id("List <a.b>")->id == "a.b");
  CHECK(parse_list_id("a.b")->id == "a.b");
  CHECK_FALSE(parse_list_id(" <> "));
}

TEST_CASE("RFC 3848, RFC 6531 4.3: names of the protocol a message came with") {
  using Base = WithProtocol::Base;
  CHECK(WithProtocol{.base = Base::smtp}.name() == "SMTP");
  CHECK(WithProtocol{}.name() == "ESMTP");
  CHECK(WithProtocol{.tls = true, .authenticated = true}.name() == "ESMTPSA");
  CHECK(WithProtocol{.authenticated = true}.name() == "ESMTPA");
  CHECK(WithProtocol{.base = Base::lmtp, .tls = true}.name() == "LMTPS");
  CHECK(WithProtocol{.tls = true, .utf8 = true}.name() == "UTF8SMTPS");
  CHECK(WithProtocol{.base = Base::lmtp, .utf8 = true}.name() == "UTF8LMTP");
}

ReceivedFacts facts() {
  return {.helo = "mail.example.org",
          .peer_name = "host.example.org",
          .peer_literal = "[192.0.2.1]",
          .by = "mx.example.net",
          .with = {.tls = true},
          .tls = "TLSv1.3 TLS_AES_256_GCM_SHA384",
          .id = "abc123",
          .for_path = "<joe@example.net>",
          .date = *parse_date("Tue, 1 Jul 2003 10:52:37 +0200")};
}

TEST_CASE("RFC 5321 4.4: a Received field says from, by, with, id, for and when, and reads back") {
  const std::string text = compose_received(facts());
  CHECK(unfold(text) ==
        "Received: from mail.example.org (host.example.org [192.0.2.1]) by mx.example.net with ESMTPS"
        " (TLSv1.3 TLS_AES_256_GCM_SHA384) id abc123 for <joe@example.net>; Tue, 1 Jul 2003 10:52:37 +0200\r\n");
  const Received read = parse_received(HeaderReader(text).next()->value);
  CHECK(read.from == "mail.example.org");
  CHECK(read.from_comment == "host.example.org [192.0.2.1]");
  CHECK(read.by == "mx.example.net");
  CHECK(read.with == "ESMTPS");
  CHECK(read.id == "abc123");
  CHECK(read.for_path == "joe@example.net");
  CHECK(read.date->day == CivilDay{2003, 7, 1});
}

TEST_CASE("what a client says in HELO cannot forge the field") {
  ReceivedFacts forged = facts();
  for (std::string_view helo : {"x) by evil.example (y", "a\r\nBcc: b", "a b", "x (", "\\", "\xff", "\" by x", "by",
                                "ID", "[1:2.1(]", "[t:;]", "[t:<]"}) {
    forged.helo = helo;
    const std::string text = compose_received(forged) + "X: 1\r\n";
    CAPTURE(text);
    CHECK(Header(text).count("X") == 1);
    CHECK(Header(text).count("Bcc") == 0);
    const Received read = parse_received(HeaderReader(text).next()->value);
    CHECK(read.from == "[192.0.2.1]");
    CHECK(read.by == "mx.example.net");
  }
}

TEST_CASE("Return-Path, Delivered-To and new Message-IDs") {
  CHECK(compose_return_path("<>") == "Return-Path: <>\r\n");
  CHECK(compose_delivered_to("a@b") == "Delivered-To: a@b\r\n");
  SeededRandom random(1);
  const std::string one = make_message_id(WallTime::from_seconds(1'700'000'000), random, "h.example");
  const std::string two = make_message_id(WallTime::from_seconds(1'700'000'000), random, "h.example");
  CHECK(one != two);
  CHECK(parse_message_ids(one)[0] == one.substr(1, one.size() - 2));
  CHECK(one.ends_with("@h.example>"));
}

TEST_CASE("a Received value cut at any octet is read") {
  const std::string value =
      "from a (b [1.2.3.4]) by c (d) via e with f id <g> for <\"h;i\"@j>; 1 Jul 2003 10:52:37 +0200 (k)";
  for (std::size_t i = 0; i <= value.size(); ++i) {
    (void)parse_received(std::string_view(value).substr(0, i));
    (void)parse_received(std::string_view(value).substr(i));
  }
  CHECK(parse_received(value).for_path == "\"h;i\"@j");
  CHECK(parse_received("from by x").by == "x");
  CHECK(parse_received("from [t:(;] by x").by == "x");
  for (const char* piece : {"<", "[", "(", ";", "from ", "\"", "from<"}) {
    std::string huge;
    while (huge.size() < 300'000) huge += piece;
    (void)parse_received(huge);
  }
}

std::string name_of(const boost::json::object& expected, const char* key) {
  if (!expected.contains(key) || expected.at(key).is_null()) return {};
  const auto& value = expected.at(key);
  if (value.is_string()) return std::string(value.as_string());
  const auto& host = value.as_object();
  return std::string(host.begin()->value().as_string());
}

TEST_CASE("mail-parser's vectors of Received: clauses that RFC 5321 4.4 gives") {
  // RFC 5322 §3.2.2: what stands in a comment is no clause, so these have no from clause. RFC 5321 §4.4: an id and a
  // domain of an old host are Strings, whose atoms may hold '/'. The last two follow no grammar: the first by clause is
  // taken, and what sticks to a literal stays.
  const std::string_view kOther[] = {
      "(from ",   "(qmail 84907 ",      "by oak.ein.cz",   "with SMTP id EE/20",        "id 8B/57",
      "id 52/92", "from Unknown/Local", "by alpha by uid", "from [10.128.128.81]:50999"};
  int compared = 0;
  int dates = 0;
  const boost::json::value vectors = boost::json::parse(test::read_vectors("mail-parser/received.json"));
  for (const auto& vector : vectors.as_array()) {
    const std::string value = test::field_value(vector.at("header").as_string());
    const auto other = [&value](std::string_view part) { return value.find(part) != std::string::npos; };
    const Received read = parse_received(value);
    const auto& expected = vector.at("expected").as_object();
    CAPTURE(value);
    const auto compare = [&](std::string got, const char* key) {
      const std::string wanted = name_of(expected, key);
      if (wanted.empty()) return;
      if (got.starts_with('[') && got.ends_with(']')) got = got.substr(1, got.size() - 2);
      ++compared;
      CHECK(got == wanted);
    };
    if (std::ranges::none_of(kOther, other)) {
      compare(read.from, "from");
      compare(read.by, "by");
      compare(read.for_path, "for_");
      compare(read.id, "id");
      compare(read.via, "via");
    }
    if (!read.date || !expected.contains("date") || expected.at("date").is_null()) continue;
    const auto& date = expected.at("date").as_object();
    // RFC 5322 §4.3: "03" is 2003, and in "Fri Feb 07 10:18:12 2003" 10 is no year; the vectors have years 3 and 10
    // there.
    if (date.at("year").as_int64() < 1990 || date.at("year").as_int64() > 2030) continue;
    ++dates;
    CHECK(read.date->day == CivilDay{static_cast<int>(date.at("year").as_int64()),
                                     static_cast<int>(date.at("month").as_int64()),
                                     static_cast<int>(date.at("day").as_int64())});
    CHECK(read.date->hour == date.at("hour").as_int64());
    CHECK(read.date->minute == date.at("minute").as_int64());
  }
  CHECK(compared > 450);
  CHECK(dates > 150);
}

}  // namespace
}  // namespace angarium::message
