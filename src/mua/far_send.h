// Sending by an account's submission server (RFC 6409).
#pragma once

#include <string>
#include <vector>

#include "mua/draft.h"
#include "mua/far_dial.h"

namespace angarium::mua {

/// The server took the message for nobody, or does not take our mail.
inline constexpr ErrorKind kNotTaken{"mua.not-taken", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kNotTakenNow{"mua.not-taken-now", Fault::dependency, Lasting::temporary};
/// The message was sent whole and not answered: it may have been accepted, and sending it again may double it.
inline constexpr ErrorKind kPerhapsSent{"mua.perhaps-sent", Fault::dependency, Lasting::permanent};

/// A recipient who does not get it.
struct Refusal {
  std::string address;
  std::string words;  ///< the server's, with its code; any octets
  bool temporary = false;
};

/// Connects, logs in and sends to all recipients; who was refused though others were not. kStranger, kNotLetIn,
/// kNotTaken, kNotTakenNow, kPerhapsSent, kUsage for addresses that no server takes, those of Dial and of the client.
io::Task<Result<std::vector<Refusal>>> submit(const FarTerms& terms, const Composed& letter);
/// Connects and logs in, no more; how the server was reached.
io::Task<Result<MailHost>> try_submission(const FarTerms& terms);

}  // namespace angarium::mua
