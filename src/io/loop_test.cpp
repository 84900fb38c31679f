#include "io/loop.h"

#include <string>
#include <thread>

#include "io/event.h"
#include "io/memory.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::io {
namespace {

using namespace std::chrono_literals;

Task<> note_after(Loop& loop, Duration delay, std::string& notes, char note) {
  co_await loop.sleep_for(delay);
  notes += note;
}
Task<> note_turns(Loop& loop, std::string& notes, char note) {
  for (int i = 0; i < 3; ++i) {
    notes += note;
    co_await loop.yield();
  }
}

TEST_CASE("virtual time passes only as far as the next sleeper") {
  SimulatedLoop loop;
  auto begin = loop.clock().now();
  auto civil = loop.clock().wall();
  std::string notes;
  loop.spawn(note_after(loop, 2h, notes, 'c'));
  loop.spawn(note_after(loop, 1ms, notes, 'a'));
  loop.spawn(note_after(loop, 1min, notes, 'b'));
  loop.advance(59s);
  CHECK(notes == "a");
  loop.advance(1s);
  CHECK(notes == "ab");
  loop.run();
  CHECK(notes == "abc");
  CHECK(loop.clock().now() - begin == 2h);
  CHECK(loop.clock().wall().microseconds - civil.microseconds == Duration(2h).count());
}

TEST_CASE("who yields lets the others go first, in order of arrival without a seed") {
  SimulatedLoop loop;
  std::string notes;
  loop.spawn(note_turns(loop, notes, 'a'));
  loop.spawn(note_turns(loop, notes, 'b'));
  loop.run();
  CHECK(notes == "ababab");
}

TEST_CASE("a seed shuffles what is ready at once, and repeats itself") {
  auto play = [](std::uint64_t seed) {
    SimulatedLoop loop(seed);
    std::string notes;
    for (char note = 'a'; note < 'i'; ++note) loop.spawn(note_turns(loop, notes, note));
    loop.run();
    return notes;
  };
  CHECK(play(1) == play(1));
  CHECK(play(1) != play(2));
  CHECK(play(1) != play(0));
}

TEST_CASE("work is posted in order, and what is left at the end is dropped") {
  std::string notes;
  auto held = std::make_shared<int>(0);
  {
    SimulatedLoop loop;
    loop.post([&] { notes += 'a'; });
    loop.post([&] {
      notes += 'b';
      loop.post([&] { notes += 'c'; });
    });
    loop.settle();
    CHECK(notes == "abc");
    loop.post([held, &notes] { notes += 'd'; });
  }
  CHECK(notes == "abc");
  CHECK(held.use_count() == 1);
}

TEST_CASE("a real loop sleeps, is woken by other threads, and stops") {
  auto loop = make_loop().value();
  int done = 0;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) loop->post([&] { ++done; });
    loop->post([&] { loop->stop(); });
  });
  loop->run();
  other.join();
  CHECK(done == 1000);
  auto begin = system_clock().now();
  std::string notes;
  CHECK(test::sync_wait(*loop, [](Loop& on, std::string& into) -> Task<int> {
          co_await note_after(on, 5ms, into, 'x');
          co_return 1;
        }(*loop, notes)) == 1);
  CHECK(system_clock().now() - begin >= 5ms);
}

TEST_CASE("drain ends the loop after its last task") {
  auto loop = make_loop().value();
  std::string notes;
  loop->spawn(note_after(*loop, 3ms, notes, 'a'));
  loop->spawn(note_after(*loop, 1ms, notes, 'b'));
  std::thread other([&] { loop->drain(); });
  loop->run();
  other.join();
  CHECK(notes == "ba");
  CHECK(loop->draining());
  loop->run();  // at once
}

Task<> wait_for(Event& event, int& count) {
  while (true) {
    co_await event.wait();
    ++count;
  }
}

TEST_CASE("an event stays set until a wait takes it") {
  SimulatedLoop loop;
  Event event;
  int count = 0;
  event.set();
  event.set();
  loop.spawn(wait_for(event, count));
  loop.settle();
  CHECK(count == 1);
  CHECK_FALSE(event.is_set());
  event.set();
  event.set();
  loop.settle();
  CHECK(count == 3);  // the first woke the waiter, the second was kept for its next wait
  event.set_from_any_thread();
  event.set_from_any_thread();
  loop.settle();
  CHECK(count == 4);
}

