#include "message/mbox.h"

#include <fmt/format.h>

#include "base/text.h"
#include "message/mbox_test.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;
using namespace angarium::message::test;
using namespace std::string_literals;

namespace {

constexpr std::string_view kFrom = "From a@example.org Thu Mar  5 07:08:09 2026\n";
constexpr MboxReadOptions kAsItIs{.line_ends = MboxLineEnds::kept, .state_fields = MboxStateFields::kept};
constexpr MboxWriteOptions kWriteAsItIs{.line_ends = MboxLineEnds::kept, .state_fields = MboxStateFields::kept};
constexpr MboxVariant kVariants[] = {MboxVariant::mboxo, MboxVariant::mboxrd, MboxVariant::mboxcl,
                                     MboxVariant::mboxcl2};

MboxReadOptions as_it_is(MboxVariant variant) {
  MboxReadOptions options = kAsItIs;
  options.variant = variant;
  return options;
}

std::string name_of(MboxVariant variant) {
  constexpr std::string_view kNames[] = {"mboxo", "mboxrd", "mboxcl", "mboxcl2"};
  return std::string(kNames[static_cast<std::size_t>(variant)]);
}

/// The octets of every message of a file, read as it is unless told otherwise; all cuts must agree.
std::vector<std::string> bodies(std::string_view file, MboxReadOptions options = kAsItIs,
                                Lookahead lookahead = Lookahead::file) {
  const std::vector<SplitMessage> whole = split(file, options, std::string_view::npos, lookahead);
  CHECK(same(split(file, options, 1, lookahead), whole));
  for (std::size_t cut = 0; cut <= file.size(); ++cut) {
    Splitter splitter(file, options, lookahead);
    splitter.feed(file.substr(0, cut));
    splitter.feed(file.substr(cut));
    REQUIRE(same(splitter.finish(), whole));
  }
  std::vector<std::string> result;
  for (const SplitMessage& message : whole) result.push_back(message.octets);
  return result;
}

using Bodies = std::vector<std::string>;

/// What stands in the file NAME.expect.
std::string describe(const std::vector<SplitMessage>& messages) {
  constexpr std::pair<BoxFlags, std::string_view> kNames[] = {
      {kBoxSeen, " seen"},       {kBoxAnswered, " answered"}, {kBoxFlagged, " flagged"}, {kBoxDraft, " draft"},
      {kBoxDeleted, " deleted"}, {kBoxPassed, " passed"},     {kBoxOld, " old"}};
  std::string text;
  for (const SplitMessage& message : messages) {
    const auto& date = message.separator.date;
    text += fmt::format("From: {} at {}\nState:", message.separator.sender, date ? format_date(*date) : "no date");
    for (const auto& [flag, name] : kNames)
      if ((message.state.flags & flag) != 0) text += name;
    text += fmt::format("; uid {}; keywords", message.state.uid);
    for (const std::string& keyword : message.state.keywords) text += " " + keyword;
    if (const auto& base = message.state.base) {
      text += fmt::format("; base {} {}", base->uid_validity, base->uid_last);
      for (const std::string& keyword : base->keywords) text += " " + keyword;
    }
    text += '\n';
    for (std::string_view rest = message.octets; !rest.empty();) {
      const bool ended = rest.contains('\n');
      std::string_view line = take_until(rest, '\n');
      const bool crlf = ended && line.ends_with('\r');
      if (crlf) line.remove_suffix(1);
      text += crlf ? "|" : ended ? "!" : "$";
      text += line;
      text += '\n';
    }
  }
  return text;
}

void check_sample(const std::string& name) {
  CAPTURE(name);
  const std::string file = angarium::test::read_file(angarium::test::room_path("mbox/" + name + ".mbox"));
  MboxDetector detector;
  detector.feed(file);
  REQUIRE(detector.variant());
  std::string text = "variant " + name_of(*detector.variant()) + "\n";

  MboxInternalData internal;
  internal.feed(file);
  internal.finish();
  if (internal.base()) {
    text += fmt::format("internal {} {}", internal.base()->uid_validity, internal.base()->uid_last);
    for (const std::string& keyword : internal.base()->keywords) text += " " + keyword;
    text += '\n';
  }
  const std::string_view rest = std::string_view(file).substr(internal.octets().size());
  const MboxReadOptions options{.variant = *detector.variant()};
  const std::vector<SplitMessage> messages = split(rest, options);
  CHECK(text + describe(messages) == angarium::test::read_file(angarium::test::room_path("mbox/" + name + ".expect")));

  // Cut at every octet, for every variant and with everything kept as it is as well.
  for (const MboxVariant variant : kVariants) {
    bodies(rest, {.variant = variant});
    bodies(rest, as_it_is(variant), Lookahead::none);
  }
  for (std::size_t step = 1; step < file.size(); ++step) {
    MboxDetector pieces;
    for (std::size_t at = 0; at < file.size(); at += step) pieces.feed(std::string_view(file).substr(at, step));
    REQUIRE(pieces.variant() == detector.variant());
  }
  // Written by us and read again, nothing changes.
  std::string again;
  for (const SplitMessage& message : messages) again += write(message.octets, {}, message.state);
  const std::vector<SplitMessage> back = split(again);
  REQUIRE(back.size() == messages.size());
  for (std::size_t i = 0; i < back.size(); ++i) {
    const std::string& was = messages[i].octets;
    CHECK(back[i].octets == (was.ends_with('\n') ? was : was + "\r\n"));
    CHECK(back[i].state.flags == messages[i].state.flags);
    CHECK(back[i].state.keywords == messages[i].state.keywords);
    CHECK(back[i].state.uid == messages[i].state.uid);
    CHECK(back[i].state.base == messages[i].state.base);
  }
}

}  // namespace

