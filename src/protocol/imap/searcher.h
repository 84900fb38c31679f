// Evaluates SEARCH programs: what the view knows, here and 64 messages at a time; what must read messages, by the
// backend and only for those that still matter.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/imap/session.h"

namespace angarium::protocol::imap {

struct SearchResult {
  NumberSet uids;
  NumberSet numbers;             ///< the same messages by sequence number
  std::uint64_t modseq_max = 0;  ///< of all found
};

/// One SEARCH at work. The program's strings are UTF-8 by now. Ghosts are not found.
class Searcher {
 public:
  Searcher(Session& session, const SearchProgram& program) : session_(session), program_(program) {}
  io::Task<Result<SearchResult>> run();

 private:
  /// A key with its sets and names looked up once.
  struct Ready {
    const SearchNode* node = nullptr;
    Selected::Resolved set;
    std::size_t keyword = SIZE_MAX;                ///< index; SIZE_MAX: no message has it
    std::shared_ptr<const Candidates> candidates;  ///< of a key that reads messages; null: all are to be read
    std::vector<Ready> children;
  };
  using Mask = std::uint64_t;
  static constexpr std::size_t kBatch = 64;
  /// So many messages are read sooner than a question about all of them is answered.
  static constexpr std::size_t kAskAheadMin = 16;
  /// Then others of the loop go first: about a tenth of a millisecond.
  static constexpr std::size_t kBatchesAtOnce = 256;

  Result<Ready> prepare(const SearchNode& node) const;
  [[nodiscard]] Mask look(const Ready& ready, Mask among) const;
  [[nodiscard]] bool holds(const Ready& ready, std::size_t place) const;
  io::Task<Result<void>> ask_ahead(Ready& ready);
  [[nodiscard]] Mask judged(const Ready& ready, Mask among, Candidates::Verdict verdict) const;
  io::Task<Result<Mask>> evaluate(const Ready& ready, Mask among);
  io::Task<Result<Mask>> ask(const SearchNode& node, Mask among);
  [[nodiscard]] bool enough(const SearchResult& found) const;

  Session& session_;
  const SearchProgram& program_;
  std::array<Entry, kBatch> batch_{};
  std::size_t count_ = 0;
  std::size_t index_ = 0;  ///< of batch_[0] in the view
  std::int64_t now_ = io::Loop::current().clock().wall().seconds();
};

/// What the program finds in the selected mailbox, its strings taken from its charset to UTF-8 first. kBadCharset.
io::Task<Result<SearchResult>> find_messages(Session& session, SearchProgram& program);

}  // namespace angarium::protocol::imap
