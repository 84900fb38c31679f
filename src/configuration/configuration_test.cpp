#include "configuration/configuration.h"

#include "configuration/schema.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::configuration;

namespace {
std::string error_of(std::string_view text) {
  auto result = parse(text, "/d");
  return result ? "" : result.error().text();
}
}  // namespace

TEST_CASE("an empty file gives the defaults") {
  auto c = parse("", "/d");
  REQUIRE(c);
  CHECK(c->server.data == "store");
  CHECK(c->auth.plaintext_without_tls == PlaintextWithoutTls::loopback);
  CHECK(c->resolve("store") == "/d/store");
  CHECK(c->resolve("/x") == "/x");
}

TEST_CASE("what init writes is accepted and has each standard port plus the offset") {
  for (std::string address : {"127.0.0.1", "::1"}) {
    auto c = parse(initial_file({"mail.example.test", address, 10000}), "/d");
    REQUIRE_MESSAGE(c, error_of(initial_file({"mail.example.test", address, 10000})));
    CHECK(c->server.hostname == "mail.example.test");
    REQUIRE(c->listeners.size() == 8);
    CHECK(c->listeners[0].address == (address == "::1" ? "[::1]:10025" : "127.0.0.1:10025"));
  }
}

TEST_CASE("init serves the users of the host where that is asked for, and else not") {
  CHECK(parse(initial_file({.hostname = "mail.example.test", .system_users = true}), "/d")->local.system_users);
  CHECK(!parse(initial_file({.hostname = "mail.example.test"}), "/d")->local.system_users);
}

TEST_CASE(
    "RFC 2033 section 4.4: LMTP, which asks nobody who they are, listens on the loopback address whatever init is "
    "told") {
  for (std::string address : {"192.0.2.7", "2001:db8::7"}) {
    auto c = parse(initial_file({"mail.example.test", address, 10000}), "/d");
    REQUIRE(c);
    for (const Listener& listener : c->listeners)
      CHECK((listener.address == "127.0.0.1:10024") == (listener.protocol == "lmtp"));
  }
}

TEST_CASE("unknown keys and sections are errors with line and suggestion") {
  CHECK(error_of("[server]\nhostnam = \"a\"\n") ==
        "angarium.toml:2: unknown key 'hostnam' in [server]; did you mean 'hostname'?");
  CHECK(error_of("\n[sever]\n") == "angarium.toml:2: unknown section [sever]; did you mean 'server'?");
  CHECK(error_of("[[listener]]\nprotcol = \"smtp\"\nprotocol = \"smtp\"\naddress = \"127.0.0.1:25\"\n") ==
        "angarium.toml:2: unknown key 'protcol' in [[listener]]; did you mean 'protocol'?");
  CHECK(error_of("[server]\nqqqqqqqq = 1\n") == "angarium.toml:2: unknown key 'qqqqqqqq' in [server]");
}

TEST_CASE("all mistakes are named in one run") {
  const std::string text = error_of(
      "[server]\nhostname = 1\nloops = 257\n[smtp]\nmessage_size_max = \"1 XiB\"\nbare_line_ends = \"keep\"\n");
  CHECK(text.find(":2: server.hostname is a text") != std::string::npos);
  CHECK(text.find(":3: server.loops is a number from 0 to 256") != std::string::npos);
  CHECK(text.find(":5: smtp.message_size_max is a size") != std::string::npos);
  CHECK(text.find(":6: smtp.bare_line_ends is one of \"refuse\", \"normalise\"") != std::string::npos);
}

TEST_CASE("limits: at the limit and one past it") {
  CHECK(error_of("[server]\nloops = 256\n").empty());
  CHECK(!error_of("[server]\nloops = 257\n").empty());
  CHECK(!error_of("[server]\nloops = -1\n").empty());
  CHECK(error_of("[smtp]\nrecipients_max = 100\n").empty());
  CHECK(!error_of("[smtp]\nrecipients_max = 99\n").empty());
}

TEST_CASE("an unfinished section name is an error with its line") {
  CHECK(error_of("[\n").starts_with("angarium.toml:"));
}

TEST_CASE("letters other than ASCII stand in quotes and comments only") {
  CHECK(error_of("# é\n[server] # é\nuser = \"é\"\ndata = '''\né'''\n") == "");
  CHECK(error_of("[server]\né = 1\n").starts_with("angarium.toml:2: "));
  CHECK(error_of("[server]\nuser = \"a\\\"\" é\n").starts_with("angarium.toml:2: "));
  CHECK(error_of("\xFF").starts_with("angarium.toml:1: "));
}

