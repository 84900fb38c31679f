// Who comes to the post office: connections of all services, and users of this host over the control socket.
#include "agent/imap_session.h"
#include "agent/local_user.h"
#include "agent/post_office_body.h"
#include "agent/transfer_verbs.h"
#include "base/log.h"
#include "protocol/http/metrics.h"
#include "protocol/pop3/server.h"
#include "protocol/smtp/server.h"
#include "wire/tls/connection.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;
namespace pop3 = protocol::pop3;

/// Of services that take mail.
std::optional<trace::Door> door_of(const Service& service) {
  if (service.kind == Service::Kind::smtp) return trace::Door::smtp;
  if (service.kind == Service::Kind::submission) return trace::Door::submission;
  if (service.kind == Service::Kind::lmtp) return trace::Door::lmtp;
  return std::nullopt;
}

control::Reply too_many() {
  return {.exit_code = control::kTemporary, .error = "too many connections, try again later"};
}

}  // namespace

io::Task<> PostOffice::Body::accept(std::size_t loop, std::shared_ptr<io::Listener> listener, const Service& service) {
  for (;;) {
    auto stream = co_await listener->accept();
    if (!stream) co_return;
    Gate::Pass pass = gate.enter((*stream)->peer());
    if (!pass) {
      if (const auto door = door_of(service))
        note_turned_away(services->ledger(), *door, (*stream)->peer(), {421, {4, 7, 0}, "Too many connections"});
      // Best effort: who does not read it at once learns it from the closed connection.
      (void)(*stream)->try_write(too_many(service, hostname));
      continue;
    }
    io::Loop::current().spawn(serve(loop, *std::move(stream), service, std::move(pass)));
  }
}

io::Task<> PostOffice::Body::serve(std::size_t loop, std::unique_ptr<io::Stream> stream, const Service& service,
                                   Gate::Pass pass) {
  const Gate::Pass held = std::move(pass);
  const std::shared_ptr<const Terms> held_terms = terms();
  const auto& options = held_terms->tls[static_cast<std::size_t>(&service - all_services().data())];
  std::unique_ptr<wire::Connection> connection;
  if (tls == nullptr || service.tls == Tls::none) {
    connection = wire::plain_connection(std::move(stream), std::string(service.name));
  } else if (service.tls == Tls::starttls) {
    connection = wire::tls::server_connection(std::move(stream), options);
  } else {
    auto accepted = co_await wire::tls::accept(std::move(stream), options);
    if (!accepted) co_return;
    connection = *std::move(accepted);
  }
  co_await speak(desks[loop], *connection, service, *held_terms);
  connection->close();
}

io::Task<> PostOffice::Body::speak(Desk& desk, wire::Connection& connection, const Service& service,
                                   const Terms& terms) {
  switch (service.kind) {
    case Service::Kind::smtp: return speak_smtp(desk, connection, terms.mx_for(connection.peer()));
    case Service::Kind::submission: return speak_smtp(desk, connection, terms.submission);
    case Service::Kind::odmr: return speak_smtp(desk, connection, terms.odmr);
    case Service::Kind::lmtp: return speak_smtp(desk, connection, terms.lmtp_for(connection.peer()));
    case Service::Kind::pop3: return speak_pop3(desk, connection, terms);
    case Service::Kind::imap: return speak_imap(desk, connection, terms);
    case Service::Kind::metrics: break;
  }
  return protocol::http::serve_metrics(connection);
}

io::Task<> PostOffice::Body::speak_smtp(Desk& desk, wire::Connection& connection, const SmtpDesk& smtp_desk) {
  SmtpSession session(smtp_desk, connection.peer());
  session.turn_to(desk.courier.get());
  session.attach(connection);
  io::Event stop;
  session.on_withdrawn({.ask = [&stop] { stop.set(); }, .cut = [&connection] { connection.close(); }});
  const Registered registered(desk, [&stop] { stop.set(); });
  co_await smtp::serve(connection, session, smtp_desk.policy, &stop);
}

