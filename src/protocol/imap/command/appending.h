// What APPEND and REPLACE share: append-message (RFC 9051 §9, RFC 4466 §6) with CATENATE (RFC 4469). Messages are
// streamed, never collected.
#pragma once

#include <string>

#include "protocol/imap/session.h"
#include "protocol/imap/url_message.h"

namespace angarium::protocol::imap::command {

/// "APPENDUID 38505 3955" (RFC 4315 §3).
std::string append_uid(const AppendOutcome& outcome);

/// One command at work: the parser stands in what the reader holds, which changes with every literal.
class Appending {
 public:
  Appending(Session& session, Parser& parser) : session_(session), parser_(parser) {}

  /// The mailbox name, which may be a literal itself.
  io::Task<Result<std::string>> mailbox();
  /// append-message behind the blank before it.
  io::Task<Result<void>> message(Append& append);
  /// The tagged reply to a failure: BADURL names its URL. Literals that are still under way are dropped.
  io::Task<Result<Reply>> refuse(Error error);

 private:
  io::Task<Result<void>> astring_arrives();
  [[nodiscard]] bool at_announcement() const;
  Result<AppendMessage> head();
  Result<void> literal_head(AppendMessage& message);
  io::Task<Result<void>> literal(Append& append, const AppendMessage& message);
  io::Task<Result<void>> stream(Append& append, const AppendMessage& message);
  io::Task<Result<void>> catenate(Append& append);
  io::Task<Result<void>> text_part(Append& append);
  io::Task<Result<void>> url_part(Append& append);
  /// So many octets more belong to the message that is put together.
  Result<void> grow(std::uint64_t octets);

  Session& session_;
  Parser& parser_;
  std::uint64_t catenated_ = 0;  ///< octets of the message that is put together
  std::string url_;              ///< the one that failed
};

}  // namespace angarium::protocol::imap::command
