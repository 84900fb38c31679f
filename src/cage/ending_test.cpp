// What is under way when a server ends, or was killed.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "cage/errand.h"
#include "cage/steward.h"
#include "delivery/testing.h"
#include "support/test.h"

namespace angarium::cage {
namespace {

using delivery::test::TemporaryFolder;

constexpr std::string_view kUser = "anna";
constexpr std::string_view kOther = "bert";

/// One user, as whom this process works already, and one beside that. Who is asked for "never" is never found.
class FewUsers final : public Host {
 public:
  Result<std::optional<User>> find_user(const std::string& name) override {
    if (name == "never")
      while (true) ::pause();
    if (name != kUser && name != kOther) return std::nullopt;
    return User{.name = name,
                .uid = name == kOther     ? 65533
                       : ::geteuid() == 0 ? 65534
                                          : ::geteuid(),
                .gid = ::getegid() == 0 ? 65534 : ::getegid(),
                .home = "/"};
  }
  Result<Verdict> check_password(const User&, const sasl::Secret&, const std::string&) override {
    return Verdict::wrong;
  }
  Result<> become(const User&, const std::string&) override { return {}; }
};

/// Says which process it is, and ends by a signal alone, whatever becomes of its steward.
class Undying final : public Servant {
 public:
  void serve(const Descriptor& socket, const Errand&) override {
    ::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    (void)write_frame(socket, std::to_string(::getpid()), system_clock().now() + kQuestionTime);
    while (true) ::pause();
  }
};

struct Place {
  TemporaryFolder folder;
  FewUsers host;
  [[nodiscard]] Descriptor order() const {
    return Descriptor(::open(folder.path("").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  std::unique_ptr<Steward> start(Servant* servant) {
    auto started =
        Steward::start({.uid_min = 1, .uid_max = 65534, .excluded = {}, .spool_group = ""}, host, servant, order());
    REQUIRE(started);
    return *std::move(started);
  }
};

Attend attendance(std::string_view name = kUser) {
  return {.name = std::string(name), .place = "here", .spool_file = ""};
}

/// A letter of which nothing comes until it is let go.
class Waiting final : public delivery::Octets {
 public:
  Result<std::string_view> next() override {
    std::unique_lock lock(mutex_);
    asked_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return let_go_; });
    return fail(kUnavailable, "it is called back");
  }
  void wait_until_asked() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return asked_; });
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    let_go_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool asked_ = false;
  bool let_go_ = false;
};

}  // namespace

TEST_CASE("servants begin when the last one of the server before is gone, however that was ended") {
  Place place;
  Undying servant;
  const auto before = place.start(&servant);
  const auto socket = before->attend(attendance());
  REQUIRE(socket);
  const auto process = read_frame(*socket, 100, system_clock().now() + kQuestionTime);
  REQUIRE(process);
  const auto after = place.start(&servant);
  const auto beside = after->attend(attendance());
  REQUIRE(!beside);
  CHECK(beside.error().text().contains("have not ended yet"));
  // As by kill -9: nobody takes the servant along.
  ::kill(before->process(), SIGKILL);
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(before->process()), &info, WEXITED | WNOWAIT) == 0);
  CHECK(!after->attend(attendance()));
  // Others are asked meanwhile.
  CHECK(after->find_user(std::string(kUser)));
  REQUIRE(::kill(static_cast<pid_t>(std::stol(*process)), SIGKILL) == 0);
  const Moment until = system_clock().now() + std::chrono::seconds(60);
  auto begun = after->attend(attendance());
  while (!begun && system_clock().now() < until) begun = after->attend(attendance());
  CHECK(begun);
}

