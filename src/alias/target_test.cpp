#include "alias/target.h"

#include "support/test.h"

namespace angarium::alias {
namespace {

Address name(std::string local, Address::Further further = Address::Further::expand) {
  return {.mailbox = {.local_part = std::move(local), .domain = {}}, .further = further};
}
Address at(std::string local, std::string domain, Address::Further further = Address::Further::expand) {
  return {.mailbox = {.local_part = std::move(local), .domain = std::move(domain)}, .further = further};
}
std::string texts(const List& list) {
  std::string line;
  for (const auto& target : list.targets) line += (line.empty() ? "" : " ; ") + target_text(target);
  return line;
}

TEST_CASE("each kind of target is read, and written in a form that gives the same again") {
  const auto stop = Address::Further::stop;
  const std::vector<std::pair<std::string_view, Target>> cases = {
      {"alice", name("alice")},
      {" alice\t", name("alice")},
      {"\"alice\"", name("alice")},
      {"\"joe smith\"", name("joe smith")},
      {"\"a \\\"b\\\" \\\\c\"", name("a \"b\" \\c")},
      {"alice@example.org", at("alice", "example.org")},
      {"\"alice@example.org\"", at("alice", "example.org")},
      {"\"joe smith\"@example.org", at("joe smith", "example.org")},
      {"<alice@example.org>", at("alice", "example.org")},
      {"Alice Liddell <alice@example.org>", at("alice", "example.org")},
      {"\"Liddell, Alice\" <alice@example.org>", at("alice", "example.org")},
      {"<alice>", name("alice")},
      {"</c/bob@example.org>", at("/c/bob", "example.org")},
      {"<#1@example.org>", at("#1", "example.org")},
      {"\\alice", name("alice", stop)},
      {"\"\\alice\"", name("alice", stop)},
      {"\"\\\\joe smith\"", name("joe smith", stop)},
      {"\\alice@example.org", at("alice", "example.org", stop)},
      {"/var/mail/archive", File{"/var/mail/archive"}},
      {"\"/var/mail/old letters\"", File{"/var/mail/old letters"}},
      {"/home/alice/Maildir/", File{"/home/alice/Maildir/"}},
      {"|/usr/bin/filter -x", Pipe{"/usr/bin/filter -x"}},
      {"\"|/usr/bin/filter -x\"", Pipe{"/usr/bin/filter -x"}},
      {"|\"/usr/bin/filter -x\"", Pipe{"/usr/bin/filter -x"}},
      {"\"|IFS=' ' && exec /usr/bin/procmail -f- || exit 75 #alice\"",
       Pipe{"IFS=' ' && exec /usr/bin/procmail -f- || exit 75 #alice"}},
      {"\"|sed 's/a\\b/\\\"/'\"", Pipe{"sed 's/a\\b/\"/'"}},
      {"|a \"b c\" d", Pipe{"a \"b c\" d"}},
      {"|filter <in >(out)>", Pipe{"filter <in >(out)>"}},
      {"/var/mail/<a>", File{"/var/mail/<a>"}},
      {":include:/etc/list", Include{"/etc/list"}},
      {"\":include:/etc/my list\"", Include{"/etc/my list"}},
      {":include:\"/etc/my list\"", Include{"/etc/my list"}},
  };
  for (const auto& [text, target] : cases) {
    CAPTURE(text);
    const auto read = parse_target(text);
    if (const auto* wrong = std::get_if<Bad>(&read)) FAIL(wrong->reason);
    CHECK(read == target);
    CHECK(parse_target(target_text(read)) == read);
  }
}

TEST_CASE("what is no target is told") {
  for (const std::string_view text : {"",
                                      "\"\"",
                                      "\" \"",
                                      "alice bob",
                                      "alice # the boss",
                                      "|",
                                      "\"| \"",
                                      "\\",
                                      "<>",
                                      "Alice <>",
                                      ":include:",
                                      ":include:list",
                                      ":fail: no",
                                      ":include:/a\x01",
                                      "/a\nb",
                                      "a@",
                                      "@b",
                                      "a\x7F",
                                      "\xFF",
                                      "\\a b",
                                      "x>",
                                      "a\"b"})
    CHECK_MESSAGE(std::holds_alternative<Bad>(parse_target(text)), text);
}

TEST_CASE("limits of a target: at the limit and one past it") {
  const std::string path = "/" + std::string(kTargetMax - 1, 'x');
  CHECK(parse_target(path) == Target(File{path}));
  CHECK(std::holds_alternative<Bad>(parse_target(path + "x")));
  CHECK(std::holds_alternative<Address>(parse_target(std::string(255, 'x'))));
  CHECK(std::holds_alternative<Bad>(parse_target(std::string(256, 'x'))));
  std::string many;
  for (std::size_t i = 0; i < kTargetsMax; ++i) many += "a,";
  CHECK(parse_list(many).findings.empty());
  const auto over = parse_list(many + "b");
  CHECK(over.targets.size() == kTargetsMax + 1);
  CHECK(std::holds_alternative<Bad>(over.targets.back()));
  CHECK(parse_list(many + "\nb\nc\n").targets.size() == kTargetsMax + 1);
}

TEST_CASE("a list is divided at commas and line ends, not within quotes or angle brackets") {
  CHECK(texts(parse_list("a, b,c,,d,\ne\r\n")) == "a ; b ; c ; d ; e");
  CHECK(texts(parse_list("\\alice, \"|/usr/bin/vacation -t 1,2 alice\", \"Doe, J\" <j@example.org>")) ==
        "\\alice ; \"|/usr/bin/vacation -t 1,2 alice\" ; j@example.org");
  CHECK(texts(parse_list("|filter \"a, b\", carol")) == "\"|filter \\\"a, b\\\"\" ; carol");
  CHECK(texts(parse_list("a,\n  b,\n\t# no\n\n c\nd")) == "a ; b ; c ; d");
  CHECK(texts(parse_list("# one\n  # two\n\n")).empty());
}

TEST_CASE("a continued line is one line, whatever comments and empty lines stand between") {
  CHECK(texts(parse_list("a,\n# no\n\n b")) == "a ; b");
  const auto joined = parse_list("a\n b");
  REQUIRE(joined.targets.size() == 1);
  CHECK(std::holds_alternative<Bad>(joined.targets[0]));
}

TEST_CASE("findings name the line where the list begins; a quote without an end takes the rest of it") {
  const auto list = parse_list("a\n\nb, \"c, d\ne f\n");
  REQUIRE(list.findings.size() == 2);
  CHECK(list.findings[0].line == 3);
  CHECK(list.findings[1].line == 4);
  CHECK(list.targets.size() == 4);
}

}  // namespace
}  // namespace angarium::alias
