// Threads for searching: what reads much mail, or a whole dictionary, at the request of somebody. They yield to all
// other work of the host, and those who search take turns.
#pragma once

#include <string>
#include <utility>

#include "io/fair_pool.h"
#include "io/task.h"

namespace angarium::agent {

/// Safe from any thread. It must end before the loops that wait for it go.
class Searching {
 public:
  /// `threads`: as io::PoolOptions::threads.
  explicit Searching(std::size_t threads);

  /// Drops what waits and waits for what is under way, for good.
  void end() { pool_.end(); }
  /// Slices of one party that run side by side, where nobody else searches.
  [[nodiscard]] std::size_t side_by_side() const { return side_by_side_; }
  /// As io::run(). A slice of a search: the party's next one goes behind those of others. The work owns what it uses.
  template <class Work>
  auto run(std::string party, Work work) {
    return io::run(pool_, std::move(party), [own = own_threads_, work = std::move(work)]() mutable {
      if (own) yield_to_others();
      return work();
    });
  }

 private:
  /// From now on this thread runs when others leave it room.
  static void yield_to_others();

  bool own_threads_;
  std::size_t side_by_side_;
  io::FairPool pool_;
};

}  // namespace angarium::agent