io::Task<> PostOffice::Body::speak_pop3(Desk& desk, wire::Connection& connection, const Terms& terms) {
  Pop3Desk pop3_desk = terms.pop3;
  pop3_desk.options.plaintext_without_tls =
      CredentialDesk::plaintext_allowed(terms.configuration, connection.peer(), false) ? sasl::Plaintext::allowed
                                                                                       : sasl::Plaintext::refused;
  Pop3Authenticator authenticator(pop3_desk, connection.peer());
  io::Event stop;
  authenticator.on_withdrawn({.ask = [&stop] { stop.set(); }, .cut = [&connection] { connection.close(); }});
  const Registered registered(desk, [&stop] { stop.set(); });
  co_await pop3::serve(connection, authenticator, pop3_desk.options, &stop);
}

io::Task<> PostOffice::Body::speak_imap(Desk& desk, wire::Connection& connection, const Terms& terms,
                                        std::optional<HostUser> known) {
  ImapSession session(*services, budget, owners, terms.configuration, terms.imap, connection);
  const Registered registered(desk, [&session] { session.stop(); });
  co_await session.run(std::move(known));
}

/// `sendmail -bs`.
io::Task<> PostOffice::Body::serve_local_user(Desk& desk, std::unique_ptr<io::Stream> stream, unsigned uid) {
  const std::shared_ptr<const Terms> held = terms();
  const auto connection = wire::plain_connection(std::move(stream), "control");
  io::Event stop;
  const Registered registered(desk, [&stop] { stop.set(); });
  co_await agent::serve_local_user(*services, *held, uid, *connection, &stop);
}

control::Opening PostOffice::Body::open_smtp(Desk& desk, unsigned uid) {
  auto pass = std::make_unique<Gate::Pass>(gate.enter_user(uid));
  if (!*pass) return {.reply = too_many(), .talk = {}};
  return {.reply = {}, .talk = [this, &desk, uid, held = std::move(pass)](std::unique_ptr<io::Stream> stream) {
            return serve_local_user(desk, std::move(stream), uid);
          }};
}

/// `mail`.
io::Task<> PostOffice::Body::serve_local_reader(Desk& desk, std::unique_ptr<io::Stream> stream, HostUser user) {
  const std::shared_ptr<const Terms> held = terms();
  const auto connection = wire::plain_connection(std::move(stream), "control");
  co_await speak_imap(desk, *connection, *held, std::move(user));
}

io::Task<control::Opening> PostOffice::Body::open_imap(Desk& desk, unsigned uid) {
  auto pass = std::make_unique<Gate::Pass>(gate.enter_user(uid));
  if (!*pass) co_return control::Opening{.reply = too_many(), .talk = {}};
  const std::uint64_t since = services->logins().now();
  auto account = co_await mailbox_of(*services, users.get(), uid);
  if (!account) co_return control::Opening{.reply = control::failure(account.error()), .talk = {}};
  control::Talk talk = [this, &desk, user = HostUser{.account = *std::move(account), .since = since},
                        held = std::move(pass)](std::unique_ptr<io::Stream> stream) {
    return serve_local_reader(desk, std::move(stream), user);
  };
  co_return control::Opening{.reply = {}, .talk = std::move(talk)};
}

/// What is spoken over the control socket in languages of their own: SMTP, IMAP and transfers.
control::Opener PostOffice::Body::talks(Desk& desk) {
  return [this, &desk,
          others = transfers(*services, [this] {
            LocationTerms found = location_terms(terms()->configuration);
            found.home_of = home_of_users();
            return found;
          })](const control::Request& request, control::Caller caller) -> io::Task<std::optional<control::Opening>> {
    if (request.verb == "mail.smtp") co_return open_smtp(desk, caller.uid);
    if (request.verb == "mail.imap") co_return co_await open_imap(desk, caller.uid);
    co_return co_await others(request, caller);
  };
}

}  // namespace angarium::agent