TEST_CASE("what Python's mailbox module wrote") { check_sample("python"); }
TEST_CASE("what s-nail wrote") { check_sample("s-nail"); }
TEST_CASE("what Dovecot wrote") { check_sample("dovecot"); }
TEST_CASE("a box by mutt's rules, one Content-Length wrong") { check_sample("mutt"); }
TEST_CASE("a box by c-client's rules, with internal data") { check_sample("c-client"); }
TEST_CASE("a box by Thunderbird's rules") { check_sample("mozilla"); }
TEST_CASE("a box of each variant") {
  check_sample("mboxo");
  check_sample("mboxrd");
  check_sample("mboxcl");
  check_sample("mboxcl2");
}

TEST_CASE("RFC 4155: a separator needs a blank line before it and a date") {
  CHECK(bodies(""s + std::string(kFrom) + "A: b\n\ntext\n" + std::string(kFrom) + "\nFrom me to you\n") ==
        Bodies{"A: b\n\ntext\n" + std::string(kFrom) + "\nFrom me to you\n"});
  CHECK(bodies(std::string(kFrom) + "A: b\n\ntext\n\n" + std::string(kFrom) + "C: d\n\n\n") ==
        Bodies{"A: b\n\ntext\n", "C: d\n\n"});
}

TEST_CASE("every line \"From \" after a blank line is a separator when that is wanted") {
  MboxReadOptions options = kAsItIs;
  options.separators = MboxSeparators::any;
  const std::vector<SplitMessage> messages = split(std::string(kFrom) + "A: b\n\n\nFrom me to you\nC: d\n", options);
  REQUIRE(messages.size() == 2);
  CHECK(messages[1].separator.sender == "me to you");
  CHECK_FALSE(messages[1].separator.date);
}

TEST_CASE("one blank line closes a message; more of them belong to it, and a missing one is not missed") {
  const std::string from(kFrom);
  CHECK(bodies(from + "A: b\n\ntext\n\n\n\n" + from + "A: b\n\ntext") == Bodies{"A: b\n\ntext\n\n\n", "A: b\n\ntext"});
  CHECK(bodies(from + "\n" + from + "\n") == Bodies{"", ""});
  CHECK(bodies(from + "A: b\n\n" + from + "A: b\n") == Bodies{"A: b\n", "A: b\n"});
  CHECK(bodies(from + "A: b\r\n\r\ntext\r\n\r\n" + from) == Bodies{"A: b\r\n\r\ntext\r\n", ""});
  CHECK(bodies("") == Bodies{});
}

