// What has to be done so that a mailbox and its box are the same: a comparison of both with what they were when they
// last were the same. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mailbox/types.h"
#include "message/box_state.h"

namespace angarium::location {

/// Flags and keywords of a message: a BoxFlags, and above it a bit for each of the box's names of keywords.
using Flags = std::uint64_t;
inline constexpr int kKeywordShift = 8;

/// Flags that both sides have. That a reader has seen a message in a list (kBoxOld) is the box's own.
inline constexpr Flags kSharedFlags = message::kBoxSeen | message::kBoxAnswered | message::kBoxFlagged |
                                      message::kBoxDraft | message::kBoxDeleted | message::kBoxPassed;

/// Names of keywords by their bits, as a box has them; empty ones are free.
using KeywordNames = std::vector<std::string>;
/// The bits of names that are keywords here, too. $Forwarded is a flag (kBoxPassed).
Flags shared_keywords(const KeywordNames& names);
/// The bit of that name; 0: there is none.
Flags keyword_bit(const KeywordNames& names, std::string_view name);

/// A message that was on both sides, with the flags both had.
struct Pair {
  mailbox::Uid uid = 0;
  std::string name;
  Flags flags = 0;
  bool had_others = false;  ///< flags that the box does not tell now: that they are not there proves nothing
  friend bool operator==(const Pair&, const Pair&) = default;
};
/// A message of the mailbox.
struct Here {
  mailbox::Uid uid = 0;
  Flags flags = 0;
};
/// A message of the box. Its name stays the same as long as the message is there; another has it only if its octets are
/// the same.
struct There {
  std::string name;
  Flags flags = 0;
};

struct Plan {
  /// Other flags for one side.
  struct Mark {
    std::size_t pair = 0;  ///< of the pairs given
    Flags flags = 0;
  };
  std::vector<std::size_t> bring;     ///< messages of the box that the mailbox has not
  std::vector<mailbox::Uid> give;     ///< messages of the mailbox that the box has not
  std::vector<mailbox::Uid> expunge;  ///< were removed from the box
  std::vector<std::size_t> remove;    ///< of the box: were expunged from the mailbox
  std::vector<mailbox::Uid> removed;  ///< the same as pairs
  std::vector<Mark> mark_here;
  std::vector<std::pair<std::size_t, Flags>> mark_there;  ///< index in the box
  std::vector<Pair> kept;               ///< pairs with the flags both sides have then, where those are not the pair's
  std::vector<mailbox::Uid> forgotten;  ///< pairs of which neither side is left
  [[nodiscard]] bool empty() const {
    return bring.empty() && give.empty() && expunge.empty() && remove.empty() && mark_here.empty() &&
           mark_there.empty() && kept.empty() && forgotten.empty();
  }
};

/// `pairs` and `here` ascend by UID, each once. A flag that either side changed is changed; what either side removed is
/// removed. Of messages with one name as many are paired as there are, in their order: where there are fewer than
/// pairs, those that are still in the mailbox come first, so that nothing is removed for what was removed already.
/// Only the flags that are `shared` are looked at. Linear but for a map of names.
Plan merge(const std::vector<Pair>& pairs, const std::vector<Here>& here, const std::vector<There>& there,
           Flags shared = kSharedFlags);

}  // namespace angarium::location