TEST_CASE("syntax errors have a line") { CHECK(error_of("[server]\nhostname = \n").starts_with("angarium.toml:2: ")); }

TEST_CASE("RFC 2033 section 5: LMTP is not served on port 25") {
  CHECK(error_of("[[listener]]\nprotocol = \"lmtp\"\naddress = \"127.0.0.1:25\"\n").find("RFC 2033") !=
        std::string::npos);
  CHECK(error_of("[[listener]]\nprotocol = \"lmtp\"\naddress = \"127.0.0.1:24\"\n").empty());
}

TEST_CASE("listener addresses") {
  auto with = [](std::string_view address) {
    return error_of("[[listener]]\nprotocol = \"smtp\"\naddress = \"" + std::string(address) + "\"\n");
  };
  for (std::string_view good : {"127.0.0.1:25", "[::1]:25", "0.0.0.0:65535", "unix:run/x.sock"})
    CHECK_MESSAGE(with(good).empty(), good);
  for (std::string_view bad : {"127.0.0.1", "::1:25", ":25", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x",
                               "999.1.1.1:25", "localhost:25", "unix:"})
    CHECK_MESSAGE(!with(bad).empty(), bad);
  CHECK(error_of("[[listener]]\nprotocol = \"imaps\"\naddress = \"127.0.0.1:993\"\n").find("needs tls.certificate") !=
        std::string::npos);
  CHECK(error_of("[[listener]]\nprotocol = \"smpt\"\naddress = \"127.0.0.1:25\"\n").find("did you mean 'smtp'?") !=
        std::string::npos);
}

TEST_CASE("what two keys say together is told at the line of one of them") {
  CHECK(error_of("[server]\nhostname = \"has space\"\n").starts_with("angarium.toml:2: server.hostname"));
  CHECK(error_of("[imap]\n\nidle_timeout = \"29m\"\n").starts_with("angarium.toml:3: imap.idle_timeout"));
  CHECK(error_of("[limits]\nsend_timeout = \"999ms\"\n").starts_with("angarium.toml:2: limits.send_timeout"));
  CHECK(parse("[limits]\nsend_timeout = \"1s\"\n", "/d")->limits.send_timeout == std::chrono::seconds(1));
  CHECK(error_of("\n[tls]\nkey = \"k\"\n").starts_with("angarium.toml:3: tls"));
  CHECK(error_of("[auth]\nmechanisms = [\"PLAIN\", \"PLAYN\"]\n") ==
        "angarium.toml:2: unknown mechanism 'PLAYN'; did you mean 'PLAIN'?");
  CHECK(error_of("[local]\nuid_min = 2000\nuid_max = 1999\n") ==
        "angarium.toml:3: local.uid_max is at least local.uid_min");
  CHECK(parse("[local]\nuid_min = 2000\nuid_max = 2000\n", "/d")->local.uid_max == 2000);
  const std::string listener = "[[listener]]\nprotocol = \"smtp\"\naddress = \"127.0.0.1:25\"\n";
  CHECK(error_of(listener + listener) ==
        "angarium.toml:6: two listeners have the address 127.0.0.1:25: the first stands in line 3");
}

TEST_CASE("switches are true or false, without quotes; the least uid is 1") {
  CHECK(!parse("", "/d")->local.system_users);
  CHECK(parse("[local]\nsystem_users = true\n", "/d")->local.system_users);
  CHECK(!parse("[local]\nsystem_users = false\n", "/d")->local.system_users);
  for (const auto* const value : {"\"true\"", "1", "\"yes\""})
    CHECK(error_of("[local]\nsystem_users = " + std::string(value) + "\n") ==
          "angarium.toml:2: local.system_users is true or false, without quotes");
  CHECK(parse("[local]\nuid_min = 1\n", "/d")->local.uid_min == 1);
  CHECK(!error_of("[local]\nuid_min = 0\n").empty());
  Configuration used;
  Configuration wanted = used;
  wanted.local.system_users = true;
  const Reload reload = plan_reload(used, wanted);
  REQUIRE(reload.left.size() == 1);
  CHECK(reload.left[0].name == "local.system_users");
  CHECK(!reload.applied.local.system_users);
}

