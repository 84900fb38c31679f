#include "protocol/smtp/conversation.h"

#include <utility>

#include "io/loop.h"
#include "sasl/mechanism.h"
#include "wire/saslsec/connection.h"
#include "wire/saslsec/exchange.h"

namespace angarium::protocol::smtp {

Conversation::Conversation(wire::Connection& connection, Session& session, const Policy& policy, io::Event* stop)
    : connection_(&connection), session_(session), policy_(policy), stop_(stop) {
  peer_.remote = connection.peer();
  peer_.local = connection.local();
  note_tls();
}

void Conversation::note_tls() {
  const wire::TlsInfo* tls = connection_->tls();
  peer_.channel = tls != nullptr ? Channel::tls : Channel::plain;
  peer_.tls = tls != nullptr ? tls->version + " " + tls->cipher : std::string();
}

void Conversation::forget_peer() {
  peer_.hello = Hello::none;
  peer_.name.clear();
  peer_.identity.reset();
  peer_.mechanism.clear();
  phase_ = Phase::connected;
  note_tls();
}

void Conversation::secure(std::unique_ptr<sasl::SecurityLayer> layer) {
  const std::optional<sasl::Identity> identity = peer_.identity;
  const std::string mechanism = peer_.mechanism;
  // For the client the layer begins behind its last response: what is there already went through it, or is forged, and
  // ends the connection.
  secured_ = wire::saslsec::secured(*connection_, std::move(layer), input_.view());
  input_.clear();
  connection_ = secured_.get();
  forget_peer();
  peer_.identity = identity;
  peer_.mechanism = mechanism;
}

void Conversation::expect_command() { connection_->set_deadline(io::Loop::current().now() + policy_.times.command); }

void Conversation::begin_body() { body_.emplace(*this, io::Loop::current().now()); }

void Conversation::begin_dropped_body(Reply why) { body_.emplace(*this, io::Loop::current().now(), std::move(why)); }

void Conversation::open_transaction(Transaction transaction) {
  transaction_ = transaction;
  open_ = true;
  phase_ = Phase::sender;
}

void Conversation::transaction_done() {
  open_ = false;
  end_transaction();
}

void Conversation::abort_transaction() {
  if (std::exchange(open_, false)) session_.abort();
}

void Conversation::end_transaction() {
  abort_transaction();
  id_used_ = true;
  transaction_ = Transaction();
  body_.reset();
  if (phase_ > Phase::greeted) phase_ = Phase::greeted;
}

void Conversation::begin_command(Verb verb, std::string_view arguments) {
  asked_.reset();
  if (verb == Verb::mail) asked_ = Asked::mail;
  if (verb == Verb::rcpt) asked_ = Asked::rcpt;
  if (verb == Verb::data || verb == Verb::bdat || verb == Verb::burl) asked_ = Asked::data;
  if (!asked_) return;
  said_ = asked_ == Asked::data ? std::string_view() : arguments;
  // Whoever begins anew gets a new one, also after a MAIL that was refused.
  const bool anew = id_used_ || (asked_ == Asked::mail && phase_ <= Phase::greeted);
  if (!anew) return;
  id_ = envelope::DeliveryId::make(io::Loop::current().random());
  id_used_ = false;
}

ReplyView Conversation::named(const ReplyView& view, std::string& text) {
  if (!asked_) return view;
  if (!view.positive()) session_.note({.id = id_, .asked = *asked_, .said = said_, .reply = view});
  text = view.text;
  text += text.empty() ? "(id " : " (id ";
  text += id_.text();
  text += ')';
  return {view.code, view.enhanced, text};
}

void Conversation::reply(const ReplyView& view, ReplyCharset charset) {
  if (view.code == 421) return farewell(view);
  std::string text;
  write_reply(output_.text(), named(view, text), charset);
}

void Conversation::refuse(const ReplyView& view) {
  ++conduct_.errors;
  session_.offence(Offence::bad_command);
  reply(view);
}

void Conversation::refuse_line_end(wire::LineEnd end) {
  refuse(reply::kBadLineEnd);
  if (end == wire::LineEnd::lf) close();
}

void Conversation::farewell(const ReplyView& view) {
  std::string with_id;
  std::string text = policy_.hostname;
  text += ' ';
  text += named(view, with_id).text;
  write_reply(output_.text(), {view.code, view.enhanced, text});
  close();
}

Reply Conversation::settle(Result<Reply> answer) {
  if (answer) return *std::move(answer);
  return session_.reply_to(answer.error());
}

bool Conversation::plaintext_allowed() const {
  if (peer_.channel == Channel::tls) return true;
  switch (policy_.plaintext) {
    case PlaintextAuth::never: return false;
    case PlaintextAuth::loopback: return peer_.remote.is_local_host();
    case PlaintextAuth::always: return true;
  }
  return false;
}

std::vector<const sasl::Mechanism*> Conversation::mechanisms() const {
  // Under a security layer clients compare the list with that before it (RFC 4954 §4).
  if (policy_.auth == AuthUse::none || (peer_.identity && secured_ == nullptr)) return {};
  if (policy_.tls == TlsUse::required && peer_.channel == Channel::plain) return {};
  return wire::saslsec::offered(enabled_mechanisms(),
                                plaintext_allowed() ? sasl::Plaintext::allowed : sasl::Plaintext::refused, *connection_,
                                session_.credentials());
}

namespace {

using MaybeLine = Result<std::optional<wire::Line>>;

io::Task<MaybeLine> await_line(Conversation& conversation, std::size_t limit) {
  for (;;) {
    CO_TRY(co_await conversation.flush());
    const Result<io::Ready> ready = co_await conversation.input().more(conversation.connection(), conversation.stop());
    if (!ready && !ready.error().is(kTimedOut)) co_return std::unexpected(ready.error());
    if (!ready || ready->event) {
      if (!ready) conversation.session().offence(Offence::too_slow);
      conversation.farewell(ready ? reply::kShuttingDown : reply::kTimedOutWaiting);
      co_return std::nullopt;
    }
    MaybeLine line = conversation.input().take_line(limit);
    if (!line || *line) co_return line;
  }
}

}  // namespace

io::ValueOrTask<MaybeLine> read_line(Conversation& conversation, std::size_t limit) {
  const std::size_t without_end = limit - 2;
  MaybeLine line = conversation.input().take_line(without_end);
  if (!line || *line) return line;
  return await_line(conversation, without_end);
}

}  // namespace angarium::protocol::smtp
