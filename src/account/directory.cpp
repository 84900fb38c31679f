#include "account/directory.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "envelope/path.h"
#include "message/domain.h"
#include "message/lexical.h"
#include "store/keys.h"
#include "store/octets.h"

namespace angarium::account {
namespace {

// Keys: 0x10 'a' domain local → entry; 0x10 'd' domain → domain; 0x10 'n' → the next account id; 0x10 'p' account → its
// app passwords.
std::string address_key(std::string_view address) {
  const std::size_t at = address.rfind('@');
  return store::KeyWriter().u8(kDirectoryKey).u8('a').text(address.substr(at + 1)).text(address.substr(0, at)).key();
}
std::string addresses_of(std::string_view domain) {
  return domain.empty() ? store::KeyWriter().u8(kDirectoryKey).u8('a').key()
                        : store::KeyWriter().u8(kDirectoryKey).u8('a').text(domain).key();
}
std::string domain_key(std::string_view domain) {
  return store::KeyWriter().u8(kDirectoryKey).u8('d').text(domain).key();
}
std::string app_passwords_key(AccountId account) {
  return store::KeyWriter().u8(kDirectoryKey).u8('p').u64(account).key();
}
std::string next_id_key() { return store::KeyWriter().u8(kDirectoryKey).u8('n').key(); }

/// Others may change what we read before we write: then read and decide again, at most so often.
constexpr int kAttempts = 20;

/// Runs `attempt` until its expectations hold.
template <class Attempt>
auto retried(const Attempt& attempt) -> decltype(attempt()) {
  for (int i = 1;; ++i) {
    auto result = attempt();
    if (result || !result.error().is(store::kExpectation) || i == kAttempts) return result;
  }
}

std::string join(std::string_view local_part, std::string_view domain) {
  return std::string(local_part) + "@" + std::string(domain);
}
std::string_view domain_of(std::string_view address) { return address.substr(address.rfind('@') + 1); }

/// Visits the entries of a domain, or all.
Result<> each_entry(store::Tablet& tablet, std::string_view domain, const std::function<void(Entry)>& visit) {
  const std::string prefix = addresses_of(domain);
  Result<> inner;
  TRY(tablet.scan(prefix, store::after_prefix(prefix), {}, [&](std::string_view, std::string_view value) {
    auto entry = decode_entry(value);
    if (!entry) {
      inner = std::unexpected(entry.error());
      return store::Step::stop;
    }
    visit(*std::move(entry));
    return store::Step::next;
  }));
  return inner;
}

}  // namespace

Result<std::string> canonical_domain(std::string_view text) {
  auto ascii = message::domain_to_ascii(text);
  if (!ascii || !message::valid_domain(*ascii))
    return fail(kInvalid, "'" + escape_controls(text) + "' is not a domain name");
  return *std::move(ascii);
}

Result<std::string> canonical_address(std::string_view text) {
  auto mailbox = envelope::parse_mailbox(text, {.utf8 = message::Utf8::accept, .local_part_max = 64});
  if (!mailbox || mailbox->domain.empty() || mailbox->has_literal()) {
    return fail(kInvalid, "'" + escape_controls(text) + "' is not an address; write it as name@domain");
  }
  // Addresses here are written without quotes, so a local part that cannot do without them names nobody.
  if (!message::is_dot_atom(mailbox->local_part))
    return fail(kInvalid,
                "'" + escape_controls(text) + "' needs quotes before its @; choose a name without blanks or brackets");
  return join(to_lower(mailbox->local_part), TRY(canonical_domain(mailbox->domain)));
}

Result<std::string> canonical_target(std::string_view text) {
  auto mailbox = envelope::parse_mailbox(text, {.utf8 = message::Utf8::accept});
  if (!mailbox || mailbox->domain.empty())
    return fail(kInvalid, "'" + escape_controls(text) + "' is not an address; write it as name@domain");
  if (!mailbox->has_literal()) mailbox->domain = TRY(canonical_domain(mailbox->domain));
  std::string address = mailbox->text();
  if (address.size() > kAddressMax)
    return fail(kInvalid,
                "'" + escape_controls(text, 100) + "' is longer than " + std::to_string(kAddressMax) + " octets");
  return address;
}

Result<> Directory::commit(store::Batch batch) {
  auto committed = tablet_.commit_and_wait(std::move(batch));
  // Also after an error: a tablet that stopped may or may not have taken it.
  routes_.forget();
  if (!committed) return std::unexpected(std::move(committed).error());
  return {};
}

Result<> Directory::replace(const std::string& key, std::string_view expected,
                            const std::optional<std::string>& value) {
  store::Batch batch;
  batch.expect(key, expected);
  if (value) {
    batch.put(key, *value);
  } else {
    batch.erase(key);
  }
  return commit(std::move(batch));
}

Result<Domain> Directory::add_domain(std::string_view name) {
  Domain domain{.name = TRY(canonical_domain(name)), .catch_all = {}, .postmaster = {}, .created = clock_.wall()};
  store::Batch batch;
  batch.expect(domain_key(domain.name), std::nullopt);
  batch.put(domain_key(domain.name), encode(domain));
  auto committed = commit(std::move(batch));
  if (!committed && committed.error().is(store::kExpectation))
    return fail(kExists, "the domain " + domain.name + " is there already");
  TRY(std::move(committed));
  return domain;
}

Result<> Directory::remove_domain(std::string_view name) {
  const std::string canonical = TRY(canonical_domain(name));
  return retried([&]() -> Result<> {
    auto stored = TRY(tablet_.get(domain_key(canonical)));
    if (!stored) return fail(kUnknown, "there is no domain " + canonical);
    std::size_t addresses = 0;
    TRY(each_entry(tablet_, canonical, [&](const Entry&) { ++addresses; }));
    if (addresses > 0)
      return fail(kInUse, canonical + " still has " + std::to_string(addresses) + " addresses; remove them first");
    TRY(replace(domain_key(canonical), *stored, std::nullopt));
    return {};
  });
}

Result<Domain> Directory::set_catch_all(std::string_view name, std::string_view address) {
  const std::string canonical = TRY(canonical_domain(name));
  std::string target;
  if (!address.empty()) {
    target = TRY(canonical_address(address));
    if (!TRY(entry(target, store::Tier::any))) return fail(kUnknown, "there is no address " + target);
  }
  return retried([&]() -> Result<Domain> {
    auto stored = TRY(tablet_.get(domain_key(canonical)));
    if (!stored) return fail(kUnknown, "there is no domain " + canonical);
    Domain domain = TRY(decode_domain(*stored));
    domain.catch_all = target;
    TRY(replace(domain_key(canonical), *stored, encode(domain)));
    return domain;
  });
}

Result<std::optional<Domain>> Directory::domain(std::string_view name, store::Tier tier) {
  auto stored = TRY(tablet_.get(domain_key(message::domain_key(name)), {.tier = tier}));
  if (!stored) return std::nullopt;
  return TRY(decode_domain(*stored));
}

Result<std::vector<Domain>> Directory::domains() {
  const std::string prefix = store::KeyWriter().u8(kDirectoryKey).u8('d').key();
  std::vector<Domain> domains;
  Result<> inner;
  TRY(tablet_.scan(prefix, store::after_prefix(prefix), {}, [&](std::string_view, std::string_view value) {
    auto domain = decode_domain(value);
    if (!domain) {
      inner = std::unexpected(domain.error());
      return store::Step::stop;
    }
    domains.push_back(*std::move(domain));
    return store::Step::next;
  }));
  TRY(std::move(inner));
  return domains;
}

Result<std::string> Directory::home(std::string_view hostname, store::Tier tier) {
  if (!hostname.empty() && TRY(is_local(hostname, tier))) return message::domain_key(hostname);
  const std::string prefix = store::KeyWriter().u8(kDirectoryKey).u8('d').key();
  std::string name;
  Result<> inner;
  const auto visit = [&](std::string_view, std::string_view value) {
    auto domain = decode_domain(value);
    if (domain)
      name = std::move(domain->name);
    else
      inner = std::unexpected(std::move(domain).error());
    return store::Step::stop;
  };
  TRY(tablet_.scan(prefix, store::after_prefix(prefix), {}, visit, {.tier = tier}));
  TRY(std::move(inner));
  return name;
}

Result<AccountId> Directory::next_id(std::string& before) {
  auto stored = TRY(tablet_.get(next_id_key()));
  before = stored.value_or("");
  if (!stored) return 1;
  std::string_view rest = *stored;
  std::uint64_t id = 0;
  if (!store::take_varint(rest, id) || !rest.empty())
    return fail(kDamagedRecord, "the next account id does not decode");
  return id;
}

Result<Account> Directory::add_account(const NewAccount& wanted, const Also& also) {
  if (wanted.name.size() > kNameMax || !valid_utf8(wanted.name))
    return fail(kInvalid, "the name is longer than 256 octets or no UTF-8");
  Account account;
  account.address = TRY(canonical_address(wanted.address));
  account.name = wanted.name;
  account.quota = wanted.quota;
  account.credentials = wanted.credentials;
  account.credentials.version = 1;
  account.origin = wanted.origin;
  const std::string domain(domain_of(account.address));
  return retried([&]() -> Result<Account> {
    auto stored_domain = TRY(tablet_.get(domain_key(domain)));
    if (!stored_domain)
      return fail(kUnknown, "the domain " + domain + " is not served here; add it with: angarium domain add " + domain);
    if (TRY(tablet_.get(address_key(account.address)))) return fail(kExists, account.address + " is there already");
    std::string before;
    account.id = TRY(next_id(before));
    account.created = clock_.wall();
    std::string after;
    store::append_varint(after, account.id + 1);
    store::Batch batch;
    batch.expect(domain_key(domain), *stored_domain);
    batch.expect(address_key(account.address), std::nullopt);
    batch.expect(next_id_key(), before.empty() ? std::nullopt : std::optional<std::string_view>(before));
    batch.put(next_id_key(), after);
    batch.put(address_key(account.address), encode(account));
    Domain home = TRY(decode_domain(*stored_domain));
    if (home.postmaster.empty() && account.origin == Origin::added) {
      home.postmaster = account.address;
      batch.put(domain_key(domain), encode(home));
    }
    if (also) also(account, batch);
    TRY(commit(std::move(batch)));
    return account;
  });
}

Result<Account> Directory::change_account(std::string_view address, const std::function<void(Account&)>& change) {
  const std::string canonical = TRY(canonical_address(address));
  return retried([&]() -> Result<Account> {
    auto stored = TRY(tablet_.get(address_key(canonical)));
    if (!stored) return fail(kUnknown, "there is no account " + canonical);
    Entry entry = TRY(decode_entry(*stored));
    auto* account = std::get_if<Account>(&entry);
    if (account == nullptr) return fail(kUnknown, canonical + " is an alias, not an account");
    const Account before = *account;
    change(*account);
    if (account->name.size() > kNameMax || !valid_utf8(account->name))
      return fail(kInvalid, "the name is longer than 256 octets or no UTF-8");
    // What fails is not seen by this process, whatever the disk has of it.
    TRY(replace(address_key(canonical), *stored, encode(*account)));
    withdraw(withdrawn_by(before, *account));
    return std::move(*account);
  });
}

Result<std::vector<AppPassword>> Directory::app_passwords(AccountId account, store::Tier tier) {
  const auto stored = TRY(tablet_.get(app_passwords_key(account), {.tier = tier}));
  if (!stored) return std::vector<AppPassword>();
  return decode_app_passwords(*stored);
}

Result<> Directory::change_app_passwords(std::string_view address, const ChangeAppPasswords& change) {
  const std::string canonical = TRY(canonical_address(address));
  return retried([&]() -> Result<> {
    const auto stored = TRY(tablet_.get(address_key(canonical)));
    if (!stored) return fail(kUnknown, "there is no account " + canonical);
    const Entry entry = TRY(decode_entry(*stored));
    const auto* account = std::get_if<Account>(&entry);
    if (account == nullptr) return fail(kUnknown, canonical + " is an alias, not an account");
    const std::string key = app_passwords_key(account->id);
    const auto before = TRY(tablet_.get(key));
    std::vector<AppPassword> passwords = before ? TRY(decode_app_passwords(*before)) : std::vector<AppPassword>();
    const std::vector<AppPassword> there = passwords;
    TRY(change(passwords));
    store::Batch batch;
    batch.expect(address_key(canonical), *stored);
    batch.expect(key, before ? std::optional<std::string_view>(*before) : std::nullopt);
    if (passwords.empty())
      batch.erase(key);
    else
      batch.put(key, encode(passwords));
    // No mail goes another way by it: what was resolved stays.
    TRY(tablet_.commit_and_wait(std::move(batch)));
    withdraw(withdrawn_by(account->id, there, passwords));
    return {};
  });
}

Result<Account> Directory::prepare_removal(std::string_view address, store::Batch& batch) {
  const std::string canonical = TRY(canonical_address(address));
  auto stored = TRY(tablet_.get(address_key(canonical)));
  if (!stored) return fail(kUnknown, "there is no account " + canonical);
  Entry entry = TRY(decode_entry(*stored));
  auto* account = std::get_if<Account>(&entry);
  if (account == nullptr)
    return fail(kUnknown, canonical + " is an alias; remove it with: angarium alias remove " + canonical);
  batch.expect(address_key(canonical), *stored);
  batch.erase(address_key(canonical));
  // Whoever adds one meanwhile expects the account's entry.
  batch.erase(app_passwords_key(account->id));
  return std::move(*account);
}

Result<std::optional<Entry>> Directory::entry(std::string_view address, store::Tier tier) {
  auto stored = TRY(tablet_.get(address_key(address), {.tier = tier}));
  if (!stored) return std::nullopt;
  return TRY(decode_entry(*stored));
}

Result<std::optional<Account>> Directory::account(std::string_view address, store::Tier tier) {
  auto canonical = canonical_address(address);
  if (!canonical) return std::nullopt;
  auto found = TRY(entry(*canonical, tier));
  if (!found || !std::holds_alternative<Account>(*found)) return std::nullopt;
  return std::get<Account>(*std::move(found));
}

Result<std::optional<Alias>> Directory::alias(std::string_view address, store::Tier tier) {
  auto canonical = canonical_address(address);
  if (!canonical) return std::nullopt;
  auto found = TRY(entry(*canonical, tier));
  if (!found || !std::holds_alternative<Alias>(*found)) return std::nullopt;
  return std::get<Alias>(*std::move(found));
}

Result<std::vector<Account>> Directory::accounts(std::string_view domain) {
  const std::string canonical = domain.empty() ? std::string() : TRY(canonical_domain(domain));
  std::vector<Account> accounts;
  TRY(each_entry(tablet_, canonical, [&](Entry entry) {
    if (auto* account = std::get_if<Account>(&entry)) accounts.push_back(std::move(*account));
  }));
  return accounts;
}

Result<std::vector<Alias>> Directory::aliases(std::string_view domain) {
  const std::string canonical = domain.empty() ? std::string() : TRY(canonical_domain(domain));
  std::vector<Alias> aliases;
  TRY(each_entry(tablet_, canonical, [&](Entry entry) {
    if (auto* alias = std::get_if<Alias>(&entry)) aliases.push_back(std::move(*alias));
  }));
  return aliases;
}

/// The way by which `alias`, which is not there yet, would lead back to itself, "a -> b -> a"; empty: it does not.
/// What was looked at goes into the batch's expectations: of two changes at once that close a loop together, one is
/// refused and looks again.
Result<std::string> Directory::loop_of(const Alias& alias, store::Batch& batch) {
  struct Stop {
    std::string address;
    std::size_t from;  // the stop that leads here; its own number: a target of the alias
  };
  std::vector<Stop> stops;
  std::set<std::string> seen;
  const auto go_to = [&](std::string address, std::optional<std::size_t> from) {
    if (seen.size() < kLoopAddressesMax && seen.insert(address).second)
      stops.push_back({std::move(address), from.value_or(stops.size())});
  };
  const auto way = [&](std::size_t at) {
    std::string text = " -> " + alias.address;
    for (std::size_t steps = 0;; at = stops[at].from) {
      // Longer ones are too deep for mail before they lead back.
      if (++steps > kAliasDepthMax) return alias.address + " -> (more)" + text;
      text = " -> " + stops[at].address + text;
      if (stops[at].from == at) return alias.address + text;
    }
  };
  for (const std::string& target : alias.targets) go_to(to_lower(target), std::nullopt);
  for (std::size_t at = 0; at < stops.size(); ++at) {
    const std::string address = stops[at].address;
    if (address == alias.address) return way(stops[at].from);
    const auto stored = TRY(tablet_.get(address_key(address)));
    batch.expect(address_key(address), stored);
    if (!stored) {
      const std::size_t plus = address.find('+');
      if (plus != std::string::npos && plus > 0 && plus < address.rfind('@'))
        go_to(join(address.substr(0, plus), domain_of(address)), at);
      continue;
    }
    const Entry entry = TRY(decode_entry(*stored));
    if (const auto* next = std::get_if<Alias>(&entry))
      for (const std::string& target : next->targets) go_to(to_lower(target), at);
  }
  return std::string();
}

Result<Alias> Directory::add_alias(std::string_view address, Alias::Kind kind,
                                   const std::vector<std::string>& targets) {
  if (targets.empty() || targets.size() > kTargetsMax)
    return fail(kInvalid, "an alias has 1 to " + std::to_string(kTargetsMax) + " targets");
  Alias alias{.address = TRY(canonical_address(address)), .kind = kind, .targets = {}, .created = clock_.wall()};
  for (const std::string& target : targets) {
    std::string canonical = TRY(canonical_target(target));
    if (TRY(is_local(domain_of(canonical)))) canonical = TRY(canonical_address(target));
    if (canonical == alias.address) return fail(kInvalid, canonical + " cannot stand for itself");
    if (std::ranges::find(alias.targets, canonical) == alias.targets.end())
      alias.targets.push_back(std::move(canonical));
  }
  const std::string domain(domain_of(alias.address));
  return retried([&]() -> Result<Alias> {
    auto stored_domain = TRY(tablet_.get(domain_key(domain)));
    if (!stored_domain)
      return fail(kUnknown, "the domain " + domain + " is not served here; add it with: angarium domain add " + domain);
    if (TRY(tablet_.get(address_key(alias.address)))) return fail(kExists, alias.address + " is there already");
    store::Batch batch;
    if (const std::string loop = TRY(loop_of(alias, batch)); !loop.empty())
      return fail(kInvalid, "that would close a loop: " + loop);
    batch.expect(domain_key(domain), *stored_domain);
    batch.expect(address_key(alias.address), std::nullopt);
    batch.put(address_key(alias.address), encode(alias));
    TRY(commit(std::move(batch)));
    return alias;
  });
}

Result<> Directory::remove_alias(std::string_view address) {
  const std::string canonical = TRY(canonical_address(address));
  return retried([&]() -> Result<> {
    auto stored = TRY(tablet_.get(address_key(canonical)));
    if (!stored) return fail(kUnknown, "there is no alias " + canonical);
    const Entry entry = TRY(decode_entry(*stored));
    if (!std::holds_alternative<Alias>(entry))
      return fail(kUnknown, canonical + " is an account; remove it with: angarium account remove " + canonical);
    TRY(replace(address_key(canonical), *stored, std::nullopt));
    return {};
  });
}

Result<std::vector<std::string>> Directory::verify() {
  std::vector<std::string> damage;
  std::map<std::string, AccountId> with_passwords;  // by key
  const auto scan = [&](char kind, const auto& visit) {
    const std::string prefix = store::KeyWriter().u8(kDirectoryKey).u8(static_cast<std::uint8_t>(kind)).key();
    return tablet_.scan(prefix, store::after_prefix(prefix), {}, [&](std::string_view key, std::string_view value) {
      store::KeyReader rest(key.substr(prefix.size()));
      visit(key, rest, value);
      return store::Step::next;
    });
  };
  // Before the accounts: one that is added meanwhile comes with its passwords.
  TRY(scan('p', [&](std::string_view key, store::KeyReader& rest, std::string_view value) {
    const AccountId id = rest.u64();
    with_passwords.emplace(key, id);
    if (!decode_app_passwords(value))
      damage.push_back("the app passwords of account " + std::to_string(id) + " do not decode");
  }));
  TRY(scan('a', [&](std::string_view, store::KeyReader& rest, std::string_view value) {
    const std::string domain = rest.text();
    const auto entry = decode_entry(value);
    if (!entry)
      damage.push_back("the account or alias " + escape_controls(join(rest.text(), domain)) + " does not decode");
    const auto* account = entry ? std::get_if<Account>(&*entry) : nullptr;
    if (account != nullptr) with_passwords.erase(app_passwords_key(account->id));
  }));
  TRY(scan('d', [&](std::string_view, store::KeyReader& rest, std::string_view value) {
    if (!decode_domain(value)) damage.push_back("the domain " + escape_controls(rest.text()) + " does not decode");
  }));
  // Those of an account that was removed meanwhile went with it.
  for (const auto& [key, id] : with_passwords)
    if (TRY(tablet_.get(key)))
      damage.push_back("there are app passwords of account " + std::to_string(id) + ", which is gone");
  return damage;
}

Result<bool> Directory::is_local(std::string_view domain, store::Tier tier) {
  return TRY(tablet_.get(domain_key(message::domain_key(domain)), {.tier = tier})).has_value();
}

}  // namespace angarium::account