TEST_CASE("sizes and durations both ways") {
  std::int64_t octets = 0;
  CHECK((parse_size("50 MiB", octets) && octets == 50 << 20));
  CHECK((parse_size("1GiB", octets) && octets == 1 << 30));
  CHECK((parse_size("17", octets) && octets == 17));
  for (std::string_view bad : {"", "MiB", "1 MB", "-1", "99999999999999999999", "9999999999999 GiB"})
    CHECK_MESSAGE(!parse_size(bad, octets), bad);
  CHECK(format_size(50 << 20) == "50 MiB");
  CHECK(format_size(17) == "17");
  Duration d{};
  CHECK((parse_duration("5m", d) && d == std::chrono::minutes(5)));
  CHECK((parse_duration("500ms", d) && d == std::chrono::milliseconds(500)));
  CHECK(!parse_duration("5 minutes", d));
  CHECK(format_duration(std::chrono::hours(48)) == "2d");
  CHECK(format_duration(std::chrono::milliseconds(1500)) == "1500ms");
}

TEST_CASE("every key has an explanation and a default that the reader accepts") {
  Configuration defaults;
  std::string section;
  std::string text;
  for (const KeyDescription& key : describe(defaults)) {
    CHECK(!key.explanation.empty());
    if (key.default_value.empty()) continue;
    const std::string head = key.name.substr(0, key.name.find('.'));
    if (head != section) text += "[" + (section = head) + "]\n";
    text += key.name.substr(head.size() + 1) + " = " + key.default_value + "\n";
  }
  CHECK(error_of(text) == "");
}

TEST_CASE("explain finds a key or names the nearest") {
  Configuration defaults;
  CHECK(explain(defaults, "server.hostname")->default_value == "\"localhost\"");
  CHECK(explain(defaults, "trace").error().text().starts_with("'trace' is a section; its keys are trace."));
  CHECK(explain(defaults, "token_issuer").error().text().contains("token_issuer.issuer, token_issuer.audience, "));
  CHECK(explain(defaults, "listener.smtp")->name == "listener.address");
  CHECK(explain(defaults, "server.hostnme").error().text().find("did you mean 'server.hostname'?") !=
        std::string::npos);
}

TEST_CASE("a reload takes what a running server can change, and leaves the rest as it was, with the reason") {
  Configuration used;
  used.listeners = {{"smtp", "127.0.0.1:25"}};
  Configuration wanted = used;
  CHECK(plan_reload(used, wanted).changed.empty());
  CHECK(plan_reload(used, wanted).left.empty());

  wanted.smtp.recipients_max = 200;
  wanted.smtp.early_talk = EarlyTalk::refuse;
  wanted.auth.mechanisms = {"PLAIN"};
  wanted.limits.login_timeout = std::chrono::seconds(7);
  wanted.server.loops = 3;
  wanted.store.cache = 1 << 20;
  wanted.store.encryption = true;
  wanted.log.level = "debug";
  wanted.auth.argon2_passes = 9;
  wanted.listeners.push_back({"imap", "127.0.0.1:143"});
  const Reload reload = plan_reload(used, wanted);
  CHECK(reload.changed ==
        std::vector<std::string>{"auth.mechanisms", "smtp.recipients_max", "smtp.early_talk", "limits.login_timeout"});
  CHECK(reload.applied.smtp.recipients_max == 200);
  CHECK(reload.applied.smtp.early_talk == EarlyTalk::refuse);
  CHECK(reload.applied.auth.mechanisms == std::vector<std::string>{"PLAIN"});
  CHECK(reload.applied.limits.login_timeout == std::chrono::seconds(7));
  std::vector<std::string> left;
  for (const Reload::Left& key : reload.left) {
    left.push_back(key.name);
    CHECK(!key.reason.empty());
  }
  CHECK(left == std::vector<std::string>{"server.loops", "log.level", "auth.argon2_passes", "store.cache",
                                         "store.encryption", "listener"});
  CHECK(reload.applied.server.loops == used.server.loops);
  CHECK(reload.applied.log.level == used.log.level);
  CHECK(reload.applied.auth.argon2_passes == used.auth.argon2_passes);
  CHECK(reload.applied.store.cache == used.store.cache);
  CHECK(!reload.applied.store.encryption);
  CHECK(reload.applied.listeners.size() == 1);
  // What was left is still named by the next reload, which compares with what is in use.
  CHECK(plan_reload(reload.applied, wanted).left.size() == 6);
  CHECK(plan_reload(reload.applied, wanted).changed.empty());
}

