#include "agent/transaction.h"

#include <algorithm>
#include <array>

#include "account/attempts.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/text.h"
#include "io/loop.h"
#include "message/date.h"
#include "message/domain.h"
#include "message/trace_fields.h"
#include "protocol/smtp/reply.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;
using smtp::EnhancedCode;
using smtp::Reply;

Counter accepted_messages("angarium_messages_accepted_total", "Messages accepted by SMTP, submission and LMTP.");
Counter accepted_octets("angarium_messages_accepted_octets_total", "Octets of accepted messages.");
Counter refused("angarium_messages_refused_total", "Messages refused after their end of data.");

message::WithProtocol::Base with_base(const smtp::Peer& peer) {
  using Base = message::WithProtocol::Base;
  if (peer.hello == smtp::Hello::lhlo) return Base::lmtp;
  return peer.hello == smtp::Hello::helo ? Base::smtp : Base::esmtp;
}

std::string path_text(const envelope::ReversePath& path) { return path.mailbox ? path.mailbox->text() : std::string(); }

/// Whether a directory kept elsewhere says that the address is this account's, too.
io::Task<Result<bool>> is_alias_elsewhere(std::shared_ptr<const LocalTerms> local, account::Account account,
                                          envelope::Mailbox mailbox) {
  if (local == nullptr || local->people == nullptr || account.origin != account::Origin::elsewhere ||
      !local->people->serves(mailbox.domain))
    co_return false;
  const auto person =
      CO_TRY(co_await local->people->ask(to_lower(mailbox.local_part.substr(0, mailbox.local_part.find('+', 1))) + "@" +
                                         message::domain_key(mailbox.domain)));
  co_return person && person->id == account.id;
}

/// Names of the host are those of its home domain, under whatever name of the host they are written.
io::Task<Result<bool>> owns(Services& services, std::shared_ptr<const LocalTerms> local, account::Account account,
                            envelope::Mailbox mailbox) {
  const bool here = CO_TRY(
      co_await io::run(services.pool(), [&directory = services.directory(), local, account, mailbox]() -> Result<bool> {
        if (TRY(directory.may_send_as(account, mailbox.local_part, mailbox.domain))) return true;
        if (local == nullptr || !local->is_here(mailbox.domain)) return false;
        // A domain that is served has names of its own.
        if (TRY(directory.is_local(mailbox.domain))) return false;
        const std::string home = TRY(directory.home(local->hostname));
        if (home.empty()) return false;
        return directory.may_send_as(account, mailbox.local_part, home);
      }));
  // What is known here is asked first: sending does not wait for a directory that is away.
  if (here) co_return true;
  co_return co_await is_alias_elsewhere(local, account, mailbox);
}

}  // namespace

SmtpSession::SmtpSession(const SmtpDesk& desk, const io::Endpoint& peer)
    : desk_(desk), credentials_(desk.services, account::Use::smtp, peer, desk.logins), notes_(desk.services.ledger()) {}

SmtpSession::SmtpSession(const SmtpDesk& desk, const io::Endpoint& peer, LocalUser user)
    : desk_(desk),
      local_(std::move(user)),
      credentials_(desk.services, account::Use::smtp, peer, desk.logins),
      notes_(desk.services.ledger()) {}

void SmtpSession::abort() {
  if (transaction_) note_end(*transaction_);
  if (transaction_ && transaction_->checkpoint) concluded_.push_back(transaction_->checkpoint->name());
  transaction_.reset();
}

/// The kinds that only the rooms below know, and the trouble with all others in the log.
Reply SmtpSession::reply_to(const Error& error) {
  if (!transaction_) {
    log_failure("", error);
    return smtp::reply_for(error);
  }
  log_failure(transaction_->id.text(), error);
  return settled(*transaction_, error);
}

