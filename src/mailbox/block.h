// A block: the messages of one mailbox whose UIDs share all but the low eight bits, decoded and as stored.
//
// The stored form is a snapshot followed by changes in the order they were made; a merge only appends, and makes a new
// snapshot when the changes outgrow it. README.md draws it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "mailbox/flags.h"
#include "mailbox/types.h"
#include "mailbox/uid_set.h"

namespace angarium::mailbox {

/// One message as every view holds it: 40 octets.
struct Entry {
  EmailId email = 0;
  Modseq modseq = 0;           ///< of the last change to it
  std::uint64_t keywords = 0;  ///< the first 64; the rest by Block::keywords
  std::int64_t date : 39 = 0;  ///< INTERNALDATE, seconds since 1970: beyond the years 0-9999
  std::int64_t zone : 7 = 0;   ///< the zone it was given in, quarters of an hour east of Greenwich (zone_quarters())
  std::int64_t flag_bits : 13 = 0;
  std::int64_t saved : 1 = 0;        ///< not 0: when it came into the mailbox is known (RFC 8514); mostly `date`, …
  std::int64_t saved_apart : 1 = 0;  ///< … but another moment where this is not 0: Block::saved
  std::int64_t ascii_form : 1 = 0;  ///< not 0: readers without UTF-8 get another form, of a size of its own: sizes_of()
  std::int64_t open_end : 1 = 0;  ///< not 0: the last octets are no CRLF, which POP3 adds and counts (RFC 1939 §3, §11)
  std::int64_t spilled : 1 = 0;   ///< it has keywords beyond the first 64
  std::uint32_t size = 0;         ///< presented octets, of the larger form: what counters and quota count
  Uid uid = 0;

  [[nodiscard]] SystemFlags flags() const { return static_cast<SystemFlags>(flag_bits); }
  [[nodiscard]] int zone_minutes() const { return static_cast<int>(zone) * 15; }
  [[nodiscard]] bool has(SystemFlags flag) const { return (flags() & flag) != 0; }
};
static_assert(sizeof(Entry) == 40);

/// Of a zone in minutes, what an entry keeps. Every zone in use is some quarters within 15 hours; a moment told in
/// another is told in UTC.
constexpr std::int8_t zone_quarters(int minutes) {
  return minutes % 15 == 0 && minutes >= -900 && minutes <= 900 ? static_cast<std::int8_t>(minutes / 15) : 0;
}

/// A message to be added to a block.
struct NewEntry {
  Entry entry;
  KeywordSet keywords;      ///< all of them
  std::int64_t growth = 0;  ///< with ascii_form: octets that the ASCII form has more than the original
  /// When it came into the mailbox, seconds since 1970; nothing: not known. The entry's own bits follow from it.
  std::optional<std::int64_t> saved{};
};

/// The octets of a message as its readers get it: RFC822.SIZE, BODY[], LIST and RETR.
struct Sizes {
  std::uint32_t original = 0;
  std::uint32_t ascii = 0;  ///< for readers without UTF-8; the original's where there is no ASCII form
  friend bool operator==(const Sizes&, const Sizes&) = default;
};

/// What a mailbox's counters say of a set of messages.
struct Tally {
  std::int64_t messages = 0;
  std::int64_t unseen = 0;
  std::int64_t deleted = 0;
  std::int64_t octets = 0;
  void count(const Entry& entry, int times = 1);
  Tally& operator+=(const Tally& other);
  Tally& operator-=(const Tally& other);
  friend bool operator==(const Tally&, const Tally&) = default;
};

/// Which block a UID is in, and the UIDs of a block.
constexpr std::uint32_t block_of(Uid uid) { return uid >> 8; }
constexpr UidRange uids_of_block(std::uint32_t number) { return {number == 0 ? 1 : number << 8, (number << 8) | 0xFF}; }

/// The messages of a block, ascending by UID. Shared and immutable once it is in a View.
class Block {
 public:
  explicit Block(std::uint32_t number) : number_(number) {}

  [[nodiscard]] std::uint32_t number() const { return number_; }
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] const Tally& tally() const { return tally_; }
  /// The highest MODSEQ any message in it has had.
  [[nodiscard]] Modseq modseq_max() const { return modseq_max_; }
  /// Index of the first entry with at least that UID; entries().size() if there is none.
  [[nodiscard]] std::size_t lower_bound(Uid uid) const;
  [[nodiscard]] const Entry* find(Uid uid) const;
  [[nodiscard]] KeywordSet keywords(const Entry& entry) const;
  [[nodiscard]] std::int64_t growth(const Entry& entry) const;
  [[nodiscard]] Sizes sizes(const Entry& entry) const;
  /// When it came into the mailbox, where that is known.
  [[nodiscard]] std::optional<std::int64_t> saved(const Entry& entry) const;

  /// Each says what it did to the counters. A UID that is there already is not added again; the flags of one that is
  /// not there are not changed; where nothing changes, the MODSEQ does not either.
  Tally add(const NewEntry& added);
  Tally change(const FlagChange& change, UidRange uids, Modseq modseq);
  Tally remove(UidRange uids);

  /// The snapshot that decodes to this block.
  [[nodiscard]] std::string encode() const;
  /// kDamaged when the octets are no block.
  static Result<Block> decode(std::uint32_t number, std::string_view stored);

 private:
  bool apply_flags(Entry& entry, const FlagChange& change);
  void set_keywords(Entry& entry, const KeywordSet& keywords);
  Result<> apply(std::string_view changes);

  std::uint32_t number_;
  std::vector<Entry> entries_;
  std::vector<std::pair<Uid, std::vector<std::uint16_t>>> spill_;  // ascending by UID
  std::vector<std::pair<Uid, std::int64_t>> growth_;               // likewise, of entries with an ASCII form
  std::vector<std::pair<Uid, std::int64_t>> saved_;                // likewise, of those with saved_apart
  Tally tally_;
  Modseq modseq_max_ = 0;
};

/// Calls each(number, ranges) for the blocks a set touches, with the set's ranges inside it. Costs a call a block: not
/// for sets that reach far beyond the messages there are.
template <class F>
void for_each_block(const UidSet& set, F&& each) {
  std::vector<UidRange> ranges;
  std::uint32_t number = 0;
  auto flush = [&] {
    if (!ranges.empty()) each(number, std::span<const UidRange>(ranges));
    ranges.clear();
  };
  for (auto [first, last] : set.ranges()) {
    for (std::uint32_t block = block_of(first); block <= block_of(last); ++block) {
      if (block != number) flush();
      number = block;
      const UidRange whole = uids_of_block(block);
      ranges.push_back({std::max(first, whole.first), std::min(last, whole.last)});
    }
  }
  flush();
}

/// Merge operands. The UIDs must be of one block.
std::string add_operand(std::span<const NewEntry> added);
std::string change_operand(const FlagChange& change, std::span<const UidRange> uids, Modseq modseq);
std::string remove_operand(std::span<const UidRange> uids);

/// The stored block after the operands. Operands join by standing one after another. Octets that are no block stay as
/// they are, with the operands behind them.
std::string merge_block(std::uint32_t number, std::string_view stored, std::span<const std::string_view> operands);

}  // namespace angarium::mailbox