TEST_CASE("certificates are changed by a reload, but TLS is neither begun nor ended by one") {
  Configuration none;
  Configuration some = none;
  some.tls = {.certificate = "a.pem", .key = "a.key"};
  some.certificates = {{"b.pem", "b.key"}};
  Configuration other = some;
  other.tls.certificate = "c.pem";
  other.certificates.clear();
  const Reload exchanged = plan_reload(some, other);
  CHECK(exchanged.changed == std::vector<std::string>{"tls.certificate", "certificate"});
  CHECK(exchanged.left.empty());
  CHECK(exchanged.applied.tls.certificate == "c.pem");
  CHECK(exchanged.applied.certificates.empty());
  const Reload begun = plan_reload(none, some);
  CHECK(begun.changed.empty());
  CHECK(begun.left.size() == 3);
  CHECK(begun.applied.tls.certificate.empty());
  CHECK(begun.applied.certificates.empty());
  const Reload ended = plan_reload(some, none);
  CHECK(ended.left.size() == 3);
  CHECK(ended.applied.tls.key == "a.key");
  CHECK(ended.applied.certificates.size() == 1);
}

TEST_CASE("[local] and [forwarding]: files of aliases, domains that are names, and SRS unless it is switched off") {
  const auto plain = parse("", "/d");
  REQUIRE(plain);
  CHECK(plain->local.aliases == std::vector<std::string>{"/etc/aliases"});
  CHECK(plain->local.domains == std::vector<std::string>{"localhost"});
  CHECK(plain->forwarding.srs);
  CHECK(plain->smtp.vrfy == Vrfy::users);
  const auto c = parse(
      "[local]\naliases = []\ndomains = [\"localhost\", \"host.example\"]\n[forwarding]\nsrs = false\n"
      "domain = \"example.org\"\n[smtp]\nvrfy = \"all\"\n",
      "/d");
  REQUIRE(c);
  CHECK(c->local.aliases.empty());
  CHECK(c->local.domains.size() == 2);
  CHECK(!c->forwarding.srs);
  CHECK(c->forwarding.domain == "example.org");
  CHECK(c->smtp.vrfy == Vrfy::all);
  CHECK(error_of("[local]\ndomains = [\"a b\"]\n").starts_with("angarium.toml:2: local.domains: 'a b'"));
  CHECK(error_of("[forwarding]\ndomain = \"a b\"\n").starts_with("angarium.toml:2: forwarding.domain: 'a b'"));
  CHECK(error_of("[smtp]\nvrfy = \"on\"\n") == "angarium.toml:2: smtp.vrfy is one of \"off\", \"users\", \"all\"");
}

TEST_CASE("[trace]: stories are kept for an hour at least") {
  const auto c = parse("[trace]\nkeep = \"1h\"\nsize_max = \"16 MiB\"\n", "/d");
  REQUIRE(c);
  CHECK(c->trace.keep == std::chrono::hours(1));
  CHECK(c->trace.size_max == 16 << 20);
  CHECK(parse("", "/d")->trace.keep == std::chrono::hours(720));
  CHECK(error_of("[trace]\nkeep = \"59m\"\n") == "angarium.toml:2: trace.keep is at least 1h");
  CHECK(error_of("[trace]\nsize_max = \"15 MiB\"\n").starts_with("angarium.toml:2: trace.size_max"));
}

TEST_CASE("[dns]: servers are addresses, domains are names, the time-out is from 1s to 1m") {
  const auto c = parse(
      "[dns]\nservers = [\"127.0.0.1:5353\", \"2001:db8::53\"]\ndnssec = \"strict\"\ntrust_anchor = \"keys/root.key\"\n"
      "unsigned_domains = [\"corp.example\"]\ntimeout = \"1s\"\n",
      "/d");
  REQUIRE(c);
  CHECK(c->dns.servers.size() == 2);
  CHECK(c->dns.dnssec == Dnssec::strict);
  CHECK(c->dns.unsigned_domains == std::vector<std::string>{"corp.example"});
  CHECK(parse("", "/d")->dns.dnssec == Dnssec::automatic);
  CHECK(error_of("[dns]\ntimeout = \"1m\"\n").empty());
  CHECK(error_of("[dns]\ntimeout = \"999ms\"\n") == "angarium.toml:2: dns.timeout is from 1s to 1m");
  CHECK(error_of("[dns]\ntimeout = \"61s\"\n").starts_with("angarium.toml:2: dns.timeout"));
  CHECK(error_of("[dns]\nservers = [\"ns.example\"]\n").starts_with("angarium.toml:2: dns.servers: 'ns.example'"));
  CHECK(error_of("[dns]\nunsigned_domains = [\"a b\"]\n").starts_with("angarium.toml:2: dns.unsigned_domains"));
  CHECK(error_of("[dns]\nserver = []\n").find("did you mean 'servers'?") != std::string::npos);
  CHECK(error_of("[dns]\ndnssec = \"maybe\"\n") ==
        "angarium.toml:2: dns.dnssec is one of \"auto\", \"strict\", \"off\"");
}

