// The event loop: one thread, many coroutines. Everything that waits, waits on a loop.
#pragma once

#include <array>
#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "io/task.h"
#include "io/timer.h"

namespace angarium::io {

class Loop;
class Watch;

/// A coroutine in line to go on in a loop's next turn. Lives in the frame that waits and leaves the line when
/// destroyed.
class Resumption {
 public:
  Resumption() = default;
  Resumption(const Resumption&) = delete;
  Resumption& operator=(const Resumption&) = delete;
  ~Resumption() { leave(); }

  std::coroutine_handle<> handle;

  /// Leaves the line, if it stands in one.
  void leave() noexcept;

 private:
  friend Loop;
  Loop* loop_ = nullptr;  ///< set while in line
  Resumption* next_ = nullptr;
  Resumption* previous_ = nullptr;
};

/// Work handed to a loop by another thread without allocation: embed it and override `run`.
class Posted {
 public:
  virtual ~Posted() = default;

 protected:
  /// Called once on the loop's thread for each post().
  virtual void run() = 0;
  /// Called instead when the loop ends before.
  virtual void discard() noexcept {}

 private:
  friend Loop;
  Posted* next_posted_ = nullptr;
};

/// While one lives on a thread, what the thread posts wakes each loop concerned once, at its end: for a committer
/// that answers many waiters of a group.
class WakeOnce {
 public:
  WakeOnce();
  WakeOnce(const WakeOnce&) = delete;
  WakeOnce& operator=(const WakeOnce&) = delete;
  ~WakeOnce();

 private:
  friend Loop;
  void add(Loop& loop);

  static constexpr std::size_t kLoops = 16;  ///< so many wait for the end; any further is woken at once
  WakeOnce* outer_;
  std::array<Loop*, kLoops> loops_{};
  std::size_t count_ = 0;
};

/// A loop belongs to the thread that runs it. Only post(), stop(), drain() and wake() may be called from other threads;
/// those threads, and all streams, listeners and events of the loop, must end before it does. Bodies: make_loop()
/// (epoll) and SimulatedLoop.
class Loop {
 public:
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  virtual ~Loop();

  /// The loop that this thread runs; a SimulatedLoop is current from its construction on. There must be one.
  static Loop& current();
  static Loop* current_or_null();

  /// Starts a task in the next turn and owns it to its end. A task that runs out of memory ends alone, with a log line.
  /// False when there was no memory to start it.
  bool spawn(Task<> task);
  /// Tasks spawned and not ended.
  [[nodiscard]] std::size_t tasks() const { return root_count_; }

  /// Destroys every task that did not end, wherever it waits. Outside run(); bodies call it first in their destructors.
  void destroy_tasks() noexcept;

  /// Runs `work` on the loop in a later turn. From any thread.
  void post(std::move_only_function<void()> work);
  /// The same without allocation; `posted` must live until it ran, or be withdrawn on the loop's thread.
  void post(Posted& posted);
  /// Takes back what was posted and did not run. On the loop's thread; no other thread may be posting it meanwhile.
  void withdraw(Posted& posted);

  [[nodiscard]] virtual const Clock& clock() const = 0;
  [[nodiscard]] virtual Random& random() = 0;
  /// The time of this turn of the loop: cheap, and good enough for deadlines.
  [[nodiscard]] Moment now() const { return now_; }

  /// Counts the turns: for budgets of work a turn.
  [[nodiscard]] std::uint64_t turns() const { return turns_; }

  /// co_await loop.sleep_until(moment): resumes at that time, never earlier.
  class [[nodiscard]] Sleep : Timer, Resumption {
   public:
    Sleep(Loop& loop, Moment at) : loop_(loop), at_(at) {}
    bool await_ready() const { return at_ <= loop_.now(); }
    void await_suspend(std::coroutine_handle<> waiting);
    void await_resume() const {}

   private:
    void fire() override;
    Loop& loop_;
    Moment at_;
  };
  Sleep sleep_until(Moment at) { return {*this, at}; }
  Sleep sleep_for(Duration duration) { return {*this, now_ + duration}; }

  /// co_await loop.yield(): lets everyone else who is ready go first.
  class [[nodiscard]] Yield : Resumption {
   public:
    explicit Yield(Loop& loop) : loop_(loop) {}
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> waiting) {
      handle = waiting;
      loop_.schedule(*this);
    }
    void await_resume() const {}

