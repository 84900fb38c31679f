// The octets that an IMAP URL names: the one place for CATENATE, URLFETCH and BURL.
#pragma once

#include <memory>
#include <string>

#include "io/task.h"
#include "message/structure.h"
#include "protocol/imap/backend.h"
#include "protocol/imap/decoded_part.h"
#include "protocol/imap/url.h"

namespace angarium::protocol::imap {

/// A message, or a part of one, as FETCH's BODY[…] would give it to who may have UTF-8; nothing becomes \Seen. It stays
/// where it is once next() was called.
class UrlMessage {
 public:
  /// `mailbox`: the whole name, as url_mailbox() gives it. kBadUrl when there is no such mailbox (or one of another
  /// UIDVALIDITY), message or part; other errors of the backend.
  static io::Task<Result<UrlMessage>> open(Account& account, const std::string& mailbox, const ImapUrl& url);

  [[nodiscard]] std::uint64_t size() const {
    return decoding_ ? decoding_->stretch.size : subset_ ? subset_->size() : range_.size;
  }
  /// From now on without transfer encoding (RFC 5524 §3.1), where it is a part that has one; before next().
  /// kUnknownCte; it stays as it was then.
  io::Task<Result<void>> decode();
  [[nodiscard]] bool holds_zero_octets() const { return decoding_ && decoding_->zero_octets; }
  /// BODY of what the URL names, as it is given: BODYPARTSTRUCTURE (RFC 5524 §3.2).
  io::Task<Result<std::string>> body_structure();
  /// Octets left to be read.
  [[nodiscard]] bool at_end() const { return left_ == 0; }
  /// The next ones, at least one and at most kBodyChunk. kBadUrl when the message went in between.
  io::Task<Result<Octets>> next();

 private:
  /// A part whose transfer encoding is undone.
  struct Decoding {
    message::Range part;
    message::Encoding encoding = message::Encoding::binary;
    message::Range stretch;  ///< of the decoded octets
    bool zero_octets = false;
    std::uint64_t position = 0;  ///< of the decoded octets that come next
    std::optional<DecodedPart> octets = {};
  };
  io::Task<Result<void>> choose(const ImapUrl& url);
  io::Task<Result<void>> choose_fields(const ImapUrl& url, message::Range header);
  io::Task<Result<std::string>> message_structure();
  io::Task<Result<std::uint64_t>> lines(const message::Part& root) const;
  io::Task<Result<void>> count(Decoding& decoding) const;
  io::Task<Result<Octets>> next_decoded();

  std::shared_ptr<Mailbox> mailbox_;
  Section section_;
  std::optional<Partial> partial_;
  Entry entry_;
  message::Range range_;
  std::shared_ptr<const std::string> subset_;  ///< of HEADER.FIELDS: no stretch of the message
  std::optional<Decoding> decoding_;
  std::uint64_t left_ = 0;
};

}  // namespace angarium::protocol::imap
