#include "route/transport.h"

#include <fmt/format.h>

#include "support/test.h"

namespace angarium::route {
namespace {

Transport parsed(std::string_view text) { return parse_transport(text).value(); }

TEST_CASE("each transport is read from text and written in full") {
  struct Sample {
    std::string_view text;
    Transport transport;
    std::string_view full;
  };
  const Sample samples[] = {
      {"dns", ByDns{}, "dns"},
      {" discard ", Discard{}, "discard"},
      {"relay mx.example", Relay{.host = "mx.example"}, "relay mx.example:25 tls=opportunistic"},
      {"relay mx.example:587 tls=verified login=isp", Relay{"mx.example", 587, Tls::verified, "isp"},
       "relay mx.example:587 tls=verified login=isp"},
      {"relay mx.example login=isp", Relay{"mx.example", 25, Tls::verified, "isp"},
       "relay mx.example:25 tls=verified login=isp"},
      {"relay mx.example login=isp tls=required", Relay{"mx.example", 25, Tls::required, "isp"},
       "relay mx.example:25 tls=required login=isp"},
      {"relay mx.example login=isp tls=none", Relay{"mx.example", 25, Tls::none, "isp"},
       "relay mx.example:25 tls=none login=isp"},
      {"relay mx.example login=isp tls=implicit", Relay{"mx.example", 465, Tls::implicit, "isp"},
       "relay mx.example:465 tls=implicit login=isp"},
      {"relay [2001:db8::1]:26 tls=none", Relay{"2001:db8::1", 26, Tls::none, ""}, "relay [2001:db8::1]:26 tls=none"},
      {"relay 192.0.2.1 tls=required", Relay{"192.0.2.1", 25, Tls::required, ""}, "relay 192.0.2.1:25 tls=required"},
      {"lmtp store.example", ByLmtp{"store.example", 24, ""}, "lmtp store.example:24"},
      {"lmtp [::1]:2424", ByLmtp{"::1", 2424, ""}, "lmtp [::1]:2424"},
      {"lmtp unix:/run/a b/lmtp", ByLmtp{.socket = "/run/a b/lmtp"}, "lmtp unix:/run/a b/lmtp"},
      {"target mbox:/srv/archive.mbox", ToTarget{"mbox:/srv/archive.mbox"}, "target mbox:/srv/archive.mbox"},
      {"target pipe:vacation -a anna", ToTarget{"pipe:vacation -a anna"}, "target pipe:vacation -a anna"},
      {"error we moved", Refuse{550, "5.7.1", "we moved"}, "error 550 5.7.1 we moved"},
      {"error 450 come back", Refuse{450, "4.7.1", "come back"}, "error 450 4.7.1 come back"},
      {"error 551 5.1.6 we moved", Refuse{551, "5.1.6", "we moved"}, "error 551 5.1.6 we moved"},
      {"error 551 4.1.6 moved", Refuse{551, "5.7.1", "4.1.6 moved"}, "error 551 5.7.1 4.1.6 moved"},
  };
  for (const auto& sample : samples) {
    CAPTURE(sample.text);
    const auto transport = parse_transport(sample.text);
    REQUIRE(transport);
    CHECK(*transport == sample.transport);
    CHECK(transport_text(*transport) == sample.full);
    CHECK(parsed(sample.full) == sample.transport);
  }
}

TEST_CASE("what is no transport is refused") {
  for (const auto* text : {"",
                           "dsn",
                           "dns x",
                           "discard x",
                           "relay",
                           "relay a..b",
                           "relay mx.example:0",
                           "relay mx.example:65536",
                           "relay mx.example:",
                           "relay [mx.example]",
                           "relay [::1",
                           "relay ::1",
                           "relay mx.example tls=maybe",
                           "relay mx.example tls=none tls=none",
                           "relay mx.example tls=opportunistic login=us",
                           "relay mx.example login=",
                           "relay mx.example login=a login=b",
                           "relay mx.example port=1",
                           "relay mx.example 587",
                           "lmtp",
                           "lmtp unix",
                           "lmtp unix:",
                           "lmtp unix:run",
                           "lmtp a.example x",
                           "target",
                           "target archive",
                           "target mbox:archive",
                           "error",
                           "error 550",
                           "error 550 5.7.1",
                           "error 250 fine",
                           "error 600 x",
                           "error a\r\nb",
                           "error \xFF"}) {
    CAPTURE(text);
    const auto transport = parse_transport(text);
    REQUIRE(!transport);
    CHECK(transport.error().is(kBadTransport));
  }
}

TEST_CASE("1024 octets of transport and 107 of a socket's path are taken, one more is not") {
  const std::string error = "error ";
  CHECK(parse_transport(error + std::string(kTransportTextMax - error.size(), 'x')));
  CHECK(!parse_transport(error + std::string(kTransportTextMax - error.size() + 1, 'x')));
  CHECK(parse_transport("lmtp unix:/" + std::string(106, 'x')));
  CHECK(!parse_transport("lmtp unix:/" + std::string(107, 'x')));
}

struct Question {
  std::string recipient;
  std::string sender;
};
Decision ask(const TransportMap& map, const Question& question) {
  const auto recipient = envelope::parse_mailbox(question.recipient, {.utf8 = message::Utf8::accept}).value();
  envelope::ReversePath sender;
  if (!question.sender.empty()) sender.mailbox = envelope::parse_mailbox(question.sender).value();
  auto decision = map.decide(recipient, sender);
  const auto explained = map.explain(recipient, sender);
  CHECK(explained.rule == decision.rule);
  CHECK(explained.transport == decision.transport);
  CHECK(!explained.facts.empty());
  CHECK(decision.facts.empty());
  return decision;
}
TransportMap map_of(const std::vector<std::string>& keys) {
  std::vector<Rule> rules;
  for (const auto& key : keys) rules.push_back({key, Discard{}});
  return TransportMap::make(std::move(rules)).value();
}

TEST_CASE("the order of keys is the documented one: with the first taken away, the next wins") {
  const std::vector<std::string> keys = {
      "user@mail.d.example", "mail.d.example",  ".d.example",    ".example", "from me@sub.s.example",
      "from sub.s.example",  "from .s.example", "from .example", "*"};
  for (std::size_t first = 0; first < keys.size(); ++first) {
    // Written in the other direction: the order of lines does not matter.
    const std::vector<std::string> left(keys.rbegin(), keys.rend() - static_cast<std::ptrdiff_t>(first));
    CHECK(ask(map_of(left), {"user@mail.d.example", "me@sub.s.example"}).rule == keys[first]);
  }
  const auto none = ask(map_of({}), {"user@mail.d.example", "me@sub.s.example"});
  CHECK(none.rule.empty());
  CHECK(none.transport == Transport(ByDns{}));
}

TEST_CASE("a domain is not below itself, nor below one that it only ends like") {
  const auto map = map_of({".d.example"});
  CHECK(ask(map, {"a@d.example", ""}).rule.empty());
  CHECK(ask(map, {"a@x.d.example", ""}).rule == ".d.example");
  CHECK(ask(map, {"a@x.y.d.example", ""}).rule == ".d.example");
  CHECK(ask(map, {"a@bad.example", ""}).rule.empty());
  CHECK(ask(map_of({"d.example"}), {"a@x.d.example", ""}).rule.empty());
}

TEST_CASE("case, quoting and the form of international domains do not matter") {
  const auto map = map_of({"User@D.Example",
                           "b\xC3\xBC"
                           "cher.example",
                           "from S@S.example"});
  CHECK(ask(map, {"uSER@d.eXAMPLE", ""}).rule == "user@d.example");
  CHECK(ask(map, {"\"user\"@d.example", ""}).rule == "user@d.example");
  CHECK(ask(map, {"a@xn--bcher-kva.example", ""}).rule == "xn--bcher-kva.example");
  CHECK(ask(map, {"a@B\xC3\x9C"
                  "CHER.example",
                  ""})
            .rule == "xn--bcher-kva.example");
  CHECK(ask(map, {"a@x.example", "s@s.EXAMPLE"}).rule == "from s@s.example");
}

TEST_CASE("the null reverse-path has its own key; sender rules do not touch it") {
  CHECK(ask(map_of({"from <>"}), {"a@d.example", ""}).rule == "from <>");
  CHECK(ask(map_of({"from <>"}), {"a@d.example", "s@s.example"}).rule.empty());
  CHECK(ask(map_of({"from s.example"}), {"a@d.example", ""}).rule.empty());
  CHECK(ask(map_of({"s.example"}), {"a@d.example", "s@s.example"}).rule.empty());
  CHECK(ask(map_of({"from d.example"}), {"a@d.example", "s@s.example"}).rule.empty());
}

TEST_CASE("an address literal is a domain without parents") {
  CHECK(ask(map_of({"[192.0.2.1]"}), {"a@[192.0.2.1]", ""}).rule == "[192.0.2.1]");
  CHECK(ask(map_of({".example"}), {"a@[192.0.2.1]", ""}).rule.empty());
}

TEST_CASE("a key that is none, or is there twice in any form, is refused") {
  for (const auto* key : {"", ".", "..d.example", "a b", "from ", "from *", "@d.example", "user@", "[192.0.2]",
                          "*.d.example", "**", "from from d.example"}) {
    CAPTURE(key);
    const auto map = TransportMap::make({{key, Discard{}}});
    REQUIRE(!map);
    CHECK(map.error().is(kBadRule));
  }
  CHECK(!TransportMap::make({{"d.example", Discard{}}, {"D.Example", ByDns{}}}));
  CHECK(!TransportMap::make({{"*", Discard{}}, {"*", Discard{}}}));
  CHECK(TransportMap::make({{"d.example", Discard{}}, {"from d.example", ByDns{}}, {".d.example", ByDns{}}}));
}

TEST_CASE("100,000 rules are taken, one more is not") {
  std::vector<Rule> rules;
  for (std::size_t i = 0; i < kRulesMax; ++i) rules.push_back({fmt::format("d{}.example", i), Discard{}});
  auto more = rules;
  more.push_back({"*", Discard{}});
  CHECK(!TransportMap::make(std::move(more)));
  const auto map = TransportMap::make(std::move(rules)).value();
  CHECK(map.size() == kRulesMax);
  CHECK(ask(map, {"a@d77777.example", ""}).rule == "d77777.example");
}

TEST_CASE("explain tells what was looked for, in order, and what matched") {
  const auto map = TransportMap::make({{".example", parsed("relay mx.example")}}).value();
  const auto recipient = envelope::parse_mailbox("User@sub.d.example").value();
  CHECK(map.explain(recipient, {}).facts == Facts{{"look", "user@sub.d.example: no rule"},
                                                  {"look", "sub.d.example: no rule"},
                                                  {"look", ".d.example: no rule"},
                                                  {"match", ".example: relay mx.example:25 tls=opportunistic"}});
  const auto other = envelope::parse_mailbox("a@b").value();
  CHECK(map.explain(other, {}).facts ==
        Facts{{"look", "a@b: no rule"},
              {"look", "b: no rule"},
              {"look", "from <>: no rule"},
              {"look", "*: no rule"},
              {"default", "no rule of the transport map matches: the DNS names the hosts"}});
}

}  // namespace
}  // namespace angarium::route
