// What a story comes to: how it stands with each recipient. The answer to "why did this not arrive?".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "trace/types.h"

namespace angarium::agent {

struct Standing {
  /// In the order in which a person wants to know of them.
  enum class Kind {
    failed,     ///< for good; the sender was told, if anybody
    waits,      ///< in the queue
    refused,    ///< when it came
    lost,       ///< let in, but the message never came
    removed,    ///< by an operator
    taken,      ///< by another server, whose it is now
    sent_on,    ///< to where the address leads; those recipients have standings of their own, here or in their story
    delivered,  ///< into mailboxes, a file or a command
    discarded,
  };
  std::string address;  ///< escaped
  Kind kind = Kind::waits;
  std::string words;   ///< the last ones about it, of the other side or ours, escaped; or none
  std::string status;  ///< the last enhanced code, or none
};
std::string_view standing_word(Standing::Kind kind);

/// One for each of `beginning.recipients`, in order. `queued`: something of the message is in the queue still.
enum class InQueue { no, yes };
std::vector<Standing> standings(const trace::Beginning& beginning, const std::vector<trace::Event>& events,
                                InQueue queued);

/// "delivered"; "1 failed, 2 delivered"; empty: it has no recipient.
std::string summary(const std::vector<Standing>& standings);

}  // namespace angarium::agent
