// An account at an IMAP server, as a source.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "fetch/url.h"
#include "io/loop.h"
#include "sasl/client.h"
#include "sasl/secret.h"
#include "sasl/types.h"
#include "transfer/source.h"
#include "wire/connection/connection.h"
#include "wire/tls/dial.h"

namespace angarium::transfer {

using wire::tls::kStranger;
/// The server does not let us in.
inline constexpr ErrorKind kNotLetIn{"transfer.not-let-in", Fault::user, Lasting::permanent};

struct RemoteOptions {
  fetch::Url url;  ///< of IMAP
  sasl::Secret password;
  sasl::Needs has = sasl::Needs::password;  ///< a token: it stands in `password`
  /// Needs::ticket: gets one for the service, host and connection that the context tells of. It may wait.
  std::function<Result<std::unique_ptr<sasl::GssContext>>(const sasl::ClientContext&)> ticket{};
  /// SHA-256 of the server's public key in lower hexadecimal, which is believed whatever its certificate is; empty: the
  /// certificate must be vouched for and bear the host's name.
  std::string key;
  std::vector<std::string> folders;  ///< the server's names; empty: all, but those that show others' messages again
  Duration timeout = std::chrono::minutes(5);  ///< of each answer
};

/// Names are looked up as other programs of this host do. Without TLS only to this host. kPlace, io's errors,
/// wire::kTlsHandshake. Runs the loop.
Result<std::unique_ptr<wire::Connection>> connect_remote(io::Loop& loop, const fetch::Url& url);
wire::tls::Way way_to(const fetch::Url& url);

class RemoteSession;

/// Runs its loop while something is wanted of it: between two calls the server waits. Messages come many a round trip,
/// and about kAheadOctets are held before they are asked for. Nothing is changed at the server.
class RemoteBox final : public Source {
 public:
  /// Over a new connection; logs in. kStranger, kNotLetIn, those of protocol/imap/client.h. The loop outlives it.
  static Result<std::unique_ptr<RemoteBox>> enter(io::Loop& loop, std::unique_ptr<wire::Connection> connection,
                                                  RemoteOptions options);
  ~RemoteBox() override;

  Result<Found> find() override;
  Result<std::unique_ptr<Reader>> open(const Folder& folder, const Fingerprint& seed) override;

 private:
  explicit RemoteBox(std::unique_ptr<RemoteSession> session);
  std::unique_ptr<RemoteSession> session_;
};

}  // namespace angarium::transfer
