// What the user types and sees: dialogue/*.txt. Sections begin with "== NAME": `mail` is the command line, `piped` and
// `typed` the input (of a program, of somebody at a terminal), `file NAME` a file of the home folder before, `screen`
// what is seen, `sent` what is handed in, `after NAME` a file afterwards, `exit` the exit code. HOME stands for the
// home folder. Lines "^C", "^D" and "^F" of what is typed are an interrupt, the end and a failure to read.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/text.h"
#include "mua/error.h"
#include "mua/mail.h"
#include "mua/settings.h"
#include "mua/testing.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mua;

namespace {

using testing::Home;
using testing::Typed;

struct Script {
  std::string path;
  std::vector<std::pair<std::string, std::string>> sections;

  [[nodiscard]] const std::string* find(std::string_view name) const {
    for (const auto& [title, text] : sections)
      if (title == name) return &text;
    return nullptr;
  }
};

Script read_script(const std::filesystem::path& path) {
  std::ifstream file(path);
  Script script{.path = path.filename(), .sections = {}};
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("== "))
      script.sections.emplace_back(line.substr(3), "");
    else if (!script.sections.empty())
      script.sections.back().second += line + "\n";
  }
  return script;
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

void play(const Script& script) {
  Home home;
  for (const auto& [title, text] : script.sections)
    if (title.starts_with("file ")) home.put(title.substr(5), text);
  const std::string* typed = script.find("typed");
  const std::string* piped = script.find("piped");
  Typed terminal(typed != nullptr ? *typed : piped != nullptr ? *piped : "", typed != nullptr);
  REQUIRE(script.find("mail") != nullptr);
  auto words = split_words(replaced(*script.find("mail"), "HOME", home.path()));
  words.erase(words.begin());
  const auto options = parse_options(words);
  int code = kUsageExit;
  std::string sent;
  if (!options) {
    terminal.complain(options.error().text());
  } else {
    Surroundings here = home.surroundings(terminal);
    here.submit = [&](const Letter& letter) -> Result<> {
      sent += "-> ";
      for (const std::string& recipient : letter.recipients) sent += recipient + " ";
      if (!letter.sender.empty()) sent += "from " + letter.sender + " ";
      for (const std::string& option : letter.options) sent += option + " ";
      sent += "\n" + replaced(letter.message, "\r\n", "\n");
      for (const std::string& recipient : letter.recipients)
        if (recipient == "refused@example.test") return fail(kHost, "the server says no");
      return {};
    };
    code = mua::mail(here, *options, "");
  }
  const auto check = [&](std::string_view name, const std::string& actual) {
    const std::string* wanted = script.find(name);
    if (wanted == nullptr) return;
    const std::string shown = replaced(actual, home.path(), "HOME");
    CHECK_MESSAGE((shown == *wanted), script.path, ": ", name, " is\n", shown);
  };
  check("screen", terminal.seen);
  check("sent", sent);
  check("exit", std::to_string(code) + "\n");
  for (const auto& [title, text] : script.sections)
    if (title.starts_with("after ")) check(title, home.get(title.substr(6)));
}

}  // namespace

TEST_CASE("the dialogues") {
  std::vector<std::filesystem::path> paths;
  for (const auto& each : std::filesystem::directory_iterator(test::room_path("dialogue"))) paths.push_back(each);
  std::ranges::sort(paths);
  REQUIRE(!paths.empty());
  for (const auto& path : paths) {
    CAPTURE(path.filename().string());
    play(read_script(path));
  }
}
