// CHECKPOINT (RFC 1845): a transaction goes on where an earlier session broke off. What came before is given to the
// same code once more: recipients at MAIL, since they may be gone, and the octets in the store once DATA asks for them.
#include <utility>

#include "account/attempts.h"
#include "agent/transaction.h"
#include "base/log.h"
#include "base/text.h"

namespace angarium::agent {

namespace smtp = protocol::smtp;
using smtp::Reply;

/// RFC 1845 §2: the TRANSID and the client's name. Both can be guessed, and who goes on with a transaction adds to
/// somebody's message: the user must be the same, or the address.
std::optional<CheckpointName> SmtpSession::checkpoint_name(const std::string& id) const {
  if (desk_.checkpoint_octets == 0) return std::nullopt;
  CheckpointName name{.owner = {}, .id = id};
  if (peer_->identity) {
    name.owner = "u" + peer_->identity->authentication_id + " " + peer_->identity->authorization_id;
  } else if (peer_->remote.is_ip()) {
    name.owner = "a" + account::attempt_key(peer_->remote.address().text()) + " " + to_lower(peer_->name);
  } else {
    return std::nullopt;
  }
  if (name.owner.find('\0') != std::string::npos || name.text().size() > kCheckpointNameMax) return std::nullopt;
  return name;
}

void SmtpSession::let_go() {
  Checkpoints& all = desk_.services.checkpoints();
  if (const auto name = std::exchange(named_, std::nullopt)) all.let_go(*name);
  for (const CheckpointName& name : std::exchange(concluded_, {})) all.let_go(name);
  if (transaction_ && transaction_->checkpoint) all.let_go(transaction_->checkpoint->name());
}

io::Task<> SmtpSession::conclude() {
  co_await desk_.services.checkpoints().forget(concluded_);
  let_go();
}

io::Task<Result<Reply>> SmtpSession::mail_after_others(envelope::Sender sender, envelope::DeliveryId id) {
  // resume() took this one's name in hand a moment ago.
  auto named = std::exchange(named_, std::nullopt);
  co_await conclude();
  named_ = std::move(named);
  co_return co_await begin(sender, id);
}

io::Task<Result<std::optional<smtp::Checkpoint>>> SmtpSession::resume(const envelope::Sender& sender,
                                                                      envelope::DeliveryId id) {
  co_await conclude();
  const auto name = checkpoint_name(*sender.parameters.transaction);
  if (!name) co_return std::nullopt;
  Checkpoints& all = desk_.services.checkpoints();
  const auto kept = CO_TRY(co_await all.take(*name));
  named_ = name;
  if (!kept) co_return std::nullopt;
  auto goes_on = co_await reopen(sender, id, *kept);
  if (goes_on && *goes_on) {
    log::info("smtp", "goes on",
              {{"id", id.text()}, {"transaction", name->id}, {"octets", kept->octets}, {"peer", peer_->remote.text()}});
    co_return smtp::Checkpoint{.offset = kept->octets,
                               .recipients = static_cast<std::uint32_t>(kept->recipients.size())};
  }
  transaction_.reset();
  named_ = name;
  if (!goes_on) {
    let_go();
    co_return std::unexpected(std::move(goes_on).error());
  }
  co_await all.forget({*name});
  co_return std::nullopt;
}

io::Task<Result<bool>> SmtpSession::reopen(const envelope::Sender& sender, envelope::DeliveryId id,
                                           const KeptTransaction& kept) {
  // RFC 1845 §3: the client issues the same MAIL command.
  const envelope::MailParameters& said = sender.parameters;
  const envelope::MailParameters& before = kept.sender.parameters;
  if (sender.path != kept.sender.path || said.body != before.body || said.smtputf8 != before.smtputf8) co_return false;
  if (kept.accepted) {
    open(sender, id);
    transaction_->told = *kept.accepted;
    transaction_->envelope.recipients = kept.recipients;
    co_return true;
  }
  // What passes is no reason to throw away what came: the client comes again.
  const auto not_now = [](const Reply& reply) { return fail(kTransactionNotNow, reply.text); };
  const Reply opened = CO_TRY(co_await begin(sender, id));
  if (opened.transient()) co_return not_now(opened);
  if (!opened.completed()) co_return false;
  for (const envelope::Recipient& recipient : kept.recipients) {
    const Reply taken = CO_TRY(co_await rcpt(recipient));
    if (taken.transient()) co_return not_now(taken);
    if (!taken.completed()) co_return false;
  }
  transaction_->goes_on = kept;
  co_return true;
}

io::Task<Result<Reply>> SmtpSession::go_on() {
  const CheckpointName name = transaction_->checkpoint->name();
  const KeptTransaction kept = *std::exchange(transaction_->goes_on, std::nullopt);
  Reply ready = open_intake();
  if (ready.positive()) {
    const auto whole = co_await replay(kept);
    if (whole && *whole) co_return ready;
    if (!whole) log::error("smtp", "what came of a transaction cannot be read", {{"error", whole.error().text()}});
    // What will never be whole must not be offered again.
    if (whole || !whole.error().temporary()) co_await desk_.services.checkpoints().forget({name});
    ready = Reply(451, {4, 3, 0}, "What came before cannot be read, try again later");
  }
  // The client hears of no end: what came is kept for its next try.
  transaction_->checkpoint.reset();
  named_ = name;
  co_return ready;
}

io::Task<Result<bool>> SmtpSession::replay(const KeptTransaction& kept) {
  OpenCheckpoint& checkpoint = *transaction_->checkpoint;
  desk_.services.checkpoints().count_reading(checkpoint.name());
  checkpoint.resume(kept);
  for (std::uint32_t part = 0; part < kept.parts; ++part) {
    const auto octets = co_await desk_.services.checkpoints().read(checkpoint.name(), part);
    if (!octets && octets.error().is(store::kMissing)) co_return false;
    if (!octets) co_return std::unexpected(octets.error());
    checkpoint.replay(*octets);
    if (CO_TRY(take_in(*octets)) == smtp::Flow::pause) CO_TRY(co_await transaction_->intake->drain());
  }
  co_return checkpoint.seen().octets() == kept.octets;
}

io::Task<Result<>> SmtpSession::drain_and_keep() {
  if (transaction_->intake->full()) CO_TRY(co_await transaction_->intake->drain());
  co_await transaction_->checkpoint->store(desk_.services.tablet(), OpenCheckpoint::Amount::full_parts);
  co_return Result<>();
}

io::Task<> SmtpSession::ended(smtp::Ending ending) {
  if (ending == smtp::Ending::quit) co_await conclude();
  if (transaction_ && transaction_->checkpoint) {
    OpenCheckpoint& checkpoint = *transaction_->checkpoint;
    if (transaction_->intake) co_await checkpoint.store(desk_.services.tablet(), OpenCheckpoint::Amount::all);
    desk_.services.checkpoints().let_go(checkpoint.name());
    transaction_->checkpoint.reset();
  }
  let_go();
}

}  // namespace angarium::agent
