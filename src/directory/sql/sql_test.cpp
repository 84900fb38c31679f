#include <sqlite3.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "directory/sql/source.h"
#include "directory/sql/statement.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::directory;
using Kind = Source::Check::Kind;

namespace {

constexpr const char* kSha256 = "$5$rounds=1000$saltsalt$IBJWlm7FPnRXpKa6hArX7QcSXXv83mDl9Inh6M3ZqkA";  // "wonder land"
constexpr const char* kTable = "CREATE TABLE people (address TEXT, name TEXT, quota, password TEXT)";

/// A folder with a database in it.
struct Site {
  std::filesystem::path folder;
  std::string file;
  Site() {
    std::string name = (std::filesystem::temp_directory_path() / "directory_sql_XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder = name;
    file = folder / "people.sqlite";
    run(kTable);
    run("INSERT INTO people VALUES ('anna@example.org', 'Anna', 1000000, '" + std::string(kSha256) + "')");
  }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;
  ~Site() { std::filesystem::remove_all(folder); }

  void run(const std::string& text, std::string path = {}) const {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open((path.empty() ? file : path).c_str(), &database) == SQLITE_OK);
    CHECK_MESSAGE(sqlite3_exec(database, text.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK, text);
    sqlite3_close(database);
  }
  [[nodiscard]] std::unique_ptr<Source> source(const char* text = "SELECT * FROM people WHERE address = {address}",
                                               Duration timeout = std::chrono::seconds(5)) const {
    const auto statement = parse_statement(text);
    REQUIRE(statement);
    return sql_source({.name = "staff", .database = SqliteOptions{file}, .statement = *statement, .timeout = timeout});
  }
};

Result<Source::Check> check(Source& source, const char* address, const char* password) {
  return source.check(asked_for(address), sasl::Secret::copy(password));
}

}  // namespace

TEST_CASE("the places of a statement become parameters, each with one number") {
  const auto statement =
      parse_statement("SELECT * FROM p WHERE a = {address} OR (u = {user} AND d = {domain}) OR x = {address}");
  REQUIRE(statement);
  CHECK(statement->text == "SELECT * FROM p WHERE a = $1 OR (u = $2 AND d = $3) OR x = $1");
  CHECK(statement->parameters == std::vector{Template::Place::address, Template::Place::user, Template::Place::domain});
}

TEST_CASE("a place within quotes or a comment is refused") {
  CHECK(!parse_statement("SELECT * FROM p WHERE a = '{address}'"));
  CHECK(!parse_statement("SELECT * FROM p WHERE \"{user}\" = 1"));
  CHECK(!parse_statement("SELECT * FROM p -- {address}"));
  CHECK(!parse_statement("SELECT * FROM p /* {address} */"));
  CHECK(!parse_statement("SELECT * FROM p WHERE a = 'it''s {address}'"));
  CHECK(parse_statement("SELECT 'it''s' FROM p /* ' */ WHERE a = {address}"));
  CHECK(parse_statement("SELECT 1 -- '\nFROM p WHERE a = {address}"));
}

TEST_CASE("a statement reads") {
  CHECK(!parse_statement("DELETE FROM p WHERE a = {address}"));
  CHECK(!parse_statement("UPDATE p SET a = {address}"));
  CHECK(parse_statement("  with x AS (SELECT 1) SELECT * FROM x WHERE a = {address}"));
  Site site;
  // It may begin with WITH and write all the same.
  auto source = site.source("WITH x AS (SELECT 1) DELETE FROM people WHERE address = {address}");
  const auto found = source->find(asked_for("anna@example.org"));
  REQUIRE(!found);
  CHECK(found.error().is(kRefused));
  CHECK(site.source()->find(asked_for("anna@example.org")).value());
}

TEST_CASE("a connection says where, never the password") {
  CHECK(check_connection("host=/run/postgresql dbname=mail user=angarium"));
  CHECK(check_connection("postgresql://angarium@db.example.org/mail"));
  CHECK(!check_connection("host=db password=secret"));
  CHECK(!check_connection("postgresql://angarium:secret@db.example.org/mail"));
  const auto wrong = check_connection("host=db password=secret nonsense");
  REQUIRE(!wrong);
  CHECK(wrong.error().text().find("secret") == std::string::npos);
}

TEST_CASE("SQLite: who is there is found with what the row says, others are not") {
  Site site;
  auto source = site.source();
  const auto anna = source->find(asked_for("anna@example.org"));
  REQUIRE((anna && *anna));
  CHECK(**anna == Person{"anna@example.org", "Anna", 1'000'000});
  CHECK(!source->find(asked_for("bob@example.org")).value());
  CHECK(check(*source, "anna@example.org", "wonder land")->kind == Kind::right);
  CHECK(check(*source, "anna@example.org", "wonderland")->kind == Kind::wrong);
  CHECK(check(*source, "anna@example.org", "")->kind == Kind::wrong);
  CHECK(check(*source, "bob@example.org", "wonder land")->kind == Kind::nobody);
}

TEST_CASE("SQLite: a name that is SQL is a name") {
  Site site;
  auto source = site.source();
  for (const char* address : {"' OR '1'='1", "x'; DROP TABLE people; --", "anna@example.org' --", "%", "$1"}) {
    CAPTURE(address);
    CHECK(!source->find(asked_for(address)).value());
  }
  CHECK(!source->find({std::string("anna@example.org\0x", 18), "anna", "example.org"}).value());
  CHECK(source->find(asked_for("anna@example.org")).value());
}

TEST_CASE("SQLite: rows that cannot be are temporary errors, nobody's mail") {
  Site site;
  site.run(
      "INSERT INTO people VALUES ('two@example.org', 'A', NULL, NULL), ('two@example.org', 'B', NULL, NULL),"
      "('much@example.org', 'C', 'a lot', NULL), ('long@example.org', '" +
      std::string(kValueMax + 1, 'x') +
      "', NULL, NULL),"
      "('fits@example.org', '" +
      std::string(kValueMax, 'x') + "', NULL, NULL)");
  auto source = site.source();
  for (const char* address : {"two@example.org", "much@example.org", "long@example.org"}) {
    CAPTURE(address);
    const auto found = source->find(asked_for(address));
    REQUIRE(!found);
    CHECK(found.error().is(kImplausible));
    CHECK(found.error().temporary());
  }
  CHECK(source->find(asked_for("fits@example.org")).value());
}

TEST_CASE("SQLite: a row without a password, or with one in a form that is not taken, lets nobody in") {
  Site site;
  site.run(
      "INSERT INTO people VALUES ('none@example.org', 'A', NULL, NULL), ('weak@example.org', 'B', NULL, "
      "'{PLAIN}weak')");
  auto source = site.source();
  CHECK(check(*source, "none@example.org", "x")->kind == Kind::wrong);
  CHECK(check(*source, "weak@example.org", "weak")->kind == Kind::wrong);
  auto keys = source->scram_keys(asked_for("anna@example.org"), sasl::Hash::sha256);
  REQUIRE(keys);
  CHECK(!*keys);
}

TEST_CASE("SQLite: SCRAM keys are handed on for their hash") {
  Site site;
  site.run(
      "INSERT INTO people VALUES ('scram@example.org', 'S', NULL, '{SCRAM-SHA-256}4096,MDEyMzQ1Njc4OWFiY2RlZg==,"
      "u71l1LP6XVslvcRb5CPY86Rvf2H+nmkLczK7W23yTpI=,r4Npsxa41W65DCdyH8xctbFrSR6jdMDQTM5Gd3+x4Wg=')");
  auto source = site.source();
  const auto keys = source->scram_keys(asked_for("scram@example.org"), sasl::Hash::sha256);
  REQUIRE((keys && *keys));
  CHECK((*keys)->iterations == 4096);
  CHECK(!source->scram_keys(asked_for("scram@example.org"), sasl::Hash::sha1).value());
  CHECK(check(*source, "scram@example.org", "wonder land")->kind == Kind::right);
}

TEST_CASE("SQLite: a file that is replaced is read anew, one that is gone is an outage") {
  Site site;
  auto source = site.source();
  REQUIRE(source->find(asked_for("anna@example.org")).value());
  const std::string other = site.folder / "other.sqlite";
  site.run(kTable, other);
  site.run("INSERT INTO people VALUES ('bob@example.org', 'Bob', NULL, NULL)", other);
  std::filesystem::rename(other, site.file);
  CHECK(!source->find(asked_for("anna@example.org")).value());
  CHECK(source->find(asked_for("bob@example.org")).value());
  std::filesystem::remove(site.file);
  const auto gone = source->find(asked_for("bob@example.org"));
  REQUIRE(!gone);
  CHECK(gone.error().is(kUnreachable));
}

TEST_CASE("SQLite: a statement without an end is ended") {
  Site site;
  auto source = site.source(
      "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) AS name FROM n WHERE x <> "
      "{address}",
      std::chrono::milliseconds(50));
  const auto found = source->find(asked_for("anna@example.org"));
  REQUIRE(!found);
  CHECK(found.error().is(kUnreachable));
}

TEST_CASE("PostgreSQL: one that is not there is an outage, and an empty password is wrong without asking") {
  auto source = sql_source({.name = "staff",
                            .database = PostgresqlOptions{.connection = "host=127.0.0.1 port=1 dbname=mail user=x"},
                            .statement = *parse_statement("SELECT * FROM people WHERE address = {address}")});
  CHECK(check(*source, "anna@example.org", "")->kind == Kind::wrong);
  const auto found = source->find(asked_for("anna@example.org"));
  REQUIRE(!found);
  CHECK(found.error().is(kUnreachable));
  CHECK(found.error().temporary());
}
