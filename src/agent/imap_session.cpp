#include "agent/imap_session.h"

#include "base/log.h"

namespace angarium::agent {

ImapSession::ImapSession(Services& services, Budget& budget, Owners& owners,
                         const configuration::Configuration& configuration,
                         const protocol::imap::ServerOptions& options, wire::Connection& connection)
    : connection_(connection),
      authenticator_(services, budget, owners, configuration, connection),
      server_(connection, authenticator_, options) {
  authenticator_.on_withdrawn({.ask = [this] { stop(); }, .cut = [this] { connection_.close(); }});
}

void ImapSession::stop() {
  server_.stop();
  authenticator_.stop_waiting();
}

io::Task<> ImapSession::run(std::optional<HostUser> known) {
  std::shared_ptr<protocol::imap::Account> mailboxes;
  if (known) {
    authenticator_.is_host_user(known->since);
    auto opened = co_await authenticator_.open_account(std::move(known->account), "PREAUTH");
    if (!opened) {
      log::warning("imap", "a mailbox cannot be opened", {{"error", opened.error().text()}});
      (void)co_await io::write_all(connection_,
                                   "* BYE [UNAVAILABLE] The mailbox cannot be opened now, try again later\r\n");
      co_return;
    }
    mailboxes = *std::move(opened);
  }
  co_await server_.run(std::move(mailboxes));
}

}  // namespace angarium::agent
