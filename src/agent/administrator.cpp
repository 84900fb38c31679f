#include "agent/administrator.h"

#include <unistd.h>

#include <array>
#include <boost/json.hpp>

#include "account/password.h"
#include "agent/acl_verbs.h"
#include "agent/alias_verbs.h"
#include "agent/fetch_verbs.h"
#include "agent/index_verbs.h"
#include "agent/key_verbs.h"
#include "agent/keyring_verbs.h"
#include "agent/location_verbs.h"
#include "agent/login_verbs.h"
#include "agent/queue_verbs.h"
#include "agent/referral.h"
#include "agent/settings.h"
#include "agent/store_verbs.h"
#include "agent/trace_verbs.h"
#include "base/log.h"
#include "base/text.h"
#include "envelope/path.h"
#include "location/pairs.h"
#include "transfer/ledger.h"

namespace angarium::agent {
namespace {

namespace json = boost::json;
using account::Account;
using account::Alias;
using account::Domain;
using control::Request;

constexpr ErrorKind kRefused{"agent.refused", Fault::user, Lasting::permanent};
/// An account that is changed while it is being removed is read again, at most so often.
constexpr int kRemovalAttempts = 20;

/// What verbs work with.
struct Work {
  Services& services;
  AdministratorTerms terms;
  fetch::Boxes& boxes;
  Request request;
  control::Tell tell;
};
using Answer = Result<json::value>;
json::object show(const Domain& domain) {
  return {{"domain", domain.name},
          {"catch_all", domain.catch_all},
          {"postmaster", domain.postmaster},
          {"created", to_rfc3339(domain.created)}};
}

json::object show(const Account& account) {
  return {{"address", account.address},
          {"id", account.id},
          {"name", account.name},
          {"status", account.status == account::Status::enabled ? "enabled" : "disabled"},
          {"moved_to", account.moved_to},
          {"quota_octets", account.quota.octets},
          {"quota_messages", account.quota.messages},
          {"password_set", !account.credentials.argon2id.empty()},
          {"created", to_rfc3339(account.created)}};
}

/// With where its mail lies besides the own store, and when it moved in from there.
json::object show(const Account& account, const Whereabouts& whereabouts) {
  json::object shown = show(account);
  const auto place = whereabouts.location(account);
  const location::MovedIn* const moved = whereabouts.moved_in(account.id);
  std::string where = place && *place ? route::format_location(**place) : "";
  if (!place) where = "? " + place.error().text();
  if (moved != nullptr && (!place || !*place)) where = moved->location;
  const bool is_from_there = moved != nullptr && moved->location == where;
  shown["location"] = escape_controls(where, route::kLocationMax);
  shown["moved_in"] = is_from_there ? to_rfc3339(moved->at) : "";
  return shown;
}

std::string kind_of(const Alias& alias) { return alias.kind == Alias::Kind::alias ? "alias" : "group"; }

json::object show(const Alias& alias) {
  const json::array targets(alias.targets.begin(), alias.targets.end());
  return {{"address", alias.address},
          {"kind", kind_of(alias)},
          {"targets", targets},
          {"created", to_rfc3339(alias.created)}};
}

template <class T>
json::value show_all(const std::vector<T>& all) {
  json::array array;
  for (const T& one : all) array.push_back(show(one));
  return array;
}

Result<std::uint64_t> number(const Request& request, std::string_view name) {
  const auto value = parse_number<std::uint64_t>(request.get(name));
  if (!value)
    return fail(kUsageError,
                "'" + escape_controls(request.get(name)) + "' is no whole number for a quota; 0 is no limit");
  return *value;
}

/// quota_octets and quota_messages, where given.
Result<> read_quota(const Request& request, account::Quota& quota) {
  if (request.has("quota_octets")) quota.octets = TRY(number(request, "quota_octets"));
  if (request.has("quota_messages")) quota.messages = TRY(number(request, "quota_messages"));
  return {};
}

mailbox::QuotaLimits limits_of(const account::Quota& quota) {
  return {.octets = quota.octets, .messages = quota.messages};
}

/// Runs a piece that waits for the disk on the pool.
template <class Piece>
auto on_pool(Work& work, Piece piece) {
  return io::run(work.services.pool(), std::move(piece));
}

/// The password of the request, or a new one, which the caller is then shown.
struct Password {
  std::string text;
  bool generated = false;
};
Password password_of(const Request& request) {
  if (request.has("password")) return {std::string(request.get("password")), false};
  return {account::generate_password(), true};
}

// account.add address [name] [quota_octets] [quota_messages] [password]
io::Task<Answer> account_add(Work work) {
  Password password = password_of(work.request);
  account::Directory::NewAccount wanted{.address = std::string(work.request.get("address")),
                                        .name = std::string(work.request.get("name")),
                                        .quota = {},
                                        .credentials = {}};
  CO_TRY(read_quota(work.request, wanted.quota));
  Services& services = work.services;
  const Account added =
      CO_TRY(co_await on_pool(work, [&services, wanted, text = password.text]() mutable -> Result<Account> {
        wanted.credentials = TRY(account::make_credentials(text, services.password_cost()));
        wipe(text);
        // One batch: there is never an address without mailboxes.
        return services.directory().add_account(wanted, [&services](const Account& account, store::Batch& batch) {
          services.mail().create_account(account.id, limits_of(account.quota), batch);
        });
      }));
  json::object shown = show(added);
  if (password.generated) shown["password"] = password.text;
  co_return shown;
}

// account.list [domain]
io::Task<Answer> account_list(Work work) {
  co_return CO_TRY(co_await on_pool(work,
                                    [&services = work.services, terms = work.terms.locations,
                                     domain = std::string(work.request.get("domain"))]() -> Result<json::array> {
                                      const Whereabouts whereabouts = TRY(Whereabouts::read(services, terms));
                                      json::array rows;
                                      for (const Account& account : TRY(services.directory().accounts(domain)))
                                        rows.push_back(show(account, whereabouts));
                                      return rows;
                                    }));
}

// account.show address
io::Task<Answer> account_show(Work work) {
  const std::string address(work.request.get("address"));
  struct Found {
    std::optional<Account> account;
    json::object shown;
  };
  auto [found, shown] = CO_TRY(
      co_await on_pool(work, [&services = work.services, terms = work.terms.locations, address]() -> Result<Found> {
        Found one{TRY(services.directory().account(address)), {}};
        if (one.account) one.shown = show(*one.account, TRY(Whereabouts::read(services, terms)));
        return one;
      }));
  if (!found) co_return fail(account::kUnknown, "there is no account " + escape_controls(address));
  auto mail = co_await work.services.mail().account(found->id);
  if (mail) {
    const mailbox::Quota quota = (*mail)->quota();
    shown["used_octets"] = quota.octets;
    shown["used_messages"] = quota.messages;
  }
  co_return shown;
}

// account.set address [name] [quota_octets] [quota_messages] [status] [moved_to]
io::Task<Answer> account_set(Work work) {
  account::Quota quota;
  CO_TRY(read_quota(work.request, quota));
  const bool enabled = work.request.get("status") != "disabled";
  if (enabled && work.request.has("status") && work.request.get("status") != "enabled")
    co_return fail(kUsageError, "the status is enabled or disabled");
  const std::string moved = CO_TRY(imap_server_url(work.request.get("moved_to")));
  const Account changed =
      CO_TRY(co_await on_pool(work, [&services = work.services, request = work.request, quota, moved, enabled] {
        return services.directory().change_account(request.get("address"), [&](Account& account) {
          if (request.has("moved_to")) account.moved_to = moved;
          if (request.has("name")) account.name = request.get("name");
          if (request.has("quota_octets")) account.quota.octets = quota.octets;
          if (request.has("quota_messages")) account.quota.messages = quota.messages;
          if (request.has("status")) account.status = enabled ? account::Status::enabled : account::Status::disabled;
        });
      }));
  const auto mail = CO_TRY(co_await work.services.mail().account(changed.id));
  CO_TRY(co_await mail->set_quota(limits_of(changed.quota)));
  co_return show(changed);
}

// account.password address [password]
io::Task<Answer> account_password(Work work) {
  Password password = password_of(work.request);
  const Account changed =
      CO_TRY(co_await on_pool(work, [&services = work.services, address = std::string(work.request.get("address")),
                                     text = password.text] { return set_password(services, address, text); }));
  json::object shown = show(changed);
  if (password.generated) shown["password"] = password.text;
  co_return shown;
}

// account.remove address
io::Task<Answer> account_remove(Work work) {
  struct Removal {
    Account account;
    store::Batch batch;
  };
  Services& services = work.services;
  fetch::Boxes& boxes = work.boxes;
  for (int attempt = 1;; ++attempt) {
    Removal removal = CO_TRY(co_await on_pool(
        work, [&services, &boxes, address = std::string(work.request.get("address"))]() -> Result<Removal> {
          TRY(boxes.load());
          Removal prepared;
          prepared.account = TRY(services.directory().prepare_removal(address, prepared.batch));
          boxes.remove_all(prepared.account.id, prepared.batch);
          return prepared;
        }));
    // One batch: there is never mail without an address, nor words of mail that is gone.
    index::Index::erase(removal.account.id, removal.batch);
    transfer::erase_ledger(removal.account.id, removal.batch);
    location::erase_account(removal.account.id, removal.batch);
    auto removed = co_await services.mail().remove_account(removal.account.id, std::move(removal.batch));
    services.directory().forget();
    if (removed) boxes.forget(removal.account.id);
    if (removed) services.directory().removed(removal.account);
    if (removed) co_return show(removal.account);
    // Somebody changed the account meanwhile.
    if (!removed.error().is(store::kExpectation) || attempt == kRemovalAttempts)
      co_return std::unexpected(std::move(removed).error());
  }
}

// domain.add domain
io::Task<Answer> domain_add(Work work) {
  co_return show(
      CO_TRY(co_await on_pool(work, [&services = work.services, domain = std::string(work.request.get("domain"))] {
        return services.directory().add_domain(domain);
      })));
}

// domain.list
io::Task<Answer> domain_list(Work work) {
  co_return show_all(
      CO_TRY(co_await on_pool(work, [&services = work.services] { return services.directory().domains(); })));
}

// domain.show domain
io::Task<Answer> domain_show(Work work) {
  const std::string name(work.request.get("domain"));
  const auto found =
      CO_TRY(co_await on_pool(work, [&services = work.services, name] { return services.directory().domain(name); }));
  if (!found) co_return fail(account::kUnknown, "there is no domain " + escape_controls(name));
  co_return show(*found);
}

// domain.set domain catch_all (an address, or empty)
io::Task<Answer> domain_set(Work work) {
  if (!work.request.has("catch_all")) co_return fail(kUsageError, "nothing to set; a domain has --catch-all");
  co_return show(
      CO_TRY(co_await on_pool(work, [&services = work.services, domain = std::string(work.request.get("domain")),
                                     target = std::string(work.request.get("catch_all"))] {
        return services.directory().set_catch_all(domain, target);
      })));
}

// domain.remove domain
io::Task<Answer> domain_remove(Work work) {
  CO_TRY(co_await on_pool(work, [&services = work.services, domain = std::string(work.request.get("domain"))] {
    return services.directory().remove_domain(domain);
  }));
  co_return json::object{{"domain", std::string(work.request.get("domain"))}};
}

// alias.add address target… [kind]
io::Task<Answer> alias_add(Work work) {
  const auto kind = work.request.get("kind") == "group" ? Alias::Kind::group : Alias::Kind::alias;
  co_return show(CO_TRY(co_await on_pool(
      work,
      [&services = work.services, kind, address = std::string(work.request.get("address")),
       targets = work.request.all("target")] { return services.directory().add_alias(address, kind, targets); })));
}

// alias.list [domain] [kind]
io::Task<Answer> alias_list(Work work) {
  auto all =
      CO_TRY(co_await on_pool(work, [&services = work.services, domain = std::string(work.request.get("domain"))] {
        return services.directory().aliases(domain);
      }));
  if (work.request.has("kind"))
    std::erase_if(all, [&](const Alias& alias) { return kind_of(alias) != work.request.get("kind"); });
  co_return show_all(all);
}

// alias.show address
io::Task<Answer> alias_show(Work work) {
  const std::string address(work.request.get("address"));
  const auto found = CO_TRY(
      co_await on_pool(work, [&services = work.services, address] { return services.directory().alias(address); }));
  if (!found) co_return fail(account::kUnknown, "there is no alias " + escape_controls(address));
  co_return show(*found);
}

// alias.remove address [kind]
io::Task<Answer> alias_remove(Work work) {
  const std::string_view kind = work.request.get("kind");
  CO_TRY(co_await on_pool(
      work, [&services = work.services, kind, address = std::string(work.request.get("address"))] -> Result<> {
        const auto found = TRY(services.directory().alias(address));
        if (found && !kind.empty() && kind != kind_of(*found))
          return fail(kRefused, found->address + " is of the kind " + kind_of(*found) + "; remove it with: angarium " +
                                    kind_of(*found) + " remove " + found->address);
        return services.directory().remove_alias(address);
      }));
  co_return json::object{{"address", std::string(work.request.get("address"))}};
}

// route.local address: what becomes of mail to it here
io::Task<Answer> route_local(Work work) {
  const std::string address(work.request.get("address"));
  const bool named = address.find('@') == std::string::npos;
  auto mailbox = envelope::parse_mailbox(named ? address + "@localhost" : address, {.utf8 = envelope::Utf8::accept});
  if (!mailbox) co_return fail(kUsageError, mailbox.error().text());
  if (named) mailbox->domain.clear();
  struct Found {
    Sorted sorted;
    std::string detail;
    std::optional<Alias> alias;
  };
  const Found found = CO_TRY(co_await on_pool(
      work, [&services = work.services, local = work.terms.local, mailbox = *mailbox, address]() -> Result<Found> {
        Found all;
        all.sorted = TRY(sort_mail(services, local.get(), mailbox));
        all.detail = TRY(services.directory().resolve(mailbox.local_part, mailbox.domain))->detail;
        all.alias = TRY(services.directory().alias(address));
        return all;
      }));
  json::object answer = json::parse(sorted_json(found.sorted)).as_object();
  json::array targets;
  if (found.alias)
    for (const std::string& target : found.alias->targets) targets.push_back(json::string(target));
  answer["alias_targets"] = std::move(targets);
  answer["detail"] = found.detail;
  co_return answer;
}

// aliases.check
io::Task<Answer> aliases_check(Work work) {
  if (work.terms.local == nullptr) co_return fail(kUsageError, "no files of aliases are in use: local.aliases");
  const std::string answer = CO_TRY(co_await on_pool(work, [&services = work.services, terms = work.terms] {
    return check_aliases(services, *terms.local, terms.alias_files);
  }));
  co_return json::parse(answer);
}

/// Of verbs that give JSON text.
control::Reply reply_of(Result<std::string> answer) {
  if (answer) return {control::kDone, "", *std::move(answer)};
  control::Reply reply = control::failure(answer.error());
  if (answer.error().is(kUsageError) || answer.error().is(fetch::kInvalid) || answer.error().is(account::kInvalid))
    reply.exit_code = control::kUsage;
  return reply;
}

struct Verb {
  std::string_view name;
  io::Task<Answer> (*run)(Work);
};
constexpr std::array<Verb, 17> kVerbs = {{{"account.add", account_add},
                                          {"account.list", account_list},
                                          {"account.show", account_show},
                                          {"account.set", account_set},
                                          {"account.password", account_password},
                                          {"account.remove", account_remove},
                                          {"domain.add", domain_add},
                                          {"domain.list", domain_list},
                                          {"domain.show", domain_show},
                                          {"domain.set", domain_set},
                                          {"domain.remove", domain_remove},
                                          {"alias.add", alias_add},
                                          {"alias.list", alias_list},
                                          {"alias.show", alias_show},
                                          {"alias.remove", alias_remove},
                                          {"aliases.check", aliases_check},
                                          {"route.local", route_local}}};

}  // namespace

AdministratorTerms administrator_terms(const configuration::Configuration& configuration) {
  AdministratorTerms terms{report_terms(configuration),
                           local_terms(configuration),
                           {},
                           {configuration.store.compress_after, configuration.resolve("keys")},
                           location_terms(configuration)};
  for (const std::string& path : configuration.local.aliases) terms.alias_files.push_back(configuration.resolve(path));
  return terms;
}

io::Task<control::Reply> Administrator::execute(Request request, control::Tell tell) {
  if (is_login_verb(request.verb))
    co_return reply_of(co_await io::run(services_.pool(), [this, request] { return login_verb(services_, request); }));
  if (request.verb.starts_with("trace.")) co_return reply_of(co_await trace_verb(services_, std::move(request)));
  if (request.verb.starts_with("queue."))
    co_return reply_of(co_await queue_verb(services_, terms_().reports, std::move(request)));
  if (request.verb.starts_with("fetch."))
    co_return reply_of(co_await fetch_verb(services_, boxes_, std::move(request)));
  if (request.verb.starts_with("location."))
    co_return reply_of(co_await location_verb(services_, terms_().locations, std::move(request), std::move(tell)));
  if (request.verb.starts_with("acl.")) co_return reply_of(co_await acl_verb(services_, std::move(request)));
  if (request.verb.starts_with("index."))
    co_return reply_of(co_await index_verb(services_, std::move(request), std::move(tell)));
  if (request.verb.starts_with("keys."))
    co_return reply_of(co_await keyring_verb(services_, std::move(request), std::move(tell)));
  if (request.verb.starts_with("store."))
    co_return reply_of(co_await store_verb(services_, terms_().store, std::move(request), std::move(tell)));
  for (const Verb& verb : kVerbs) {
    if (verb.name != request.verb) continue;
    const Answer answer = co_await verb.run(Work{services_, terms_(), boxes_, std::move(request), std::move(tell)});
    if (!answer) {
      control::Reply reply = control::failure(answer.error());
      // What was asked for cannot be, whatever the server holds: that is said as a mistake in usage.
      if (answer.error().is(kUsageError) || answer.error().is(account::kInvalid)) reply.exit_code = control::kUsage;
      co_return reply;
    }
    co_return control::Reply{control::kDone, "", json::serialize(*answer)};
  }
  co_return control::failure(Error(kUsageError, "the server does not know '" + escape_controls(request.verb) + "'"));
}

bool may_administer(control::Caller caller, const Request& request) {
  if (caller.uid == 0 || caller.uid == geteuid()) return true;
  log::notice("admin", "refused a caller", {{"uid", std::uint64_t{caller.uid}}, {"verb", request.verb}});
  return false;
}

Error not_permitted() { return {kRefused, "only root and the user who runs the server may do this"}; }

control::Handler administration(Administrator& administrator) {
  return [&administrator](Request request, control::Caller caller, control::Tell tell) -> io::Task<control::Reply> {
    if (!may_administer(caller, request)) co_return control::failure(not_permitted());
    log::info("admin", "request", {{"uid", std::uint64_t{caller.uid}}, {"verb", request.verb}});
    co_return co_await administrator.execute(std::move(request), std::move(tell));
  };
}

}  // namespace angarium::agent
