#include "agent/refusal_notes.h"

#include <algorithm>

#include "io/loop.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;

/// The address in "FROM:<a@b.example> SIZE=1", however malformed it is.
std::string_view address_in(std::string_view said) {
  if (const std::size_t colon = said.find(':'); colon != std::string_view::npos) said.remove_prefix(colon + 1);
  const std::size_t open = said.find('<');
  if (open != std::string_view::npos) said.remove_prefix(open + 1);
  return said.substr(0, said.find_first_of(open == std::string_view::npos ? " " : ">"));
}

WallTime now() { return io::Loop::current().clock().wall(); }

}  // namespace

trace::Code code_of(const smtp::ReplyView& reply) {
  return {.reply = reply.code,
          .status = reply.enhanced.status,
          .subject = reply.enhanced.subject,
          .detail = reply.enhanced.detail};
}

void note_turned_away(trace::Ledger& ledger, trace::Door door, const io::Endpoint& peer, const smtp::ReplyView& reply) {
  trace::Beginning beginning;
  beginning.id = trace::DeliveryId::make(io::Loop::current().random());
  beginning.at = now();
  beginning.door = door;
  beginning.has_sender = false;
  if (peer.is_ip()) beginning.peer = peer.address().octets();
  beginning.refusal = trace::Refusal{.step = trace::Step::connection, .code = code_of(reply), .words = reply.text};
  ledger.refuse(beginning);
}

RefusalNotes::Open& RefusalNotes::open(trace::DeliveryId id, const trace::Beginning& who) {
  if (open_ && open_->beginning.id == id) return *open_;
  close();
  Open& made = open_.emplace();
  made.beginning.door = who.door;
  made.beginning.extended = who.extended;
  made.beginning.id = id;
  made.beginning.at = now();
  made.beginning.has_sender = false;
  made.peer = who.peer;
  made.helo = who.helo.octets;
  made.tls = who.tls;
  made.login = who.login.octets;
  return made;
}

void RefusalNotes::note(const smtp::Refusal& refusal, const trace::Beginning& who) {
  if (accepted_ == refusal.id) return;
  Open& open = this->open(refusal.id, who);
  trace::Step step = trace::Step::data;
  if (refusal.asked == smtp::Asked::mail) {
    step = trace::Step::mail;
    if (!open.beginning.has_sender) open.sender = address_in(refusal.said);
    open.beginning.has_sender = true;
  } else if (refusal.asked == smtp::Asked::rcpt) {
    step = trace::Step::rcpt;
    if (open.recipients.size() < kRecipientsMax)
      open.recipients.push_back({.address = std::string(address_in(refusal.said)), .code = code_of(refusal.reply)});
  }
  // "Send MAIL first", "no valid recipients": what comes of a refusal before it, which has the reason.
  const bool follows = refusal.reply.code == 503 || refusal.reply.enhanced == smtp::EnhancedCode{5, 5, 1};
  if (follows && open.beginning.refusal) return;
  open.beginning.refusal = trace::Refusal{.step = step, .code = code_of(refusal.reply)};
  open.words = refusal.reply.text;
}

void RefusalNotes::ended(Ended transaction, const trace::Beginning& who) {
  if (accepted_ == transaction.id) return;
  const bool noted = open_ && open_->beginning.id == transaction.id;
  if (!noted && !transaction.body_begun) return;
  Open& open = this->open(transaction.id, who);
  open.beginning.has_sender = true;
  open.sender = std::move(transaction.sender);
  for (std::string& address : transaction.let_in)
    open.recipients.push_back({.address = std::move(address), .course = trace::Course::dropped, .code = {}});
  if (!transaction.body_begun) return;
  open.beginning.refusal = trace::Refusal{.step = trace::Step::lost};
  open.words.clear();
}

const std::vector<RefusalNotes::Noted>& RefusalNotes::refused(trace::DeliveryId id) const {
  static const std::vector<Noted> kNone;
  return open_ && open_->beginning.id == id ? open_->recipients : kNone;
}

void RefusalNotes::accepted(trace::DeliveryId id) {
  accepted_ = id;
  if (open_ && open_->beginning.id == id) open_.reset();
}

void RefusalNotes::close() {
  if (!open_) return;
  trace::Beginning& beginning = open_->beginning;
  beginning.peer = open_->peer;
  beginning.helo = open_->helo;
  beginning.tls = open_->tls;
  beginning.login = open_->login;
  beginning.sender = open_->sender;
  // The message came, and was refused for all whom it was for.
  const bool message_refused = beginning.refusal && beginning.refusal->step == trace::Step::data;
  for (const Noted& one : open_->recipients) {
    const bool with_it = message_refused && one.course == trace::Course::dropped;
    beginning.recipients.push_back({.address = one.address,
                                    .course = with_it ? trace::Course::refused : one.course,
                                    .code = with_it ? beginning.refusal->code : one.code});
  }
  if (beginning.refusal) beginning.refusal->words = open_->words;
  ledger_.refuse(beginning);
  open_.reset();
}

}  // namespace angarium::agent
