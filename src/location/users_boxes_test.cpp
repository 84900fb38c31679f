#include "location/users_boxes.h"

#include <sys/stat.h>

#include <algorithm>
#include <thread>

#include "box/testing.h"
#include "location/testing.h"
#include "support/test.h"

namespace angarium::location {
namespace {

using testing::Processes;

NewMessage letter(const std::string& word) {
  return {.octets = "Subject: " + word + "\r\n\r\n" + word + "\r\n", .received = WallTime::from_seconds(1'700'000'000)};
}

struct House {
  explicit House(Processes::Work work = {}) : processes(home.path(), std::move(work)) {
    for (Location* const one : {&maildir, &mbox}) REQUIRE(make_box(*one, one->inbox));
    home.put("mail/.keep", "");
  }
  box::testing::Home home;
  Location maildir{.form = Location::Form::maildir, .inbox = home.path() + "/Maildir", .folders = {}, .user = "anna"};
  Location mbox{
      .form = Location::Form::mbox, .inbox = home.path() + "/spool", .folders = home.path() + "/mail", .user = "anna"};
  ManualClock clock;
  Processes processes;
  UsersBoxes boxes{processes.attend(), clock};
};

/// Answers each order with the same octets.
Processes::Work says(std::string reply) {
  return [reply = std::move(reply)](const Descriptor& socket, const cage::Servant::Errand&) {
    while (cage::read_frame(socket, kOrderMax, system_clock().now() + kUnasked))
      (void)cage::write_frame(socket, reply, system_clock().now() + kUnasked);
  };
}

}  // namespace

TEST_CASE("boxes are found, made, renamed, filled, read, changed and removed by another process") {
  House house;
  for (const Location& location : {house.maildir, house.mbox}) {
    const std::string path = path_of(location, "lists/a");
    const std::string other = path_of(location, "lists/b");
    CHECK(house.boxes.is_missing(location, path).value());
    REQUIRE(house.boxes.make(location, path));
    CHECK_FALSE(house.boxes.is_missing(location, path).value());
    REQUIRE(house.boxes.rename(location, path, other));
    const There there = house.boxes.add(location, other, letter("x")).value();
    const Stamp before = house.boxes.stamp(location, other).value();
    const auto box = house.boxes.open(location, other).value();
    REQUIRE(box->messages().size() == 1);
    CHECK(box->all() == 1);
    CHECK(box->messages()[0].name == there.name);
    CHECK(box->read(0).value() == letter("x").octets);
    CHECK(box->received(0).value()->instant().seconds() == 1'700'000'000);
    REQUIRE(box->change({0}, {}, {}));
    CHECK_FALSE(house.boxes.stamp(location, other).value().same(before));
    CHECK(house.boxes.open(location, other).value()->messages().empty());
    std::vector<std::string> names;
    for (const Found& found : house.boxes.find(location).value()) names.push_back(found.mailbox);
    CHECK(std::ranges::count(names, "lists/b") == 1);
    REQUIRE(house.boxes.remove(location, other));
    CHECK(house.boxes.is_missing(location, other).value());
  }
}

TEST_CASE("one process works on a location as long as it is used, another one on its spool") {
  House house;
  for (int i = 0; i < 3; ++i) REQUIRE(house.boxes.find(house.maildir));
  CHECK(house.processes.begun == 1);
  REQUIRE(house.boxes.find(house.mbox));
  REQUIRE(house.boxes.stamp(house.mbox, house.mbox.inbox));
  CHECK(house.processes.begun == 3);
  house.clock.advance(kHandUnused);
  REQUIRE(house.boxes.find(house.maildir));
  CHECK(house.processes.begun == 4);
}

TEST_CASE("so many processes are kept, and for one more the longest unneeded goes") {
  House house;
  const auto location = [&](std::size_t number) {
    Location one = house.maildir;
    one.user += std::to_string(number);
    return one;
  };
  for (std::size_t i = 0; i < kHandsKept; ++i) {
    house.clock.advance(std::chrono::milliseconds(1));
    REQUIRE(house.boxes.find(location(i)));
  }
  REQUIRE(house.boxes.find(location(0)));
  CHECK(house.processes.begun == kHandsKept);
  house.clock.advance(std::chrono::milliseconds(1));
  REQUIRE(house.boxes.find(location(kHandsKept)));
  REQUIRE(house.boxes.find(location(kHandsKept - 1)));
  CHECK(house.processes.begun == kHandsKept + 1);
  REQUIRE(house.boxes.find(location(1)));
  CHECK(house.processes.begun == kHandsKept + 2);
}

TEST_CASE("a process that dies is trouble once, and the next call has another; its open box is gone") {
  House house;
  REQUIRE(house.boxes.add(house.maildir, house.maildir.inbox, letter("a")));
  const auto box = house.boxes.open(house.maildir, house.maildir.inbox).value();
  ::kill(house.processes.process, SIGKILL);
  const auto gone = house.boxes.find(house.maildir);
  REQUIRE(!gone);
  CHECK(gone.error().is(kGone));
  CHECK(house.boxes.find(house.maildir));
  CHECK(!box->read(0));
  // A box of before is not mistaken for one that was opened since.
  REQUIRE(house.boxes.open(house.maildir, house.maildir.inbox));
  CHECK(box->read(0).error().is(kGone));
}

TEST_CASE("of two boxes that are opened one after the other the first is closed") {
  House house;
  REQUIRE(house.boxes.add(house.maildir, house.maildir.inbox, letter("a")));
  const auto first = house.boxes.open(house.maildir, house.maildir.inbox).value();
  const auto second = house.boxes.open(house.maildir, house.maildir.inbox).value();
  CHECK(first->read(0).error().is(kGone));
  CHECK(first->change({0}, {}, {}).error().is(kGone));
  CHECK(second->read(0));
  CHECK(second->read(1).error().is(kTrouble));
  CHECK(!second->change({1}, {}, {}));
}

TEST_CASE("answers that are none, or to something else, or too long, are trouble") {
  for (const std::string& reply : {std::string("?"), encode(Reply(Missing{true})), std::string()}) {
    House house(says(reply));
    const auto found = house.boxes.find(house.maildir);
    REQUIRE(!found);
    CHECK((found.error().is(kTrouble) || found.error().is(kGone)));
  }
}

TEST_CASE("boxes that are told of outside of the location, or by names that are none, do not count") {
  const box::testing::Home home;
  House house(
      says(encode(Reply(BoxesFound{{{"INBOX", "/etc"}, {"a", "/etc/passwd"}, {"b//c", "/x"}, {"inbox", "/x"}}}))));
  CHECK(house.boxes.find(house.maildir).value().empty());
}

TEST_CASE("paths outside of the location are refused by the process itself") {
  House house;
  house.home.put("secret", "From a@b Thu Jan  1 00:00:00 1970\n\nhidden\n");
  for (const std::string& path :
       {std::string("/etc/passwd"), house.home.path() + "/secret", house.maildir.inbox + "/../secret",
        house.maildir.inbox + "x", std::string(), house.maildir.inbox + "/.."}) {
    CAPTURE(path);
    CHECK(!house.boxes.open(house.maildir, path));
    CHECK(!house.boxes.stamp(house.maildir, path));
    CHECK(!house.boxes.is_missing(house.maildir, path));
    CHECK(!house.boxes.make(house.maildir, path));
    CHECK(!house.boxes.remove(house.maildir, path));
    CHECK(!house.boxes.rename(house.maildir, house.maildir.inbox, path));
    CHECK(!house.boxes.rename(house.maildir, path, house.maildir.inbox + "/.x"));
    CHECK(!house.boxes.add(house.maildir, path, letter("a")));
  }
}

TEST_CASE("who works on the spool has its file alone, and not by a link") {
  const House house;
  const std::string spool = house.mbox.inbox;
  const box::Host host{.delivery = {.own_only = true}, .home = house.home.path()};
  Hand hand(house.mbox, spool, host);
  const auto refused = [&](const Order& order) { return std::holds_alternative<Refused>(hand.follow(order)); };
  REQUIRE(add_message(house.mbox, spool, letter("a"), {}));
  CHECK_FALSE(refused(OpenBoxOf{spool}));
  CHECK_FALSE(refused(LookAtBox{spool}));
  const std::string other = house.mbox.folders + "/x";
  REQUIRE(make_box(house.mbox, other));
  for (const Order& order : std::vector<Order>{OpenBoxOf{other}, LookAtBox{other}, MakeBox{other}, RemoveBox{spool},
                                               RenameBox{spool, other}, AddMessage{other, letter("b")}})
    CHECK(refused(order));
  // Somebody puts a link to another's box where the spool was.
  house.home.put("another", house.home.get("spool"));
  std::filesystem::remove(spool);
  std::filesystem::create_symlink(house.home.path() + "/another", spool);
  CHECK(refused(OpenBoxOf{spool}));
  CHECK(refused(AddMessage{spool, letter("b")}));
  std::filesystem::remove(spool);
  std::filesystem::create_hard_link(house.home.path() + "/another", spool);
  CHECK(refused(OpenBoxOf{spool}));
  CHECK(refused(AddMessage{spool, letter("b")}));
  CHECK(house.home.get("another").find("b\n\nb") == std::string::npos);
  if (::geteuid() != 0) return;
  std::filesystem::remove(house.home.path() + "/another");
  CHECK_FALSE(refused(OpenBoxOf{spool}));
  REQUIRE(::chown(spool.c_str(), 65534, 65534) == 0);
  const std::string before = house.home.get("spool");
  CHECK(refused(OpenBoxOf{spool}));
  CHECK(refused(AddMessage{spool, letter("b")}));
  CHECK(refused(MakeBox{spool}));
  CHECK(house.home.get("spool") == before);
}

TEST_CASE("a home with FIFOs, devices' names and links in a ring holds nobody up and tells nothing") {
  House house;
  const std::string inbox = house.maildir.inbox;
  REQUIRE(::mkfifo((inbox + "/new/1.a.b").c_str(), 0600) == 0);
  REQUIRE(::symlink("/dev/zero", (inbox + "/new/2.a.b").c_str()) == 0);
  REQUIRE(::symlink("3.a.b", (inbox + "/new/3.a.b").c_str()) == 0);
  REQUIRE(::mkfifo((house.mbox.folders + "/fifo").c_str(), 0600) == 0);
  REQUIRE(::symlink("/dev/zero", (house.mbox.folders + "/zero").c_str()) == 0);
  REQUIRE(::symlink(".", (house.mbox.folders + "/ring").c_str()) == 0);
  REQUIRE(house.boxes.add(house.maildir, inbox, letter("a")));
  CHECK(house.boxes.open(house.maildir, inbox).value()->messages().size() == 1);
  CHECK(house.boxes.find(house.maildir).value().size() == 1);
  CHECK(house.boxes.find(house.mbox).value().size() == 1);
  for (const char* const name : {"/fifo", "/zero"}) CHECK(!house.boxes.open(house.mbox, house.mbox.folders + name));
}

TEST_CASE("a user whose process does not answer in time is left alone for a while, and no other is") {
  House house([](const Descriptor& socket, const cage::Servant::Errand& errand) {
    if (errand.user.name == "anna") ::raise(SIGSTOP);
    BoxServant().serve(socket, errand);
  });
  UsersBoxes boxes(house.processes.attend(), house.clock, {.order = std::chrono::milliseconds(200)});
  const auto late = boxes.find(house.maildir);
  REQUIRE(!late);
  CHECK(late.error().is(kGone));
  ::kill(house.processes.process, SIGKILL);
  CHECK(house.processes.begun == 1);
  CHECK(boxes.find(house.maildir).error().text().contains("did not answer in time"));
  CHECK(!boxes.find(house.mbox));
  CHECK(house.processes.begun == 1);
  Location other = house.maildir;
  other.user = "bert";
  (void)boxes.find(other);
  CHECK(house.processes.begun == 2);
  house.clock.advance(kTimeOff);
  CHECK(!boxes.find(house.maildir));
  CHECK(house.processes.begun == 3);
  ::kill(house.processes.process, SIGKILL);
}

TEST_CASE(
    "users who take much time share threads of their own until that is given back, and others do not wait there") {
  House house;
  UsersBoxes boxes(house.processes.attend(), house.clock, {.limits = {.swift = Duration(1)}});
  CHECK(boxes.threads(house.maildir) == nullptr);
  // Each takes time, however little.
  const Moment until = system_clock().now() + std::chrono::minutes(1);
  while (!boxes.is_slow("anna") && system_clock().now() < until) REQUIRE(boxes.find(house.maildir));
  Location other = house.maildir;
  other.user = "bert";
  CHECK(boxes.threads(house.maildir) != nullptr);
  CHECK(boxes.threads(house.mbox) == boxes.threads(house.maildir));
  CHECK(boxes.threads(other) == nullptr);
  EverybodysBoxes all({.delivery = {}, .home = house.home.path()}, &boxes);
  CHECK(all.threads(house.maildir) == boxes.threads(house.maildir));
  other.user.clear();
  CHECK(all.threads(other) == nullptr);
  house.clock.advance(std::chrono::hours(24));
  CHECK(boxes.threads(house.maildir) == nullptr);
}

TEST_CASE("a user each of whose answers comes in time is left alone by the sum of what they take") {
  House house;
  UsersBoxes boxes(house.processes.attend(), house.clock,
                   {.limits = {.late = Duration(0), .held_up = std::chrono::milliseconds(20)}});
  Result<std::vector<Found>> found = boxes.find(house.maildir);
  REQUIRE(found);
  const Moment until = system_clock().now() + std::chrono::minutes(1);
  while (found && system_clock().now() < until) found = boxes.find(house.maildir);
  REQUIRE(!found);
  CHECK(found.error().text().contains("did not answer in time"));
  Location other = house.maildir;
  other.user = "bert";
  CHECK(boxes.find(other));
  house.clock.advance(kTimeOff);
  CHECK(boxes.find(house.maildir));
}

TEST_CASE("time in which the host begins no process is none of the user's") {
  House house;
  int asked = 0;
  bool begins = false;
  const auto attend = [&](const cage::Attend& request) -> Result<Descriptor> {
    ++asked;
    if (begins) return house.processes.attend()(request);
    return fail(cage::kUnavailable, "the host hangs");
  };
  const TimeLimits each{.swift = Duration(1), .late = Duration(0), .held_up = Duration(1)};
  UsersBoxes boxes(attend, house.clock, {.limits = each});
  for (int i = 0; i < 3; ++i) CHECK(boxes.find(house.maildir).error().text().contains("the host hangs"));
  CHECK(asked == 3);
  CHECK_FALSE(boxes.is_slow("anna"));
  // Where it took all its time no thread waits for it again at once.
  UsersBoxes hung(attend, house.clock, {.beginning = Duration(0)});
  CHECK(!hung.find(house.maildir));
  begins = true;
  CHECK(hung.find(house.maildir).error().text().contains("began no process"));
  CHECK(asked == 4);
  Location other = house.maildir;
  other.user = "bert";
  CHECK(hung.find(other));
  house.clock.advance(kHostTimeOff);
  CHECK(hung.find(house.maildir));
}

TEST_CASE("at the end all that is waited for fails, and nothing is begun any more") {
  House house([](const Descriptor& socket, const cage::Servant::Errand&) {
    (void)cage::read_frame(socket, kOrderMax, system_clock().now() + kUnasked);
    (void)cage::read_frame(socket, kOrderMax, system_clock().now() + kUnasked);
  });
  Result<std::vector<Found>> found = fail(kTrouble, "");
  std::thread asking([&] { found = house.boxes.find(house.maildir); });
  const Moment until = system_clock().now() + std::chrono::minutes(1);
  while (house.processes.begun == 0 && system_clock().now() < until) std::this_thread::yield();
  house.boxes.end();
  asking.join();
  CHECK(!found);
  const int begun = house.processes.begun;
  CHECK(!house.boxes.find(house.maildir));
  CHECK(house.processes.begun == begun);
}

TEST_CASE("a location of the server's own user is reached here, one of a user where users are served") {
  House house;
  EverybodysBoxes without({.delivery = {}, .home = house.home.path()}, nullptr);
  CHECK(!without.find(house.maildir));
  EverybodysBoxes with({.delivery = {}, .home = house.home.path()}, &house.boxes);
  CHECK(with.find(house.maildir));
  CHECK(house.processes.begun == 1);
  Location own = house.maildir;
  own.user.clear();
  CHECK(without.find(own));
  CHECK(with.find(own));
  CHECK(house.processes.begun == 1);
}

}  // namespace angarium::location