TEST_CASE("an event and its waiter may be destroyed in either order, also while it is posted") {
  SimulatedLoop loop;
  int count = 0;
  auto event = std::make_unique<Event>();
  loop.spawn(wait_for(*event, count));
  loop.settle();
  event->set_from_any_thread();
  event.reset();
  loop.settle();
  CHECK(count == 0);
  Event second;
  loop.spawn(wait_for(second, count));
  loop.settle();
  loop.destroy_tasks();
  second.set();
  CHECK(second.is_set());
}

TEST_CASE("events of other threads reach a real loop") {
  auto loop = make_loop().value();
  Event first(*loop);
  Event second(*loop);
  auto play = [](Event& one, Event& two) -> Task<int> {
    for (int i = 0; i < 100; ++i) {
      co_await one.wait();
      two.set_from_any_thread();
      co_await two.wait();
    }
    co_return 1;
  };
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done) {
      first.set_from_any_thread();
      std::this_thread::yield();
    }
  });
  CHECK(test::sync_wait(*loop, play(first, second)) == 1);
  done = true;
  other.join();
}

Task<int> ask(CrossThread<int>& answer) {
  auto value = co_await answer;
  co_return value ? *value : -1;
}

TEST_CASE("an answer of another thread resumes its coroutine, and a dropped one cancels it") {
  auto loop = make_loop().value();
  CrossThread<int> answer(*loop);
  std::thread other([complete = answer.completion()]() mutable { complete(42); });
  CHECK(test::sync_wait(*loop, ask(answer)) == 42);
  other.join();
  CrossThread<int> dropped(*loop);
  {
    auto completion = dropped.completion();
  }
  CHECK(test::sync_wait(*loop, ask(dropped)) == -1);
}

TEST_CASE("whoever asked may be gone when the answer comes") {
  auto loop = make_loop().value();
  auto answer = std::make_unique<CrossThread<std::string>>(*loop);
  auto completion = answer->completion();
  answer.reset();
  std::thread other([&] {
    completion(std::string("late"));
    loop->stop();
  });
  loop->run();
  other.join();
  CHECK(loop->tasks() == 0);
}

Task<> count_answers(std::vector<std::unique_ptr<CrossThread<int>>>& answers, int& sum, Loop& loop) {
  for (auto& answer : answers) sum += (co_await *answer).value();
  loop.stop();
}

TEST_CASE("a group of answers wakes a loop once, at the end of the scope") {
  auto loop = make_loop().value();
  std::vector<std::unique_ptr<CrossThread<int>>> answers;
  std::vector<CrossThread<int>::Completion> completions;
  for (int i = 0; i < 100; ++i) {
    answers.push_back(std::make_unique<CrossThread<int>>(*loop));
    completions.push_back(answers.back()->completion());
  }
  int sum = 0;
  loop->spawn(count_answers(answers, sum, *loop));
  std::thread committer([&] {
    WakeOnce scope;
    for (auto& completion : completions) completion(1);
  });
  loop->run();
  committer.join();
  CHECK(sum == 100);
}

TEST_CASE("a simulated loop waits for the threads that owe it an answer before time passes") {
  SimulatedLoop loop;
  CrossThread<int> answer;
  std::atomic<bool> go{false};
  std::thread other([&go, complete = answer.completion()]() mutable {
    go.wait(false);
    complete(1);
  });
  loop.post([&] {
    go = true;
    go.notify_one();
  });
  auto begin = loop.clock().now();
  CHECK(test::sync_wait(loop, ask(answer)) == 1);
  CHECK(loop.clock().now() == begin);
  other.join();
}

TEST_CASE("loops are given out in turn") {
  auto loops = Loops::make(2).value();
  CHECK(loops->size() == 2);
  CHECK(&loops->next() == &loops->at(0));
  CHECK(&loops->next() == &loops->at(1));
  CHECK(&loops->next() == &loops->at(0));
  loops->start();
  std::atomic<int> ran{0};
  for (int i = 0; i < 100; ++i) loops->next().post([&] { ran.fetch_add(1); });
  for (int i = 0; i < 2; ++i)
    loops->at(static_cast<std::size_t>(i)).post([&loops, i] { loops->at(static_cast<std::size_t>(i)).stop(); });
  loops->join();
  CHECK(ran == 100);
}

}  // namespace
}  // namespace angarium::io
