#include "agent/sorting.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>

#include "agent/forwarding.h"
#include "agent/way.h"
#include "base/log.h"
#include "base/text.h"
#include "delivery/target.h"
#include "message/domain.h"
#include "queue/types.h"

namespace angarium::agent {
namespace {

using Kind = account::Resolution::Kind;
using envelope::Mailbox;

constexpr std::string_view kPostmaster = "postmaster";
/// Of the host: RFC 5321 §4.5.1, RFC 2142, and whom cron writes to.
constexpr std::string_view kRoot = "root";
constexpr std::array<std::string_view, 4> kAlwaysRead = {kPostmaster, "mailer-daemon", "abuse", kRoot};

bool always_read(std::string_view name) { return std::ranges::find(kAlwaysRead, name) != kAlwaysRead.end(); }

std::string without_detail(std::string_view name) {
  const std::string lower = to_lower(name);
  const std::size_t plus = lower.find('+');
  return plus == 0 ? lower : lower.substr(0, plus);
}

/// One address, followed to the end.
class Walk final : public alias::Household {
 public:
  Walk(Services& services, const LocalTerms* local, std::string home, std::string asked)
      : services_(services),
        directory_(services.directory()),
        local_(local),
        home_(std::move(home)),
        asked_(std::move(asked)) {}

  Result<Sorted> follow(const Mailbox& address);

  bool is_here(std::string_view domain) override {
    return domain.empty() || (local_ != nullptr && local_->is_here(domain)) || message::domain_key(domain) == home_;
  }
  Result<bool> comes_first(const std::string& name) override {
    const auto found = TRY(in_directory(name, where_));
    return found && found->kind != Kind::unknown && !found->by_default;
  }
  Result<std::optional<User>> user(const std::string& name) override {
    const auto found = TRY(host_user(name));
    if (!found) return std::nullopt;
    return User{.uid = found->uid, .forward = found->forward};
  }

 private:
  using ResolutionPtr = std::shared_ptr<const account::Resolution>;
  struct Step {
    Mailbox mailbox;
    std::string owner;
    std::size_t depth = 0;
  };

  Result<> address(const Step& step);
  Result<> name_here(const Step& step, const std::string& domain);
  Result<> lay_down(const Step& step, const std::string& name, const std::string& domain);
  Result<bool> lay_down_person(const Step& step, const ResolutionPtr& found, const std::string& name,
                               const std::string& domain);
  Result<bool> lay_down_unkept(const Step& step, const std::string& name, const std::string& domain);
  Result<> lay_down_unread(const Step& step, const std::string& name, const std::string& domain);
  Result<> expand(const Step& step, const std::string& domain);
  Result<bool> rewritten(const Step& step);
  Result<alias::AliasTables> tables() const;
  Result<ResolutionPtr> in_directory(std::string_view name, const std::string& domain);
  /// Asked for once a walk.
  Result<std::optional<HostUsers::User>> host_user(const std::string& name) {
    if (local_ == nullptr || local_->users == nullptr) return std::nullopt;
    const auto known = users_.find(name);
    if (known != users_.end()) return known->second;
    return users_.emplace(name, local_->users->find(name)).first->second;
  }
  Result<bool> take(const ResolutionPtr& resolution, const Step& step);
  void add(account::Destination account);
  Result<> lay(account::Destination account, const HostUsers::User* user);
  void add(Sorted::Onward onward);
  void add_target(const alias::Destination& destination, const std::string& owner);
  void wait_for(const Step& step, const alias::Destination& destination, const std::string& domain,
                const std::string& owner);
  [[nodiscard]] std::string owner_address(const std::string& owner) const;
  void problem(std::string enhanced, std::string text) {
    sorted_.facts.push_back({"problem", enhanced + " " + text});
    sorted_.problems.push_back({std::move(enhanced), std::move(text)});
  }