TEST_CASE("[transport]: keys of the operator's own, each with a transport that can be read") {
  const auto c = parse(
      "[[relay_login]]\nname = \"us\"\nuser = \"u\"\npassword_file = \"p\"\n"
      "[transport]\n\"*\" = \"relay smart.example:587 tls=verified login=us\"\n\"from <>\" = "
      "\"dns\"\n\".corp.example\" = "
      "\"lmtp unix:/run/lmtp\"\nexample = \"discard\"\n",
      "/d");
  REQUIRE_MESSAGE(c, c.error().text());
  CHECK(c->transports.size() == 4);
  CHECK(error_of("[transport]\n\"*\" = \"rely a.example\"\n").find("; did you mean 'relay'?") != std::string::npos);
  CHECK(error_of("[transport]\n\n\"*\" = \"relay -\"\n").starts_with("angarium.toml:3: "));
  CHECK(error_of("[transport]\n\"*\" = \"relay -\"\n").find("did you mean") == std::string::npos);
  CHECK(error_of("[transport]\n\"a b\" = \"dns\"\n").starts_with("angarium.toml:2: 'a b' is no key"));
  CHECK(error_of("[transport]\nexample.org = \"dns\"\n").find("both in quotes") != std::string::npos);
  CHECK(error_of("[transport]\n\"*\" = 1\n").starts_with("angarium.toml:2: "));
  CHECK(error_of("transport = 1\n").find("write [transport]") != std::string::npos);
  CHECK(error_of("[transports]\n").find("did you mean 'transport'?") != std::string::npos);
  CHECK(error_of("[transport]\n\"A.example\" = \"dns\"\n\"a.example\" = \"discard\"\n") ==
        "angarium.toml:3: [transport] has 'a.example' twice: the first stands in line 2");
}

TEST_CASE("[[relay_login]] layer: for what can have one, and wanted wherever the login is used without TLS") {
  const std::string named = "[[relay_login]]\nname = \"isp\"\nuser = \"me\"\n";
  const std::string plain = "[transport]\n\"*\" = \"relay a.example login=isp tls=none\"\n";
  const std::string tickets = named + "tickets = \"/run/t\"\n";
  CHECK(parse(tickets, "/d")->relay_logins[0].layer == sasl::Protection::none);
  CHECK(parse(tickets + "layer = \"integrity\"\n" + plain, "/d")->relay_logins[0].layer == sasl::Protection::integrity);
  CHECK(parse(named + "password_file = \"p\"\nweak_mechanisms = true\nlayer = \"confidentiality\"\n" + plain, "/d")
            ->relay_logins[0]
            .layer == sasl::Protection::confidentiality);
  CHECK(error_of(tickets + plain) ==
        "angarium.toml:6: with tls=none a login needs a security layer: layer = \"confidentiality\" in [[relay_login]] "
        "'isp', or tls=verified here");
  for (const std::string_view word : {"\"none\"", "\"\"", "\"Integrity\""})
    CHECK(error_of(tickets + "layer = " + std::string(word) + "\n").find("\"integrity\" or") != std::string::npos);
  CHECK(!parse(tickets + "layer = true\n", "/d"));
  for (const std::string_view other : {"password_file = \"p\"\n", "token_file = \"t\"\nweak_mechanisms = true\n"})
    CHECK(error_of(named + std::string(other) + "layer = \"integrity\"\n").find("for tickets") != std::string::npos);
}

