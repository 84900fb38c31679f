#include <thread>

#include "directory/person/connections.h"
#include "directory/person/outage.h"
#include "directory/person/scheme.h"
#include "directory/person/template.h"
#include "sasl/scram.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::directory;

namespace {

// All of the password "wonder land": by libxcrypt 4.4, libargon2 and Python's hashlib, not by the code under test.
constexpr std::string_view kYescrypt = "$y$j75$saltsaltsalt$3HQamyMXXGUxHuriyJDsvu/WXHRAbdAtlK1dH9g7tkD";
constexpr std::string_view kBcrypt = "$2b$04$abcdefghijklmnopqrstuuIhYhPUcA5ddoUXfP1U84.oib2hgmtZO";
constexpr std::string_view kSha512 =
    "$6$rounds=1000$saltsalt$HeeY2h83O8h5kGhKiIOb4wQVs8EqnQ53ypYJdig7jLcxH1ed5zDHP7fq26gJUh2kpVVsk6k0."
    "wHbt2ZhKgKzQ/";
constexpr std::string_view kSha256 = "$5$rounds=1000$saltsalt$IBJWlm7FPnRXpKa6hArX7QcSXXv83mDl9Inh6M3ZqkA";
constexpr std::string_view kArgon2 = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$jtEj5b4Y468fojHf8bHAbg";
constexpr std::string_view kScram256 =
    "4096,MDEyMzQ1Njc4OWFiY2RlZg==,u71l1LP6XVslvcRb5CPY86Rvf2H+nmkLczK7W23yTpI=,"
    "r4Npsxa41W65DCdyH8xctbFrSR6jdMDQTM5Gd3+x4Wg=";
constexpr std::string_view kScram1 =
    "4096,MDEyMzQ1Njc4OWFiY2RlZg==,Sh2TJpapH8CNEq80+lAjgDJynrk=,NsnnyVR2p1hv3vtwLZq4wNpF9tM=";

/// Whether it is the one behind the value; an error is nobody's password.
bool right(std::string_view value, std::string_view password, PlainPasswords plain = PlainPasswords::refused) {
  const auto stored = parse_stored(value, plain);
  REQUIRE(stored);
  const auto verdict = matches(*stored, password);
  REQUIRE(verdict);
  return *verdict;
}
bool unusable(std::string_view value) {
  const auto stored = parse_stored(value, PlainPasswords::refused);
  return !stored && stored.error().is(kUnusablePassword) && !stored.error().temporary();
}

}  // namespace

TEST_CASE("a password is known by every form in which directories keep it, with and without its scheme") {
  for (const std::string& value :
       {std::string(kYescrypt), std::string(kBcrypt), std::string(kSha512), std::string(kSha256), std::string(kArgon2),
        "{CRYPT}" + std::string(kYescrypt), "{blf-crypt}" + std::string(kBcrypt),
        "{SHA512-CRYPT}" + std::string(kSha512), "{SHA256-CRYPT}" + std::string(kSha256),
        "{ARGON2ID}" + std::string(kArgon2), "{SCRAM-SHA-256}" + std::string(kScram256),
        "{SCRAM-SHA-1}" + std::string(kScram1)}) {
    CAPTURE(value);
    CHECK(right(value, "wonder land"));
    CHECK(!right(value, "wonder lanD"));
    CHECK(!right(value, "wonder lan"));
    CHECK(!right(value, std::string("wonder land\0x", 13)));
    CHECK(!right(value, ""));
  }
}

TEST_CASE("PostgreSQL's own form of SCRAM keys is the same keys") {
  const auto ours = parse_stored("{SCRAM-SHA-256}" + std::string(kScram256), PlainPasswords::refused);
  const auto theirs = parse_stored(
      "SCRAM-SHA-256$4096:MDEyMzQ1Njc4OWFiY2RlZg==$u71l1LP6XVslvcRb5CPY86Rvf2H+nmkLczK7W23yTpI=:"
      "r4Npsxa41W65DCdyH8xctbFrSR6jdMDQTM5Gd3+x4Wg=",
      PlainPasswords::refused);
  REQUIRE((ours && theirs));
  CHECK(ours->keys.salt == "0123456789abcdef");
  CHECK(ours->keys.salt == theirs->keys.salt);
  CHECK(ours->keys.stored_key == theirs->keys.stored_key);
  CHECK(ours->keys.server_key == theirs->keys.server_key);
  CHECK(theirs->keys.iterations == 4096);
  CHECK(theirs->keys.hash == sasl::Hash::sha256);
}

