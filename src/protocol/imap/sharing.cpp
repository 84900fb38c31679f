#include "protocol/imap/sharing.h"

#include <algorithm>
#include <map>

#include "base/log.h"
#include "base/text.h"
#include "protocol/imap/judged_mailbox.h"
#include "protocol/imap/mailbox_name.h"

namespace angarium::protocol::imap {
namespace {

bool there(const NameRow& row) { return (row.attributes & kNameNonExistent) == 0; }

/// Without the delimiter at its end.
std::string root_of(std::string_view prefix) { return std::string(prefix.substr(0, prefix.size() - 1)); }

/// An id that is of its account alone as one among those of all.
std::string id_of(const std::string& id, const std::string& key) {
  return id.empty() || key.empty() ? id : id + "-" + key;
}

std::unexpected<Error> non_existent() { return fail(kNonExistent, "There is no such mailbox"); }

bool below(std::string_view name, std::string_view above) {
  return name.size() > above.size() && name.starts_with(above) && name[above.size()] == kHierarchyDelimiter;
}

/// What is granted by a name, and by the nearest one above it that is there.
void read_rights(const std::vector<NameRow>& rows, SharingAccount::Place& place) {
  place.rights = 0;
  place.above = 0;
  std::size_t nearest = 0;
  for (const NameRow& row : rows) {
    if (!there(row)) continue;
    if (row.name == place.name) place.rights = row.rights;
    if (!below(place.name, row.name) || row.name.size() < nearest) continue;
    nearest = row.name.size();
    place.above = row.rights;
  }
}

/// One APPEND into a mailbox of somebody else.
class JudgedAppend final : public Append {
 public:
  JudgedAppend(const SharingAccount::Place& place, std::unique_ptr<Append> inner)
      : account_(place.account),
        inner_(std::move(inner)),
        kept_(permitted_flags(place.rights)),
        readable_(place.may(kRightRead)) {}
  io::Task<Result<void>> begin(AppendMessage message) override {
    // RFC 4314 §4: flags that may not be set are left out, the message is taken.
    message.flags.system &= kept_.system;
    if (!kept_.keywords) message.flags.keywords.clear();
    return inner_->begin(std::move(message));
  }
  io::ValueOrTask<Result<void>> write(std::string_view octets) override { return inner_->write(octets); }
  io::Task<Result<AppendOutcome>> commit() override {
    AppendOutcome outcome = CO_TRY(co_await inner_->commit());
    // RFC 9051 §6.3.12: no APPENDUID to who may not select it.
    if (!readable_) outcome = {};
    co_return outcome;
  }

 private:
  std::shared_ptr<Account> account_;
  std::unique_ptr<Append> inner_;
  KeptFlags kept_;
  bool readable_;
};

}  // namespace

std::unexpected<Error> missing_right(Rights had) {
  if ((had & kRightLookup) == 0) return non_existent();
  return fail(kNoPermission, "You have not the right to do that");
}

KeptFlags permitted_flags(Rights rights) {
  constexpr Flags kWritten = kAllFlags & ~(kSeen | kDeleted);
  KeptFlags kept{.system = 0, .keywords = (rights & kRightWrite) != 0};
  if ((rights & kRightSeen) != 0) kept.system |= kSeen;
  if ((rights & kRightDeleteMessages) != 0) kept.system |= kDeleted;
  if (kept.keywords) kept.system |= kWritten;
  return kept;
}

/// What a session watches: its own account, and each neighbour from when it is known.
struct SharingAccount::Watched {
  io::Event& event;
  std::unique_ptr<AccountWatcher> own;
  std::map<std::shared_ptr<Account>, std::unique_ptr<AccountWatcher>> others;

