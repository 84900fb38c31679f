// Delivery into a Maildir (D. J. Bernstein) or a subfolder of Maildir++ (Courier's README.maildirquota).
#pragma once

#include "delivery/delivery.h"

namespace angarium::delivery {

/// What is in tmp longer than this was left there by a crash; Bernstein's number.
inline constexpr std::int64_t kLeftover_s = std::int64_t{36} * 3600;
/// Files of tmp that are looked at after a delivery.
inline constexpr std::size_t kLeftoversMax = 1000;

/// Writes the letter into tmp, syncs it, gives it its name in new and syncs that folder. Folders that are missing are
/// made; the one above must be there. The path of the file, when delivered.
Step<std::string> deliver_maildir(const MaildirTarget& target, Letter& letter, const Surroundings& surroundings);

}  // namespace angarium::delivery
