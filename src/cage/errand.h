// One request, done in a process of its own.
#pragma once

#include <sys/types.h>

#include "cage/host.h"
#include "cage/message.h"
#include "cage/servant.h"
#include "cage/socket.h"
#include "cage/turn.h"
#include "cage/types.h"

namespace angarium::cage {

/// How long a request may take; afterwards its process is killed. Deliveries wait for locks and commands.
inline constexpr Duration kQuestionTime = std::chrono::seconds(30);
inline constexpr Duration kDeliveryTime = std::chrono::minutes(20);
/// How long the next piece of a letter may take.
inline constexpr Duration kLetterPatience = std::chrono::minutes(2);

/// Addresses of a servant's process: what a user's boxes hold is taken into memory.
inline constexpr std::size_t kServantMemoryMax = std::size_t{1} << 30;
/// Sanitizers need more addresses than there is memory.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kServantMemoryLimited = false;
#else
inline constexpr bool kServantMemoryLimited = true;
#endif

/// What a piece of a letter has at most.
inline constexpr std::size_t kPieceMax = std::size_t{256} * 1024;

/// What there is for those who are attended to.
struct Service {
  Servant* servant;  ///< null: none
  pid_t steward;     ///< the process that forked this one: a servant ends with it
  Turns& turns;
};

/// Does it, and writes the answer to the socket, from which a delivery reads its letter, and a servant what it is
/// asked. Afterwards this process may be another user's: end it.
void do_errand(Request request, const Descriptor& socket, const Policy& policy, Host& host, const Service& service);

}  // namespace angarium::cage