  void keep(const std::vector<Neighbour>& all) {
    const auto wanted = [&](const auto& watcher) {
      return std::ranges::any_of(all, [&](const Neighbour& each) { return each.account == watcher.first; });
    };
    std::erase_if(others, [&](const auto& watcher) { return !wanted(watcher); });
    for (const Neighbour& each : all)
      if (!others.contains(each.account)) others.emplace(each.account, each.account->watch(event));
  }
  bool take() {
    bool any = own->take();
    for (const auto& [account, watcher] : others) any = watcher->take() || any;
    return any;
  }
};

io::Task<Result<std::vector<Neighbour>>> SharingAccount::neighbours() {
  std::vector<Neighbour> all;
  if (neighbours_ == nullptr) co_return all;
  all = CO_TRY(co_await neighbours_->all());
  for (const auto& each : watched_)
    if (const auto watched = each.lock()) watched->keep(all);
  co_return all;
}

io::Task<Result<SharingAccount::Place>> SharingAccount::place(std::string name) {
  if (!shared(name)) co_return Place{.account = own_, .name = std::move(name)};
  bool below_own = false;
  for (const NameRow& row : CO_TRY(co_await own_->list())) {
    if (!there(row)) continue;
    if (row.name == name) co_return Place{.account = own_, .name = std::move(name)};
    below_own = below_own || (shared(row.name) && below(name, row.name));
  }
  Place found = CO_TRY(co_await shared_place(name));
  // Below a mailbox of one's own one may make more of them; what others have there is seen as LIST tells it.
  if (below_own && found.rights == 0) co_return Place{.account = own_, .name = std::move(name)};
  co_return found;
}

io::Task<Result<SharingAccount::Place>> SharingAccount::shared_place(std::string name) {
  const std::string prefix(neighbours_->prefix_of(name));
  std::optional<Neighbour> found;
  if (!prefix.empty()) found = CO_TRY(co_await neighbours_->find(prefix));
  // Of nobody: nothing is there, and nothing can be made.
  if (!found) co_return Place{.account = own_, .name = name, .prefix = name, .rights = 0, .above = 0};
  Place place{.account = std::move(found->account),
              .name = canonical(std::move(name)).substr(prefix.size()),
              .prefix = prefix,
              .key = std::move(found->key)};
  read_rights(CO_TRY(co_await place.account->list()), place);
  co_return place;
}

bool SharingAccount::shared(std::string_view name) const {
  if (neighbours_ == nullptr) return false;
  return name.starts_with(kOthersPrefix) || (name.starts_with(kPublicPrefix) && neighbours_->has_public());
}

std::string SharingAccount::email_id(std::string_view told, const Place& place) const {
  const std::size_t dash = told.find('-');
  if (dash == std::string_view::npos) return id_of(std::string(told), place.key);
  return std::string(told.substr(dash + 1) == neighbours_->own_key() ? told.substr(0, dash) : told);
}

std::string SharingAccount::canonical(std::string name) const {
  const std::size_t prefix = neighbours_->prefix_of(name).size();
  if (prefix == 0) return name;
  std::string rest = name.substr(prefix);
  canonise_inbox(rest);
  return name.replace(prefix, std::string::npos, rest);
}

io::Task<Result<SharingAccount::Place>> SharingAccount::target(std::string name) {
  Place found = CO_TRY(co_await place(std::move(name)));
  if (found.may(kRightInsert)) co_return found;
  if (found.rights == 0 && (found.above & kRightCreate) != 0) co_return fail(kTryCreate, "There is no such mailbox");
  co_return missing_right(found.rights);
}

io::Task<Result<std::vector<NameRow>>> SharingAccount::list() {
  std::vector<NameRow> rows = CO_TRY(co_await own_->list());
  const auto all = CO_TRY(co_await neighbours());
  if (all.empty()) co_return rows;
  // By names, those of one's own that could be others' as well.
  std::map<std::string, std::size_t, std::less<>> own;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (shared(rows[i].name)) own.emplace(rows[i].name, i);
  for (const Neighbour& each : all) {
    auto theirs = co_await each.account->list();
    if (!theirs) {
      // Or it was removed meanwhile. Nobody loses the sight of all by what one account's records are like.
      if (!theirs.error().is(kNonExistent))
        log::warning("imap", "a sharing account cannot be listed",
                     {{"prefix", each.prefix}, {"kind", theirs.error().kind().name}, {"text", theirs.error().text()}});
      continue;
    }
    for (NameRow& row : *theirs) {
      if (!there(row) || (row.rights & kRightLookup) == 0) continue;
      // What is special to its owner is not so to others; subscriptions are each one's own.
      row.attributes &= ~(kNameSpecialUse | kNameSubscribed);
      row.name = each.prefix + row.name;
      row.id = id_of(row.id, each.key);
      const auto at = own.find(row.name);
      if (at == own.end()) {
        rows.push_back(std::move(row));
      } else if (!there(rows[at->second])) {
        row.attributes |= kNameSubscribed;
        rows[at->second] = std::move(row);
      }
    }
  }
  co_return rows;
}

Namespaces SharingAccount::namespaces() const {
  Namespaces all = own_->namespaces();
  if (neighbours_ == nullptr) return all;
  all.others.push_back({std::string(kOthersPrefix)});
  if (neighbours_->has_public()) all.shared.push_back({std::string(kPublicPrefix)});
  return all;
}

io::Task<Result<std::string>> SharingAccount::create(std::string name, std::uint32_t special_use) {
  const Place where = CO_TRY(co_await place(std::move(name)));
  if (where.own()) co_return co_await own_->create(where.name, special_use);
  // Whether something is there above or by that name, is not told.
  if ((where.above & kRightCreate) == 0)
    co_return fail(kNoPermission, "You have not the right to make mailboxes there");
  if (special_use != 0) co_return fail(kUseAttr, "Mailboxes of others have no special use");
  co_return id_of(CO_TRY(co_await where.account->create(where.name, 0)), where.key);
}

io::Task<Result<void>> SharingAccount::remove(std::string name) {
  const Place where = CO_TRY(co_await place(std::move(name)));
  if (!where.own() && !where.may(kRightDelete)) co_return missing_right(where.rights);
  if (!where.own() && where.name == "INBOX") co_return fail(kCannot, "INBOX can't be deleted");
  co_return co_await where.account->remove(where.name);
}

io::Task<Result<void>> SharingAccount::rename(std::string from, std::string to) {
  const Place old_place = CO_TRY(co_await place(std::move(from)));
  const Place new_place = CO_TRY(co_await place(std::move(to)));
  if (old_place.own() && new_place.own()) co_return co_await own_->rename(old_place.name, new_place.name);
  if (!old_place.own() && !old_place.may(kRightDelete)) co_return missing_right(old_place.rights);
  if (!new_place.own() && (new_place.above & kRightCreate) == 0)
    co_return fail(kNoPermission, "You have not the right to make mailboxes there");
  if (old_place.account != new_place.account || old_place.name == "INBOX")
    co_return fail(kCannot, "A mailbox stays with its owner; copy the messages");
  // RFC 4314 §4: x on what is moved, and those below move with it.
  for (const NameRow& row : CO_TRY(co_await old_place.account->list()))
    if (there(row) && below(row.name, old_place.name) && (row.rights & kRightDelete) == 0)
      co_return fail(kNoPermission, "You have not the right to move all that is below it");
  co_return co_await old_place.account->rename(old_place.name, new_place.name);
}

io::Task<Result<void>> SharingAccount::subscribe(std::string name, Subscription subscription) {
  // RFC 4314 §4: no right is needed where nobody looks whether the name is there.
  if (!shared(name)) co_return co_await own_->subscribe(std::move(name), subscription);
  // What is one's own goes before, as does what was subscribed to and shall be so no more.
  const auto rows = CO_TRY(co_await own_->list());
  const bool own = std::ranges::any_of(rows, [&](const NameRow& row) {
    return row.name == name && (there(row) || subscription == Subscription::unsubscribe);
  });
  co_return co_await own_->subscribe(own ? std::move(name) : canonical(std::move(name)), subscription);
}

io::Task<Result<StatusValues>> SharingAccount::status(std::string name) {
  const Place where = CO_TRY(co_await place(std::move(name)));
  if (!where.may(kRightRead)) co_return missing_right(where.rights);
  StatusValues values = CO_TRY(co_await where.account->status(where.name));
  values.id = id_of(values.id, where.key);
  co_return values;
}

io::Task<Result<bool>> SharingAccount::is_hidden(std::string name) {
  const Place where = CO_TRY(co_await place(std::move(name)));
  if (where.own() || where.may(kRightLookup)) co_return false;
  // Whose owner shares nothing any more cannot be looked at.
  if (where.account == own_) co_return true;
  const auto rows = CO_TRY(co_await where.account->list());
  co_return std::ranges::any_of(rows, [&](const NameRow& row) { return there(row) && row.name == where.name; });
}

io::Task<Result<std::uint64_t>> SharingAccount::deleted_octets(std::string name) {
  const Place where = CO_TRY(co_await place(std::move(name)));
  if (!where.may(kRightRead)) co_return missing_right(where.rights);
  co_return co_await where.account->deleted_octets(where.name);
}

io::Task<Result<std::vector<QuotaRoot>>> SharingAccount::quota_roots(std::string name) {
  const Place where = CO_TRY(co_await place(std::move(name)));
  // RFC 9208 §6.
  if (!where.may(kRightRead)) co_return missing_right(where.rights);
  auto roots = CO_TRY(co_await where.account->quota_roots(where.name));
  if (!where.own())
    for (QuotaRoot& root : roots) root.name = root_of(where.prefix);
  co_return roots;
}

io::Task<Result<QuotaRoot>> SharingAccount::quota(std::string root) {
  const std::string prefix = root + kHierarchyDelimiter;
  std::optional<Neighbour> whose;
  if (shared(prefix) && neighbours_->prefix_of(prefix) == prefix) whose = CO_TRY(co_await neighbours_->find(prefix));
  if (!whose) co_return co_await own_->quota(std::move(root));
  // RFC 9208 §6 asks for no right; how full somebody's account is, is for those who read there.
  const auto rows = CO_TRY(co_await whose->account->list());
  if (std::ranges::none_of(rows, [](const NameRow& row) { return (row.rights & kRightRead) != 0; }))
    co_return co_await own_->quota(std::move(root));
  QuotaRoot found = CO_TRY(co_await whose->account->quota(""));
  found.name = std::move(root);
  co_return found;
}

io::Task<Result<std::vector<Annotation>>> SharingAccount::annotations(std::string mailbox) {
  const Place where = CO_TRY(co_await place(std::move(mailbox)));
  // RFC 5464 §3.3.
  constexpr Rights kAny = kRightRead | kRightSeen | kRightWrite | kRightInsert | kRightPost;
  if (!where.may(kRightLookup) || (where.rights & kAny) == 0) co_return missing_right(where.rights);
  co_return co_await where.account->annotations(where.name);
}

io::Task<Result<void>> SharingAccount::annotate(std::string mailbox, std::vector<Annotation> changes) {
  const Place where = CO_TRY(co_await place(std::move(mailbox)));
  constexpr Rights kAny = kRightRead | kRightSeen | kRightWrite | kRightInsert | kRightPost;
  if (!where.may(kRightLookup) || (where.rights & kAny) == 0) co_return missing_right(where.rights);
  // RFC 5464 §3.3 leaves open who of those may change what all see.
  const bool for_all = std::ranges::any_of(changes, [](const auto& change) { return !is_private(change.entry); });
  if (for_all && !where.may(kRightWrite)) co_return missing_right(where.rights);
  co_return co_await where.account->annotate(where.name, std::move(changes));
}

std::unique_ptr<AnnotationWatch> SharingAccount::watch_annotations(io::Event& event) {
  return own_->watch_annotations(event);
}

io::Task<Result<Rights>> SharingAccount::rights(std::string name) {
  const Place where = CO_TRY(co_await place(std::move(name)));
  if (where.own()) co_return co_await own_->rights(where.name);
  if ((where.rights & kAskRights) == 0) co_return non_existent();
  co_return where.rights;
}

io::Task<Result<AccessList>> SharingAccount::access(std::string name) {
  const Place where = CO_TRY(co_await place(std::move(name)));
  const Rights had = where.own() ? CO_TRY(co_await own_->rights(where.name)) : where.rights;
  if ((had & kRightAdminister) == 0) co_return missing_right(had);
  AccessList list = CO_TRY(co_await where.account->access(where.name));
  list.insert(list.begin(), {.identifier = where.account->owner(), .rights = kAllRights});
  co_return list;
}

io::Task<Result<std::string>> SharingAccount::identifier(std::string written) {
  if (neighbours_ == nullptr) co_return fail(kNoPermission, "Guests share nothing");
  co_return co_await neighbours_->identifier(std::move(written));
}

io::Task<Result<void>> SharingAccount::set_access(std::string name, AccessLine line, AccessChange change) {
  const Place where = CO_TRY(co_await place(std::move(name)));
  const Rights had = where.own() ? CO_TRY(co_await own_->rights(where.name)) : where.rights;
  if ((had & kRightAdminister) == 0) co_return missing_right(had);
  // Lines of names that mean nobody any more can be taken away as they stand.
  const AccessList list = CO_TRY(co_await where.account->access(where.name));
  const bool stands = std::ranges::find(list, line.identifier, &AccessLine::identifier) != list.end();
  if (!stands) line.identifier = CO_TRY(co_await identifier(std::move(line.identifier)));
  if (line.identifier == where.account->owner()) {
    const bool less = line.sense == AccessLine::Sense::deny || change == AccessChange::remove ||
                      (change == AccessChange::replace && line.rights != kAllRights);
    if (less) co_return fail(kCannot, "The owner keeps all rights");
    co_return Result<void>();
  }
  co_return co_await where.account->set_access(where.name, std::move(line), change);
}

io::Task<Result<Rights>> SharingAccount::always_granted(std::string name, std::string written) {
  const Place where = CO_TRY(co_await place(std::move(name)));
  const Rights had = where.own() ? CO_TRY(co_await own_->rights(where.name)) : where.rights;
  if ((had & kRightAdminister) == 0) co_return missing_right(had);
  co_return co_await where.account->always_granted(where.name, CO_TRY(co_await identifier(std::move(written))));
}

io::Task<Result<std::shared_ptr<Mailbox>>> SharingAccount::select(std::string name, Access access) {
  Place where = CO_TRY(co_await place(std::move(name)));
  if (!where.may(kRightRead)) co_return missing_right(where.rights);
  if ((where.rights & kChangeRights) == 0) access = Access::read_only;
  auto inner = CO_TRY(co_await where.account->select(where.name, access));
  co_return std::make_shared<JudgedMailbox>(shared_from_this(), std::move(where), std::move(inner));
}

io::Task<Result<std::shared_ptr<Account>>> SharingAccount::of_user(std::string name) {
  co_return co_await own_->of_user(std::move(name));
}

io::Task<Result<std::optional<std::string>>> SharingAccount::url_key(std::string mailbox) {
  const Place where = CO_TRY(co_await place(std::move(mailbox)));
  if (!where.own()) co_return non_existent();
  co_return co_await own_->url_key(where.name);
}

io::Task<Result<std::string>> SharingAccount::make_url_key(std::string mailbox) {
  const Place where = CO_TRY(co_await place(std::move(mailbox)));
  if (!where.own()) co_return non_existent();
  co_return co_await own_->make_url_key(where.name);
}

io::Task<Result<void>> SharingAccount::remove_url_keys(std::optional<std::string> mailbox) {
  if (mailbox && !CO_TRY(co_await place(*mailbox)).own()) co_return non_existent();
  co_return co_await own_->remove_url_keys(std::move(mailbox));
}

std::unique_ptr<AccountWatcher> SharingAccount::watch(io::Event& event) {
  class Watching final : public AccountWatcher {
   public:
    explicit Watching(std::shared_ptr<Watched> watched) : watched_(std::move(watched)) {}
    bool take() override { return watched_->take(); }

   private:
    std::shared_ptr<Watched> watched_;
  };
  const auto watched = std::make_shared<Watched>(event, own_->watch(event));
  std::erase_if(watched_, [](const auto& each) { return each.expired(); });
  watched_.push_back(watched);
  return std::make_unique<Watching>(watched);
}

io::Task<Result<std::unique_ptr<Append>>> SharingAccount::append(std::string name) {
  const Place where = CO_TRY(co_await target(std::move(name)));
  auto inner = CO_TRY(co_await where.account->append(where.name));
  if (where.own()) co_return inner;
  co_return std::make_unique<JudgedAppend>(where, std::move(inner));
}

io::Task<Result<std::unique_ptr<Append>>> SharingAccount::replace(std::string name, Replaced replaced) {
  const Place where = CO_TRY(co_await target(std::move(name)));
  const Place from = CO_TRY(co_await place(replaced.name));
  // RFC 8508 §4.1: as UID STORE of \Deleted and UID EXPUNGE.
  if (!from.may(kRightDeleteMessages | kRightExpunge)) co_return missing_right(from.rights);
  if (from.account != where.account)
    co_return fail(kCannot, "REPLACE is not possible between mailboxes of different owners; APPEND and expunge");
  if (!from.key.empty()) {
    // Under that name there is another mailbox meanwhile, of another owner.
    if (!replaced.mailbox.ends_with("-" + from.key))
      co_return fail(kExpungeIssued, "The message is not there any more; nothing was done");
    replaced.mailbox.resize(replaced.mailbox.size() - from.key.size() - 1);
  }
  auto inner = CO_TRY(co_await where.account->replace(where.name, std::move(replaced)));
  if (where.own()) co_return inner;
  co_return std::make_unique<JudgedAppend>(where, std::move(inner));
}

}  // namespace angarium::protocol::imap