TEST_CASE("what stands before the first separator is skipped and counted") {
  Splitter splitter("", {});
  splitter.feed("\n\nnoise\n" + std::string(kFrom) + "A: b\n");
  CHECK(splitter.finish().size() == 1);
  CHECK(splitter.reader().skipped() == 8);
  Splitter none("", {});
  none.feed("no mbox at all");
  CHECK(none.finish().empty());
  CHECK(none.reader().skipped() == 14);
}

TEST_CASE("the last line of a file is no separator without its line end") {
  CHECK(bodies(std::string(kFrom) + "\nx\n\n" + std::string(kFrom.substr(0, kFrom.size() - 1))) ==
        Bodies{"\nx\n\n" + std::string(kFrom.substr(0, kFrom.size() - 1))});
}

TEST_CASE("a separator has up to kMboxSeparatorMax octets and not one more") {
  const std::string_view date = " Thu Mar  5 07:08:09 2026";
  const auto line = [&](std::size_t size) {
    return "From " + std::string(size - 5 - date.size(), 'a') + std::string(date) + "\n";
  };
  const std::string begin = std::string(kFrom) + "A: b\n\n\n";
  CHECK(split(begin + line(kMboxSeparatorMax)).size() == 2);
  CHECK(split(begin + line(kMboxSeparatorMax), {}, 7).size() == 2);
  CHECK(split(begin + line(kMboxSeparatorMax + 1)).size() == 1);
  CHECK(split(line(kMboxSeparatorMax)).size() == 1);
  CHECK(split(line(kMboxSeparatorMax + 1)).empty());
  CHECK(split(line(5000), {}, 3).empty());
  // With a CR as well.
  std::string crlf = line(kMboxSeparatorMax);
  crlf.insert(crlf.size() - 1, "\r");
  CHECK(split(begin + crlf).size() == 2);
  // Octets of a line that is too long are not lost.
  CHECK(split(begin + line(kMboxSeparatorMax + 1), kAsItIs)[0].octets == "A: b\n\n\n" + line(kMboxSeparatorMax + 1));
}

TEST_CASE("mboxrd takes one '>' of any number; mboxo of one only; mboxcl2 of none") {
  const std::string text = "A: b\n\n>From \n>>From x\n>>>>>>>>>>From x\n>from x\n>Fromx\n> From x\n>>\n>\n";
  const std::string file = std::string(kFrom) + text;
  CHECK(bodies(file)[0] == "A: b\n\nFrom \n>From x\n>>>>>>>>>From x\n>from x\n>Fromx\n> From x\n>>\n>\n");
  for (const MboxVariant variant : {MboxVariant::mboxo, MboxVariant::mboxcl})
    CHECK(bodies(file, as_it_is(variant))[0] ==
          "A: b\n\nFrom \n>>From x\n>>>>>>>>>>From x\n>from x\n>Fromx\n> From x\n>>\n>\n");
  CHECK(bodies(file, as_it_is(MboxVariant::mboxcl2))[0] == text);
}