Reply SmtpSession::settled(const Transaction& transaction, const Error& error) const {
  struct Known {
    const ErrorKind* kind;
    std::uint16_t code;
    EnhancedCode enhanced;
  };
  static constexpr std::array<Known, 8> kKnown = {{{&kMailLoop, 554, {5, 4, 6}},
                                                   {&kHeaderTooLong, 552, {5, 3, 4}},
                                                   {&kBadHeader, 554, {5, 6, 0}},
                                                   {&kNotOwnAddress, 550, {5, 7, 1}},
                                                   {&mailbox::kOverQuota, 452, {4, 2, 2}},
                                                   {&mailbox::kNoMailbox, 550, {5, 1, 1}},
                                                   {&store::kTooLarge, 552, {5, 3, 4}},
                                                   {&store::kStoreFull, 452, {4, 3, 1}}}};
  Reply reply = smtp::reply_for(error);
  for (const Known& known : kKnown) {
    if (!error.is(*known.kind)) continue;
    reply.code = known.code;
    reply.enhanced = known.enhanced;
    if (error.fault() == Fault::user) reply.text = error.text();
  }
  if (error.is(store::kStoreFull)) reply.text = "Insufficient system storage, try again later";
  // One of several who is gone does not make the message undeliverable to the others: the next RCPT says who it is.
  if (error.is(mailbox::kNoMailbox) && transaction.rcpts.size() > 1)
    reply = {450, {4, 2, 1}, "A recipient is no longer there, try again"};
  return reply;
}

io::Task<Result<Reply>> SmtpSession::connected(const smtp::Peer& peer) {
  peer_ = &peer;
  if (desk_.budget.spent()) {
    Reply busy(421, {4, 3, 1}, "Too busy, try again later");
    note_turned_away(desk_.services.ledger(), door(), peer.remote, busy);
    co_return busy;
  }
  co_return Reply(220, {}, "");
}

io::ValueOrTask<Result<Reply>> SmtpSession::mail(const envelope::Sender& sender, envelope::DeliveryId id) {
  // A MAIL before this one, which was refused, had a name.
  if (!sender.parameters.transaction)
    if (const auto name = std::exchange(named_, std::nullopt)) desk_.services.checkpoints().let_go(*name);
  if (!concluded_.empty()) return mail_after_others(sender, id);
  return begin(sender, id);
}

io::ValueOrTask<Result<Reply>> SmtpSession::begin(const envelope::Sender& sender, envelope::DeliveryId id) {
  if (!desk_.services.tablet().accepting())
    return Result<Reply>(Reply(452, {4, 3, 1}, "Insufficient system storage, try again later"));
  if (desk_.policy.role == smtp::Role::mx && !peer_->remote.is_local_host() &&
      !desk_.rate.allow(account::attempt_key(peer_->remote.address().text())))
    return Result<Reply>(Reply(450, {4, 7, 1}, "Too many messages from your address, try again later"));
  if (submission() && peer_->identity) return mail_submitted(sender, id);
  return Result<Reply>(open(sender, id));
}

io::Task<Result<>> SmtpSession::authenticated(const sasl::Identity& identity) {
  const account::Account account = CO_TRY(co_await credentials_.account(identity));
  stay_ = CO_TRY(credentials_.enter(account));
  co_return Result<>();
}

/// RFC 6409 §6.1: who submits may use its own addresses only.
io::Task<Result<Reply>> SmtpSession::mail_submitted(const envelope::Sender& sender, envelope::DeliveryId id) {
  account::Account account = CO_TRY(co_await credentials_.account(*peer_->identity));
  if (sender.path.mailbox) {
    const envelope::Mailbox& mailbox = *sender.path.mailbox;
    if (!CO_TRY(co_await owns(desk_.services, local_terms(), account, mailbox)))
      co_return Reply(553, {5, 7, 1}, "You may not send as <" + mailbox.text() + ">");
  }
  Reply reply = open(sender, id);
  transaction_->submitter = std::move(account);
  co_return reply;
}

Reply SmtpSession::open(const envelope::Sender& sender, envelope::DeliveryId id) {
  transaction_.emplace();
  transaction_->id = id;
  transaction_->began = io::Loop::current().clock().wall();
  transaction_->envelope.sender = sender;
  if (named_) transaction_->checkpoint.emplace(desk_.services.checkpoints(), *named_, desk_.checkpoint_octets);
  named_.reset();
  return {250, {2, 1, 0}, "Sender OK"};
}

