// Expansions as text: each file of cases/ is a house. Sections, each a line "[…]" and what follows it:
//
//     [aliases owner=0 mode=644]     the aliases file (these are the defaults; 50 is the server's user)
//     [file /path owner=… mode=…]    a file to include; [directory /path], [unreadable /path]
//     [user NAME uid]                somebody; [forward NAME mode=…] with a .forward; [unknown NAME]: cannot be asked
//     [expand ADDRESS]               what must come of it: destinations, then problems, a line each
//
// Names of here.example are names of this house.
#include "alias/expand.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "alias/memory_files.h"
#include "base/text.h"
#include "support/test.h"

namespace angarium::alias {
namespace {

std::string text(const Destination& destination) {
  using Kind = Destination::Kind;
  std::string line;
  switch (destination.kind) {
    case Kind::mailbox:
      line = destination.mailbox.domain.empty() ? "mailbox " + destination.mailbox.local_part
                                                : "mailbox " + destination.mailbox.text();
      break;
    case Kind::file: line = "file " + destination.text; break;
    case Kind::pipe: line = "pipe " + destination.text; break;
    case Kind::discard: line = "discard"; break;
    case Kind::later:
      line = "later " + destination.mailbox.local_part + " " + destination.enhanced + " " + destination.text;
      break;
  }
  if (!destination.owner.empty()) line += " owner=" + destination.owner;
  if (!destination.user.empty()) line += " user=" + destination.user;
  return line;
}
std::string text(const Expansion& expansion) {
  std::string lines;
  for (const auto& destination : expansion.destinations) lines += text(destination) + "\n";
  for (const auto& problem : expansion.problems) lines += "problem " + problem.enhanced + " " + problem.text + "\n";
  return lines;
}

/// The user of the server, who may own the aliases.
constexpr std::uint32_t kServer = 50;

class House final : public Household {
 public:
  bool is_here(std::string_view domain) override { return equals_ignore_case(domain, "here.example"); }
  Result<bool> comes_first(const std::string& name) override {
    if (name == "unsure") return fail(kUnreadableFile, "nobody knows now");
    return firsts.contains(name);
  }
  Result<std::optional<User>> user(const std::string& name) override {
    const auto found = users.find(name);
    if (found == users.end()) return std::nullopt;
    if (!found->second) return fail(kUnreadableFile, "nobody knows now");
    return found->second;
  }
  Expansion ask(std::string_view address) {
    envelope::Mailbox mailbox{.local_part = std::string(address), .domain = {}};
    if (address.find('@') != std::string_view::npos) mailbox = envelope::parse_mailbox(address).value();
    AliasTables tables = {std::make_shared<const Aliases>(aliases)};
    tables.insert(tables.end(), more.begin(), more.end());
    return expand(tables, files, *this, mailbox);
  }

