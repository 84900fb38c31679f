// How many sessions a loop has with each site at one time, and who waits for one.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "io/event.h"
#include "io/task.h"

namespace angarium::agent {

/// Of one loop. Places are given in the order in which they were asked for. An empty site has no window: whoever asks
/// may go on.
class SiteWindows {
  struct Waiter;
  struct Window;

 public:
  /// After a refusal the window is as large as what the other side had taken; it doubles each time this has passed.
  static constexpr Duration kGrows = std::chrono::minutes(1);

  /// `most`: how many sessions may be in use with a site, 1 at least.
  explicit SiteWindows(std::function<std::size_t(const std::string& site)> most) : most_(std::move(most)) {}
  SiteWindows(const SiteWindows&) = delete;
  SiteWindows& operator=(const SiteWindows&) = delete;
  ~SiteWindows();

  /// A place that is kept for one who waited, until it enters or this is dropped.
  class Promise {
   public:
    Promise() = default;
    Promise(Promise&& other) noexcept
        : windows_(std::exchange(other.windows_, nullptr)), site_(std::move(other.site_)) {}
    Promise& operator=(Promise&& other) noexcept {
      std::swap(windows_, other.windows_);
      std::swap(site_, other.site_);
      return *this;
    }
    ~Promise() { give_back(); }
    void give_back();

   private:
    friend SiteWindows;
    Promise(SiteWindows& windows, std::string site) : windows_(&windows), site_(std::move(site)) {}
    SiteWindows* windows_ = nullptr;
    std::string site_;
  };

  /// A place for one more session, which is the caller's until leave(). False: there is none now, wait() for it.
  bool enter(const std::string& site, Promise& promise);
  /// With the place just entered a session is being opened with one of these hosts, until opened() or
  /// not_opened() with the same.
  void opening(const std::string& site, const std::vector<std::string>& hosts);
  void not_opened(const std::string& site, const std::vector<std::string>& hosts);
  /// It is, with this one; or with `hosts` none, one that was open already is used.
  void opened(const std::string& site, const std::vector<std::string>& hosts, const std::string& host);
  /// `host`: as opened() said; empty: no session came about.
  void leave(const std::string& site, const std::string& host);
  /// One more session was refused while others are in use: of the caller's place and these, it was one too many.
  void refused(const std::string& site, Moment now);
  /// Whether one of these hosts has a session in use, or one that is being opened.
  [[nodiscard]] bool in_use(const std::string& site, const std::vector<std::string>& hosts) const;
  [[nodiscard]] std::size_t in_use(const std::string& site) const;
  /// How many sessions there may be now.
  [[nodiscard]] std::size_t width(const std::string& site) const;
  /// Somebody waits for the site.
  [[nodiscard]] bool crowded(const std::string& site) const;

  /// Until there is a place, or wake() or stop() was called; then the promise may be an empty one. `hosts`: for wake().
  io::Task<Promise> wait(std::string site, std::vector<std::string> hosts);
  /// All who wait for hosts of which this is true: they have to hear of something.
  void wake(const std::string& site, const std::function<bool(const std::vector<std::string>& hosts)>& which);
  /// Nobody waits any more.
  void stop();
  /// Sites that are known now.
  [[nodiscard]] std::size_t size() const { return windows_.size(); }

 private:
  [[nodiscard]] std::size_t width(const std::string& site, const Window& window) const;
  static void without(Window& window, const std::vector<std::string>& hosts);
  void grant(const std::string& site, Window& window);
  void forget(const std::string& site);

  std::function<std::size_t(const std::string&)> most_;
  std::map<std::string, Window> windows_;
  bool stopped_ = false;
};

struct SiteWindows::Waiter {
  io::Event woken;
  std::vector<std::string> hosts;
  bool promised = false;
};

struct SiteWindows::Window {
  std::size_t in_use = 0;
  std::size_t promised = 0;
  std::map<std::string, std::size_t> hosts;  ///< of those in use, and all for which one is being opened
  std::deque<Waiter*> waiters;
  std::size_t taken = SIZE_MAX;  ///< as many as the other side had when it refused one more
  Moment refused{};
};

}  // namespace angarium::agent
