// One transaction of the client: MAIL, RCPT, and the message by DATA or BDAT.
#include <algorithm>
#include <utility>

#include "message/dots.h"
#include "protocol/smtp/client.h"

namespace angarium::protocol::smtp {
namespace {

/// Commands sent before their replies are read. Their replies, some 100 octets each, fit any socket's buffer, so that
/// neither side waits for the other (RFC 2920 §3.1).
constexpr std::size_t kGroupMax = 100;
/// Octets of a chunk of BDAT: large enough that its reply costs nothing, small enough that a failure is known early.
constexpr std::size_t kChunkOctets = 1 << 20;

}  // namespace

/// A transaction under way.
struct Client::Sending {
  const envelope::Envelope& envelope;
  const MessageFacts& facts;
  MessageSource& source;
  SendReport report;
  std::vector<std::size_t> accepted;  ///< recipients with a positive reply, as indices of the envelope
  enum class Carry { data, bdat } carry = Carry::data;
  bool data_sent = false;  ///< DATA went with the group of commands
};

Result<> Client::check_possible(const Sending& sending) const {
  const MessageFacts& facts = sending.facts;
  if (facts.binary && !extensions_.binary) return fail(kNeedsBinary, "the server does not take binary messages");
  if (facts.eight_bit && !extensions_.eight_bit && !facts.binary)
    return fail(kNeedsEightBit, "the server does not take 8-bit messages");
  if ((facts.utf8_header || envelope::needs_utf8(sending.envelope)) && !extensions_.smtputf8)
    return fail(kNeedsUtf8, "the server does not take internationalised messages");
  if (extensions_.size != 0 && facts.octets > extensions_.size)
    return fail(kTooBigForServer,
                "the message is larger than the server's limit of " + std::to_string(extensions_.size) + " octets");
  return {};
}

std::string Client::mail_line(const Sending& sending) const {
  const envelope::Sender& sender = sending.envelope.sender;
  // Only what the server announced may be said (RFC 5321 §2.2.1).
  envelope::MailParameters wanted = sender.parameters;
  envelope::MailParameters said;
  if (extensions_.has_size) said.size = sending.facts.octets;
  if (sending.facts.binary) {
    said.body = envelope::Body::binary_mime;
  } else if (extensions_.eight_bit && (sending.facts.eight_bit || wanted.body == envelope::Body::eight_bit_mime)) {
    said.body = envelope::Body::eight_bit_mime;
  }
  said.smtputf8 = sending.facts.utf8_header || envelope::needs_utf8(sending.envelope);
  if (extensions_.dsn) {
    said.ret = wanted.ret;
    said.envelope_id = std::move(wanted.envelope_id);
  }
  if (authenticated_) said.auth = std::move(wanted.auth);
  if (extensions_.priority) said.priority = wanted.priority;
  if (extensions_.deliver_by) said.deliver_by = wanted.deliver_by;
  if (extensions_.future) {
    said.hold_for_s = wanted.hold_for_s;
    said.hold_until = wanted.hold_until;
  }
  said.require_tls = wanted.require_tls && extensions_.require_tls;
  return "MAIL FROM:" + sender.path.text() + envelope::format_parameters(said);
}

std::string Client::rcpt_line(const envelope::Recipient& recipient) const {
  std::string line = "RCPT TO:" + recipient.path.text();
  if (!extensions_.dsn) return line;
  envelope::RcptParameters said;
  said.notify = recipient.parameters.notify;
  said.original = recipient.parameters.original;
  const envelope::Utf8 utf8 = extensions_.smtputf8 ? envelope::Utf8::accept : envelope::Utf8::refuse;
  return line + envelope::format_parameters(said, utf8);
}

io::Task<Result<SendReport>> Client::send(const envelope::Envelope& envelope, const MessageFacts& facts,
                                          MessageSource& source) {
  Sending sending{envelope, facts, source, {}, {}, Sending::Carry::data, false};
  CO_TRY(check_possible(sending));
  const bool chunks = options_.chunking == Chunking::when_possible && extensions_.chunking;
  if (facts.binary || chunks) sending.carry = Sending::Carry::bdat;
  sending.report.recipients.resize(envelope.recipients.size());
  CO_TRY(co_await send_envelope(sending));
  if (sending.data_sent || !sending.accepted.empty()) {
    CO_TRY(co_await send_data(sending));
  } else if (sending.report.mail.completed() && !closed_) {
    CO_TRY(co_await reset());
  }
  co_return std::move(sending.report);
}

io::Task<Result<>> Client::send_envelope(Sending& sending) {
  const std::size_t all = sending.envelope.recipients.size();
  // RFC 9422 §5: more recipients than the server takes are not sent; they go with another transaction.
  const std::size_t most = std::min<std::size_t>(all, extensions_.recipients_max.value_or(UINT32_MAX));
  for (std::size_t i = most; i < all; ++i) sending.report.recipients[i] = reply::kTooManyRecipients;
  write_line(mail_line(sending));
  std::size_t first = 0;
  if (!extensions_.pipelining) {
    CO_TRY(co_await flush(options_.times.mail));
  } else {
    first = std::min(most, kGroupMax);
    for (std::size_t i = 0; i < first; ++i) write_line(rcpt_line(sending.envelope.recipients[i]));
    sending.data_sent = first == most && sending.carry == Sending::Carry::data;
    if (sending.data_sent) write_line("DATA");
    CO_TRY(co_await flush(options_.times.mail));
  }
  sending.report.mail = CO_TRY(co_await read_reply(options_.times.mail));
  CO_TRY(co_await read_recipients(sending, 0, first));
  while (first < most && sending.report.mail.completed() && !closed_) {
    const std::size_t next = std::min(most, first + (extensions_.pipelining ? kGroupMax : 1));
    for (std::size_t i = first; i < next; ++i) write_line(rcpt_line(sending.envelope.recipients[i]));
    CO_TRY(co_await flush(options_.times.rcpt));
    CO_TRY(co_await read_recipients(sending, first, next));
    first = next;
  }
  // Whom nobody was asked about shares the fate of MAIL.
  for (std::size_t i = first; i < most; ++i) sending.report.recipients[i] = sending.report.mail;
  co_return Result<>();
}

io::Task<Result<>> Client::read_recipients(Sending& sending, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    Reply reply = CO_TRY(co_await read_reply(options_.times.rcpt));
    // RFC 5321 §4.5.3.1.10: a 552 here is an old server's "too many recipients", and temporary.
    if (reply.code == 552) reply.code = 452;
    if (reply.completed() && sending.report.mail.completed()) sending.accepted.push_back(i);
    // What followed a refused MAIL was refused for its sake (503): its reply tells more.
    sending.report.recipients[i] = sending.report.mail.completed() ? std::move(reply) : sending.report.mail;
  }
  co_return Result<>();
}

