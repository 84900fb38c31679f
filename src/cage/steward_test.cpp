#include "cage/steward.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>

#include "alias/source.h"
#include "base/text.h"
#include "cage/errand.h"
#include "cage/process.h"
#include "delivery/testing.h"
#include "support/test.h"

namespace angarium::cage {
namespace {

namespace fs = std::filesystem;
using delivery::test::TemporaryFolder;

/// The uid of Debian's "nobody": a real one that owns nothing.
constexpr uid_t kNobody = 65534;

bool as_root() { return ::geteuid() == 0; }

/// Who is served in these tests: with root's rights another uid is really taken on, else the own one is.
User served_user(const std::string& home = "/") {
  if (as_root()) return {.name = "nobody", .uid = kNobody, .gid = kNobody, .home = home, .full_name = "Nobody"};
  return {.name = "me", .uid = ::geteuid(), .gid = ::getegid(), .home = home, .full_name = "Me"};
}

/// Users of the test's own; rights are the system's.
class TestHost final : public Host {
 public:
  std::vector<User> users;

  Result<std::optional<User>> find_user(const std::string& name) override {
    if (name == "outage") return fail(kUnavailable, "the users cannot be asked");
    if (name == "crash") ::kill(::getpid(), SIGKILL);
    for (const User& user : users)
      if (user.name == name) return user;
    return std::nullopt;
  }
  Result<Verdict> check_password(const User&, const sasl::Secret& password, const std::string& remote) override {
    if (password.view() == "outage") return fail(kUnavailable, "no directory service");
    if (password.view() == "never") ::pause();
    return password.view() == "right from " + remote ? Verdict::right : Verdict::wrong;
  }
  Result<> become(const User& user, const std::string& further) override { return system_host().become(user, further); }
};

Policy policy() { return {.uid_min = 1, .uid_max = kNobody, .excluded = {"eve"}, .spool_group = "mail"}; }

/// Says who it is, then gives back what it is sent; or writes a file at its place.
bool takes_memory(std::size_t octets) {
  void* const taken = ::mmap(nullptr, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (taken != MAP_FAILED) ::munmap(taken, octets);
  return taken != MAP_FAILED;
}

class TestServant final : public Servant {
 public:
  void serve(const Descriptor& socket, const Errand& errand) override {
    std::string groups;
    std::array<gid_t, 64> ids{};
    const int count = ::getgroups(static_cast<int>(ids.size()), ids.data());
    for (int i = 0; i < count; ++i) groups += " " + std::to_string(ids[static_cast<std::size_t>(i)]);
    const std::string who = std::to_string(::geteuid()) + " " + std::to_string(::getpid()) + " " + errand.user.name +
                            " " + errand.place + " " + errand.spool_file + groups + " ";
    (void)write_frame(socket, who, system_clock().now() + kQuestionTime);
    while (const auto octets = read_frame(socket, 1000, system_clock().now() + kDeliveryTime)) {
      if (*octets == "die") ::kill(::getpid(), SIGKILL);
      if (*octets == "half" || *octets == "all") {
        const bool taken = takes_memory(*octets == "half" ? kServantMemoryMax / 2 : kServantMemoryMax);
        (void)write_frame(socket, taken ? "taken" : "refused", system_clock().now() + kQuestionTime);
        continue;
      }
      (void)write_frame(socket, *octets, system_clock().now() + kQuestionTime);
    }
  }
};

struct House {
  explicit House(std::vector<User> users = {served_user()}, const Policy& rules = policy()) {
    host.users = std::move(users);
    auto started = Steward::start(rules, host, &servant);
    REQUIRE(started);
    steward = *std::move(started);
  }
  TestHost host;
  TestServant servant;
  std::unique_ptr<Steward> steward;
};

/// What the servant said first, in words.
std::vector<std::string> words_of(const Descriptor& socket) {
  const auto frame = read_frame(socket, 1000, system_clock().now() + kQuestionTime);
  REQUIRE(frame);
  std::vector<std::string> words;
  for (std::string_view rest = *frame; !rest.empty();) words.emplace_back(take_until(rest, ' '));
  return words;
}

sasl::Secret secret(std::string_view text) { return sasl::Secret::copy(text); }

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Deliver to(std::string target, Deliver::Chosen chosen = Deliver::Chosen::by_operator) {
  Deliver request{.name = served_user().name, .target = std::move(target), .chosen = chosen};
  request.reverse_path.mailbox = envelope::Mailbox{.local_part = "bob", .domain = "example.org"};
  request.recipient = {.local_part = request.name, .domain = "example.test"};
  return request;
}

constexpr std::string_view kMessage = "Subject: s\r\n\r\nhello\r\n";

delivery::Outcome deliver(const Steward& steward, const Deliver& request, std::string_view message = kMessage) {
  delivery::OctetsInMemory octets(message);
  return steward.deliver(request, octets);
}

}  // namespace

TEST_CASE("users are found by name, and only who is served") {
  House house({served_user("/home/x"), {.name = "root", .uid = 0, .gid = 0}, {.name = "eve", .uid = 2, .gid = 2}});
  const auto found = house.steward->find_user(served_user().name);
  REQUIRE(found);
  CHECK(*found == served_user("/home/x"));
  for (const auto* const name : {"root", "eve", "bob", "", "../x", "a b"}) {
    CAPTURE(name);
    const auto nobody = house.steward->find_user(name);
    REQUIRE(nobody);
    CHECK(!*nobody);
  }
}

TEST_CASE("what the host cannot tell now is no answer, and so is a request that crashes; others go on") {
  House house;
  const auto outage = house.steward->find_user("outage");
  REQUIRE(!outage);
  CHECK(outage.error().is(kUnavailable));
  CHECK(outage.error().text() == "the users cannot be asked");
  const auto crash = house.steward->find_user("crash");
  REQUIRE(!crash);
  CHECK(crash.error().temporary());
  CHECK(house.steward->find_user(served_user().name));
  CHECK(!house.steward->ended());
}

TEST_CASE("passwords: right, wrong, of nobody, of root, and an outage is neither") {
  House house({served_user(), {.name = "root", .uid = 0, .gid = 0}});
  const std::string name = served_user().name;
  const auto check = [&](const std::string& user, std::string_view password) {
    return house.steward->check_password(user, secret(password), "192.0.2.1");
  };
  CHECK(check(name, "right from 192.0.2.1") == Verdict::right);
  CHECK(check(name, "right from 192.0.2.2") == Verdict::wrong);
  CHECK(check("bob", "right from 192.0.2.1") == Verdict::wrong);
  CHECK(check("root", "right from 192.0.2.1") == Verdict::wrong);
  CHECK(check("no/name", "right from 192.0.2.1") == Verdict::wrong);
  const auto outage = check(name, "outage");
  REQUIRE(!outage);
  CHECK(outage.error().is(kUnavailable));
}

TEST_CASE("a check that does not end holds up no other, and not too many are begun") {
  TestHost host;
  host.users = {served_user()};
  auto [ours, its] = *socket_pair(SocketKind::packets);
  const pid_t process = ::fork();
  REQUIRE(process >= 0);
  if (process == 0) {
    ours = Descriptor();
    seclude({&its});
    run_steward(std::move(its), policy(), host, nullptr);
    ::_exit(7);
  }
  its = Descriptor();
  const Moment deadline = system_clock().now() + std::chrono::minutes(1);
  std::vector<Descriptor> sockets;
  const auto ask = [&](const Request& request) {
    auto [mine, other] = *socket_pair(SocketKind::octets);
    std::string octets = encode(request);
    REQUIRE(send_packet(ours, octets, other, deadline));
    sockets.push_back(std::move(mine));
  };
  const auto answer = [&] { return *decode_answer(*read_frame(sockets.back(), kAnswerMax, deadline)); };
  const auto checking = [] {
    return CheckPassword{.name = served_user().name, .password = secret("never"), .remote = {}};
  };
  for (std::size_t i = 0; i < kQuestionsMax; ++i) ask(checking());
  ask(checking());
  CHECK(std::get<Failed>(answer()).words == "the steward has too much to do");
  ask(FindUser{served_user().name});
  CHECK(std::get<UserFound>(answer()).user);
  // Octets that are no request, and a packet with nothing: the next one is served all the same.
  {
    auto [mine, other] = *socket_pair(SocketKind::octets);
    std::string nonsense = "nonsense";
    REQUIRE(send_packet(ours, nonsense, other, deadline));
    sockets.push_back(std::move(mine));
    other = Descriptor();
    CHECK(std::get<Failed>(answer()).words == "the octets are no request");
    REQUIRE(::send(ours.get(), "x", 1, MSG_NOSIGNAL) == 1);
    std::string large(kRequestMax + 1, '\1');
    auto [kept, dropped] = *socket_pair(SocketKind::octets);
    REQUIRE(send_packet(ours, large, dropped, deadline));
  }
  ask(FindUser{"bob"});
  CHECK(!std::get<UserFound>(answer()).user);
  // With the other end gone it ends, and the checks with it.
  ours = Descriptor();
  int status = 0;
  CHECK(::waitpid(process, &status, 0) == process);
  CHECK(WEXITSTATUS(status) == 7);
  for (std::size_t i = 0; i < kQuestionsMax; ++i) CHECK(!read_frame(sockets[i], kAnswerMax, deadline));
}

TEST_CASE("many threads ask at once, each gets its own answer") {
  House house;
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int j = 0; j < 10; ++j) {
        const std::string remote = std::to_string(i * 100 + j);
        const auto verdict = house.steward->check_password(served_user().name, secret("right from " + remote), remote);
        if (verdict == Verdict::right) ++right;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 40);
}

TEST_CASE("a steward that is killed: every request is a temporary failure, and it is known") {
  House house;
  REQUIRE(house.steward->find_user("bob"));
  CHECK(!house.steward->ended());
  ::kill(house.steward->process(), SIGKILL);
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(house.steward->process()), &info, WEXITED | WNOWAIT) == 0);
  const auto found = house.steward->find_user("bob");
  REQUIRE(!found);
  CHECK(found.error().is(kUnavailable));
  CHECK(deliver(*house.steward, to("mbox:/nowhere/x")).temporary());
  CHECK(house.steward->ended());
  CHECK(house.steward->ended());
}

