// Where mail to an address goes: Directory::resolve and its kin.
#include <algorithm>
#include <array>

#include "account/directory.h"
#include "base/text.h"
#include "message/domain.h"
#include "store/keys.h"

namespace angarium::account {

/// What one resolution has met so far.
struct Directory::Walk {
  Resolution& resolution;
  std::vector<std::string> seen;  // every address that was looked at
  bool disabled = false;
  bool made_by_itself = false;  // the address is the account of a user of the host
  bool too_deep = false;
  std::string owner;  // of the innermost alias that has one
  // The domain that was asked for last: members of a list often share one.
  std::string domain;
  bool domain_is_here = false;
};

namespace {

std::string join(std::string_view local_part, std::string_view domain) {
  return std::string(local_part) + "@" + std::string(domain);
}

struct Parts {
  std::string_view local_part;
  std::string_view domain;
};
Parts split(std::string_view address) {
  const std::size_t at = address.rfind('@');
  return {address.substr(0, at), address.substr(at + 1)};
}

constexpr std::string_view kOwner = "owner-";

/// Names that always have a reader: RFC 5321 §4.5.1, RFC 2142 §2 and §4.
constexpr std::array<std::string_view, 3> kAlwaysRead = {"postmaster", "abuse", "mailer-daemon"};

}  // namespace

/// True when the address exists, whether or not it gives an account.
Result<bool> Directory::follow(const std::string& address, std::size_t depth, store::Tier tier, Walk& walk) {
  if (std::ranges::find(walk.seen, address) != walk.seen.end()) return true;
  if (depth > kAliasDepthMax || walk.seen.size() >= kTargetsMax) {
    walk.too_deep = true;
    return true;
  }
  auto found = TRY(entry(address, tier));
  if (!found) {
    const Parts parts = split(address);
    const std::size_t plus = parts.local_part.find('+');
    if (plus == std::string_view::npos || plus == 0) return false;
    if (depth == 0) walk.resolution.detail = parts.local_part.substr(plus + 1);
    return follow(join(parts.local_part.substr(0, plus), parts.domain), depth + 1, tier, walk);
  }
  walk.seen.push_back(address);
  if (auto* account = std::get_if<Account>(&*found)) {
    if (account->origin != Origin::added && walk.seen.size() == 1) walk.made_by_itself = true;
    if (account->status == Status::enabled) {
      walk.resolution.accounts.push_back({account->id, std::move(account->address), walk.owner});
    } else {
      walk.disabled = true;
    }
    return true;
  }
  TRY(follow_alias(std::get<Alias>(*found), depth, tier, walk));
  return true;
}

Result<> Directory::follow_alias(const Alias& alias, std::size_t depth, store::Tier tier, Walk& walk) {
  const std::string before = walk.owner;
  const Parts parts = split(alias.address);
  if (!parts.local_part.starts_with(kOwner)) {
    std::string owner = join(std::string(kOwner) + std::string(parts.local_part), parts.domain);
    if (TRY(entry(owner, tier))) walk.owner = std::move(owner);
  }
  for (const std::string& target : alias.targets) {
    if (const std::string_view domain = split(target).domain; domain != walk.domain) {
      walk.domain_is_here = TRY(is_local(domain, tier));
      walk.domain = domain;
    }
    if (walk.domain_is_here) {
      // Whom the directory does not know, a name of the host perhaps, others find, or tell that nobody does.
      if (!TRY(follow(to_lower(target), depth + 1, tier, walk))) walk.resolution.onward.push_back({target, walk.owner});
      continue;
    }
    if (std::ranges::find(walk.seen, target) != walk.seen.end()) continue;
    if (walk.seen.size() >= kTargetsMax) {
      walk.too_deep = true;
      break;
    }
    walk.seen.push_back(target);
    walk.resolution.onward.push_back({target, walk.owner});
  }
  walk.owner = before;
  return {};
}

/// RFC 5321 §4.5.1: mail to the postmaster is accepted. Without an address of that name it goes to the domain's first
/// account, or when that is gone to any that is left.
Result<std::optional<std::string>> Directory::postmaster(const Domain& domain, store::Tier tier) {
  if (!domain.postmaster.empty() && TRY(entry(domain.postmaster, tier))) return domain.postmaster;
  const std::string prefix = store::KeyWriter().u8(kDirectoryKey).u8('a').text(domain.name).key();
  std::optional<std::string> found;
  Result<> inner;
  const auto visit = [&](std::string_view, std::string_view value) {
    auto entry = decode_entry(value);
    if (!entry) {
      inner = std::unexpected(entry.error());
      return store::Step::stop;
    }
    const auto* account = std::get_if<Account>(&*entry);
    // What is written to the postmaster is not for the first user who happens to have mail.
    if (account == nullptr || account->status != Status::enabled || account->origin != Origin::added)
      return store::Step::next;
    found = account->address;
    return store::Step::stop;
  };
  TRY(tablet_.scan(prefix, store::after_prefix(prefix), {}, visit, {.tier = tier}));
  TRY(std::move(inner));
  return found;
}

Result<Resolution> Directory::read_resolution(const std::string& local, std::string_view domain, store::Tier tier) {
  Resolution resolution;
  const std::string domain_name = message::domain_key(domain);
  auto here = TRY(this->domain(domain_name, tier));
  if (!here) {
    resolution.kind = Resolution::Kind::not_local;
    return resolution;
  }
  Walk walk{resolution, {}};
  bool known = TRY(follow(join(local, domain_name), 0, tier, walk));
  resolution.by_default = !known || walk.made_by_itself;
  if (!known && std::ranges::find(kAlwaysRead, local) != kAlwaysRead.end()) {
    std::optional<std::string> address;
    if (local != "postmaster" && TRY(entry(join("postmaster", domain_name), tier)))
      address = join("postmaster", domain_name);
    else
      address = TRY(postmaster(*here, tier));
    if (address) known = TRY(follow(*address, 1, tier, walk));
  }
  if (!known && !here->catch_all.empty()) known = TRY(follow(here->catch_all, 1, tier, walk));
  if (!resolution.accounts.empty() || !resolution.onward.empty()) {
    resolution.kind = Resolution::Kind::accounts;
  } else if (walk.too_deep || (known && !walk.disabled)) {
    // Known, and nobody at any end of it: only aliases that lead back to themselves are so.
    resolution.kind = Resolution::Kind::too_deep;
  } else {
    resolution.kind = walk.disabled ? Resolution::Kind::disabled : Resolution::Kind::unknown;
  }
  return resolution;
}

Result<std::shared_ptr<const Resolution>> Directory::resolve(std::string_view local_part, std::string_view domain,
                                                             store::Tier tier) {
  const std::string local = to_lower(local_part);
  std::string address = join(local, domain);
  auto [known, generation] = routes_.find(address);
  if (known) return known;
  auto read = std::make_shared<const Resolution>(TRY(read_resolution(local, domain, tier)));
  routes_.keep(std::move(address), read, generation);
  return read;
}

Result<Expansion> Directory::expand(std::string_view address, store::Tier tier) {
  const std::string canonical = TRY(canonical_address(address));
  auto found = TRY(entry(canonical, tier));
  if (!found) return fail(kUnknown, "there is no address " + canonical);
  if (const auto* alias = std::get_if<Alias>(&*found)) return Expansion{alias->targets};
  return Expansion{{canonical}};
}

Result<bool> Directory::may_send_as(const Account& account, std::string_view local_part, std::string_view domain,
                                    store::Tier tier) {
  const std::string local = to_lower(local_part);
  const std::string domain_name = message::domain_key(domain);
  const std::string base = join(std::string_view(local).substr(0, local.find('+')), domain_name);
  if (base == account.address || join(local, domain_name) == account.address) return true;
  Resolution resolution;
  Walk walk{resolution, {}};
  TRY(follow(join(local, domain_name), 0, tier, walk));
  return std::ranges::any_of(resolution.accounts, [&](const Destination& to) { return to.id == account.id; });
}

}  // namespace angarium::account
