// A pool whose threads several parties share: who asks for much waits behind its own, not before the others.
#pragma once

#include <memory>
#include <string>

#include "io/pool.h"

namespace angarium::io {

struct FairPoolOptions {
  std::string name = "pool";  ///< of the threads, at most 15 octets
  std::size_t threads = 1;    ///< as PoolOptions::threads
  std::size_t share = 1;      ///< jobs of one party that run at one time
  std::size_t waiting = 64;   ///< jobs of one party that wait beyond those; one more is refused
  std::size_t queue = 1024;   ///< jobs of all that wait; one more is refused
};

/// Parties are told apart by name; those with something to do take turns. Safe from any thread. It must end before the
/// loops that wait for it go.
class FairPool {
 public:
  explicit FairPool(FairPoolOptions options);
  FairPool(const FairPool&) = delete;
  FairPool& operator=(const FairPool&) = delete;
  ~FairPool();

  /// kBusy when too many wait, of this party or of all, or after drop().
  Result<void> submit(const std::string& party, std::move_only_function<void()> job);
  /// Drops the jobs that wait (their waiters get kCancelled) and takes no more, for good. Those under way go on.
  void drop();
  /// The same, and waits for those under way. From one thread; the destructor does it too.
  void end();
  /// Jobs waiting now.
  [[nodiscard]] std::size_t waiting() const;

 private:
  struct Body;
  std::shared_ptr<Body> body_;
};

/// As run() on a Pool, for the party.
template <class Work, class T = typename detail::PoolValue<std::invoke_result_t<Work&>>::Type>
Task<Result<T>> run(FairPool& pool, std::string party, Work work) {
  CrossThread<T> answer;
  auto submitted = pool.submit(party, detail::answering<T>(std::move(work), answer.completion()));
  if (!submitted) co_return std::unexpected(std::move(submitted).error());
  co_return co_await answer;
}

}  // namespace angarium::io