  Aliases aliases;
  AliasTables more;  ///< further files
  std::set<std::string> firsts;
  MemoryFiles files;
  std::map<std::string, std::optional<User>> users;
};

/// A section's heading: its word, its name, and what is said of the file.
struct Heading {
  std::string word;
  std::string name;
  FileStatus status;
};
Heading read_heading(std::string_view line) {
  Heading heading;
  std::string_view rest = line.substr(1, line.size() - 2);
  heading.word = take_until(rest, ' ');
  for (std::size_t i = 0; !rest.empty(); ++i) {
    auto value = take_until(rest, ' ');
    const auto number = value.substr(value.find('=') + 1);
    if (value.starts_with("owner="))
      heading.status.owner = *parse_number<std::uint32_t>(number);
    else if (value.starts_with("mode="))
      heading.status.mode = static_cast<std::uint32_t>(std::stoul(std::string(number), nullptr, 8));
    else if (i == 0)
      heading.name = value;
    else
      heading.status.owner = *parse_number<std::uint32_t>(value);
  }
  return heading;
}

void play(House& house, const Heading& heading, const std::string& body) {
  const auto& [word, name, status] = heading;
  if (word == "aliases") {
    house.aliases = {.table = Table::parse(body).value(), .trust = trust_of(status, kServer), .owner = status.owner};
  } else if (word == "file") {
    house.files.write(name, body, status);
  } else if (word == "directory") {
    house.files.write(name, "", {.regular = false});
  } else if (word == "unreadable") {
    house.files.set_unreadable(name);
  } else if (word == "unknown") {
    house.users[name] = std::nullopt;
  } else if (word == "user") {
    house.users[name] = Household::User{.uid = status.owner, .forward = {}};
  } else if (word == "forward") {
    auto& user = house.users.at(name).value();
    auto owned = status;
    owned.owner = user.uid;
    house.files.write("/home/" + name, body, owned);
    user.forward = read_forward(house.files, "/home/" + name, user.uid).value();
  } else {
    REQUIRE_MESSAGE(word == "expand", word);
    CAPTURE(name);
    CHECK(text(house.ask(name)) == body);
  }
}

void play_file(const std::string& path) {
  House house;
  Heading heading;
  std::string body;
  const auto content = test::read_file(path);
  std::string_view rest = content;
  std::size_t expansions = 0;
  while (!rest.empty()) {
    const auto line = take_until(rest, '\n');
    if (line.starts_with("--")) continue;
    if (!line.starts_with('[')) {
      body += std::string(line) + "\n";
      continue;
    }
    if (!heading.word.empty()) play(house, heading, body);
    heading = read_heading(line);
    expansions += heading.word == "expand" ? 1 : 0;
    body.clear();
  }
  play(house, heading, body);
  CHECK(expansions > 0);
}

TEST_CASE("the houses of cases/") {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(test::room_path("cases"))) {
    CAPTURE(entry.path().filename().string());
    play_file(entry.path().string());
    ++count;
  }
  CHECK(count >= 7);
}

House with_aliases(const std::string& lines) {
  House house;
  house.aliases.table = Table::parse(lines).value();
  return house;
}

TEST_CASE("of several files the first that has a name counts, with its own rights; owners may stand in any") {
  House house = with_aliases("one: a\nboth: first\nlist: \"|x\", y");
  auto second = std::make_shared<Aliases>();
  second->table = Table::parse("both: second\ntwo: \"|x\", b, one\nowner-list: boss").value();
  second->trust = Trust::addresses;
  house.more = {second};
  CHECK(text(house.ask("both")) == "mailbox first\n");
  CHECK(text(house.ask("list")) == "pipe x owner=owner-list\nmailbox y owner=owner-list\n");
  const auto two = house.ask("two");
  CHECK(text(two).starts_with("mailbox b\nmailbox a\nproblem 5.7.1 "));
}

TEST_CASE("who comes first has mail whatever the aliases say, directly and through them") {
  House house = with_aliases("anna: \"|x\"\nroot: Anna\nboth: unsure, anna");
  CHECK(text(house.ask("root")) == "pipe x\n");
  house.firsts = {"anna"};
  CHECK(text(house.ask("anna")) == "mailbox anna\n");
  CHECK(text(house.ask("root")) == "mailbox Anna\n");
  CHECK(house.ask("both").temporary());
}

TEST_CASE("depth: at the limit and one past it") {
  std::string lines;
  for (std::size_t i = 1; i <= kDepthMax; ++i) lines += fmt::format("a{}: a{}\n", i, i + 1);
  CHECK(text(with_aliases(lines).ask("a1")) == fmt::format("mailbox a{}\n", kDepthMax + 1));
  const auto over = with_aliases(lines + "a0: a1\n").ask("a0");
  CHECK(over.destinations.empty());
  REQUIRE(over.problems.size() == 1);
  CHECK(over.problems[0].enhanced == "5.4.6");
}

TEST_CASE("fan-out: at the limit and one past it") {
  std::string list;
  for (std::size_t i = 1; i < kDestinationsMax; ++i) list += fmt::format("u{},", i);
  auto house = with_aliases("all: " + list + " one\none: last, u1\nover: two, " + list + "\ntwo: last, beyond\n");
  CHECK(house.ask("all").destinations.size() == kDestinationsMax);
  CHECK(house.ask("all").problems.empty());
  const auto over = house.ask("over");
  CHECK(over.destinations.size() == kDestinationsMax);
  CHECK(over.problems.size() == 1);
  CHECK(!over.temporary());
}

TEST_CASE("included files: at the limit and one past it") {
  std::string targets;
  House house;
  for (std::size_t i = 0; i <= kIncludesMax; ++i) {
    house.files.write(fmt::format("/f{}", i), fmt::format("u{}", i));
    if (i < kIncludesMax) targets += fmt::format(":include:/f{},", i);
  }
  house.aliases.table = Table::parse(fmt::format("a: {}\nb: {} :include:/f{}", targets, targets, kIncludesMax)).value();
  CHECK(house.ask("a").problems.empty());
  CHECK(house.ask("a").destinations.size() == kIncludesMax);
  CHECK(house.ask("b").destinations.size() == kIncludesMax);
  CHECK(house.ask("b").problems.size() == 1);
}

TEST_CASE("of many problems a temporary one stays among those that are kept") {
  std::string list;
  for (std::size_t i = 0; i < kProblemsMax; ++i) list += fmt::format("\"|c{}\",", i);
  auto house = with_aliases("a: " + list + "x y\nb: " + list);
  house.aliases.trust = Trust::addresses;
  CHECK(house.ask("a").problems.size() == kProblemsMax);
  CHECK(house.ask("a").temporary());
  CHECK(!house.ask("b").temporary());
}

TEST_CASE("every step is told, for EXPN and the trace") {
  House house = with_aliases("staff: :include:/s\nowner-staff: alice\n");
  house.files.write("/s", "alice, bob\n");
  house.users["alice"] = Household::User{.uid = 1, .forward = Forward{.list = parse_list("\\alice")}};
  std::string steps;
  for (const auto& fact : house.ask("staff").facts) steps += fmt::format("{}: {}\n", fact.about, fact.text);
  CHECK(steps == "alias: staff (line 1)\nowner: owner-staff\ninclude: /s: 2 targets\nforward: alice\n");
}

}  // namespace
}  // namespace angarium::alias