TEST_CASE("quoting has no limit of depth: marks are not held") {
  const std::string deep(100'000, '>');
  const std::string message = "A: b\n\n" + deep + "From x\n" + deep + "Frox\n";
  const std::string file = write(message, kWriteAsItIs);
  CHECK(file == std::string(kFrom) + "A: b\n\n>" + deep + "From x\n" + deep + "Frox\n\n");
  CHECK(split(file, kAsItIs).at(0).octets == message);
  CHECK(split(file, kAsItIs, 7).at(0).octets == message);
}

TEST_CASE("a line end of LF alone is given as CR LF, and no other octet changes") {
  MboxReadOptions options = kAsItIs;
  options.line_ends = MboxLineEnds::translated;
  CHECK(bodies(std::string(kFrom) + "A: b\nB: c\r\n\n\nx\ry\r\r\nz\n\n\n>From\n\r\n", options) ==
        Bodies{"A: b\r\nB: c\r\n\r\n\r\nx\ry\r\r\nz\r\n\r\n\r\n>From\r\n"});
}

TEST_CASE("a Content-Length is believed when a separator or the end follows") {
  const std::string from(kFrom);
  const auto file = [&](int length) {
    return from + fmt::format("Content-Length: {}\n\nab\n\n", length) + from + "x: y\n\ncd\n\n" + from + "z: z\n\n";
  };
  const std::string within = "ab\n\n" + from + "x: y\n\ncd\n";
  const std::size_t whole = within.size();
  const MboxReadOptions options{
      .variant = MboxVariant::mboxcl2, .line_ends = MboxLineEnds::kept, .state_fields = MboxStateFields::replaced};
  CHECK(bodies(file(static_cast<int>(whole)), options) == Bodies{"\n" + within, "z: z\n"});
  CHECK(bodies(file(static_cast<int>(whole) - 1), options) == Bodies{"\n" + within.substr(0, whole - 1), "z: z\n"});
  CHECK(bodies(file(static_cast<int>(whole) + 1), options) == Bodies{"\n" + within + "\n", "z: z\n"});
  for (const int wrong : {0, 1, static_cast<int>(whole) - 2, static_cast<int>(whole) + 2, 100'000})
    CHECK(bodies(file(wrong), options) == Bodies{"\nab\n", "x: y\n\ncd\n", "z: z\n"});
  // No other variant believes it, and nobody who cannot look there.
  CHECK(bodies(file(static_cast<int>(whole)), {.variant = MboxVariant::mboxrd, .line_ends = MboxLineEnds::kept}) ==
        Bodies{"\nab\n", "x: y\n\ncd\n", "z: z\n"});
  CHECK(bodies(file(static_cast<int>(whole)), options, Lookahead::none) == Bodies{"\nab\n", "x: y\n\ncd\n", "z: z\n"});
}

TEST_CASE("a Content-Length that no file can have is not believed") {
  for (const std::string_view length : {"18446744073709551615", "18446744073709551616", "9223372036854775807", "-1"}) {
    const std::string file = std::string(kFrom) + "Content-Length: " + std::string(length) + "\n\nab\n\n";
    CHECK(bodies(file, {.variant = MboxVariant::mboxcl, .line_ends = MboxLineEnds::kept}) == Bodies{"\nab\n"});
  }
}

TEST_CASE("when the file is not any more what the look ahead saw, its octets are text and none is lost") {
  const std::string begin = std::string(kFrom) + "Content-Length: 3\n\nabc";
  const std::string seen = begin + "\n\n";
  for (const std::string_view rest : {"def\n\n", "\nFrom x\n\n", "From"}) {
    Splitter splitter(seen, as_it_is(MboxVariant::mboxcl2));
    splitter.feed(begin);
    splitter.feed(rest);
    const std::vector<SplitMessage> messages = splitter.finish();
    REQUIRE(messages.size() == 1);
    const std::string& octets = messages[0].octets;
    CHECK(octets.starts_with("Content-Length: 3\n\nabc"));
    CHECK(octets.contains(trim(rest.substr(rest.find_first_not_of('\n'), 4))));
  }
  // A file that became shorter ends where it ends.
  Splitter splitter(seen, as_it_is(MboxVariant::mboxcl2));
  splitter.feed(begin.substr(0, begin.size() - 1));
  CHECK(splitter.finish().at(0).octets == "Content-Length: 3\n\nab");
}

TEST_CASE("bodies are given as views of the input, both ways") {
  const auto outside = [](std::string_view view, std::string_view of) {
    const bool within = view.data() >= of.data() && view.data() + view.size() <= of.data() + of.size();
    return within ? 0 : view.size();
  };
  std::string message = "A: b\n\n";
  for (int i = 0; i < 10'000; ++i) message += "a line of text\n\n  and its paragraph\n";
  const std::string file = write(message, kWriteAsItIs);
  for (const MboxVariant variant : {MboxVariant::mboxrd, MboxVariant::mboxcl2}) {
    MboxReader reader(as_it_is(variant));
    std::string_view input = file;
    std::size_t copied = 0;
    std::size_t steps = 0;
    for (MboxStep step = reader.next(input); step.kind != MboxStep::Kind::need_input; step = reader.next(input)) {
      copied += outside(step.octets, file);
      ++steps;
    }
    CHECK(copied < 10);
    CHECK(steps < 10);
  }
  MboxWriter writer(kWriteAsItIs);
  writer.begin("", {});
  std::size_t copied = 0;
  for (std::string_view input = message; !input.empty();) copied += outside(writer.take(input), message);
  CHECK(copied < 10);
}

TEST_CASE("fields of state are read and taken out of the header only, with their folded lines") {
  const std::string header =
      "Status: RO\nA: b\nX-Status: AFTD\nx-keywords: one\n two  one\nX-UID: 17\nSubject: s\nStatusx: no\nX-UIDL: abc\n";
  const std::string file = std::string(kFrom) + header + "\nStatus: R\n";
  const std::vector<SplitMessage> messages = split(file);
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].octets == "A: b\r\nSubject: s\r\nStatusx: no\r\n\r\nStatus: R\r\n");
  const BoxState& state = messages[0].state;
  CHECK(state.flags == (kBoxSeen | kBoxOld | kBoxAnswered | kBoxFlagged | kBoxDraft | kBoxDeleted));
  CHECK(state.keywords == std::vector<std::string>{"one", "two"});
  CHECK(state.uid == 17);
  CHECK(state.uidl == "abc");
  bodies(file, {});
  const std::vector<SplitMessage> kept = split(file, kAsItIs);
  CHECK(kept[0].octets == header + "\nStatus: R\n");
  CHECK(kept[0].state == state);
}

TEST_CASE(
    "fields that a box is not written anew with tell nothing when they are not asked, and are taken out all the same") {
  const std::string file = std::string(kFrom) +
                           "X-IMAP: 3 4 theirs\nX-Mozilla-Status: 1003\nX-Mozilla-Status2: 00000000\nX-Mozilla-Keys: "
                           "mine\nX-IMAPbase: 1 2 ours\nStatus: O\nX-Keywords: ours\nA: b\n\n";
  const BoxState all = split(file)[0].state;
  CHECK(all.flags == (kBoxSeen | kBoxOld | kBoxAnswered | kBoxPassed));
  CHECK(all.base->keywords == std::vector<std::string>{"theirs"});
  CHECK(all.keywords == std::vector<std::string>{"mine", "ours"});
  const SplitMessage asked = split(file, {.state_told = MboxStateTold::by_status})[0];
  CHECK(asked.octets == "A: b\r\n");
  CHECK(asked.state.flags == kBoxOld);
  CHECK(asked.state.base == MboxBase{1, 2, {"ours"}});
  CHECK(asked.state.keywords == std::vector<std::string>{"ours"});
}

TEST_CASE("a base is digits, a space and digits, of which there is a next number: else it is none") {
  const auto base = [](const std::string& value) {
    return split(std::string(kFrom) + "X-IMAPbase:" + value + "\n\n")[0].state.base;
  };
  CHECK(base(" 7 0000000042 x") == MboxBase{7, 42, {"x"}});
  CHECK(base("7 4294967294") == MboxBase{7, UINT32_MAX - 1, {}});
  for (const char* const none : {" 7 4294967295 x", " 7 4294967296 x", " 4294967296 1", " 7", " 7 ", "", " 7\t1",
                                 " 7  1", " 7 1x", " 7x 1", " 7\n 1", " -7 1", " 7 +1"})
    CHECK_MESSAGE(!base(none), none);
}

TEST_CASE("blanks may stand between a field's name and its colon, up to kBoxFieldNameMax octets of both") {
  const SplitMessage one = split(std::string(kFrom) + "Status : R\nX-Keywords\t : NonJunk\nX-UID\t: 7\nA: b\n\n")[0];
  CHECK(one.octets == "A: b\r\n");
  CHECK(one.state.flags == kBoxSeen);
  CHECK(one.state.keywords == std::vector<std::string>{"NonJunk"});
  CHECK(one.state.uid == 7);
  const std::string other = "Status x: R\nStatus \n";
  CHECK(split(std::string(kFrom) + other + "\n")[0].octets == "Status x: R\r\nStatus \r\n");
  const auto flags = [](std::size_t octets) {
    return split(std::string(kFrom) + "Status" + std::string(octets - 7, ' ') + ": R\n\n")[0].state.flags;
  };
  CHECK(flags(kBoxFieldNameMax) == kBoxSeen);
  CHECK(flags(kBoxFieldNameMax + 1) == 0);
}

TEST_CASE("a base of no UIDVALIDITY is none, and a later one counts") {
  CHECK_FALSE(split(std::string(kFrom) + "X-IMAPbase: 0 2 one\n\n")[0].state.base);
  CHECK(split(std::string(kFrom) + "X-IMAPbase: 0 2 one\nX-IMAPbase: 3 4\n\n")[0].state.base == MboxBase{3, 4, {}});
}

TEST_CASE("a field's value is read up to kBoxFieldMax") {
  const auto file = [](std::size_t blanks) {
    return std::string(kFrom) + "Status:" + std::string(blanks, ' ') + "R\nA: b\n\n";
  };
  CHECK(split(file(kBoxFieldMax - 1))[0].state.flags == kBoxSeen);
  CHECK(split(file(kBoxFieldMax))[0].state.flags == 0);
  CHECK(split(file(kBoxFieldMax))[0].octets == "A: b\r\n");
}

TEST_CASE("keywords of a message are read up to kBoxKeywordsMax") {
  std::string keywords;
  for (std::size_t i = 0; i <= kBoxKeywordsMax; ++i) keywords += fmt::format(" k{}", i);
  CHECK(split(std::string(kFrom) + "X-Keywords:" + keywords + "\n\n")[0].state.keywords.size() == kBoxKeywordsMax);
  const std::string base = std::string(kFrom) + "X-IMAPbase: 1 2" + keywords + "\n\n";
  CHECK(split(base)[0].state.base->keywords.size() == kBoxKeywordsMax);
}

TEST_CASE("repeated keywords count among kBoxKeywordsMax, in one field or in many") {
  const auto keywords = [](std::size_t repeated) {
    std::string in_one = "X-Keywords:";
    std::string in_many;
    for (std::size_t i = 0; i < repeated; ++i) {
      in_one += " a";
      in_many += "X-Keywords: a\n";
    }
    for (const std::string& each : {in_one + " b\n", in_many + "X-Mozilla-Keys: b\n"}) {
      const std::vector<std::string> read = split(std::string(kFrom) + each + "\n")[0].state.keywords;
      CHECK(read.size() == (repeated < kBoxKeywordsMax ? 2 : 1));
    }
  };
  keywords(kBoxKeywordsMax - 1);
  keywords(kBoxKeywordsMax);
}

TEST_CASE("internal data are recognised by sender, subject and X-IMAP together, cut anywhere") {
  const std::string data =
      "From MAILER-DAEMON Thu Mar  5 06:00:00 2026\n"
      "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 12 0000000034 work\n\nThis text\n\n";
  const std::string file = data + std::string(kFrom) + "A: b\n\n";
  for (std::size_t cut = 0; cut <= file.size(); ++cut) {
    MboxInternalData internal;
    internal.feed(std::string_view(file).substr(0, cut));
    internal.feed(std::string_view(file).substr(cut));
    REQUIRE(internal.finish() == MboxInternalData::Verdict::present);
    REQUIRE(internal.octets() == data);
    REQUIRE(internal.base() == MboxBase{.uid_validity = 12, .uid_last = 34, .keywords = {"work"}});
  }
  const auto verdict = [](std::string_view octets) {
    MboxInternalData internal;
    internal.feed(octets);
    return internal.finish();
  };
  CHECK(verdict(data) == MboxInternalData::Verdict::present);
  const auto without = [&](std::string_view what) {
    std::string other = file;
    other.replace(other.find(what), what.size(), "A");
    return verdict(other);
  };
  CHECK(without("MAILER-DAEMON") == MboxInternalData::Verdict::absent);
  CHECK(without("DON'T") == MboxInternalData::Verdict::absent);
  CHECK(without("X-IMAP") == MboxInternalData::Verdict::absent);
  CHECK(verdict("") == MboxInternalData::Verdict::absent);
  CHECK(verdict(data.substr(0, data.find("This"))) == MboxInternalData::Verdict::present);
  CHECK(verdict(data.substr(0, data.find("X-IMAP"))) == MboxInternalData::Verdict::absent);
}

TEST_CASE("internal data have at most kMboxInternalDataMax octets") {
  const auto verdict = [](std::size_t size) {
    std::string data =
        "From MAILER-DAEMON Thu Mar  5 06:00:00 2026\n"
        "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 12 34\n\n";
    data += std::string(size - data.size() - 1, 'x') + "\n";
    MboxInternalData internal;
    internal.feed(data);
    return internal.finish();
  };
  CHECK(verdict(kMboxInternalDataMax) == MboxInternalData::Verdict::present);
  CHECK(verdict(kMboxInternalDataMax + 1) == MboxInternalData::Verdict::absent);
}

TEST_CASE("a body that is one long line may end right before a separator, in any cuts") {
  const std::string body(5000, 'x');
  const std::string file = std::string(kFrom) + "Content-Length: 5000\n\n" + body + "\n" + std::string(kFrom) + "\n";
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, file.size()}) {
    MboxDetector detector;
    for (std::size_t at = 0; at < file.size(); at += step) detector.feed(std::string_view(file).substr(at, step));
    CHECK(detector.variant() == MboxVariant::mboxcl2);
  }
  CHECK(split(file, as_it_is(MboxVariant::mboxcl2)).size() == 2);
}

