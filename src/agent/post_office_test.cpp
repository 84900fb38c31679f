// What a reload changes in a server that runs (the sessions themselves: tests/trials/reload.py), and what verbs end.
#include "agent/post_office.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <utility>

#include "agent/terms.h"
#include "base/text.h"
#include "control/client.h"
#include "store/volume_memory.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::agent;

namespace {

/// A directory with a configuration file, removed at the end.
class Place {
 public:
  Place() {
    std::string name = (std::filesystem::temp_directory_path() / "angarium-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { std::filesystem::remove_all(path_); }

  void write(std::string_view name, std::string_view text) const {
    std::FILE* file = std::fopen((path_ + "/" + std::string(name)).c_str(), "w");
    REQUIRE(file != nullptr);
    CHECK(std::fwrite(text.data(), 1, text.size(), file) == text.size());
    CHECK(std::fclose(file) == 0);
  }
  void configure(std::string_view text) const { write("angarium.toml", text); }
  std::unique_ptr<PostOffice> open() const {
    const auto configuration = configuration::load(path_);
    REQUIRE_MESSAGE(configuration, configuration.error().text());
    auto doors = Doors::open(*configuration, {});
    REQUIRE_MESSAGE(doors, doors.error().text());
    auto office = PostOffice::open(*configuration, *std::move(doors));
    REQUIRE_MESSAGE(office, office.error().text());
    return *std::move(office);
  }
  /// What a verb of the command line answers.
  std::string ask(std::string_view verb, std::vector<std::pair<std::string, std::string>> arguments) const {
    const auto reply =
        control::ask(path_ + "/run/control.sock", {.verb = std::string(verb), .arguments = std::move(arguments)});
    REQUIRE_MESSAGE(reply, reply.error().text());
    REQUIRE_MESSAGE(reply->exit_code == control::kDone, reply->error);
    return reply->result;
  }

 private:
  std::string path_;
};

const std::string kFile =
    "[server]\nhostname = \"a.test\"\nloops = 1\n[auth]\nargon2_memory_kib = 8192\nargon2_passes = 1\n"
    "[store]\nreserve = \"1 MiB\"\n";

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// One that nobody had a moment ago.
std::uint16_t free_port() {
  const int number = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  REQUIRE(bind(number, reinterpret_cast<const sockaddr*>(&address), size) == 0);
  REQUIRE(getsockname(number, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  close(number);
  return ntohs(address.sin_port);
}

/// A client that blocks; who says nothing for half a minute is not there.
class Caller {
 public:
  explicit Caller(std::uint16_t port) : number_(socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{.tv_sec = 30, .tv_usec = 0};
    REQUIRE(setsockopt(number_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    const sockaddr_in to = loopback(port);
    REQUIRE(connect(number_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }
  Caller(Caller&& other) noexcept : number_(std::exchange(other.number_, -1)), read_(std::move(other.read_)) {}
  Caller& operator=(Caller&&) = delete;
  ~Caller() {
    if (number_ >= 0) close(number_);
  }

  /// The next line; "end" where there is none.
  std::string line() {
    for (;;) {
      const std::size_t end = read_.find("\r\n");
      if (end != std::string::npos) {
        std::string line = read_.substr(0, end);
        read_.erase(0, end + 2);
        return line;
      }
      std::array<char, 4096> room{};
      const auto count = recv(number_, room.data(), room.size(), 0);
      REQUIRE(count >= 0);
      if (count == 0) return "end";
      read_.append(room.data(), static_cast<std::size_t>(count));
    }
  }
  /// The first line from here on that begins so.
  std::string until(std::string_view begin) {
    std::string heard = line();
    while (!heard.starts_with(begin) && heard != "end") heard = line();
    return heard;
  }
  void say(std::string_view words) {
    const std::string octets = std::string(words) + "\r\n";
    REQUIRE(send(number_, octets.data(), octets.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(octets.size()));
  }

 private:
  int number_;
  std::string read_;
};

/// A session of each protocol that logs in, all of one account.
std::map<std::string, Caller> enter_all(const PostOffice& office, const std::string& address,
                                        const std::string& password) {
  std::map<std::string, Caller> sessions;
  for (const std::string& listening : office.listening()) {
    const std::string protocol = listening.substr(0, listening.find(' '));
    const auto port = parse_number<std::uint16_t>(listening.substr(listening.rfind(':') + 1));
    REQUIRE(port);
    Caller session(*port);
    const std::string plain = "AUTH PLAIN " + to_base64('\0' + address + '\0' + password);
    if (protocol == "imap") {
      session.say("a LOGIN " + address + " \"" + password + '"');
      CHECK(session.until("a ").starts_with("a OK"));
    } else if (protocol == "pop3") {
      session.say(plain);
      session.until("+OK");
      CHECK(session.until("+OK").starts_with("+OK maildrop"));
    } else {
      session.say(protocol == "lmtp" ? "LHLO c.test" : "EHLO c.test");
      session.until("250 ");
      session.say(plain);
      CHECK(session.until("235").starts_with("235"));
    }
    sessions.emplace(protocol, std::move(session));
  }
  return sessions;
}

std::string left(const configuration::Reload& reload) {
  std::string names;
  for (const auto& key : reload.left) names += key.name + " ";
  return names;
}

}  // namespace

TEST_CASE("a reload compares the file with what is in use: what it took it does not name again, what it left it does") {
  const Place place;
  place.configure(kFile);
  const auto office = place.open();
  place.configure(kFile + "cache = \"1 MiB\"\n[smtp]\nerrors_max = 3\n");
  auto first = office->reload();
  REQUIRE(first);
  CHECK(first->changed == std::vector<std::string>{"smtp.errors_max"});
  CHECK(left(*first) == "store.cache ");
  auto second = office->reload();
  REQUIRE(second);
  CHECK(second->changed.empty());
  CHECK(left(*second) == "store.cache ");
  place.configure(kFile);
  auto third = office->reload();
  REQUIRE(third);
  CHECK(third->changed == std::vector<std::string>{"smtp.errors_max"});
  CHECK(left(*third).empty());
}

TEST_CASE("a bad file is told with its line and changes nothing") {
  const Place place;
  place.configure(kFile);
  const auto office = place.open();
  place.configure(kFile + "[smtp]\nerrors_max = 3\nrecipients_max = 1\n");
  const auto bad = office->reload();
  REQUIRE(!bad);
  CHECK(bad.error().text().find("angarium.toml:11: smtp.recipients_max is a number from 100") != std::string::npos);
  place.configure(kFile + "[smtp]\nerrors_max = 3\n");
  const auto good = office->reload();
  REQUIRE(good);
  CHECK(good->changed == std::vector<std::string>{"smtp.errors_max"});
}

TEST_CASE("terms say in every protocol's words what the configuration says, and hold all they point to") {
  configuration::Configuration c;
  c.store.reserve = 0;
  c.auth.argon2_memory_kib = 64;
  c.auth.argon2_passes = 1;
  const auto services = *Services::open_on(*store::open_memory_volume(std::make_shared<store::MemoryDisk>()),
                                           store::StateKind::sorted, c);
  Budget budget(1000);
  Rate rate(0);
  MaildropLocks locks;
  const Shared shared{*services, budget, rate, locks, nullptr};
  c.auth.mechanisms = {"A-MECHANISM-WITH-A-LONG-NAME"};
  c.auth.failure_delay = std::chrono::seconds(9);
  c.smtp.errors_max = 3;
  c.smtp.early_talk = configuration::EarlyTalk::refuse;
  c.imap.append_size_max = 70'000;
  c.limits.login_timeout = std::chrono::seconds(4);
  c.limits.send_timeout = std::chrono::seconds(5);
  c.limits.handshake_timeout = std::chrono::seconds(6);
  const auto terms = std::make_shared<const Terms>(c, nullptr, shared);
  c = {};
  REQUIRE(terms->pop3.options.mechanisms.size() == 1);
  CHECK(terms->pop3.options.mechanisms[0] == "A-MECHANISM-WITH-A-LONG-NAME");
  CHECK(terms->pop3.options.mechanisms[0].data() == terms->configuration.auth.mechanisms[0].data());
  CHECK(terms->pop3.options.failure_delay == std::chrono::seconds(9));
  CHECK(terms->pop3.options.login_timeout == std::chrono::seconds(4));
  CHECK(terms->imap.append_limit == 70'000);
  CHECK(terms->imap.send_timeout == std::chrono::seconds(5));
  CHECK(terms->mx.policy.early_talk == protocol::smtp::EarlyTalk::refuse);
  CHECK(terms->submission.policy.role == protocol::smtp::Role::submission);
  CHECK(terms->lmtp.policy.limits.errors == 3);
  REQUIRE(terms->tls.size() == all_services().size());
  for (const auto& options : terms->tls) CHECK(options->handshake_timeout == std::chrono::seconds(6));
}

TEST_CASE("verbs that take something from an account end the sessions that came by it, whichever loop has them") {
  const Place place;
  std::string file = kFile;
  file.replace(file.find("loops = 1"), 9, "loops = 2");
  file += "[lmtp]\nauth = \"offered\"\n";
  for (const std::string_view protocol : {"imap", "pop3", "submission", "lmtp"})
    file += "[[listener]]\nprotocol = \"" + std::string(protocol) +
            "\"\naddress = \"127.0.0.1:" + std::to_string(free_port()) + "\"\n";
  place.configure(file);
  const auto office = place.open();
  REQUIRE(office->listening().size() == 4);
  office->start();
  const std::string password = "open sesame 7";
  place.ask("domain.add", {{"domain", "a.test"}});
  const auto phone_of = [&](const std::string& address) {
    const std::string answer = place.ask("account.app-password.add", {{"address", address}, {"name", "phone"}});
    const std::size_t at = answer.find("\"password\":\"") + 12;
    return answer.substr(at, answer.find('"', at) - at);
  };
  struct Taken {
    std::string by;
    std::string verb;
    std::vector<std::pair<std::string, std::string>> more;
  };
  const Taken cases[] = {{"phone", "account.app-password.remove", {{"name", "phone"}}},
                         {"password", "account.password", {{"password", "another one 8"}}},
                         {"phone", "account.set", {{"status", "disabled"}}},
                         {"password", "account.remove", {}},
                         {"phone", "account.remove", {}}};
  const std::map<std::string, std::string> farewells = {
      {"imap", "* BYE "}, {"pop3", "-ERR "}, {"lmtp", "421 4.3.2 "}, {"submission", "421 4.3.2 "}};
  int number = 0;
  for (const Taken& one : cases) {
    CAPTURE(one.verb);
    const std::string address = "a" + std::to_string(++number) + "@a.test";
    place.ask("account.add", {{"address", address}, {"password", password}});
    auto sessions = enter_all(*office, address, one.by == "phone" ? phone_of(address) : password);
    auto arguments = one.more;
    arguments.emplace_back("address", address);
    place.ask(one.verb, std::move(arguments));
    for (auto& [protocol, session] : sessions) {
      CAPTURE(protocol);
      CHECK(session.line().starts_with(farewells.at(protocol)));
      CHECK(session.line() == "end");
    }
  }
  office->drain();
}