io::Task<Result<>> Client::send_data(Sending& sending) {
  if (sending.carry == Sending::Carry::bdat) co_return co_await send_chunks(sending);
  if (!sending.data_sent) {
    write_line("DATA");
    CO_TRY(co_await flush(options_.times.data));
  }
  const Reply go = CO_TRY(co_await read_reply(options_.times.data));
  if (go.code == 354) {
    if (!sending.accepted.empty()) co_return co_await send_dotted(sending);
    // RFC 2920 §3.1: the server wants data though it took no recipient: an empty message, which goes nowhere.
    write_line(".");
    CO_TRY(co_await flush(options_.times.block));
    CO_TRY(co_await read_reply(options_.times.end_of_data));
    co_return Result<>();
  }
  for (const std::size_t i : sending.accepted) sending.report.recipients[i] = go;
  if (go.completed()) co_return fail(kBadReply, "the server answered DATA with " + std::to_string(go.code));
  if (sending.report.mail.completed() && !closed_) co_return co_await reset();
  co_return Result<>();
}

io::Task<Result<>> Client::send_dotted(Sending& sending) {
  message::DotWriter dots;
  for (;;) {
    std::string_view piece = CO_TRY(co_await sending.source.next());
    if (piece.empty()) break;
    while (!piece.empty()) {
      output_.append(dots.take(piece));
      if (output_.size() < wire::Output::kHighWater) continue;
      if (Result<> sent = co_await flush(options_.times.block); !sent)
        co_return co_await broken_off(sending, std::move(sent).error());
    }
  }
  output_.append(dots.finish());
  if (Result<> sent = co_await flush(options_.times.block); !sent)
    co_return co_await broken_off(sending, std::move(sent).error());
  co_return co_await read_outcome(sending);
}

io::Task<Result<>> Client::broken_off(Sending& sending, Error why) {
  Result<Reply> last = co_await read_reply(options_.times.block);
  if (!last || last->positive()) co_return std::unexpected(std::move(why));
  for (const std::size_t i : sending.accepted) sending.report.recipients[i] = *last;
  co_return Result<>();
}

io::Task<Result<>> Client::send_chunks(Sending& sending) {
  std::string_view piece = CO_TRY(co_await sending.source.next());
  while (!piece.empty()) {
    const std::string_view chunk = piece.substr(0, kChunkOctets);
    write_line("BDAT " + std::to_string(chunk.size()));
    for (std::string_view rest = chunk; !rest.empty();) {
      const std::string_view block = rest.substr(0, wire::Output::kHighWater);
      output_.append(block);
      rest.remove_prefix(block.size());
      CO_TRY(co_await flush(options_.times.block));
    }
    const Reply reply = CO_TRY(co_await read_reply(options_.times.end_of_data));
    if (!reply.completed()) {
      for (const std::size_t i : sending.accepted) sending.report.recipients[i] = reply;
      if (!closed_) CO_TRY(co_await reset());
      co_return Result<>();
    }
    piece.remove_prefix(chunk.size());
    if (piece.empty()) piece = CO_TRY(co_await sending.source.next());
  }
  write_line("BDAT 0 LAST");
  CO_TRY(co_await flush(options_.times.block));
  co_return co_await read_outcome(sending);
}

io::Task<Result<>> Client::read_outcome(Sending& sending) {
  const bool lmtp = options_.dialect == Dialect::lmtp;
  Reply reply;
  for (std::size_t n = 0; n < sending.accepted.size(); ++n) {
    if (n == 0 || lmtp) {
      Result<Reply> next = co_await read_reply(options_.times.end_of_data);
      if (!next && n == 0) co_return fail(kUnanswered, "no reply to the end of data: " + next.error().text());
      // RFC 2033 §5: the replies that came count, for the others it is as if they were temporary failures.
      reply = next ? *std::move(next) : Reply(451, {4, 4, 2}, "Connection lost before this recipient's reply");
    }
    sending.report.recipients[sending.accepted[n]] = reply;
  }
  co_return Result<>();
}

}  // namespace angarium::protocol::smtp