TEST_CASE("[[relay_login]]: names for login=… of [transport], each once, and the password is not in the file") {
  const std::string login = "[[relay_login]]\nname = \"isp\"\nuser = \"me\"\npassword_file = \"secrets/isp\"\n";
  const auto c = parse(login + "[transport]\n\"*\" = \"relay a.example login=isp\"\n", "/etc/a");
  REQUIRE(c);
  REQUIRE(c->relay_logins.size() == 1);
  CHECK(c->relay_logins[0].user == "me");
  CHECK(c->resolve(c->relay_logins[0].password_file) == "/etc/a/secrets/isp");
  CHECK(error_of("[transport]\n\"*\" = \"relay a.example login=isp\"\n") ==
        "angarium.toml:2: there is no [[relay_login]] with name = \"isp\"");
  CHECK(error_of(login + "[transport]\n\"*\" = \"relay a.example login=ispp\"\n").find("did you mean 'isp'?") !=
        std::string::npos);
  CHECK(
      error_of("[transport]\n\"*\" = \"relay a.example tls=opportunistic login=isp\"\n").find("with a login, tls is") !=
      std::string::npos);
  CHECK(error_of(login + login) ==
        "angarium.toml:5: two [[relay_login]] have the name 'isp': the first stands in line 1");
  CHECK(error_of("[[relay_login]]\nname = \"isp\"\nuser = \"me\"\n").find("needs password_file") != std::string::npos);
  CHECK(error_of("[[relay_login]]\nname = \"isp\"\nuser = \"me\"\npassword = \"x\"\npassword_file = \"p\"\n")
            .find("unknown key 'password'") != std::string::npos);
  const std::string named = "[[relay_login]]\nname = \"isp\"\nuser = \"me\"\n";
  CHECK(parse(named + "token_file = \"t\"\n", "/d")->relay_logins[0].token_file == "t");
  CHECK(parse(named + "tickets = \"/run/t\"\n", "/d")->relay_logins[0].tickets == "/run/t");
  CHECK(error_of(named + "token_file = \"t\"\npassword_file = \"p\"\n").find("one of them") != std::string::npos);
  Configuration wanted = *c;
  wanted.relay_logins[0].user = "other";
  CHECK(plan_reload(*c, wanted).changed == std::vector<std::string>{"relay_login"});
  wanted = *c;
  wanted.relay_logins[0].layer = sasl::Protection::integrity;
  CHECK(plan_reload(*c, wanted).changed == std::vector<std::string>{"relay_login"});
  CHECK(effect_of("relay_login.name") == effect_of("dns.timeout"));
}

TEST_CASE("[[odmr]]: an account and the domains it fetches, each domain once and without a line in [transport]") {
  const std::string anna = "[[odmr]]\naccount = \"anna@isp.example\"\ndomains = [\"a.example\", \"b.example\"]\n";
  const auto c = parse(anna + "[[odmr]]\naccount = \"bob@isp.example\"\ndomains = [\"sub.a.example\"]\n", "/d");
  REQUIRE_MESSAGE(c, c.error().text());
  REQUIRE(c->odmr.size() == 2);
  CHECK(c->odmr[0].account == "anna@isp.example");
  CHECK(c->odmr[0].domains == std::vector<std::string>{"a.example", "b.example"});
  CHECK(error_of(anna + "[[odmr]]\naccount = \"bob@isp.example\"\ndomains = [\"B.example\"]\n") ==
        "angarium.toml:6: [[odmr]] has the domain 'B.example' twice: first in line 3");
  CHECK(error_of("[transport]\n\"B.Example\" = \"dns\"\n" + anna) ==
        "angarium.toml:5: the mail of 'b.example' is fetched ([[odmr]]), and has a line in [transport]: take out one");
  CHECK(error_of("[[odmr]]\naccount = \"anna\"\ndomains = [\"a.example\"]\n")
            .starts_with("angarium.toml:2: 'anna' is no address of an account"));
  CHECK(error_of("[[odmr]]\naccount = \"a@b.example\"\n").starts_with("angarium.toml:1: [[odmr]] needs domains"));
  CHECK(error_of("[[odmr]]\naccount = \"a@b.example\"\ndomains = []\n").find("needs domains") != std::string::npos);
  CHECK(error_of("[[odmr]]\naccount = \"a@b.example\"\ndomains = \"c.example\"\n").find("needs domains") !=
        std::string::npos);
  CHECK(error_of("[[odmr]]\naccount = \"a@b.example\"\ndomains = [\"c d\"]\n") ==
        "angarium.toml:3: odmr.domains: 'c d' is no domain");
  CHECK(error_of("[[odmr]]\naccount = \"a@b.example\"\ndomains = [1]\n").find("is no domain") != std::string::npos);
  CHECK(error_of("[[odmr]]\ndomains = [\"c.example\"]\n").find("needs account") != std::string::npos);
  CHECK(error_of("[[odmr]]\naccounts = \"a@b.example\"\n").find("did you mean 'account'?") != std::string::npos);
  CHECK(explain(*c, "odmr.domains")->type == "list of texts");
  Configuration wanted = *c;
  wanted.odmr[1].domains.emplace_back("c.example");
  CHECK(plan_reload(*c, wanted).changed == std::vector<std::string>{"odmr"});
  CHECK(plan_reload(*c, wanted).applied.odmr[1].domains.size() == 2);
}

