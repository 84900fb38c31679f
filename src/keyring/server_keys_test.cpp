#include "keyring/server_keys.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::keyring;

namespace {

struct Folder {
  Folder() {
    std::string made = "/tmp/angarium-keyring-XXXXXX";
    REQUIRE(::mkdtemp(made.data()) != nullptr);
    path = made;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
  [[nodiscard]] std::string keys() const { return path + "/keys"; }
  [[nodiscard]] std::string file() const { return keys() + "/server.keys"; }
  std::string path;
};

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

}  // namespace

TEST_CASE("the first key is made once, for this user alone, and read again") {
  const Folder folder;
  CHECK(ServerKeys::read(folder.keys()).error().is(kNoServerKey));
  const auto made = ServerKeys::make(folder.keys());
  REQUIRE(made);
  struct stat status{};
  REQUIRE(::stat(folder.file().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  REQUIRE(::stat(folder.keys().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
  CHECK(made->versions().size() == 1);
  CHECK(ServerKeys::read(folder.keys())->current().key == made->current().key);
  CHECK(ServerKeys::make(folder.keys())->current().key == made->current().key);
}

TEST_CASE("without the file everything is temporary: it may be brought back") {
  const Folder folder;
  const auto before = *ServerKeys::make(folder.keys());
  std::filesystem::rename(folder.file(), folder.path + "/away");
  const auto gone = ServerKeys::read(folder.keys());
  CHECK(gone.error().is(kNoServerKey));
  CHECK(gone.error().temporary());
  std::filesystem::rename(folder.path + "/away", folder.file());
  CHECK(ServerKeys::read(folder.keys())->current().key == before.current().key);
}

TEST_CASE("a file that others may open, that is none, or is another's, is not taken and not written over") {
  const Folder folder;
  REQUIRE(ServerKeys::make(folder.keys()));
  for (const mode_t mode : {0640U, 0604U, 0620U}) {
    REQUIRE(::chmod(folder.file().c_str(), mode) == 0);
    CHECK(ServerKeys::read(folder.keys()).error().is(kNoServerKey));
    CHECK(ServerKeys::make(folder.keys()).error().is(kNoServerKey));
  }
  REQUIRE(::chmod(folder.file().c_str(), 0600) == 0);
  if (::geteuid() == 0) {
    REQUIRE(::chown(folder.file().c_str(), 12345, 12345) == 0);
    CHECK(ServerKeys::read(folder.keys()).error().text().find("another user") != std::string::npos);
    REQUIRE(::chown(folder.file().c_str(), 0, 0) == 0);
  }
  CHECK(ServerKeys::read(folder.keys()));
  std::filesystem::rename(folder.file(), folder.path + "/away");
  std::filesystem::create_symlink(folder.path + "/away", folder.file());
  CHECK(ServerKeys::make(folder.keys()).error().is(kNoServerKey));
  std::filesystem::remove(folder.file());
  std::filesystem::create_directory(folder.file());
  CHECK(ServerKeys::make(folder.keys()).error().is(kNoServerKey));
}

TEST_CASE("every octet of the file counts, and every cut of it is none") {
  const Folder folder;
  const auto keys = *ServerKeys::make(folder.keys())->with_new(folder.keys());
  const std::string text = keys.text();
  REQUIRE(ServerKeys::parse(text));
  const std::size_t line = (text.size() - text.find('\n') - 1) / 2;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto cut = ServerKeys::parse(text.substr(0, i));
    // Cut behind a line it is the file of before.
    CHECK(cut.has_value() == (i == text.size() - line));
    std::string changed = text;
    // No digit, and another one.
    for (const char octet : {'!', text[i] == '3' ? '4' : '3'}) {
      changed[i] = octet;
      CHECK(!ServerKeys::parse(changed));
    }
  }
  CHECK(!ServerKeys::parse(text + text.substr(text.size() - line)));  // one id twice
}

TEST_CASE("rotation: both versions are there until the old one is forgotten") {
  const Folder folder;
  const auto first = *ServerKeys::make(folder.keys());
  const auto both = *first.with_new(folder.keys());
  CHECK(both.versions().size() == 2);
  CHECK(both.current().id != first.current().id);
  CHECK(*both.find(first.current().id) == first.current().key);
  const auto read = *ServerKeys::read(folder.keys());
  CHECK(read.current().id == both.current().id);
  CHECK(*read.find(first.current().id) == first.current().key);
  const auto newest = *read.forget_old(folder.keys());
  CHECK(newest.find(first.current().id).error().is(kNoServerKey));
  CHECK(ServerKeys::read(folder.keys())->versions().size() == 1);
  CHECK(ServerKeys::read(folder.keys())->current().key == both.current().key);
}

TEST_CASE("a writing that was cut short leaves the file of before, and the next one goes through") {
  const Folder folder;
  const auto first = *ServerKeys::make(folder.keys());
  write(folder.file() + ".new", "angarium server ke");
  CHECK(ServerKeys::read(folder.keys())->current().key == first.current().key);
  const auto both = first.with_new(folder.keys());
  REQUIRE(both);
  CHECK(ServerKeys::read(folder.keys())->current().key == both->current().key);
  CHECK(!std::filesystem::exists(folder.file() + ".new"));
}

TEST_CASE("as many versions as there may be, and one more") {
  const Folder folder;
  auto keys = *ServerKeys::make(folder.keys());
  while (keys.versions().size() < kServerKeysMax) keys = *keys.with_new(folder.keys());
  CHECK(ServerKeys::read(folder.keys())->versions().size() == kServerKeysMax);
  CHECK(keys.with_new(folder.keys()).error().is(kNoServerKey));
  const std::string text = keys.text();
  CHECK(!ServerKeys::parse(text + "0123456789abcdef " + std::string(64, '0') + "\n"));
}
