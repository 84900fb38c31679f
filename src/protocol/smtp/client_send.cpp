// One transaction of the client: MAIL, RCPT, and the message by DATA or BDAT.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "io/error.h"
#include "message/dots.h"
#include "protocol/smtp/client.h"

namespace angarium::protocol::smtp {
namespace {

/// Commands sent before their replies are read. Their replies, some 100 octets each, fit any socket's buffer, so that
/// neither side waits for the other (RFC 2920 §3.1).
constexpr std::size_t kGroupMax = 100;
/// Octets of a chunk of BDAT: large enough that its reply costs nothing, small enough that a failure is known early.
constexpr std::size_t kChunkOctets = 1 << 20;

/// Octets of CR LF.
constexpr std::uint64_t kLineEnd = 2;
/// RFC 5321 §4.5.3.1.6: octets of a line of text, without its CR LF.
constexpr std::uint64_t kTextLineMax = 998;

/// Hands on the octets of a source while CR and LF stand only together (RFC 5321 §2.3.8): what a server might take for
/// the end of the data, and for commands behind it, does not leave. A CR at the end of a piece is held back until its
/// LF is seen.
class CleanLines final : public MessageSource {
 public:
  explicit CleanLines(MessageSource& source) : source_(source) {}
  io::ValueOrTask<Result<std::string_view>> next() override { return pull(); }

 private:
  io::Task<Result<std::string_view>> pull() {
    while (waiting_.empty()) {
      std::string_view piece = CO_TRY(co_await source_.next());
      const bool ends_with_cr = piece.ends_with('\r');
      seen_.feed(piece);
      if (seen_.bare_lf() > 0 || seen_.bare_cr() > (ends_with_cr ? 1 : 0))
        co_return fail(kNeedsBinary, "the message has a bare CR or LF, though it was said to have none");
      if (piece.empty()) co_return piece;
      if (ends_with_cr) piece.remove_suffix(1);
      waiting_ = piece;
      if (std::exchange(held_, ends_with_cr)) co_return std::string_view("\r");
    }
    co_return std::exchange(waiting_, {});
  }

