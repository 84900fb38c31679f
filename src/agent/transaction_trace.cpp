// What a session tells the trace: how each message came, and what was decided of it.
#include <algorithm>

#include "agent/attempt_story.h"
#include "agent/transaction.h"
#include "base/text.h"
#include "io/loop.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;

std::uint8_t notify_bits(const envelope::RcptParameters& parameters) {
  if (!parameters.notify) return 0;
  const envelope::Notify& notify = *parameters.notify;
  return static_cast<std::uint8_t>(
      (notify.never ? trace::kNotifyNever : 0) | (notify.success ? trace::kNotifySuccess : 0) |
      (notify.failure ? trace::kNotifyFailure : 0) | (notify.delay ? trace::kNotifyDelay : 0));
}

trace::Wishes wishes_of(const envelope::MailParameters& said, std::optional<WallTime> held) {
  trace::Wishes wishes;
  const auto wish = [&](bool holds, std::uint8_t bit) {
    if (holds) wishes.flags = static_cast<std::uint8_t>(wishes.flags | bit);
  };
  wish(said.ret == envelope::Return::headers, trace::kWishHeaders);
  wish(said.ret == envelope::Return::full, trace::kWishFull);
  wish(said.smtputf8, trace::kWishUtf8);
  wish(said.body == envelope::Body::eight_bit_mime, trace::kWishEightBit);
  wish(said.body == envelope::Body::binary_mime, trace::kWishBinary);
  wish(said.require_tls, trace::kWishRequireTls);
  wishes.priority = said.priority.value_or(0);
  if (held) wishes.held_until = held->microseconds;
  if (said.deliver_by) wishes.deliver_by = said.deliver_by->seconds;
  return wishes;
}

/// As SmtpSession::settle_each() says it.
trace::Code code_of_failure(const Error& error) {
  if (error.is(mailbox::kOverQuota)) return {452, 4, 2, 2};
  if (error.is(mailbox::kNoMailbox)) return {550, 5, 1, 1};
  return code_of(smtp::reply_for(error));
}

}  // namespace

trace::Door SmtpSession::door() const {
  if (local_) return trace::Door::drop;
  switch (desk_.policy.role) {
    case smtp::Role::mx: return trace::Door::smtp;
    case smtp::Role::odmr:  // takes no mail: there is nothing to tell
    case smtp::Role::submission: return trace::Door::submission;
    case smtp::Role::lmtp: break;
  }
  return trace::Door::lmtp;
}

trace::Beginning SmtpSession::who() const {
  trace::Beginning beginning;
  beginning.door = door();
  beginning.extended = peer_->hello != smtp::Hello::helo;
  if (peer_->remote.is_ip()) beginning.peer = peer_->remote.address().octets();
  beginning.helo = peer_->name;
  beginning.tls = peer_->tls;
  if (local_) {
    beginning.login = local_->name;
  } else if (peer_->identity) {
    beginning.login = peer_->identity->authentication_id;
  }
  return beginning;
}

void SmtpSession::note(const smtp::Refusal& refusal) { notes_.note(refusal, who()); }

void SmtpSession::note_end(const Transaction& transaction) {
  RefusalNotes::Ended ended{.id = transaction.id, .body_begun = transaction.intake != nullptr};
  if (const auto& mailbox = transaction.envelope.sender.path.mailbox) ended.sender = mailbox->text();
  for (const Rcpt& rcpt : transaction.rcpts) ended.let_in.push_back(rcpt.address);
  notes_.ended(std::move(ended), who());
}

/// By the batch that accepts the message; nobody reached, nothing written.
void SmtpSession::record(const Transaction& transaction, const smtp::BodyFacts& facts, const mailbox::Content& content,
                         const std::vector<Result<mailbox::Delivered>>& results, store::Batch& batch) {
  trace::Beginning story = who();
  story.id = transaction.id;
  story.at = transaction.arrived;
  if (transaction.submitter) story.login = transaction.submitter->address;
  std::string sender;
  if (const auto& mailbox = transaction.envelope.sender.path.mailbox) sender = mailbox->text();
  story.sender = sender;
  story.wishes = wishes_of(transaction.envelope.sender.parameters, held_until(transaction));
  story.octets = facts.octets;
  story.took_ms = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, transaction.arrived.microseconds - transaction.began.microseconds) / 1000);
  story.message_id = bare_message_id(content.facts.message_id);
  const auto& noted = notes_.refused(transaction.id);
  // Room of the session: a message makes none of its own.
  story.recipients = std::move(recipients_);
  story.places = std::move(places_);
  story.recipients.clear();
  story.places.clear();
  Departures::Own own = transaction.departures.own();
  bool accepted = false;
  for (std::size_t i = 0; i < transaction.rcpts.size(); ++i) {
    const Rcpt& rcpt = transaction.rcpts[i];
    trace::Recipient recipient{.address = rcpt.address,
                               .course = rcpt.course,
                               .notify = notify_bits(transaction.envelope.recipients[i].parameters)};
    for (const std::size_t index : rcpt.accounts) {
      if (const auto& result = results[index]) {
        story.places.push_back({.recipient = static_cast<std::uint32_t>(story.recipients.size()),
                                .account = transaction.accounts[index].id,
                                .mailbox = result->mailbox,
                                .uid = result->uid,
                                .email = result->email});
      } else {
        recipient.course = trace::Course::refused;
        recipient.code = code_of_failure(result.error());
      }
    }
    accepted = accepted || recipient.course != trace::Course::refused;
    story.recipients.push_back(recipient);
    if (own.by.empty() || !equals_ignore_case(rcpt.address, own.by)) continue;
    own.by = {};
    for (const std::string& address : own.to)
      story.recipients.push_back({.address = address, .course = trace::Course::onward, .code = {}});
  }
  if (accepted) {
    for (const RefusalNotes::Noted& one : noted)
      story.recipients.push_back({.address = one.address, .course = one.course, .code = one.code});
    desk_.services.ledger().accept(story, scratch_, batch);
  }
  recipients_ = std::move(story.recipients);
  places_ = std::move(story.places);
}

}  // namespace angarium::agent
