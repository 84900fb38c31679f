#include "io/race.h"

#include <algorithm>
#include <coroutine>
#include <deque>
#include <utility>

#include "io/event.h"

namespace angarium::io {
namespace {

/// A race under way. Destroyed, it gives up what is still tried.
class Course {
 public:
  Course(Network& network, std::vector<Endpoint> endpoints, RaceOptions options)
      : network_(network), options_(std::move(options)), began_(loop_.now()), alarm_(news_) {
    race_.attempts.reserve(endpoints.size());
    for (auto& endpoint : endpoints) race_.attempts.push_back({.to = std::move(endpoint), .error = {}});
  }

  Task<Race> run() {
    const auto deadline = began_ + options_.timeout;
    auto turn = began_;  // of the next address
    while (!race_.stream && loop_.now() < deadline && (under_way_ > 0 || next_ < race_.attempts.size())) {
      if (failed_) turn = loop_.now();
      failed_ = false;
      const bool may_begin = next_ < race_.attempts.size() && under_way_ < std::max<std::size_t>(options_.at_once, 1);
      if (may_begin && turn <= loop_.now()) {
        turn = loop_.now() + options_.head_start;
        begin();
        continue;
      }
      loop_.timers().set(alarm_, may_begin ? std::min(turn, deadline) : deadline);
      co_await news_.wait();
    }
    for (Attempt& attempt : race_.attempts)
      if (attempt.outcome == Attempt::Outcome::given_up) attempt.took = loop_.now() - began_ - attempt.began;
    co_return std::move(race_);
  }

 private:
  /// Sets the event when it is time.
  class Alarm final : public Timer {
   public:
    explicit Alarm(Event& event) : event_(event) {}

   private:
    void fire() override { event_.set(); }
    Event& event_;
  };

  /// The frame of one attempt; it starts at once and stays at its end until the race goes.
  struct Runner {
    struct promise_type {
      Runner get_return_object() { return Runner(std::coroutine_handle<promise_type>::from_promise(*this)); }
      std::suspend_never initial_suspend() noexcept { return {}; }
      std::suspend_always final_suspend() noexcept { return {}; }
      void return_void() noexcept {}
      void unhandled_exception() noexcept { std::terminate(); }
    };
    explicit Runner(std::coroutine_handle<promise_type> of) : handle(of) {}
    Runner(Runner&& other) noexcept : handle(std::exchange(other.handle, nullptr)) {}
    Runner& operator=(Runner&&) = delete;
    ~Runner() {
      if (handle) handle.destroy();
    }
    std::coroutine_handle<promise_type> handle;
  };

  void begin() {
    Attempt& attempt = race_.attempts[next_++];
    attempt.outcome = Attempt::Outcome::given_up;  // until it is known better
    attempt.began = loop_.now() - began_;
    ++under_way_;
    runners_.push_back(try_one(*this, attempt));
  }

  static Runner try_one(Course& course, Attempt& attempt) {
    auto result = co_await course.connected(attempt.to);
    course.ended(attempt, std::move(result));
  }

  /// Memory that runs out is the end of one attempt.
  Task<Result<std::unique_ptr<Stream>>> connected(const Endpoint& to) {
    try {
      ConnectOptions options{.timeout = options_.attempt_timeout, .from = {}};
      if (to.is_ip())
        options.from = to.address().family() == IpAddress::Family::v4 ? options_.from_v4 : options_.from_v6;
      co_return co_await network_.connect(to, std::move(options));
    } catch (const std::bad_alloc&) {
      co_return fail(kOutOfMemory, "connect");
    }
  }

  void ended(Attempt& attempt, Result<std::unique_ptr<Stream>> result) {
    --under_way_;
    news_.set();
    if (result && race_.stream) return;  // second by a hair: its stream is closed, and it counts as given up
    attempt.took = loop_.now() - began_ - attempt.began;
    if (result) {
      attempt.outcome = Attempt::Outcome::won;
      race_.stream = *std::move(result);
    } else {
      attempt.outcome = Attempt::Outcome::failed;
      attempt.error = std::move(result).error();
      failed_ = true;
    }
  }

  Loop& loop_ = Loop::current();
  Network& network_;
  RaceOptions options_;
  Moment began_;
  Race race_;
  std::size_t next_ = 0;
  std::size_t under_way_ = 0;
  bool failed_ = false;
  Event news_;
  Alarm alarm_;
  std::deque<Runner> runners_;  ///< goes first: they refer to the rest
};

}  // namespace

std::vector<Endpoint> Race::left() const {
  std::vector<Endpoint> left;
  for (const Attempt& attempt : attempts)
    if (attempt.outcome == Attempt::Outcome::given_up || attempt.outcome == Attempt::Outcome::not_begun)
      left.push_back(attempt.to);
  return left;
}

Task<Race> race(Network& network, std::vector<Endpoint> endpoints, RaceOptions options) {
  Course course(network, std::move(endpoints), std::move(options));
  co_return co_await course.run();
}

}  // namespace angarium::io