io::ValueOrTask<Result<Reply>> SmtpSession::begin_body() {
  if (transaction_->told) return Result<Reply>(Reply(smtp::reply::kStartInput));
  if (transaction_->goes_on) return go_on();
  return Result<Reply>(open_intake());
}

Reply SmtpSession::open_intake() {
  const bool here = peer_->remote.is_local_host();
  std::string owner = here ? std::string() : account::attempt_key(peer_->remote.address().text());
  // A message whose size was not declared may need the whole buffer.
  const std::uint64_t part = transaction_->checkpoint ? store::kGroupBodyMax : 0;
  const std::uint64_t needed =
      part + std::min<std::uint64_t>(
                 transaction_->envelope.sender.parameters.size.value_or(mailbox::Intake::kIntakeBufferMax) + 4096,
                 mailbox::Intake::kIntakeBufferMax);
  transaction_->hold = desk_.budget.take(std::move(owner), needed);
  if (!transaction_->hold) return {452, {4, 3, 1}, "Too busy, try again later"};
  transaction_->intake = desk_.services.mail().intake(
      transaction_->envelope.sender.parameters.body == envelope::Body::binary_mime ? mailbox::Arrival::binary
                                                                                   : mailbox::Arrival::ordinary);
  if (transaction_->checkpoint) transaction_->checkpoint->begin(transaction_->envelope);
  if (submission()) transaction_->header.emplace(desk_.policy.hostname, local_ ? local_->author : "");
  return Reply(smtp::reply::kStartInput);
}

Result<smtp::Flow> SmtpSession::append(std::string_view octets) {
  if (transaction_->told) return smtp::Flow::more;
  const smtp::Flow flow = TRY(take_in(octets));
  if (!transaction_->checkpoint) return flow;
  transaction_->checkpoint->append(octets);
  return transaction_->checkpoint->full() ? smtp::Flow::pause : flow;
}

Result<smtp::Flow> SmtpSession::take_in(std::string_view octets) {
  Transaction& transaction = *transaction_;
  transaction.received.feed(octets);
  if (transaction.received.count() > kReceivedMax)
    return fail(kMailLoop, "too many hops: the message runs in a circle");
  if (!transaction.departures.empty()) transaction.sent_on_by.feed(octets);
  if (transaction.header && !transaction.header->done()) {
    octets = TRY(transaction.header->feed(octets));
    if (!transaction.header->done()) return smtp::Flow::more;
    TRY(transaction.intake->append(transaction.header->text()));
  }
  if (transaction.header) {
    TRY(transaction.intake->append(octets));
  } else {
    while (!octets.empty()) TRY(transaction.intake->append(transaction.delivered.next(octets)));
  }
  return transaction.intake->full() ? smtp::Flow::pause : smtp::Flow::more;
}

io::ValueOrTask<Result<>> SmtpSession::drained() {
  if (transaction_->checkpoint) return drain_and_keep();
  return transaction_->intake->drain();
}

std::string SmtpSession::received_field(const Transaction& transaction) const {
  message::ReceivedFacts facts;
  facts.helo = peer_->name;
  std::string literal;
  if (peer_->remote.is_ip()) {
    const io::IpAddress& address = peer_->remote.address();
    literal = (address.family() == io::IpAddress::Family::v4 ? "[" : "[IPv6:") + address.text() + "]";
  }
  facts.peer_literal = literal;
  facts.by = desk_.policy.hostname;
  std::string user;
  if (local_) user = "from local user " + local_->name + ", uid " + std::to_string(local_->uid);
  facts.by_comment = user;
  facts.with = {.base = with_base(*peer_),
                .tls = peer_->channel == smtp::Channel::tls,
                .authenticated = peer_->identity.has_value(),
                .utf8 = transaction.envelope.sender.parameters.smtputf8};
  facts.tls = peer_->tls;
  const std::string id = transaction.id.text();
  facts.id = id;
  // Several recipients are not told of each other (RFC 5321 §7.2).
  std::string for_path;
  if (transaction.rcpts.size() == 1) for_path = "<" + transaction.rcpts.front().address + ">";
  facts.for_path = for_path;
  facts.date = message::DateTime::at(io::Loop::current().clock().wall());
  return message::compose_received(facts);
}