TEST_CASE("the steward holds no descriptor but its channel and the standard ones") {
  const Descriptor open(::open("/dev/zero", O_RDONLY));  // without O_CLOEXEC, as sockets that a service manager passes
  House house;
  REQUIRE(house.steward->find_user("bob"));
  std::vector<std::string> names;
  for (const auto& each : fs::directory_iterator("/proc/" + std::to_string(house.steward->process()) + "/fd"))
    names.push_back(fs::read_symlink(each.path()).string());
  std::ranges::sort(names);
  CHECK(std::ranges::count(names, "/dev/null") >= 2);
  CHECK(std::ranges::count(names, "/dev/zero") == 0);
  CHECK(std::ranges::count_if(names, [](const std::string& name) { return name.starts_with("socket:"); }) <= 2);
  CHECK(names.size() <= 5);
}

TEST_CASE("letters are delivered as the user, into files, folders and commands") {
  const TemporaryFolder folder;
  ::chmod(folder.path().c_str(), 01777);
  House house({served_user(folder.path("home"))});
  CHECK(deliver(*house.steward, to("mbox:" + folder.path("box"))).delivered());
  CHECK(deliver(*house.steward, to("mbox:" + folder.path("box"))).delivered());
  CHECK(deliver(*house.steward, to("maildir:" + folder.path("dir") + "/")).delivered());
  ::mkdir(folder.path("home").c_str(), 0755);
  const auto ran =
      deliver(*house.steward, to("pipe:cat /dev/stdin >" + folder.path("out") + "; id -u; echo $USER $HOME"));
  CHECK(ran.delivered());
  CHECK(ran.words == "delivered to command: " + std::to_string(served_user().uid));
  CHECK(content(folder.path("out")) == "Subject: s\n\nhello\n");
  const std::string box = content(folder.path("box"));
  CHECK(box.starts_with("From bob@example.org "));
  CHECK(box.find("hello\n\nFrom bob@example.org ") != std::string::npos);
  for (const auto* const name : {"box", "dir", "out"}) {
    struct stat status{};
    REQUIRE(::stat(folder.path(name).c_str(), &status) == 0);
    CHECK(status.st_uid == served_user().uid);
    CHECK((status.st_mode & 077U) == 0);
  }
}

