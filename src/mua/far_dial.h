// The way to the servers of an account elsewhere: found, reached, encrypted and known before anything is told to them.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "configuration/mail_accounts.h"
#include "io/network.h"
#include "io/task.h"
#include "sasl/client.h"
#include "sasl/secret.h"
#include "wire/connection/connection.h"
#include "wire/tls/dial.h"

namespace angarium::mua {

using configuration::MailAccount;
using configuration::MailHost;

using wire::tls::kStranger;
/// The server does not let the user in.
inline constexpr ErrorKind kNotLetIn{"mua.not-let-in", Fault::user, Lasting::permanent};

/// A connection on which nothing was said yet.
struct Reached {
  std::unique_ptr<wire::Connection> connection;
  MailHost by;  ///< with port and kind of TLS; of `starttls` the protocol still has to ask for it
};
/// TLS from the first octet on where that is asked for or to be had, else a connection for STARTTLS. Without TLS only
/// to this host (kStranger). io's errors, wire::kTlsHandshake.
using Dial = std::function<io::Task<Result<Reached>>(MailHost)>;
/// By the host's own look-ups. The network outlives its tasks.
Dial dial_by(io::Network& network);

/// What is needed to be let in by the servers of an account.
struct FarTerms {
  MailAccount account;
  Dial dial;
  /// Asked once a connection, before it is made. May ask the user.
  std::function<Result<sasl::Secret>()> password;
  /// With tickets: gets one of the principal, or of whoever the user's are, for the service, host and connection that
  /// the context tells of. It may wait.
  std::function<Result<std::unique_ptr<sasl::GssContext>>(const std::string& principal, const sasl::ClientContext&)>
      ticket{};
  /// Octets of a long transfer, of so many.
  std::function<void(std::uint64_t done, std::uint64_t all)> progress = [](std::uint64_t, std::uint64_t) {};
};

/// Whether the server is the one that is meant, once TLS is on: by the account's key where it names one, else by its
/// certificate. kStranger.
Result<> check_peer(const Reached& reached, const MailAccount& account);
/// What a server of this service ("imap") is told: the user's name with the password or token, or a ticket, which is
/// got now; without TLS under the strongest layer that can be had. sasl::kUnavailable: there is no ticket.
Result<sasl::ClientContext> credentials_for(const FarTerms& terms, const Reached& reached, std::string service,
                                            sasl::Secret password);
/// Who logs in there.
const std::string& user_for(const MailAccount& account, MailHost::Protocol protocol);
/// "imap.example.org:993"
std::string place_of(const MailHost& host);

}  // namespace angarium::mua
