// The octets that an IMAP URL names: the one place for CATENATE, URLFETCH and BURL.
#pragma once

#include <memory>
#include <string>

#include "io/task.h"
#include "message/structure.h"
#include "protocol/imap/backend.h"
#include "protocol/imap/url.h"

namespace angarium::protocol::imap {

/// A message, or a part of one, as FETCH's BODY[…] would give it to who may have UTF-8; nothing becomes \Seen.
class UrlMessage {
 public:
  /// `mailbox`: the whole name, as url_mailbox() gives it. kBadUrl when there is no such mailbox (or one of another
  /// UIDVALIDITY), message or part; other errors of the backend.
  static io::Task<Result<UrlMessage>> open(Account& account, const std::string& mailbox, const ImapUrl& url);

  [[nodiscard]] std::uint64_t size() const { return subset_ ? subset_->size() : range_.size; }
  /// Octets left to be read.
  [[nodiscard]] bool at_end() const { return left_ == 0; }
  /// The next ones, at least one and at most kBodyChunk. kBadUrl when the message went in between.
  io::Task<Result<Octets>> next();

 private:
  io::Task<Result<void>> choose(const ImapUrl& url);
  io::Task<Result<void>> choose_fields(const ImapUrl& url, message::Range header);

  std::shared_ptr<Mailbox> mailbox_;
  Entry entry_;
  message::Range range_;
  std::shared_ptr<const std::string> subset_;  ///< of HEADER.FIELDS: no stretch of the message
  std::uint64_t left_ = 0;
};

}  // namespace angarium::protocol::imap