  MessageSource& source_;
  message::LineScanner seen_;
  bool held_ = false;         ///< a CR that the next piece completes
  std::string_view waiting_;  ///< of the source's last piece
};

}  // namespace

MessageFacts facts_of(const message::LineScanner& seen, bool utf8_header) {
  return {.octets = seen.octets(),
          .eight_bit = seen.eight_bit() > 0,
          .utf8_header = utf8_header,
          .binary = seen.nul() > 0 || !seen.clean_line_ends() || seen.longest_line() > kTextLineMax};
}

/// A transaction under way.
struct Client::Sending {
  const envelope::Envelope& envelope;
  const MessageFacts& facts;
  SendReport report;
  std::vector<std::size_t> accepted;  ///< recipients with a positive reply, as indices of the envelope
  enum class Carry { data, bdat } carry = Carry::data;
  bool data_sent = false;                    ///< DATA went with the group of commands
  bool named = false;                        ///< MAIL says TRANSID
  std::optional<std::uint64_t> offset = {};  ///< the server goes on from there
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
  const envelope::Sender& sender = sending.envelope.sender;
  // RFC 8689 §4.2.1: reports, with their null path, go anyway.
  if (sender.parameters.require_tls && !sender.path.null() && !(extensions_.require_tls && connection_->tls()))
    return fail(kNeedsRequireTls, "REQUIRETLS was asked for, and the server does not offer it under TLS");
  const auto& by = sender.parameters.deliver_by;
  const bool or_return = by && by->mode == envelope::DeliverBy::Mode::return_it;
  if (or_return && (!extensions_.deliver_by || by->seconds < std::int64_t{extensions_.deliver_by_min_s}))
    return fail(kNeedsDeliverBy, "the server does not promise delivery within the time asked for");
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
  if (sending.named) said.transaction = std::move(wanted.transaction);
  if (authenticated_) said.auth = std::move(wanted.auth);
  if (extensions_.priority) said.priority = wanted.priority;
  if (extensions_.deliver_by) said.deliver_by = wanted.deliver_by;
  if (extensions_.future) {
    said.hold_for_s = wanted.hold_for_s;
    said.hold_until = wanted.hold_until;
  }
  said.require_tls = wanted.require_tls && extensions_.require_tls && connection_->tls();
  return "MAIL FROM:" + sender.path.text() + envelope::format_parameters(said);
}

std::string Client::rcpt_line(const Sending& sending, const envelope::Recipient& recipient) const {
  std::string line = "RCPT TO:" + recipient.path.text();
  if (!extensions_.dsn) return line;
  envelope::RcptParameters said;
  said.notify = recipient.parameters.notify;
  said.original = recipient.parameters.original;
  if (sending.envelope.sender.parameters.deliver_by && !extensions_.deliver_by) {
    // RFC 2852 §4.1.4.2: the next server cannot keep the time, but can tell when it is late.
    if (!said.notify) said.notify = envelope::Notify{.failure = true};
    said.notify->delay = !said.notify->never;
  }
  const envelope::Utf8 utf8 = extensions_.smtputf8 ? envelope::Utf8::accept : envelope::Utf8::refuse;
  return line + envelope::format_parameters(said, utf8);
}

io::Task<Result<SendReport>> Client::send(const envelope::Envelope& envelope, const MessageFacts& facts,
                                          MessageSource& source) {
  Sending sending{.envelope = envelope, .facts = facts, .report = {}, .accepted = {}};
  sending.report.recipients.resize(envelope.recipients.size());
  sending.report.dsn = extensions_.dsn;
  sending.report.deliver_by = extensions_.deliver_by;
  Result<> done = co_await transact(sending, source);
  if (done) {
    used_ = true;
    co_return std::move(sending.report);
  }
  // Who was accepted has no outcome.
  for (const std::size_t i : sending.accepted)
    if (sending.report.recipients[i].completed()) sending.report.recipients[i] = {};
  known_ = std::move(sending.report);
  co_return std::unexpected(std::move(done).error());
}

io::Task<Result<>> Client::transact(Sending& sending, MessageSource& source) {
  const bool binary = sending.facts.binary;
  CO_TRY(check_possible(sending));
  CO_TRY(co_await still_there());
  const bool chunks = options_.chunking == Chunking::when_possible && extensions_.chunking;
  if (binary || chunks) sending.carry = Sending::Carry::bdat;
  sending.named = extensions_.checkpoint && sending.envelope.sender.parameters.transaction &&
                  sending.carry == Sending::Carry::data && options_.dialect == Dialect::smtp;
  CO_TRY(co_await send_envelope(sending));
  if (closed_) {
    // 421: whoever was accepted gets no message.
    for (const std::size_t i : sending.accepted) sending.report.recipients[i] = farewell_;
  } else if (!sending.accepted.empty()) {
    CleanLines clean(source);
    co_return co_await send_data(sending, binary ? source : clean);
  } else if (sending.data_sent) {
    co_await send_nothing(sending);
  } else if (sending.report.mail.completed()) {
    co_await clear_transaction();
  }
  co_return Result<>();
}

io::Task<Result<>> Client::say_mail(Sending& sending) {
  Result<> sent = co_await flush(options_.times.mail);
  co_return note_mail(sending,
                      sent ? co_await read_final(options_.times.mail) : std::unexpected(std::move(sent).error()));
}

Result<> Client::note_mail(Sending& sending, Result<Reply> reply) {
  const bool ended =
      reply ? reply->code == 421 : goodbye_ || reply.error().is(io::kEndOfStream) || reply.error().is(io::kReset);
  if (used_ && ended) return fail(kOver, "the server ended the connection between two messages");
  sending.report.mail = TRY(std::move(reply));
  return {};
}

io::Task<Result<>> Client::say_named_mail(Sending& sending) {
  Result<> sent = co_await flush(options_.times.mail);
  Result<Reply> reply = sent ? co_await read_reply(options_.times.mail) : std::unexpected(std::move(sent).error());
  if (!reply || reply->code != 355) {
    if (reply && reply->intermediate()) {
      lose();
      reply = fail(kBadReply, "the server wants more where there is none: " + std::to_string(reply->code));
    }
    co_return note_mail(sending, std::move(reply));
  }
  // RFC 1845 §3: the offset is the first thing in the reply, with a blank behind it.
  std::string_view words = reply->text;
  const std::string_view digits = words.substr(0, words.find_first_of(" \t\n"));
  sending.offset = parse_number<std::uint64_t>(digits);
  if (!sending.offset || *sending.offset > sending.facts.octets + kLineEnd) {
    lose();
    co_return fail(kBadReply, "the server goes on where the message has no octet: " + escape_controls(reply->text, 80));
  }
  sending.report.resumed_at = *sending.offset;
  sending.report.mail = {250, {2, 1, 0}, "goes on"};
  for (std::size_t i = 0; i < sending.envelope.recipients.size(); ++i) sending.accepted.push_back(i);
  co_return Result<>();
}

io::Task<Result<>> Client::send_envelope(Sending& sending) {
  const std::size_t all = sending.envelope.recipients.size();
  // RFC 9422 §5: more recipients than the server takes are not sent; they go with another transaction.
  const std::size_t most = std::min<std::size_t>(all, extensions_.recipients_max.value_or(UINT32_MAX));
  for (std::size_t i = most; i < all; ++i) sending.report.recipients[i] = reply::kTooManyRecipients;
  if (most < all) sending.named = false;
  write_line(mail_line(sending));
  std::size_t first = 0;
  if (sending.named) {
    CO_TRY(co_await say_named_mail(sending));
    if (sending.offset) co_return Result<>();
    CO_TRY(co_await ask_recipients(sending, 0, most));
    if (sending.accepted.size() == all || sending.accepted.empty() || closed_) co_return Result<>();
    // RFC 1845 §3: a later 355 would speak for all of them, also for those who were refused now. So it bears no name.
    co_await clear_transaction();
    if (closed_) co_return fail(kBadReply, "the server did not take RSET");
    sending.named = false;
    sending.accepted.clear();
    co_return co_await send_envelope(sending);
  }
  if (extensions_.pipelining) {
    first = std::min(most, kGroupMax);
    for (std::size_t i = 0; i < first; ++i) write_line(rcpt_line(sending, sending.envelope.recipients[i]));
    sending.data_sent = first == most && sending.carry == Sending::Carry::data;
    if (sending.data_sent) write_line("DATA");
  }
  CO_TRY(co_await say_mail(sending));
  CO_TRY(co_await read_recipients(sending, 0, first));
  co_return co_await ask_recipients(sending, first, most);
}

io::Task<Result<>> Client::ask_recipients(Sending& sending, std::size_t first, std::size_t most) {
  while (first < most && sending.report.mail.completed() && !closed_) {
    const std::size_t next = std::min(most, first + (extensions_.pipelining ? kGroupMax : 1));
    for (std::size_t i = first; i < next; ++i) write_line(rcpt_line(sending, sending.envelope.recipients[i]));
    CO_TRY(co_await flush(options_.times.rcpt));
    CO_TRY(co_await read_recipients(sending, first, next));
    first = next;
  }
  // Whom nobody was asked about shares the fate of MAIL, or hears the farewell.
  for (std::size_t i = first; i < most; ++i) sending.report.recipients[i] = closed_ ? farewell_ : sending.report.mail;
  co_return Result<>();
}

io::Task<Result<>> Client::read_recipients(Sending& sending, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    Reply reply = CO_TRY(co_await read_final(options_.times.rcpt));
    // RFC 5321 §4.5.3.1.10: a 552 here is an old server's "too many recipients", and temporary.
    if (reply.code == 552) {
      reply.code = 452;
      if (reply.enhanced.present()) reply.enhanced.status = 4;
    }
    if (reply.completed() && sending.report.mail.completed()) sending.accepted.push_back(i);
    // What followed a refused MAIL was refused for its sake (503): its reply tells more.
    sending.report.recipients[i] = sending.report.mail.completed() ? std::move(reply) : sending.report.mail;
  }
  co_return Result<>();
}

