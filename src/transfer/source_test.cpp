#include "transfer/source.h"

#include <fcntl.h>
#include <unistd.h>

#include <set>

#include "delivery/files.h"
#include "support/test.h"
#include "transfer/local_file.h"
#include "transfer/testing.h"

using namespace angarium;
using namespace angarium::transfer;

namespace {

constexpr std::string_view kTwo =
    "From a@example.org Thu Nov 22 13:02:41 2007\n"
    "Status: RO\nX-Status: AF\nX-Keywords: work $Forwarded\nSubject: one\n\nbody\n>From here\n\n"
    "From b@example.org Thu Nov 22 13:02:42 2007\nSubject: two\n\nbody\n\n";

struct Got {
  Message message;
  std::string octets;
};

std::vector<Got> all_of(Reader& reader) {
  std::vector<Got> all;
  testing::read_all(reader,
                    [&](const Message& message, const std::string& octets) { all.push_back({message, octets}); });
  return all;
}

std::vector<std::string> names_of(const Found& found) {
  std::vector<std::string> names;
  for (const Folder& folder : found.folders) names.push_back(folder.name);
  return names;
}

/// As LocalFile reads them.
constexpr std::size_t kBlock = kReadOctets;

Fingerprint seed(char octet = 's') {
  Fingerprint made{};
  made.fill(octet);
  return made;
}

}  // namespace

TEST_CASE("messages of an mbox come with flags, keywords, dates and network line ends") {
  const testing::Place place;
  const auto reader = open_mbox(place.write("box", kTwo), seed()).value();
  const auto all = all_of(*reader);
  REQUIRE(all.size() == 2);
  CHECK(all[0].octets == "Subject: one\r\n\r\nbody\r\nFrom here\r\n");
  CHECK(all[0].message.flags ==
        (message::kBoxSeen | message::kBoxOld | message::kBoxAnswered | message::kBoxFlagged | message::kBoxPassed));
  CHECK(all[0].message.keywords == std::vector<std::string>{"work"});
  CHECK(all[0].message.received == 1195736561);
  CHECK(all[0].message.place == place.path("box") + ", message 1");
  CHECK(all[1].message.flags == 0);
}

TEST_CASE("a separator without a date leaves it to the newest Received field, then to Date") {
  const testing::Place place;
  const auto reader =
      open_mbox(
          place.write("box",
                      "From \nReceived: by a; Thu, 22 Nov 2007 13:02:41 +0100\nDate: Wed, 21 Nov 2007 00:00:00 "
                      "+0000\n\nx\n\nFrom \nDate: Thu, 22 Nov 2007 13:02:41 +0000\n\nx\n\nFrom \nSubject: x\n\nx\n"),
          seed())
          .value();
  const auto all = all_of(*reader);
  REQUIRE(all.size() == 3);
  CHECK(all[0].message.received == 1195736561 - 3600);
  CHECK(all[0].message.zone_minutes == 60);
  CHECK(all[1].message.received == 1195736561);
  CHECK(!all[2].message.received);
}

TEST_CASE("the pseudo message of c-client is no message") {
  const testing::Place place;
  const auto reader =
      open_mbox(
          place.write(
              "box",
              "From MAILER-DAEMON Thu Nov 22 13:02:41 2007\nDate: 22 Nov 2007 13:02:41 +0000\nFrom: Mail System "
              "Internal "
              "Data <MAILER-DAEMON@host>\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nMessage-ID: "
              "<1195736561@host>\nX-IMAP: 1195736561 0000000002\nStatus: RO\n\nThis text is part of the internal "
              "format of your mail folder, and is not\na real message.\n\n" +
                  std::string(kTwo)),
          seed())
          .value();
  CHECK(all_of(*reader).size() == 2);
}

