// A directory's connections: a bounded number, kept open between questions, opened anew once when they were lost.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "directory/person/outage.h"
#include "directory/person/person.h"

namespace angarium::directory {

struct ConnectionsOptions {
  std::string name;     ///< of the directory, for the log
  std::size_t max = 4;  ///< at one time; more questions wait for one to be free,
  Duration wait{};      ///< at most so long
};

/// `Connection` is what one speaks over. Any thread; every call may block.
template <class Connection>
class Connections {
 public:
  explicit Connections(ConnectionsOptions options, const Clock& clock = system_clock())
      : options_(std::move(options)), outage_(clock) {}

  /// `open()` gives a Result of a unique_ptr to a connection; `ask(connection)` gives a Result. It is asked again over
  /// a fresh connection when one that was kept turns out lost (kLost). After kLost, kUnreachable and kTimedOut the
  /// connection is closed, and all are told kUnreachable for Outage::kPause. After kRefused that
  /// connection alone is closed.
  template <class Open, class Ask>
  auto ask(const Open& open, const Ask& ask) -> decltype(ask(std::declval<Connection&>())) {
    const Turn turn(*this);
    if (!turn) return fail(kUnreachable, "all connections to the directory " + options_.name + " are busy");
    if (!outage_.may_ask()) return fail(kUnreachable, "the directory " + options_.name + " was away a moment ago");
    if (auto kept = take()) {
      auto answer = ask(*kept);
      if (answer || !answer.error().is(kLost)) return settle(std::move(kept), std::move(answer));
    }
    std::unique_ptr<Connection> fresh;
    if (auto opened = open()) {
      fresh = *std::move(opened);
    } else {
      // Also a wrong login of ours: tried for everybody who comes, it might be locked.
      begin_outage(opened.error());
      return fail(kUnreachable, opened.error().text());
    }
    auto answer = ask(*fresh);
    return settle(std::move(fresh), std::move(answer));
  }

 private:
  /// One of the places at the directory, while it lives.
  class Turn {
   public:
    explicit Turn(Connections& owner) : owner_(owner) {
      std::unique_lock lock(owner_.mutex_);
      has_ = owner_.freed_.wait_for(lock, owner_.options_.wait, [&] { return owner_.used_ < owner_.options_.max; });
      if (has_) ++owner_.used_;
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (!has_) return;
      {
        const std::lock_guard lock(owner_.mutex_);
        --owner_.used_;
      }
      owner_.freed_.notify_one();
    }
    explicit operator bool() const { return has_; }

   private:
    Connections& owner_;
    bool has_ = false;
  };

  std::unique_ptr<Connection> take() {
    const std::lock_guard lock(mutex_);
    if (kept_.empty()) return nullptr;
    auto connection = std::move(kept_.back());
    kept_.pop_back();
    return connection;
  }

  template <class Answer>
  Answer settle(std::unique_ptr<Connection> connection, Answer answer) {
    if (!answer && (answer.error().is(kLost) || answer.error().is(kUnreachable) || answer.error().is(kTimedOut))) {
      begin_outage(answer.error());
      return fail(kUnreachable, answer.error().text());
    }
    if (outage_.answered()) log::notice("directory", "it answers again", {{"directory", options_.name}});
    // What refuses once may be a connection that is no more what it was: bound by a name whose password was changed.
    if (!answer && answer.error().is(kRefused)) return answer;
    const std::lock_guard lock(mutex_);
    kept_.push_back(std::move(connection));
    return answer;
  }

  void begin_outage(const Error& error) {
    if (outage_.failed())
      log::warning("directory", "it does not answer; who is known already goes on",
                   {{"directory", options_.name}, {"error", error.text()}});
    // The others are as lost, or soon are.
    std::vector<std::unique_ptr<Connection>> closed;
    const std::lock_guard lock(mutex_);
    closed.swap(kept_);
  }

  const ConnectionsOptions options_;
  Outage outage_;
  std::mutex mutex_;  // of all that follows
  std::condition_variable freed_;
  std::size_t used_ = 0;
  std::vector<std::unique_ptr<Connection>> kept_;
};

}  // namespace angarium::directory
