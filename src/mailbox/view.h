// Views: what a mailbox holds at one moment, immutable and shared by all its sessions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "mailbox/block.h"

namespace angarium::mailbox {

/// A mailbox as it was made durable at one moment. Costs 40 octets a message; views of one mailbox share the blocks
/// that are the same, so a new view after a change costs a pointer for each 256 messages. Safe to read from any thread.
class View {
 public:
  using Blocks = std::vector<std::shared_ptr<const Block>>;
  struct Numbers {
    MailboxId mailbox = 0;
    std::uint32_t uid_validity = 0;
    Uid uid_next = 1;
    Modseq highest_modseq = 1;
    std::uint64_t version = 0;  ///< rises with each change that became visible; of this process only
  };
  View(Numbers numbers, Blocks blocks, std::shared_ptr<const KeywordTable> keywords);

  [[nodiscard]] const Numbers& numbers() const { return numbers_; }
  [[nodiscard]] const KeywordTable& keywords() const { return *keywords_; }
  [[nodiscard]] const Tally& tally() const { return tally_; }
  /// How many messages there are: EXISTS.
  [[nodiscard]] std::uint32_t size() const { return first_.back(); }
  [[nodiscard]] bool empty() const { return size() == 0; }

  /// The message with that sequence number, 1 … size(). O(log blocks).
  [[nodiscard]] const Entry& at(std::uint32_t sequence) const;
  /// The sequence number of a UID; nothing if it is not here.
  [[nodiscard]] std::optional<std::uint32_t> sequence_of(Uid uid) const;
  [[nodiscard]] const Entry* find(Uid uid) const;
  /// The sequence number of the first message with at least that UID; size() + 1 if there is none.
  [[nodiscard]] std::uint32_t lower_bound(Uid uid) const;
  /// All keywords of a message of this view.
  [[nodiscard]] KeywordSet keywords_of(const Entry& entry) const;
  /// The sizes of a message of this view.
  [[nodiscard]] Sizes sizes_of(const Entry& entry) const;
  /// When a message of this view came into the mailbox (RFC 8514), seconds since 1970; nothing: not known.
  [[nodiscard]] std::optional<std::int64_t> saved_of(const Entry& entry) const;
  /// The sequence number of the first message without \Seen; 0 if there is none.
  [[nodiscard]] std::uint32_t first_unseen() const;
  /// The UIDs of all messages.
  [[nodiscard]] UidSet uids() const;

  /// Calls each(sequence, entry) for the messages with sequence numbers first … last, ascending.
  template <class F>
  void for_each(std::uint32_t first, std::uint32_t last, F&& each) const {
    last = std::min(last, size());
    if (first == 0 || first > last) return;
    for (std::size_t b = block_at(first); b < blocks_.size() && first_[b] < last; ++b) {
      const auto& entries = blocks_[b]->entries();
      for (std::size_t i = first - 1 - first_[b]; i < entries.size() && first <= last; ++i, ++first)
        each(first, entries[i]);
    }
  }
  template <class F>
  void for_each(F&& each) const {
    for_each(1, size(), each);
  }
  /// Calls each(sequence, entry) for the messages of the set that are here, ascending.
  template <class F>
  void for_each(const UidSet& set, F&& each) const {
    for (const auto [first, last] : set.ranges()) {
      const std::uint32_t begin = lower_bound(first);
      if (begin > size()) return;
      const std::uint32_t end = last == kUidMax ? size() + 1 : lower_bound(last + 1);
      for_each(begin, end - 1, each);
    }
  }
  /// Calls each(sequence, entry) for the messages changed after `modseq` (CHANGEDSINCE); skips blocks without any.
  template <class F>
  void for_each_since(Modseq modseq, F&& each) const {
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      if (blocks_[b]->modseq_max() <= modseq) continue;
      std::uint32_t sequence = first_[b];
      for (const Entry& entry : blocks_[b]->entries()) {
        ++sequence;
        if (entry.modseq > modseq) each(sequence, entry);
      }
    }
  }

  [[nodiscard]] const Blocks& blocks() const { return blocks_; }

 private:
  [[nodiscard]] std::size_t block_at(std::uint32_t sequence) const;
  [[nodiscard]] std::size_t block_from(std::uint32_t number) const;

  Numbers numbers_;
  Blocks blocks_;                     // none empty, ascending
  std::vector<std::uint32_t> first_;  // messages before each block; one more at the end
  std::shared_ptr<const KeywordTable> keywords_;
  Tally tally_;
};
using ViewPtr = std::shared_ptr<const View>;

/// What happened between two views of one mailbox. Costs what differs, not what is there.
struct ViewDifference {
  UidSet expunged;  ///< in the older, not in the newer
  UidSet changed;   ///< in both, with another MODSEQ
  UidSet appeared;  ///< in the newer only
  [[nodiscard]] bool empty() const { return expunged.empty() && changed.empty() && appeared.empty(); }
};
ViewDifference difference(const View& older, const View& newer);

/// One command's effect on a mailbox's messages.
struct Delta {
  std::vector<NewEntry> added;  ///< ascending by UID
  FlagChange change;            ///< of the messages in `changed`
  UidSet changed;
  UidSet removed;
  Modseq modseq = 0;
};

/// A mailbox that is being changed: blocks are changed in place unless a view or another draft shares them. One thread
/// at a time.
class Draft {
 public:
  Draft() = default;
  Draft(Draft&&) = default;
  Draft& operator=(Draft&&) = default;

  /// Takes a block over, as loading does. Blocks come ascending; empty ones are dropped.
  void append(Block block);
  /// Changes, then removes, then adds. Doing again what was done, and all that followed it, ends the same.
  Tally apply(const Delta& delta);
  /// A draft of the same messages; both share their blocks until they change them.
  Draft fork();
  /// The blocks for a view.
  View::Blocks share();

  [[nodiscard]] const Entry* find(Uid uid) const;
  /// An entry with all that is known of it.
  [[nodiscard]] NewEntry whole(const Entry& entry) const;
  /// All keywords of one of its entries.
  [[nodiscard]] KeywordSet keywords_of(const Entry& entry) const;
  [[nodiscard]] Tally tally() const;
  /// Calls each(entry) for the messages of the set that are here, ascending.
  template <class F>
  void for_each(const UidSet& set, F&& each) const {
    for (const auto [first, last] : set.ranges()) {
      for (std::size_t b = index_of(block_of(first));
           b < blocks_.size() && blocks_[b].block->number() <= block_of(last); ++b) {
        const auto& entries = blocks_[b].block->entries();
        for (std::size_t i = blocks_[b].block->lower_bound(first); i < entries.size() && entries[i].uid <= last; ++i)
          each(entries[i]);
      }
    }
  }

 private:
  struct Held {
    std::shared_ptr<Block> block;
    bool shared = false;
  };
  [[nodiscard]] std::size_t index_of(std::uint32_t number) const;
  Block& own(std::size_t index);
  template <class F>
  Tally for_blocks(const UidSet& set, F&& each);

  std::vector<Held> blocks_;  // none empty, ascending
};

}  // namespace angarium::mailbox
