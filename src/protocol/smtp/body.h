// A message's body on its way from the line to the backend's sink.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/time.h"
#include "io/task.h"
#include "message/dots.h"
#include "protocol/smtp/backend.h"
#include "protocol/smtp/policy.h"
#include "protocol/smtp/reply.h"

namespace angarium::protocol::smtp {

class Conversation;

/// Counts, checks and hands on; holds no octets. Once the message is refused what follows is dropped, and the refusal
/// is said at its end (RFC 5321 §4.1.1.4, RFC 3030 §2).
class BodyIntake {
 public:
  /// `begun`: when the first octet was asked for.
  BodyIntake(Conversation& conversation, Moment begun);

  /// One that is only dropped.
  BodyIntake(Conversation& conversation, Moment begun, Reply why)
      : conversation_(&conversation), begun_(begun), refusal_(std::move(why)) {}

  /// Octets without their dot-stuffing. Flow::pause: wait for Session::drained() before the next call.
  Flow take(std::string_view octets);
  /// Looks at octets that no DotReader saw: those of BDAT.
  void look(std::string_view octets) { seen_.feed(octets); }

  /// So many octets are about to come: too many are refused at once.
  void expect(std::uint64_t octets);

  void refuse(Reply reply);
  [[nodiscard]] bool refused() const { return refusal_.has_value(); }
  [[nodiscard]] const Reply& refusal() const { return *refusal_; }
  /// So many octets came though the message is refused for its size: the client will not stop.
  [[nodiscard]] bool overrun() const;
  /// When to give up waiting for the next octet: Times::data_block, and the rate of Times::data_rate (a slow drip
  /// ends).
  [[nodiscard]] Moment deadline(Moment now) const;

  /// The end: `seen` is what the DotReader saw, or seen() of BDAT. Refuses bare line ends where policy says so.
  BodyFacts finish(const message::LineScanner& seen);
  [[nodiscard]] const message::LineScanner& seen() const { return seen_; }

 private:
  Flow pass(std::string_view octets);

  Conversation* conversation_;
  Moment begun_;
  std::uint64_t received_ = 0;  ///< octets taken
  std::uint64_t octets_ = 0;    ///< octets handed on, with those before a checkpoint
  message::LineScanner seen_;
  message::LineEndNormalizer normalizer_;
  std::optional<Reply> refusal_;
};

/// For BDAT and BURL: the body begins, unless it has begun.
io::Task<> begin_chunks(Conversation& conversation);
/// Waits for more octets of the body. False: the session is over and the farewell is written, since the client was too
/// slow or sends without end.
io::Task<Result<bool>> more_body(Conversation& conversation);
/// Waits until the sink takes octets again; if it never will, the message is refused.
io::Task<Result<>> sink_drained(Conversation& conversation);

/// The message is whole: commits it, or says why not; one reply, or one for each accepted recipient in LMTP (RFC 2033
/// §4.2). The transaction is over then.
io::Task<Result<>> finish_message(Conversation& conversation, const message::LineScanner& seen);

}  // namespace angarium::protocol::smtp
