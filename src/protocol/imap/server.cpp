#include "protocol/imap/server.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/counters.h"
#include "base/text.h"
#include "protocol/imap/session.h"

namespace angarium::protocol::imap {
namespace {

using Event = CommandReader::Event;

Counter sessions("angarium_imap_sessions_total", "IMAP sessions begun.");
Counter commands("angarium_imap_commands_total", "IMAP commands read.");

/// A browser was pointed at this port, perhaps by a page that attacks us with it: answers would only help it.
bool looks_like_http(std::string_view line) {
  constexpr std::array kVerbs = {"GET "sv,     "POST "sv,  "PUT "sv,     "HEAD "sv,  "DELETE "sv,
                                 "OPTIONS "sv, "TRACE "sv, "CONNECT "sv, "PATCH "sv, "PRI "sv};
  const auto verb = std::ranges::find_if(kVerbs, [&](auto v) { return line.starts_with(v); });
  if (verb == kVerbs.end()) return false;
  // Tags may be any word; only a path or a version makes it HTTP.
  const auto rest = line.substr(verb->size());
  return rest.starts_with('/') || rest.starts_with('*') || rest.contains("HTTP/") || rest.starts_with("http");
}

std::string tag_of(std::string_view text) {
  Parser parser(text);
  const auto tag = parser.tag();
  return tag && parser.peek() == ' ' ? std::string(*tag) : "*";
}

/// Whether the command takes its literals itself.
bool streams(std::string_view text, State state) {
  Parser parser(text);
  if (!parser.tag() || !parser.present(' ')) return false;
  if (parser.present("APPEND ")) return (state & kLoggedIn) != 0;
  parser.present("UID ");
  return parser.present("REPLACE ") && state == kSelected;
}

}  // namespace

Server::Server(wire::Connection& connection, Authenticator& authenticator, const ServerOptions& options)
    : session_(std::make_unique<Session>(connection, authenticator, options)) {}

Server::~Server() = default;

void Server::stop() {
  session_->stopping = true;
  session_->wake.set();
}

io::Task<> Server::run(std::shared_ptr<Account> known) {
  auto& session = *session_;
  sessions.add();
  // RFC 9051 §7.1.5: whoever is to end already greets with BYE.
  const bool greets = !session.stopping;
  if (greets && known != nullptr) {
    session.begin_account(std::move(known));
    session.text() += "* PREAUTH [CAPABILITY " + session.capabilities() + "] " + session.options.greeting + "\r\n";
  } else if (greets) {
    session.untagged(Status::ok, session.options.greeting, "CAPABILITY " + session.capabilities());
  }
  co_await converse();
  if (session.stopping && session.state != kLogout) session.bye("The server ends this session");
  session.leave();
  session.state = kLogout;
  co_await session.flush();
}

io::Task<Result<void>> Server::converse() {
  auto& session = *session_;
  while (session.after == Session::After::go_on && !session.stopping) {
    CO_TRY(co_await command());
    CO_TRY(co_await follow());
  }
  co_return Result<void>{};
}

io::Task<Result<void>> Server::command() {
  auto& session = *session_;
  auto& reader = session.reader;
  expunges_ = CommandRow::Expunges::withheld;
  for (;;) {
    const auto event = CO_TRY(co_await session.next_event(Session::Between::commands));
    if (event == Event::discarded) {
      const auto tag = tag_of(reader.text());
      reader.next();
      co_return co_await finish(tag, fail(kTooLong, "Command is too long"));
    }
    if (event == Event::line) {
      if (session.account == nullptr && looks_like_http(reader.text())) {
        session.after = Session::After::end;
        co_return Result<void>{};
      }
      co_return co_await dispatch();
    }
    // A literal. Those of APPEND and REPLACE belong to the handler, which streams them; the others join the command.
    if (streams(reader.text(), session.state)) co_return co_await dispatch();
    const auto& head = reader.head();
    const bool flows = head.sync == LiteralHead::Sync::flows;
    // RFC 7888 §5: LITERAL- bounds those that don't wait.
    const bool small = session.account != nullptr || !flows || head.size <= kUnauthenticatedLiteralMax;
    // RFC 5464 §5: a value may be literal8.
    Parser parser(reader.text());
    const bool annotation = session.account != nullptr && parser.tag() && parser.present(" SETMETADATA ");
    const bool binary = head.form == LiteralHead::Form::binary && !annotation;
    if (binary || !reader.fits() || !small) co_return co_await refuse_literal(annotation);
    if (!flows) session.text() += "+ Ready\r\n";
    reader.collect();
  }
}

io::Task<Result<void>> Server::refuse_literal(bool of_annotation) {
  auto& session = *session_;
  auto& reader = session.reader;
  const auto tag = tag_of(reader.text());
  const auto head = reader.head();
  CO_TRY(co_await session.drop_literals());
  reader.next();
  if (of_annotation) co_return co_await finish(tag, fail(kMetadataTooLong, "The value is too long"));
  if (head.form == LiteralHead::Form::binary)
    co_return co_await finish(tag, fail(kSyntax, "literal8 may not stand here"));
  co_return co_await finish(tag, fail(kTooLong, "Literal is too big for this command"));
}

io::Task<Result<void>> Server::dispatch() {
  auto& session = *session_;
  commands.add();
  Command command;
  command.parser = Parser(session.reader.text(), session.names());
  const auto tag = command.parser.tag();
  if (!tag || !command.parser.present(' ')) {
    session.reader.next();
    co_return co_await finish("*", fail(kSyntax, "Tag and command expected"));
  }
  command.tag = *tag;
  if (session.selected) CO_TRY(co_await session.selected->mailbox().renew());
  // RFC 4314 §5.1.1: rights are looked at with each command.
  if (session.selected && !session.selected->may(kRightRead) && !session.selected->mailbox().name().empty()) {
    session.bye("The selected mailbox may no longer be read");
    session.leave();
    co_return fail(kSessionOver, "no right to read");
  }
  auto result = co_await perform(command);
  // What was refused before its handler began: the literals that belong to it are no commands.
  if (!result && !result.error().is(kSessionOver) && session.reader.announced())
    CO_TRY(co_await session.drop_literals());
  session.reader.next();
  co_return co_await finish(command.tag, std::move(result));
}

io::Task<Result<Reply>> Server::perform(Command& command) {
  auto& session = *session_;
  auto& parser = command.parser;
  expunges_ = CommandRow::Expunges::withheld;
  addressing_ = Addressing::sequence;
  auto name = CO_TRY(parser.word());
  if (name == "UID") {
    CO_TRY(parser.space());
    name = CO_TRY(parser.word());
    command.addressing = Addressing::uid;
  }
  const auto* row = find_command(name);
  if (row == nullptr) co_return fail(kSyntax, "Unknown command " + escape_controls(name, 40));
  if (command.addressing == Addressing::uid && row->uid == CommandRow::Uid::no)
    co_return fail(kSyntax, "UID " + name + " is no command");
  if ((row->states & session.state) == 0) {
    co_return fail(kWrongState, name + (session.account == nullptr ? " needs a login first"
                                        : row->states == kSelected ? " needs a selected mailbox"
                                                                   : " is not possible after login"));
  }
  // RFC 9586 §3.2, §3.8: what takes a set takes UIDs alone.
  if (session.has(kUidOnly) && row->uid != CommandRow::Uid::no && row->arguments == CommandRow::Arguments::some &&
      command.addressing == Addressing::sequence)
    co_return fail(kUidRequired, "Message numbers are not allowed once UIDONLY is enabled");
  if (row->tls == CommandRow::Tls::not_yet && session.connection().tls() != nullptr)
    co_return fail(kWrongState, "TLS is on already");
  // What logs in carries secrets.
  if (row->states == kNotAuthenticated) parser.conceal();
  // EXPUNGE alone takes nothing, UID EXPUNGE a set (RFC 4315 §2.1).
  const bool bare = row->arguments == CommandRow::Arguments::none && command.addressing == Addressing::sequence;
  if (bare) {
    CO_TRY(parser.end());
  } else if (row->arguments != CommandRow::Arguments::any || !parser.at_end()) {
    CO_TRY(parser.space());
  }
  addressing_ = command.addressing;
  auto result = co_await row->run(session, command);
  const bool bad = !result ? result.error().fault() == Fault::syntax : result->status == Status::bad;
  if (!bad) expunges_ = row->expunges;
  co_return result;
}

io::Task<Result<void>> Server::finish(std::string_view tag, Result<Reply> result) {
  auto& session = *session_;
  if (!result && result.error().is(kSessionOver)) co_return std::unexpected(std::move(result).error());
  Reply reply;
  if (result) {
    reply = *std::move(result);
  } else {
    reply = reply_to(result.error());
    session.note(result.error());
  }
  if (session.selected) CO_TRY(co_await session.selected->mailbox().renew());
  CO_TRY(co_await session.tell_events(expunges_, addressing_));
  session.tell_annotations();
  session.tell_url_keys();
  append_reply(session.text(), tag, reply);
  if (reply.status == Status::bad) {
    const int most = session.account == nullptr ? kUnauthenticatedBadCommandsMax : kBadCommandsMax;
    if (++session.bad_commands >= most) {
      session.bye("Too many bad commands");
      co_return fail(kSessionOver, "bad commands");
    }
  } else if (reply.status == Status::ok) {
    session.bad_commands = 0;
  }
  co_return co_await session.room();
}

io::Task<Result<void>> Server::follow() {
  auto& session = *session_;
  const auto after =
      std::exchange(session.after, session.after == Session::After::end ? Session::After::end : Session::After::go_on);
  if (after == Session::After::go_on || after == Session::After::end) co_return Result<void>{};
  CO_TRY(co_await session.flush());
  if (after == Session::After::secure) {
    session.secure();
    co_return Result<void>{};
  }
  session.reader.next();
  if (after == Session::After::compress) {
    // RFC 4978 §3: from behind the CRLF of the OK on. The client waits for it: what came before is taken as compressed,
    // and a command in plain text ends the connection.
    session.compress();
    co_return Result<void>{};
  }
  if (after == Session::After::bare) {
    // RFC 8437 §4.1: compression and security layers end with the OK; §3: without a security layer a client may send
    // its login at once.
    co_return co_await session.take_layers_off();
  }
  // What came before the handshake is dropped by the connection (RFC 9051 §6.2.1).
  session.connection().set_deadline(session.patience());
  const auto started = co_await session.connection().start_tls(session.input);
  if (!started) co_return fail(kSessionOver, started.error().text());
  co_return Result<void>{};
}

}  // namespace angarium::protocol::imap
