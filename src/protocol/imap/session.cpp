#include "protocol/imap/session.h"

#include "base/log.h"

namespace angarium::protocol::imap {

Session::Session(wire::Connection& connection, Authenticator& authenticator_, const ServerOptions& options_)
    : authenticator(authenticator_),
      options(options_),
      connection_(&connection),
      bare_(&connection),
      login_by_(io::Loop::current().now() + options_.login_timeout) {}

void Session::put_on(std::unique_ptr<wire::Connection> layer) {
  connection_ = layer.get();
  layers_.push_back(std::move(layer));
}

void Session::take_layers_off() {
  connection_ = bare_;
  while (!layers_.empty()) layers_.pop_back();
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
  connection().set_deadline(io::Loop::current().now() + options.send_timeout);
  const auto sent = co_await output.flush(connection());
  if (!sent) co_return fail(kSessionOver, sent.error().text());
  co_return Result<void>{};
}

io::Task<Result<void>> Session::room() {
  if (output.size() <= wire::Output::kHighWater) co_return Result<void>{};
  connection().set_deadline(io::Loop::current().now() + options.send_timeout);
  const auto sent = co_await output.room(connection());
  if (!sent) co_return fail(kSessionOver, sent.error().text());
  // A client that takes everything at once still lets the others go first.
  co_await io::Loop::current().yield();
  co_return Result<void>{};
}

io::Task<Result<io::Ready>> Session::more(Moment deadline) {
  CO_TRY(co_await flush());
  connection().set_deadline(deadline);
  auto ready = co_await input.more(connection(), &wake);
  if (ready) co_return *ready;
  if (ready.error().is(kTimedOut)) {
    // RFC 9051 §5.4: autologout.
    bye(account == nullptr ? "Login took too long" : "Idle for too long");
    connection().set_deadline(io::Loop::current().now() + options.login_timeout);
    co_await output.flush(connection());
  }
  co_return fail(kSessionOver, ready.error().text());
}

io::Task<Result<CommandReader::Event>> Session::next_event() {
  const auto deadline = patience();
  for (;;) {
    auto view = input.view();
    const auto before = view.size();
    const auto event = reader.feed(view);
    input.consume(before - view.size());
    if (event != CommandReader::Event::need_more) co_return event;
    if (stopping) co_return fail(kSessionOver, "stopping");
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

void Session::end_account() {
  leave();
  account.reset();
  enabled = 0;
  state = kNotAuthenticated;
  login_by_ = io::Loop::current().now() + options.login_timeout;
  reader.set_limit(kUnauthenticatedCommandMax);
}

std::string Session::capabilities() const {
  // RFC 9051 §6.1.1. LITERAL- before login, LITERAL+ after it (RFC 7888).
  std::string out = "IMAP4rev1 IMAP4rev2 SASL-IR ID ENABLE";
  if (account == nullptr) {
    out += " LITERAL-";
    if (connection().can_start_tls()) out += " STARTTLS";
    if (!authenticator.login_permitted()) out += " LOGINDISABLED";
    for (const auto& mechanism : authenticator.mechanisms()) out += " AUTH=" + mechanism;
    return out;
  }
  if (!compressed) out += " COMPRESS=DEFLATE";
  out +=
      " LITERAL+ IDLE NAMESPACE CHILDREN UIDPLUS MOVE UNSELECT CONDSTORE QRESYNC ESEARCH SEARCHRES LIST-EXTENDED"
      " LIST-STATUS SPECIAL-USE CREATE-SPECIAL-USE STATUS=SIZE MULTIAPPEND REPLACE CATENATE BINARY SORT SORT=DISPLAY "
      "ESORT"
      " THREAD=ORDEREDSUBJECT THREAD=REFERENCES THREAD=REFS I18NLEVEL=1 WITHIN PARTIAL PREVIEW SAVEDATE UNAUTHENTICATE "
      "UTF8=ACCEPT OBJECTID "
      "APPENDLIMIT";
  if (options.append_limit) out += "=" + std::to_string(*options.append_limit);
  return out;
}

}  // namespace angarium::protocol::imap