   private:
    Loop& loop_;
  };
  Yield yield() { return Yield(*this); }

  /// Runs until stop(), or after drain() until no task is left. Rethrows nothing.
  virtual void run() = 0;
  void stop();
  /// Destroys the tasks that are left and drops what was posted. Only while nobody runs the loop; other threads may
  /// still post to it, which clearing it again drops too.
  void clear() noexcept;
  /// From now on run() returns as soon as the last task ended; whoever accepts connections looks at draining().
  void drain();
  [[nodiscard]] bool draining() const { return draining_.load(std::memory_order_relaxed); }

  // For the bodies of streams and events.
  void schedule(Resumption& resumption) noexcept;
  [[nodiscard]] TimerWheel& timers() { return timers_; }
  /// Reports a descriptor's readiness by edges until unwatch(); kUnsupported on a loop without descriptors.
  virtual Result<void> watch(Watch& watch) = 0;
  virtual void unwatch(Watch& watch) noexcept = 0;
  /// Answers that other threads owe this loop: a simulated loop waits for them before it moves its time.
  void expect_answer() noexcept { ++owed_; }
  void got_answer() noexcept { --owed_; }

 protected:
  explicit Loop(Moment now);

  /// Makes a waiting run() look at what was posted. From any thread.
  virtual void wake() noexcept = 0;
  /// Which of the first `waiting` in line goes next; 0 is the one that waits longest.
  virtual std::size_t choose([[maybe_unused]] std::size_t waiting) { return 0; }

  /// Everything that is ready now: posted work, due timers, the coroutines in line when it was called.
  void turn(Moment now);
  [[nodiscard]] bool work_waiting() const;
  /// Whether run() has to return; takes the wish to stop.
  [[nodiscard]] bool finished();
  [[nodiscard]] bool stop_wanted() const { return stopping_.load() || (draining_.load() && root_count_ == 0); }
  [[nodiscard]] std::size_t owed() const { return owed_; }

  /// Makes `loop` this thread's current one while it lives.
  class Entered {
   public:
    explicit Entered(Loop* loop);
    ~Entered();

   private:
    Loop* outer_;
  };

 private:
  friend Resumption;
  friend WakeOnce;
  struct Root;
  struct RootTask;

  void run_posted();
  void take_inbox();

  Moment now_;
  std::uint64_t turns_ = 0;
  TimerWheel timers_;
  Resumption* first_ready_ = nullptr;
  Resumption* last_ready_ = nullptr;
  std::size_t ready_count_ = 0;
  Root* roots_ = nullptr;
  std::size_t root_count_ = 0;
  std::size_t owed_ = 0;
  std::atomic<Posted*> inbox_{nullptr};  ///< newest first
  Posted* posted_ = nullptr;             ///< taken from the inbox, oldest first
  std::atomic<bool> stopping_{false};
  std::atomic<bool> draining_{false};
};

/// What the kernel says of a descriptor. An error or a hang-up makes all three true.
struct Readiness {
  bool input = false;
  bool output = false;
  bool hang_up = false;  ///< the peer ended its side; reported once
};

/// Readiness of a descriptor, by edges: after a call nothing more comes before a read or write said "nothing now".
class Watch {
 public:
  virtual ~Watch() = default;
  [[nodiscard]] virtual int descriptor() const = 0;
  /// On the loop's thread.
  virtual void ready(Readiness readiness) = 0;
};

/// The real loop. Fails when the kernel gives no descriptors.
Result<std::unique_ptr<Loop>> make_loop();

/// One loop and one thread a core, or as many as are asked for.
class Loops {
 public:
  /// 0: one a core.
  static Result<std::unique_ptr<Loops>> make(std::size_t count = 0);
  Loops(const Loops&) = delete;
  Loops& operator=(const Loops&) = delete;
  /// end(). No other thread may post any more: end those that do first.
  ~Loops();

  void start();
  void drain();
  void stop();
  void join();
  /// Stops, joins and clears the loops. They stay, so that threads that owe an answer may still give it.
  void end();
  /// Round robin, for accepted connections; from any thread.
  Loop& next();
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] Loop& at(std::size_t index);

 private:
  struct Body;
  explicit Loops(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

}  // namespace angarium::io
