#include "message/threading.h"

#include <algorithm>

#include "base/text.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

using Ids = std::vector<std::string>;

TEST_CASE("RFC 5256 2.1: the base subject is without reply marks, list blobs and forward marks") {
  for (const char* same :
       {"Hello world", "Re: Hello world", "RE: Re: Hello world", "Fwd: Hello  world", "fw: [list] Hello world",
        "[list] Re: Hello world", "[list] Hello world", "Re[2]: Hello world", "Hello world (fwd)", "[Fwd: Hello world]",
        "Re : Hello world", "re:Hello\tworld", "re:Hello\r\n world", "[a][b] Re: [c] Hello world (fwd) (FWD)",
        "[fwd: Re: Hello world (fwd)]", "[fwd: [x] Hello world] (fwd)", "[a] [b] Hello world", "Re [é]: Hello world"})
    CHECK_MESSAGE(base_subject(same).text == "Hello world", same);
  CHECK(base_subject("Reply").text == "Reply");
  CHECK(base_subject("[list]").text == "[list]");
  CHECK(base_subject("[list] ").text == "[list]");
  CHECK(base_subject("Re:").text.empty());
  CHECK(base_subject("").text.empty());
  CHECK(base_subject("(fwd)").text.empty());
  CHECK(base_subject("[a] [b]").text == "[b]");
  CHECK(base_subject("[a][b").text == "[b");
  CHECK(base_subject("re [list: x").text == "re [list: x");
  CHECK(base_subject("[fwd: x").text == "[fwd: x");
  CHECK(base_subject("Hello (fwd) world").text == "Hello (fwd) world");
}

TEST_CASE("RFC 5256 3: a reply is what lost a reply mark, (fwd) or [fwd:], not a list's name or blanks") {
  for (const char* reply : {"Re: a", "fw: a", "a (fwd)", "[fwd: a]", "[l] Re: a", "Re:", "[l] [fwd: a]"})
    CHECK_MESSAGE(base_subject(reply).reply, reply);
  for (const char* first : {"a", "[l] a", "  a  b ", "[l]", "", "regarding: a"})
    CHECK_MESSAGE(!base_subject(first).reply, first);
}

TEST_CASE("a subject of blobs only is looked at once") {
  std::string many;
  for (int i = 0; i < 200'000; ++i) many += "[]";
  CHECK(base_subject(many).text == "[]");
  CHECK(base_subject(many + "x").text == "x");
  std::string marks;
  for (int i = 0; i < 200'000; ++i) marks += "Re:";
  CHECK(base_subject(marks + "x").text == "x");
}

TEST_CASE("RFC 5256 3: MUST normalize any msg-id: quoting makes no difference") {
  CHECK(thread_ids("<\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>") == Ids{"01KF8JCEOCBS0045PS@xxx.yyy.com"});
  CHECK(thread_ids("<01KF8JCEOCBS0045PS@xxx.yyy.com>") == Ids{"01KF8JCEOCBS0045PS@xxx.yyy.com"});
  CHECK(thread_ids("<\"a\\\"b\".c@x>") == Ids{"a\"b.c@x"});
  CHECK(thread_ids("<\"a>b\"@x>") == Ids{"a>b@x"});
  CHECK(thread_ids(" < a\r\n @ x > ") == Ids{"a@x"});
  CHECK(thread_ids("<(one (two)) a@x(three)>") == Ids{"a@x"});
  // Case is part of an id.
  CHECK(thread_ids("<A@x> <a@x>") == Ids{"A@x", "a@x"});
}

TEST_CASE("what is no message-id is passed over") {
  CHECK(thread_ids("").empty());
  CHECK(thread_ids("a@x").empty());
  CHECK(thread_ids("<no at>").empty());
  CHECK(thread_ids("<@x> <a@>").empty());
  CHECK(thread_ids("<a@x").empty());
  CHECK(thread_ids("<\"a@x>").empty());
  CHECK(thread_ids("<a@x <b@x>") == Ids{"b@x"});
  CHECK(thread_ids("Your mail of Monday <a@x> Joe <joe@x>") == Ids{"a@x", "joe@x"});
  CHECK(thread_ids("<" + std::string(kThreadIdMax - 2, 'a') + "@x>").size() == 1);
  CHECK(thread_ids("<" + std::string(kThreadIdMax - 1, 'a') + "@x>").empty());
}

TEST_CASE("RFC 5256 3: References count, else the first valid id of In-Reply-To") {
  CHECK(thread_references("In-Reply-To: <r@x>\r\nReferences: <a@x>\r\n <b@x>\r\n\r\n") == "a@x\nb@x\n");
  CHECK(thread_references("References: none\r\nIn-Reply-To: <bad> <r@x> <joe@x>\r\n\r\n") == "r@x\n");
  CHECK(thread_references("In-Reply-To: your mail\r\n\r\n") == "");
  CHECK(thread_references("Subject: x\r\n\r\nReferences: <a@x>\r\n") == "");
}

TEST_CASE("of a chain without end the first and the latest references count") {
  const auto references = [](std::size_t count) {
    std::string header = "References:";
    for (std::size_t i = 0; i < count; ++i) header += "\r\n <" + std::to_string(i) + "@x>";
    return thread_references(header + "\r\n\r\n");
  };
  const auto lines = [](const std::string& text) { return std::count(text.begin(), text.end(), '\n'); };
  CHECK(lines(references(kThreadReferencesMax)) == kThreadReferencesMax);
  const auto cut = references(kThreadReferencesMax + 1);
  CHECK(lines(cut) == kThreadReferencesMax);
  CHECK(cut.starts_with("0@x\n2@x\n"));
  CHECK(cut.ends_with("\n" + std::to_string(kThreadReferencesMax) + "@x\n"));
}