TEST_CASE("passwords that lie there as they are count only where that is allowed") {
  CHECK(unusable("{PLAIN}secret"));
  CHECK(unusable("{CLEARTEXT}secret"));
  CHECK(unusable("secret"));
  CHECK(right("{PLAIN}secret", "secret", PlainPasswords::allowed));
  CHECK(!right("{PLAIN}secret", "secre", PlainPasswords::allowed));
  CHECK(!right("{PLAIN}", "", PlainPasswords::allowed));
  CHECK(!right("{PLAIN}", "x", PlainPasswords::allowed));
  CHECK_MESSAGE(!parse_stored("secret", PlainPasswords::allowed), "without its scheme it is none of them");
}

TEST_CASE("an empty or locked value lets nobody in") {
  for (const char* value : {"", "!", "*", "!$6$rounds=1000$saltsalt$x", "!!"}) {
    CAPTURE(value);
    CHECK(!right(value, "wonder land"));
    CHECK(!right(value, ""));
  }
}

TEST_CASE("weak and unknown forms are not taken, and no word of them is told") {
  for (const char* value :
       {"$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", "{MD5}rL0Y20zC+Fzt72VPzMSk2A==", "{SSHA}abc", "ab1234567890.", "{", "{}x",
        "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$x", "$7$x", "{SCRAM-SHA-256}4096,a,b",
        "{SCRAM-SHA-256}4095,MDEy,u71l1LP6XVslvcRb5CPY86Rvf2H+nmkLczK7W23yTpI=,"
        "r4Npsxa41W65DCdyH8xctbFrSR6jdMDQTM5Gd3+x4Wg="}) {
    CAPTURE(value);
    CHECK(unusable(value));
  }
  const auto stored = parse_stored("{MD5}rL0Y20zC", PlainPasswords::refused);
  CHECK(stored.error().text().find("rL0Y") == std::string::npos);
}

TEST_CASE("a hash costs no more than its bound") {
  CHECK(!unusable("$2b$16$abcdefghijklmnopqrstuuIhYhPUcA5ddoUXfP1U84.oib2hgmtZO"));
  CHECK(unusable("$2b$17$abcdefghijklmnopqrstuuIhYhPUcA5ddoUXfP1U84.oib2hgmtZO"));
  CHECK(!unusable("$6$rounds=10000000$saltsalt$x"));
  CHECK(unusable("$6$rounds=10000001$saltsalt$x"));
  CHECK(!unusable("$argon2id$v=19$m=1048576,t=64,p=1$c2FsdHNhbHQ$x"));
  CHECK(unusable("$argon2id$v=19$m=1048577,t=64,p=1$c2FsdHNhbHQ$x"));
  CHECK(unusable("$argon2id$v=19$m=1048576,t=65,p=1$c2FsdHNhbHQ$x"));
  CHECK(!unusable("$argon2id$v=19$m=1048576,t=1,p=16$c2FsdHNhbHQ$x"));
  CHECK(unusable("$argon2id$v=19$m=1048576,t=1,p=17$c2FsdHNhbHQ$x"));
  CHECK(unusable("$argon2id$v=19$m=1048576,t=1$c2FsdHNhbHQ$x"));
  CHECK(!unusable("$y$j9T$saltsaltsalt$x"));
  CHECK_MESSAGE(!unusable("$y$jFT$saltsaltsalt$x"), "the highest cost that crypt_gensalt makes");
  CHECK(unusable("$y$jGT$saltsaltsalt$x"));
  CHECK(unusable("$y$jFU$saltsaltsalt$x"));
  CHECK(unusable("$y$jjT$saltsaltsalt$x"));
  CHECK_MESSAGE(unusable("$y$j9T/./$saltsaltsalt$x"), "more lanes or passes");
  CHECK(unusable("$y$j9k$saltsaltsalt$x"));
  CHECK(unusable("$y$"));
}

TEST_CASE("a template is cut at its places, and has to name who is asked for") {
  const auto made = parse_template("(|(mail={address})(uid={user}))");
  REQUIRE(made);
  REQUIRE(made->pieces.size() == 3);
  CHECK(made->pieces[0].text == "(|(mail=");
  CHECK(made->pieces[0].place == Template::Place::address);
  CHECK(made->pieces[1].text == ")(uid=");
  CHECK(made->pieces[1].place == Template::Place::user);
  CHECK(made->pieces[2].text == "))");
  CHECK(!parse_template("(mail=anna)"));
  CHECK(!parse_template("(o={domain})"));
  CHECK(parse_template("(&(o={domain})(uid={user}))"));
  CHECK(!parse_template("(mail={adress})"));
  CHECK(!parse_template("(mail={address"));
  CHECK(!parse_template("{address}" + std::string(kTemplateMax - 8, 'x')));
  CHECK(parse_template("{address}" + std::string(kTemplateMax - 9, 'x')));
  const Asked asked = asked_for("anna@example.org");
  CHECK(asked == Asked{"anna@example.org", "anna", "example.org"});
  CHECK(value_of(Template::Place::domain, asked) == "example.org");
}