/// RFC 5321 §4.4: Return-Path at final delivery, then Received; Delivered-To tells whose copy it is.
std::string SmtpSession::trace_fields(const account::Destination& account, const Transaction& transaction) const {
  const envelope::ReversePath& sender = transaction.envelope.sender.path;
  const bool owned = !account.owner.empty() && sender.mailbox;
  return message::compose_return_path(owned ? "<" + account.owner + ">" : sender.text()) +
         message::compose_delivered_to(account.address) + received_field(transaction);
}

/// RFC 6409 §6.1, §8.1: the author's address of a submitted message must be the submitter's own.
io::Task<Result<>> SmtpSession::check_sender(const Transaction& transaction) {
  for (const SubmissionHeader::Author& author : transaction.header->authors()) {
    const envelope::Mailbox mailbox{.local_part = author.local_part, .domain = author.domain};
    if (!CO_TRY(co_await owns(desk_.services, local_terms(), *transaction.submitter, mailbox)))
      co_return fail(kNotOwnAddress, "the " + author.field + " field has an address that is not yours: " +
                                         escape_controls(author.local_part + "@" + author.domain));
  }
  co_return Result<>();
}

io::Task<Result<smtp::Outcome>> SmtpSession::commit(const smtp::BodyFacts& facts) {
  Transaction transaction = std::move(*transaction_);
  transaction_.reset();
  transaction.arrived = io::Loop::current().clock().wall();
  smtp::BodyFacts whole = facts;
  if (transaction.checkpoint) {
    concluded_.push_back(transaction.checkpoint->name());
    if (transaction.told) co_return smtp::Outcome{Reply(250, {2, 6, 0}, *transaction.told), {}};
    // Also what came before this session.
    whole = {.octets = transaction.checkpoint->seen().octets(), .seen = transaction.checkpoint->seen()};
    if (desk_.policy.line_ends == smtp::LineEnds::refuse && !whole.seen.clean_line_ends()) {
      note_end(transaction);
      refused.add();
      co_return smtp::Outcome{smtp::reply::kBareLineEnds, {}};
    }
  }
  auto outcome = co_await deliver(transaction, whole);
  if (outcome) co_return std::move(outcome);
  note_end(transaction);
  log_failure(transaction.id.text(), outcome.error());
  refused.add();
  log_delivery(transaction, facts.octets, 0);
  co_return smtp::Outcome{settled(transaction, outcome.error()), {}};
}

void SmtpSession::log_failure(std::string_view id, const Error& error) {
  if (error.fault() != Fault::user) log::error("smtp", "delivery failed", {{"id", id}, {"error", error.text()}});
}

