#include "protocol/imap/session.h"

#include <algorithm>

#include "base/log.h"
#include "protocol/imap/notifications.h"
#include "wire/deflate/connection.h"
#include "wire/saslsec/connection.h"
#include "wire/saslsec/exchange.h"

namespace angarium::protocol::imap {

Session::Session(wire::Connection& connection, Authenticator& authenticator_, const ServerOptions& options_)
    : authenticator(authenticator_),
      options(options_),
      connection_(&connection),
      bare_(&connection),
      login_by_(io::Loop::current().now() + options_.login_timeout) {}

// Each layer ends before the one it stands on.
Session::~Session() {
  while (!layers_.empty()) layers_.pop_back();
}

void Session::put_on(std::unique_ptr<wire::Connection> above) {
  connection_ = above.get();
  layers_.push_back(std::move(above));
}

void Session::compress() {
  const auto burst = std::max(wire::deflate::kBurst, options.append_limit.value_or(0));
  auto compression = wire::deflate::deflated(*connection_, input.view(), burst);
  input.clear();
  deflated_ = compression.get();
  put_on(std::move(compression));
}

io::Task<Result<void>> Session::take_layers_off() {
  if (!layers_.empty()) input.clear();
  connection_->set_deadline(patience());
  while (deflated_ != nullptr && layers_.size() == 1) {
    const auto rest = deflated_->take_rest();
    if (!rest) co_return fail(kSessionOver, rest.error().text());
    if (*rest) {
      input.append(**rest);
      flush_octets_ = wire::deflate::kFlushOctets;
      break;
    }
    const auto ready = co_await deflated_->readable();
    if (!ready) co_return fail(kSessionOver, ready.error().text());
  }
  deflated_ = nullptr;
  compressed = false;
  connection_ = bare_;
  while (!layers_.empty()) layers_.pop_back();
  co_return Result<void>{};
}

void Session::drop_flush() {
  while (flush_octets_ > 0 && !input.empty()) {
    const char next = input.view().front();
    const bool of_flush = next == '\0' || next == '\xFF';
    flush_octets_ = of_flush ? flush_octets_ - 1 : 0;
    if (of_flush) input.consume(1);
  }
}

void Session::untagged(Status status, std::string_view words, std::string_view code) {
  append_reply(text(), "*", {status, std::string(code), std::string(words)});
}

void Session::bye(std::string_view words) {
  text() += "* BYE ";
  text() += words;
  text() += "\r\n";
}

void Session::note(const Error& error) const {
  if (error.fault() != Fault::dependency && error.fault() != Fault::ours) return;
  log::write(error.fault() == Fault::ours ? log::Level::error : log::Level::warning, "imap", "command failed",
             {{"kind", error.kind().name}, {"text", error.text()}});
}

Moment Session::patience() const {
  return account == nullptr ? login_by_ : io::Loop::current().now() + options.idle_timeout;
}

io::Task<Result<void>> Session::flush() {
  if (output.empty()) co_return Result<void>{};
  connection_->set_deadline(io::Loop::current().now() + options.send_timeout);
  const auto sent = co_await output.flush(*connection_);
  if (!sent) co_return fail(kSessionOver, sent.error().text());
  co_return Result<void>{};
}

io::Task<Result<void>> Session::room() {
  if (!output.wants_room()) co_return Result<void>{};
  connection_->set_deadline(io::Loop::current().now() + options.send_timeout);
  const auto sent = co_await output.room(*connection_);
  if (!sent) co_return fail(kSessionOver, sent.error().text());
  // A client that takes everything at once still lets the others go first.
  co_await io::Loop::current().yield();
  co_return Result<void>{};
}

bool Session::abandoned() {
  if (stopping || hung_up) return true;
  if (!input.empty()) return false;
  const auto arrived = input.fill(*connection_);
  hung_up = !arrived && !arrived.error().is(wire::kInputFull);
  return hung_up;
}

io::Task<Result<io::Ready>> Session::more(Moment deadline) {
  CO_TRY(co_await flush());
  connection_->set_deadline(deadline);
  auto ready = co_await input.more(*connection_, &wake);
  if (ready) co_return *ready;
  if (ready.error().is(kTimedOut)) {
    // RFC 9051 §5.4: autologout.
    bye(account == nullptr ? "Login took too long" : "Idle for too long");
    connection_->set_deadline(io::Loop::current().now() + options.login_timeout);
    co_await output.flush(*connection_);
  }
  co_return fail(kSessionOver, ready.error().text());
}

io::Task<Result<CommandReader::Event>> Session::next_event(Between between) {
  const auto deadline = patience();
  for (;;) {
    drop_flush();
    auto view = input.view();
    const auto before = view.size();
    const auto event = reader.feed(view);
    input.consume(before - view.size());
    if (event != CommandReader::Event::need_more) co_return event;
    if (stopping) co_return fail(kSessionOver, "stopping");
    // RFC 5465 §3.1: who used NOTIFY is told while no command is at work, too.
    if (between == Between::commands && notifications != nullptr) {
      CO_TRY(co_await tell_between_commands());
      if (after == After::end) co_return fail(kSessionOver, "the mailbox is gone");
    }
    CO_TRY(co_await more(deadline));
  }
}

io::Task<Result<std::string>> Session::ask(std::string_view words) {
  text() += "+ ";
  text() += words;
  text() += "\r\n";
  reader.next();
  const auto event = CO_TRY(co_await next_event());
  std::string line(reader.text());
  if (event == CommandReader::Event::literal) {
    reader.next();
    co_return fail(kSyntax, "A literal may not stand here");
  }
  reader.next();
  if (event == CommandReader::Event::discarded) co_return fail(kSyntax, "Line too long");
  co_return line;
}

io::Task<Result<void>> Session::drop_literals() {
  if (!reader.announced() || reader.head().sync == LiteralHead::Sync::waits) co_return Result<void>{};
  if (reader.head().size > (account == nullptr ? kUnauthenticatedDiscardMax : kDiscardMax)) {
    // RFC 7888 §4: closing is the other way not to read it.
    bye("[TOOBIG] Literal is too big");
    co_return fail(kSessionOver, "literal");
  }
  reader.discard();
  CO_TRY(co_await next_event());
  co_return Result<void>{};
}

void Session::leave() {
  if (state == kSelected) state = kAuthenticated;
  selected.reset();
}

void Session::begin_account(std::shared_ptr<Account> opened) {
  account = std::move(opened);
  state = kAuthenticated;
  bad_commands = 0;
  reader.set_limit(kCommandMax);
}

std::vector<const sasl::Mechanism*> Session::mechanisms() const {
  return wire::saslsec::offered(authenticator.enabled(),
                                authenticator.login_permitted() ? sasl::Plaintext::allowed : sasl::Plaintext::refused,
                                *connection_, authenticator.credentials());
}

void Session::secure() {
  // For the client the layer begins behind its last response: what is there already went through it, or is forged, and
  // ends the connection.
  auto secured = wire::saslsec::secured(*connection_, std::move(layer), input.view());
  input.clear();
  put_on(std::move(secured));
}

void Session::end_account() {
  leave();
  account.reset();
  enabled = 0;
  collation = message::Collation::unicode_casemap;
  notifications.reset();
  annotations.reset();
  state = kNotAuthenticated;
  login_by_ = io::Loop::current().now() + options.login_timeout;
  reader.set_limit(kUnauthenticatedCommandMax);
}

std::string Session::capabilities() const {
  // RFC 9051 §6.1.1. LITERAL- before login, LITERAL+ after it (RFC 7888).
  std::string out = "IMAP4rev1 IMAP4rev2 SASL-IR ID ENABLE LANGUAGE LOGIN-REFERRALS";
  if (account == nullptr) {
    out += " LITERAL-";
    if (connection_->can_start_tls()) out += " STARTTLS";
    if (!authenticator.login_permitted()) out += " LOGINDISABLED";
    for (const sasl::Mechanism* mechanism : mechanisms()) {
      out += " AUTH=";
      out += mechanism->name;
    }
    return out;
  }
  if (!compressed) out += " COMPRESS=DEFLATE";
  out +=
      " LITERAL+ IDLE NAMESPACE CHILDREN UIDPLUS MOVE UNSELECT CONDSTORE QRESYNC ESEARCH SEARCHRES LIST-EXTENDED"
      " LIST-STATUS SPECIAL-USE CREATE-SPECIAL-USE STATUS=SIZE MULTIAPPEND REPLACE CATENATE BINARY SORT SORT=DISPLAY"
      " ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES THREAD=REFS SEARCH=FUZZY I18NLEVEL=1 I18NLEVEL=2 WITHIN PARTIAL "
      "CONTEXT=SEARCH "
      "CONTEXT=SORT"
      " MULTISEARCH NOTIFY UIDONLY UIDBATCHES INPROGRESS PREVIEW SAVEDATE UNAUTHENTICATE UTF8=ACCEPT OBJECTID"
      " QUOTA QUOTASET QUOTA=RES-STORAGE QUOTA=RES-MESSAGE METADATA METADATA-SERVER LIST-METADATA FILTERS"
      " ACL RIGHTS=tekx LIST-MYRIGHTS"
      " URLAUTH URLAUTH=BINARY URL-PARTIAL MAILBOX-REFERRALS APPENDLIMIT";
  if (options.append_limit) out += "=" + std::to_string(*options.append_limit);
  if (options.message_limit != 0) out += " MESSAGELIMIT=" + std::to_string(options.message_limit);
  return out;
}

}  // namespace angarium::protocol::imap