TEST_CASE("while a directory is away nobody asks, but one after each pause") {
  ManualClock clock;
  Outage outage(clock);
  CHECK(outage.may_ask());
  CHECK(outage.failed());
  CHECK(!outage.failed());
  CHECK(!outage.may_ask());
  clock.advance(Outage::kPause - Duration(1));
  CHECK(!outage.may_ask());
  clock.advance(Duration(1));
  CHECK(outage.may_ask());
  CHECK(!outage.may_ask());
  CHECK(outage.answered());
  CHECK(outage.may_ask());
  CHECK(!outage.answered());
}

namespace {

struct Line {
  int number = 0;
};

/// Counts what is opened; `answers` are used up in order.
struct Bench {
  ManualClock clock;
  Connections<Line> connections{{.name = "test", .max = 1, .wait = std::chrono::milliseconds(1)}, clock};
  int opened = 0;
  bool refuses = false;
  std::vector<Result<int>> answers;
  std::vector<int> asked;

  Result<int> ask() {
    return connections.ask(
        [&]() -> Result<std::unique_ptr<Line>> {
          if (refuses) return fail(kRefused, "wrong login");
          return std::make_unique<Line>(Line{++opened});
        },
        [&](Line& line) -> Result<int> {
          asked.push_back(line.number);
          if (answers.empty()) return line.number;
          Result<int> answer = std::move(answers.front());
          answers.erase(answers.begin());
          return answer;
        });
  }
};

}  // namespace

TEST_CASE("a connection is kept, and one that was lost meanwhile is opened anew, once") {
  Bench bench;
  CHECK(bench.ask() == 1);
  CHECK(bench.ask() == 1);
  bench.answers.emplace_back(fail(kLost, "closed"));
  CHECK(bench.ask() == 2);
  CHECK(bench.asked == std::vector{1, 1, 1, 2});
  // A fresh one that is lost is an outage.
  bench.answers.emplace_back(fail(kLost, "closed"));
  bench.answers.emplace_back(fail(kLost, "closed"));
  const auto lost = bench.ask();
  REQUIRE(!lost);
  CHECK(lost.error().is(kUnreachable));
  CHECK(bench.opened == 3);
  CHECK(!bench.ask());
  CHECK_MESSAGE(bench.opened == 3, "nobody tries during the pause");
  bench.clock.advance(Outage::kPause);
  CHECK(bench.ask() == 4);
}

TEST_CASE("what took too long is not asked again over another connection") {
  Bench bench;
  CHECK(bench.ask() == 1);
  bench.answers.emplace_back(fail(kTimedOut, "no answer"));
  CHECK(bench.ask().error().is(kUnreachable));
  CHECK(bench.opened == 1);
}

TEST_CASE("a refused question closes its connection alone, a refused opening begins an outage") {
  Bench bench;
  CHECK(bench.ask() == 1);
  bench.answers.emplace_back(fail(kRefused, "no such base"));
  CHECK(bench.ask().error().is(kRefused));
  CHECK(bench.ask() == 2);
  CHECK(bench.ask() == 2);
  CHECK(bench.asked == std::vector{1, 1, 2, 2});
  bench.answers.emplace_back(fail(kLost, "closed"));
  bench.refuses = true;
  CHECK(bench.ask().error().is(kUnreachable));
  bench.refuses = false;
  CHECK(bench.ask().error().is(kUnreachable));
  bench.clock.advance(Outage::kPause);
  CHECK(bench.ask() == 3);
}

TEST_CASE("no more connections than allowed are used at one time") {
  Bench bench;
  const auto outer = bench.connections.ask(
      [&]() -> Result<std::unique_ptr<Line>> { return std::make_unique<Line>(Line{++bench.opened}); },
      [&](Line&) -> Result<int> {
        const auto inner = bench.ask();
        CHECK(!inner);
        return 7;
      });
  CHECK(outer == 7);
  CHECK(bench.opened == 1);
  CHECK_MESSAGE(bench.ask() == 1, "to be busy is no outage");
}
