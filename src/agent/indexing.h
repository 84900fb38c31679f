// Keeps the index of all mail (index/): in the background, on one thread of its own, behind what the mailboxes have
// made durable. Nobody waits for it: what is not indexed yet is searched by reading it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "index/index.h"
#include "io/pool.h"
#include "io/task.h"
#include "keyring/keys.h"
#include "store/tablet.h"

namespace angarium::agent {

/// Messages that an account may have unindexed before it is its turn: read in some milliseconds by a search.
inline constexpr std::size_t kUnindexedMax = 64;
/// With fewer it waits so long, so that chunks are not of one message each.
inline constexpr Duration kIndexPatience = std::chrono::seconds(20);
/// Work done at a time; then as long a pause, so that it never takes more than half of a core.
inline constexpr Duration kIndexSlice = std::chrono::milliseconds(100);
/// Chunks are looked through for what is gone so often: deleted words leave within the 30 days of the store.
inline constexpr std::int64_t kFreshenSeconds = std::int64_t{4} * 24 * 3600;

class Indexing {
 public:
  struct Options {
    const Clock* clock = &system_clock();
    std::size_t threads = 1;        ///< 0: on the loop of who asks
    keyring::Keys* keys = nullptr;  ///< by which sealed mail is opened; null: it waits
  };
  /// The tablet outlives it.
  Indexing(store::Tablet& tablet, Options options);
  Indexing(const Indexing&) = delete;
  Indexing& operator=(const Indexing&) = delete;
  ~Indexing() { end(); }

  /// The account got a message. From any thread.
  void added(index::AccountId account);
  /// Indexes what is there and what comes, until stop(); at most a second after it.
  io::Task<> run();
  /// From any thread; what is under way ends at once, and is done again.
  void stop() { stop_.request_stop(); }
  /// stop(), and waits for what is under way.
  void end();

  /// How it stands with one account.
  struct Standing {
    index::AccountId account = 0;
    index::State state;
    index::EmailId newest = 0;  ///< the highest id of an email; 0: none
  };
  /// Of one account, or of all.
  io::Task<Result<std::vector<Standing>>> standing(std::optional<index::AccountId> account);
  using Tell = std::function<void(std::uint64_t done, std::uint64_t all)>;
  /// Throws the index of these accounts away and makes it anew. In ids of emails.
  io::Task<Result<>> rebuild(std::vector<index::AccountId> accounts, Tell tell);

 private:
  struct Waiting {
    std::size_t messages = 0;
    Moment since;
  };
  enum class Left : std::uint8_t { nothing, more };

  Result<> find_backlog();
  Result<Left> slice(index::AccountId account, Duration budget);
  Result<Left> gather(index::AccountId account, index::Index& index, index::State& state, Duration budget);
  Result<Left> freshen(index::AccountId account);
  std::optional<index::AccountId> next(Moment now);
  void wait_again(index::AccountId account, const Waiting& waiting);
  io::Task<> work_on(index::AccountId account);
  io::Task<> freshen_all();
  [[nodiscard]] index::Alive alive(index::AccountId account) const;

  store::Tablet& tablet_;
  keyring::Keys* const keys_;
  const Clock& clock_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::map<index::AccountId, Waiting> waiting_;  ///< accounts with mail that is not indexed
  io::Pool thread_;
};

}  // namespace angarium::agent
