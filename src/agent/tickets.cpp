#include "agent/tickets.h"

#include "account/types.h"
#include "base/log.h"
#include "base/text.h"
#include "message/lexical.h"
#include "sasl/types.h"

namespace angarium::agent {
namespace {

/// What the user hears of every ticket that does not do.
Error refused() { return {sasl::kBadCredentials, "the ticket is not valid here"}; }

/// What the user hears of an error: the library's own words are for the log.
Error told(const Error& error) {
  if (error.is(sasl::kBadCredentials)) return refused();
  if (error.is(sasl::kMalformed)) return {sasl::kMalformed, "this is no token of Kerberos"};
  if (error.is(sasl::kChannelBinding)) return {sasl::kChannelBinding, "the ticket is not bound to this connection"};
  return error;
}

}  // namespace

void Tickets::use(const configuration::Configuration& c) {
  if (c.kerberos.keytab.empty()) return use({}, nullptr);
  kerberos::AcceptorTerms terms{.keytab = c.resolve(c.kerberos.keytab),
                                .replay_cache = c.resolve("run/kerberos-seen"),
                                .hosts = c.kerberos.hosts};
  if (terms.hosts.empty()) terms.hosts.push_back(c.server.hostname);
  use(c.kerberos_realms, [terms](const std::string& service) { return kerberos::accept(terms, service); });
}

void Tickets::use(const std::vector<configuration::KerberosRealm>& realms, Make make) {
  auto site = std::make_shared<Site>();
  site->make = std::move(make);
  for (const configuration::KerberosRealm& one : realms) site->domains.emplace(one.realm, one.domain);
  const std::lock_guard lock(mutex_);
  site_ = site->make == nullptr ? nullptr : std::move(site);
  if (site_ != nullptr && pool_ == nullptr)
    pool_ = std::make_unique<io::Pool>(
        io::PoolOptions{.name = "ticket", .threads = kTicketThreads, .queue = kTicketsWaiting});
}

void Tickets::end() {
  if (pool_) pool_->end();
}

Result<std::string> Tickets::owner(const Site& site, const kerberos::Context& context) {
  const auto principal = kerberos::user_principal(context.peer());
  const auto domain = principal ? site.domains.find(principal->realm) : site.domains.end();
  const auto nobodys = [&] {
    return fail(sasl::kBadCredentials, "no account is of the principal " + escape_controls(context.peer(), 200));
  };
  // What an address would have in quotes or comments is part of the name here, and makes it another one.
  if (domain == site.domains.end() || !message::is_dot_atom(principal->name)) return nobodys();
  auto address = account::canonical_address(principal->name + "@" + domain->second);
  if (!address && address.error().temporary()) return address;
  if (!address || !equals_ignore_case(address->substr(0, address->rfind('@')), principal->name)) return nobodys();
  return address;
}

io::Task<Result<sasl::GssAnswer>> Tickets::accept(sasl::GssWanted wanted) {
  std::shared_ptr<const Site> site;
  io::Pool* pool = nullptr;
  {
    const std::lock_guard lock(mutex_);
    site = site_;
    pool = pool_.get();
  }
  if (site == nullptr) co_return fail(sasl::kUnavailable, "nobody takes tickets here");
  const std::string service = wanted.service;
  auto answer = co_await io::run(*pool, [site, wanted = std::move(wanted)]() mutable -> Result<sasl::GssAnswer> {
    // Contexts of an exchange are those that were made for it here.
    std::unique_ptr<kerberos::Context> context(wanted.context == nullptr
                                                   ? site->make(wanted.service).release()
                                                   : static_cast<kerberos::Context*>(wanted.context.release()));
    auto step = TRY(context->step(wanted.token, wanted.bindings));
    sasl::GssAnswer done{.context = nullptr, .token = std::move(step.token), .owner = {}};
    if (step.established) done.owner = TRY(owner(*site, *context));
    done.context = std::move(context);
    return done;
  });
  if (answer) co_return answer;
  if (answer.error().is(io::kBusy)) co_return fail(account::kBusy, "too many logins at this moment; try again");
  if (answer.error().temporary()) {
    log::warning("kerberos", "tickets cannot be judged", {{"error", answer.error().text()}});
    co_return fail(sasl::kUnavailable, "the ticket cannot be judged now");
  }
  // What the user cannot see, and the operator has to: a wrong host name, a key that is old, a clock that is off.
  log::info("kerberos", "refused", {{"service", service}, {"error", answer.error().text()}});
  co_return std::unexpected(told(answer.error()));
}

}  // namespace angarium::agent
