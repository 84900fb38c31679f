// SMTP without a server: what is said 250 to lies in the drop folder.
#include "agent/drop_session.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "io/memory.h"
#include "protocol/smtp/server.h"
#include "support/run.h"
#include "support/test.h"
#include "wire/connection/connection.h"

using namespace angarium;
using namespace angarium::agent;

namespace {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "angarium-test-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }

  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path)) names.push_back(entry.path().filename());
    return names;
  }

  std::string path;
};

io::Task<> serve_then_close(std::unique_ptr<wire::Connection> connection, std::string folder) {
  const auto policy = drop_policy("host.example.test", 2000);
  DropSession session(std::move(folder), io::Loop::current().random(), io::Loop::current().clock());
  co_await protocol::smtp::serve(*connection, session, policy);
}

io::Task<std::string> talk(std::string folder, std::string said) {
  auto pair = wire::memory_connections();
  io::Loop::current().spawn(serve_then_close(std::move(pair.server), std::move(folder)));
  (void)co_await io::write_all(*pair.client, said);
  (void)pair.client->shutdown_write();
  std::string heard;
  std::array<char, 4096> block{};
  for (;;) {
    const auto got = pair.client->try_read(block);
    if (!got) co_return heard;
    heard.append(block.data(), *got);
    if (*got == 0 && !co_await pair.client->readable()) co_return heard;
  }
}

/// The replies, after `said`.
std::string replies(const Folder& folder, std::string said) {
  io::SimulatedLoop loop;
  return test::sync_wait(loop, talk(folder.path, std::move(said)));
}

drop::Reader only_file(const Folder& folder) {
  const auto files = folder.files();
  REQUIRE(files.size() == 1);
  auto reader = drop::Reader::open(folder.path, files.front());
  REQUIRE(reader);
  return *std::move(reader);
}

constexpr std::string_view kEnvelope = "HELO me\r\nMAIL FROM:<anna>\r\nRCPT TO:<root>\r\nRCPT TO:<b@far.test>\r\n";

}  // namespace

TEST_CASE("a letter lies in the folder, whole and with a date, when its end is answered with 250") {
  const Folder folder;
  const std::string heard =
      replies(folder, std::string(kEnvelope) + "DATA\r\nSubject: x\r\n\r\n..one\r\ntwo\r\n.\r\nQUIT\r\n");
  CHECK_MESSAGE(heard.contains("\r\n354 "), heard);
  CHECK_MESSAGE(heard.contains("\r\n250 2.6.0 "), heard);
  auto reader = only_file(folder);
  CHECK(reader.start().note.sender == "anna");
  CHECK(reader.start().note.recipients == std::vector<std::string>{"root", "b@far.test"});
  const std::string text = reader.next().value();
  CHECK_MESSAGE(text.starts_with("Subject: x\r\nDate: "), text);
  CHECK_MESSAGE(text.ends_with("\r\n\r\n.one\r\ntwo\r\n"), text);
  CHECK(reader.next().value().empty());
}

TEST_CASE("a message without any header, an empty one, and chunks of every size are taken") {
  for (const std::string_view body :
       {"DATA\r\njust text\r\n.\r\n", "DATA\r\n.\r\n", "BDAT 5\r\njust BDAT 8 LAST\r\ntext\r\nx\n"}) {
    const Folder folder;
    const std::string heard = replies(folder, "EH" + std::string(kEnvelope).substr(2) + std::string(body));
    CHECK_MESSAGE(heard.contains("\r\n250 2.6.0 "), heard);
    auto reader = only_file(folder);
    CHECK(reader.start().seal.length > 0);
  }
}

TEST_CASE("nothing is left of a message that was given up, too large or broken off") {
  for (const std::string& end :
       {std::string("RSET\r\nQUIT\r\n"), "DATA\r\nA: b\r\n\r\n" + std::string(2000, 'x') + "\r\n.\r\n",
        std::string("DATA\r\nA: b\r\n\r\nno dot\r\n")}) {
    const Folder folder;
    const std::string heard = replies(folder, std::string(kEnvelope) + end);
    CHECK_MESSAGE(!heard.contains("250 2.6.0"), heard);
    CHECK_MESSAGE(folder.files().empty(), end.substr(0, 40));
  }
}

TEST_CASE("without a folder the message is refused for now, and the words say why") {
  Folder folder;
  folder.path += "/absent";
  const std::string heard = replies(folder, std::string(kEnvelope) + "DATA\r\nQUIT\r\n");
  CHECK_MESSAGE(heard.contains("\r\n451 4.3.0 cannot make a file in "), heard);
  folder.path.resize(folder.path.size() - 7);
}

TEST_CASE("what a file of the folder cannot hold for each recipient is not announced and not known") {
  const Folder folder;
  const std::string heard = replies(folder, "EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test> NOTIFY=NEVER\r\n");
  CHECK(!heard.contains("DSN"));
  CHECK_MESSAGE(heard.contains("\r\n555 "), heard);
}
