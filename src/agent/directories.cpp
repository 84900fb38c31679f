#include "agent/directories.h"

#include <algorithm>

#include "agent/relay_login.h"
#include "base/log.h"
#include "base/text.h"
#include "directory/ldap/source.h"
#include "directory/sql/source.h"
#include "message/domain.h"

namespace angarium::agent {
namespace {

using account::Account;
using account::Origin;
using directory::Asked;

Result<std::unique_ptr<directory::Source>> open_ldap(const configuration::Directory& wanted, sasl::Secret password,
                                                     const configuration::Configuration& configuration) {
  directory::LdapOptions options{.name = wanted.name, .url = wanted.url};
  options.start_tls = wanted.start_tls ? directory::StartTls::yes : directory::StartTls::no;
  options.ca_file = configuration.resolve(wanted.ca_file);
  options.bind_dn = wanted.bind_dn;
  options.bind_password = std::move(password);
  options.base = wanted.base;
  options.filter = TRY(directory::parse_template(wanted.filter));
  options.address_attribute = wanted.address_attribute;
  options.name_attribute = wanted.name_attribute;
  options.quota_attribute = wanted.quota_attribute;
  options.timeout = wanted.timeout;
  options.connections = static_cast<std::size_t>(wanted.connections);
  return directory::ldap_source(std::move(options));
}

Result<std::unique_ptr<directory::Source>> open_sql(const configuration::Directory& wanted, sasl::Secret password,
                                                    const configuration::Configuration& configuration) {
  directory::SqlOptions options{.name = wanted.name};
  if (wanted.kind == configuration::DirectoryKind::sqlite)
    options.database = directory::SqliteOptions{.file = configuration.resolve(wanted.file)};
  else
    options.database = directory::PostgresqlOptions{.connection = wanted.connection,
                                                    .password = std::move(password),
                                                    .ca_file = configuration.resolve(wanted.ca_file)};
  options.statement = TRY(directory::parse_statement(wanted.query));
  options.plain = wanted.plain_passwords ? directory::PlainPasswords::allowed : directory::PlainPasswords::refused;
  options.timeout = wanted.timeout;
  options.connections = static_cast<std::size_t>(wanted.connections);
  return directory::sql_source(std::move(options));
}

std::string display_name(const directory::Person& person) {
  return person.name.size() <= account::kNameMax && valid_utf8(person.name) ? person.name : std::string();
}

/// Whether the address that somebody was found with, by another one, leads to the same entry: nobody takes over a
/// mailbox by writing another's address into the own entry.
Result<> is_its_own(const OneDirectory& one, const Asked& named, const directory::Person& person) {
  const auto there = TRY(one.source->find(named));
  if (there && there->entry == person.entry) {
    const auto address = account::canonical_address(there->address);
    if (address && *address == named.address) return {};
  }
  log::warning("directory", "it names an address that is not found there as the same person's",
               {{"directory", one.name}, {"address", named.address}});
  return fail(directory::kImplausible,
              "the directory " + one.name + " names an address that is not found there as the same person's");
}

bool is_enabled(const Account& account) { return account.status == account::Status::enabled; }

/// What sessions know to say of it.
Error unavailable(const Error& error) {
  if (error.is(io::kBusy)) return {account::kBusy, "too many logins at this moment; try again"};
  return {sasl::kUnavailable, "the directory of this user cannot be asked now"};
}

}  // namespace

Result<DirectoryList> open_directories(const configuration::Configuration& configuration) {
  DirectoryList list;
  for (const configuration::Directory& wanted : configuration.directories) {
    sasl::Secret password;
    if (!wanted.password_file.empty()) {
      auto read = read_password_file(configuration.resolve(wanted.password_file));
      if (!read) return fail(kBadPasswordFile, "directory '" + wanted.name + "': " + read.error().text());
      password = *std::move(read);
    }
    OneDirectory one{.name = wanted.name, .domains = {}, .source = {}};
    for (const std::string& domain : wanted.domains) one.domains.insert(message::domain_key(domain));
    one.source = wanted.kind == configuration::DirectoryKind::ldap
                     ? TRY(open_ldap(wanted, std::move(password), configuration))
                     : TRY(open_sql(wanted, std::move(password), configuration));
    if (wanted.kind != configuration::DirectoryKind::ldap)
      one.scram_iterations = static_cast<std::uint32_t>(wanted.scram_iterations);
    list.push_back(std::move(one));
  }
  return list;
}

Directories::Directories(Services& services, std::string hostname, const Clock& clock)
    : services_(services), hostname_(std::move(hostname)), clock_(clock) {}

Result<> Directories::use(DirectoryList list) {
  for (const OneDirectory& one : list)
    for (const std::string& domain : one.domains) {
      if (TRY(services_.directory().is_local(domain))) continue;
      auto added = services_.directory().add_domain(domain);
      if (!added && !added.error().is(account::kExists)) return std::unexpected(std::move(added).error());
      log::notice("directory", "its domain is served here now", {{"directory", one.name}, {"domain", domain}});
    }
  const std::lock_guard lock(mutex_);
  if (!list.empty() && pool_ == nullptr)
    pool_ = std::make_unique<io::FairPool>(io::FairPoolOptions{.name = "directory",
                                                               .threads = kDirectoryThreads,
                                                               .share = kDirectoryShare,
                                                               .waiting = kDirectoryWaiting,
                                                               .queue = 4 * kDirectoryWaiting});
  list_.clear();
  for (OneDirectory& one : list) list_.push_back(std::make_shared<const OneDirectory>(std::move(one)));
  known_.clear();
  return {};
}

void Directories::end() {
  if (pool_) pool_->end();
}

Directories::Serving Directories::serving(std::string_view domain) {
  const std::string key = message::domain_key(domain);
  Serving found;
  const std::lock_guard lock(mutex_);
  for (const auto& one : list_)
    if (one->domains.contains(key)) found.push_back(one);
  return found;
}

bool Directories::serves(std::string_view domain) {
  const std::lock_guard lock(mutex_);
  if (list_.empty()) return false;
  const std::string key = message::domain_key(domain);
  return std::ranges::any_of(list_, [&](const auto& one) { return one->domains.contains(key); });
}

std::string Directories::party(const OneDirectory& one, Asker asker) {
  return one.name + (asker == Asker::mail ? " for mail" : " for logins");
}

/// There is one where anybody serves a domain.
io::FairPool& Directories::pool() {
  const std::lock_guard lock(mutex_);
  return *pool_;
}

/// Reads the store.
Result<std::optional<Asked>> Directories::ours(const std::string& name) {
  std::string address = name;
  if (address.find('@') == std::string::npos) address += "@" + TRY(services_.directory().home(hostname_));
  auto canonical = account::canonical_address(address);
  if (!canonical) return std::nullopt;
  Asked asked = directory::asked_for(*canonical);
  if (!serves(asked.domain)) return std::nullopt;
  const auto account = TRY(services_.directory().account(*canonical));
  if (account && account->origin != Origin::elsewhere) return std::nullopt;
  return asked;
}

io::Task<Result<std::optional<Asked>>> Directories::asked_by(std::string name) {
  {
    const std::lock_guard lock(mutex_);
    if (list_.empty()) co_return std::nullopt;
  }
  co_return co_await io::run(services_.pool(), [this, name = std::move(name)] { return ours(name); });
}

/// The account of somebody the directory knows, made when it is not there; nothing when the address is an alias here.
Result<Directories::Person> Directories::account_of(const OneDirectory& one, const Asked& asked,
                                                    const directory::Person& person) {
  auto address = account::canonical_address(person.address);
  const Asked named = directory::asked_for(address ? *address : std::string());
  if (!address || !one.domains.contains(message::domain_key(named.domain))) {
    // Another domain's people are not this directory's to name.
    log::warning("directory", "it names an address that is none of its domains'",
                 {{"directory", one.name}, {"address", person.address}});
    return fail(directory::kImplausible,
                "the directory " + one.name + " names an address that is none of its domains'");
  }
  if (named != asked) TRY(is_its_own(one, named, person));
  account::Directory& directory = services_.directory();
  if (auto account = TRY(directory.account(*address))) return TRY(keep_up(*std::move(account), person));
  account::Directory::NewAccount wanted{
      .address = *address, .name = display_name(person), .quota = {}, .credentials = {}};
  wanted.origin = Origin::elsewhere;
  wanted.quota.octets = person.quota.value_or(0);
  auto added = directory.add_account(wanted, [this](const Account& account, store::Batch& batch) {
    services_.mail().create_account(account.id, {.octets = account.quota.octets}, batch);
  });
  if (added) {
    log::notice("directory", "a mailbox was made for somebody it knows",
                {{"directory", one.name}, {"address", *address}});
    return Met{.account = *std::move(added), .octets = {}};
  }
  if (!added.error().is(account::kExists)) return std::unexpected(std::move(added).error());
  // Somebody else made it at this moment, or it is an alias.
  auto account = TRY(directory.account(*address));
  if (!account) return std::nullopt;
  return Met{.account = *std::move(account), .octets = {}};
}

/// What the directory says of a person counts from the next time it is asked.
Result<Directories::Met> Directories::keep_up(Account account, const directory::Person& person) {
  Met met{.account = std::move(account), .octets = {}};
  if (met.account.origin != Origin::elsewhere) return met;
  if (person.quota && *person.quota != met.account.quota.octets) met.octets = person.quota;
  if (const std::string name = display_name(person); name != met.account.name)
    met.account =
        TRY(services_.directory().change_account(met.account.address, [&](Account& now) { now.name = name; }));
  return met;
}

/// Mail that does not fit, or fits now, is told so; a failure is tried again when the directory is asked next.
io::Task<> Directories::set_quota(Met met) {
  if (!met.octets) co_return;
  const mailbox::QuotaLimits limits{.octets = *met.octets, .messages = met.account.quota.messages};
  auto mail = co_await services_.mail().account(met.account.id);
  if (!mail) co_return;
  const auto set = co_await (*mail)->set_quota(limits);
  auto stored = co_await io::run(services_.pool(), [this, &met]() -> Result<> {
    TRY(services_.directory().change_account(met.account.address,
                                             [&](Account& now) { now.quota.octets = *met.octets; }));
    return {};
  });
  if (!set || !stored)
    log::warning("directory", "a quota could not be kept",
                 {{"address", met.account.address}, {"error", (set ? stored : set).error().text()}});
}

Result<Directories::Person> Directories::look(const OneDirectory& one, const Asked& asked) {
  const auto person = TRY(one.source->find(asked));
  if (!person) return std::nullopt;
  return account_of(one, asked, *person);
}

std::optional<Directories::Known> Directories::known(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto at = known_.find(address);
  if (at == known_.end() || at->second.until <= clock_.now()) return std::nullopt;
  return at->second;
}

Result<std::optional<account::Destination>> Directories::remember(const std::string& address, Result<Person> found) {
  Known now;
  if (found && *found && is_enabled((*found)->account))
    now.person = account::Destination{.id = (*found)->account.id, .address = (*found)->account.address};
  if (!found) now.error = found.error();
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kPeopleKnownMax) known_.clear();
  Known& kept = known_[address];
  // While it cannot be told, who was known goes on, also by other addresses of theirs.
  if (now.error && kept.person) now = {.person = kept.person, .error = {}, .until = {}};
  now.until = clock_.now() + (!found ? kAwayKnown : now.person ? kPersonKnown : kNoPersonKnown);
  kept = now;
  if (now.error) return std::unexpected(*now.error);
  return now.person;
}

