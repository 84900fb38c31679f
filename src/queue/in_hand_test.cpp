#include "queue/in_hand.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "support/test.h"

namespace angarium::queue {
namespace {

class File {
 public:
  File() {
    std::string name = (std::filesystem::temp_directory_path() / "angarium-in-hand-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
  }
  ~File() { std::filesystem::remove_all(folder_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] std::string path() const { return folder_ + "/in-hand"; }
  [[nodiscard]] std::unique_ptr<InHand> open() const { return InHand::open(path()).value(); }

 private:
  std::string folder_;
};

/// "5:1 7:2": ids and crashes.
std::string suspects(const InHand& in_hand) {
  std::string text;
  for (const InHand::Suspect& one : in_hand.suspects())
    text += (text.empty() ? "" : " ") + std::to_string(one.id.bits()) + ":" + std::to_string(one.crashes);
  return text;
}

/// A process that ends while its messages are in hand: neither the mapping nor the marks are given back.
void leave(std::unique_ptr<InHand> in_hand, std::vector<InHand::Mark> marks, bool by_its_own_fault) {
  struct Process {
    std::unique_ptr<InHand> in_hand;
    std::vector<InHand::Mark> marks;
  };
  static auto& ended = *new std::vector<Process>;
  if (by_its_own_fault) in_hand->crashing();
  ended.push_back({std::move(in_hand), std::move(marks)});
}
std::vector<InHand::Mark> marks(InHand& in_hand, std::initializer_list<std::uint64_t> ids) {
  std::vector<InHand::Mark> all;
  for (const std::uint64_t id : ids) all.push_back(in_hand.mark(envelope::DeliveryId(id)));
  return all;
}

}  // namespace

TEST_CASE("what was in hand at a crash is suspected, what was given back before is not") {
  const File file;
  auto first = file.open();
  CHECK(suspects(*first).empty());
  {
    const auto done = marks(*first, {1, 2, 3});
  }
  auto held = marks(*first, {5, 6});
  leave(std::move(first), std::move(held), true);
  CHECK(suspects(*file.open()) == "5:1 6:1");
}

TEST_CASE("a process that was killed makes no suspects, and none of those there were more so") {
  const File file;
  auto first = file.open();
  auto held = marks(*first, {5});
  leave(std::move(first), std::move(held), false);
  auto second = file.open();
  CHECK(suspects(*second).empty());
  held = marks(*second, {6});
  leave(std::move(second), std::move(held), true);
  auto third = file.open();
  CHECK(suspects(*third) == "6:1");
  std::vector<InHand::Mark> again;
  again.push_back(third->mark(third->suspects()[0]));
  leave(std::move(third), std::move(again), false);
  CHECK(suspects(*file.open()) == "6:1");
}

TEST_CASE("a suspect in hand at the next crash is counted twice; one that waited for its turn is not") {
  const File file;
  auto first = file.open();
  auto held = marks(*first, {5, 6, 7});
  leave(std::move(first), std::move(held), true);
  auto second = file.open();
  REQUIRE(suspects(*second) == "5:1 6:1 7:1");
  {
    const InHand::Mark harmless = second->mark(second->suspects()[0]);
  }
  held.clear();
  held.push_back(second->mark(second->suspects()[1]));
  held.push_back(second->mark(envelope::DeliveryId(8)));
  leave(std::move(second), std::move(held), true);
  auto third = file.open();
  CHECK(suspects(*third) == "8:1 6:2 7:1");
  third->clear(third->suspects()[1]);
  third.reset();
  CHECK(suspects(*file.open()) == "8:1 7:1");
}

TEST_CASE("two consignments of one message are one suspect") {
  const File file;
  auto first = file.open();
  auto held = marks(*first, {5, 5});
  leave(std::move(first), std::move(held), true);
  auto second = file.open();
  CHECK(suspects(*second) == "5:1");
  second->clear(second->suspects()[0]);
  second.reset();
  CHECK(suspects(*file.open()).empty());
}

TEST_CASE("limits: as many as there are places are marked, one more is not, and works all the same") {
  const File file;
  auto first = file.open();
  std::vector<InHand::Mark> held;
  for (std::uint64_t i = 1; i <= InHand::kPlaces + 1; ++i) held.push_back(first->mark(envelope::DeliveryId(i)));
  held.erase(held.begin());  // gives its place back
  held.push_back(first->mark(envelope::DeliveryId(9999)));
  leave(std::move(first), std::move(held), true);
  const auto second = file.open();
  CHECK(second->suspects().size() == InHand::kPlaces);
  CHECK(second->suspects().front().id.bits() == 9999);
}

TEST_CASE("a file that is something else is made anew, one that cannot be made is an error") {
  const File file;
  for (const std::string& text : {std::string("x"), std::string(65'536, 'x')}) {
    std::ofstream(file.path()) << text;
    auto opened = file.open();
    CHECK(suspects(*opened).empty());
    auto held = marks(*opened, {4});
    leave(std::move(opened), std::move(held), true);
    CHECK(suspects(*file.open()) == "4:1");
  }
  CHECK(!InHand::open(file.path() + "/below/a/file"));
}

TEST_CASE("many threads mark and give back at once") {
  const File file;
  const auto in_hand = file.open();
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 2000; ++i) {
        const auto one = in_hand->mark(envelope::DeliveryId(t * 10'000 + i));
        const auto other = in_hand->mark(envelope::DeliveryId(i));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  in_hand->crashing();
  CHECK(suspects(*file.open()).empty());
}

}  // namespace angarium::queue
