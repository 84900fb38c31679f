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

/// Flags that both sides have. That a reader has seen a message in a list (kBoxOld) is the box's own.
inline constexpr message::BoxFlags kSharedFlags = message::kBoxSeen | message::kBoxAnswered | message::kBoxFlagged |
                                                  message::kBoxDraft | message::kBoxDeleted | message::kBoxPassed;

/// A message that was on both sides, with the flags both had.
struct Pair {
  mailbox::Uid uid = 0;
  std::string name;
  message::BoxFlags flags = 0;
  friend bool operator==(const Pair&, const Pair&) = default;
};
/// A message of the mailbox.
struct Here {
  mailbox::Uid uid = 0;
  message::BoxFlags flags = 0;
};
/// A message of the box. Its name stays the same as long as the message is there; another has it only if its octets are
/// the same.
struct There {
  std::string name;
  message::BoxFlags flags = 0;
};

struct Plan {
  /// Other flags for one side.
  struct Mark {
    std::size_t pair = 0;  ///< of the pairs given
    message::BoxFlags flags = 0;
  };
  std::vector<std::size_t> bring;     ///< messages of the box that the mailbox has not
  std::vector<mailbox::Uid> give;     ///< messages of the mailbox that the box has not
  std::vector<mailbox::Uid> expunge;  ///< were removed from the box
  std::vector<std::size_t> remove;    ///< of the box: were expunged from the mailbox
  std::vector<mailbox::Uid> removed;  ///< the same as pairs
  std::vector<Mark> mark_here;
  std::vector<std::pair<std::size_t, message::BoxFlags>> mark_there;  ///< index in the box
  std::vector<Pair> kept;               ///< pairs with the flags both sides are to have, where those are not the pair's
  std::vector<mailbox::Uid> forgotten;  ///< pairs of which neither side is left
  [[nodiscard]] bool empty() const {
    return bring.empty() && give.empty() && expunge.empty() && remove.empty() && mark_here.empty() &&
           mark_there.empty() && kept.empty() && forgotten.empty();
  }
};

/// `pairs` and `here` ascend by UID, each once. A flag that either side changed is changed; what either side removed is
/// removed. Of messages with one name as many are paired as there are, in their order: where there are fewer than
/// pairs, those that are still in the mailbox come first, so that nothing is removed for what was removed already.
/// Linear but for a map of names.
Plan merge(const std::vector<Pair>& pairs, const std::vector<Here>& here, const std::vector<There>& there);

}  // namespace angarium::location
