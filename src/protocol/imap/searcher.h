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

/// The score of what matches exactly (RFC 6203 §4: 1 to 100).
inline constexpr std::uint8_t kFullScore = 100;

struct SearchResult {
  NumberSet uids;
  NumberSet numbers;             ///< the same messages by sequence number
  std::uint64_t modseq_max = 0;  ///< of all found
  struct Scored {
    std::uint32_t uid = 0;
    std::uint8_t score = kFullScore;
  };
  std::vector<Scored> scores;  ///< of all found, in their order; none without a FUZZY key
  [[nodiscard]] std::uint8_t score_of(std::uint32_t uid) const;
};

/// One SEARCH at work. The program's strings are UTF-8 by now. Ghosts are not found.
class Searcher {
 public:
  Searcher(Session& session, const Selected& selected, const SearchProgram& program)
      : session_(session), selected_(selected), program_(program) {}
  /// `among`: the UIDs to look at; null: all.
  io::Task<Result<SearchResult>> run(const NumberSet* among = nullptr);

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
  /// What the FUZZY keys say of the messages of batch_: of several the mean counts.
  struct Scores {
    std::array<std::uint32_t, kBatch> sum{};
    std::array<std::uint32_t, kBatch> keys{};
    void add(std::size_t place, unsigned score) {
      sum[place] += score;
      ++keys[place];
    }
    [[nodiscard]] unsigned mean(std::size_t place) const {
      return keys[place] == 0 ? kFullScore : (sum[place] + keys[place] / 2) / keys[place];
    }
  };
  /// So many messages are read sooner than a question about all of them is answered.
  static constexpr std::size_t kAskAheadMin = 16;
  /// Then others of the loop go first: about a tenth of a millisecond.
  static constexpr std::size_t kBatchesAtOnce = 256;

  Result<Ready> prepare(const SearchNode& node) const;
  [[nodiscard]] Mask look(const Ready& ready, Mask among) const;
  [[nodiscard]] bool holds(const Ready& ready, std::size_t place) const;
  io::Task<Result<void>> ask_ahead(Ready& ready);
  [[nodiscard]] Mask judged(const Ready& ready, Mask among, Candidates::Verdict verdict) const;
  /// `scores`: null where nobody asks for them. They are right of what is found.
  io::Task<Result<Mask>> evaluate(const Ready& ready, Mask among, Scores* scores);
  io::Task<Result<Mask>> either(const Ready& ready, Mask among, Scores* scores);
  io::Task<Result<Mask>> both(const Ready& ready, Mask among, Scores* scores);
  io::Task<Result<Mask>> by_candidates(const Ready& ready, Mask among, Scores* scores);
  io::Task<Result<Mask>> ask(const Ready& ready, Mask among, Scores* scores);
  [[nodiscard]] bool enough(const SearchResult& found) const;
  /// `began`: whether it has read messages already.
  [[nodiscard]] bool given_up(bool began) const;

  /// Finds among the first `count_` of batch_.
  io::Task<Result<void>> find(const Ready& ready, SearchResult& result);
  io::Task<Result<void>> run_all(const Ready& ready, SearchResult& result);
  io::Task<Result<void>> run_among(const Ready& ready, const NumberSet& among, SearchResult& result);

  Session& session_;
  const Selected& selected_;
  const SearchProgram& program_;
  std::array<Entry, kBatch> batch_{};
  std::array<std::uint32_t, kBatch> sequence_{};  ///< numbers of the messages of batch_
  std::size_t count_ = 0;
  std::int64_t now_ = io::Loop::current().clock().wall().seconds();
};

/// Takes the program's strings from its charset to UTF-8. kBadCharset.
Result<void> prepare_program(Session& session, SearchProgram& program);
/// Before the grammar of a command with search keys: gives it the filters, if it names any (RFC 5466).
io::Task<Result<void>> use_filters(Session& session, Parser& parser);

/// What the program finds in the selected mailbox, its strings taken from its charset to UTF-8 first. kBadCharset.
io::Task<Result<SearchResult>> find_messages(Session& session, SearchProgram& program);

}  // namespace angarium::protocol::imap