TEST_CASE("the same octets twice in an mbox are two messages, the same each time it is read") {
  const testing::Place place;
  const std::string path = place.write("box", std::string(kTwo) + std::string(kTwo));
  std::set<Fingerprint> seen;
  for (int time = 0; time < 2; ++time)
    for (const Got& got : all_of(*open_mbox(path, seed()).value())) seen.insert(got.message.fingerprint);
  CHECK(seen.size() == 4);
  for (const Got& got : all_of(*open_mbox(path, seed('t')).value())) CHECK(!seen.contains(got.message.fingerprint));
}

TEST_CASE("new flags and a removed neighbour leave a message of an mbox what it was") {
  const testing::Place place;
  const auto before = all_of(*open_mbox(place.write("box", kTwo), seed()).value());
  const auto after =
      all_of(*open_mbox(place.write(
                            "box", "From b@example.org Thu Nov 22 13:02:42 2007\nStatus: RO\nSubject: two\n\nbody\n\n"),
                        seed())
                  .value());
  REQUIRE(after.size() == 1);
  CHECK(after[0].message.fingerprint == before[1].message.fingerprint);
}

TEST_CASE("what an mbox file gets later may tell another variant, and leaves its messages what they were") {
  constexpr std::string_view kQuoted =
      "From a@example.org Thu Nov 22 13:02:41 2007\nSubject: one\n\n>From here\n>>From there\n>Fro\n>\n>>\n\n";
  constexpr std::string_view kCounted =
      "From b@example.org Thu Nov 22 13:02:42 2007\nContent-Length: 10\n\nFrom here\n\n";
  const testing::Place place;
  const auto before = all_of(*open_mbox(place.write("box", kQuoted), seed()).value());
  const auto after = all_of(
      *open_mbox(place.write("box", std::string(kQuoted) + std::string(kCounted) + std::string(kCounted)), seed())
           .value());
  REQUIRE(before.size() == 1);
  REQUIRE(after.size() == 3);
  CHECK(before[0].octets != after[0].octets);
  CHECK(before[0].message.fingerprint == after[0].message.fingerprint);
  // Marks alone make no line another one's equal, and a cut by a block makes none.
  std::set<Fingerprint> seen;
  for (const char* body : {">From", ">Frog", ">>", ">", "", "> From ", "From ", "x>From "})
    for (const std::size_t size : {std::size_t{0}, kBlock - 30, kBlock - 29, kBlock - 28, kBlock - 27})
      seen.insert(all_of(*open_mbox(place.write("box", "From a Thu Nov 22 13:02:41 2007\n\n" + std::string(size, 'x') +
                                                           "\n" + body + "\n"),
                                    seed())
                              .value())[0]
                      .message.fingerprint);
  CHECK(seen.size() == 8 * 5);
}

TEST_CASE("an mbox ends where it did while nobody had its locks, whoever came and went") {
  const testing::Place place;
  const auto file = LocalFile::open(place.write("box", kTwo)).value();
  int looks = 0;
  const auto state = settled(file, [&]() -> Result<> {
    struct flock lock{};
    lock.l_type = F_WRLCK;
    const delivery::Descriptor other(::open(place.path("box").c_str(), O_RDWR | O_CLOEXEC));
    CHECK(::fcntl(other.get(), F_OFD_SETLK, &lock) != 0);
    switch (++looks) {
      case 1: place.append("box", "From c@exa"); break;  // with the lock beside the file, given up again
      case 2: place.append("box", "mple.org Thu Nov 22 13"); break;
      default: break;
    }
    return {};
  });
  CHECK(looks == 3);
  CHECK(state.value().size == std::filesystem::file_size(place.path("box")));
  // The lock was given up.
  struct flock lock{};
  lock.l_type = F_WRLCK;
  const delivery::Descriptor other(::open(place.path("box").c_str(), O_RDWR | O_CLOEXEC));
  CHECK(::fcntl(other.get(), F_OFD_SETLK, &lock) == 0);
}