TEST_CASE("networks that may ask by ETRN are networks") {
  CHECK(error_of("[smtp]\netrn_networks = [\"192.0.2.0/33\"]\n") ==
        "angarium.toml:2: smtp.etrn_networks: '192.0.2.0/33' is no network like \"192.0.2.0/24\"");
  CHECK(parse("[smtp]\netrn_networks = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n", "/x")->smtp.etrn_networks.size() == 2);
}

TEST_CASE(
    "[delivery]: keys of the operator's own, each with a place that can be read; explained, changed by a reload") {
  const auto c = parse("[delivery]\n\"*\" = \"store\"\n\"a.test\" = \"mbox:/var/mail/{user}\"\n", "/d");
  REQUIRE(c);
  CHECK(c->deliveries.size() == 2);
  CHECK(error_of("[delivery]\n\"a.test\" = \"nowhere\"\n").starts_with("angarium.toml:2: 'nowhere' is no place"));
  CHECK(error_of("[delivery]\n\"a.test\" = 1\n").starts_with("angarium.toml:2: a line of [delivery]"));
  CHECK(error_of("[delivery]\n\"from a.test\" = \"store\"\n").starts_with("angarium.toml:2: "));
  CHECK(error_of("[delivery]\n\"a.test\" = \"store\"\n\"A.test\" = \"store\"\n").find("twice") != std::string::npos);
  CHECK(explain(*c, "delivery.a.test")->value == "\"mbox:/var/mail/{user}\"");
  CHECK(explain(*c, "delivery")->name == "delivery.KEY");
  CHECK(explain(*c, "delivery.other.test")->value.empty());
  Configuration wanted = *c;
  wanted.deliveries[0].transport = "mbox:/x";
  const Reload reload = plan_reload(*c, wanted);
  CHECK(reload.changed == std::vector<std::string>{"delivery"});
  CHECK(reload.applied.deliveries[0].transport == "mbox:/x");
}

TEST_CASE("[location]: keys of the operator's own, each with a location; explained, changed by a reload") {
  const auto c = parse("[location]\n\"*\" = \"maildir:/srv/{user}/Maildir\"\n\"a.test\" = \"store\"\n", "/d");
  REQUIRE(c);
  CHECK(c->locations.size() == 2);
  CHECK(error_of("[location]\n\"a.test\" = \"pipe:x\"\n").starts_with("angarium.toml:2: 'pipe:x' is no location"));
  CHECK(error_of("[location]\n\"a.test\" = 1\n").starts_with("angarium.toml:2: a line of [location]"));
  CHECK(error_of("[location]\n\"a.test\" = \"store\"\n\"A.test\" = \"store\"\n").find("twice") != std::string::npos);
  CHECK(explain(*c, "location.*")->value == "\"maildir:/srv/{user}/Maildir\"");
  CHECK(explain(*c, "location")->effect == "on SIGHUP, within a minute");
  Configuration wanted = *c;
  wanted.locations[1].transport = "mbox:/x";
  CHECK(plan_reload(*c, wanted).changed == std::vector<std::string>{"location"});
}

TEST_CASE("[transport] and [dns] are explained, and changed by a reload") {
  Configuration used;
  used.transports = {{"*", "dns"}};
  CHECK(explain(used, "transport")->name == "transport.KEY");
  CHECK(explain(used, "transport.*")->value == "\"dns\"");
  CHECK(explain(used, "transport.other.example")->value.empty());
  CHECK(explain(used, "dns.servers")->value == "[]");
  CHECK(effect_of("dns.timeout") == "on SIGHUP, for what is sent on from then");
  CHECK(effect_of("transport.KEY") == effect_of("dns.timeout"));
  Configuration wanted = used;
  wanted.transports[0].transport = "discard";
  wanted.dns.servers = {"127.0.0.1"};
  const Reload reload = plan_reload(used, wanted);
  CHECK(reload.changed == std::vector<std::string>{"dns.servers", "transport"});
  CHECK(reload.left.empty());
  CHECK(reload.applied.transports[0].transport == "discard");
}