  Services& services_;
  account::Directory& directory_;
  const LocalTerms* local_;
  std::string home_;   // the domain of names without one; empty: none is served
  std::string where_;  // the domain whose names are looked for in the directory at the moment
  std::string asked_;  // the domain under which owners are told
  Sorted sorted_;
  std::deque<Step> steps_;
  std::set<std::string> seen_;
  bool came_back_ = false;  // to an address that was followed already
  std::set<std::string> taken_;
  std::set<std::string> unread_;  // names whose mail has no reader of its own
  std::map<std::string, Result<std::optional<HostUsers::User>>> users_;
};

Result<Walk::ResolutionPtr> Walk::in_directory(std::string_view name, const std::string& domain) {
  if (domain.empty()) return nullptr;
  return directory_.resolve(name, domain);
}

void Walk::add(account::Destination account) {
  if (taken_.insert("account " + std::to_string(account.id)).second) sorted_.accounts.push_back(std::move(account));
}

/// Into the own store, or where the operator wants this account's mail.
Result<> Walk::lay(account::Destination account, const HostUsers::User* user) {
  if (local_ == nullptr || local_->deliveries.empty()) {
    add(std::move(account));
    return {};
  }
  const std::size_t at = account.address.rfind('@');
  const Mailbox mailbox{.local_part = account.address.substr(0, at), .domain = account.address.substr(at + 1)};
  const route::DeliveryMap::Choice choice = local_->deliveries.decide(mailbox);
  if (!choice.rule.empty())
    sorted_.facts.push_back({"delivery", account.address + ": the line '" + choice.rule + "' says " +
                                             (choice.place.empty() ? std::string(route::kOwnStore) : choice.place)});
  if (choice.place.empty()) {
    add(std::move(account));
    return {};
  }
  std::optional<HostUsers::User> known;
  if (user == nullptr && is_here(mailbox.domain)) {
    known = TRY(host_user(mailbox.local_part));
    if (known && known->mailbox.id == account.id) user = &*known;
  }
  // Never with the server's rights instead: the host may not tell of its users at this moment.
  if (user == nullptr) {
    const auto entry = TRY(directory_.account(account.address));
    if (entry && entry->origin == account::Origin::host) {
      problem("4.3.0", "the host does not know the user of <" + account.address + "> now");
      return {};
    }
  }
  const auto target = route::fill_place(
      choice.place, {.user = mailbox.local_part, .home = user == nullptr ? std::string() : user->home});
  if (!target) {
    problem("4.3.5", target.error().text());
    return {};
  }
  Sorted::Onward onward{.to = {},
                        .target = *target,
                        .user = user == nullptr ? std::string() : mailbox.local_part,
                        .chosen = Sorted::Onward::Chosen::by_operator,
                        .owner = account.owner};
  if (destination_of(onward).size() > queue::kDestinationMax) {
    problem("4.3.5", "the target " + escape_controls(*target, 40) + " is too long; put it into a script");
    return {};
  }
  sorted_.facts.push_back({"target", onward.target + (onward.user.empty() ? "" : " as " + onward.user)});
  add(std::move(onward));
  return {};
}

void Walk::add(Sorted::Onward onward) {
  const std::string key = onward.target.empty()
                              ? "to " + onward.to.local_part + "@" + message::domain_key(onward.to.domain)
                              : "target " + onward.user + " " + onward.target;
  if (taken_.insert(key).second) sorted_.onward.push_back(std::move(onward));
}

std::string Walk::owner_address(const std::string& owner) const {
  return owner.empty() ? owner : Mailbox{.local_part = owner, .domain = asked_}.text();
}

/// False when the directory has nobody of that name.
Result<bool> Walk::take(const ResolutionPtr& resolution, const Step& step) {
  if (resolution == nullptr) return false;
  if (resolution->kind == Kind::disabled || resolution->kind == Kind::too_deep) {
    const std::string name = step.mailbox.text();
    if (resolution->kind == Kind::disabled) {
      problem("5.2.1", "<" + name + "> is disabled");
    } else {
      problem("5.4.6", "<" + name + "> leads back to itself, or is an alias of too many others");
    }
    if (step.depth == 0) sorted_.kind = resolution->kind;
    return true;
  }
  if (resolution->kind != Kind::accounts) return false;
  for (account::Destination account : resolution->accounts) {
    if (account.owner.empty()) account.owner = step.owner;
    sorted_.facts.push_back({"mailbox", account.address});
    TRY(lay(std::move(account), nullptr));
  }
  for (const account::Onward& onward : resolution->onward) {
    auto mailbox = envelope::parse_mailbox(onward.address, {.utf8 = envelope::Utf8::accept});
    if (!mailbox) {
      problem("5.1.3", "<" + onward.address + "> is no address");
      continue;
    }
    sorted_.facts.push_back({"alias", step.mailbox.text() + " goes on to " + onward.address});
    steps_.push_back({.mailbox = *std::move(mailbox),
                      .owner = onward.owner.empty() ? step.owner : onward.owner,
                      .depth = step.depth + 1});
  }
  return true;
}

Result<alias::AliasTables> Walk::tables() const {
  alias::AliasTables tables;
  if (local_ == nullptr) return tables;
  for (const auto& file : local_->aliases) tables.push_back(TRY(file->read()));
  return tables;
}

void Walk::add_target(const alias::Destination& destination, const std::string& owner) {
  const std::string& path = destination.text;
  Sorted::Onward onward{.to = {}, .target = {}, .user = destination.user, .owner = owner};
  if (destination.kind == alias::Destination::Kind::pipe) {
    onward.target = "pipe:" + path;
  } else {
    onward.target = (path.ends_with('/') ? "maildir:" : "mbox:") + path;
  }
  sorted_.facts.push_back({"target", onward.target + (onward.user.empty() ? "" : " as " + onward.user)});
  if (const auto parsed = delivery::parse_target(onward.target); !parsed)
    return problem("4.3.5", parsed.error().text());
  if (destination_of(onward).size() > queue::kDestinationMax)
    return problem("4.3.5", "the target " + escape_controls(path, 40) + "… is too long; put it into a script");
  add(std::move(onward));
}

/// The name itself, behind all aliases: in the directory, a user, or what always has a reader.
Result<> Walk::lay_down(const Step& step, const std::string& name, const std::string& domain) {
  const auto found = TRY(in_directory(name, domain));
  if (found != nullptr && !found->by_default && TRY(take(found, step))) return {};
  const bool here = is_here(step.mailbox.domain);
  std::optional<HostUsers::User> user;
  if (here) user = TRY(host_user(without_detail(name)));
  if (user) {
    user->mailbox.owner = step.owner;
    sorted_.facts.push_back({"user", user->mailbox.address});
    TRY(lay(user->mailbox, &*user));
    return {};
  }
  if (TRY(lay_down_person(step, found, name, domain))) return {};
  if (TRY(take(found, step))) return {};
  if (here && step.depth == 0 &&
      (always_read(without_detail(step.mailbox.local_part)) || always_read(without_detail(name)))) {
    return lay_down_unread(step, name, domain);
  }
  if (!here && step.depth == 0 && TRY(lay_down_unkept(step, name, domain))) return {};
  problem("5.1.1",
          "<" + (step.mailbox.domain.empty() ? name : Mailbox{name, step.mailbox.domain}.text()) + "> does not exist");
  return {};
}

/// RFC 5321 §4.5.1: a domain whose people are all kept elsewhere has a postmaster, too: the one of names without a
/// domain. True when that is settled.
Result<bool> Walk::lay_down_unkept(const Step& step, const std::string& name, const std::string& domain) {
  const std::string plain = without_detail(name);
  if (local_ == nullptr || local_->people == nullptr || plain == kRoot || !always_read(plain) ||
      !local_->people->serves(domain))
    return false;
  const ResolutionPtr postmaster = TRY(in_directory(kPostmaster, home_));
  if (TRY(take(postmaster, step))) return true;
  problem("4.3.5", "nobody reads the mail of " + plain + " here; name a reader: angarium alias add " + plain + "@" +
                       message::domain_key(domain) + " ADDRESS");
  return true;
}

/// Somebody of a directory kept elsewhere. True when that is settled; false: nobody there has the name.
Result<bool> Walk::lay_down_person(const Step& step, const ResolutionPtr& found, const std::string& name,
                                   const std::string& domain) {
  if (local_ == nullptr || local_->people == nullptr || domain.empty() || !local_->people->serves(domain)) return false;
  if (found != nullptr && (found->kind == Kind::disabled || found->kind == Kind::too_deep)) return false;
  const std::string address = without_detail(name) + "@" + message::domain_key(domain);
  auto person = local_->people->find(address);
  if (person && *person) {
    (*person)->owner = step.owner;
    if ((*person)->address != address)
      sorted_.facts.push_back({"alias", address + " is " + (*person)->address + ", as its directory says"});
    sorted_.facts.push_back({"mailbox", (*person)->address});
    TRY(lay(**std::move(person), nullptr));
    return true;
  }
  const auto own = TRY(directory_.account(address));
  const bool was_known = own && own->origin == account::Origin::elsewhere;
  if (person) {
    if (!was_known) return false;
    problem("5.1.1", "<" + address + "> is not in its directory any more, and does not exist");
    return true;
  }
  if (was_known) {
    sorted_.facts.push_back({"mailbox", address + ", known from before: its directory does not answer now"});
    TRY(lay({.id = own->id, .address = own->address, .owner = step.owner}, nullptr));
    return true;
  }
  // RFC 5321 §4.5.1: these are read whatever the directory says.
  if (always_read(without_detail(name)) && found != nullptr && found->kind == Kind::accounts) return false;
  problem("4.3.0", "the directory of <" + address + "> does not answer now: " + person.error().text());
  return true;
}

/// What always has a reader, and has none of its own: the postmaster's, or who "postmaster" or "root" of the aliases
/// names, or root.
Result<> Walk::lay_down_unread(const Step& step, const std::string& name, const std::string& domain) {
  const ResolutionPtr postmaster = TRY(in_directory(kPostmaster, home_));
  if (TRY(take(postmaster, step))) return {};
  unread_.insert(without_detail(name));
  // Root's mail is nobody else's but by an alias, which was followed already.
  if (local_ != nullptr && without_detail(name) != kRoot) {
    for (const std::string_view other : {kPostmaster, kRoot}) {
      if (!unread_.insert(std::string(other)).second) continue;
      return expand({.mailbox = {.local_part = std::string(other), .domain = step.mailbox.domain},
                     .owner = step.owner,
                     .depth = step.depth},
                    domain);
    }
  }
  if (local_ != nullptr && local_->users != nullptr) {
    if (auto root = TRY(local_->users->root())) {
      sorted_.facts.push_back({"mailbox", root->address});
      root->owner = step.owner;
      add(*std::move(root));
      return {};
    }
  }
  problem("4.3.5", "nobody reads the mail of " + name + ": name a reader, \"root: NAME\" in the aliases");
  return {};
}

/// Among others a copy of its own, which is sorted when it is due. By itself the mail is not taken.
void Walk::wait_for(const Step& step, const alias::Destination& destination, const std::string& domain,
                    const std::string& owner) {
  const std::string& name = destination.mailbox.local_part;
  const bool asked_for = step.depth == 0 && without_detail(name) == without_detail(step.mailbox.local_part);
  if (asked_for || domain.empty()) return problem(destination.enhanced, destination.text);
  add(Sorted::Onward{
      .to = {.local_part = name, .domain = domain}, .target = {}, .user = {}, .owner = owner, .here = true});
}

Result<> Walk::expand(const Step& step, const std::string& domain) {
  const auto aliases = tables();
  if (!aliases) {
    problem("4.3.0", aliases.error().text());
    return {};
  }
  where_ = domain;
  auto expansion =
      alias::expand(*aliases, *local_->files, *this, {.local_part = step.mailbox.local_part, .domain = {}});
  for (route::Fact& fact : expansion.facts)
    if (fact.about != "problem") sorted_.facts.push_back(std::move(fact));
  for (alias::Problem& found : expansion.problems) problem(std::move(found.enhanced), std::move(found.text));
  for (const alias::Destination& destination : expansion.destinations) {
    using Where = alias::Destination::Kind;
    const std::string owner = destination.owner.empty() ? step.owner : owner_address(destination.owner);
    switch (destination.kind) {
      case Where::discard:
        sorted_.facts.push_back({"discard", "/dev/null"});
        sorted_.discarded = true;
        break;
      case Where::file:
      case Where::pipe: add_target(destination, owner); break;
      case Where::later: wait_for(step, destination, domain, owner); break;
      case Where::mailbox:
        if (destination.mailbox.domain.empty()) {
          TRY(lay_down({.mailbox = step.mailbox, .owner = owner, .depth = step.depth}, destination.mailbox.local_part,
                       domain));
        } else {
          steps_.push_back({.mailbox = destination.mailbox, .owner = owner, .depth = step.depth + 1});
        }
        break;
    }
  }
  return {};
}

/// True when the address is a rewritten sender, whatever becomes of it.
Result<bool> Walk::rewritten(const Step& step) {
  if (local_ == nullptr) return false;
  auto sender = rewritten_sender(services_, *local_, step.mailbox);
  if (!sender) {
    if (sender.error().fault() != Fault::user) return std::unexpected(std::move(sender).error());
    problem("5.1.1", "<" + step.mailbox.text() + ">: " + sender.error().text());
    return true;
  }
  if (!*sender) return false;
  sorted_.facts.push_back({"srs", step.mailbox.text() + " stands for " + (*sender)->text()});
  steps_.push_back({.mailbox = **std::move(sender), .owner = step.owner, .depth = step.depth + 1});
  return true;
}

Result<> Walk::address(const Step& step) {
  const Mailbox& mailbox = step.mailbox;
  if (TRY(rewritten(step))) return {};
  const bool here = is_here(mailbox.domain);
  const bool served = !mailbox.domain.empty() && TRY(directory_.is_local(mailbox.domain));
  if (!here && !served) {
    if (step.depth == 0) {
      sorted_.kind = Kind::not_local;
    } else {
      add(Sorted::Onward{.to = mailbox, .target = {}, .user = {}, .owner = step.owner});
    }
    return {};
  }
  if (step.depth > kSortingDepthMax || seen_.size() >= kSortingAddressesMax) {
    problem("5.4.6", "<" + mailbox.text() + "> is an alias of too many others");
    return {};
  }
  const std::string domain = served ? mailbox.domain : home_;
  if (!seen_.insert(to_lower(mailbox.local_part) + "@" + message::domain_key(domain)).second) {
    came_back_ = true;
    return {};
  }
  if (!here || local_ == nullptr) return lay_down(step, mailbox.local_part, domain);
  return expand(step, domain);
}

Result<Sorted> Walk::follow(const Mailbox& address) {
  steps_.push_back({.mailbox = address, .owner = {}, .depth = 0});
  while (!steps_.empty()) {
    const Step step = std::move(steps_.front());
    steps_.pop_front();
    TRY(this->address(step));
  }
  if (sorted_.copies() > 0) {
    sorted_.kind = Kind::accounts;
  } else if (sorted_.kind != Kind::not_local && sorted_.problems.empty()) {
    // Nobody is missed without a word. A list may be empty for a moment, while it is written.
    if (came_back_) {
      problem("5.4.6", "<" + address.text() + "> leads back to itself");
    } else {
      problem("4.3.5", "<" + address.text() + "> leads to nobody: its list is empty");
    }
  }
  return std::move(sorted_);
}

}  // namespace

bool LocalTerms::is_here(std::string_view domain) const { return domains.contains(message::domain_key(domain)); }

const alias::Problem* Sorted::temporary() const {
  const auto found = std::ranges::find_if(problems, &alias::Problem::temporary);
  return found == problems.end() ? nullptr : &*found;
}

bool Sorted::is_list() const {
  return copies() > 0 && !discarded &&
         std::ranges::none_of(accounts, [](const account::Destination& one) { return one.owner.empty(); }) &&
         std::ranges::none_of(onward, [](const Onward& one) { return one.owner.empty(); });
}

Result<Sorted> sort_mail(Services& services, const LocalTerms* local, const Mailbox& address) {
  const std::string hostname = local == nullptr ? std::string() : local->hostname;
  std::string home = TRY(services.directory().home(hostname));
  const bool told =
      !address.domain.empty() && !address.has_literal() && !equals_ignore_case(address.domain, "localhost");
  return Walk(services, local, std::move(home), told ? address.domain : hostname).follow(address);
}

}  // namespace angarium::agent