Result<std::optional<account::Destination>> Directories::find(const std::string& address) {
  if (const auto before = known(address)) {
    if (before->error) return std::unexpected(*before->error);
    return before->person;
  }
  const Asked asked = directory::asked_for(address);
  Result<Person> found = Person();
  for (const auto& one : serving(asked.domain)) {
    auto here = look(*one, asked);
    if (here && *here) return remember(address, std::move(here));
    if (!here) found = std::move(here);
  }
  return remember(address, std::move(found));
}

io::Task<Result<std::optional<account::Destination>>> Directories::ask(std::string address) {
  return ask_for(Asker::mail, std::move(address));
}

io::Task<Result<std::optional<account::Destination>>> Directories::ask_for(Asker asker, std::string address) {
  if (const auto before = known(address)) {
    if (before->error) co_return std::unexpected(*before->error);
    co_return before->person;
  }
  const Asked asked = directory::asked_for(address);
  Result<Person> found = Person();
  for (const auto& one : serving(asked.domain)) {
    auto here = co_await io::run(pool(), party(*one, asker), [this, one, asked] { return look(*one, asked); });
    const bool somebody = here && *here;
    if (!here || somebody) found = std::move(here);
    if (somebody) break;
  }
  std::optional<Met> met;
  if (found && *found) met = **found;
  auto answer = remember(address, std::move(found));
  if (met) co_await set_quota(*std::move(met));
  co_return answer;
}

