#include "transfer/export.h"

#include <unistd.h>

#include <filesystem>

#include "support/test.h"
#include "transfer/out_file.h"
#include "transfer/source.h"
#include "transfer/spool.h"
#include "transfer/test_house.h"
#include "transfer/testing.h"

using namespace angarium;
using namespace angarium::transfer;

namespace {

struct Exporting : testing::House {
  testing::Place place;
  ExportPlan plan;
  ExportReport write(Format format, const std::string& below = "out", const std::string& pattern = "*",
                     message::MboxVariant variant = message::MboxVariant::mboxrd) {
    return talk(
        [&](Link& link) {
          LocalTarget target(
              {.directory = place.path(below), .account = "alice@example.test", .format = format, .variant = variant});
          Export work(link, target);
          auto planned = work.plan(pattern);
          ExportReport report;
          if (!planned) {
            report.stopped = planned.error();
            return report;
          }
          plan = *std::move(planned);
          return work.run(plan, {});
        },
        give);
  }
  void add(const std::string& name, const std::string& octets, mailbox::FlagNames flags = {},
           std::int64_t received = 1195736561) {
    if (mail->listing()->find(name) == nullptr) must(mail->create(name));
    must(mail->append(id(name), {{.content = mailbox::make_content(octets),
                                  .flags = std::move(flags),
                                  .received = WallTime::from_seconds(received)}}));
  }
};

/// What a reader finds: octets, flags, keywords and dates of all folders, told as text.
std::string told(const std::string& path) {
  std::string text;
  for (const Folder& folder : find_folders(path).value().folders) {
    const auto reader = open_folder(folder, {}).value();
    testing::read_all(*reader, [&](const Message& message, const std::string& octets) {
      text += folder.name + " " + std::to_string(message.flags & ~message::kBoxOld) + " " +
              std::to_string(message.received.value_or(0));
      for (const std::string& keyword : message.keywords) text += " " + keyword;
      text += ": " + octets + "\n";
    });
  }
  return text;
}

std::string letter(int number) { return "Subject: " + std::to_string(number) + "\r\n\r\nFrom here\r\n>From there\r\n"; }

const mailbox::UidSet kSome = {{1, 9}};

std::unique_ptr<Box> opened(const BoxOwner& owner, const std::string& path) {
  auto box = look_at_mbox(owner, path).value();
  REQUIRE(box->open());
  return box;
}

constexpr std::array<Format, 3> kFormats = {Format::mbox, Format::maildir, Format::maildir_plus_plus};

}  // namespace

TEST_CASE("what is exported in any format is read back with its octets, flags, keywords and dates") {
  Exporting house;
  house.add("INBOX", "Return-Path: <a@example.org>\r\n" + letter(1),
            {.system = mailbox::kSeen | mailbox::kFlagged, .keywords = {"$Forwarded", "work"}});
  house.add("INBOX", letter(2), {}, 1195736999);
  house.add("lists/Entwürfe", letter(3), {.system = mailbox::kDeleted | mailbox::kDraft, .keywords = {}});
  const std::string expected = "INBOX 37 1195736561 work: Return-Path: <a@example.org>\r\n" + letter(1) +
                               "\nINBOX 0 1195736999: " + letter(2) + "\nlists/Entwürfe 24 1195736561: " + letter(3) +
                               "\n";
  for (const Format format : kFormats) {
    const std::string below = "out" + std::to_string(static_cast<int>(format));
    const ExportReport report = house.write(format, below);
    CHECK(!report.stopped);
    CHECK(report.exported == 3);
    CHECK(report.defects_found == 0);
    CHECK(told(house.place.path(below)) == expected);
    const ExportReport again = house.write(format, below);
    CHECK(again.exported == 0);
    CHECK(again.known == 3);
    CHECK(told(house.place.path(below)) == expected);
  }
  CHECK(house.place.read("out0/INBOX.mbox").starts_with("From a@example.org Thu Nov 22 13:02:41 2007\n"));
}