TEST_CASE("a large letter comes whole, an empty one too; one that cannot be read is not delivered") {
  const TemporaryFolder folder;
  ::chmod(folder.path().c_str(), 01777);
  House house;
  std::string large = "Subject: s\r\n\r\n";
  while (large.size() < 3 * kPieceMax) large += "0123456789\r\n";
  CHECK(deliver(*house.steward, to("maildir:" + folder.path("dir")), large).delivered());
  for (const auto& each : fs::directory_iterator(folder.path("dir/new"))) {
    std::string got = content(each.path().string());
    CHECK(static_cast<std::size_t>(std::ranges::count(got, '\n')) + got.size() == large.size());
  }
  CHECK(deliver(*house.steward, to("pipe:test -z \"$(cat)\""), "").delivered());

  class Broken final : public delivery::Octets {
   public:
    Result<std::string_view> next() override {
      if (!std::exchange(given_, true)) return kMessage;
      return fail(kUnavailable, "a bad disk");
    }

   private:
    bool given_ = false;
  } broken;
  const auto outcome = house.steward->deliver(to("mbox:" + folder.path("box")), broken);
  CHECK(outcome.temporary());
  CHECK(outcome.words == "a bad disk");
  // The next one waits for the lock until the first has taken back what it wrote.
  CHECK(deliver(*house.steward, to("mbox:" + folder.path("box"))).delivered());
  const std::string box = content(folder.path("box"));
  CHECK(box.starts_with("From "));
  CHECK(box.find("\nFrom ") == std::string::npos);
}

