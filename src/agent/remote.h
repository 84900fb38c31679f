// Connections to other servers: found, opened, encrypted and introduced, one host after the other until one is fit.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/relay_login.h"
#include "io/network.h"
#include "io/race.h"
#include "protocol/smtp/client.h"
#include "queue/types.h"
#include "route/hosts.h"
#include "route/transport.h"
#include "wire/connection/connection.h"
#include "wire/tls/context.h"

namespace angarium::agent {

/// How other servers are spoken to. Shared by all loops; never changed once it is made.
struct RemoteTerms {
  std::string hostname;  ///< for EHLO
  std::uint16_t port = 25;
  route::HostsOptions hosts;
  io::RaceOptions race;
  protocol::smtp::ClientTimes times;
  std::shared_ptr<wire::tls::ClientContext> opportunistic;  ///< takes every certificate
  std::shared_ptr<wire::tls::ClientContext> verified;       ///< takes those that are right
  RelayLogins logins;
  std::shared_ptr<RefusedLogins> refused_logins = std::make_shared<RefusedLogins>();
};

/// An open session with a server, between two transactions.
struct RemoteSession {
  std::string way;   ///< the transport: what was asked of it, TLS and login too
  std::string site;  ///< what counts as one with it: of a host of the DNS its provider's name, else the transport
  std::string host;  ///< its name, and its address in brackets: "mx.example.org [192.0.2.1]"
  std::string name;  ///< its name alone, for reports
  std::string key;   ///< which of RemotePlan::hosts() it is with
  std::shared_ptr<wire::Connection> connection;  ///< a customer's belongs to the session that began it
  std::unique_ptr<protocol::smtp::Client> client;
  std::string tls;  ///< version and cipher; empty: in the clear
  std::size_t messages = 0;
  bool customers = false;           ///< it turned round: only what its customer fetches goes over it
  std::vector<std::string> passed;  ///< better hosts that did not answer before it was opened
};

/// Why there is no session.
struct Unreachable {
  queue::Trouble trouble;
  bool permanent = false;          ///< trying again is of no use: the mail fails
  bool login = false;              ///< the relay refused our login, which the operator has to know
  std::optional<Duration> rest;    ///< how long nothing is to be tried, where that is known
  std::string crowded;             ///< not so: this site has as many sessions as it may, and one of them is waited for,
  std::vector<std::string> hosts;  ///< with one of these
};

/// Where sessions for a domain may lead, before one is opened.
struct RemotePlan {
  std::shared_ptr<const RemoteTerms> terms;
  std::string way;   ///< as RemoteSession::way
  std::string site;  ///< as RemoteSession::site
  std::vector<route::Hop> hops;
  std::string socket;  ///< of this host, instead of hops
  std::uint16_t port = 25;
  route::Tls tls = route::Tls::opportunistic;
  std::string login;
  protocol::smtp::Dialect dialect = protocol::smtp::Dialect::smtp;

  /// Names of its hosts in lower case, each once; of a socket its path.
  [[nodiscard]] std::vector<std::string> hosts() const;
  /// Whether mail may go over this session: only to a host that the domain names, and not past a better one, unless
  /// that one did not answer.
  [[nodiscard]] bool fits(const RemoteSession& session) const;
};

/// Who opens sessions for one loop. Outlives its tasks.
class Remote {
 public:
  /// `pool`: for what logins wait for.
  Remote(io::Network& network, io::Resolver& resolver, io::FairPool& pool)
      : network_(network), resolver_(resolver), pool_(pool) {}

  /// The hosts that take mail of this domain by this transport: ByDns, Relay or ByLmtp.
  io::Task<std::expected<RemotePlan, Unreachable>> plan(std::shared_ptr<const RemoteTerms> terms,
                                                        route::Transport transport, std::string domain);
  /// A session with the first of them that is fit.
  io::Task<std::expected<RemoteSession, Unreachable>> open(RemotePlan plan);

 private:
  using Opened = std::expected<RemoteSession, Unreachable>;
  io::Task<Opened> try_hops(const RemotePlan& plan, std::vector<route::Hop> hops);
  io::Task<Opened> open_socket(const RemotePlan& plan);
  io::Task<Opened> greet(const RemotePlan& plan, const route::Hop* hop, std::unique_ptr<io::Stream> stream,
                         bool use_tls);
  io::Task<Result<>> log_in(const RemotePlan& plan, RemoteSession& session);
  io::Task<Result<>> introduce(const RemotePlan& plan, RemoteSession& session, bool use_tls);

  io::Network& network_;
  io::Resolver& resolver_;
  io::FairPool& pool_;
};

}  // namespace angarium::agent
