#include "alias/source.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "alias/memory_files.h"
#include "support/test.h"

namespace angarium::alias {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kNow = 1'700'000'000'000'000'000;  // where a ManualClock begins
const std::string kPath = "/etc/aliases";

FileStatus old_file(std::uint32_t owner = 0, std::uint32_t mode = 0644) {
  return {.owner = owner, .mode = mode, .changed_ns = kNow - 3'000'000'000};
}

TEST_CASE("a table is read once, and again when the file is another") {
  MemoryFiles files;
  ManualClock clock;
  AliasFile aliases(files, kPath, 100, clock);
  files.write(kPath, "a: b", old_file());
  const auto first = aliases.read().value();
  CHECK(aliases.read().value() == first);
  CHECK(files.reads() == 1);
  files.write(kPath, "a: c", old_file());
  CHECK(target_text(aliases.read().value()->table.find("a")->targets.at(0)) == "c");
  CHECK(target_text(first->table.find("a")->targets.at(0)) == "b");
  CHECK(files.reads() == 2);
}

TEST_CASE("a file changed a moment ago is read again: the next change may have the same time") {
  MemoryFiles files;
  ManualClock clock;
  AliasFile aliases(files, kPath, 100, clock);
  auto status = old_file();
  status.changed_ns = kNow - 1'000'000'000;
  files.write(kPath, "a: b", status);
  CHECK(aliases.read());
  files.change_unseen(kPath, "a: c");
  CHECK(target_text(aliases.read().value()->table.find("a")->targets.at(0)) == "c");
  clock.advance(2s);
  CHECK(aliases.read());
  const auto reads = files.reads();
  CHECK(aliases.read());
  CHECK(files.reads() == reads);
}

TEST_CASE("no file, no aliases; it may come and go") {
  MemoryFiles files;
  ManualClock clock;
  AliasFile aliases(files, kPath, 100, clock);
  CHECK(aliases.read().value()->table.entries().empty());
  files.write(kPath, "a: b", old_file());
  CHECK(aliases.read().value()->table.entries().size() == 1);
  files.remove(kPath);
  CHECK(aliases.read().value()->table.entries().empty());
}

TEST_CASE("what cannot be read is a temporary error, and no old table in its place") {
  MemoryFiles files;
  ManualClock clock;
  AliasFile aliases(files, kPath, 100, clock);
  files.write(kPath, "a: b", old_file());
  CHECK(aliases.read());
  files.set_unreadable(kPath);
  REQUIRE(!aliases.read());
  CHECK(aliases.read().error().temporary());
  files.set_readable(kPath);
  CHECK(aliases.read());
  auto directory = old_file();
  directory.regular = false;
  files.write(kPath, "", directory);
  CHECK(aliases.read().error().temporary());
}

TEST_CASE("commands and files are named by root's or the server's file alone, which nobody else may write") {
  MemoryFiles files;
  ManualClock clock;
  const auto trust = [&](std::uint32_t owner, std::uint32_t mode) {
    AliasFile aliases(files, kPath, 100, clock);
    files.write(kPath, "a: b", old_file(owner, mode));
    return aliases.read().value()->trust;
  };
  CHECK(trust(0, 0644) == Trust::all);
  CHECK(trust(100, 0600) == Trust::all);
  CHECK(trust(101, 0644) == Trust::addresses);
  CHECK(trust(0, 0664) == Trust::addresses);
  CHECK(trust(0, 0646) == Trust::addresses);
}

TEST_CASE("a .forward counts when it is a regular file of the user or root") {
  MemoryFiles files;
  const std::string path = "/home/alice/.forward";
  const auto read = [&](std::uint32_t owner, std::uint32_t mode, bool regular = true) {
    auto status = old_file(owner, mode);
    status.regular = regular;
    files.write(path, "\\alice, bob", status);
    return read_forward(files, path, 1000).value();
  };
  CHECK(!read_forward(files, path, 1000).value());
  CHECK(read(1000, 0600)->list.targets.size() == 2);
  CHECK(read(1000, 0600)->trust == Trust::all);
  CHECK(read(0, 0644)->trust == Trust::all);
  CHECK(read(1000, 0660)->trust == Trust::addresses);
  CHECK(!read(1001, 0600));
  CHECK(!read(1000, 0600, false));
  files.write(path, std::string(kForwardMax, '#'), old_file(1000));
  CHECK(read_forward(files, path, 1000));
  files.write(path, std::string(kForwardMax + 1, '#'), old_file(1000));
  CHECK(read_forward(files, path, 1000).error().temporary());
}

/// A directory of the file system, removed at the end.
class Place {
 public:
  Place() {
    std::string name = (std::filesystem::temp_directory_path() / "angarium-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string at(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

TEST_CASE("files of the system: texts, none, and what is no regular file") {
  const Place place;
  std::ofstream(place.at("list"), std::ios::binary) << "alice\n";
  CHECK(::chmod(place.at("list").c_str(), 0640) == 0);
  auto& files = system_files();
  const auto file = files.read(place.at("list"), 6).value().value();
  CHECK(file.text == "alice\n");
  CHECK(file.status == files.status(place.at("list")).value());
  CHECK(file.status.mode == 0640);
  CHECK(file.status.owner == ::geteuid());
  CHECK(file.status.size == 6);
  CHECK(files.read(place.at("list"), 5).error().is(kUnreadableFile));
  CHECK(!files.read(place.at("none"), 9).value());
  CHECK(!files.status(place.at("list/below")).value());
  // A FIFO that nobody writes to must not keep us.
  CHECK(::mkfifo(place.at("fifo").c_str(), 0600) == 0);
  CHECK(!files.read(place.at("fifo"), 9).value()->status.regular);
  CHECK(!files.read(place.at(""), 9).value()->status.regular);
  CHECK(::symlink("self", place.at("self").c_str()) == 0);
  CHECK(files.status(place.at("self")).error().temporary());
  CHECK(files.read(place.at("self"), 9).error().temporary());
}

}  // namespace
}  // namespace angarium::alias
