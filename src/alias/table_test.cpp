#include "alias/table.h"

#include "support/test.h"

namespace angarium::alias {
namespace {

std::string targets(const Table& table, std::string_view name) {
  const auto* entry = table.find(name);
  if (entry == nullptr) return "none";
  std::string line;
  for (const auto& target : entry->targets) line += (line.empty() ? "" : " ; ") + target_text(target);
  return line;
}

TEST_CASE("Debian's file, with what its users add") {
  const auto table = Table::parse(
      "# See man 5 aliases for format\n"
      "postmaster:    root\n"
      "MAILER-DAEMON: postmaster\n"
      "\n"
      "root: alice,\n"
      "\tbob@example.org   ,\n"
      "# carol is on leave\n"
      "\t\"|/usr/bin/log mail\"\n"
      "\"joe smith\" : joe\n"
      "\"a:b\":c\n"
      "devnull:/dev/null\n"
      "staff: :include:/etc/staff\n"
      "owner-staff:alice");
  REQUIRE(table);
  CHECK(table->findings().empty());
  CHECK(table->entries().size() == 8);
  CHECK(targets(*table, "PostMaster") == "root");
  CHECK(targets(*table, "mailer-daemon") == "postmaster");
  CHECK(targets(*table, "root") == "alice ; bob@example.org ; \"|/usr/bin/log mail\"");
  CHECK(table->find("root")->line == 5);
  CHECK(targets(*table, "Joe Smith") == "joe");
  CHECK(targets(*table, "a:b") == "c");
  CHECK(targets(*table, "devnull") == "\"/dev/null\"");
  CHECK(targets(*table, "nobody") == "none");
  CHECK(table->owner_of("staff") == table->find("owner-staff"));
  CHECK(table->owner_of("root") == nullptr);
  CHECK(table->owner_of("owner-staff") == nullptr);
}

TEST_CASE("a line that is no entry is told and left out, the others count") {
  const auto table = Table::parse(
      "no colon here\nalice@example.org: bob\na b: c\n: d\n\"open: e\n/file: f\nbad: x y, good\nempty:\nroot: "
      "alice\nRoot: bob\n\"q\" r: s\n");
  REQUIRE(table);
  CHECK(table->entries().size() == 3);
  CHECK(targets(*table, "root") == "alice");
  // What cannot be read stays in its place, so that nobody is missed without a word.
  CHECK(std::holds_alternative<Bad>(table->find("bad")->targets.at(0)));
  CHECK(target_text(table->find("bad")->targets.at(1)) == "good");
  CHECK(std::holds_alternative<Bad>(table->find("empty")->targets.at(0)));
  std::string lines;
  for (const auto& finding : table->findings()) lines += std::to_string(finding.line) + " ";
  CHECK(lines == "1 2 3 4 5 6 7 8 11 10 ");
}

TEST_CASE("limits of the table: at the limit and one past it") {
  const std::string name(kAliasNameMax, 'n');
  CHECK(Table::parse(name + ": a")->find(name) != nullptr);
  CHECK(Table::parse(name + "n: a")->entries().empty());
  std::string text = "a: b\n";
  text.resize(kAliasesMax, '#');
  text[5] = '#';
  CHECK(Table::parse(text)->entries().size() == 1);
  CHECK(Table::parse(text + "#").error().is(kTooLarge));
  std::string wrong;
  for (std::size_t i = 0; i <= kFindingsMax; ++i) wrong += "x\n";
  CHECK(Table::parse(wrong)->findings().size() == kFindingsMax);
}

TEST_CASE("a file cut anywhere is read, and what stood whole before the cut is as it was") {
  const std::string text = "a: b, \"|c \\\"d\\\"\"\n  , e\nf: :include:/g\n# h\n\"i j\": \\k\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const auto table = Table::parse(text.substr(0, cut));
    REQUIRE(table);
    if (cut > 23) CHECK(targets(*table, "a") == "b ; \"|c \\\"d\\\"\" ; e");
    if (cut > 38) CHECK(targets(*table, "f") == "\":include:/g\"");
  }
}

}  // namespace
}  // namespace angarium::alias
