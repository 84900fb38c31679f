// What a submission server does to the header of a user's message (RFC 6409 §8): adds Date and Message-ID where they
// are missing, takes Bcc and Return-Path away, and refuses what is no header.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace angarium::agent {

/// The header of a submitted message is longer than kSubmittedHeaderMax.
inline constexpr ErrorKind kHeaderTooLong{"agent.header-too-long", Fault::user, Lasting::permanent};
/// The header of a submitted message breaks the grammar, or names no author.
inline constexpr ErrorKind kBadHeader{"agent.bad-header", Fault::user, Lasting::permanent};
/// A sender used an address that is not its own.
inline constexpr ErrorKind kNotOwnAddress{"agent.not-own-address", Fault::user, Lasting::permanent};
/// Too many Received fields.
inline constexpr ErrorKind kMailLoop{"agent.mail-loop", Fault::user, Lasting::permanent};

/// Octets of a header that are held to be looked at. Mail programs write a few KiB; a thousand recipients fit.
inline constexpr std::size_t kSubmittedHeaderMax = 256 * 1024;

/// Fed with a message from its first octet on; holds the header until it is whole, then gives the mended one.
class SubmissionHeader {
 public:
  /// `author`: the value of From where there is none; empty: such a header is refused.
  explicit SubmissionHeader(std::string hostname, std::string author = {})
      : hostname_(std::move(hostname)), author_(std::move(author)) {}

  /// Takes what belongs to the header; the rest of `octets`, which is body, is returned once done(). kHeaderTooLong,
  /// kBadHeader.
  Result<std::string_view> feed(std::string_view octets);
  /// The message ended within its header. kBadHeader.
  Result<> finish();
  [[nodiscard]] bool done() const { return done_; }
  /// The mended header with the empty line that ends it.
  [[nodiscard]] const std::string& text() const { return text_; }

  /// An address of From, Sender, Resent-From or Resent-Sender.
  struct Author {
    std::string field;
    std::string local_part;
    std::string domain;
  };
  [[nodiscard]] const std::vector<Author>& authors() const { return authors_; }

 private:
  Result<> mend();

  std::string hostname_;
  std::string author_;
  std::string text_;
  std::vector<Author> authors_;
  bool done_ = false;
};

}  // namespace angarium::agent