TEST_CASE("a plan tells what an export would write, and what is there; it changes nothing") {
  for (const Format format : kFormats) {
    Exporting house;
    house.add("INBOX", letter(1));
    house.add("lists/a", letter(2));
    const auto plan = [&] {
      return house.talk(
          [&](Link& link) {
            LocalTarget target(
                {.directory = house.place.path("out"), .account = "alice@example.test", .format = format});
            return Export(link, target).plan("*").value();
          },
          give);
    };
    const auto counts = [](const ExportPlan& told) {
      std::string text;
      for (const PlannedMailbox& one : told.mailboxes)
        if (one.mailbox.messages > 0 || !one.refused.empty())
          text += one.mailbox.name + " " + std::to_string(one.mailbox.messages) + " " + std::to_string(one.known) +
                  (one.refused.empty() ? "\n" : " refused\n");
      return text;
    };
    const ExportPlan first = plan();
    CHECK(counts(first) == "INBOX 1 0\nlists/a 1 0\n");
    CHECK(first.messages == 2);
    CHECK(first.octets == 2 * letter(1).size());
    CHECK(!std::filesystem::exists(house.place.path("out")));
    CHECK(house.write(format).exported == 2);
    house.add("INBOX", letter(3));
    const std::string before = told(house.place.path("out"));
    CHECK(counts(plan()) == "INBOX 2 1\nlists/a 1 1\n");
    CHECK(told(house.place.path("out")) == before);
    CHECK(house.write(format).exported == 1);
    CHECK(house.plan.known == 2);
    if (format != Format::mbox) continue;
    house.place.write("out/INBOX.mbox", "From x\n\nforeign\n");
    CHECK(counts(plan()) == "INBOX 2 0 refused\nlists/a 1 1\n");
  }
}