io::Task<> Client::clear_transaction() {
  const Result<Reply> reply = co_await ask("RSET", options_.times.mail);
  if (!reply || !reply->completed()) lose();
}

io::Task<> Client::send_nothing(Sending& sending) {
  const Result<Reply> go = co_await read_reply(options_.times.data);
  if (!go || closed_) co_return;
  if (go->completed()) co_return lose();
  if (!go->intermediate()) {
    if (sending.report.mail.completed()) co_await clear_transaction();
    co_return;
  }
  // RFC 2920 §3.1: the server wants data though it took no recipient: an empty message, which goes nowhere.
  write_line(".");
  const Result<> sent = co_await flush(options_.times.block);
  // LMTP has a reply for each recipient taken (RFC 2033 §4.2): none, or who knows.
  if (!sent || options_.dialect == Dialect::lmtp) co_return lose();
  if (!co_await read_final(options_.times.end_of_data)) lose();
}

io::Task<Result<>> Client::send_data(Sending& sending, MessageSource& source) {
  if (sending.carry == Sending::Carry::bdat) co_return co_await send_chunks(sending, source);
  if (!sending.data_sent) {
    write_line("DATA");
    CO_TRY(co_await flush(options_.times.data));
  }
  const Reply go = CO_TRY(co_await read_reply(options_.times.data));
  if (go.intermediate()) co_return co_await send_dotted(sending, source);
  if (go.completed()) {
    lose();
    co_return fail(kBadReply, "the server answered DATA with " + std::to_string(go.code));
  }
  for (const std::size_t i : sending.accepted) sending.report.recipients[i] = go;
  if (!closed_) co_await clear_transaction();
  co_return Result<>();
}

