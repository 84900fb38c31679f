// The door of the room: the index of an account's mail in the tablet's ordered keys.
//
//     State      which chunks there are, and up to which message all mail is in them: one record, changed by the batch
//                that completes a chunk, so that a crash neither loses nor doubles a message
//     append()   what was gathered becomes the newest chunk
//     merge()    neighbours become one, without what is no longer there
//     find()     who may contain a text, and who surely does
//     find_alike()  who has words that are near to those of a text
//
// Everything here waits for the disk: for pools. One writer an account at a time; the state tells when there were two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "index/chunk.h"
#include "store/batch.h"
#include "store/tablet.h"

namespace angarium::index {

/// The first octet of all keys of this room. After it: a letter, the account (8 octets, big-endian), and of chunks
/// their number (4 octets); a block's first term.
inline constexpr unsigned char kKeyOctet = 'i';

/// Octets of index written by one batch: others wait no longer for theirs.
inline constexpr std::size_t kBatchOctets = std::size_t{1} << 20;

struct ChunkFacts {
  std::uint32_t id = 0;
  std::uint32_t documents = 0;
  EmailId first = 0;
  std::uint64_t octets = 0;  ///< of words and postings
  std::int64_t written = 0;  ///< seconds since 1970, or when it was last found to have nobody who is gone
  friend bool operator==(const ChunkFacts&, const ChunkFacts&) = default;
};

struct State {
  EmailId mark = 0;                ///< all mail up to it is in the chunks
  std::uint32_t next_chunk = 1;    ///< numbers are not used again
  std::vector<ChunkFacts> chunks;  ///< ascending by the emails in them
  [[nodiscard]] std::uint64_t documents() const;
  [[nodiscard]] std::uint64_t octets() const;
  [[nodiscard]] std::string encode() const;
  static Result<State> decode(std::string_view record);
  friend bool operator==(const State&, const State&) = default;
};

/// A run of neighbours among the chunks.
struct Neighbours {
  std::size_t begin = 0;
  std::size_t end = 0;
};
/// Which ones should become one now, so that there are few and each message is written anew only a few times.
std::optional<Neighbours> due_to_merge(const State& state);

/// What is asked: `value` as it was typed, in these places; `name`: of the field, when it has to be of that name.
struct Question {
  std::string_view value;
  Places places = kAllPlaces;
  std::string_view name;
};

/// Who may contain what was asked for.
class Found {
 public:
  enum class Verdict : std::uint8_t { no, yes, look };  ///< look: only the message itself can tell
  [[nodiscard]] Verdict of(EmailId email) const {
    if (email > mark_) return Verdict::look;
    if (!has(maybe_, email)) return Verdict::no;
    return exact_ && !has(partial_, email) ? Verdict::yes : Verdict::look;
  }

 private:
  friend class Finder;
  using Bits = std::vector<std::uint64_t>;
  static bool has(const Bits& bits, EmailId email) {
    return email / 64 < bits.size() && (bits[email / 64] >> email % 64 & 1) != 0;
  }
  EmailId mark_ = 0;
  bool exact_ = false;
  Bits maybe_;
  Bits partial_;  ///< of whom the index does not know all
};

/// Who has words that are near to what was asked for, and how well they fit (message/fuzzy.h).
class Alike {
 public:
  [[nodiscard]] Found::Verdict of(EmailId email) const;
  /// 1 to 100, of who has the verdict `yes`.
  [[nodiscard]] unsigned score(EmailId email) const;
  /// What each of the words counts, by how rare it is.
  [[nodiscard]] std::span<const float> weights() const { return weights_; }

 private:
  friend class Comparison;
  struct Scored {
    std::uint32_t email = 0;
    std::uint8_t score = 0;
  };
  static_assert(kEmailMax <= UINT32_MAX);
  [[nodiscard]] const Scored* find(EmailId email) const;

  EmailId mark_ = 0;
  std::vector<Scored> scored_;          ///< ascending by emails
  std::vector<std::uint32_t> partial_;  ///< of whom the index does not know all, ascending
  std::optional<Found> named_;          ///< who has the field that was asked for
  std::vector<float> weights_;
};

/// Whether emails are still there, in their order.
using Alive = std::function<Result<std::vector<bool>>(std::span<const EmailId>)>;

class Index {
 public:
  /// The tablet outlives it. Asked to stop, what is being written ends with kEnded, and nobody sees it.
  Index(store::Tablet& tablet, AccountId account, std::stop_token stop = {})
      : tablet_(tablet), account_(account), stop_(std::move(stop)) {}

  [[nodiscard]] Result<State> state() const;
  /// The new state; `state` is the one that was read before the messages were. All mail up to `mark` is in it then.
  /// kChanged.
  Result<State> append(const State& state, const Gatherer& gathered, EmailId mark, std::int64_t now);
  Result<State> merge(const State& state, Neighbours which, const Alive& alive, std::int64_t now);
  /// Of chunks that were looked through before `before`, the first that has somebody who is gone is written anew; those
  /// that have nobody are noted. Nothing: there are none.
  Result<std::optional<State>> freshen(const State& state, const Alive& alive, std::int64_t before, std::int64_t now);
  /// Nothing when the index has nothing to say of such a question.
  [[nodiscard]] Result<std::optional<Found>> find(const Question& question) const;
  /// The same of messages that are near to the question (RFC 6203). Of the dictionary what begins as a word of the
  /// question does is looked through, of a dense character alone all of it.
  [[nodiscard]] Result<std::optional<Alike>> find_alike(const Question& question) const;
  /// All that is known of the account goes with the batch.
  static void erase(AccountId account, store::Batch& batch);

 private:
  Result<ChunkFacts> write(std::uint32_t id, std::span<const Document> documents,
                           const std::function<Result<>(const BlockWriter::Ready&)>& blocks, std::int64_t now);
  Result<State> put(const State& before, State after, std::span<const ChunkFacts> gone);

  store::Tablet& tablet_;
  AccountId account_;
  std::stop_token stop_;
};

/// Calls `each` for every account that has an index.
Result<> each_indexed(store::Tablet& tablet, const std::function<void(AccountId, const State&)>& each);

}  // namespace angarium::index