TEST_CASE("each variant of mbox is written as its readers want it, and what comes later goes behind in the same one") {
  using enum message::MboxVariant;
  const std::string large(200'000, 'x');
  const auto body = [&](int number) {
    return "Subject: " + std::to_string(number) + "\r\n\r\nFrom here\r\n>From there\r\n" + large + "\r\n";
  };
  for (const message::MboxVariant variant : {mboxo, mboxrd, mboxcl, mboxcl2}) {
    Exporting house;
    for (int number = 1; number <= 2; ++number) {
      house.add("INBOX", body(number), {.system = mailbox::kSeen, .keywords = {"work"}});
      CHECK(house.write(Format::mbox, "out", "INBOX", variant).exported == 1);
    }
    const std::string file = house.place.read("out/INBOX.mbox");
    CHECK((file.find("Content-Length: ") != std::string::npos) == (variant == mboxcl || variant == mboxcl2));
    CHECK((file.find("\n>From here\n") != std::string::npos) == (variant != mboxcl2));
    CHECK((file.find("\n>>From there\n") != std::string::npos) == (variant == mboxrd));
    message::MboxReader reader({.variant = variant});
    std::string read;
    std::string_view rest = file;
    for (bool over = false; !over;) {
      const message::MboxStep step = reader.next(rest);
      switch (step.kind) {
        case message::MboxStep::Kind::need_input: reader.finish(); break;
        case message::MboxStep::Kind::probe:
          reader.probed(std::string_view(file).substr(reader.probe_offset(), message::kMboxProbeOctets));
          break;
        case message::MboxStep::Kind::octets: read += step.octets; break;
        case message::MboxStep::Kind::message_end:
          CHECK(reader.state().keywords == std::vector<std::string>{"work"});
          read += "~";
          break;
        case message::MboxStep::Kind::end: over = true; break;
        case message::MboxStep::Kind::message: break;
      }
    }
    std::string expected = body(1) + "~" + body(2) + "~";
    // What these two cannot tell apart.
    if (variant == mboxo || variant == mboxcl)
      for (auto at = expected.find(">From"); at != std::string::npos; at = expected.find(">From"))
        expected.erase(at, 1);
    CHECK(read == expected);
    const auto other = variant == mboxrd ? mboxcl2 : mboxrd;
    house.add("INBOX", letter(3));
    CHECK(house.write(Format::mbox, "out", "INBOX", other).defects_found == 1);
    CHECK(house.place.read("out/INBOX.mbox") == file);
    // Its owner took it away.
    std::filesystem::remove(house.place.path("out/INBOX.mbox"));
    CHECK(house.write(Format::mbox, "out", "INBOX", other).exported == 3);
  }
}

TEST_CASE("a spool gives back what it was given, in memory and beyond, and begins anew") {
  Spool spool;
  for (const std::size_t size : {kSpoolMemory, kSpoolMemory + 1, std::size_t{5}}) {
    spool.clear();
    std::string all;
    while (all.size() < size) {
      const std::string piece(std::min<std::size_t>(70'000, size - all.size()),
                              static_cast<char>('a' + all.size() % 26));
      REQUIRE(spool.write(piece));
      all += piece;
    }
    CHECK(spool.size() == size);
    CHECK(spool.in_memory() == (size <= kSpoolMemory));
    std::string read;
    for (std::string piece = spool.at(0, 9999).value(); !piece.empty(); piece = spool.at(read.size(), 9999).value())
      read += piece;
    CHECK(read == all);
  }
}

TEST_CASE("root lays mail into folders of root alone, whoever makes one or puts a link there first") {
  if (::geteuid() != 0) return;
  const testing::Place place;
  const std::string planted = place.path("planted");
  std::filesystem::create_directory(planted);
  REQUIRE(::chown(planted.c_str(), 65534, 65534) == 0);
  std::filesystem::create_directory(place.path("own"));
  std::filesystem::create_directory_symlink(place.path("own"), place.path("link"));
  for (const char* const below : {"planted", "planted/new", "link", "link/new"}) {
    const auto made = make_folders(place.path(below));
    REQUIRE_MESSAGE(!made, below);
    CHECK(made.error().is(kPlace));
  }
  CHECK(std::filesystem::is_empty(planted));
  CHECK(std::filesystem::is_empty(place.path("own")));
  CHECK(make_folders(place.path("own/./new//below/../beside/")).has_value());
  CHECK(std::filesystem::is_directory(place.path("own/new/beside")));
}

TEST_CASE("what came since goes behind what is there") {
  for (const Format format : kFormats) {
    Exporting house;
    house.add("INBOX", letter(1));
    CHECK(house.write(format).exported == 1);
    house.add("INBOX", letter(2), {}, 1195736999);
    const ExportReport report = house.write(format);
    CHECK(report.exported == 1);
    CHECK(report.known == 1);
    CHECK(told(house.place.path("out")) ==
          "INBOX 0 1195736561: " + letter(1) + "\nINBOX 0 1195736999: " + letter(2) + "\n");
  }
}

TEST_CASE("a message that cannot be read is named, the others are written, and it comes when it can be read") {
  for (const Format format : kFormats) {
    Exporting house;
    for (int i = 1; i <= 3; ++i) house.add("INBOX", letter(i));
    const std::string whole = letter(2);
    std::string flipped = whole;
    flipped[0] ^= 1;
    REQUIRE(house.damage(whole) > 0);
    for (int run = 0; run < 2; ++run) {
      const ExportReport report = house.write(format);
      CHECK(report.exported == (run == 0 ? 2 : 0));
      CHECK(report.known == (run == 0 ? 0 : 2));
      REQUIRE(report.defects.size() == 1);
      CHECK(report.defects.front().place == "INBOX, UID 2");
    }
    CHECK(told(house.place.path("out")).find(whole) == std::string::npos);
    REQUIRE(house.damage(flipped) > 0);
    const ExportReport report = house.write(format);
    CHECK(report.exported == 1);
    CHECK(report.known == 2);
    CHECK(report.defects_found == 0);
    const std::string all = told(house.place.path("out"));
    for (int i = 1; i <= 3; ++i) CHECK(all.find(letter(i)) != std::string::npos);
    CHECK(house.write(format).known == 3);
  }
}

TEST_CASE("a pattern chooses mailboxes; one that nothing matches is told") {
  Exporting house;
  house.add("lists/a", letter(1));
  house.add("INBOX", letter(2));
  CHECK(house.write(Format::maildir, "one", "lists/%").exported == 1);
  CHECK(house.write(Format::maildir, "two", "nothing").stopped);
}

TEST_CASE("a file of others is left as it is, and so is one that others changed") {
  Exporting house;
  house.add("INBOX", letter(1));
  house.place.write("out/INBOX.mbox", "From x\n\nforeign\n");
  const ExportReport report = house.write(Format::mbox);
  CHECK(report.exported == 0);
  REQUIRE(report.defects.size() == 1);
  CHECK(report.defects[0].words.find("INBOX.mbox") != std::string::npos);
  CHECK(house.place.read("out/INBOX.mbox") == "From x\n\nforeign\n");

  CHECK(house.write(Format::mbox, "ours").exported == 1);
  const std::string changed = house.place.read("ours/INBOX.mbox") + "From x\n\nmore\n";
  house.place.write("ours/INBOX.mbox", changed);
  house.add("INBOX", letter(2));
  CHECK(house.write(Format::mbox, "ours").defects_found == 1);
  CHECK(house.place.read("ours/INBOX.mbox") == changed);
}

TEST_CASE("an mbox file that was being written goes on from what is durable, wherever the kill came") {
  Exporting house;
  const BoxOwner owner{
      .directory = house.place.path(), .account = "a", .mailbox = {.id = 1, .uid_validity = 2, .name = "x"}};
  const std::string path = house.place.path("x.mbox");
  const auto put = [](Box& box, std::uint64_t uid) {
    REQUIRE(box.begin(MessageHeader{.uid = uid}, "a@b"));
    REQUIRE(box.write("Subject: " + std::to_string(uid) + "\r\n\r\nx\r\n"));
  };
  {
    // Torn in its first message, before any checkpoint.
    const auto box = opened(owner, path);
    put(*box, 1);
  }
  {
    const auto box = opened(owner, path);
    CHECK(box->present(kSome).value().empty());
    put(*box, 1);
    REQUIRE(box->end());
    put(*box, 2);
    REQUIRE(box->abandon());
    put(*box, 3);
    REQUIRE(box->end());
    REQUIRE(box->finish());
  }
  const std::string first = house.place.read("x.mbox");
  CHECK(first.find("Subject: 2") == std::string::npos);
  CHECK(opened(owner, path)->present(kSome).value() == mailbox::UidSet{{1, 3}});
  // The second export: its part is whole, and of it each number of octets went to the file's end.
  const std::string state = house.place.read(".x.mbox.angarium");
  const std::string part = "From a@b Thu Jan  1 00:00:04 1970\nSubject: 4\n\nx\n\n";
  std::string whole = state;
  whole.replace(whole.find(" d "), 3, " w ");
  whole = whole.substr(0, whole.rfind(' ') + 1) + std::to_string(part.size()) + "\n";
  whole.replace(whole.find(" 3 "), 3, " 4 ");
  for (std::size_t size = 0; size <= part.size(); ++size) {
    house.place.write(".x.mbox.angarium", whole);
    house.place.write("x.mbox.angarium-part", part);
    house.place.write("x.mbox", first + part.substr(0, size));
    CHECK(opened(owner, path)->present(kSome).value() == mailbox::UidSet{{1, 4}});
    CHECK(house.place.read("x.mbox") == first + part);
    CHECK(!std::filesystem::exists(house.place.path("x.mbox.angarium-part")));
  }
  // Somebody else was there before the rest came.
  house.place.write(".x.mbox.angarium", whole);
  house.place.write("x.mbox.angarium-part", part);
  house.place.write("x.mbox", first + part.substr(0, 9) + "z");
  CHECK(look_at_mbox(owner, path).value()->open().error().is(kForeign));
  CHECK(house.place.read("x.mbox") == first + part.substr(0, 9) + "z");
}

TEST_CASE("messages that a killed export left in tmp of a Maildir are written anew") {
  Exporting house;
  const ListedMailbox inbox{.id = 1, .uid_validity = 2, .name = "INBOX"};
  LocalTarget target({.directory = house.place.path(), .account = "a", .format = Format::maildir_plus_plus});
  for (int time = 0; time < 2; ++time) {
    const auto box = target.box(inbox).value();
    REQUIRE(box->open());
    REQUIRE(box->begin(MessageHeader{.uid = 1}, ""));
    REQUIRE(box->write("Subject: x\r\n\r\nx\r\n"));
    if (time == 0) continue;
    REQUIRE(box->end());
    REQUIRE(box->finish());
  }
  CHECK(target.box(inbox).value()->present(kSome).value() == mailbox::UidSet{{1, 1}});
  CHECK(std::filesystem::is_empty(house.place.path("tmp")));
}

TEST_CASE("names of mailboxes become names of files that the readers of each format understand") {
  CHECK(box_path(Format::mbox, "INBOX") == "INBOX.mbox");
  CHECK(box_path(Format::mbox, "a/b") == "a.sbd/b.mbox");
  CHECK(box_path(Format::maildir, "a/cur") == "a/_cur");
  CHECK(box_path(Format::maildir, ".a") == "_.a");
  CHECK(box_path(Format::maildir_plus_plus, "INBOX") == "");
  CHECK(box_path(Format::maildir_plus_plus, "INBOX/x") == ".INBOX.x");
  CHECK(box_path(Format::maildir_plus_plus, "lists/Entwürfe 1.2") == ".lists.Entw&APw-rfe 1_2");
}
