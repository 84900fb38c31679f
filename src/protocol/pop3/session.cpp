#include "protocol/pop3/session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/counters.h"
#include "base/log.h"
#include "base/text.h"
#include "io/loop.h"
#include "protocol/pop3/writer.h"
#include "wire/saslsec/connection.h"
#include "wire/saslsec/exchange.h"

namespace angarium::protocol::pop3 {
namespace {

Counter sessions_begun("angarium_pop3_sessions_total", "POP3 sessions begun.");
Counter commands_read("angarium_pop3_commands_total", "POP3 commands read.");

}  // namespace

OpenMaildrop::OpenMaildrop(std::unique_ptr<Maildrop> maildrop)
    : maildrop_(std::move(maildrop)), deleted_(maildrop_->count()), left_(deleted_.size()) {
  for (std::size_t i = 0; i < deleted_.size(); ++i) octets_left_ += maildrop_->octets(i);
  last_accessed_ = maildrop_->last_accessed();
}

Result<std::size_t> OpenMaildrop::find(Number number) const {
  if (number == 0 || number > deleted_.size()) return fail(kNoMessage, "there is no such message");
  const std::size_t index = number - 1;
  if (deleted_[index]) return fail(kNoMessage, "this message is marked as deleted");
  return index;
}

Result<std::size_t> OpenMaildrop::only(Parameters parameters) const {
  const Number number = TRY(parameters.require_number());
  TRY(parameters.end());
  return find(number);
}

void OpenMaildrop::mark(std::size_t index) {
  deleted_[index] = true;
  --left_;
  octets_left_ -= maildrop_->octets(index);
}

void OpenMaildrop::unmark_all() {
  for (std::size_t i = 0; i < deleted_.size(); ++i)
    if (deleted_[i]) octets_left_ += maildrop_->octets(i);
  std::fill(deleted_.begin(), deleted_.end(), false);
  left_ = deleted_.size();
  last_accessed_ = maildrop_->last_accessed();  // RFC 1460 §4, RSET
}

std::vector<std::size_t> OpenMaildrop::marked() const {
  std::vector<std::size_t> result;
  result.reserve(deleted_.size() - left_);
  for (std::size_t i = 0; i < deleted_.size(); ++i)
    if (deleted_[i]) result.push_back(i);
  return result;
}

void OpenMaildrop::accessed(std::size_t index) { last_accessed_ = std::max(last_accessed_, index + 1); }

Session::Session(wire::Connection& connection_of, Authenticator& authenticator_of, const ServerOptions& options_of,
                 io::Event* stop)
    : authenticator(authenticator_of), options(options_of), connection_(&connection_of), stop_(stop) {}

void Session::write_ok_line(std::string_view text) { write_ok(output.text(), text); }

void Session::refuse(Code code, std::string_view text) { write_error(output.text(), code, text); }

void Session::refuse(const Error& error) {
  if (error.is(kBadCommand)) return refuse_bad(error.text());
  if (error.fault() == Fault::ours || error.fault() == Fault::dependency)
    log::warning("pop3", "a command failed", {{"kind", error.kind().name}, {"error", error.text()}});
  const Refusal refusal = refusal_for(error);
  refuse(refusal.code, refusal.text);
}

void Session::refuse_bad(std::string_view text) {
  authenticator.offence(Offence::bad_command);
  refuse(Code::none, text);
  if (++bad_commands_ < kBadCommandsMax) return;
  authenticator.offence(Offence::too_many_errors);
  close();
}

io::Task<Result<std::string_view>> Session::next_line(std::size_t limit) {
  bool waited = false;
  for (;;) {
    const std::optional<wire::Line> line = CO_TRY(input.take_line(limit));
    if (line) co_return line->text;
    if (!waited) {
      // Once a line: an octet now and then does not keep a session alive. What is sent has less time than what is
      // thought about.
      const bool login = state == State::authorization;
      const io::Loop& loop = io::Loop::current();
      connection_->set_deadline(loop.now() + (login ? options.login_timeout : options.send_timeout));
      CO_TRY(co_await output.flush(*connection_));
      if (!login) connection_->set_deadline(loop.now() + options.idle_timeout);
      waited = true;
    }
    const io::Ready ready = CO_TRY(co_await input.more(*connection_, stop_));
    if (ready.event) co_return fail(sasl::kAborted, "the server ends this session");
  }
}

io::ValueOrTask<Result<>> Session::room() {
  if (!output.wants_room()) return Result<>();
  connection_->set_deadline(io::Loop::current().now() + options.send_timeout);
  return output.room(*connection_);
}

bool Session::plaintext_allowed() const {
  return connection_->tls() != nullptr || options.plaintext_without_tls == sasl::Plaintext::allowed;
}

std::vector<const sasl::Mechanism*> Session::offered_mechanisms() {
  return wire::saslsec::offered(options.mechanisms,
                                plaintext_allowed() ? sasl::Plaintext::allowed : sasl::Plaintext::refused, *connection_,
                                authenticator.credentials());
}

io::Task<Result<>> Session::secure(std::unique_ptr<sasl::SecurityLayer> layer) {
  CO_TRY(co_await output.flush(*connection_));
  // For the client the layer begins behind its last response: what is there already went through it, or is forged, and
  // ends the connection.
  secured_ = wire::saslsec::secured(*connection_, std::move(layer), input.view());
  input.clear();
  connection_ = secured_.get();
  co_return Result<>();
}

io::Task<Result<>> Session::enter(Login login) {
  login.presentation = presentation;
  auto opened = co_await authenticator.open(login);
  if (!opened) {
    refuse(opened.error());
    co_return Result<>();
  }
  maildrop.emplace(*std::move(opened));
  state = State::transaction;
  bad_commands_ = 0;
  std::string& text = output.text();
  text += "+OK maildrop has ";
  append_number(text, maildrop->left());
  text += " messages (";
  append_number(text, maildrop->octets_left());
  text += " octets)\r\n";
  co_return Result<>();
}

io::Task<Result<>> Session::login_failed(const Error& error) {
  // Only a wrong password or proof is a guess: who is locked out, gave up or broke the grammar is answered at once, and
  // not locked out for longer because of it.
  if (error.is(sasl::kBadCredentials) || error.is(sasl::kChannelBinding)) {
    authenticator.offence(Offence::failed_login);
  }
  if (error.is(sasl::kBadCredentials) || error.is(sasl::kChannelBinding) || error.is(sasl::kNotAuthorized)) {
    ++failures_;
    CO_TRY(co_await output.flush(*connection_));
    io::Loop& loop = io::Loop::current();
    co_await loop.sleep_until(loop.now() + options.failure_delay * (1 << std::min(failures_ - 1, 6U)));
  }
  refuse(error);
  if (failures_ >= options.failures_max) close();
  co_return Result<>();
}

io::Task<Result<>> Session::greet() {
  if (auto allowed = co_await authenticator.connected(*connection_); !allowed) {
    refuse(allowed.error());
    close();
    co_return co_await output.flush(*connection_);
  }
  std::string greeting = "POP3 server ready";
  if (options.apop == Apop::on) {
    // RFC 1939 §7: a msg-id that is another one each time.
    timestamp = '<' + to_hex(io::Loop::current().random().octets(12)) + '@' + options.hostname + '>';
    greeting += ' ' + timestamp;
  }
  ok(greeting);
  co_return Result<>();
}

void Session::count_command() {
  if (state != State::authorization || ++commands_ <= kCommandsBeforeLoginMax) return;
  authenticator.offence(Offence::too_many_errors);
  refuse(Code::none, "too many commands without a login");
  close();
}

Answer Session::dispatch(std::string_view line) {
  count_command();
  if (state == State::update) return Result<>();
  auto command = parse_command(line);
  const Rule* rule = command ? find_rule(command->keyword) : nullptr;
  if (rule == nullptr) {
    if (is_foreign(line)) {
      authenticator.offence(Offence::foreign_protocol);
      close();
    }
    refuse_bad(command ? "unknown command" : command.error().text());
    return Result<>();
  }
  if (!is_legal(rule->legal, state)) {
    refuse_bad(state == State::authorization ? "log in first" : "not after login");
    return Result<>();
  }
  if (rule->plain == Plain::password && !plaintext_allowed()) {
    // No code: other credentials would not help (RFC 3206 §4).
    refuse(Code::none, "a password may not be sent without TLS: use STLS first, or the port for TLS");
    return Result<>();
  }
  if (rule->takes == Takes::nothing)
    if (auto end = command->parameters.end(); !end) {
      refuse(end.error());
      return Result<>();
    }
  return rule->handler(*this, command->parameters);
}

namespace {

bool is_too_long(std::string_view command) {
  return command.size() > kCommandLineMax && !starts_with_ignore_case(command, "AUTH ");
}

}  // namespace

io::Task<Result<>> Session::commands() {
  while (state != State::update) {
    auto line = co_await next_line(state == State::authorization ? kAuthCommandMax : kCommandLineMax);
    if (line ? is_too_long(*line) : line.error().is(wire::kLineTooLong)) {
      refuse_bad("the command is too long");
    } else if (line) {
      commands_read.add();
      CO_TRY(co_await dispatch(*line));
    } else if (line.error().is(sasl::kAborted)) {
      refuse(Code::sys_temp, "the server ends this session");
      close();
    } else {
      if (line.error().is(kTimedOut) && state == State::authorization) authenticator.offence(Offence::too_slow);
      co_return std::unexpected(std::move(line).error());
    }
    CO_TRY(co_await room());
  }
  connection_->set_deadline(io::Loop::current().now() + options.login_timeout);
  co_return co_await output.flush(*connection_);
}

io::Task<Result<>> Session::run() {
  sessions_begun.add();
  connection_->set_deadline(io::Loop::current().now() + options.login_timeout);
  CO_TRY(co_await greet());
  co_return co_await commands();
}

namespace {

/// Lets the last answer reach a client that still sends: a socket closed on unread octets is reset, and what was sent
/// to it may be lost.
io::Task<> linger(wire::Connection& connection) {
  if (!connection.shutdown_write()) co_return;
  connection.set_deadline(io::Loop::current().now() + kLingerTime);
  wire::Input unread;
  for (std::size_t octets = 0; octets < kLingerOctetsMax; octets += unread.clear())
    if (!co_await unread.more(connection)) co_return;
}

}  // namespace

io::Task<> serve(wire::Connection& connection, Authenticator& authenticator, const ServerOptions& options,
                 io::Event* stop) {
  Result<> ended;
  {
    Session session(connection, authenticator, options, stop);
    ended = co_await session.run();
  }
  if (ended) {
    co_await linger(connection);
  } else if (ended.error().fault() == Fault::ours) {
    log::error("pop3", "a session broke", {{"kind", ended.error().kind().name}, {"error", ended.error().text()}});
  }
  connection.close();
}

}  // namespace angarium::protocol::pop3
