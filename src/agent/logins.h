// Who is logged in, so that a session ends when what let it in is withdrawn.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "account/withdrawal.h"
#include "base/time.h"
#include "io/loop.h"
#include "io/task.h"

namespace angarium::agent {

/// A session that was asked to end has so long for the command at work; then its connection is closed.
inline constexpr Duration kFarewellPatience = std::chrono::seconds(30);
/// Accounts of which it is remembered when something was withdrawn; with one more, logins under way at that moment are
/// asked to try again.
inline constexpr std::size_t kWithdrawnMax = 10'000;

/// Shared by all loops.
class Logins {
 public:
  /// By what somebody came in.
  using Way = account::Proof;
  /// How a session ends; called on its loop, while its Stay lasts.
  struct Ends {
    std::function<void()> ask;  ///< at the next chance, with a word to the client
    std::function<void()> cut;  ///< at once
  };

 private:
  struct Place;
  using Inside = std::multimap<account::AccountId, std::shared_ptr<Place>>;  // its places last
  using Due = std::multimap<WallTime, std::shared_ptr<Place>>;               // so do these
  struct Place {
    io::Loop* loop;
    account::AccountId account;
    Way way;
    Ends ends;
    Inside::iterator at{};
    std::optional<Due::iterator> due{};  // with its day, until that has come
    bool left = false;                   // on the loop's thread
  };

 public:
  /// One session's; ends on its loop.
  class Stay {
   public:
    Stay() = default;
    Stay(Stay&& other) noexcept : logins_(std::exchange(other.logins_, nullptr)), place_(std::move(other.place_)) {}
    Stay& operator=(Stay&& other) noexcept {
      std::swap(logins_, other.logins_);
      place_.swap(other.place_);
      return *this;
    }
    ~Stay() {
      if (logins_ != nullptr) logins_->leave(*place_);
    }
    explicit operator bool() const { return logins_ != nullptr; }

   private:
    friend Logins;
    Stay(Logins& logins, std::shared_ptr<Place> place) : logins_(&logins), place_(std::move(place)) {}
    Logins* logins_ = nullptr;
    std::shared_ptr<Place> place_;
  };

  /// A mark of this moment: taken before a login is judged.
  std::uint64_t now();
  /// Empty: something of the account was withdrawn since that mark, so that the login has to be judged anew.
  Stay enter(account::AccountId account, Way way, std::uint64_t since, Ends ends);
  /// Ends those whom it let in. From any thread, once it is durable.
  void withdraw(const account::Withdrawal& withdrawal);
  /// Ends those who came by an app password whose day is over. From any thread, every now and then.
  void end_expired(WallTime now);

 private:
  void leave(Place& place);
  static void end(std::vector<std::shared_ptr<Place>> places);
  static io::Task<> cut_later(std::shared_ptr<Place> place);

  std::mutex mutex_;
  Inside inside_;
  Due due_;
  std::unordered_map<account::AccountId, std::uint64_t> withdrawn_;
  std::uint64_t count_ = 0;
  std::uint64_t forgotten_ = 0;  ///< what is not in `withdrawn_` was before this
};

}  // namespace angarium::agent