io::Task<Result<smtp::Outcome>> SmtpSession::deliver(Transaction& transaction, const smtp::BodyFacts& facts) {
  if (transaction.header) {
    if (!transaction.header->done()) {
      CO_TRY(transaction.header->finish());
      CO_TRY(transaction.intake->append(transaction.header->text()));
    }
    if (transaction.submitter) CO_TRY(co_await check_sender(transaction));
  } else {
    CO_TRY(transaction.intake->append(transaction.delivered.finish()));
  }
  for (const std::string& address : transaction.sent_on_by.addresses())
    if (transaction.departures.forwards(address))
      co_return fail(kMailLoop, "<" + address + "> has sent this message on before: it runs in a circle");
  mailbox::Delivery delivery;
  delivery.content = CO_TRY(co_await transaction.intake->finish());
  // SMTP has one reply for all its recipients: what RCPT has let in may go over its quota by this message, and either
  // all get it or none. LMTP refuses one alone, unless the queue gets something by the same batch.
  const bool alone = desk_.policy.lmtp() && transaction.departures.empty() && !wants_report(transaction);
  delivery.together = alone ? mailbox::Together::each_alone : mailbox::Together::all_or_nothing;
  for (const account::Destination& account : transaction.accounts)
    delivery.recipients.push_back({.account = account.id,
                                   .prepended = trace_fields(account, transaction),
                                   .over_quota = alone ? mailbox::OverQuota::refuse : mailbox::OverQuota::take_one});
  std::vector<queue::Change> queued = CO_TRY(co_await enqueue(transaction, facts, delivery));
  if (transaction.checkpoint)
    transaction.checkpoint->accept("Message accepted as " + transaction.id.text(), delivery.also);
  if (local_ && !local_->mark.empty()) delivery.also.put(local_->mark, transaction.id.text());
  const struct {
    const Transaction& transaction;
    const smtp::BodyFacts& facts;
    mailbox::ContentPtr content;
  } told{transaction, facts, delivery.content};
  delivery.record = [this, &told](const std::vector<Result<mailbox::Delivered>>& copies, store::Batch& batch) {
    record(told.transaction, told.facts, *told.content, copies, batch);
  };
  auto delivered_to = co_await desk_.services.mail().deliver(std::move(delivery));
  if (delivered_to) {
    for (queue::Change& change : queued) change.done();
    if (transaction.checkpoint) transaction.checkpoint->accepted();
  } else if (!delivered_to.error().is(store::kStopped)) {
    for (queue::Change& change : queued) change.refused();
  }
  const auto results = CO_TRY(std::move(delivered_to));

  smtp::Outcome outcome = settle_each(transaction, results);
  const auto delivered = static_cast<std::size_t>(
      std::ranges::count_if(outcome.each, [](const Reply& reply) { return reply.completed(); }));
  if (delivered > 0) {
    accepted_messages.add();
    ++accepted_;
    accepted_octets.add(static_cast<std::int64_t>(facts.octets));
    notes_.accepted(transaction.id);
  } else {
    note_end(transaction);
    refused.add();
  }
  outcome.reply = delivered > 0 ? Reply(250, {2, 6, 0}, "Message accepted") : outcome.each.front();
  log_delivery(transaction, facts.octets, delivered);
  co_return outcome;
}

/// A recipient is reached when all the accounts behind it are, or the queue owes it.
smtp::Outcome SmtpSession::settle_each(const Transaction& transaction,
                                       const std::vector<Result<mailbox::Delivered>>& results) const {
  smtp::Outcome outcome;
  for (const Rcpt& rcpt : transaction.rcpts) {
    const Error* error = nullptr;
    for (const std::size_t index : rcpt.accounts) {
      if (results[index]) continue;
      error = &results[index].error();
      log_failure(transaction.id.text(), *error);
    }
    if (error == nullptr) {
      outcome.each.emplace_back(250, EnhancedCode{2, 1, 5}, "<" + rcpt.address + "> delivered");
    } else if (error->is(mailbox::kOverQuota)) {
      outcome.each.emplace_back(452, EnhancedCode{4, 2, 2}, "<" + rcpt.address + "> is over quota");
    } else if (error->is(mailbox::kNoMailbox)) {
      outcome.each.emplace_back(550, EnhancedCode{5, 1, 1}, "<" + rcpt.address + "> does not exist");
    } else {
      outcome.each.push_back(settled(transaction, *error));
    }
  }
  return outcome;
}

void SmtpSession::log_delivery(const Transaction& transaction, std::uint64_t octets, std::size_t delivered) const {
  if (!log::enabled(log::Level::info)) return;
  std::string recipients;
  for (const Rcpt& rcpt : transaction.rcpts) recipients += (recipients.empty() ? "" : ",") + rcpt.address;
  log::info("smtp", delivered > 0 ? "accepted" : "not accepted",
            {{"id", transaction.id.text()},
             {"from", path_text(transaction.envelope.sender.path)},
             {"to", recipients},
             {"octets", octets},
             {"peer", peer_->remote.text()},
             {"user", local_                  ? local_->name
                      : transaction.submitter ? transaction.submitter->address
                                              : ""}});
}

void SmtpSession::offence(smtp::Offence kind) {
  if (kind == smtp::Offence::failed_auth) credentials_.refused();
  const bool turned_away = kind == smtp::Offence::early_talk && desk_.policy.early_talk == smtp::EarlyTalk::refuse &&
                           peer_->hello == smtp::Hello::none;
  if (turned_away)
    note_turned_away(desk_.services.ledger(), door(), peer_->remote,
                     Reply(554, {5, 5, 1}, "Spoke before the greeting"));
}

}  // namespace angarium::agent
