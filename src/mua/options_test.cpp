#include "mua/options.h"

#include "mua/draft.h"
#include "mua/error.h"
#include "mua/screen.h"
#include "mua/settings.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mua;

namespace {

Result<Options> parse(std::vector<std::string> words) { return parse_options(words); }
using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("what scripts and cron jobs say to mail") {
  auto options = parse({"-s", "report", "root"}).value();
  CHECK((options.task == Task::send && options.subject == "report" && options.to == Words{"root"}));
  options = parse({"root", "-s", "report"}).value();
  CHECK((options.subject == "report" && options.to == Words{"root"}));
  options = parse({"-Es", "x", "-c", "a,b", "-b", "c", "--", "-odd"}).value();
  CHECK((options.discard_empty && options.cc == Words{"a,b"} && options.to == Words{"-odd"}));
  options = parse({"-s", "x", "anna", "--", "-f", "bob", "-F", "B"}).value();
  CHECK((options.to == Words{"anna"} && options.submission == Words{"-f", "bob", "-F", "B"}));
  options = parse({"-s", "x", "--", "anna", "--", "-fbob"}).value();
  CHECK((options.to == Words{"anna"} && options.submission == Words{"-fbob"}));
}

TEST_CASE("-a is a field where it reads like one, else a file") {
  auto options = parse({"-a", "From: x@example.test", "-a", "./a: b", "-a", "notes:txt", "-A", "X: y", "b"}).value();
  REQUIRE(options.fields.size() == 1);
  CHECK(options.fields[0] == std::pair<std::string, std::string>("From", "x@example.test"));
  CHECK(options.attachments == Words{"./a: b", "notes:txt", "X: y"});
}

TEST_CASE("reading") {
  CHECK(parse({}).value().task == Task::read);
  CHECK(parse({"-f"}).value().has_file);
  CHECK(parse({"-f", "+work"}).value().file == "+work");
  CHECK(parse({"-fbox"}).value().file == "box");
  CHECK(parse({"-NHu", "bob"}).value().user == "bob");
  CHECK(parse({"-e"}).value().task == Task::exists);
  for (const Words& wrong :
       {Words{"-s"}, {"-Z"}, {"-s", "x"}, {"-H", "anna"}, {"-f", "a", "b"}, {"-u", "bob", "-s", "x"}})
    CHECK_FALSE(parse(wrong));
}

TEST_CASE("addresses as they are typed") {
  CHECK(split_addresses("anna bob,carl") == Words{"anna", "bob", "carl"});
  CHECK(split_addresses("A B <a@b.test>, \"C, D\" <c@d.test> , e@f.test (g, h)") ==
        Words{"A B <a@b.test>", "\"C, D\" <c@d.test>", "e@f.test (g, h)"});
  CHECK(split_addresses(" , ,").empty());
}

TEST_CASE("settings: words, quotes, no, if") {
  CHECK(split_words("a 'b c' \"d\\\" e\" f\\ g \"open") == Words{"a", "b c", "d\" e", "f g", "open"});
  Settings settings;
  CHECK(settings.run("set folder=Mail nohold prompt='> '").value());
  CHECK((settings.get("folder") == "Mail" && !settings.is_set("hold") && settings.get("prompt") == "> "));
  CHECK(settings.run("if s").value());
  CHECK(settings.run("set hold").value());
  CHECK_FALSE(settings.is_set("hold"));
  CHECK(settings.run("else").value());
  CHECK(settings.run("set hold").value());
  CHECK(settings.run("endif").value());
  CHECK(settings.is_set("hold"));
  CHECK_FALSE(settings.run("endif"));
  CHECK_FALSE(settings.run("print 1").value());
}

TEST_CASE("an alias of aliases without end, and one that doubles, are expanded in time") {
  Settings settings;
  for (int i = 0; i < 18; ++i) {
    const std::string next = "a" + std::to_string(i + 1);
    CHECK(settings.run("alias a" + std::to_string(i) + " " + next + " " + next + " x" + std::to_string(i)).value());
  }
  CHECK(settings.expand({"a0"}).value().size() == 19);
  for (int i = 18; i < 30; ++i)
    CHECK(settings.run("alias a" + std::to_string(i) + " a" + std::to_string(i + 1)).value());
  CHECK_FALSE(settings.expand({"a0"}));
}

TEST_CASE("nothing a terminal obeys is shown, and columns are counted") {
  CHECK(visible("a\x1b[2J\x7f\tb\n") == "a\xEF\xBF\xBD[2J\xEF\xBF\xBD b\xEF\xBF\xBD");
  CHECK(visible("\xC2\x9b\xE2\x80\xAE\xff") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(visible_text("a\r\nb\rc\td\f") ==
        "a\nb\xEF\xBF\xBD"
        "c\td\n");
  CHECK(columns("\xE4\xB8\xAD"
                "e\xCC\x81") == 3);
  CHECK(fit("\xE4\xB8\xAD\xE6\x96\x87", 3) == "\xE4\xB8\xAD ");
  CHECK(fit("ab", 4) == "ab  ");
}