TEST_CASE("nothing is told of a file that is no mbox") {
  MboxDetector detector;
  CHECK_FALSE(detector.variant());
  detector.feed("Subject: a message\n\ntext\n");
  CHECK_FALSE(detector.variant());
}

TEST_CASE("the writer's octets: separator, LF line ends, quoting, fields of state last in the header, blank line") {
  BoxState state{.flags = kBoxSeen | kBoxOld | kBoxDeleted | kBoxPassed, .keywords = {"b", "a", "no atom"}, .uid = 7};
  CHECK(write("A: b\r\nStatus: D\r\n folded\r\nC: d\r\n\r\nFrom x\r\n>From y\r\n", {}, state) ==
        std::string(kFrom) +
            "A: b\nC: d\nX-UID: 7\nStatus: RO\nX-Status: D\nX-Keywords: b a $Forwarded\n\n>From x\n>>From y\n\n");
  CHECK(write("A: b", {}, state) ==
        std::string(kFrom) + "A: b\nX-UID: 7\nStatus: RO\nX-Status: D\nX-Keywords: b a $Forwarded\n\n");
  CHECK(write("") == std::string(kFrom) + "\n");
  CHECK(write("A: b\r\n\r\nFrom x\r\n>From y", {.variant = MboxVariant::mboxo}) ==
        std::string(kFrom) + "A: b\n\n>From x\n>From y\n\n");
  CHECK(write("A: b\r\nLines: 9\r\n\r\nFrom x\r\n", {.variant = MboxVariant::mboxcl}) ==
        std::string(kFrom) + "A: b\nContent-Length: 8\nLines: 1\n\n>From x\n\n");
  CHECK(write("A: b\r\n\r\nFrom x\r\ny", {.variant = MboxVariant::mboxcl2}) ==
        std::string(kFrom) + "A: b\nContent-Length: 9\nLines: 2\n\nFrom x\ny\n\n");
}

