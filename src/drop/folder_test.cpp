#include "drop/folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/crc32c.h"
#include "drop/options.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::drop;

namespace {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "angarium-drop-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }

  std::string hand_in(const Note& note, std::string_view message) const {
    auto writer = Writer::create(path, note, system_random());
    REQUIRE(writer);
    REQUIRE(writer->append(message));
    return writer->finish().value();
  }
  [[nodiscard]] std::string octets(const std::string& name) const {
    std::ifstream file(path + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  void write(const std::string& name, std::string_view octets) const {
    std::ofstream(path + "/" + name, std::ios::binary) << octets;
  }
  /// The whole message, or why it is not to be had.
  [[nodiscard]] Result<std::string> read(const std::string& name) const {
    auto reader = TRY(Reader::open(path, name));
    std::string message;
    for (;;) {
      const std::string piece = TRY(reader.next());
      if (piece.empty()) return message;
      message += piece;
    }
  }

  std::string path;
};

const Note kNote{.sender = "anna",
                 .name = "Anna \xc3\x84",
                 .ret = envelope::Return::headers,
                 .envelope_id = "job 7=+",
                 .notify = envelope::Notify{.failure = true, .delay = true},
                 .recipients = {"bob", "\"c d\"@example.test"}};
const std::string kName = "m-" + std::string(32, '7');

}  // namespace

TEST_CASE("what is handed in is read back, whole and as it was") {
  const Folder folder;
  const std::string large(700'000, 'x');
  for (const std::string& message : {std::string(), std::string("Subject: x\r\n\r\nbody\r\n"), large}) {
    const std::string name = folder.hand_in(kNote, message);
    CHECK(is_file_name(name));
    const auto reader = Reader::open(folder.path, name);
    REQUIRE(reader);
    CHECK(reader->start().note == kNote);
    CHECK(reader->owner() == geteuid());
    CHECK(folder.read(name).value() == message);
    REQUIRE(remove(folder.path, name));
    CHECK(Reader::open(folder.path, name).error().is(kGone));
  }
}

TEST_CASE("a file that is cut anywhere, or has one octet changed, is none") {
  const Folder folder;
  const std::string whole = folder.octets(folder.hand_in(kNote, "Subject: x\r\n\r\nbody\r\n"));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    CAPTURE(at);
    folder.write(kName, whole.substr(0, at));
    CHECK(folder.read(kName).error().fault() == Fault::syntax);
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    folder.write(kName, changed);
    CHECK_FALSE(folder.read(kName));
  }
  folder.write(kName, whole + "x");
  CHECK_FALSE(folder.read(kName));
  folder.write(kName, whole);
  CHECK(folder.read(kName));
}

TEST_CASE("until it is finished it has no name the server looks at, and nothing is left when it never is") {
  const Folder folder;
  {
    auto writer = Writer::create(folder.path, kNote, system_random());
    REQUIRE(writer);
    REQUIRE(writer->append(std::string(600'000, 'x')));
    CHECK(list(folder.path, 10, system_clock().wall())->empty());
    CHECK_FALSE(std::filesystem::is_empty(folder.path));
    // Of a program that was killed: gone after a day, not before.
    const WallTime tomorrow = WallTime::from_seconds(system_clock().wall().seconds() + 24 * 60 * 60 + 5);
    CHECK(list(folder.path, 10, tomorrow)->empty());
    CHECK(std::filesystem::is_empty(folder.path));
  }
  {
    REQUIRE(Writer::create(folder.path, kNote, system_random()));
  }
  CHECK(std::filesystem::is_empty(folder.path));
}

TEST_CASE("links, pipes, directories and files of further names are refused without waiting and set aside") {
  const Folder folder;
  const std::string name = folder.hand_in(kNote, "x\r\n");
  const std::string path = folder.path + "/" + kName;
  REQUIRE(symlink((folder.path + "/" + name).c_str(), path.c_str()) == 0);
  CHECK(folder.read(kName).error().is(kBadFile));
  REQUIRE(set_aside(folder.path, kName));
  REQUIRE(mkfifo(path.c_str(), 0666) == 0);
  CHECK(folder.read(kName).error().is(kBadFile));
  REQUIRE(set_aside(folder.path, kName));
  REQUIRE(link((folder.path + "/" + name).c_str(), path.c_str()) == 0);
  CHECK(folder.read(kName).error().is(kBadFile));
  CHECK(folder.read(name).error().is(kBadFile));
  REQUIRE(set_aside(folder.path, kName));
  REQUIRE(mkdir(path.c_str(), 0755) == 0);
  CHECK(folder.read(kName).error().is(kBadFile));
  REQUIRE(rmdir((folder.path + "/bad/" + kName).c_str()) != 0);
  CHECK(folder.read("m-../../etc/passwd").error().is(kBadFile));
}

TEST_CASE("only names that sendmail gives are looked at, at most so many at once") {
  const Folder folder;
  for (const char* name :
       {"m-", "m-1", "x", "m-0000000000000000000000000000000G", "m-000000000000000000000000000000000"})
    folder.write(name, "x");
  CHECK(list(folder.path, 10, system_clock().wall())->empty());
  for (int i = 0; i < 3; ++i) folder.hand_in(kNote, "x\r\n");
  CHECK(list(folder.path, 10, system_clock().wall())->size() == 3);
  CHECK(list(folder.path, 2, system_clock().wall())->size() == 2);
}

TEST_CASE("the folder is the server's, closed to readers and open to writers") {
  const Folder folder;
  CHECK_FALSE(check_folder(folder.path));
  REQUIRE(chmod(folder.path.c_str(), kFolderMode) == 0);
  CHECK(check_folder(folder.path));
  REQUIRE(chmod(folder.path.c_str(), 0733) == 0);
  CHECK_FALSE(check_folder(folder.path));
  CHECK_FALSE(check_folder(folder.path + "/none"));
}

TEST_CASE("an envelope has a sender line, one to a thousand recipients, and nothing else") {
  const auto parse = [](const std::string& note) { return parse_start(format_seal({.length = 3, .crc = 7}) + note); };
  CHECK(parse("from \nto a\n\n").value().note.sender.empty());
  for (const char* note :
       {"to a\n\n", "from a\n\n", "\n", "from a\nto a\n", "from a\nto \n\n", "from a\nwho b\nto a\n\n",
        "from a\nto a\x01\n\n", "from a\nmail RET=HALF\nto a\n\n", "from a\nfrom b\nto a\n\n"})
    CHECK_FALSE(parse(note));
  std::string many = "from a\n";
  for (std::size_t i = 0; i < kRecipientsMax; ++i) many += "to a\n";
  CHECK(parse(many + "\n"));
  CHECK_FALSE(parse(many + "to a\n\n"));
}

TEST_CASE("a name without a domain is one of this host") {
  CHECK(qualify("anna", "example.test").value().text() == "anna@example.test");
  CHECK(qualify("anna@a.test", "example.test").value().text() == "anna@a.test");
  CHECK(qualify("\"a@b\"", "example.test").value().text() == "\"a@b\"@example.test");
  CHECK(qualify("postmaster", "example.test").value().text() == "postmaster@example.test");
  for (const char* bad : {"", "a@", "@a", "a@b@c", "a b"}) CHECK_FALSE(qualify(bad, "example.test"));
}