TEST_CASE("deliveries are ended in order: a command is, a letter that is not whole is not delivered, and all answer") {
  const TemporaryFolder folder;
  House house;
  delivery::Outcome outcome;
  std::thread waits(
      [&] { outcome = deliver(*house.steward, to("pipe:echo 1 >" + folder.path("runs") + "; sleep 600")); });
  while (content(folder.path("runs")).empty()) std::this_thread::yield();
  house.steward->end_deliveries(Steward::End::in_order);
  waits.join();
  CHECK(outcome.status.text() == "4.3.0");
  CHECK(outcome.words == "the command was ended, for the server ends; it is run again");
  CHECK(deliver(*house.steward, to("mbox:" + folder.path("box"))).temporary());
  CHECK(content(folder.path("box")).empty());
}

TEST_CASE("deliveries are ended at once: what has not answered is a failure for now") {
  const TemporaryFolder folder;
  House house;
  delivery::Outcome outcome;
  std::thread waits([&] {
    outcome = deliver(*house.steward, to("pipe:trap '' TERM; echo 1 >" + folder.path("runs") + "; sleep 600"));
  });
  while (content(folder.path("runs")).empty()) std::this_thread::yield();
  house.steward->end_deliveries(Steward::End::at_once);
  waits.join();
  CHECK(outcome.temporary());
}

TEST_CASE("outcomes come back as they are, also before the letter was read") {
  House house;
  const auto refused = deliver(*house.steward, to("pipe:exit 67"));
  CHECK(refused.status == message::StatusCode{.class_code = 5, .subject = 1, .detail = 1});
  const std::string large(4 * kPieceMax, 'x');
  const auto wrong = deliver(*house.steward, to("mbox:/dev/null/x"), large);
  CHECK(!wrong.delivered());
  CHECK(deliver(*house.steward, to("nonsense"), large).status == delivery::kWronglyConfigured);
  Deliver stranger = to("mbox:/tmp/x");
  stranger.name = "bob";
  CHECK(deliver(*house.steward, stranger, large).temporary());
}

TEST_CASE("with root's rights: nothing is done as root, whatever the host says of its users") {
  if (!as_root()) {
    MESSAGE("not root: left out, since nothing could be done as root");
    return;
  }
  const TemporaryFolder folder;
  for (const User& user : {User{.name = "nobody", .uid = 0, .gid = 0}, User{.name = "nobody", .uid = 5, .gid = 0}}) {
    House house({user}, {.uid_min = 0, .uid_max = 65535});
    CHECK(deliver(*house.steward, to("mbox:" + folder.path("box"))).temporary());
    CHECK(!system_host().become(user, ""));
  }
  CHECK(!fs::exists(folder.path("box")));
}