Result<Directories::Checked> Directories::check(const OneDirectory& one, const Asked& asked,
                                                const sasl::Secret& password) {
  using Kind = directory::Source::Check::Kind;
  const auto check = TRY(one.source->check(asked, password));
  if (check.kind == Kind::nobody) return Checked{};
  if (check.kind == Kind::wrong) return Checked{.kind = Check::Kind::wrong, .met = {}};
  auto met = TRY(account_of(one, asked, check.person));
  if (!met || met->account.origin != Origin::elsewhere || !is_enabled(met->account))
    return Checked{.kind = Check::Kind::wrong, .met = {}};
  return Checked{.kind = Check::Kind::right, .met = *std::move(met)};
}

io::Task<Result<account::Users::Check>> Directories::check_password(std::string name, sasl::Secret password,
                                                                    std::string) {
  const auto asked = CO_TRY(co_await asked_by(std::move(name)));
  if (!asked) co_return Check{};
  std::optional<Error> failure;
  Check answer;
  for (const auto& one : serving(asked->domain)) {
    auto checked = co_await io::run(pool(), party(*one, Asker::login),
                                    [this, one, asked = *asked, secret = sasl::Secret::copy(password.view())] {
                                      return check(*one, asked, secret);
                                    });
    if (!checked) {
      failure = std::move(checked).error();
    } else if (checked->kind == Check::Kind::wrong) {
      answer.kind = Check::Kind::wrong;
    } else if (checked->kind == Check::Kind::right) {
      Account account = checked->met.account;
      (void)remember(asked->address, Person(checked->met));
      co_await set_quota(std::move(checked->met));
      co_return Check{.kind = Check::Kind::right, .account = std::move(account)};
    }
  }
  // The one that is away may be the one whose password it is.
  if (failure) co_return std::unexpected(unavailable(*failure));
  co_return answer;
}

