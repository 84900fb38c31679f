// The DNS itself, by way of libunbound: caching, validating, many questions at once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/loop.h"
#include "io/resolve.h"

namespace angarium::io {

/// Where Debian's package dns-root-data keeps the keys of the root.
inline constexpr std::string_view kSystemTrustAnchor = "/usr/share/dns/root.key";

/// A DNS server as operators write it: "192.0.2.53", "2001:db8::53", with a port "192.0.2.53:5353",
/// "[2001:db8::53]:5353"; port 53 without one. kBadResolver.
Result<Endpoint> parse_dns_server(std::string_view text);

struct ResolverOptions {
  /// Recursive servers, asked in no fixed order; empty: those of /etc/resolv.conf. Loopback ones and any port are fine.
  std::vector<Endpoint> servers;
  /// A file with the DS or DNSKEY records that DNSSEC begins with; empty: nothing is validated, nothing is secure.
  std::string trust_anchor_file;
  /// The same as single records in text.
  std::vector<std::string> trust_anchors;
  /// What becomes of an answer whose proof fails: nothing is known (RFC 4035 §5.5), or it counts as unsigned. The
  /// second is for servers that do not hand out what proofs take; what is proved is `secure` either way.
  enum class Bogus : std::uint8_t { temporary, insecure } bogus = Bogus::temporary;
  /// Domains that are never validated: private ones below a signed parent.
  std::vector<std::string> insecure_domains;
};

inline constexpr ErrorKind kBadResolver{"io.bad-resolver-options", Fault::user, Lasting::permanent};

/// A libunbound context with its thread and cache, watched by one loop. The loop must have descriptors.
class UnboundResolver final : public Resolver {
 public:
  /// kBadResolver, kOutOfMemory.
  static Result<std::unique_ptr<UnboundResolver>> make(Loop& loop, const ResolverOptions& options);
  ~UnboundResolver() override;

  using Resolver::resolve;
  Task<Result<Answer>> resolve(std::string name, RecordType type, ResolveOptions options) override;

  /// A new context with an empty cache for the questions from now on; the old one goes with its last question. When
  /// the options are refused nothing changes.
  Result<void> reload(const ResolverOptions& options);
  /// Questions that wait.
  [[nodiscard]] std::size_t waiting() const;

 private:
  class Context;
  class Question;
  UnboundResolver(Loop& loop, std::shared_ptr<Context> context);

  Loop& loop_;
  std::shared_ptr<Context> context_;
};

}  // namespace angarium::io