TEST_CASE("with root's rights: files of others stay closed, and the spool's group is for targets of the operator") {
  if (!as_root()) {
    MESSAGE("not root: left out, since it takes several users");
    return;
  }
  const group* const mail = ::getgrnam("mail");
  REQUIRE(mail != nullptr);
  const TemporaryFolder folder;
  ::chmod(folder.path().c_str(), 0755);
  ::mkdir(folder.path("spool").c_str(), 0775);
  REQUIRE(::chown(folder.path("spool").c_str(), 0, mail->gr_gid) == 0);
  ::chmod(folder.path("spool").c_str(), 02775);
  House house;
  CHECK(deliver(*house.steward, to("mbox:" + folder.path("spool/a"))).delivered());
  CHECK(!deliver(*house.steward, to("mbox:" + folder.path("spool/b"), Deliver::Chosen::by_user)).delivered());
  CHECK(!deliver(*house.steward, to("maildir:" + folder.path("spool/c"))).delivered());
  CHECK(!deliver(*house.steward, to("pipe:cat >" + folder.path("spool/d"))).delivered());
  CHECK(!deliver(*house.steward, to("mbox:" + folder.path("e"))).delivered());
  struct stat status{};
  REQUIRE(::stat(folder.path("spool/a").c_str(), &status) == 0);
  CHECK(status.st_uid == kNobody);
  CHECK(status.st_gid == mail->gr_gid);
  const auto groups = deliver(*house.steward, to("pipe:id -G"));
  CHECK(groups.words == "delivered to command: 65534");
}

TEST_CASE("a servant works as the user until its socket is closed, and answers nobody else's") {
  House house;
  const auto first = house.steward->attend({.name = served_user().name, .place = "here", .spool_file = ""});
  const auto second = house.steward->attend({.name = served_user().name, .place = "there", .spool_file = ""});
  REQUIRE(first);
  REQUIRE(second);
  const auto words = words_of(*first);
  CHECK(words[0] == std::to_string(served_user().uid));
  CHECK(words[2] == served_user().name);
  CHECK(words[3] == "here");
  CHECK(words_of(*second)[3] == "there");
  REQUIRE(write_frame(*first, "a", system_clock().now() + kQuestionTime) == Written::whole);
  CHECK(read_frame(*first, 10, system_clock().now() + kQuestionTime).value() == "a");
  // One that dies is known to be gone though the others and the steward go on.
  REQUIRE(write_frame(*first, "die", system_clock().now() + kQuestionTime) == Written::whole);
  CHECK(!read_frame(*first, 10, system_clock().now() + kQuestionTime));
  REQUIRE(write_frame(*second, "b", system_clock().now() + kQuestionTime) == Written::whole);
  CHECK(read_frame(*second, 10, system_clock().now() + kQuestionTime).value() == "b");
  for (const auto* const name : {"root", "bob", "../x"})
    CHECK(!house.steward->attend({.name = name, .place = "here", .spool_file = ""}));
}

TEST_CASE("a servant has so much memory and no more; the steward has what it had") {
  if (!kServantMemoryLimited) return;
  House house;
  for (int i = 0; i < 2; ++i) {
    const auto socket = house.steward->attend({.name = served_user().name, .place = "x", .spool_file = ""});
    REQUIRE(socket);
    (void)words_of(*socket);
    for (const auto& [wanted, answer] : {std::pair{"half", "taken"}, {"all", "refused"}}) {
      REQUIRE(write_frame(*socket, wanted, system_clock().now() + kQuestionTime) == Written::whole);
      CHECK(read_frame(*socket, 10, system_clock().now() + kQuestionTime).value() == answer);
    }
    const auto status = content("/proc/" + std::to_string(house.steward->process()) + "/limits");
    CHECK(!status.contains(std::to_string(kServantMemoryMax)));
  }
}

TEST_CASE("a servant holds no socket of another's") {
  House house;
  const auto first = house.steward->attend({.name = served_user().name, .place = "x", .spool_file = ""});
  const auto second = house.steward->attend({.name = served_user().name, .place = "x", .spool_file = ""});
  REQUIRE(first);
  REQUIRE(second);
  const auto sockets_of = [](const Descriptor& socket) {
    std::size_t sockets = 0;
    for (const auto& each : fs::directory_iterator("/proc/" + words_of(socket)[1] + "/fd"))
      sockets += fs::read_symlink(each.path()).string().starts_with("socket:") ? 1 : 0;
    return sockets;
  };
  CHECK(sockets_of(*second) == sockets_of(*first));
}