TEST_CASE("mechanisms are switched on by name, and those that lack what they need are refused in words") {
  CHECK(parse("[auth]\nmechanisms = [\"CRAM-MD5\", \"DIGEST-MD5\", \"NTLM\", \"OTP\", \"SKEY\", \"SCRAM-SHA-512\"]\n",
              "/d"));
  CHECK(error_of("[auth]\nmechanisms = [\"OAUTHBEARER\"]\n") ==
        "angarium.toml:2: OAUTHBEARER needs a [[token_issuer]], whose tokens count");
  CHECK(error_of("[auth]\nmechanisms = [\"XOAUTH2\"]\n") ==
        "angarium.toml:2: XOAUTH2 needs a [[token_issuer]], whose tokens count");
  CHECK(error_of("[auth]\nmechanisms = [\"ANONYMOUS\"]\n") ==
        "angarium.toml:2: ANONYMOUS needs auth.anonymous_account: the account whose mail guests may read");
  CHECK(parse("[auth]\nmechanisms = [\"ANONYMOUS\"]\nanonymous_account = \"public@example.org\"\n", "/d"));
  CHECK(error_of("[auth]\nanonymous_account = \"public\"\n") ==
        "angarium.toml:2: auth.anonymous_account is an address like \"public@example.org\"");
  CHECK(
      error_of("[auth]\nmechanisms = [\"EXTERNAL\"]\n") ==
      "angarium.toml:2: EXTERNAL needs tls.client_authorities: the file of who vouches for the certificates of users");
  const std::string tickets = "[auth]\nmechanisms = [\"GSSAPI\"]\n";
  const std::string keytab = "[kerberos]\nkeytab = \"mail.keytab\"\n";
  CHECK(error_of(tickets) == "angarium.toml:2: GSSAPI needs kerberos.keytab: the keys of this host's services");
  CHECK(error_of(tickets + keytab) ==
        "angarium.toml:2: GSSAPI needs a [[kerberos_realm]], whose users have accounts here");
  CHECK(parse(tickets + keytab + "[[kerberos_realm]]\nrealm = \"EXAMPLE.ORG\"\ndomain = \"example.org\"\n", "/d"));
  CHECK(parse("[auth]\nmechanisms = [\"EXTERNAL\"]\n[tls]\nclient_authorities = \"users.pem\"\n", "/d"));
  // Weak ones are off where nobody says anything.
  const auto given = parse("", "/d");
  REQUIRE(given);
  for (const std::string& name : given->auth.mechanisms)
    CHECK((name.starts_with("SCRAM-") || name == "PLAIN" || name == "LOGIN"));
  CHECK(!given->auth.apop);
}

TEST_CASE("a login at a relay takes weak mechanisms only with leave") {
  const std::string login = "[[relay_login]]\nname = \"p\"\nuser = \"u\"\npassword_file = \"f\"\n";
  CHECK(!parse(login, "/d")->relay_logins.front().weak_mechanisms);
  CHECK(parse(login + "weak_mechanisms = true\n", "/d")->relay_logins.front().weak_mechanisms);
  CHECK(error_of(login + "weak_mechanisms = 1\n") == "angarium.toml:5: relay_login.weak_mechanisms is true or false");
}

TEST_CASE("mail is encrypted only where the file says so") {
  CHECK(!parse("", "/d")->store.encryption);
  CHECK(!parse("[store]\nencryption = false\n", "/d")->store.encryption);
  CHECK(parse("[store]\nencryption = true\n", "/d")->store.encryption);
  CHECK(error_of("[store]\nencryption = \"yes\"\n") ==
        "angarium.toml:2: store.encryption is true or false, without quotes");
}

TEST_CASE("every key says when a change of it takes effect") {
  for (const KeyDescription& key : describe({})) CHECK_MESSAGE(!key.effect.empty(), key.name);
  CHECK(effect_of("smtp.command_timeout") == "on SIGHUP, for sessions that begin then");
  CHECK(effect_of("limits.connections_max") == "on SIGHUP, at once");
  CHECK(effect_of("store.cache") == "after a restart: the store is opened, and its sweep planned, with it");
  CHECK(effect_of("listener.address") == "after a restart: ports are bound while root's rights are there");
}
