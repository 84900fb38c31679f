// One request, done in a process of its own.
#pragma once

#include "cage/host.h"
#include "cage/message.h"
#include "cage/socket.h"
#include "cage/types.h"

namespace angarium::cage {

/// How long a request may take; afterwards its process is killed. Deliveries wait for locks and commands.
inline constexpr Duration kQuestionTime = std::chrono::seconds(30);
inline constexpr Duration kDeliveryTime = std::chrono::minutes(20);
/// How long the next piece of a letter may take.
inline constexpr Duration kLetterPatience = std::chrono::minutes(2);

/// What a piece of a letter has at most.
inline constexpr std::size_t kPieceMax = std::size_t{256} * 1024;

/// Does it, and writes the answer to the socket, from which a delivery reads its letter. Afterwards this process may be
/// another user's: end it.
void do_errand(Request request, const Descriptor& socket, const Policy& policy, Host& host);

}  // namespace angarium::cage