TEST_CASE("a message that ends within CR LF of its empty line has a header with the fields in it, and no body") {
  const BoxState state{.flags = kBoxSeen};
  const std::string file = write("A: b\r\n\r", {.variant = MboxVariant::mboxcl2}, state);
  CHECK(file == std::string(kFrom) + "A: b\nStatus: R\nContent-Length: 0\nLines: 0\n\r\n\n");
  CHECK(bodies(file, {.variant = MboxVariant::mboxcl2}) == Bodies{"A: b\r\n\r\n"});
}

TEST_CASE("a sender of a message cannot make separators or fields by the envelope") {
  const std::string line = format_mbox_separator("a b\r\nStatus: R", DateTime::at(WallTime::from_seconds(0)));
  CHECK(line == "From a-b--Status:-R Thu Jan  1 00:00:00 1970\n");
  CHECK(format_mbox_separator("", DateTime::at(WallTime::from_seconds(-1))) ==
        "From MAILER-DAEMON Wed Dec 31 23:59:59 1969\n");
  const std::string longest = format_mbox_separator(std::string(5000, 'a'), DateTime::at(WallTime::from_seconds(0)));
  CHECK(longest.size() <= kMboxSeparatorMax);
  CHECK(parse_mbox_separator(trim(longest.substr(0, longest.size() - 1))));
}