io::Task<Result<std::optional<Account>>> Directories::account(std::string name) {
  const auto asked = CO_TRY(co_await asked_by(std::move(name)));
  if (!asked) co_return std::nullopt;
  auto found = co_await io::run(services_.pool(),
                                [this, address = asked->address] { return services_.directory().account(address); });
  if (!found) co_return std::unexpected(std::move(found).error());
  // By another address of theirs, or for the first time; and who has an account may be gone.
  const auto person = co_await ask_for(Asker::login, asked->address);
  if (person && !*person) co_return std::nullopt;
  if (!person && !*found) co_return std::unexpected(unavailable(person.error()));
  if (person && (!*found || (**found).id != (*person)->id)) {
    found = co_await io::run(services_.pool(),
                             [this, address = (*person)->address] { return services_.directory().account(address); });
    if (!found) co_return std::unexpected(std::move(found).error());
  }
  if (*found && ((*found)->origin != Origin::elsewhere || !is_enabled(**found))) co_return std::nullopt;
  co_return *std::move(found);
}

io::Task<Result<std::optional<sasl::ScramKeys>>> Directories::scram_keys(std::string name, sasl::Hash hash) {
  const auto asked = CO_TRY(co_await asked_by(std::move(name)));
  if (!asked) co_return std::nullopt;
  std::optional<Error> failure;
  for (const auto& one : serving(asked->domain)) {
    auto keys = co_await io::run(pool(), party(*one, Asker::login),
                                 [one, asked = *asked, hash] { return one->source->scram_keys(asked, hash); });
    if (keys && *keys) co_return *std::move(keys);
    if (!keys) failure = std::move(keys).error();
  }
  if (failure) co_return std::unexpected(unavailable(*failure));
  co_return std::nullopt;
}

std::uint32_t Directories::iterations_like(std::string_view name) {
  const std::size_t at = name.rfind('@');
  const std::string domain = at == std::string_view::npos ? "" : message::domain_key(name.substr(at + 1));
  const std::lock_guard lock(mutex_);
  for (const auto& one : list_)
    if (one->scram_iterations != 0 && (domain.empty() || one->domains.contains(domain))) return one->scram_iterations;
  return 0;
}

io::Task<Result<account::Users::Check>> UsersInOrder::check_password(std::string name, sasl::Secret password,
                                                                     std::string peer) {
  Result<Check> answer = Check{};
  for (account::Users* const body : bodies_) {
    auto check = co_await body->check_password(name, sasl::Secret::copy(password.view()), peer);
    if (check && check->kind == Check::Kind::right) co_return std::move(check);
    if (!check || (answer && check->kind == Check::Kind::wrong)) answer = std::move(check);
  }
  co_return answer;
}

io::Task<Result<std::optional<Account>>> UsersInOrder::account(std::string name) {
  Result<std::optional<Account>> answer = std::nullopt;
  const auto address = account::canonical_address(name);
  for (account::Users* const body : bodies_) {
    auto account = co_await body->account(name);
    const bool found = account && *account;
    // Whose own address it is comes before those who only answer to it.
    if (found && (!address || (*account)->address == *address)) co_return std::move(account);
    if ((found && (!answer || !*answer)) || (!account && answer && !*answer)) answer = std::move(account);
  }
  co_return answer;
}

io::Task<Result<std::optional<sasl::ScramKeys>>> UsersInOrder::scram_keys(std::string name, sasl::Hash hash) {
  Result<std::optional<sasl::ScramKeys>> answer = std::nullopt;
  for (account::Users* const body : bodies_) {
    auto keys = co_await body->scram_keys(name, hash);
    if (keys && *keys) {
      // By the name alone the account is opened afterwards: it has to be the one whose keys these are.
      const auto opened = CO_TRY(co_await account(name));
      const auto own = CO_TRY(co_await body->account(name));
      if (!opened || !own || opened->id != own->id) co_return std::nullopt;
      co_return std::move(keys);
    }
    if (!keys && answer) answer = std::move(keys);
  }
  co_return answer;
}

std::uint32_t UsersInOrder::iterations_like(std::string_view name) {
  for (account::Users* const body : bodies_)
    if (const std::uint32_t found = body->iterations_like(name); found != 0) return found;
  return 0;
}

}  // namespace angarium::agent