io::Task<Result<std::string_view>> Client::next_piece(MessageSource& source) {
  Result<std::string_view> piece = co_await source.next();
  // A message that cannot be sent whole never gets its end.
  if (!piece) lose();
  co_return piece;
}

io::Task<Result<>> Client::send_dotted(Sending& sending, MessageSource& source) {
  message::DotWriter dots;
  std::string_view piece = CO_TRY(co_await skip(sending, source));
  for (;; piece = {}) {
    if (piece.empty()) piece = CO_TRY(co_await next_piece(source));
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

io::Task<Result<std::string_view>> Client::skip(Sending& sending, MessageSource& source) {
  message::LineScanner skipped;
  for (std::uint64_t left = sending.offset.value_or(0); left > 0;) {
    std::string_view piece = CO_TRY(co_await next_piece(source));
    const std::size_t part = static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size()));
    left -= part;
    skipped.feed(piece.substr(0, part));
    piece.remove_prefix(part);
    const bool over = part == 0;
    if (left > 0 && !over) continue;
    // The line end that was added to a message without one is there, too.
    if (skipped.at_line_start() ? left == 0 : over && left == kLineEnd) co_return piece;
    lose();
    co_return fail(kBadReply, "the server wants to go on from octet " + std::to_string(*sending.offset) +
                                  ", where no line of the message begins");
  }
  co_return std::string_view();
}

io::Task<Result<>> Client::broken_off(Sending& sending, Error why) {
  Result<Reply> last = co_await read_reply(options_.times.block);
  if (!last || last->positive()) co_return std::unexpected(std::move(why));
  for (const std::size_t i : sending.accepted) sending.report.recipients[i] = *last;
  co_return Result<>();
}

io::Task<Result<>> Client::send_chunk(std::string_view chunk) {
  write_line("BDAT " + std::to_string(chunk.size()));
  while (!chunk.empty()) {
    const std::string_view block = chunk.substr(0, wire::Output::kHighWater);
    output_.append(block);
    chunk.remove_prefix(block.size());
    CO_TRY(co_await flush(options_.times.block));
  }
  co_return Result<>();
}

io::Task<Result<>> Client::send_chunks(Sending& sending, MessageSource& source) {
  std::string_view piece = CO_TRY(co_await next_piece(source));
  while (!piece.empty()) {
    const std::string_view chunk = piece.substr(0, kChunkOctets);
    if (Result<> sent = co_await send_chunk(chunk); !sent)
      co_return co_await broken_off(sending, std::move(sent).error());
    const Reply reply = CO_TRY(co_await read_final(options_.times.end_of_data));
    if (!reply.completed()) {
      for (const std::size_t i : sending.accepted) sending.report.recipients[i] = reply;
      if (!closed_) co_await clear_transaction();
      co_return Result<>();
    }
    piece.remove_prefix(chunk.size());
    if (piece.empty()) piece = CO_TRY(co_await next_piece(source));
  }
  write_line("BDAT 0 LAST");
  CO_TRY(co_await flush(options_.times.block));
  co_return co_await read_outcome(sending);
}

io::Task<Result<>> Client::read_outcome(Sending& sending) {
  const bool lmtp = options_.dialect == Dialect::lmtp;
  Result<Reply> reply = co_await read_final(options_.times.end_of_data);
  if (!reply) co_return fail(kUnanswered, "no reply to the end of data: " + reply.error().text());
  for (std::size_t n = 0; n < sending.accepted.size(); ++n) {
    if (lmtp && n > 0 && reply) reply = co_await read_final(options_.times.end_of_data);
    // RFC 2033 §4.2: the replies that came count, for the others it is as if they were temporary failures.
    sending.report.recipients[sending.accepted[n]] =
        reply ? *reply : Reply(451, {4, 4, 2}, "Connection lost before this recipient's reply");
  }
  co_return Result<>();
}

}  // namespace angarium::protocol::smtp
