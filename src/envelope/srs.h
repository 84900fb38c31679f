// Sender Rewriting Scheme: a return address of another domain as one of ours, so that a message may be sent on in our
// name (SPF), and back, when a report comes to it. Written as libsrs2 and postsrsd write it:
//
//     SRS0=HASH=TT=their.example=local@our.example           first hop
//     SRS1=HASH=hop.example==HASH=TT=their.example=local@…   what another hop has rewritten already
//
// HASH is ours to check, TT the day. Pure; no room for guesses: a hash is compared in constant time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "envelope/path.h"

namespace angarium::envelope {

/// It looks like one, but the hash is not ours, or it was cut.
inline constexpr ErrorKind kForgedSrs{"envelope.srs-forged", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kExpiredSrs{"envelope.srs-expired", Fault::user, Lasting::permanent};
/// The address would be longer than kSrsLocalPartMax.
inline constexpr ErrorKind kSrsTooLong{"envelope.srs-too-long", Fault::user, Lasting::permanent};

/// Letters of a hash. Case does not count, since some hosts change it: six are some 31 bits. libsrs2 writes four.
inline constexpr std::size_t kSrsHashLetters = 6;
/// Days for which an address is good: longer than any queue keeps a message. libsrs2's default.
inline constexpr int kSrsDays = 21;
/// Octets of a rewritten local part. RFC 5321 §4.5.3.1.1 has 64, which real ones pass; all mailers in use take this.
inline constexpr std::size_t kSrsLocalPartMax = 255;

/// Whether the local part begins as one of these addresses.
bool is_srs(std::string_view local_part);

class Srs {
 public:
  /// `keys`: at least one; the first signs, all are believed. `domain`: of the addresses that are made.
  Srs(std::vector<std::string> keys, std::string domain) : keys_(std::move(keys)), domain_(std::move(domain)) {}

  /// kSrsTooLong.
  [[nodiscard]] Result<Mailbox> forward(const Mailbox& sender, WallTime now) const;
  /// Where mail to one of our addresses goes: the sender, or the hop before us. kForgedSrs, kExpiredSrs.
  [[nodiscard]] Result<Mailbox> reverse(std::string_view local_part, WallTime now) const;

 private:
  [[nodiscard]] bool is_ours(std::string_view hash, std::string_view signed_text) const;

  std::vector<std::string> keys_;
  std::string domain_;
};

}  // namespace angarium::envelope