TEST_CASE("a user's servants work beside each other, and hold up no other user's of the next server") {
  Place place;
  Undying servant;
  const auto before = place.start(&servant);
  const auto one = before->attend(attendance());
  REQUIRE(one);
  const auto two = before->attend(attendance());
  REQUIRE(two);
  const auto process = read_frame(*two, 100, system_clock().now() + kQuestionTime);
  REQUIRE(process);
  const auto after = place.start(&servant);
  if (::geteuid() == 0) {
    const auto others = after->attend(attendance(kOther));
    CHECK(others);
    // Nor does it hold up those of the other server.
    CHECK(before->attend(attendance()));
    CHECK(!before->attend(attendance(kOther)));
  } else {
    MESSAGE("without root there is no other user");
  }
  // Each of them is waited for.
  REQUIRE(::kill(static_cast<pid_t>(std::stol(*process)), SIGKILL) == 0);
  const auto beside = after->attend(attendance());
  REQUIRE(!beside);
  CHECK(beside.error().text().contains("have not ended yet"));
}

TEST_CASE("what lies where a user's lock should be is not followed, and nobody begins without it") {
  Place place;
  Undying servant;
  const std::string name = std::to_string(::geteuid() == 0 ? 65534 : ::geteuid());
  const std::string file = place.folder.path(name);
  const auto steward = place.start(&servant);
  REQUIRE(::symlink("elsewhere", file.c_str()) == 0);
  CHECK(!steward->attend(attendance()));
  CHECK(::access(place.folder.path("elsewhere").c_str(), F_OK) != 0);
  REQUIRE(::unlink(file.c_str()) == 0);
  REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  CHECK(!steward->attend(attendance()));
  REQUIRE(::unlink(file.c_str()) == 0);
  CHECK(steward->attend(attendance()));
}

TEST_CASE("a delivery that outlives its server holds up no servant of the next one") {
  Place place;
  Undying servant;
  const auto before = place.start(&servant);
  {
    const auto socket = before->attend(attendance());
    REQUIRE(socket);
    const auto process = read_frame(*socket, 100, system_clock().now() + kQuestionTime);
    REQUIRE(process);
    REQUIRE(::kill(static_cast<pid_t>(std::stol(*process)), SIGKILL) == 0);
  }
  Waiting letter;
  std::thread delivers([&] {
    (void)before->deliver({.name = std::string(kUser), .target = "mbox:" + place.folder.path("box")}, letter);
  });
  letter.wait_until_asked();
  // Behind it in the channel: the delivery has its process.
  CHECK(before->find_user(std::string(kUser)));
  ::kill(before->process(), SIGKILL);
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(before->process()), &info, WEXITED | WNOWAIT) == 0);
  const auto after = place.start(&servant);
  const Moment until = system_clock().now() + std::chrono::seconds(60);
  auto begun = after->attend(attendance());
  while (!begun && system_clock().now() < until) begun = after->attend(attendance());
  CHECK(begun);
  letter.let_go();
  delivers.join();
}

TEST_CASE("a question that the host never answers ends with the server, and none is asked after it") {
  Place place;
  const auto steward = place.start(nullptr);
  Result<std::optional<User>> found = std::nullopt;
  std::thread asks([&] { found = steward->find_user("never"); });
  // Whenever it is asked: before, or after.
  steward->end_questions();
  asks.join();
  REQUIRE(!found);
  CHECK(found.error().is(kUnavailable));
  CHECK(!steward->find_user(std::string(kUser)));
  CHECK(!steward->forward(std::string(kUser)));
}

TEST_CASE("who waits to be attended to fails when the server ends; who is attended to goes on") {
  Place place;
  Undying servant;
  const auto steward = place.start(&servant);
  const auto attended = steward->attend(attendance());
  REQUIRE(attended);
  Result<Descriptor> waiting = Descriptor();
  std::thread asks([&] { waiting = steward->attend(attendance("never")); });
  steward->end_attending();
  asks.join();
  REQUIRE(!waiting);
  CHECK(waiting.error().is(kUnavailable));
  CHECK(!steward->attend(attendance()));
  CHECK(steward->find_user(std::string(kUser)));
  CHECK(read_frame(*attended, 100, system_clock().now() + kQuestionTime));
}

}  // namespace angarium::cage