TEST_CASE("a servant that its user has stopped is killed once nobody asks it any more") {
  House house;
  auto socket = house.steward->attend({.name = served_user().name, .place = "x", .spool_file = ""});
  REQUIRE(socket);
  const auto process = static_cast<pid_t>(std::stol(words_of(*socket)[1]));
  ::kill(process, SIGSTOP);
  *socket = Descriptor();
  const Moment until = system_clock().now() + std::chrono::seconds(60);
  while (::kill(process, 0) == 0 && system_clock().now() < until) ::usleep(10'000);
  CHECK(::kill(process, 0) != 0);
}

TEST_CASE("when the server is gone servants are killed at once, whatever they do") {
  House house;
  const auto socket = house.steward->attend({.name = served_user().name, .place = "x", .spool_file = ""});
  REQUIRE(socket);
  const auto process = static_cast<pid_t>(std::stol(words_of(*socket)[1]));
  ::kill(process, SIGSTOP);
  house.steward.reset();
  const Moment until = system_clock().now() + std::chrono::seconds(60);
  while (::kill(process, 0) == 0 && system_clock().now() < until) ::usleep(1000);
  CHECK(::kill(process, 0) != 0);
  CHECK(system_clock().now() < until);
}

TEST_CASE("when the steward is killed its servants are, too, as whichever user they work") {
  House house;
  const auto socket = house.steward->attend({.name = served_user().name, .place = "x", .spool_file = ""});
  REQUIRE(socket);
  const auto process = static_cast<pid_t>(std::stol(words_of(*socket)[1]));
  ::kill(house.steward->process(), SIGKILL);
  // Its end of the socket is closed once it is gone.
  CHECK(!read_frame(*socket, 10, system_clock().now() + std::chrono::seconds(20)));
  CHECK(write_frame(*socket, "a", system_clock().now() + kQuestionTime) == Written::no_reader);
  const Moment until = system_clock().now() + std::chrono::seconds(20);
  while (::kill(process, 0) == 0 && system_clock().now() < until) ::usleep(1000);
  CHECK(::kill(process, 0) != 0);
}

TEST_CASE("so many servants at one time, one more is told to come back") {
  House house;
  std::vector<Descriptor> sockets;
  for (std::size_t i = 0; i < kAttendantsMax; ++i) {
    auto socket = house.steward->attend({.name = served_user().name, .place = "x", .spool_file = ""});
    REQUIRE(socket);
    sockets.push_back(*std::move(socket));
  }
  const auto refused = house.steward->attend({.name = served_user().name, .place = "x", .spool_file = ""});
  REQUIRE(!refused);
  CHECK(refused.error().text() == "the steward has too much to do");
  CHECK(house.steward->find_user(served_user().name));
}

TEST_CASE("with root's rights: a servant has the spool's group for a file outside of the user's home alone") {
  if (!as_root()) {
    MESSAGE("not root: left out, since it takes several users");
    return;
  }
  const group* const mail = ::getgrnam("mail");
  REQUIRE(mail != nullptr);
  House house({served_user("/home/x/")});
  const auto has_group = [&](const std::string& file) {
    const auto socket = house.steward->attend({.name = served_user().name, .place = "x", .spool_file = file});
    REQUIRE(socket);
    const auto words = words_of(*socket);
    return std::ranges::count(words.begin() + 5, words.end(), std::to_string(mail->gr_gid)) > 0;
  };
  CHECK(has_group("/var/mail/x"));
  for (const auto* const file : {"", "/home/x/mail/x", "/home/x/../y", "/home/y/../x/z", "/home//x/z", "var/mail/x"}) {
    CAPTURE(file);
    CHECK(!has_group(file));
  }
}

TEST_CASE("a .forward and what it includes is read with the user's rights") {
  const TemporaryFolder folder;
  const std::string home = folder.path("home");
  ::mkdir(home.c_str(), 0700);
  const auto write = [&](const std::string& path, const std::string& text, mode_t mode) {
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    REQUIRE(::chown(path.c_str(), served_user().uid, served_user().gid) == 0);
  };
  write(home + "/.forward", "bob@example.org, :include:" + home + "/more\n:include:" + home + "/absent\n", 0600);
  write(home + "/more", "\"|vacation\", :include:" + home + "/.forward", 0620);
  REQUIRE(::chown(home.c_str(), served_user().uid, served_user().gid) == 0);
  House house({served_user(home)});
  const auto read = house.steward->forward(served_user().name);
  REQUIRE(read);
  REQUIRE(*read);
  CHECK((*read)->user == served_user(home));
  REQUIRE((*read)->files.size() == 3);
  ForwardFiles files(**read);
  CHECK(files.forward_path() == home + "/.forward");
  const auto forward = alias::read_forward(files, files.forward_path(), served_user().uid);
  REQUIRE(forward);
  REQUIRE(*forward);
  CHECK((*forward)->trust == alias::Trust::all);
  CHECK((*forward)->list.targets.size() == 3);
  const auto more = files.read(home + "/more", 1000);
  REQUIRE(more);
  REQUIRE(*more);
  CHECK(alias::trust_of((*more)->status, served_user().uid) == alias::Trust::addresses);
  CHECK(!files.read(home + "/more", 5));
  CHECK(!*files.read(home + "/absent", 1000));
  CHECK(!files.read("/etc/passwd", 100000));
  CHECK(!*house.steward->forward("bob"));

  if (!as_root()) {
    MESSAGE("not root: that a link to a file of root's is not followed was not tried");
    return;
  }
  const std::string hidden = folder.path("hidden");
  std::ofstream(hidden) << "secret@example.org\n";
  ::chmod(hidden.c_str(), 0600);
  fs::remove(home + "/.forward");
  fs::create_symlink(hidden, home + "/.forward");
  const auto closed = house.steward->forward(served_user().name);
  REQUIRE(closed);
  REQUIRE(*closed);
  CHECK((*closed)->files.front().state == ForwardFile::State::unreadable);
  CHECK((*closed)->files.front().text.find("secret") == std::string::npos);
}

TEST_CASE("a .forward includes so many files, and no more are read") {
  const TemporaryFolder folder;
  std::string text;
  for (std::size_t i = 0; i < kForwardFilesMax; ++i) text += ":include:" + folder.path("f" + std::to_string(i)) + "\n";
  std::ofstream(folder.path(".forward")) << text;
  ::chmod(folder.path(".forward").c_str(), 0644);
  House house({served_user(fs::path(folder.path()).parent_path().string().empty()
                               ? "/"
                               : folder.path().substr(0, folder.path().size() - 1))});
  const auto read = house.steward->forward(served_user().name);
  REQUIRE(read);
  REQUIRE(*read);
  CHECK((*read)->files.size() == kForwardFilesMax);
  ForwardFiles files(**read);
  const auto last = files.read(folder.path("f" + std::to_string(kForwardFilesMax - 1)), 1000);
  REQUIRE(!last);
  CHECK(last.error().is(alias::kUnreadableFile));
}

TEST_CASE("PAM: what its modules say of a password and an account") {
  const TemporaryFolder folder;
  const std::string script = folder.path("check");
  std::ofstream(script) << "#!/bin/sh\nread -r password\n[ \"$password\" = right ] && [ \"$PAM_RHOST\" = 192.0.2.1 ]\n";
  ::chmod(script.c_str(), 0755);
  const auto service = [&](const std::string& name, const std::string& auth, const std::string& account) {
    std::ofstream(folder.path(name)) << "auth " << auth << "\naccount required " << account << "\n";
  };
  // As Debian's common-auth: over the refusal when the module before it has let the user in.
  const std::string checks = "[success=1 default=ignore] pam_exec.so quiet expose_authtok " + script +
                             "\nauth requisite pam_deny.so\nauth required pam_permit.so";
  const auto check = [&](std::string_view password) {
    return check_by_pam(served_user(), secret(password), "192.0.2.1", folder.path().c_str());
  };
  service("angarium", checks, "pam_permit.so");
  CHECK(check("right") == Verdict::right);
  CHECK(check("wrong") == Verdict::wrong);
  CHECK(check("") == Verdict::wrong);
  CHECK(check("right\0x"sv) == Verdict::wrong);
  service("angarium", checks, "pam_deny.so");
  CHECK(check("right") == Verdict::wrong);
  // A module that is not there tells nothing of the password.
  service("angarium", "required pam_of_nobody.so", "pam_permit.so");
  const auto broken = check("right");
  REQUIRE(!broken);
  CHECK(broken.error().is(kUnavailable));
  fs::remove(folder.path("angarium"));
  service("other", checks, "pam_permit.so");
  CHECK(check("right") == Verdict::right);
  CHECK(check("wrong") == Verdict::wrong);
}

TEST_CASE("the system's users are found by their own names only") {
  const passwd* const me = ::getpwuid(::geteuid());
  REQUIRE(me != nullptr);
  const std::string name = me->pw_name;
  const auto found = system_host().find_user(name);
  REQUIRE(found);
  REQUIRE(*found);
  CHECK((*found)->uid == ::geteuid());
  CHECK((*found)->home.starts_with('/'));
  for (const auto* const nobody : {"no-such-user-here", "", "a/b"}) CHECK(!*system_host().find_user(nobody));
}

}  // namespace angarium::cage