TEST_CASE("others wait while a box is read that is to stay as it is") {
  const testing::Place place;
  const std::string path = place.write("box", kTwo);
  const delivery::Descriptor other(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  struct flock lock{};
  lock.l_type = F_WRLCK;
  auto reader = open_mbox(path, seed(), Others::wait).value();
  REQUIRE(reader->next().value());
  CHECK(::fcntl(other.get(), F_OFD_SETLK, &lock) != 0);
  CHECK(!reader->read().value().empty());
  CHECK(::fcntl(other.get(), F_OFD_SETLK, &lock) != 0);
  reader.reset();
  CHECK(::fcntl(other.get(), F_OFD_SETLK, &lock) == 0);
}

TEST_CASE("a message that is read while the box is written anew is none; what is appended meanwhile disturbs nobody") {
  const testing::Place place;
  const auto message = [](int number, std::size_t size) {
    return "From a Thu Nov 22 13:02:41 2007\nSubject: " + std::to_string(number) + "\n\n" + std::string(size, 'x') +
           "\n\n";
  };
  const std::string first = message(1, 100);
  const std::string rest = message(2, 3 * kBlock) + message(3, 100);
  const auto over = [&](std::string_view octets) {
    const delivery::Descriptor file(::open(place.path("box").c_str(), O_WRONLY | O_CLOEXEC));
    REQUIRE(::pwrite(file.get(), octets.data(), octets.size(), 0) == static_cast<ssize_t>(octets.size()));
    REQUIRE(::ftruncate(file.get(), static_cast<off_t>(octets.size())) == 0);
  };
  for (const std::string& after : {rest, std::string(rest).substr(0, 2 * kBlock), message(4, 5 * kBlock)}) {
    const auto reader = open_mbox(place.write("box", first + rest), seed()).value();
    REQUIRE(reader->next().value());
    while (!reader->read().value().empty()) {
    }
    REQUIRE(reader->next().value());
    REQUIRE(!reader->read().value().empty());
    over(after);
    auto piece = reader->read();
    while (piece && !piece->empty()) piece = reader->read();
    REQUIRE(!piece);
    CHECK(piece.error().is(kRewritten));
    CHECK(!reader->next().value());
  }
  const auto reader = open_mbox(place.write("box", first + rest), seed()).value();
  REQUIRE(reader->next().value());
  place.append("box", message(4, 5));
  std::size_t messages = 1;
  while (reader->next().value()) ++messages;
  CHECK(messages == 3);
}

TEST_CASE(
    "a message whose separator or end moved while the box was read is none, though its octets stand where they were "
    "read") {
  const testing::Place place;
  const std::string separator = "From a Thu Nov 22 13:02:41 2007\n";
  const auto message = [&](std::size_t size) {
    const std::string head = "Subject: x\n\n";
    return separator + head + std::string(size - separator.size() - head.size() - 2, 'x') + "\n\n";
  };
  // The first block ends behind the second separator: what others do then is read in one piece.
  const std::string first = message(kBlock - separator.size());
  const std::string rest = message(200) + message(2 * kBlock) + message(200);
  const std::string before = first + message(300) + rest;
  const std::string tall = first + message(310) + rest;  // the last message stood where it is cut now
  const std::string late = message(first.size() + 10) + message(290) + rest;
  for (const std::string& after : {tall, late}) {
    const auto reader = open_mbox(place.write("box", before), seed()).value();
    REQUIRE(reader->next().value());
    while (!reader->read().value().empty()) {
    }
    // Older than what the clock of a file system cannot tell apart: such a box is not looked at again.
    std::filesystem::last_write_time(place.write("box", after),
                                     std::filesystem::file_time_type::clock::now() - std::chrono::seconds(1));
    const auto step = [&]() -> Result<bool> {
      if (!TRY(reader->next())) return false;
      while (!TRY(reader->read()).empty()) {
      }
      return true;
    };
    auto more = step();
    while (more && *more) more = step();
    REQUIRE(!more);
    CHECK(more.error().is(kRewritten));
  }
}

TEST_CASE("with root's rights neither links nor folders of other users are gone into") {
  if (::geteuid() != 0) return;
  constexpr uid_t kOther = 65534;
  const testing::Place place;
  place.write("tree/own", kTwo);
  place.write("secret", kTwo);
  place.write("tree/his/box", kTwo);
  std::filesystem::create_symlink(place.path("secret"), place.path("tree/root-link"));
  std::filesystem::create_symlink(place.path("secret"), place.path("tree/his-link"));
  REQUIRE(::lchown(place.path("tree/his").c_str(), kOther, kOther) == 0);
  REQUIRE(::lchown(place.path("tree/his-link").c_str(), kOther, kOther) == 0);
  const Found found = find_folders(place.path("tree")).value();
  CHECK(names_of(found) == std::vector<std::string>{"own", "root-link"});
  CHECK(found.passed_over.size() == 2);
}

TEST_CASE("messages of a Maildir come in the order they arrived, with flags, Dovecot's keywords and the file's time") {
  const testing::Place place;
  const std::string path = place.maildir("M");
  place.write("M/dovecot-keywords", "0 work\n1 $Label1\n");
  place.write("M/cur/200.b.host,S=4:2,FRSb", "b\n\nx\n");
  place.write("M/new/100.a.host", "a\r\n\r\nx");
  place.write("M/cur/300.c.host:2,PTDa", "c\n");
  std::filesystem::last_write_time(
      place.path("M/new/100.a.host"),
      std::chrono::file_clock::from_sys(std::chrono::sys_seconds(std::chrono::seconds(1195736561))));
  const auto reader = open_maildir(path, seed()).value();
  const auto announced = open_maildir(path, seed()).value()->announce(2);
  REQUIRE(announced.size() == 2);
  CHECK(announced[0].octets == 6);
  CHECK(announced[1].octets == 4);
  const auto all = all_of(*reader);
  REQUIRE(all.size() == 3);
  CHECK(all[0].octets == "a\r\n\r\nx");
  CHECK(all[0].message.received == 1195736561);
  CHECK(all[0].message.flags == 0);
  CHECK(all[0].message.fingerprint == announced[0].fingerprint);
  CHECK(all[1].octets == "b\r\n\r\nx\r\n");
  CHECK(all[1].message.flags == (message::kBoxFlagged | message::kBoxAnswered | message::kBoxSeen));
  CHECK(all[1].message.keywords == std::vector<std::string>{"$Label1"});
  CHECK(all[2].message.flags == (message::kBoxPassed | message::kBoxDeleted | message::kBoxDraft));
  CHECK(all[2].message.keywords == std::vector<std::string>{"work"});
}

TEST_CASE("a message that gets another name while the Maildir is read is found under it; one that goes is named") {
  const testing::Place place;
  const std::string path = place.maildir("M");
  place.write("M/new/100.a.host", "a\n");
  place.write("M/cur/200.b.host:2,", "b\n");
  const auto reader = open_maildir(path, seed()).value();
  std::filesystem::rename(place.path("M/new/100.a.host"), place.path("M/cur/100.a.host:2,S"));
  std::filesystem::remove(place.path("M/cur/200.b.host:2,"));
  REQUIRE(reader->announce(10).size() == 2);
  REQUIRE(reader->next().value());
  CHECK(reader->read().value() == "a\r\n");
  CHECK(reader->message().flags == message::kBoxSeen);
  REQUIRE(reader->next().value());
  const auto gone = reader->read();
  REQUIRE(!gone);
  CHECK(gone.error().text().find("200.b.host") != std::string::npos);
  CHECK(!reader->next().value());
}

TEST_CASE("messages of one second come in the order of their maker's counters") {
  const testing::Place place;
  const std::string path = place.maildir("M");
  for (const char* name : {"100.M10P1Q3.h", "100.M9P1Q2.h", "99.x", "100.M9P1Q10.h", "100.M09P1Q2.h"})
    place.write(std::string("M/cur/") + name, name);
  std::vector<std::string> order;
  for (const Got& got : all_of(*open_maildir(path, seed()).value())) order.push_back(got.octets);
  CHECK(order == std::vector<std::string>{"99.x", "100.M09P1Q2.h", "100.M9P1Q2.h", "100.M9P1Q10.h", "100.M10P1Q3.h"});
}

TEST_CASE("a message that stands in new and in cur is one") {
  const testing::Place place;
  const std::string path = place.maildir("M");
  place.write("M/new/100.a.host", "a\n");
  place.write("M/cur/100.a.host:2,S", "a\n");
  const auto reader = open_maildir(path, seed()).value();
  CHECK(all_of(*reader).size() == 1);
  CHECK(open_maildir(path, seed()).value()->announce(10).size() == 1);
}

TEST_CASE("what is known is gone past without being opened") {
  const testing::Place place;
  const std::string path = place.maildir("M");
  for (const char* name : {"1.a", "2.b", "3.c"}) place.write(std::string("M/cur/") + name, name);
  const auto reader = open_maildir(path, seed()).value();
  REQUIRE(reader->announce(10).size() == 3);
  reader->pass(std::string_view("\1\0\1", 3));
  REQUIRE(reader->next().value());
  CHECK(reader->read().value() == "2.b");
  CHECK(!reader->next().value());
  CHECK(reader->announce(10).empty());
}

TEST_CASE("line ends that are cut by a block become those of the network once") {
  const testing::Place place;
  const std::string path = place.maildir("M");
  std::string octets(256 * 1024 - 1, 'x');
  place.write("M/new/1.a", octets + "\r\ny\rz\n");
  const auto reader = open_maildir(path, seed()).value();
  CHECK(all_of(*reader)[0].octets == octets + "\r\ny\rz\r\n");
}

TEST_CASE("a Maildir++ is found with its subfolders, without the files of its keepers") {
  const testing::Place place;
  for (const char* name : {"M", "M/.Sent", "M/.lists.Entw&APw-rfe", "M/.lists"}) place.maildir(name);
  std::filesystem::create_directories(place.path("M/.nothing"));
  place.write("M/dovecot-uidlist", "3 V1\n");
  place.write("M/subscriptions", "Sent\n");
  const Found found = find_folders(place.path("M")).value();
  CHECK(names_of(found) == std::vector<std::string>{"INBOX", "Sent", "lists", "lists/Entwürfe"});
  CHECK(found.passed_over.empty());
}

TEST_CASE("a tree of mbox files is found, Thunderbird's and Apple's folders too; what is none is named") {
  const testing::Place place;
  place.write("T/Inbox", kTwo);
  place.write("T/Inbox.msf", "index");
  place.write("T/lists.sbd/announce", kTwo);
  place.write("T/lists", "");
  place.write("T/Old.mbox/mbox", kTwo);
  place.write("T/Old.mbox/table_of_contents", "x");
  place.write("T/Saved.mbox", kTwo);
  place.write("T/notes.txt", "no mail\n");
  std::filesystem::create_directory_symlink(place.path("T"), place.path("T/loop"));
  const Found found = find_folders(place.path("T")).value();
  CHECK(names_of(found) == std::vector<std::string>{"INBOX", "Old", "Saved", "lists", "lists/announce"});
  REQUIRE(found.passed_over.size() == 1);
  CHECK(found.passed_over[0].place == place.path("T/notes.txt"));
}

TEST_CASE("a file that is no mbox and a place that is not there are refused with their names") {
  const testing::Place place;
  const auto none = find_folders(place.path("nothing"));
  REQUIRE(!none);
  CHECK(none.error().text().find(place.path("nothing")) != std::string::npos);
  CHECK(!find_folders(place.write("text", "no mail\n")));
  CHECK(find_folders(place.write("empty", "")).value().folders.size() == 1);
}
