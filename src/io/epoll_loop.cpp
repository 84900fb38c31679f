#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <string>
#include <thread>

#include "base/log.h"
#include "io/error.h"
#include "io/loop.h"
#include "io/socket.h"

namespace angarium::io {
namespace {

class EpollLoop final : public Loop {
 public:
  EpollLoop(Descriptor epoll, Descriptor wakener)
      : Loop(system_clock().now()), epoll_(std::move(epoll)), wakener_(std::move(wakener)) {}
  ~EpollLoop() override { clear(); }

  [[nodiscard]] const Clock& clock() const override { return system_clock(); }
  [[nodiscard]] Random& random() override { return system_random(); }

  void run() override {
    Entered entered(this);
    log::Held lines;
    while (!finished()) {
      lines.write_now();
      wait();
      for (next_event_ = 0; next_event_ < event_count_;) dispatch(events_[next_event_++]);
      turn(system_clock().now());
    }
  }

  Result<void> watch(Watch& watch) override {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &watch;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, watch.descriptor(), &event) != 0)
      return std::unexpected(system_error(errno, "epoll_ctl"));
    return {};
  }

  void unwatch(Watch& watch) noexcept override {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, watch.descriptor(), nullptr);
    for (auto i = next_event_; i < event_count_; ++i)
      if (events_[i].data.ptr == &watch) events_[i].data.ptr = this;
  }

 protected:
  void wake() noexcept override {
    if (!asleep_.exchange(false)) return;
    std::uint64_t one = 1;
    [[maybe_unused]] auto written = ::write(wakener_.get(), &one, sizeof one);
  }

 private:
  void wait() {
    int timeout = milliseconds_to_sleep();
    asleep_.store(true);
    // What was posted before asleep_ was set woke nobody; what is posted after it writes to the wakener.
    if (work_waiting() || stop_wanted()) timeout = 0;
    int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), timeout);
    asleep_.store(false, std::memory_order_relaxed);
    event_count_ = static_cast<std::size_t>(std::max(count, 0));
  }

  int milliseconds_to_sleep() {
    auto next = timers().next();
    if (next == Moment::never()) return -1;
    auto left = (next - system_clock().now()).count();
    constexpr std::int64_t kHour = 3'600'000;
    return static_cast<int>(std::clamp<std::int64_t>((left + 999) / 1000, 0, kHour));
  }

  void dispatch(const epoll_event& event) {
    if (event.data.ptr == this) return;  // withdrawn meanwhile
    if (!event.data.ptr) return;         // the wakener: each write is an edge, its count need not be read (eventfd(2))
    bool broken = event.events & (EPOLLERR | EPOLLHUP);
    bool ended = event.events & EPOLLRDHUP;
    static_cast<Watch*>(event.data.ptr)
        ->ready({.input = broken || ended || (event.events & EPOLLIN),
                 .output = broken || (event.events & EPOLLOUT),
                 .hang_up = broken || ended});
  }

  Descriptor epoll_;
  Descriptor wakener_;
  std::atomic<bool> asleep_{false};
  std::array<epoll_event, 256> events_{};
  std::size_t event_count_ = 0;
  std::size_t next_event_ = 0;
};

}  // namespace

Result<std::unique_ptr<Loop>> make_loop() {
  Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return std::unexpected(system_error(errno, "epoll_create1"));
  Descriptor wakener(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  if (!wakener || ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wakener.get(), &event) != 0)
    return std::unexpected(system_error(errno, "eventfd"));
  return std::make_unique<EpollLoop>(std::move(epoll), std::move(wakener));
}

struct Loops::Body {
  std::vector<std::unique_ptr<Loop>> loops;
  std::vector<std::thread> threads;
  std::atomic<std::size_t> turn{0};
};

Loops::Loops(std::unique_ptr<Body> body) : body_(std::move(body)) {}

Result<std::unique_ptr<Loops>> Loops::make(std::size_t count) {
  if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
  auto body = std::make_unique<Body>();
  for (std::size_t i = 0; i < count; ++i) body->loops.push_back(TRY(make_loop()));
  return std::unique_ptr<Loops>(new Loops(std::move(body)));
}

Loops::~Loops() { end(); }

void Loops::end() {
  stop();
  join();
  for (auto& loop : body_->loops) loop->clear();
}

void Loops::start() {
  for (auto& loop : body_->loops) body_->threads.emplace_back([&loop] { loop->run(); });
}

void Loops::drain() {
  for (auto& loop : body_->loops) loop->drain();
}

void Loops::stop() {
  for (auto& loop : body_->loops) loop->stop();
}

void Loops::join() {
  for (auto& thread : body_->threads)
    if (thread.joinable()) thread.join();
}

Loop& Loops::next() { return *body_->loops[body_->turn.fetch_add(1, std::memory_order_relaxed) % body_->loops.size()]; }

std::size_t Loops::size() const { return body_->loops.size(); }

Loop& Loops::at(std::size_t index) { return *body_->loops[index]; }

}  // namespace angarium::io
