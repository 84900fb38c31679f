// One attempt of the courier: what its ways have in common.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/attempt_story.h"
#include "agent/courier.h"

namespace angarium::agent {

inline queue::Trouble trouble(std::string status, std::string words, WallTime at) {
  return {.status = std::move(status), .diagnostic = std::move(words), .remote = {}, .at = at};
}

/// The same where the words are of this host's insides.
inline queue::Trouble inner_trouble(std::string status, std::string words, WallTime at) {
  queue::Trouble made = trouble(std::move(status), std::move(words), at);
  made.inner = true;
  return made;
}

/// How many sessions work for it.
struct Courier::Worked {
  std::size_t sessions = 0;
  std::size_t most = SIZE_MAX;  ///< as many as the other side has taken, once it refused one
  std::size_t turn = 0;         ///< messages since it last waited for its site
  bool unreachable = false;
};

/// One attempt, as far as it has come.
struct Courier::Round {
  const queue::Job& job;
  std::vector<Fate> fates;  ///< one for each addressee
  AttemptStory story{job};
  std::optional<Unreachable> unreached;  ///< no server was reached for some of them
  std::optional<Unreachable> crowded;    ///< some were not tried, for their site has no place now
  bool settled = false;                  ///< written down already
  bool cut_short = false;                ///< some were not tried, for the server ends
  std::optional<Targets::Visit> visit;   ///< until what came of it is written down

  void all(const std::vector<std::size_t>& which, const Fate& fate) {
    for (const std::size_t i : which) fates[i] = fate;
  }
};

}  // namespace angarium::agent
