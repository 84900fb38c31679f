#include "agent/drop_session.h"

#include "protocol/smtp/reply.h"

namespace angarium::agent {

namespace smtp = protocol::smtp;
using smtp::Reply;

smtp::Policy drop_policy(std::string hostname, std::uint64_t message_octets) {
  smtp::Policy policy;
  policy.role = smtp::Role::submission;
  policy.hostname = std::move(hostname);
  policy.line_ends = smtp::LineEnds::normalise;
  policy.synchrony = smtp::Synchrony::not_needed;
  policy.default_domain = "";
  policy.limits.message_octets = message_octets;
  policy.limits.recipients = drop::kRecipientsMax;
  return policy;
}

io::Task<Result<Reply>> DropSession::connected([[maybe_unused]] const smtp::Peer& peer) {
  co_return Reply(220, {}, "(no server runs: mail is kept for it)");
}

io::ValueOrTask<Result<Reply>> DropSession::mail(const envelope::Sender& sender,
                                                 [[maybe_unused]] envelope::DeliveryId id) {
  note_ = {};
  if (sender.path.mailbox) note_.sender = sender.path.mailbox->text();
  return Result<Reply>(Reply(smtp::reply::kSenderOk));
}

io::ValueOrTask<Result<Reply>> DropSession::rcpt(const envelope::Recipient& recipient) {
  note_.recipients.push_back(recipient.path.mailbox.text());
  return Result<Reply>(Reply(smtp::reply::kRecipientOk));
}

io::ValueOrTask<Result<Reply>> DropSession::begin_body() {
  head_ = {};
  head_written_ = false;
  auto writer = drop::Writer::create(folder_, note_, random_);
  if (!writer) return Result<Reply>(std::unexpected(std::move(writer).error()));
  writer_.emplace(*std::move(writer));
  return Result<Reply>(Reply(smtp::reply::kStartInput));
}

Result<> DropSession::write_head() {
  drop::complete(head_.fields(), message::DateTime::at(clock_.wall()));
  TRY(writer_->append(head_.fields()));
  TRY(writer_->append("\r\n"));
  TRY(writer_->append(head_.rest()));
  head_written_ = true;
  return {};
}

Result<smtp::Flow> DropSession::append(std::string_view octets) {
  if (head_written_) {
    TRY(writer_->append(octets));
    return smtp::Flow::more;
  }
  TRY(head_.feed(octets));
  if (head_.done()) TRY(write_head());
  return smtp::Flow::more;
}

Result<> DropSession::finish() {
  if (!head_.done()) head_.finish();
  if (!head_written_) TRY(write_head());
  TRY(writer_->finish());
  return writer_->settle();
}

io::Task<Result<smtp::Outcome>> DropSession::commit([[maybe_unused]] const smtp::BodyFacts& facts) {
  const auto kept = finish();
  writer_.reset();
  if (!kept) co_return smtp::Outcome{reply_to(kept.error()), {}};
  co_return smtp::Outcome{Reply(250, {2, 6, 0}, "Message kept until the server runs"), {}};
}

void DropSession::abort() { writer_.reset(); }

/// All that can fail here is the user's own, or the folder's: he may know.
Reply DropSession::reply_to(const Error& error) {
  if (error.temporary()) return {451, {4, 3, 0}, error.text()};
  return {554, {5, 6, 0}, error.text()};
}

io::Task<Result<Reply>> DropSession::vrfy([[maybe_unused]] std::string_view text,
                                          [[maybe_unused]] envelope::Utf8 utf8) {
  co_return Reply(smtp::reply::kWillTry);
}

io::Task<Result<Reply>> DropSession::expn([[maybe_unused]] std::string_view text,
                                          [[maybe_unused]] envelope::Utf8 utf8) {
  co_return Reply(smtp::reply::kNotImplemented);
}

void DropSession::offence([[maybe_unused]] smtp::Offence kind) {}

}  // namespace angarium::agent
